"""What Airflow loads of the page *Walmart*: where it is in the navigation, and the app behind it.

Every component and every task process imports this module, so it imports nothing that is not there already. The app itself
is built at its first request, which only the API server gets.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow import __version__ as airflow_version
from airflow.plugins_manager import AirflowPlugin

from airflow_provider_walmart.web.lazy import LazyApp

PREFIX = "/walmart"
# From here on a tab can be kept to the tasks that it is about; before, it would be on every task of every DAG.
TABS_SINCE = (3, 4)


def _task_tab() -> list[dict[str, Any]]:
    version = tuple(int(part) for part in airflow_version.split(".")[:2])
    if version < TABS_SINCE:
        return []
    return [
        {
            "name": "Walmart",
            "href": "walmart/task/{DAG_ID}/{RUN_ID}/{TASK_ID}/{MAP_INDEX}",
            "destination": "task_instance",
            "url_route": "walmart_task",
            "applies_to": {"task.class_ref.module_path": _task_modules()},
        }
    ]


def _task_modules() -> list[str]:
    """Return the modules of our operators and sensors; the folders tell, since importing them would take time."""
    here = Path(__file__).parent
    return [
        f"{here.name}.{folder}.{path.stem}"
        for folder in ("operators", "sensors")
        for path in sorted((here / folder).glob("[a-z]*.py"))
    ]


class WalmartPlugin(AirflowPlugin):
    """The page *Walmart*."""

    name = "walmart"
    fastapi_apps = [{"app": LazyApp(), "url_prefix": PREFIX, "name": "Walmart"}]
    external_views = [
        {
            "name": "Walmart",
            "href": "walmart/",
            "destination": "nav",
            "category": "browse",
            "url_route": "walmart",
            "icon": "walmart/static/icon.svg",
            "icon_dark_mode": "walmart/static/icon-dark.svg",
        },
        *_task_tab(),
    ]
