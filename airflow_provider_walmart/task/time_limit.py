"""For how long one try of a task may wait."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import AirflowTaskTimeout

from airflow_provider_walmart.client.errors import WalmartTimeoutError

# A trigger's own deadline comes before that of its deferral, which knows nothing of what was waited for.
GRACE = timedelta(minutes=10)


@dataclass(frozen=True)
class TimeLimit:
    """The earlier of a task's ``timeout`` and Airflow's ``execution_timeout``, which no longer runs once a task is deferred.

    :param since: when waiting began, seconds since 1970 UTC.
    :param deadline: when it is to end, likewise.
    :param is_execution_timeout: whether that is ``execution_timeout``.
    """

    since: float
    deadline: float
    is_execution_timeout: bool = False

    @classmethod
    def of(
        cls, timeout: timedelta, execution_timeout: timedelta | None, *, began: float, since: float
    ) -> TimeLimit:
        """Return the limit of a wait.

        :param began: when the try began, seconds since 1970 UTC.
        :param since: when waiting begins, likewise.
        """
        deadline = since + timeout.total_seconds()
        if execution_timeout is not None and began + execution_timeout.total_seconds() < deadline:
            return cls(since, began + execution_timeout.total_seconds(), is_execution_timeout=True)
        return cls(since, deadline)

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> TimeLimit:
        """Return the limit that a trigger was given."""
        return cls(**event["resume"]["limit"])

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON, for a trigger."""
        return asdict(self)

    @property
    def seconds(self) -> float:
        """How long the wait may take."""
        return self.deadline - self.since

    @property
    def of_deferral(self) -> timedelta:
        """How long Airflow lets the task be deferred."""
        return timedelta(seconds=max(0.0, self.seconds)) + GRACE

    @contextmanager
    def enforced(self) -> Iterator[None]:
        """Have a wait that takes too long end as Airflow ends it in the worker.

        :raises AirflowTaskTimeout: where ``execution_timeout`` is the earlier limit.
        """
        try:
            yield
        except WalmartTimeoutError as error:
            if self.is_execution_timeout:
                raise AirflowTaskTimeout(f"execution_timeout has passed. {error}") from error
            raise
