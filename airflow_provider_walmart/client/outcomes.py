"""Whether a write that failed may have happened all the same."""

from __future__ import annotations

from airflow_provider_walmart.client.errors import (
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
