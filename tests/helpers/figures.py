"""What a benchmark found, beside the budget that it is held to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    :param what: what was measured.
    :param ours: what this package reached, with its unit.
    :param beside: what the alternatives reached in the same run, and which they are.
    :param budget: what it is to reach; empty: no budget, for information.
    :param met: whether it does; None without a budget.
    """

    what: str
    ours: str
    beside: str = ""
    budget: str = ""
    met: bool | None = None
