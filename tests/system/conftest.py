from __future__ import annotations

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Search for secrets last, in what all other tests left behind."""
    items.sort(key=lambda item: item.path.name == "test_no_secrets.py")
