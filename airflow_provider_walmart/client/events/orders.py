"""Which orders are new or have changed since we last polled: each is announced once.

Walmart finds orders by when they were last modified, but doesn't show that time. What it shows are dates of the order
and its lines, and the newest of those, not the clock of this machine, says how far we are. Every poll goes back behind
that by `OVERLAP`, since orders may come to be listed late and in any order, and tells by a mark what it has seen before.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from operator import attrgetter
from typing import Any

from airflow_provider_walmart.client.events.scope import PollScope, mark
from airflow_provider_walmart.client.values.dates import epoch_ms, from_epoch, parse_time, utc_now
from airflow_provider_walmart.client.values.lists import objects_in

# Statuses of order lines.
STATUSES = ("Created", "Acknowledged", "Shipped", "Delivered", "Cancelled", "Refund")
# What an order has whose seller has not acted on it yet; a customer may have cancelled a part.
CREATED = "Created"
UNTOUCHED = frozenset([CREATED, "Cancelled"])
SHIP_NODE_TYPES = ("SellerFulfilled", "WFSFulfilled", "3PLFulfilled")

MINUTE_MS = 60 * 1000
# An order is listed within this time after it was modified.
OVERLAP_MS = 30 * MINUTE_MS
# So long it is known which orders were announced as new; as long as nobody has acted on them where that is longer ...
REMEMBERED_MS = 24 * 60 * MINUTE_MS
# ... and the state has no more characters than this: Airflow warns of one above 64 KB.
LARGEST = 60_000
# The state has marks of orders that were acted on, and of those that seem new.
KEPT = ("seen", "created")
MARK = len(mark(""))
# Marks are kept by so many milliseconds at a time; how many characters such a time has in the state.
STEP_MS = 10 * MINUTE_MS
STEP = len('"1700000000000": "", ')
# How far back the very first poll goes.
LOOK_BACK = timedelta(milliseconds=REMEMBERED_MS)
MOST_PER_EVENT = 500


@dataclass(frozen=True, slots=True)
class OrderSnapshot:
    """What is noted of an order that was seen; nothing personal.

    :param version: changes whenever the order does.
    :param placed: its date, epoch milliseconds.
    :param latest: the latest date it shows.
    """

    order_id: str
    version: str
    ship_node_type: str
    statuses: frozenset[str]
    placed: int
    latest: int


def snapshot_of(order: Any, ship_node_type: str) -> OrderSnapshot | None:
    """Return what is noted of an order as Walmart lists it; None for one without an id."""
    if not isinstance(order, dict) or not order.get("purchaseOrderId"):
        return None
    lines = _several(order.get("orderLines"), "orderLine")
    statuses = [part for line in lines for part in _several(line.get("orderLineStatuses"), "orderLineStatus")]
    placed = _milliseconds(order.get("orderDate"))
    return OrderSnapshot(
        str(order["purchaseOrderId"]),
        mark(json.dumps(order, sort_keys=True)),
        ship_node_type,
        frozenset(str(part["status"]) for part in statuses if part.get("status")),
        placed,
        max([placed, *(_milliseconds(line.get("statusDate")) for line in lines)]),
    )


class OrderTracker:
    """Separates orders that are new or changed from those that were announced before.

    What was there when it first polled is not announced. Without statuses an order counts when it is new; with statuses,
    whenever it is new or has changed and a line of it is in one of them.

    :param state: what `state` returned earlier, JSON; None at the very first poll.
    :param statuses: None: orders that are new, in whatever status.
    :param ship_node_types: only orders shipped like this.
    """

    def __init__(
        self,
        state: dict[str, Any] | None,
        statuses: Collection[str] | None = None,
        ship_node_types: Collection[str] = SHIP_NODE_TYPES,
    ) -> None:
        known = state or {}
        self._statuses = frozenset(statuses) if statuses else None
        self._node_types = frozenset(ship_node_types)
        self._first = bool(known.get("first", not known))
        start = epoch_ms(utc_now() - LOOK_BACK)
        # From when on the next poll has to show what was modified, and the latest moment seen so far.
        self._from = int(known.get("from", start))
        self._latest = int(known.get("latest", self._from))
        # Orders of before may have been announced and forgotten.
        self._forgotten = int(known.get("forgotten", self._from))
        # All orders of before have been seen. This stands still while we catch up: an order that changed after the
        # days that a poll showed was not among them.
        self._complete = int(known.get("complete", self._from))
        # By mark, whether it polled new when it was seen last, and when that was.
        self._seen = {
            marks[place : place + MARK]: (bool(seems_new), int(at))
            for seems_new, name in enumerate(KEPT)
            for at, marks in known.get(name, {}).items()
            for place in range(0, len(marks), MARK)
        }

    @property
    def scope(self) -> PollScope:
        """What the next poll has to show; its names are types of ship nodes."""
        return PollScope(from_epoch(self._from / 1000), self._node_types)

    def of(self, snapshots: Iterable[OrderSnapshot], until: datetime | None = None) -> list[dict[str, Any]]:
        """Return what is to be announced of orders that are new or changed, oldest first, so many at a time.

        :param snapshots: all orders modified since that of `scope`, up to ``until``.
        :param until: when the poll ended, aware; None: it showed everything there is.
        """
        seen = {
            self._mark(snapshot): snapshot
            for snapshot in snapshots
            if snapshot.ship_node_type in self._node_types
        }
        if until is not None and until.timestamp() * 1000 < self._from:
            # Another watcher catches up with what was before our time.
            return []
        self._go_on_to(seen.values(), until)
        at = -(-self._latest // STEP_MS) * STEP_MS
        changes = [
            snapshot
            for name, snapshot in seen.items()
            if name not in self._seen and self._is_wanted(snapshot)
        ]
        self._seen.update({name: (self._seems_new(snapshot), at) for name, snapshot in seen.items()})
        self._first &= until is not None
        if until is None:
            self._complete = self._from
        self._forget()
        return list(_announcements(sorted(changes, key=attrgetter("latest", "order_id"))))

    def _go_on_to(self, seen: Iterable[OrderSnapshot], until: datetime | None) -> None:
        """Take down how far a poll got.

        :param until: as in `of`.
        """
        if until is None:
            # A date in the future, whatever it means, must not make us pass over what comes until then.
            now = epoch_ms(utc_now())
            self._latest = max([self._latest, *(min(snapshot.latest, now) for snapshot in seen)])
        else:
            self._latest = max(self._latest, epoch_ms(until))
        self._from = max(self._from, self._latest - OVERLAP_MS)

    def state(self) -> dict[str, Any]:
        """Return what to keep for the next poll, JSON."""
        kept: list[dict[int, list[str]]] = [defaultdict(list) for _ in KEPT]
        for name, (seems_new, at) in self._seen.items():
            kept[seems_new][at].append(name)
        return {
            "first": self._first,
            "from": self._from,
            "latest": self._latest,
            "forgotten": self._forgotten,
            "complete": self._complete,
            **{
                name: {str(at): "".join(sorted(marks)) for at, marks in sorted(by_time.items())}
                for name, by_time in zip(KEPT, kept, strict=True)
            },
        }

    def _mark(self, snapshot: OrderSnapshot) -> str:
        return mark(
            snapshot.order_id if self._statuses is None else f"{snapshot.order_id} {snapshot.version}"
        )

    def _is_wanted(self, snapshot: OrderSnapshot) -> bool:
        if self._first:
            return False
        if self._statuses is not None:
            return not self._statuses.isdisjoint(snapshot.statuses)
        # An older order has most likely changed, and was announced when it was new. But Walmart may hold an order
        # back for long, and nobody has acted on such a one.
        return snapshot.placed > min(self._forgotten, self._complete) or self._seems_new(snapshot)

    def _seems_new(self, snapshot: OrderSnapshot) -> bool:
        """Return whether an order would be announced as new however old it is."""
        return self._statuses is None and CREATED in snapshot.statuses and snapshot.statuses <= UNTOUCHED

    def _forget(self) -> None:
        """Forget marks that are no longer needed, or that there is no room for.

        The oldest go first, but those of orders that seem new last: such an order would be announced twice.
        """
        kept_for = REMEMBERED_MS if self._statuses is None else OVERLAP_MS
        sizes = Counter(self._seen.values())
        size = MARK * sizes.total() + STEP * len(sizes)
        for seems_new, at in sorted(sizes):
            is_old = at < self._complete - kept_for and not seems_new
            if at < self._from and (is_old or size > LARGEST):
                size -= MARK * sizes.pop((seems_new, at)) + STEP
                self._forgotten = max(self._forgotten, at)
        self._seen = {name: kept for name, kept in self._seen.items() if kept in sizes}


def _announcements(changes: Iterable[OrderSnapshot]) -> Iterator[dict[str, Any]]:
    """Yield the payloads of events."""
    rest = iter(changes)
    while batch := list(islice(rest, MOST_PER_EVENT)):
        yield {
            "purchaseOrderIds": [snapshot.order_id for snapshot in batch],
            "versions": [snapshot.version for snapshot in batch],
            "orders": len(batch),
            "statuses": dict(
                sorted(Counter(status for snapshot in batch for status in snapshot.statuses).items())
            ),
            "shipNodeTypes": dict(sorted(Counter(snapshot.ship_node_type for snapshot in batch).items())),
        }


def _several(container: Any, name: str) -> list[dict[str, Any]]:
    """Return the records of a list that Walmart wraps in a dict."""
    return objects_in(container.get(name)) if isinstance(container, dict) else []


def _milliseconds(value: Any) -> int:
    """Return a date in epoch milliseconds; 0 for none. Walmart writes it so, and as ISO 8601 in some answers."""
    try:
        return max(0, int(value))
    except (TypeError, ValueError, OverflowError):
        when = parse_time(value)
        return max(0, epoch_ms(when)) if when else 0
