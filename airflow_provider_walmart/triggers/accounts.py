"""The accounts that the triggers of a process work with: one client for each, and threads of its own."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from airflow_provider_walmart.hooks.account import AccountHook

# What one account has going on at once. An account that is stuck, be it in a pause that Walmart asked for, holds up none of
# the others.
THREADS = 4
# For so long the account of a connection is taken for what it was: when a triggerer starts, all of its triggers do so at
# once. Seconds.
FRESH = 10.0


class Account:
    """An account, whatever connections lead to it.

    :param client: its client.
    """

    def __init__(self, client: Any) -> None:
        self.client = client
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="walmart-poll")

    async def run(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Return what a blocking function returns, without blocking the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)


# What triggers of this process share: accounts by their settings, and for each event loop the searches for the account of
# a connection, with the time at which they began.
_accounts: dict[object, Account] = {}
_searches: WeakKeyDictionary[
    asyncio.AbstractEventLoop, dict[tuple[str, object], tuple[float, asyncio.Task[Account]]]
] = WeakKeyDictionary()


async def account_of(
    conn_id: str, hook: type[AccountHook[Any, Any]] | None = None, *, newer_than: float = -math.inf
) -> Account:
    """Return the account of a connection: one for all connections with the same keys.

    :param hook: the hook of the connection's type; default: `WalmartHook`.
    :param newer_than: have the connection read again unless that was done after this time (`time.monotonic`).
    """
    searches = _searches.setdefault(asyncio.get_running_loop(), {})
    began, search = searches.get((conn_id, hook), (-math.inf, None))
    is_old = began <= newer_than or time.monotonic() - began > FRESH
    if search is None or is_old or (search.done() and search.exception()):
        search = asyncio.create_task(_find_account(conn_id, hook))
        searches[conn_id, hook] = time.monotonic(), search
    # A trigger that is cancelled must not take the answer away from the others, nor, below Airflow 3.2, from the talk of
    # the triggerer with Airflow, which would lose its place.
    return await asyncio.shield(search)


async def golocal_account_of(conn_id: str, *, newer_than: float = -math.inf) -> Account:
    """Return the account of a GoLocal connection, likewise."""
    from airflow_provider_walmart.hooks.golocal import WalmartGoLocalHook

    return await account_of(conn_id, WalmartGoLocalHook, newer_than=newer_than)


async def _find_account(conn_id: str, hook: type[AccountHook[Any, Any]] | None) -> Account:
    from airflow_provider_walmart.hooks.masking import mask_through
    from airflow_provider_walmart.hooks.walmart import WalmartHook

    mask_through(asyncio.get_running_loop())
    hook = hook or WalmartHook
    connection = await hook.aget_connection(conn_id)
    # Registering secrets with Airflow's masker blocks, and so doesn't belong on the event loop.
    settings = await asyncio.to_thread(hook.settings_of, connection)
    if settings not in _accounts:
        client = await asyncio.to_thread(hook.client_of, settings)
        # Another trigger may have been quicker.
        _accounts.setdefault(settings, Account(client))
    return _accounts[settings]
