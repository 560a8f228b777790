"""The plugin: what it registers, and that no process but the API server pays for it."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import entry_points

from airflow_provider_walmart import plugin
from airflow_provider_walmart.plugin import WalmartPlugin

HEAVY = {"fastapi", "starlette", "requests", "jinja2", "cachetools", "msgspec", "pyrate_limiter"}

SCRIPT = """
import json, sys
import airflow.plugins_manager
before = set(sys.modules)
import airflow_provider_walmart.plugin
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def test_airflow_finds_the_provider_info():
    (point,) = entry_points(group="airflow.plugins", name="walmart")
    assert point.load() is WalmartPlugin


def test_importing_it_imports_three_small_modules():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    new = set(json.loads(done.stdout.splitlines()[-1]))
    assert not {name.partition(".")[0] for name in new} & HEAVY
    ours = {name for name in new if name.startswith("airflow_provider_walmart.")}
    assert ours == {
        "airflow_provider_walmart.plugin",
        "airflow_provider_walmart.web",
        "airflow_provider_walmart.web.lazy",
    }
    assert not any(name.startswith("airflow.api_fastapi") for name in new)


def test_the_tab_of_a_task_is_registered_only_where_it_can_be_kept_to_our_tasks(monkeypatch):
    for version, destinations in (("3.3.2", []), ("3.4.0", ["task_instance"]), ("3.10.1", ["task_instance"])):
        monkeypatch.setattr(plugin, "airflow_version", version)
        assert [view["destination"] for view in plugin._task_tab()] == destinations


def test_the_tab_is_shown_on_tasks_of_all_our_modules_and_of_no_other():
    """Airflow compares the module of a task with each of the list, as a whole."""
    from airflow_provider_walmart.get_provider_info import get_provider_info

    info = get_provider_info()
    ours = {
        module
        for kind in ("operators", "sensors")
        for group in info[kind]
        for module in group["python-modules"]
    }
    assert ours <= set(plugin._task_modules())
    assert all(name.startswith("airflow_provider_walmart.") for name in plugin._task_modules())
