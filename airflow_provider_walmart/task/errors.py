"""Which errors Airflow may retry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_walmart.client.errors import WalmartError


@contextmanager
def fail_without_retry() -> Iterator[None]:
    """Turn an error that no retry can change into one that Airflow doesn't retry; let the others pass.

    :raises AirflowFailException: with the `WalmartError` as its cause.
    """
    try:
        yield
    except WalmartError as error:
        if error.is_final:
            raise AirflowFailException(f"{type(error).__name__}: {error}") from error
        raise
