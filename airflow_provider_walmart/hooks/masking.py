"""Having secrets masked in all logs, from whatever thread they become known in."""

from __future__ import annotations

import asyncio
from typing import Any

from airflow.sdk.log import mask_secret

_loop: asyncio.AbstractEventLoop | None = None


def mask_through(loop: asyncio.AbstractEventLoop) -> None:
    """Have all further secrets masked on the event loop of a triggerer, which this process then is.

    A triggerer talks to Airflow from its event loop; below Airflow 3.2 a word from another thread makes it lose
    its place in that talk, and die.
    """
    global _loop
    _loop = loop


def mask(secret: str | dict[str, Any]) -> None:
    """Have a secret masked from now on; of a dict, the values of keys with telling names."""
    if _loop is None or _loop.is_closed():
        mask_secret(secret)
    else:
        _loop.call_soon_threadsafe(mask_secret, secret)
