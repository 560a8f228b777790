"""Snapshots: what Walmart last accepted of each row, so that only what changed is sent.

A snapshot is one SQLite file. It is worked on as a local copy and put in its place as a whole, so that whoever reads it
finds the state before or after. SQLite compares a million rows in little memory, and comes with Python.

Before rows are sent, they are marked as on their way: from then on nobody knows what Walmart has of them. What the feeds
brought takes the marks away, row by row. Marks of a run that died stay, and the next run sends these rows again.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import logging
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.values.rows import Lines, RowProblems, no_lines
from airflow_provider_walmart.storage.files import atomic_write, checked_path, shown
from airflow_provider_walmart.storage.rows import reading

if TYPE_CHECKING:
    import sqlite3

    from airflow_provider_walmart.client.settings import WalmartSettings
    from airflow_provider_walmart.client.transport.shared_state import Resilient

log = logging.getLogger(__name__)

# Comparing a million rows and writing them takes a minute on a slow disk. Seconds.
LONGEST_HOLD = 900.0
SCHEMA = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE accepted (key TEXT PRIMARY KEY, value BLOB NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE sent (
    key TEXT, run TEXT, sku TEXT NOT NULL, value BLOB NOT NULL, contested INTEGER NOT NULL, PRIMARY KEY (key, run)
) WITHOUT ROWID;
CREATE TABLE runs (run TEXT PRIMARY KEY, is_full INTEGER NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
"""
PRAGMAS = ("journal_mode = OFF", "synchronous = OFF", "cache_size = -16000", "temp_store = FILE")
# Of a run that never came back, its marks say all that is to be known. Seconds.
RUNS_KEPT = 30 * 86400
BATCH = 5000

T = TypeVar("T")
# What became of an item: applied, refused so that the old value stands, or neither for certain.
Outcome = Literal["accepted", "refused", "unknown"]


class Row(NamedTuple):
    """One row of the input.

    :param number: in the input, counted from 1.
    :param key: what it is about, such as SKU and ship node.
    :param sku: its SKU, by which Walmart tells what became of it.
    :param value: digest of what it says.
    """

    number: int
    key: str
    sku: str
    value: bytes


class Selection(NamedTuple):
    """Which rows are to be sent.

    :param wanted: one byte for each row of the input up to the last one, 1 for those to send.
    :param sent: how many these are.
    :param unchanged: how many are not sent.
    :param is_full: whether all are sent because it was time for it, or nothing was known.
    """

    wanted: bytearray
    sent: int
    unchanged: int
    is_full: bool


def scope_of(settings: WalmartSettings, feed_type: str) -> str:
    """Return what a snapshot is of: environment, market, seller and feed type.

    :param settings: the account.
    :param feed_type: Walmart's ``feedType``; case does not matter.
    """
    # The client ID says who the seller is, too, but is half of the keys: its digest will do.
    seller = settings.partner_id or hashlib.sha256(settings.client_id.encode()).hexdigest()[:12]
    return f"{settings.base_url} {settings.market} seller {seller} {feed_type.strip().lower()}"


class Snapshots:
    """The snapshot of one account and feed type.

    :param uri: where it is kept.
    :param scope: account, market, environment and feed type; a snapshot of another one is refused.
    :param store: shared state store, whose lock keeps two runs from writing at the same time.
    """

    def __init__(self, uri: str, scope: str, store: Resilient) -> None:
        checked_path(uri, "snapshot_path")
        self._uri = uri
        self._scope = scope
        self._store = store

    def select(
        self,
        run: str,
        rows: Iterable[Row],
        *,
        now: datetime,
        full_every: timedelta | None,
        expire_after: timedelta | None = None,
        lines: Lines = no_lines,
    ) -> Selection:
        """Compare rows with what Walmart last accepted, and mark those that are to be sent.

        :param run: names the run of the task; another try of it gets the same selection.
        :param rows: the rows.
        :param now: when the run began, aware; the same for all tries.
        :param full_every: how old the last run that sent all rows may be; None: any age.
        :param expire_after: how long an accepted value counts; None: as long as nothing else is known.
        :param lines: finds the lines of rows that are out of a file.
        :raises WalmartConfigError: when a key is there twice, naming the rows.
        """
        at = int(now.timestamp())
        with self._locked(), self._opened() as database:
            database.execute(
                "CREATE TEMP TABLE incoming (row INTEGER PRIMARY KEY, key TEXT, sku TEXT, value BLOB)"
            )
            for batch in _batches(rows):
                database.executemany("INSERT INTO incoming VALUES (?, ?, ?, ?)", batch)
            total, last = database.execute("SELECT count(*), max(row) FROM incoming").fetchone()
            database.execute("CREATE INDEX temp.by_key ON incoming (key)")
            _refuse_duplicates(database, lines)
            tried = database.execute("SELECT is_full FROM runs WHERE run = ?", (run,)).fetchone()
            is_full = bool(tried[0]) if tried else _is_full_due(database, at, full_every)
            expired = at - int(expire_after.total_seconds()) if expire_after else -1
            database.execute(
                # A try before this one has marked its rows: marks of others that came since are of no concern.
                "CREATE TEMP TABLE wanted AS SELECT row, incoming.key AS key FROM incoming"
                " LEFT JOIN accepted ON accepted.key = incoming.key"
                " WHERE :is_full OR accepted.key IS NULL OR accepted.value <> incoming.value"
                " OR accepted.at <= :expired"
                " OR EXISTS (SELECT 1 FROM sent WHERE sent.key = incoming.key AND (sent.run = :run OR NOT :tried))",
                {"is_full": is_full, "expired": expired, "run": run, "tried": tried is not None},
            )
            wanted = bytearray(last or 0)
            for (row,) in database.execute("SELECT row FROM wanted"):
                wanted[row - 1] = 1
            count = wanted.count(1)
            if count:
                self._mark(database, run, at, is_full)
                self._save(database)
        return Selection(wanted, count, total - count, is_full)

    def settle(self, run: str, items: Iterable[tuple[str, Outcome]], *, now: datetime) -> None:
        """Take in what the feeds of a run brought, item by item.

        :param run: as for `select`.
        :param items: SKU and outcome of each item of its feeds. A row whose SKU is not among them is unknown.
        :param now: when the feeds were finished, aware.
        """
        at = int(now.timestamp())
        with self._locked(), self._opened() as database:
            database.execute(
                "CREATE TEMP TABLE outcomes (sku TEXT PRIMARY KEY, accepted INTEGER, refused INTEGER) WITHOUT ROWID"
            )
            for batch in _batches(items):
                database.executemany(
                    "INSERT INTO outcomes VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET"
                    " accepted = min(accepted, excluded.accepted), refused = min(refused, excluded.refused)",
                    [(sku, outcome == "accepted", outcome == "refused") for sku, outcome in batch],
                )
            database.execute(
                "CREATE TEMP TABLE settled AS SELECT key, value,"
                " coalesce(accepted, 0) AND NOT contested AS is_accepted, coalesce(refused, 0) AND NOT contested AS is_refused"
                " FROM sent LEFT JOIN outcomes USING (sku) WHERE run = ?",
                (run,),
            )
            database.execute(
                "INSERT OR REPLACE INTO accepted SELECT key, value, ? FROM settled WHERE is_accepted", (at,)
            )
            database.execute(
                "DELETE FROM accepted WHERE key IN (SELECT key FROM settled WHERE NOT is_accepted AND NOT is_refused)"
            )
            database.execute("DELETE FROM sent WHERE key IN (SELECT key FROM settled)")
            full = database.execute("SELECT at FROM runs WHERE run = ? AND is_full", (run,)).fetchone()
            if full:
                database.execute("INSERT OR REPLACE INTO about VALUES ('full_at', ?)", (str(full[0]),))
            database.execute("DELETE FROM runs WHERE run = ? OR at < ?", (run, at - RUNS_KEPT))
            self._save(database)

    def reconcile(self, rows: Iterable[Row], *, now: datetime) -> tuple[int, int]:
        """Put what Walmart has in place of what was accepted, and forget what Walmart doesn't have.

        Rows that are on their way keep their marks: what Walmart shows of them may be of before.

        :param rows: all that Walmart has.
        :param now: when reading began, aware. What was accepted later stays.
        :return: how many values are kept now, and how many of them were not known before or were other ones.
        """
        at = int(now.timestamp())
        with self._locked(), self._opened() as database:
            database.execute("CREATE TEMP TABLE read (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID")
            for batch in _batches(rows):
                database.executemany(
                    "INSERT OR REPLACE INTO read VALUES (?, ?)", [(row.key, row.value) for row in batch]
                )
            changed = database.execute(
                "SELECT count(*) FROM read LEFT JOIN accepted USING (key)"
                " WHERE accepted.value IS NULL OR accepted.value <> read.value AND accepted.at < ?",
                (at,),
            ).fetchone()[0]
            database.execute("DELETE FROM accepted WHERE at < ?", (at,))
            database.execute("INSERT OR IGNORE INTO accepted SELECT key, value, ? FROM read", (at,))
            kept = database.execute("SELECT count(*) FROM accepted").fetchone()[0]
            database.execute("INSERT OR REPLACE INTO about VALUES ('full_at', ?)", (str(at),))
            self._save(database)
        return kept, changed

    @staticmethod
    def _mark(database: sqlite3.Connection, run: str, at: int, is_full: bool) -> None:
        database.execute("INSERT OR REPLACE INTO runs VALUES (?, ?, ?)", (run, is_full, at))
        # Of two feeds with the same row, nobody knows which one Walmart processes last.
        database.execute(
            # The sign keeps SQLite from sorting all wanted rows where no other run has any.
            "UPDATE sent SET contested = 1 WHERE run <> ? AND +key IN (SELECT key FROM wanted)",
            (run,),
        )
        database.execute(
            "INSERT OR REPLACE INTO sent SELECT incoming.key, :run, sku, value,"
            " EXISTS (SELECT 1 FROM sent AS other WHERE other.key = incoming.key AND other.run <> :run)"
            # In the order of the table, to which rows in any other one are added many times slower.
            " FROM wanted JOIN incoming USING (row) ORDER BY incoming.key",
            {"run": run},
        )

    # -- the file ------------------------------------------------------------------------------------

    def _locked(self) -> AbstractContextManager[None]:
        name = hashlib.sha256(self._uri.encode()).hexdigest()
        return self._store.lock(f"snapshot-{name}", LONGEST_HOLD)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """Open a local copy; what is done to it lasts when it is saved."""
        import sqlite3

        with tempfile.TemporaryDirectory(prefix="walmart-snapshot-") as folder:
            self._local = os.path.join(folder, "snapshot.sqlite")
            is_new = not self._download()
            with contextlib.closing(sqlite3.connect(self._local, isolation_level=None)) as database:
                # The copy is thrown away when anything fails: nothing needs to be safe in it.
                try:
                    for pragma in PRAGMAS:
                        database.execute(f"PRAGMA {pragma}")
                    if is_new:
                        log.info("There is no snapshot %s yet: all rows are sent", shown(self._uri))
                        database.executescript(SCHEMA)
                        database.execute("INSERT INTO about VALUES ('scope', ?)", (self._scope,))
                    found = database.execute("SELECT value FROM about WHERE name = 'scope'").fetchone()
                except sqlite3.DatabaseError as error:
                    raise WalmartConfigError(
                        f"snapshot_path is {shown(self._uri)!r}, which is no snapshot: {error}. Nothing was sent."
                    ) from None
                if not found or found[0] != self._scope:
                    raise WalmartConfigError(
                        f"snapshot_path is {shown(self._uri)!r}, which is the snapshot of {found and found[0]}; expected one "
                        f"of {self._scope}. Nothing was sent.",
                        hint="Each account, market, environment and feed type needs a snapshot of its own.",
                    )
                database.execute("BEGIN")
                yield database

    def _download(self) -> bool:
        place = checked_path(self._uri, "snapshot_path")
        if not place.exists():
            return False
        with reading("snapshot_path", self._uri) as source, open(self._local, "wb") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
        return True

    def _save(self, database: sqlite3.Connection) -> None:
        database.execute("COMMIT")
        pages, free = (
            database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count")
        )
        if free > pages / 4:
            # Marks that are gone leave room that would be uploaded each time.
            database.execute("VACUUM")
        with atomic_write(self._uri, "wb", "snapshot_path") as target, open(self._local, "rb") as copy:
            shutil.copyfileobj(copy, target, 1 << 20)


def _batches(values: Iterable[T]) -> Iterator[list[T]]:
    source = iter(values)
    while batch := list(itertools.islice(source, BATCH)):
        yield batch


def _is_full_due(database: sqlite3.Connection, at: int, full_every: timedelta | None) -> bool:
    found = database.execute("SELECT value FROM about WHERE name = 'full_at'").fetchone()
    if found is None:
        return True
    return full_every is not None and at - int(found[0]) >= full_every.total_seconds()


def _refuse_duplicates(database: sqlite3.Connection, lines: Lines) -> None:
    problems = RowProblems("can't be compared with the snapshot", lines)
    found = database.execute(
        "SELECT row, incoming.key, first FROM incoming JOIN"
        " (SELECT key, min(row) AS first FROM incoming GROUP BY key HAVING count(*) > 1) AS twice"
        " ON twice.key = incoming.key WHERE row > first ORDER BY row LIMIT 1000"
    )
    for row, key, first in found:
        problems.add(row, f"{key} is in row {first} already")
    problems.raise_if_any()
