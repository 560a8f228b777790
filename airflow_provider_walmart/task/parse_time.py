"""What is checked when a DAG is parsed: parameters that neither a template nor another task gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def check_when_parsed(check: Callable[..., Any], *given: Any) -> None:
    """Run a check of parameters if all of them are known; others are checked when the task runs.

    :param check: raises when a parameter is wrong.
    :param given: what it takes.
    """
    if not any(_comes_later(value) for value in given):
        check(*given)


def _comes_later(value: Any) -> bool:
    if isinstance(value, str):
        return any(mark in value for mark in ("{{", "{%", "{#"))
    # Airflow calls what can be called.
    return hasattr(value, "resolve") or callable(value)
