"""Finding the route of a request among hundreds without trying each."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send

_ROUTE = "sandbox.route"


class Table(BaseRoute):
    """Routes, found by their path or else by its number of segments; a path without parameters goes first.

    :param routes: the routes; of two with parameters that match, the first one answers.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._exact: dict[str, list[Route]] = {}
        self._with_parameters: dict[int, list[Route]] = {}
        for route in routes:
            if "{" in route.path:
                self._with_parameters.setdefault(route.path.count("/"), []).append(route)
            else:
                self._exact.setdefault(route.path, []).append(route)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return whether a route matches; partly when only the method is another.

        :param scope: the request.
        """
        path = scope["path"]
        found: tuple[Match, Scope] = (Match.NONE, {})
        for route in (*self._exact.get(path, ()), *self._with_parameters.get(path.count("/"), ())):
            match, child = route.matches(scope)
            if match is Match.FULL:
                return match, {**child, _ROUTE: route}
            if match is Match.PARTIAL and found[0] is Match.NONE:
                found = match, {**child, _ROUTE: route}
        return found

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request by the route that was found for it.

        :param scope: the request.
        :param receive: receives its body.
        :param send: sends the answer.
        """
        await scope[_ROUTE].handle(scope, receive, send)
