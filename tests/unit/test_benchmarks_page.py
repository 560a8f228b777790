"""What runs of benchmarks keep on their page."""

from __future__ import annotations

import pytest

from tests.benchmarks import run_all
from tests.helpers.figures import Figure


@pytest.fixture
def page(tmp_path, monkeypatch):
    """The page, of benchmarks that find what they were called with."""
    monkeypatch.setattr(run_all, "PAGE", tmp_path / "benchmarks.md")
    monkeypatch.setattr(run_all, "figures_of", lambda run: [Figure(f"found by {run}", "1")])
    return run_all.PAGE


def test_a_run_with_arguments_has_a_section_of_its_own(page):
    assert run_all.main(["week:20000:168", "calls"]) == 0
    assert run_all.main(["week"]) == 0
    found = run_all.sections_of(page.read_text())
    assert [*found] == ["calls", "week", "week 20000 168"]
    assert "found by week 20000 168" in found["week 20000 168"]
    assert "`python -m tests.benchmarks.bench_week 20000 168`" in found["week 20000 168"]


def test_a_benchmark_that_is_none_is_named(page, capsys):
    assert run_all.main(["nope:1"]) == 2
    assert "no such benchmark: nope" in capsys.readouterr().err
    assert not page.exists()
