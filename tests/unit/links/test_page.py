"""Where the link from a task to its page leads."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace

import pytest

from airflow_provider_walmart.get_provider_info import get_provider_info
from airflow_provider_walmart.links.page import WalmartPageLink

KEY = SimpleNamespace(
    dag_id="a_dag", run_id="scheduled__2026-11-30T06:00:00+00:00", task_id="group.a_task", map_index=2
)


@pytest.mark.parametrize(
    ("base_url", "prefix"),
    [("", ""), ("http://api-server:8080", ""), ("https://example.com/airflow/", "/airflow")],
)
def test_the_link_is_a_path_below_that_of_the_base_url(monkeypatch, base_url, prefix):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base_url)
    assert WalmartPageLink().get_link(None, ti_key=KEY) == (
        f"{prefix}/walmart/task/a_dag/scheduled__2026-11-30T06%3A00%3A00%2B00%3A00/group.a_task/2"
    )


def test_all_tasks_that_the_page_shows_something_of_have_it():
    info = get_provider_info()
    modules = [
        import_module(name)
        for kind in ("operators", "sensors")
        for entry in info[kind]
        for name in entry["python-modules"]
    ]
    lacking = {
        name
        for module in modules
        for name, found in vars(module).items()
        if isinstance(found, type)
        and found.__module__ == module.__name__
        and name.startswith("Walmart")
        and not any(isinstance(link, WalmartPageLink) for link in found.operator_extra_links)
    }
    assert lacking == {"WalmartApiOperator", "WalmartOrdersDueOperator", "WalmartPerformanceOperator"}
