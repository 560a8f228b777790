"""Runs operators as Airflow does, without an Airflow: tries, task state, XCom and deferral."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timezone
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from airflow.providers.common.compat.sdk import TaskDeferred
from airflow.sdk import Asset

from airflow_provider_walmart.triggers.base import WalmartTimeTrigger


class StateStore(dict):
    """A task state store: JSON values that outlive a try."""

    def set(self, key: str, value: Any, **_: Any) -> None:
        self[key] = json.loads(json.dumps(value))


class ByAsset(dict):
    """Something of each asset, by name, as Airflow gives it."""

    def __getitem__(self, asset: Asset) -> Any:
        return super().__getitem__(asset.name)


def our_warnings(caplog: Any) -> list[str]:
    """Return what our code has warned of: Airflow has warnings of its own."""
    records = [record for record in caplog.records if "airflow_provider_walmart" in record.name]
    return [record.getMessage() for record in records if record.levelname == "WARNING"]


class Task:
    """One task of one run.

    :param has_state: whether this Airflow keeps task state (3.3 does).
    """

    def __init__(self, *, has_state: bool = True, map_index: int = -1) -> None:
        self.state = StateStore() if has_state else None
        self.xcom: dict[str, Any] = {}
        self.tries = 0
        self.deferrals: list[Any] = []
        self.map_index = map_index
        self.planned = self.started = datetime.now(timezone.utc)

    def context(self) -> dict[str, Any]:
        ti = SimpleNamespace(
            dag_id="a_dag",
            task_id="a_task",
            run_id="a_run",
            map_index=self.map_index,
            try_number=self.tries,
            xcom_push=lambda key, value: self.xcom.update({key: json.loads(json.dumps(value))}),
        )
        context = {"ti": ti, "dag_run": SimpleNamespace(run_after=self.planned, start_date=self.started)}
        return context if self.state is None else {**context, "task_state_store": self.state}

    def run(self, make_operator: Any) -> Any:
        """Run one try, each part of it after a deferral with an operator of its own, and return its result."""
        self.tries += 1
        self.xcom.clear()
        method, kwargs = "execute", {}
        while True:
            operator = make_operator()
            try:
                result = getattr(operator, method)(self.context(), **kwargs)
            except TaskDeferred as deferral:
                self.deferrals.append(deferral.trigger)
                method = deferral.method_name
                # dag.test() gives a task nothing but the event.
                kwargs = {"event": event_of(deferral.trigger)}
            else:
                return result


def event_of(trigger: Any) -> Any:
    """Return what a trigger fires; a time that it waits for passes at once."""
    revived = revive(trigger)
    if isinstance(revived, WalmartTimeTrigger):
        revived.at = 0.0
    return asyncio.run(first_event(revived))


def revive(trigger: Any) -> Any:
    """Return a trigger as the triggerer makes it from what is in the database."""
    path, kwargs = json.loads(json.dumps(trigger.serialize()))
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)(**kwargs)


async def first_event(trigger: Any) -> Any:
    """Return the payload of the event that a trigger fires."""
    async for event in trigger.run():
        return json.loads(json.dumps(event.payload))
    raise AssertionError("the trigger ended without an event")
