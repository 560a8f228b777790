"""From an answer to what it means: decoded JSON, or the error that says what to do."""

from __future__ import annotations

import base64
import contextlib
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

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
from airflow_provider_walmart.client.transport.headers import ACCESS_TOKEN, CORRELATION_ID
from airflow_provider_walmart.client.transport.retry_after import retry_time
from airflow_provider_walmart.client.values import webhook_secrets

ErrorT = TypeVar("ErrorT", bound=WalmartError)

MAX_MARKUP = 64 * 1024
MAX_DETAILS = 50
MAX_TEXT = 300
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
SECRET_FIELDS = ("client_secret", "refresh_token", "code")

HINTS = {
    "INVALID_REQUEST_HEADER": (
        "A WM_ header is missing or blank. Look at service name, channel type and market of the connection."
    ),
    "RESOURCE_IS_LOCKED": "The order is being changed by somebody else. Retry shortly; this may last up to an hour.",
}
HINT_401 = (
    "A fresh token was refused as well, so the token has not just expired. Either keys and base URL belong to different "
    "environments (production and sandbox do not mix), or the keys may not use this API (keys made for a solution "
    "provider start with no permission), or a proxy drops the header WM_SEC.ACCESS_TOKEN."
)
HINT_ONE_WAY = (
    "The body of this call can be read only once, so the call was not sent again with a new token. Another try has one. "
    "What is given as bytes, as text or as a file is sent again by itself."
)
HINT_403 = (
    "The token is valid, but these keys have no permission for this call. Grant it on the API keys page of "
    "Walmart's developer portal."
)
# A search finds 10,000 records at most, 20,000 in older documents.
TOO_MANY = re.compile(
    r"(more than|exceed\w*)\D{0,40}[12]0,?000\D{0,20}(orders|returns|records|results)", re.I
)
HINT_TOO_MANY = (
    "Split the date range: WalmartExportOperator and WalmartHook.paginate_windows do so by themselves."
)
HINT_IN_BETWEEN = "Something between here and Walmart (a proxy, a gateway) may have answered in its place."
HINT_WRITE = "The write may have happened all the same: look before sending it again."


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


def raise_for_status(response: requests.Response) -> None:
    """Raise the error that a refused call stands for; return quietly for a 2xx.

    :raises WalmartError: the class of the tree that fits the status.
    """
    status = response.status_code
    if 200 <= status < 300:
        return
    details = error_details(response)
    names = {detail.name for detail in details}
    hint = next((HINTS[name] for name in HINTS if name in names), None)
    if status == 400 and any(TOO_MANY.search(detail.description) for detail in details):
        hint = hint or HINT_TOO_MANY
    said = f"answered {status}"
    if status == 401 or (status == 400 and "INVALID_TOKEN" in names):
        refused = HINT_ONE_WAY if _is_one_way(response.request) else HINT_401
        raise answer_error(WalmartAuthError, response, said, details, hint or refused)
    if status == 403:
        raise answer_error(WalmartPermissionError, response, said, details, hint or HINT_403)
    if status == 404:
        missing = answer_error(WalmartNotFoundError, response, said, details, hint)
        if not missing.is_of_walmart:
            missing.hint = HINT_IN_BETWEEN
        raise missing
    if status == 429:
        raise answer_error(
            WalmartRateLimitError,
            response,
            f"{said} (throttled)",
            details,
            hint,
            retry_at=retry_time(response.headers),
        )
    if status >= 500:
        hint = hint if _is_read(response) else HINT_WRITE
        raise answer_error(WalmartServerError, response, said, details, hint)
    if 300 <= status < 400:
        said = f"{said}, a redirect that is not followed"
        hint = "Does the base URL of the connection point at Walmart's API?"
    raise answer_error(WalmartRequestError, response, said, details, hint)


def mark_one_way(request: requests.PreparedRequest) -> None:
    """Note that the body of a request can't be read again, as that of a generator."""
    # As requests itself does when a body doesn't tell where it is.
    request._body_position = object()  # type: ignore[attr-defined]


def _is_one_way(request: requests.PreparedRequest) -> bool:
    return not isinstance(getattr(request, "_body_position", None), (int, type(None)))


def _is_read(response: requests.Response) -> bool:
    return (response.request.method or "").upper() in SAFE_METHODS


def error_details(response: requests.Response) -> list[ErrorDetail]:
    """Return Walmart's errors out of any of its body shapes; an empty list when there are none.

    Understood are ``error`` and ``errors`` lists, ``errors.error``, a bare error object, problem JSON
    (RFC 9457), OAuth's ``error`` with ``error_description``, XML, and an HTML page (its title).
    """
    try:
        decoded = json.loads(response.content)
    except (ValueError, RecursionError):
        found = _from_markup(response.content[:MAX_MARKUP].decode("utf-8", "replace"))
    else:
        found = _from_json(decoded)
    return _details(found, secrets_of(response))


def json_error_details(body: Any, secrets: Sequence[str] = ()) -> list[ErrorDetail]:
    """Return Walmart's errors out of a decoded answer.

    :param secrets: what they could echo; blacked out.
    """
    return _details(_from_json(body), secrets)


def _details(found: Iterator[tuple[Any, Any, Any]], secrets: Sequence[str]) -> list[ErrorDetail]:
    details = []
    for code, field, description in found:
        texts = (_clean(str(part or ""), secrets) for part in (code, field, description))
        details.append(ErrorDetail(*texts))
        if len(details) == MAX_DETAILS:
            break
    return details


def _from_json(body: Any) -> Iterator[tuple[Any, Any, Any]]:
    if not isinstance(body, dict):
        return
    # OAuth's own form has a plain string where Walmart has a list.
    if isinstance(body.get("error"), str):
        yield body["error"], "", body.get("error_description")
        return
    found = body.get("error") or body.get("errors")
    if isinstance(found, dict):
        found = found.get("error", found)
    if not found and any(key in body for key in ("code", "detail", "title", "message")):
        found = body
    for item in found if isinstance(found, list) else [found]:
        if isinstance(item, dict):
            words = (item.get(key) for key in ("description", "detail", "message", "info", "title"))
            yield item.get("code"), item.get("field"), next((word for word in words if word), "")


def _from_markup(text: str) -> Iterator[tuple[str, str, str]]:
    # Patterns instead of a parser: the text is a stranger's, and broken pages must not break us.
    title = re.search(r"<title[^>]{0,300}>(.{1,300}?)</title>", text, re.IGNORECASE | re.DOTALL)
    if title:
        yield "", "", title.group(1)
    for block in re.split(r"</(?:\w+:)?error>", text):
        code, field, description = (
            match.group(1) if (match := re.search(rf"<(?:\w+:)?{tag}>([^<]{{1,300}})<", block)) else ""
            for tag in ("code", "field", "description")
        )
        if code or description:
            yield code, field, description


def secrets_of(response: requests.Response) -> list[str]:
    """Return what the request carried that an answer could echo."""
    headers, body = response.request.headers, response.request.body
    scheme, _, credentials = str(headers.get("Authorization") or "").partition(" ")
    secrets = [str(headers.get(ACCESS_TOKEN) or ""), credentials or scheme]
    if scheme == "Basic":
        with contextlib.suppress(ValueError):
            secrets.append(base64.b64decode(credentials).decode().partition(":")[2])
    if "urlencoded" in str(headers.get("Content-Type")):
        # The token call: a client secret, a refresh token or an authorization code in the form.
        form = parse_qs(body if isinstance(body, str) else "")
        secrets += [value for name in SECRET_FIELDS for value in form.get(name, ())]
    if "/webhooks/" in response.request.path_url:
        secrets += webhook_secrets.secrets_of(body)
    return [secret for secret in secrets if secret]


def _clean(text: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    text = " ".join(text.split())
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "..."


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
