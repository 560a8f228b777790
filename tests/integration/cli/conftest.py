from __future__ import annotations

import io

import pytest

from airflow_provider_walmart.cli.main import main


@pytest.fixture
def walmart(shop, capfd, monkeypatch):
    """Run ``walmart ...`` and return its exit code, what it says, and what it says of errors."""
    monkeypatch.setattr("sys.stdin", io.StringIO())

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main(arguments)
        shown = capfd.readouterr()
        assert "Traceback" not in shown.err
        return end.value.code, shown.out, shown.err

    return run
