"""Which time window a run exports, and what is remembered of it for the next one."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.values.dates import from_iso, utc_now

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Asset, Context

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Window:
    """A time window; without a start it goes back as far as Walmart keeps records."""

    start: datetime | None
    end: datetime

    def as_dict(self) -> dict[str, str | None]:
        """Return it as JSON has it."""
        return {"start": self.start.isoformat() if self.start else None, "end": self.end.isoformat()}

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Window:
        """Return the window that `as_dict` made this of."""
        return cls(from_iso(kept["start"]) if kept["start"] else None, from_iso(kept["end"]))


class Watermark:
    """How far an asset was exported, in the asset state store of Airflow 3.3.

    :param context: of the task.
    :param assets: outlet assets of the task; the first one counts. Without one, or without a store, nothing is known
        and nothing is kept.
    :param key: what distinguishes this export from others of the same asset.
    """

    def __init__(self, context: Context | Mapping[str, Any], assets: list[Asset], key: str) -> None:
        store: Any = context.get("asset_state_store")
        self._records = store[assets[0]] if store is not None and assets else None
        self._key = f"walmart export {key}"

    def get(self) -> datetime | None:
        """Return how far the asset was exported, None where nobody knows."""
        found = self._records.get(self._key) if self._records is not None else None
        return from_iso(found) if found else None

    def move(self, to: datetime | None) -> None:
        """Remember how far the asset was exported; never less far than it was before."""
        before = self.get()
        if self._records is not None and to and (before is None or to > before):
            self._records.set(self._key, to.isoformat())
            log.info("The next export begins at %s", to.isoformat())


def export_key(*identity: Any) -> str:
    """Return what distinguishes an export from others: readable first, the rest as a digest."""
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True, default=str).encode()).hexdigest()
    return f"{identity[0]} {digest[:12]}"


def window_of(
    context: Context | Mapping[str, Any],
    key: str,
    watermark: datetime | None,
    lookback: timedelta | None,
    usual_lookback: timedelta,
) -> Window:
    """Return the window of a run: the same one for every try, and when the task is cleared.

    :param context: of the task.
    :param key: what distinguishes this export from others of the same task.
    :param watermark: how far the export before got; None where nobody knows.
    :param lookback: how far before its begin the window starts; None: as usual where it begins at a watermark, not
        at all where it is a data interval.
    :param usual_lookback: what is usual.
    :raises WalmartConfigError: when the run is older than what was exported already, and has no interval.
    """
    store: Any = context.get("task_state_store")
    # Another lookback is another window: whoever changes it and clears the task wants that one.
    name = f"walmart export {key}, {'usual' if lookback is None else lookback} before"
    if kept := store.get(name) if store is not None else None:
        return Window.from_dict(kept)
    interval = interval_of(context)
    if watermark and _begins_at(watermark, interval):
        window = Window(watermark - (usual_lookback if lookback is None else lookback), interval.end)
    elif interval.start:
        window = Window(interval.start - (lookback or timedelta(0)), interval.end)
    else:
        log.info("No data interval and no watermark: exporting all that Walmart keeps")
        window = interval
    if store is not None:
        store.set(name, window.as_dict())
    return window


def _begins_at(watermark: datetime, interval: Window) -> bool:
    """Return whether a run goes on where the export before ended, rather than at the begin of its interval.

    :raises WalmartConfigError: when the run is older than what was exported already, and has no interval.
    """
    if interval.start:
        is_behind = watermark < interval.start
        if is_behind:
            log.info("Going on at %s, where the export before ended", watermark.isoformat())
        return is_behind
    if watermark > interval.end:
        raise WalmartConfigError(
            f"Exported up to {watermark.isoformat()} already, and this run, of {interval.end.isoformat()}, is older and "
            "has no data interval. To export a period again, name its dates in api_params."
        )
    return True


def interval_of(context: Context | Mapping[str, Any]) -> Window:
    """Return the data interval of a run; without one, a window without a start up to when the run was due.

    That end is the same for every try, and never later than now: what nobody could read yet is not exported.
    """
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    if start and end and start < end:
        return Window(start, end)
    now, due = utc_now(), getattr(context.get("dag_run"), "run_after", None)
    return Window(None, min(due, now) if isinstance(due, datetime) else now)


def add_to_events(
    context: Context | Mapping[str, Any], assets: list[Asset], result: Mapping[str, Any]
) -> None:
    """Put what was exported into the events of the outlet assets."""
    events: Any = context.get("outlet_events")
    for asset in assets if events is not None else ():
        events[asset].extra.update(result)


def outlet_assets(outlets: Any) -> list[Asset]:
    """Return the assets among the outlets of a task; what only stands for some is left out."""
    from airflow.providers.common.compat.sdk import Asset

    return [outlet for outlet in outlets or () if isinstance(outlet, Asset)]
