"""Triggerers that are killed one after the other, and what they announced: ``python -m tests.helpers.dying_triggerers '{...}'``.

Takes JSON: ``control`` (URL of the sandbox's control API), ``folder``, ``kills`` and ``seed``. Every triggerer is a
process with a watcher of new orders and one of changes. Orders come all the time; the triggerer gets a SIGKILL at a random
moment: every other one after it kept what it saw, the rest whenever it comes, at times soon after their start. The last one
lives until all orders were announced by both watchers.

What becomes of events is written to ``folder/journal``, a JSON document a line, in the order in which it happened: an
event that got into the database, the marks of a state that was kept. Prints all ``orders`` there were and the ``journal``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

import requests
from airflow.triggers.shared_stream import SharedStreamManager

# Imported before the processes part, so that they start at once.
from airflow_provider_walmart.client.catalogue.operations import all_operations
from airflow_provider_walmart.client.events.orders import KEPT
from airflow_provider_walmart.client.events.polls import poll_orders  # noqa: F401
from airflow_provider_walmart.client.transport.rate_limits import Throttle
from airflow_provider_walmart.hooks.walmart import WalmartHook  # noqa: F401
from airflow_provider_walmart.triggers import events
from airflow_provider_walmart.triggers.order_events import WalmartNewOrdersTrigger

WATCHERS = ("new", "changes")

Throttle.learn = lambda *_: None  # type: ignore[method-assign]
# There is no scheduler to wait for, and polls come many times more often than in a triggerer.
events.APART = 0.0


class Journal:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "journal"
        self.path.touch()

    def write(self, **entry: Any) -> None:
        # On a line of its own also after one that a kill has torn.
        line = "\n" + json.dumps({"process": os.getpid(), **entry}) + "\n"
        with open(self.path, "ab", buffering=0) as file:
            file.write(line.encode())

    def entries(self) -> list[dict[str, Any]]:
        """Return what happened, without what is torn or not quite written yet."""
        entries = []
        for line in self.path.read_text().splitlines():
            with contextlib.suppress(ValueError):
                entries.append(json.loads(line))
        return entries

    def announced(self, watcher: str) -> set[str]:
        """Return the orders of which a watcher has told."""
        told = [entry.get("orders", ()) for entry in self.entries() if entry["watcher"] == watcher]
        return {one.split()[0] for orders in told for one in orders}

    def has_kept(self, process: int | None) -> bool:
        """Return whether a process has kept a state."""
        return any("kept" in entry for entry in self.entries() if entry["process"] == process)


class AssetStore:
    """The state of one asset, in a file."""

    def __init__(self, folder: Path, watcher: str) -> None:
        self.path = folder / f"{watcher}.json"
        self.watcher = watcher
        self.journal = Journal(folder)

    async def aget(self, key: str) -> Any:
        return json.loads(self.path.read_text()) if self.path.exists() else None

    async def aset(self, key: str, value: Any) -> None:
        draft = self.path.with_suffix(".new")
        draft.write_text(json.dumps(value))
        draft.replace(self.path)
        self.journal.write(
            watcher=self.watcher, kept="".join(marks for part in KEPT for marks in value[part].values())
        )


def triggerer(folder: Path, seed: int) -> None:
    """Do with two watchers what the triggerer of Airflow does, as slowly as it likes."""
    chance = random.Random(seed)
    manager = SharedStreamManager()

    async def watch(number: int, watcher: str, statuses: list[str] | None) -> None:
        store = AssetStore(folder, watcher)
        trigger = WalmartNewOrdersTrigger(statuses=statuses)
        trigger.poll_interval, trigger.asset_state_store = 0.02, store
        key = trigger.shared_stream_key()
        polls = manager.subscribe(trigger_id=number, trigger=trigger, key=key)
        async for event in trigger.filter_shared_stream(polls):
            in_database = manager.bind_pending_event(trigger_id=number, key=key)
            asyncio.create_task(persist(watcher, event.payload, in_database))  # noqa: RUF006

    async def persist(watcher: str, payload: dict[str, Any], in_database: int) -> None:
        await asyncio.sleep(chance.random() / 20)
        states = list(map(" ".join, zip(payload["purchaseOrderIds"], payload["versions"], strict=True)))
        announced = payload["purchaseOrderIds"] if watcher == "new" else states
        Journal(folder).write(watcher=watcher, orders=announced)
        await asyncio.sleep(chance.random() / 20)
        manager.confirm_persisted([in_database])

    async def main() -> None:
        await asyncio.gather(watch(1, "new", None), watch(2, "changes", ["Created", "Acknowledged"]))

    asyncio.run(main())


def pause(process: Any) -> None:
    """Wait a moment for a triggerer, which is not to die by itself."""
    assert process.is_alive()
    time.sleep(0.02)


def main(control: str, folder: Path, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    context = multiprocessing.get_context("fork")
    session = requests.Session()
    journal = Journal(folder)
    orders: list[str] = []
    all_operations()
    for life in range(kills + 1):
        process = context.Process(target=triggerer, args=(folder, chance.randrange(1 << 30)))
        process.start()
        if life == 0:
            began = time.monotonic()
            while not all((folder / f"{watcher}.json").exists() for watcher in WATCHERS):
                pause(process)
            # About the time until a state is kept, before and after which they are to die.
            longest = min(2 * (time.monotonic() - began), 1.0)
        for _ in range(chance.randrange(4)):
            # Some of one moment, some of a moment ago: those are listed late.
            new = {"count": chance.randrange(1, 4), "spacing": 0, "age": chance.choice((0, 0, 1, 60))}
            orders += session.post(f"{control}/seed", json={"orders": new}).json()["orders"]
            time.sleep(chance.random() / 10)
        if life % 2 == 0:
            while not journal.has_kept(process.pid):
                pause(process)
        if life < kills:
            time.sleep(chance.random() * chance.choice((0.01, longest)))
        else:
            while not all(journal.announced(watcher) >= {*orders} for watcher in WATCHERS):
                pause(process)
            time.sleep(0.5)
        process.kill()
        process.join()
    print(json.dumps({"orders": orders, "journal": journal.entries()}))


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    main(given["control"], Path(given["folder"]), given["kills"], given["seed"])
