"""The control page in the browser: what is in the shop, what was asked and why it was refused, buttons for the rest.

* ``GET /_sandbox/``: the page. Its buttons are forms that post an ``action`` to it, and lead back to it.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from airflow_provider_walmart.sandbox.control import seed, typical_shop
from airflow_provider_walmart.sandbox.control.api import LATEST, PREFIX, Misuse
from airflow_provider_walmart.sandbox.control.seed_feeds import SeedError, SeedFeed
from airflow_provider_walmart.sandbox.core.dates import iso
from airflow_provider_walmart.sandbox.core.records import Batch, Changed
from airflow_provider_walmart.sandbox.core.sandbox import Sandbox
from airflow_provider_walmart.sandbox.core.state import Fault, State
from airflow_provider_walmart.sandbox.marketplace.feeds import progress

#: Requests and feeds shown, the newest first.
SHOWN = 100
FEEDS_SHOWN = 12

#: Name of a button -> what it does; those of the clock, faults and seeds by what stands on them.
CLOCK = {"+ 1 minute": 60, "+ 15 minutes": 900, "+ 1 hour": 3600, "+ 1 day": 86_400, "+ 14 days": 14 * 86_400}
SPEEDS = {"x 1": 1.0, "x 60": 60.0, "x 1000": 1000.0}
FAULTS: dict[str, Fault] = {
    "next call: 429 for a minute": Fault(times=1, status=429, headers={"Retry-After": "60"}),
    "next call: 500": Fault(times=1, status=500),
    "next call: 503, twice": Fault(times=2, status=503),
    "next call: no answer": Fault(times=1, reset="before"),
    "next write: answer lost": Fault(method="POST", path="^(?!/v3/token)", times=1, reset="after"),
    "next call: 30 s late": Fault(times=1, delay=30),
    "next call: half an answer": Fault(times=1, truncate=40),
}
SEEDS: dict[str, Callable[[State], seed.Seed]] = {
    "10 new orders": lambda _: seed.Seed(orders=10),
    "3 returns": lambda _: seed.Seed(returns=3),
    "50 items with stock": lambda _: seed.Seed(items=50, inventories=50),
    "a feed with 2 failed items": lambda _: seed.Seed(feeds=[SeedFeed("price", items=40, failed=2)]),
    "a feed that fails as a whole": lambda _: seed.Seed(
        feeds=[SeedFeed("MP_ITEM", "ERROR", items=0, ingestionErrors=[SeedError()])]
    ),
    "the typical shop": lambda state: typical_shop.seed(state.clock.now()),
}


def routes(sandbox: Sandbox) -> list[Route]:
    """Return the routes of the control page.

    :param sandbox: the sandbox it controls.
    """

    async def show(request: Request) -> Response:
        return HTMLResponse(_template().render(_content(sandbox)))

    async def act(request: Request) -> Response:
        form = await request.form()
        action, what = str(form.get("action", "")), str(form.get("what", ""))
        if action not in ACTIONS:
            raise Misuse(f"there is no action {action!r}")
        try:
            ACTIONS[action](sandbox, what)
        except KeyError:
            raise Misuse(f"{action} knows no {what!r}") from None
        except ValueError as error:
            raise Misuse(str(error)) from None
        return RedirectResponse(f"{PREFIX}/", 303)

    async def lead(request: Request) -> Response:
        return RedirectResponse(f"{PREFIX}/")

    return [
        Route(f"{PREFIX}/", show, methods=["GET"]),
        Route(f"{PREFIX}/", act, methods=["POST"]),
        Route(PREFIX, lead, methods=["GET"]),
    ]


def _advance(sandbox: Sandbox, what: str) -> None:
    if sandbox.state.clock.now() + CLOCK[what] > LATEST:
        raise Misuse("the clock cannot be moved beyond the year 2200")
    sandbox.state.clock.advance(CLOCK[what])


def _break(sandbox: Sandbox, what: str) -> None:
    fault = FAULTS[what]
    sandbox.state.faults.append(Fault(**{name: getattr(fault, name) for name in fault.__struct_fields__}))


def _revoke(sandbox: Sandbox, what: str) -> None:
    for token in sandbox.state.tokens.values():
        token.revoked = True


#: Name of an action -> what it does.
ACTIONS: Mapping[str, Callable[[Sandbox, str], Any]] = {
    "advance": _advance,
    "speed": lambda sandbox, what: sandbox.state.clock.set_speed(SPEEDS[what]),
    "fault": _break,
    "no faults": lambda sandbox, _: sandbox.state.faults.clear(),
    "seed": lambda sandbox, what: seed.sow(sandbox.state, SEEDS[what](sandbox.state)),
    "revoke tokens": _revoke,
    "walmart on usual days": lambda sandbox, _: setattr(sandbox.state.settings, "profile", "walmart"),
    "fast and faultless": lambda sandbox, _: setattr(sandbox.state.settings, "profile", None),
    "reset": lambda sandbox, _: sandbox.reset(),
}


@functools.cache
def _template() -> Any:
    # The sandbox starts faster without.
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(Path(__file__).with_name("page.html").read_text())


def _content(sandbox: Sandbox) -> dict[str, Any]:
    state = sandbox.state
    return {
        "now": _moment(state.clock.now()),
        "clock": state.clock,
        "settings": state.settings,
        "counts": _counts(state),
        "feeds": _feeds(state),
        "requests": list(map(_request, reversed(sandbox.log.newest(SHOWN)))),
        "faults": state.faults,
        "buttons": {"clock": CLOCK, "speeds": SPEEDS, "faults": FAULTS, "seeds": SEEDS},
    }


def _counts(state: State) -> list[tuple[str, int, str]]:
    """Return what there is, how much of it, and how it is divided."""
    orders = _statuses(state.orders, state.changed_orders, _order_status)
    found = _statuses(state.returns, state.changed_returns, _return_status)
    feeds = Counter(progress(feed, state.clock.now())[0] for feed in state.feeds.values())
    return [
        ("orders", orders.total(), _divided(orders)),
        ("returns", found.total(), _divided(found)),
        ("items", len(state.items), f"{len(state.retired)} retired" if state.retired else ""),
        ("SKUs with stock", len(state.inventories), f"{len(state.nodes)} ship nodes"),
        ("feeds", len(state.feeds), _divided(feeds)),
        ("reports", len(state.reports), f"{len(state.schedules)} schedules"),
        ("webhook subscriptions", len(state.subscriptions), ""),
        ("deliveries", len(state.deliveries), "GoLocal"),
        ("access tokens", sum(not token.revoked for token in state.tokens.values()), ""),
    ]


def _statuses(
    batches: list[Batch], changed: Mapping[int, Changed], status: Callable[[dict[str, Any]], str]
) -> Counter[str]:
    found: Counter[str] = Counter()
    for batch in batches:
        found[batch.status] += batch.count - sum(number in batch.numbers for number in changed)
    found.update(status(record.record) for record in changed.values())
    return +found


def _order_status(order: dict[str, Any]) -> str:
    status: str = order["orderLines"]["orderLine"][0]["orderLineStatuses"]["orderLineStatus"][0]["status"]
    return status


def _return_status(record: dict[str, Any]) -> str:
    status: str = record["returnOrderLines"][0]["status"]
    return status


def _divided(found: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(found.items()))


def _feeds(state: State) -> list[dict[str, Any]]:
    newest = sorted(state.feeds.values(), key=lambda feed: feed.submitted, reverse=True)[:FEEDS_SHOWN]
    return [
        {
            "id": feed.id,
            "type": feed.type,
            "status": progress(feed, state.clock.now())[0],
            "size": feed.total,
            "failed": len(feed.errors),
            "submitted": _moment(feed.submitted),
        }
        for feed in newest
    ]


def _request(fields: dict[str, Any]) -> dict[str, Any]:
    return {**fields, "time": _moment(fields["time"])}


def _moment(seconds: float) -> str:
    return f"{iso(int(seconds * 1000))[:19].replace('T', ' ')}Z"
