"""Which accounts there are, and how each of them is."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from airflow_provider_walmart.client.errors import WalmartConfigError, WalmartError
from airflow_provider_walmart.client.transport.rate_limits import Budget
from airflow_provider_walmart.web.access import ReadableConnections, reads_connection
from airflow_provider_walmart.web.desk import BusyError, connection_type, desk, golocal, marketplace
from airflow_provider_walmart.web.rendering import page, path_segment

router = APIRouter()

# What an overview shows of an account.
BUSIEST = 4
# Nothing here asks Walmart, so it may be newer. Seconds.
STORE_FRESH = 3.0


@dataclass(frozen=True)
class Account:
    """What is known of an account without asking Walmart.

    :param host: where its calls go: Walmart, or a sandbox.
    :param token_until: when its token expires; None when there is none.
    :param failure: what the last request for a token failed of; None when it did not.
    :param budgets: its rate budgets, the busiest first; only those of which something is used.
    :param trouble: why nothing is known of it; empty when that is not so.
    """

    conn_id: str
    conn_type: str
    environment: str = ""
    host: str = ""
    market: str = ""
    token_until: datetime | None = None
    failure: WalmartError | None = None
    failed_at: datetime | None = None
    budgets: tuple[Budget, ...] = ()
    trouble: str = ""

    @property
    def blocked_until(self) -> datetime | None:
        """Until when Walmart wants no calls of some kind; None when it has not said so."""
        return max((each.blocked_until for each in self.budgets if each.blocked_until), default=None)


@router.get("/")
async def overview(request: Request, accounts: ReadableConnections, connection_id: str = "") -> Response:
    """Show all accounts that the user may read, or go to the one that was typed in."""
    if connection_id:
        root = request.scope.get("root_path", "")
        return RedirectResponse(f"{root}/account/{path_segment(connection_id.strip())}", 303)
    found = []
    for conn_id, conn_type in accounts.items():
        try:
            question = functools.partial(account, conn_id, conn_type)
            found.append(await desk().ask(("account", conn_id), question, STORE_FRESH))
        except BusyError as error:
            found.append(Account(conn_id, conn_type, trouble=str(error)))
        except Exception as error:
            # One account that can't be read must not hide the others. Not its text, which may hold anything.
            said = f"This account can't be read ({type(error).__name__})."
            found.append(Account(conn_id, conn_type, trouble=said))
    return page(request, "accounts", accounts=found, busiest=BUSIEST)


@router.get("/account/{connection_id}", dependencies=[reads_connection])
async def one(request: Request, connection_id: str) -> Response:
    """Show one account."""
    found = await desk().ask(
        ("account", connection_id),
        lambda: account(connection_id, connection_type(connection_id)),
        STORE_FRESH,
    )
    return page(request, "account", account=found, conn_id=connection_id, conn_type=found.conn_type)


def account(conn_id: str, conn_type: str) -> Account:
    """Return what is known of an account; blocks."""
    try:
        if conn_type == "walmart_golocal":
            courier = golocal(conn_id)
            token = courier.tokens.status()
            return Account(
                conn_id,
                conn_type,
                courier.settings.environment,
                urlsplit(courier.settings.base_url).netloc,
                "",
                token.good_until,
                token.failure,
                token.failed_at,
            )
        client = marketplace(conn_id)
    except WalmartConfigError as error:
        return Account(conn_id, conn_type, trouble=error.message)
    token = client.tokens.status()
    throttle = client.session.throttle
    budgets = throttle.budgets() if throttle else []
    used = [each for each in budgets if each.left < each.count or each.blocked_until]
    return Account(
        conn_id,
        conn_type,
        client.settings.environment,
        urlsplit(client.settings.base_url).netloc,
        client.settings.market,
        token.good_until,
        token.failure,
        token.failed_at,
        tuple(sorted(used, key=_busy)),
    )


def _busy(budget: Budget) -> Any:
    return budget.blocked_until is None, budget.left / budget.count, budget.bucket
