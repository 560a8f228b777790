"""One read of an operation for each of many rows, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from threading import Event
from typing import Any

from airflow_provider_walmart.client.calls.parallel import check_concurrency, in_order
from airflow_provider_walmart.client.catalogue.operations import Operation, check_reads
from airflow_provider_walmart.client.errors import (
    WalmartAuthError,
    WalmartConfigError,
    WalmartError,
    WalmartRateLimitError,
)
from airflow_provider_walmart.client.values.dates import utc_now

Params = Mapping[str, Any]


def call_many(
    operation: Operation, params: Iterable[Params], call: Callable[[Params], Any], concurrency: int
) -> Iterator[tuple[Params, Any]]:
    """Return an iterator over parameters and what they are answered with, in the order given.

    :param operation: one that changes nothing.
    :param params: parameters of each call; taken as they are needed.
    :param call: makes one call.
    :param concurrency: most calls on their way at the same time, 1 to 64.
    :return: pairs of parameters and answer; in place of the answer of a call that failed its `WalmartError`.
    :raises WalmartConfigError: at once, for an operation that changes something.
    :raises WalmartAuthError: on the way, when Walmart refuses the keys: that is no failure of one call.
    """
    check_reads(operation)

    def read(row: Any, stop: Event) -> tuple[Params, Any]:
        if not isinstance(row, Mapping):
            return row, WalmartConfigError(f"parameters are a {type(row).__name__}; expected a dict.")
        while True:
            try:
                return row, call(row)
            except WalmartAuthError:
                raise
            except WalmartRateLimitError as error:
                if error.retry_at is None:
                    return row, error
                # Not a failure of this one: its turn comes later.
                if stop.wait((error.retry_at - utc_now()).total_seconds()):
                    return row, error
            except WalmartError as error:
                return row, error

    return in_order(params, read, check_concurrency(concurrency))
