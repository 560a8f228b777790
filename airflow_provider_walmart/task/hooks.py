"""The account that an operator or a sensor works with."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from inspect import unwrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_walmart.hooks.golocal import WalmartGoLocalHook
    from airflow_provider_walmart.hooks.walmart import WalmartHook


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


class OfMarketplace(OfAccount):
    """An operator or sensor with a connection of type ``walmart``."""

    walmart_conn_id: str

    @cached_property
    def hook(self) -> WalmartHook:
        """The hook of the connection."""
        from airflow_provider_walmart.hooks.walmart import WalmartHook

        return WalmartHook(self.walmart_conn_id)


class OfGoLocal(OfAccount):
    """An operator or sensor with a connection of type ``walmart_golocal``."""

    walmart_golocal_conn_id: str

    @cached_property
    def hook(self) -> WalmartGoLocalHook:
        """The hook of the connection."""
        from airflow_provider_walmart.hooks.golocal import WalmartGoLocalHook

        return WalmartGoLocalHook(self.walmart_golocal_conn_id)
