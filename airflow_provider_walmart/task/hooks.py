"""The account that an operator or a sensor works with."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cached_property
from inspect import unwrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_walmart.hooks.golocal import WalmartGoLocalHook
    from airflow_provider_walmart.hooks.walmart import WalmartHook

log = logging.getLogger(__name__)


class OfAccount:
    """An operator or sensor with a connection. It runs outside Airflow, too: ``operator.execute({})``."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Take off Airflow's check that `execute` is called by its task runner."""
        super().__init_subclass__(**kwargs)
        if "execute" in vars(cls):
            cls.execute = unwrap(vars(cls)["execute"])  # type: ignore[attr-defined]

    # What holds connections and locks is not copied along, nor pickled: each process makes its own.
    shallow_copy_attrs: Sequence[str] = ("hook",)

    def __getstate__(self) -> dict[str, Any]:
        """Return all but the hook."""
        state: dict[str, Any] = super().__getstate__()  # type: ignore[misc]
        return {name: value for name, value in state.items() if name != "hook"}

    def _make_hook(self) -> Any:
        raise NotImplementedError

    def changed_client(self) -> Any:
        """Return a client with what the connection says now; None when that is what the present one has, or makes no sense.

        Keys are edited while tasks wait, who keep their client for hours.
        """
        hook = self._make_hook()
        try:
            if hook.client.settings == self.hook.client.settings:  # type: ignore[attr-defined]
                return None
        except Exception as error:
            # Somebody may be in the middle of editing it.
            log.warning("The connection can't be used as it is now: %s", error)
            return None
        log.info("The connection was edited: going on with what it says now")
        vars(self)["hook"] = hook
        return hook.client


class OfMarketplace(OfAccount):
    """An operator or sensor with a connection of type ``walmart``."""

    walmart_conn_id: str

    @cached_property
    def hook(self) -> WalmartHook:
        """The hook of the connection."""
        return self._make_hook()

    def _make_hook(self) -> WalmartHook:
        from airflow_provider_walmart.hooks.walmart import WalmartHook

        return WalmartHook(self.walmart_conn_id)


class OfGoLocal(OfAccount):
    """An operator or sensor with a connection of type ``walmart_golocal``."""

    walmart_golocal_conn_id: str

    @cached_property
    def hook(self) -> WalmartGoLocalHook:
        """The hook of the connection."""
        return self._make_hook()

    def _make_hook(self) -> WalmartGoLocalHook:
        from airflow_provider_walmart.hooks.golocal import WalmartGoLocalHook

        return WalmartGoLocalHook(self.walmart_golocal_conn_id)
