"""Templates that users copy render in every run, also in one that was triggered without a logical date."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
TEMPLATE = re.compile(r"\{\{(.*?)\}\}")
#: What Airflow 3 leaves out of the context of a run without a logical date.
OF_A_DATE = re.compile(r"\b(data_interval_\w+|logical_date|ds|ds_nodash|ts|ts_nodash)\b")
COPIED = [
    CHECKOUT / "README.md",
    *sorted(CHECKOUT.glob("docs/*.md")),
    *sorted(CHECKOUT.glob("example_dags/*.py")),
]


def templates(path: Path) -> list[str]:
    """Return the templates in the Python code of a document, or in a module."""
    text = path.read_text()
    if path.suffix == ".md":
        text = "\n".join(re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))
    return TEMPLATE.findall(text)


@pytest.mark.parametrize("path", COPIED, ids=lambda path: path.name)
def test_no_template_needs_a_logical_date(path):
    # A filter may have such a name.
    needing = [found for found in templates(path) if OF_A_DATE.search(re.sub(r"\|\s*\w+", "", found))]
    assert needing == []


def test_there_are_templates():
    assert sum(len(templates(path)) for path in COPIED) > 5
