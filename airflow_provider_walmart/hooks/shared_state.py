"""The shared state store that ``[walmart]`` in Airflow's configuration names."""

from __future__ import annotations

import functools
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

KINDS = ("file", "memory", "redis")


def shared_state() -> Resilient:
    """Return the store of this deployment; the same object for the whole process.

    :raises WalmartConfigError: when the configuration names a store that can't be.
    """
    return _store(
        conf.get("walmart", "shared_state", fallback="file").strip().lower(),
        conf.get("walmart", "shared_state_dir", fallback="").strip(),
        conf.get("walmart", "shared_state_url", fallback="").strip(),
    )


@functools.cache
def _store(kind: str, folder: str, url: str) -> Resilient:
    if kind == "file":
        home = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
        return Resilient(FileStore(Path(folder).expanduser() if folder else home / "walmart_state"))
    if kind == "memory":
        return Resilient(MemoryStore())
    if kind == "redis":
        if not url:
            raise WalmartConfigError("[walmart] shared_state is 'redis', but shared_state_url is empty.")
        return Resilient(RedisStore(url))
    raise WalmartConfigError(f"[walmart] shared_state is {kind!r}; allowed: {', '.join(KINDS)}.")
