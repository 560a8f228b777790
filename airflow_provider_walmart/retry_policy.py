"""When a failed task is to be tried again, on Airflow 3.3 and later."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_walmart.client.errors import WalmartError, WalmartRateLimitError
from airflow_provider_walmart.client.values.dates import utc_now

try:
    from airflow.sdk.definitions.retry_policy import RetryDecision, RetryPolicy
except ImportError:
    raise ImportError(
        "WalmartRetryPolicy needs Airflow 3.3. On older versions the operators fail for good by themselves where no "
        "retry can help; set retry_delay for the rest."
    ) from None

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

# A little after the named time, for clocks that differ.
GRACE = timedelta(seconds=2)


class WalmartRetryPolicy(RetryPolicy):
    """Retries at the time that Walmart named, and never what no retry can change.

    A task that was throttled is tried again at ``retry_at``; 400, 401, 403 and bad input fail at once, also in
    TaskFlow tasks that use the hook. Everything else follows ``retry_delay`` of the task. Give it as
    ``retry_policy=WalmartRetryPolicy()`` to a task, or in ``default_args``.
    """

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Context | None = None,
    ) -> RetryDecision:
        """Decide by the error alone."""
        if isinstance(exception, WalmartRateLimitError) and exception.retry_at:
            delay = max(exception.retry_at - utc_now(), timedelta(0)) + GRACE
            return RetryDecision.retry(
                delay=delay, reason=f"Walmart asks to come back at {exception.retry_at}"
            )
        if isinstance(exception, WalmartError) and exception.is_final:
            return RetryDecision.fail(reason="no retry can change this")
        return RetryDecision.default()

    def serialize(self) -> dict[str, Any]:
        """Return nothing: the policy has no parameters."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> WalmartRetryPolicy:
        """Return the policy."""
        return cls()
