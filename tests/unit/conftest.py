from __future__ import annotations

import os
import shutil
import tempfile

import pytest

# Airflow reads this when it is imported, so it has to be set before any test module is.
HOME = os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="walmart-unit-")


def pytest_unconfigure() -> None:
    shutil.rmtree(HOME, ignore_errors=True)


@pytest.fixture(autouse=True)
def own_state(tmp_path, monkeypatch):
    """Give every test a shared state of its own."""
    monkeypatch.setenv("AIRFLOW__WALMART__SHARED_STATE_DIR", str(tmp_path / "state"))
