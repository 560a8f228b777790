"""Writes ``docs/fault-matrix.md``: what the fault matrix expects, and its tests hold.

Run by ``make fault-matrix``, which then runs the tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from tests.integration.fault_matrix.entry_points import ENTRY_POINTS
from tests.integration.fault_matrix.expectations import cells, expected
from tests.integration.fault_matrix.troubles import TROUBLES

HERE = Path(__file__).resolve().parent
PAGE = HERE.parents[2] / "docs" / "fault-matrix.md"

INTRODUCTION = """\
# Fault matrix

<!-- Made by `make fault-matrix`; don't edit. -->

Each cell is a test over real HTTP against the sandbox: {cells} of them, {entry_points} entry points through
{troubles} troubles. A cell says how one try ends, and how many requests of the kind in trouble (where it isn't one)
and tokens (likewise) it takes. *For good* means that Airflow doesn't retry.

Each cell also shows that

- the error, or the log where time ran out or it went well in the end, names the cause;
- no secret is in the log, in the error or in its traceback, and no other host gets to see one;
- a write is done once at most, and what the error claims of it is true;
- no half file is left;
- once the trouble is over, the next try of the task ends well, and Walmart holds one of everything.

Polls that fail while a task waits are counted: after ten in a row it gives up (two in this matrix). A 429 does not
count: the task waits until its time-out. Nor do keys that worked and are refused: for an hour (not at all in this matrix) the
connection is read again.
"""
TABLES = {
    "Reading": ("read", "file"),
    "Waiting": ("wait",),
    "Writing": ("write",),
}


def text() -> str:
    """Return the page."""
    head = INTRODUCTION.format(cells=len(cells()), entry_points=len(ENTRY_POINTS), troubles=len(TROUBLES))
    return "\n".join([head, *(line for name, kinds in TABLES.items() for line in table(name, kinds))])


def table(name: str, kinds: tuple[str, ...]) -> Iterator[str]:
    entries = [entry for entry in ENTRY_POINTS if entry.kind in kinds]
    yield f"## {name}\n"
    yield f"| trouble | {' | '.join(entry.name for entry in entries)} |"
    yield "|---" * (len(entries) + 1) + "|"
    for _, alike in groupby(TROUBLES, key=lambda trouble: trouble.group):
        troubles = list(alike)
        row = [expected(troubles[0], entry) for entry in entries]
        if any(row):
            names = "<br>".join(trouble.name for trouble in troubles)
            yield f"| {names} | {' | '.join(str(cell or '-') for cell in row)} |"
    yield ""


if __name__ == "__main__":
    PAGE.write_text(text())
