"""Opaque cursors of the lists that hand out one."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping

from airflow_provider_walmart.sandbox.core import bounded
from airflow_provider_walmart.sandbox.core.state import Scroll, State


def start(state: State, *, life: float, query: Mapping[str, str] | None = None) -> str:
    """Return a new cursor at the start of a list.

    :param state: the sandbox's state.
    :param life: seconds it is valid without being used.
    :param query: what the list was asked for with.
    """
    cursor = _fresh()
    bounded.put(state.scrolls, cursor, Scroll(0, state.clock.now() + life, dict(query or {})))
    return cursor


def use(state: State, cursor: str, *, life: float) -> Scroll | None:
    """Return where a cursor stands, ``None`` when it is unknown or no longer valid.

    :param state: the sandbox's state.
    :param cursor: the cursor.
    :param life: seconds it is valid from now on.
    """
    scroll = state.scrolls.get(cursor)
    if scroll is None or scroll.expires <= state.clock.now():
        return None
    scroll.expires = state.clock.now() + life
    return scroll


def replace(state: State, cursor: str) -> str:
    """Return a new cursor for the place where an old one stood, which is void from now on.

    :param state: the sandbox's state.
    :param cursor: the old one.
    """
    fresh = _fresh()
    state.scrolls[fresh] = state.scrolls.pop(cursor)
    return fresh


def _fresh() -> str:
    return base64.b64encode(secrets.token_bytes(25)).decode()
