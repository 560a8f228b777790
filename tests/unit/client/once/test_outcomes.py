"""Whether a write that failed may have happened all the same."""

from __future__ import annotations

import pytest

from airflow_provider_walmart.client.errors import (
    ErrorDetail,
    WalmartAuthError,
    WalmartConnectionError,
    WalmartRateLimitError,
    WalmartRequestError,
    WalmartServerError,
    WalmartUnknownOutcomeError,
)
from airflow_provider_walmart.client.once.outcomes import may_have_arrived, never_arrived

TOKEN = "/v3/token"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (WalmartUnknownOutcomeError("lost", path="/v3/feeds"), True),
        (WalmartServerError("503", path="/v3/feeds"), True),
        # The token call comes before the write.
        (WalmartServerError("503", path=TOKEN), False),
        (WalmartConnectionError("refused", path="/v3/feeds"), False),
        (WalmartRequestError("400", path="/v3/feeds"), False),
        (WalmartRateLimitError("429", path="/v3/feeds"), False),
        (WalmartAuthError("401", path="/v3/feeds"), False),
    ],
)
def test_a_write_may_have_arrived_when_its_answer_got_lost_or_the_server_failed(error, expected):
    assert may_have_arrived(error, TOKEN) is expected


def test_the_error_of_a_write_that_never_arrived_says_what_came_first():
    details = (ErrorDetail("A.B", "field", "words"),)
    lost = WalmartUnknownOutcomeError(
        "The answer got lost", path="/v3/feeds", details=details, correlation_id="c-1"
    )
    error = never_arrived("The feed", lost)
    assert isinstance(error, WalmartConnectionError)
    assert error.message == (
        "The feed never arrived at Walmart, as what it lists shows, so the next try may send it. What came first: "
        "The answer got lost"
    )
    assert (error.method, error.path, error.details, error.correlation_id) == (
        "POST",
        "/v3/feeds",
        details,
        "c-1",
    )
