"""Points in time are read, made and converted by one module."""

import ast
from pathlib import Path

import pytest

import airflow_provider_walmart

PACKAGE = Path(airflow_provider_walmart.__file__).parent
DATES = PACKAGE / "client" / "values" / "dates.py"
# What makes a point in time of a text, a number or the clock, or moves one to another time zone.
CALLS = {
    "astimezone",
    "combine",
    "fromisoformat",
    "fromtimestamp",
    "now",
    "parsedate_to_datetime",
    "strftime",
    "strptime",
    "utcfromtimestamp",
    "utcnow",
}
# The sandbox imports nothing of the rest; columns of tables are in American forms as well.
OTHERS = (PACKAGE / "sandbox", PACKAGE / "storage" / "tables" / "values.py")
MODULES = sorted(
    path
    for path in PACKAGE.rglob("*.py")
    if path != DATES and not any(path.is_relative_to(other) for other in OTHERS)
)


def calls(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in CALLS:
                yield name, node.lineno


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_leaves_points_in_time_to_the_module_of_dates(path):
    assert list(calls(path)) == []


def test_the_module_of_dates_is_the_one_that_makes_them():
    assert {name for name, _ in calls(DATES)} >= {"now", "fromisoformat", "fromtimestamp", "astimezone"}
