"""Where a feed comes from: rows or a ready file, in a list or in object storage."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.values.dates import utc_now
from airflow_provider_walmart.storage.rows import check_rows, iter_rows, lines_of, reading

if TYPE_CHECKING:
    from airflow_provider_walmart.client.feeds.feed_types import FeedFormat
    from airflow_provider_walmart.client.feeds.slices import SlicePlan
    from airflow_provider_walmart.client.feeds.submit import FeedFile
    from airflow_provider_walmart.storage.snapshots import Row

# What becomes of so many rows needs no file. Bytes.
IN_MEMORY = 1024 * 1024


class FeedSource:
    """The feeds that an input makes. Everything is checked before the first one is handed out.

    :param feed_type: Walmart's ``feedType``.
    :param records: rows as dicts; or
    :param records_path: a JSON lines or CSV file of rows; or
    :param payload_path: a ready feed file.
    :param header: header of the document, for feed types that are not known.
    :param root_key: key of the list of items, likewise.
    :param currency: currency of prices that name none.
    :param identity: what distinguishes this run of the task from others.
    :raises WalmartConfigError: naming the rows that are wrong, and why.
    """

    def __init__(
        self,
        feed_type: str,
        *,
        records: Sequence[Mapping[str, Any]] | None,
        records_path: str | None,
        payload_path: str | None,
        header: Mapping[str, Any] | None,
        root_key: str | None,
        currency: str,
        identity: str,
    ) -> None:
        check_rows(records, records_path=records_path, payload_path=payload_path)
        if not isinstance(feed_type, str) or not feed_type.strip():
            raise WalmartConfigError(
                f"feed_type is {feed_type!r}; expected a feed type such as MP_INVENTORY."
            )
        self._feed_type = feed_type.strip()
        self._records = records
        self._records_path = records_path
        self._payload_path = payload_path
        self.header = header
        self._root_key = root_key
        self._currency = currency
        self._identity = identity
        # As for `keep`; None: all rows are sent.
        self._wanted: bytearray | None = None

    @property
    def feed_type(self) -> str:
        """Walmart's ``feedType``, as the user spells it."""
        return self._feed_type

    def unpack(self) -> None:
        """Take the rows out of a ready file, so that some of them can be left out.

        :raises WalmartConfigError: when it is no JSON document with a header and one list.
        """
        if self._payload_path is None:
            return
        # It is checked as a whole file before it is taken apart.
        _ = self.plans
        from airflow_provider_walmart.client.feeds.slices import parts_of

        header, self._root_key, self._records = parts_of(self._payload, self._payload_path)
        self.header = header
        self._payload_path = None
        del self.plans, self._payload

    def use_header(self, header: Mapping[str, Any], root_key: str) -> None:
        """Set header and name of the list, where the user gave none.

        :param header: dict with one key, the header of the document.
        :param root_key: key of the list of items.
        """
        if self.header is None:
            self.header = header
        if self._root_key is None:
            self._root_key = root_key

    def keep(self, wanted: bytearray) -> None:
        """Send some of the rows only.

        :param wanted: one byte for each row of the input up to the last one that is sent, 1 for those that are sent.
        """
        self._wanted = wanted
        for made in ("plans", "_entries"):
            vars(self).pop(made, None)

    def rows(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Yield the rows that are sent, each with its number in the input, counted from 1."""
        numbered = enumerate(iter_rows(self._records, self._records_path), 1)
        return iter(numbered if self._wanted is None else itertools.compress(numbered, self._wanted))

    def lines(self, rows: Collection[int]) -> dict[int, int]:
        """Return the lines of the file in which rows begin, by the numbers of the rows; none where there is no file."""
        return lines_of(self._records_path, rows)

    def keyed_rows(self) -> Iterator[Row]:
        """Yield what a snapshot compares of the rows that are sent.

        :raises WalmartConfigError: at the end, when rows make no feed, naming them.
        """
        from airflow_provider_walmart.client.feeds.feed_types import value_of
        from airflow_provider_walmart.client.values.rows import RowError, RowProblems
        from airflow_provider_walmart.storage.snapshots import Row

        problems = RowProblems(f"make no feed of type {self._feed_type}", self.lines)
        piece, number = self._format.piece, 0
        for number, row in self.rows():
            try:
                key, sku, value = value_of(piece(row))
            except RowError as error:
                problems.add(number, str(error))
            else:
                yield Row(number, key, sku, value)
        problems.raise_if_any()
        if not number:
            raise WalmartConfigError(f"There are no rows for feed type {self._feed_type}: nothing to send.")

    @cached_property
    def _format(self) -> FeedFormat:
        from airflow_provider_walmart.client.feeds.feed_types import format_of

        return format_of(
            self._feed_type, header=self.header, root_key=self._root_key, currency=self._currency
        )

    @cached_property
    def _payload(self) -> bytes:
        from airflow_provider_walmart.client.feeds.feed_types import upload_of

        with reading("payload_path", str(self._payload_path)) as file:
            # Of a file that is too large, enough to see that it is.
            return bytes(file.read(upload_of(self._feed_type).max_bytes + 1))

    @cached_property
    def _entries(self) -> BinaryIO:
        """Where what becomes of the rows is kept until it is sent."""
        return cast("BinaryIO", tempfile.SpooledTemporaryFile(IN_MEMORY))

    @cached_property
    def plans(self) -> list[SlicePlan]:
        """What is to be submitted, feed by feed."""
        from airflow_provider_walmart.client.feeds.slices import plan, plan_document

        if self._payload_path is None:
            return plan(self._format, self.rows, self._entries, identity=self._identity, lines=self.lines)
        name = self._payload_path
        return [plan_document(self._feed_type, self._payload, file_name=name, identity=self._identity)]

    def feeds(self) -> Iterator[FeedFile]:
        """Yield the feeds to submit, one at a time in memory."""
        from airflow_provider_walmart.client.feeds.feed_types import upload_of
        from airflow_provider_walmart.client.feeds.slices import build
        from airflow_provider_walmart.client.feeds.submit import FeedFile

        documents: Iterable[tuple[SlicePlan, bytes]]
        if self._payload_path is None:
            documents = build(self._format, self._entries, self.plans, now=utc_now())
        else:
            documents = [(self.plans[0], self._payload)]
        for plan, content in documents:
            yield FeedFile(
                feed_type=self._feed_type,
                content=content,
                items=plan.items,
                fingerprint=plan.fingerprint,
                multipart=upload_of(self._feed_type).multipart,
                ship_node=plan.ship_node,
            )
