"""The control API under ``/_sandbox``: seed data, move the clock, make troubles, read the request log.

It needs no credentials, and its own calls are not in the log.

* ``POST /_sandbox/seed``: makes what a :class:`~.seed.Seed` names; answers kind of record -> ids made.
* ``POST /_sandbox/clock``: a :class:`ClockChange`; answers the new time and speed.
* ``POST /_sandbox/faults``: adds a list of :class:`~.state.Fault`; ``GET`` lists those left, ``DELETE`` removes all.
* ``POST /_sandbox/tokens/revoke``: makes all access tokens invalid; answers how many.
* ``POST /_sandbox/settings``: changes the fields of :class:`~.state.Settings` it names; answers all of them.
* ``GET /_sandbox/requests?path=regex``: the requests received; with ``count=1`` how many by method, path, status.
* ``POST /_sandbox/reset``: back to the state of a fresh sandbox.

What makes no sense is refused with 400 and ``{"error": reason}`` and changes nothing.
"""

from __future__ import annotations

import re
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_walmart.sandbox.control import seed
from airflow_provider_walmart.sandbox.core.calls import reply
from airflow_provider_walmart.sandbox.core.sandbox import Sandbox
from airflow_provider_walmart.sandbox.core.state import Fault, Seconds, Settings

#: Paths of the control API start with this.
PREFIX = "/_sandbox"

#: The clock goes no further, in epoch seconds: the year 2200.
LATEST = 7_258_118_400

Body = TypeVar("Body")


class Misuse(Exception):  # noqa: N818 - an answer, not a fault of the program
    """A control request that makes no sense; answered with 400 and one sentence."""


class ClockChange(Struct, forbid_unknown_fields=True):
    """How to change the clock.

    :param advance: sandbox seconds to move it forward by.
    :param speed: sandbox seconds per wall second from now on.
    """

    advance: Seconds = 0
    speed: Annotated[float, Meta(gt=0)] | None = None


def routes(sandbox: Sandbox) -> list[Route]:
    """Return the routes of the control API.

    :param sandbox: the sandbox they control.
    """

    async def sow(request: Request) -> Response:
        wanted = await _body(request, seed.Seed)
        try:
            return reply(seed.sow(sandbox.state, wanted))
        except ValueError as error:
            raise Misuse(str(error)) from None

    async def clock(request: Request) -> Response:
        change = await _body(request, ClockChange)
        if sandbox.state.clock.now() + change.advance > LATEST:
            raise Misuse("the clock cannot be moved beyond the year 2200")
        sandbox.state.clock.advance(change.advance)
        if change.speed is not None:
            sandbox.state.clock.set_speed(change.speed)
        return reply({"now": sandbox.state.clock.now(), "speed": sandbox.state.clock.speed})

    async def faults(request: Request) -> Response:
        if request.method == "DELETE":
            sandbox.state.faults.clear()
        elif request.method == "POST":
            new = await _body(request, list[Fault])
            for fault in new:
                _check_pattern(fault.path)
            sandbox.state.faults.extend(new)
        return reply({"faults": sandbox.state.faults})

    async def revoke(request: Request) -> Response:
        tokens = [token for token in sandbox.state.tokens.values() if not token.revoked]
        for token in tokens:
            token.revoked = True
        return reply({"revoked": len(tokens)})

    async def settings(request: Request) -> Response:
        changes = await _body(request, dict[str, msgspec.Raw])
        merged = {
            **msgspec.to_builtins(sandbox.state.settings),
            **{k: msgspec.json.decode(v) for k, v in changes.items()},
        }
        try:
            sandbox.state.settings = msgspec.convert(merged, Settings)
        except msgspec.ValidationError as error:
            raise Misuse(str(error)) from None
        return reply(sandbox.state.settings)

    async def requests(request: Request) -> Response:
        path = _check_pattern(request.query_params.get("path", ""))
        is_count = request.query_params.get("count") == "1"
        return reply(sandbox.log.counts(path) if is_count else sandbox.log.entries(path))

    async def reset(request: Request) -> Response:
        sandbox.reset()
        return reply({})

    return [
        Route(f"{PREFIX}/seed", sow, methods=["POST"]),
        Route(f"{PREFIX}/clock", clock, methods=["POST"]),
        Route(f"{PREFIX}/faults", faults, methods=["GET", "POST", "DELETE"]),
        Route(f"{PREFIX}/tokens/revoke", revoke, methods=["POST"]),
        Route(f"{PREFIX}/settings", settings, methods=["POST"]),
        Route(f"{PREFIX}/requests", requests, methods=["GET"]),
        Route(f"{PREFIX}/reset", reset, methods=["POST"]),
    ]


async def refuse(request: Request, error: Exception) -> Response:
    """Answer a control request that makes no sense.

    :param request: the request.
    :param error: what is wrong with it.
    """
    return reply({"error": str(error)}, 400)


async def _body(request: Request, kind: type[Body]) -> Body:
    try:
        return msgspec.json.decode(await request.body() or b"{}", type=kind)
    except msgspec.DecodeError as error:
        raise Misuse(str(error)) from None


def _check_pattern(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise Misuse(f"{pattern!r} is not a regular expression: {error}") from None
    return pattern
