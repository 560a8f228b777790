"""What is special about exporting an operation, one row each: dates, and what Walmart hides by default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from airflow_provider_walmart.client.catalogue.operations import find
from airflow_provider_walmart.client.errors import WalmartConfigError


@dataclass(frozen=True)
class Period:
    """A pair of parameters that limits a search to a time window.

    :param start: parameter with its begin.
    :param end: parameter with its end.
    :param field: field of a record that holds the same date; empty where records don't say.
    """

    start: str
    end: str
    field: str = ""

    @property
    def is_of_changes(self) -> bool:
        """Whether a record moves to another date while it is there: no field of it holds when it last changed."""
        return not self.field


@dataclass(frozen=True)
class Export:
    """Ready-made settings for one operation.

    :param periods: time windows that records are found by, the best one first; none: all records are read.
    :param since: parameter with the first day, of operations that take no end.
    :param variants: parameters of searches that have to be made one by one to see everything.
    :param beginning: parameter that limits the search to recent records unless it is set far back.
    :param lookback: how far before a watermark the next search begins, for what Walmart's index shows late.
    """

    periods: tuple[Period, ...] = ()
    since: str = ""
    variants: tuple[Mapping[str, str], ...] = ({},)
    beginning: str = ""
    lookback: timedelta = timedelta(0)

    def own_period(self, params: Mapping[str, Any]) -> Period | None:
        """Return the time window that the caller sets himself, be it one end of it; None for none."""
        return next(
            (period for period in self.periods if params.get(period.start) or params.get(period.end)), None
        )

    def period(self, cursor_field: str) -> Period:
        """Return the time window to use: the best one, or that of a date in the records.

        :raises WalmartConfigError: when records can't be searched by that field.
        """
        found = [period for period in self.periods if cursor_field in ("", period.field)]
        if not found:
            known = ", ".join(period.field for period in self.periods if period.field)
            raise WalmartConfigError(
                f"cursor_field is {cursor_field!r}; Walmart searches this operation by {known}. "
                "Without a cursor_field it is searched by last change where Walmart can do that."
            )
        return found[0]


LATE = timedelta(minutes=10)
CREATED = Period("createdStartDate", "createdEndDate", "orderDate")
# Orders that Walmart or a third party ships are hidden unless they are asked for.
SELLER, WFS, THIRD = ({"shipNodeType": who} for who in ("SellerFulfilled", "WFSFulfilled", "3PLFulfilled"))
# Both filters are on unless said otherwise.
NARROWED = ("marketTrending", "itemsWithInventory")

EXPORTS: dict[str, Export] = {
    "getAllOrders": Export(
        (Period("lastModifiedStartDate", "lastModifiedEndDate"), CREATED),
        variants=(SELLER, WFS, THIRD),
        beginning="createdStartDate",
        lookback=LATE,
    ),
    # Walmart acknowledges its own orders at once, so they are never among these.
    "getAllReleasedOrders": Export((CREATED,), variants=(SELLER, THIRD), lookback=LATE),
    "getReturns": Export(
        (
            Period("returnLastModifiedStartDate", "returnLastModifiedEndDate"),
            Period("returnCreationStartDate", "returnCreationEndDate", "returnOrderDate"),
        ),
        lookback=LATE,
    ),
    "getAllFeedStatuses": Export(lookback=LATE),
    "getUnpublishedItems": Export(
        since="fromDate",
        variants=tuple(
            dict(zip(NARROWED, values, strict=True))
            for values in (("false", "false"), ("false", "true"), ("true", "false"), ("true", "true"))
        ),
    ),
}


def export_of(operation: str) -> Export:
    """Return the settings of an operation; of one without a row, those that change nothing."""
    return EXPORTS.get(find(operation).name, Export())
