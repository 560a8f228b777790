"""What ``make demo`` runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

CHECKOUT = Path(__file__).resolve().parents[2]


def test_the_demo_shows_failed_items_and_ends_well() -> None:
    demo = subprocess.run(
        [sys.executable, "-m", "scripts.demo"],
        cwd=CHECKOUT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )

    assert demo.returncode == 0, demo.stdout
    assert "Task check_feeds: failed" in demo.stdout
    assert '"status": "DATA_ERROR"' in demo.stdout
    assert "The run is red, and that is right" in demo.stdout
