"""The ledger of a task: which value it sent for which SKU, and what became of it. No API of Walmart's tells."""

from __future__ import annotations

import hashlib
import itertools
import json
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_walmart.client.feeds.item_errors import MISSING, item_errors
from airflow_provider_walmart.client.feeds.results import submitted_at
from airflow_provider_walmart.client.values.dates import epoch_ms
from airflow_provider_walmart.storage.files import atomic_write
from airflow_provider_walmart.task.context import task_identity
from airflow_provider_walmart.task.sent_feeds import SentFeeds

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_walmart.client.feeds.submit import FeedFile
    from airflow_provider_walmart.client.settings import WalmartSettings

# Of what Walmart says of the items of a feed, before it goes to disk. Bytes.
MOST_IN_MEMORY = 100_000
# Rows that are in memory.
BATCH = 5000


class Submissions:
    """Notes what became of items while feeds are judged, and writes them with what was sent."""

    def __init__(self) -> None:
        self._files: dict[str, Any] = {}

    def note(self, feed_id: str, item: Mapping[str, Any]) -> None:
        """Note an item of a finished feed."""
        if feed_id not in self._files:
            self._files[feed_id] = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - it is there as long as this is
                MOST_IN_MEMORY, "w+", encoding="utf-8"
            )
        self._files[feed_id].write(json.dumps(item) + "\n")

    def write(
        self,
        uri: str,
        context: Context | Mapping[str, Any],
        settings: WalmartSettings,
        conn_id: str,
        sent: SentFeeds,
        documents: Iterable[FeedFile | None],
        feeds: Sequence[Mapping[str, Any]],
    ) -> str:
        """Write the rows of the table ``submissions``: one file for a run of a task, the same whatever try writes it.

        :param uri: a folder.
        :param settings: of the account.
        :param conn_id: stands for the account where the connection names no seller.
        :param sent: the feeds.
        :param documents: those that the task began with, as they were sent; None: values are unknown.
        :param feeds: the feeds as Walmart has them.
        :return: URI of the file.
        """
        from airflow_provider_walmart.storage.tables.declarations import SUBMISSIONS, columns_of
        from airflow_provider_walmart.storage.tables.engine import Engine
        from airflow_provider_walmart.storage.tables.export import added_values
        from airflow_provider_walmart.storage.tables.parquet import arrow, record_batch, schema_of
        from airflow_provider_walmart.storage.tables.personal import Personal

        run = task_identity(context)
        place = f"{uri.rstrip('/')}/submissions_{hashlib.sha256((run or uuid.uuid4().hex).encode()).hexdigest()[:16]}.parquet"
        added = added_values(str(settings.partner_id or conn_id), context)
        engine = Engine(SUBMISSIONS, [SUBMISSIONS.name], Personal("keep"), added)
        schema = schema_of(columns_of(SUBMISSIONS))
        about = {str(feed.get("feedId")): feed for feed in feeds}
        ti = context.get("ti")
        task = {name: getattr(ti, name, None) for name in ("dag_id", "task_id", "map_index")}
        with (
            atomic_write(place, "wb") as file,
            arrow().parquet.ParquetWriter(file, schema, compression="zstd") as writer,
        ):
            rows = self._rows(sent, documents, about)
            while batch := list(itertools.islice(rows, BATCH)):
                for row in batch:
                    engine.read_record({**row, **task})
                writer.write_batch(record_batch(engine.take()[SUBMISSIONS.name], schema))
        return place

    def _rows(
        self, sent: SentFeeds, documents: Iterable[FeedFile | None], about: Mapping[str, Mapping[str, Any]]
    ) -> Iterator[dict[str, Any]]:
        from airflow_provider_walmart.client.feeds.sent_items import items_of

        for chain, document in itertools.zip_longest(sent.chains, documents):
            entries = items_of(document.content) if document else []
            by_sku = {sku: entry for sku, entry in entries if sku}
            seen = set()
            for feed_id in chain:
                feed = _about(feed_id, about.get(feed_id, {}))
                for item in self._noted(feed_id):
                    seen.add((feed_id, item.get("index")))
                    yield {**feed, **_outcome(item), "sent": by_sku.get(str(item.get("sku")))}
            feed = _about(chain[0], about.get(chain[0], {}))
            for index, (sku, entry) in enumerate(entries):
                if (chain[0], index) not in seen:
                    yield {**feed, "index": index, "sku": sku, "ingestionStatus": MISSING, "sent": entry}

    def _noted(self, feed_id: str) -> Iterator[dict[str, Any]]:
        if file := self._files.get(feed_id):
            file.seek(0)
            yield from map(json.loads, file)


def _about(feed_id: str, feed: Mapping[str, Any]) -> dict[str, Any]:
    at = submitted_at(dict(feed))
    return {
        "feedId": feed_id,
        "feedType": feed.get("feedType"),
        "feedStatus": feed.get("feedStatus"),
        "submittedAt": None if at is None else epoch_ms(at),
    }


def _outcome(item: Mapping[str, Any]) -> dict[str, Any]:
    errors = item_errors(dict(item))
    codes = [str(error.get("code") or error.get("type") or "").strip() for error in errors]
    return {
        "index": item.get("index"),
        "sku": item.get("sku"),
        "ingestionStatus": item.get("ingestionStatus"),
        "errorCodes": ", ".join(dict.fromkeys(filter(None, codes))) or None,
    }
