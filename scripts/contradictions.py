"""What testers of Walmart's documents find although the sandbox is right, with the reason: ``contradictions.csv``.

A row is one operation, one finding of one tester and its reason: a document that contradicts itself, or Walmart's live API, which
answers otherwise than its document says. Only facts are noted, no wording of the documents.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_suffix(".csv")


@dataclass(frozen=True)
class Contradiction:
    """A finding that is known.

    :param tester: ``schemathesis`` or ``prism``.
    :param operation: method and path.
    :param finding: part of what the tester says.
    :param reason: why the sandbox is right.
    """

    tester: str
    operation: str
    finding: str
    reason: str


class Contradictions:
    """The findings of a tester, sorted into those that are known and those that are not.

    :param tester: which one.
    """

    def __init__(self, tester: str) -> None:
        with FILE.open(encoding="utf-8", newline="") as file:
            known = [Contradiction(**row) for row in csv.DictReader(file)]
        self._known = [row for row in known if row.tester == tester]
        self._met: set[Contradiction] = set()
        self.unknown: dict[tuple[str, str], None] = {}

    def add(self, operation: str, finding: str) -> bool:
        """Note a finding; return whether it is known.

        :param operation: method and path.
        :param finding: what the tester says.
        """
        rows = [row for row in self._known if row.operation == operation and row.finding in finding]
        self._met.update(rows)
        if not rows:
            self.unknown[operation, finding] = None
        return bool(rows)

    def report(self) -> None:
        """Print what is not known, and the reasons of what is."""
        for known in self._known:
            if known in self._met:
                print(f"known: {known.operation}: {known.finding}\n    {known.reason}")
        for operation, finding in self.unknown:
            print(f"NOT KNOWN: {operation}\n    {finding}")
        print(f"{len(self.unknown)} found that are not known, {len(self._met)} that are")
