"""Many processes spend one rate budget: ``python -m tests.helpers.budget_crowd '{"url": ..., ...}'``.

Prints ``ready`` and waits for a line; then prints what became of each call, process by process, as JSON: ``ok`` or
the name of the error.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import time
from typing import Any

from airflow_provider_walmart.client.errors import WalmartError
from airflow_provider_walmart.client.marketplace import MarketplaceClient
from airflow_provider_walmart.client.settings import WalmartSettings
from airflow_provider_walmart.client.transport import rate_limits as throttle
from airflow_provider_walmart.client.transport.rate_limits import Throttle
from airflow_provider_walmart.client.transport.shared_state import FileStore, RedisStore, Resilient


class FastClock:
    """The sandbox's clock, as it was set: ``speed`` seconds a second since ``wall``, when it showed ``now``."""

    def __init__(self, wall: float, now: float, speed: float) -> None:
        self.wall, self.now, self.speed = wall, now, speed

    def time(self) -> float:
        return self.now + (time.time() - self.wall) * self.speed

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / self.speed)


def client_of(options: dict[str, Any]) -> MarketplaceClient:
    store = Resilient(RedisStore(options["redis"]) if "redis" in options else FileStore(options["folder"]))
    settings = WalmartSettings(
        client_id="an-id", client_secret="sandbox", base_url=options["url"], timeout=30
    )
    client = MarketplaceClient(settings, store, "a-user-agent")
    clock = FastClock(**options.get("clock", {"wall": 0, "now": 0, "speed": 1}))
    client.session.throttle = Throttle(
        settings,
        store,
        options.get("max_wait", 60),
        clock=clock.time,
        sleep=clock.sleep,
        published=options.get("published", True),
    )
    client.session.retries.attempts = options.get("attempts", 1)
    client.access_token()
    return client


def one(start: Any, outcomes: Any, left: Any, options: dict[str, Any]) -> None:
    client = client_of(options)
    found = []
    start.wait()
    start.wait()
    while True:
        with left.get_lock():
            left.value -= 1
            if left.value < 0:
                break
        try:
            client.request("GET", options["path"])
            found.append("ok")
        except WalmartError as error:
            found.append(type(error).__name__)
    outcomes.put(found)


def main(options: dict[str, Any]) -> None:
    # However long it takes until all have had their turn.
    throttle.LOCK_TIMEOUT = 60.0
    context = multiprocessing.get_context("fork")
    start, outcomes = context.Barrier(options["processes"] + 1), context.Queue()
    left = context.Value("i", options["calls"])
    crowd = [
        context.Process(target=one, args=(start, outcomes, left, options))
        for _ in range(options["processes"])
    ]
    for process in crowd:
        process.start()
    start.wait()
    print("ready", flush=True)
    sys.stdin.readline()
    start.wait()
    print(json.dumps([outcomes.get(timeout=600) for _ in crowd]))
    for process in crowd:
        process.join()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
