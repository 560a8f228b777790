"""What users import: what Airflow lists of this provider, and what the documents name beside it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from airflow_provider_walmart.get_provider_info import get_provider_info

MORE = (
    "airflow_provider_walmart.client.errors",
    "airflow_provider_walmart.client.golocal.webhook",
    "airflow_provider_walmart.client.webhooks.notifications",
    "airflow_provider_walmart.sandbox.pytest_plugin",
)


def public_names() -> Iterator[tuple[str, str, Any]]:
    """Yield what public modules define, with its name and the part of the provider: ``hooks``, ``links``, ``more`` and so on."""
    info = get_provider_info()
    parts = {
        part: [module for entry in info[part] for module in entry["python-modules"]]
        for part in ("hooks", "operators", "sensors", "triggers")
    }
    parts["links"] = sorted({path.rpartition(".")[0] for path in info["extra-links"]})
    for part, modules in {**parts, "more": list(MORE)}.items():
        for module in map(importlib.import_module, modules):
            for name, thing in vars(module).items():
                if getattr(thing, "__module__", "") == module.__name__ and name[0] != "_":
                    yield part, name, thing
