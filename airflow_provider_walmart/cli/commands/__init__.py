"""One module for each command."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from airflow_provider_walmart.cli.command import Command


def all_commands() -> tuple[Command, ...]:
    """Return all commands, in the order of their words."""
    modules = (import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    return tuple(sorted((module.COMMAND for module in modules), key=lambda command: command.words))
