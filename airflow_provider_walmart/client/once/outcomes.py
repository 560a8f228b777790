"""Whether a write that failed may have happened all the same."""

from __future__ import annotations

from airflow_provider_walmart.client.errors import (
    WalmartConnectionError,
    WalmartError,
    WalmartServerError,
    WalmartUnknownOutcomeError,
)


def may_have_arrived(error: WalmartError, token_path: str) -> bool:
    """Return whether Walmart may have acted on a write that ended with an error.

    :param token_path: path of the token call: it comes before the write, and its failure means that nothing was sent.
    """
    if isinstance(error, WalmartServerError):
        return error.path != token_path
    return isinstance(error, WalmartUnknownOutcomeError)


def never_arrived(what: str, error: WalmartError) -> WalmartConnectionError:
    """Return the error for a write that ended with another one, and of which Walmart turned out to know nothing.

    :param what: the write, in words.
    """
    return WalmartConnectionError(
        f"{what} never arrived at Walmart, as what it lists shows, so the next try may send it. What came "
        f"first: {error.message}",
        method="POST",
        path=error.path,
        details=error.details,
        correlation_id=error.correlation_id,
    )
