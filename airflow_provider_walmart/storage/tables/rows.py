"""Rows of a table while records are read into them, column by column, and what no column takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

# Names that are new at Walmart may be any number; a log line takes only some.
MOST_NAMES = 50

#: Where a value is in a record: the names on the way to it.
Path = tuple[str, ...]


@dataclass(frozen=True)
class Rows:
    """Rows of a table.

    :param count: how many.
    :param columns: the values of each column; None for a column without any.
    """

    count: int
    columns: Sequence[list[Any] | None]


class Counts:
    """How often values found no column, by table and field."""

    def __init__(self) -> None:
        #: Values that did not fit the type of their column, or were rounded.
        self.misfits: Counter[str] = Counter()
        #: Fields that no column is declared for.
        self.unknown: Counter[str] = Counter()

    @staticmethod
    def count(counter: Counter[str], name: str, times: int = 1) -> None:
        """Count a name, up to so many of them."""
        counter[name if name in counter or len(counter) < MOST_NAMES else "other fields"] += times

    def summary(self) -> str:
        """Return what a log says of them, empty for none."""
        return "; ".join(
            f"{what}: {_listed(counter)}"
            for what, counter in (("not as declared", self.misfits), ("not known", self.unknown))
            if counter
        )


def _listed(counter: Counter[str]) -> str:
    listed = ", ".join(f"{name} ({count})" for name, count in counter.most_common(10))
    return f"{listed} and {len(counter) - 10} more" if len(counter) > 10 else listed


@dataclass
class Reading:
    """The rows that are being read of a table.

    :param columns: as in `Rows`; values of second places of columns stand behind them.
    """

    columns: list[list[Any] | None]
    #: What goes to ``_extra``, by row.
    extras: dict[int, dict[str, Any]] = field(default_factory=dict)
    #: Lists that are rows of other tables: one for each row, by what reads them.
    lists: dict[Any, list[list[Any]]] = field(default_factory=dict)

    #: What goes to ``_extra`` besides, by row: that of the table around it, where that is not written.
    passed_on: dict[int, dict[str, Any]] = field(default_factory=dict)

    def keep(self, row: int, path: Path, value: Any) -> None:
        """Keep a value of a row that no column takes, where it was; None is nothing to keep."""
        if value is None:
            return
        level = self.extras.setdefault(row, {})
        for name in path[:-1]:
            level = level.setdefault(name, {})
        level[path[-1]] = value
