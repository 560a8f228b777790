from __future__ import annotations

from pathlib import Path

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Search for secrets last, in what all other tests left behind, and give all of them time to start Airflow."""
    items.sort(key=lambda item: item.path.name == "test_no_secrets.py")
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(900))
