"""When polls that fail are more than a transient error."""

from __future__ import annotations

from airflow_provider_walmart.client.errors import WalmartError, WalmartRateLimitError

# So many failed polls in a row end a wait.
MAX_FAILED_POLLS = 10


class PollFailures:
    """Counts the polls that failed in a row, wherever something is waited for."""

    def __init__(self) -> None:
        self.in_a_row = 0

    def reset(self) -> None:
        """Take note of a poll that did not fail."""
        self.in_a_row = 0

    def may_go_on(self, error: Exception) -> bool:
        """Take note of a poll that failed, and return whether to poll again.

        A 429 is no failure: it says when to come back.
        """
        if isinstance(error, WalmartRateLimitError):
            return True
        self.in_a_row += 1
        is_final = isinstance(error, WalmartError) and error.is_final
        return self.in_a_row < MAX_FAILED_POLLS and not is_final

    def text(self, error: Exception) -> str:
        """Return what the log says of a poll that failed while waiting goes on."""
        is_throttled = isinstance(error, WalmartRateLimitError)
        what = "Throttled" if is_throttled else f"Poll {self.in_a_row} in a row failed"
        return f"{what}, still waiting: {error}"
