"""The sandbox as a whole: its state, its request log and the secrets it accepts."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

from airflow_provider_walmart.sandbox.core.request_log import RequestLog
from airflow_provider_walmart.sandbox.core.state import State, Store

DEFAULT_SECRET = "sandbox"  # noqa: S105


class Sandbox:
    """A stand-in for Walmart's servers.

    :param fresh: returns the state of a fresh sandbox.
    :param secrets: client id -> client secret; every other client id has the secret ``sandbox``.
    :param storage_port: where files are downloaded from.
    :param state_file: where the state survives a restart; ``None`` for nowhere.
    """

    def __init__(
        self,
        fresh: Callable[[], State],
        *,
        secrets: Mapping[str, str],
        storage_port: int,
        state_file: Path | None = None,
    ) -> None:
        self._secrets = dict(secrets)
        self.storage_port = storage_port
        self.log = RequestLog()
        self.chance = _chance()
        self.store = Store(fresh, state_file)

    @property
    def state(self) -> State:
        """What the sandbox remembers."""
        return self.store.state

    def knows(self, client: str, secret: str) -> bool:
        """Return whether a pair of keys is right.

        :param client: client id.
        :param secret: client secret.
        """
        expected = self.state.settings.secrets.get(client) or self._secrets.get(client, DEFAULT_SECRET)
        return bool(client) and hmac.compare_digest(secret.encode(), expected.encode())

    def reset(self) -> None:
        """Forget everything and start afresh."""
        self.store.reset()
        self.log = RequestLog()
        self.chance = _chance()


def _chance() -> Random:
    """Return what decides on troubles by chance: the same ones each time."""
    return Random(0)  # noqa: S311 - no secret
