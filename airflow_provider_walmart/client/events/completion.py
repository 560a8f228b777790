"""What has come to its end since we last polled, of things that take their time: each is announced once."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

from airflow_provider_walmart.client.events.scope import mark
from airflow_provider_walmart.client.values.dates import epoch_ms, from_epoch, utc_now

HOUR_MS = 3600 * 1000
# A thing is listed within this time after it began.
LISTED_WITHIN_MS = HOUR_MS
# One that hasn't ended is followed for so long.
LONGEST_MS = 7 * 24 * HOUR_MS
# How far back the first poll goes for things that haven't ended.
LOOK_BACK = timedelta(hours=24)


class CompletionTracker:
    """Separates things that ended and are new from those that were announced before.

    What had ended when it first polled is not announced. All times are Walmart's.

    :param state: what `state` returned earlier, JSON; None at the very first poll.
    """

    def __init__(self, state: dict[str, Any] | None) -> None:
        known = state or {}
        self._first = not known
        # Ended ones that are older and not pending were announced, or not announced.
        start = utc_now() - LOOK_BACK
        self._from = int(known.get("from", start.timestamp() * 1000))
        # Others: kind and date by id, since what Walmart tells of a single one may name neither.
        self._pending: dict[str, list[Any]] = dict(known.get("pending", {}))
        self._done: dict[str, int] = dict(known.get("done", {}))

    def of(self, things: Iterable[dict[str, Any]], gone: Collection[str] = ()) -> list[dict[str, Any]]:
        """Return what is to be announced of things that have ended and were not announced yet, oldest first.

        :param things: things as Walmart lists them: all since `since`, and pending ones.
        :param gone: ids of pending ones that Walmart doesn't know any more.
        """
        changes = []
        newest = self._from + LISTED_WITHIN_MS
        now = epoch_ms(utc_now())
        for thing in things:
            thing_id = self._id(thing)
            began = self._began(thing)
            date = epoch_ms(began) if began else newest
            kind, date = self._pending.get(thing_id) or (self._kind(thing), date)
            # A date in the future must not make us pass over what begins until then.
            newest = max(newest, min(date, now))
            if not self._has_ended(thing):
                self._pending[thing_id] = [kind, date]
            elif self._is_new(thing_id, date) and (summary := self._announcement(thing, kind)):
                changes.append((date, summary))
        self._forget(newest, gone)
        if self._first:
            changes, self._first = [], False
        # Walmart lists the newest first, also among those of one moment.
        changes.reverse()
        return [summary for _, summary in sorted(changes, key=itemgetter(0))]

    def _is_new(self, thing_id: str, date: int) -> bool:
        """Return whether a thing that has ended was not noted as such before, and note it."""
        was_pending = self._pending.pop(thing_id, None) is not None
        name = mark(thing_id)
        if name in self._done or not (was_pending or date >= self._from):
            return False
        self._done[name] = max(date, self._from)
        return True

    def _forget(self, newest: int, gone: Collection[str]) -> None:
        """Forget what a poll can't show again.

        :param newest: when the newest thing began.
        :param gone: as in `of`.
        """
        self._from = newest - LISTED_WITHIN_MS
        self._done = {name: date for name, date in self._done.items() if date >= self._from}
        self._pending = {
            thing_id: known
            for thing_id, known in self._pending.items()
            if known[1] >= newest - LONGEST_MS and thing_id not in gone
        }

    @property
    def since(self) -> datetime:
        """From when on a poll needs all things."""
        return from_epoch(self._from / 1000)

    @property
    def pending(self) -> dict[str, datetime]:
        """What had not ended when it was last seen: when it began, by id."""
        return {thing_id: from_epoch(date / 1000) for thing_id, (_, date) in self._pending.items()}

    def state(self) -> dict[str, Any]:
        """Return what to keep for the next poll, JSON."""
        return {"from": self._from, "pending": dict(self._pending), "done": dict(self._done)}

    def _id(self, thing: dict[str, Any]) -> str:
        raise NotImplementedError

    def _kind(self, thing: dict[str, Any]) -> Any:
        raise NotImplementedError

    def _began(self, thing: dict[str, Any]) -> datetime | None:
        raise NotImplementedError

    def _has_ended(self, thing: dict[str, Any]) -> bool:
        raise NotImplementedError

    def _announcement(self, thing: dict[str, Any], kind: Any) -> dict[str, Any] | None:
        """Return what is to be announced of a thing that has ended; None for nothing."""
        raise NotImplementedError
