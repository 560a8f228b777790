"""From an answer to what it means: decoded JSON, or the error that says what to do."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests

from airflow_provider_walmart.client.errors import (
    ErrorDetail,
    WalmartAuthError,
    WalmartError,
    WalmartNotFoundError,
    WalmartPermissionError,
    WalmartRateLimitError,
    WalmartRequestError,
    WalmartServerError,
)
from airflow_provider_walmart.client.transport.error_bodies import error_details
from airflow_provider_walmart.client.transport.headers import CORRELATION_ID
from airflow_provider_walmart.client.transport.hints import (
    HINT_IN_BETWEEN,
    HINT_WRITE,
    STATUS_HINTS,
    hint_for,
)
from airflow_provider_walmart.client.transport.retries import SAFE_METHODS
from airflow_provider_walmart.client.transport.retry_after import retry_time

ErrorT = TypeVar("ErrorT", bound=WalmartError)

# The class of a status, where its hundred doesn't say it.
KINDS: Mapping[int, type[WalmartError]] = {
    HTTPStatus.UNAUTHORIZED: WalmartAuthError,
    HTTPStatus.FORBIDDEN: WalmartPermissionError,
    HTTPStatus.NOT_FOUND: WalmartNotFoundError,
    HTTPStatus.TOO_MANY_REQUESTS: WalmartRateLimitError,
}


def decode_json(response: requests.Response) -> Any:
    """Return the decoded JSON of an answer.

    :return: None for 204 and for an empty body.
    :raises WalmartServerError: when the body is not JSON, whatever its status.
    """
    if response.status_code == 204 or not response.content:
        return None
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        kind = response.headers.get("Content-Type", "no content type").partition(";")[0]
        raise answer_error(
            WalmartServerError,
            response,
            f"answered {response.status_code} with {len(response.content)} bytes that are not JSON ({kind})",
            hint=HINT_IN_BETWEEN if _is_read(response) else f"{HINT_IN_BETWEEN} {HINT_WRITE}",
        ) from None


def json_object(response: requests.Response) -> dict[str, Any]:
    """Return the decoded JSON object of an answer.

    :raises WalmartServerError: when the body is anything else, an empty one included.
    """
    answer = decode_json(response)
    if not isinstance(answer, dict):
        kind = "no body" if answer is None else f"a JSON {type(answer).__name__}"
        raise answer_error(
            WalmartServerError,
            response,
            f"answered {response.status_code} with {kind} in place of a JSON object",
        )
    return answer


def raise_for_status(response: requests.Response, hints: Mapping[int, str] = STATUS_HINTS) -> None:
    """Raise the error that a refused call stands for; return quietly for a 2xx.

    :param hints: what to do about a status.
    :raises WalmartError: the class of the tree that fits the status.
    """
    status = response.status_code
    if 200 <= status < 300:
        return
    details = error_details(response)
    if status == HTTPStatus.BAD_REQUEST and has_invalid_token(details):
        # Old servers say so with the status of any other mistake.
        status = HTTPStatus.UNAUTHORIZED
    kind = KINDS.get(status, WalmartServerError if status >= 500 else WalmartRequestError)
    error = answer_error(kind, response, _said(response.status_code), details)
    if isinstance(error, WalmartRateLimitError):
        error.retry_at = retry_time(response.headers)
    error.hint = hint_for(error, status, hints)
    raise error


def has_invalid_token(details: Collection[ErrorDetail]) -> bool:
    """Return whether errors say that the access token is refused."""
    return any(detail.name == "INVALID_TOKEN" for detail in details)


def _said(status: int) -> str:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return f"answered {status} (throttled)"
    return f"answered {status}" + (", a redirect that is not followed" if 300 <= status < 400 else "")


def _is_read(response: requests.Response) -> bool:
    return (response.request.method or "").upper() in SAFE_METHODS


def answer_error(
    kind: type[ErrorT],
    response: requests.Response,
    said: str,
    details: list[ErrorDetail] | None = None,
    hint: str | None = None,
    **more: Any,
) -> ErrorT:
    """Return an error of the tree that knows which call it is about, and nothing secret of it.

    :param said: what happened, after method and path.
    """
    method = (response.request.method or "").upper()
    path = urlsplit(response.request.url or "").path
    return kind(
        f"{method} {path} {said}",
        status=response.status_code,
        method=method,
        path=path,
        details=details or [],
        correlation_id=str(response.request.headers.get(CORRELATION_ID) or "") or None,
        hint=hint,
        **more,
    )
