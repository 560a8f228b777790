"""The shared state store that ``[walmart]`` in Airflow's configuration names."""

from __future__ import annotations

import functools
import logging
import os
from pathlib import Path

from airflow.providers.common.compat.sdk import conf

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.transport.shared_state import (
    FileStore,
    MemoryStore,
    RedisStore,
    Resilient,
)

log = logging.getLogger(__name__)

KINDS = ("file", "memory", "redis")


def shared_state() -> Resilient:
    """Return the store of this deployment; the same object for the whole process.

    :raises WalmartConfigError: when the configuration names a store that can't be.
    """
    return store_of(
        conf.get("walmart", "shared_state", fallback="file").strip().lower(),
        conf.get("walmart", "shared_state_dir", fallback="").strip(),
        conf.get("walmart", "shared_state_url", fallback="").strip(),
    )


@functools.cache
def store_of(kind: str, folder: str, url: str) -> Resilient:
    """Return a store by its configuration; the same object each time.

    :param kind: one of `KINDS`.
    :param folder: of ``file``; empty: in Airflow's home.
    :param url: of ``redis``.
    :raises WalmartConfigError: when there is no such store.
    """
    if kind == "file":
        try:
            home = os.environ.get("AIRFLOW_HOME") or "~/airflow"
            return Resilient(FileStore(Path(folder or f"{home}/walmart_state").expanduser()))
        except RuntimeError:
            log.warning(
                "This user has no home directory, and neither AIRFLOW_HOME nor [walmart] shared_state_dir says where to "
                "keep the shared state: processes don't share tokens and rate budgets."
            )
            return Resilient(MemoryStore())
    if kind == "memory":
        return Resilient(MemoryStore())
    if kind == "redis":
        if not url:
            raise WalmartConfigError("[walmart] shared_state is 'redis', but shared_state_url is empty.")
        return Resilient(RedisStore(url))
    raise WalmartConfigError(f"[walmart] shared_state is {kind!r}; allowed: {', '.join(KINDS)}.")
