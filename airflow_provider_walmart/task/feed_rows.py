"""Which rows of a feed are sent: those that are as Walmart's spec wants them, and of these what changed."""

from __future__ import annotations

import contextlib
import json
import logging
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_walmart.client.errors import WalmartConfigError, WalmartFeedFailedError
from airflow_provider_walmart.client.feeds.sent_items import sku_of
from airflow_provider_walmart.client.feeds.verdict import outcome_of
from airflow_provider_walmart.client.values.allowed_failures import too_many
from airflow_provider_walmart.client.values.dates import from_epoch, utc_now
from airflow_provider_walmart.client.values.rows import LISTED, row_names
from airflow_provider_walmart.storage.files import atomic_write, checked_path
from airflow_provider_walmart.storage.rows import reading
from airflow_provider_walmart.task.context import run_started, task_identity

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_walmart.client.items.check import ItemCheck
    from airflow_provider_walmart.hooks.walmart import WalmartHook
    from airflow_provider_walmart.storage.feed_source import FeedSource
    from airflow_provider_walmart.storage.snapshots import Selection, Snapshots

log = logging.getLogger(__name__)

# Status of rows that were found wrong here, and not sent.
LOCAL_INVALID = "LOCAL_INVALID"
# Sales lower the stock at Walmart, so that a restock to the last sent number looks like no change: after this time, stock
# is sent again whatever it is.
STOCK_EXPIRES = timedelta(hours=6)
STOCK_TYPES = ("inventory", "mp_inventory")
# Of outcomes of items that are noted. Bytes.
MOST_IN_MEMORY = 1_000_000


def keep_valid_rows(
    hook: WalmartHook,
    source: FeedSource,
    *,
    spec_version: str | None,
    only_warn: bool,
    item_errors_path: str | None,
) -> int:
    """Check the rows of an item feed against Walmart's spec, and leave those out that are wrong.

    :param hook: the account.
    :param source: the rows; the header is set where none was given.
    :param spec_version: version of the spec; None: that of the header, or the one that Walmart recommends.
    :param only_warn: True says what is wrong, and sends all rows.
    :param item_errors_path: where rows that are left out go as JSON lines; None: nowhere.
    :return: how many rows are left out.
    :raises WalmartConfigError: when there is no such spec, or the header is wrong.
    :raises WalmartFeedFailedError: when all rows are wrong.
    """
    source.unpack()
    check = _check_of(hook, source, spec_version)
    wanted = bytearray()
    listed: list[tuple[int, str]] = []
    with lines_file(None if only_warn else item_errors_path) as write:
        for number, row in source.rows():
            problems = check.problems(row)
            wanted.append(not problems)
            sku = sku_of(row)
            listed += [(number, f"sku {sku}: {problem.field} {problem.text}") for problem in problems]
            del listed[LISTED:]
            for problem in problems:
                write(_local_error(number, sku, problem.field, problem.text))
    invalid = len(wanted) - sum(wanted)
    if not invalid:
        log.info("All %d rows are as the item spec wants them", len(wanted))
        return 0
    lines = _named(source, listed)
    log.warning(
        "%d of %d rows are not as the item spec wants them, and are %s:\n  %s",
        invalid,
        len(wanted),
        "sent nevertheless" if only_warn else "not sent",
        "\n  ".join(lines),
    )
    if only_warn:
        return 0
    if invalid == len(wanted):
        where = f" All of them are in {item_errors_path}." if item_errors_path else ""
        raise WalmartFeedFailedError(
            f"None of the {invalid} rows is as the item spec {check.version} wants it, so nothing was sent: {lines[0]}.{where}"
        )
    source.keep(wanted)
    return invalid


def keep_sendable_rows(
    source: FeedSource, allowed_failures: int | float, *, invalid: int, item_errors_path: str | None
) -> int:
    """Leave those rows out of a feed that can't be sent, when so many may fail.

    :param source: the rows.
    :param allowed_failures: an int is a number, a float a share of the rows.
    :param invalid: rows that were left out before, and are in ``item_errors_path``.
    :param item_errors_path: where rows that are left out go as JSON lines; None: nowhere.
    :return: how many rows are left out.
    :raises WalmartConfigError: naming the rows that can't be sent, when they are more than allowed, or all.
    """
    try:
        _ = source.plans
    except WalmartConfigError as error:
        wrong = error.rows
        if not wrong:
            # It is about something else, such as a file that isn't there.
            raise
        wanted = bytearray()
        for number, _ in source.rows():
            wanted += bytes(number - 1 - len(wanted)) + b"\1"
        count = sum(wanted)
        if len(wrong) == count or too_many(
            invalid + len(wrong), invalid + count, allowed_failures, "rows failed"
        ):
            raise
    else:
        return 0
    listed: list[tuple[int, str]] = []
    earlier = local_errors({"invalid": invalid}, item_errors_path)
    with lines_file(item_errors_path) as write:
        for error_row in earlier:
            write(error_row)
        for number, row in source.rows():
            if number in wrong:
                wanted[number - 1] = 0
                sku = sku_of(row)
                listed.append((number, f"sku {sku}: {wrong[number]}"))
                del listed[LISTED:]
                write(_local_error(number, sku, "", wrong[number]))
    lines = _named(source, listed)
    log.warning("%d of %d rows can't be sent and are left out:\n  %s", len(wrong), count, "\n  ".join(lines))
    source.keep(wanted)
    return len(wrong)


def _named(source: FeedSource, listed: Sequence[tuple[int, str]]) -> list[str]:
    """Return what is wrong with rows, with their names before it."""
    names = row_names([number for number, _ in listed], source.lines)
    return [f"{names[number]}, {text}" for number, text in listed]


def _check_of(hook: WalmartHook, source: FeedSource, spec_version: str | None) -> ItemCheck:
    """Return what checks the rows of a feed, whose header it has set and checked.

    The parameters and errors are those of `keep_valid_rows`.
    """
    from airflow_provider_walmart.client.items.check import ItemCheck, item_header, version_of

    named = version_of(source.header)
    if named and spec_version and named != spec_version:
        raise WalmartConfigError(
            f"spec_version is {spec_version!r}, but the header of the feed names {named!r}: give one of them."
        )
    check = ItemCheck(hook.client, source.feed_type, named or spec_version, (row for _, row in source.rows()))
    source.use_header(item_header(check.version), check.root_key)
    if problems := check.header_problems(source.header or {}):
        said = "; ".join(f"{problem.field} {problem.text}" for problem in problems)
        raise WalmartConfigError(f"The header of the feed is wrong, so nothing was sent: {said}.")
    return check


def _local_error(number: int, sku: str | None, field: str, text: str) -> dict[str, Any]:
    """Return a line of the failed-items file, with the keys that those of Walmart's errors have."""
    return {
        "feedId": None,
        "sku": sku,
        "index": None,
        "row": number,
        "status": LOCAL_INVALID,
        "type": None,
        "code": LOCAL_INVALID,
        "field": field,
        "description": text,
        "action": "fix",
        "hint": None,
    }


@contextlib.contextmanager
def lines_file(path: str | None) -> Iterator[Any]:
    """Yield what writes lines of a file that is made with the first one.

    :param path: where it goes; None: nowhere.
    """
    with contextlib.ExitStack() as stack:
        file: IO[str] | None = None

        def write(row: Mapping[str, Any]) -> None:
            nonlocal file
            if path:
                file = file or stack.enter_context(atomic_write(path))
                file.write(json.dumps(row, ensure_ascii=False) + "\n")

        yield write


def local_errors(rows: Mapping[str, Any], item_errors_path: str | None) -> list[dict[str, Any]]:
    """Return the rows that were found wrong before anything was sent, as they are in the failed-items file.

    :param rows: counts of rows; without ``invalid`` ones nothing is read.
    :param item_errors_path: where they were written; None: nowhere.
    """
    uri = local_errors_uri(rows, item_errors_path)
    if not uri or not checked_path(uri).exists():
        return []
    with reading("item_errors_path", uri) as file:
        found = [json.loads(line) for line in file]
    return [row for row in found if row.get("status") == LOCAL_INVALID]


def local_errors_uri(rows: Mapping[str, Any], item_errors_path: str | None) -> str | None:
    """Return where rows are that were found wrong before anything was sent; None where there are none.

    :param rows: counts of rows, as ``invalid``.
    :param item_errors_path: where failed items go.
    """
    return item_errors_path or None if rows.get("invalid") else None


def counts_of(rows: Mapping[str, Any]) -> dict[str, int]:
    """Return what a task returns of its rows beside what Walmart counts.

    :param rows: counts of rows, with whatever else is kept of them.
    """
    return {name: rows[name] for name in ("sent", "unchanged", "invalid") if name in rows}


def too_many_rows(
    rows: Mapping[str, Any], result: Mapping[str, Any], allowed_failures: int | float
) -> str | None:
    """Return that more rows of the input failed than allowed, in words, or None when that is not so, or all were sent.

    :param rows: counts of rows: ``invalid``, found wrong before anything was sent, and ``unchanged``.
    :param result: counts of the items that were sent.
    :param allowed_failures: an int is a number, a float a share; here of all feeds together.
    """
    invalid, unchanged = rows.get("invalid", 0), rows.get("unchanged", 0)
    if not invalid and not (unchanged and isinstance(allowed_failures, float)):
        return None
    return too_many(
        invalid + result["itemsFailed"],
        invalid + result["itemsReceived"],
        allowed_failures,
        f"rows failed, {invalid} of them found wrong here and not sent" if invalid else "rows failed",
        unchanged=unchanged,
    )


class Changes:
    """Sends what changed since Walmart last accepted it, and takes in what the feeds brought.

    :param hook: the account.
    :param snapshot_path: where the snapshot is.
    :param feed_type: Walmart's ``feedType``.
    :param run: names the run of the task, for all of its tries.
    """

    def __init__(self, hook: WalmartHook, snapshot_path: str, feed_type: str, run: str) -> None:
        from airflow_provider_walmart.storage.snapshots import Snapshots, scope_of

        self._hook = hook
        self._feed_type = feed_type
        self._snapshots: Snapshots = Snapshots(
            snapshot_path, scope_of(hook.client.settings, feed_type), hook.client.store
        )
        self.run = run

    def keep_changed_rows(
        self, source: FeedSource, context: Context | Mapping[str, Any], full_every: timedelta
    ) -> Selection:
        """Leave out the rows that Walmart has already.

        :param source: the rows.
        :param context: of the task, for when its run began.
        :param full_every: how often all rows are sent.
        """
        source.unpack()
        started = run_started(context)
        now = from_epoch(started) if started else utc_now()
        found = self._snapshots.select(
            self.run,
            source.keyed_rows(),
            now=now,
            full_every=full_every,
            expire_after=STOCK_EXPIRES if self._feed_type.lower() in STOCK_TYPES else None,
            lines=source.lines,
        )
        log.info(
            "%d rows are sent, %d are as Walmart last accepted them%s",
            found.sent,
            found.unchanged,
            " (all are sent from time to time: see full_every)" if found.is_full else "",
        )
        source.keep(found.wanted)
        return found

    def settle(self, outcomes: Outcomes) -> None:
        """Keep what Walmart accepted of the feeds of this run.

        :param outcomes: of all items of all feeds, which are finished.
        """
        self._snapshots.settle(self.run, outcomes, now=utc_now())


class Outcomes:
    """What became of items, noted while feeds are judged, so that their details are read once; large ones are on disk."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - it is there as long as this is
            MOST_IN_MEMORY, "w+", encoding="utf-8"
        )

    def note(self, item: Mapping[str, Any]) -> None:
        """Note an item of a finished feed."""
        if (sku := item.get("sku")) is not None:
            self._file.write(json.dumps([str(sku), outcome_of(dict(item))]) + "\n")

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Return SKUs and outcomes of all items."""
        self._file.seek(0)
        return (tuple(json.loads(line)) for line in self._file)


def run_of(context: Context | Mapping[str, Any]) -> str:
    """Return what names a run of a task, for all of its tries; outside Airflow each is one of its own."""
    return task_identity(context) or uuid.uuid4().hex
