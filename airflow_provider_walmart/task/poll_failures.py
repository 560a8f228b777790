"""When polls that fail are more than a transient error."""

from __future__ import annotations

import math
import time

from airflow_provider_walmart.client.errors import WalmartAuthError, WalmartError, WalmartRateLimitError
from airflow_provider_walmart.client.values.dates import from_epoch

# So many failed polls in a row end a wait.
MAX_FAILED_POLLS = 10
# Keys that worked and are refused were reset at Walmart; somebody is about to edit the connection. Waiting goes on for so
# long, and tries keys no more often than this. Seconds.
KEYS_MAY_BE_REFUSED_FOR = 3600.0
TRY_KEYS_EVERY = 60.0


class PollFailures:
    """Counts the polls that failed in a row, wherever something is waited for.

    :param keys_worked: whether the keys were good before the first poll.
    """

    def __init__(self, *, keys_worked: bool = False) -> None:
        self.in_a_row = 0
        self.keys_worked = keys_worked
        #: Since when the keys are refused, seconds since 1970 UTC; None while they aren't.
        self.refused_since: float | None = None
        self._not_before = -math.inf

    def reset(self) -> None:
        """Take note of a poll that did not fail."""
        self.in_a_row = 0
        self.keys_worked = True
        self.refused_since = None
        self._not_before = -math.inf

    def may_go_on(self, error: Exception) -> bool:
        """Take note of a poll that failed, and return whether to poll again.

        A 429 is no failure: it says when to come back. Nor are keys that worked and are refused now, for an hour: whoever
        waits reads the connection again.
        """
        if isinstance(error, WalmartRateLimitError):
            return True
        self.in_a_row += 1
        if isinstance(error, WalmartAuthError) and self.keys_worked:
            now = time.time()
            self.refused_since = self.refused_since or now
            self._not_before = time.monotonic() + TRY_KEYS_EVERY
            return now - self.refused_since < KEYS_MAY_BE_REFUSED_FOR
        is_final = isinstance(error, WalmartError) and error.is_final
        return self.in_a_row < MAX_FAILED_POLLS and not is_final

    def pause(self, usual: float = 0.0) -> float:
        """Return how long to wait before the next poll, in seconds: refused keys aren't tried as often as others.

        :param usual: how long it would be otherwise.
        """
        return max(usual, self._not_before - time.monotonic())

    def text(self, error: Exception) -> str:
        """Return what the log says of a poll that failed while waiting goes on."""
        if isinstance(error, WalmartRateLimitError):
            return f"Throttled, still waiting: {error}"
        if self.refused_since is not None:
            until = from_epoch(self.refused_since + KEYS_MAY_BE_REFUSED_FOR)
            return (
                f"The keys are refused. Edit the connection: it is read again before each poll, until {until:%H:%M} UTC. "
                f"Nothing is sent again. {error}"
            )
        return f"Poll {self.in_a_row} in a row failed, still waiting: {error}"
