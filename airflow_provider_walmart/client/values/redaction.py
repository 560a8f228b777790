"""What must not be said of a request: its secrets, and what it holds of a person.

Walmart's words repeat what they were sent, and go into logs, XCom and error messages.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs

from airflow_provider_walmart.client.catalogue.operations import Operation
from airflow_provider_walmart.client.errors import ErrorDetail, WalmartConfigError

REDACTED = "***"
# The header that proves a caller of Marketplace begins like this.
SECRET_HEADERS = "WM_SEC."  # noqa: S105 - the name of a header
# Fields of the token calls, whose bodies are forms.
SECRET_FIELDS = ("client_secret", "refresh_token", "code")
# Paths of the calls about webhook subscriptions, and the group of those in the catalogue.
SUBSCRIPTION_PATH = "/webhooks/"
SUBSCRIPTION_GROUP = "notifications-management"
# What is secret in a subscription wherever it stands; of the headers, all values are.
SUBSCRIPTION_SECRETS = ("password", "clientSecret")
SUBSCRIPTION_HEADERS = "headers"
# Paths of GoLocal's deliveries, whose bodies are about persons.
DELIVERY_PATH = "/supplychain/transportation/"
# Shorter ones are in any sentence: names as part of other words, numbers as counts.
SHORTEST_TEXT, SHORTEST_NUMBER = 3, 4
# What is too short, and statuses and times, which are not about a person.
_HARMLESS = re.compile(rf"[\s\S]{{0,{SHORTEST_TEXT - 1}}}|[A-Z]+(_[A-Z]+)+|\d{{4}}-\d\d-\d\d.*")
# Of this length and more it is nothing else, whatever stands right before and after it, such as a country code.
UNMISTAKABLE = 7


class Redactor:
    """Redacts what Walmart says about a request.

    Secrets (token, credentials, those of webhook subscriptions) are redacted everywhere; of GoLocal's deliveries also
    all texts and numbers of the body but ids, statuses and times, except in codes.

    :param headers: headers of the request.
    :param body: its body.
    :param path: its path.
    """

    def __init__(self, headers: Mapping[str, Any], body: Any, path: str) -> None:
        self._headers = headers
        self._body = body
        self._path = path

    def detail(self, code: str, field: str, description: str) -> ErrorDetail:
        """Return one error as Walmart worded it, redacted."""
        return ErrorDetail(
            self._without_secrets(code), self._without_persons(field), self._without_persons(description)
        )

    def _without_secrets(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, REDACTED)
        return text

    def _without_persons(self, text: str) -> str:
        text = self._without_secrets(text)
        return self._personal.sub(REDACTED, text) if self._personal else text

    @cached_property
    def _secrets(self) -> list[str]:
        secrets = [*_secrets_in_headers(self._headers), *_secrets_in_form(self._headers, self._body)]
        if SUBSCRIPTION_PATH in self._path:
            secrets += _secrets_in_subscription(self._body)
        return [secret for secret in secrets if secret]

    @cached_property
    def _personal(self) -> re.Pattern[str] | None:
        if DELIVERY_PATH not in self._path:
            return None
        body = _form(self._headers, self._body) or _decoded(self._body)
        found = {text for name, value in _leaves(body) for text in _spellings(name, value)}
        patterns = [
            re.escape(text) if len(text) >= UNMISTAKABLE else rf"(?<!\w){re.escape(text)}(?!\w)"
            for text in sorted(found, key=lambda text: (-len(text), text))
        ]
        return re.compile("|".join(patterns), re.IGNORECASE) if patterns else None


# For what repeats nothing of a request.
NOTHING_SECRET = Redactor({}, None, "")


def redact_subscription(operation: Operation, answer: Any) -> None:
    """Redact, in place, the secrets of webhook subscriptions that Walmart repeats in an answer."""
    if operation.group == SUBSCRIPTION_GROUP:
        for holder, name, _ in list(_subscription_secrets(answer)):
            holder[name] = REDACTED


def check_not_redacted(operation: Operation, body: Any) -> None:
    """Refuse a subscription with a redacted secret, which would become the secret.

    :raises WalmartConfigError: naming the part that holds it.
    """
    if operation.group != SUBSCRIPTION_GROUP:
        return
    for holder, name, part in _subscription_secrets(_decoded(body)):
        if holder[name] == REDACTED:
            raise WalmartConfigError(
                f"{operation.name}: {part} holds {REDACTED}, the placeholder for a secret that is not shown: "
                f"give the secret, or leave {part} out."
            )


# -- secrets -----------------------------------------------------------------------------------------


def _secrets_in_headers(headers: Mapping[str, Any]) -> Iterator[str]:
    for name, value in headers.items():
        if name.upper().startswith(SECRET_HEADERS):
            yield str(value)
    scheme, _, credentials = str(headers.get("Authorization") or "").partition(" ")
    yield credentials or scheme
    if scheme == "Basic":
        with contextlib.suppress(ValueError):
            yield base64.b64decode(credentials).decode().partition(":")[2]


def _secrets_in_form(headers: Mapping[str, Any], body: Any) -> Iterator[str]:
    form = _form(headers, body)
    for name in SECRET_FIELDS:
        yield from form.get(name, ())


def _secrets_in_subscription(body: Any) -> Iterator[str]:
    for holder, name, part in _subscription_secrets(_decoded(body)):
        secret = str(holder[name])
        # A header may say as little as "1", and an error would make no sense without its ones.
        if part != SUBSCRIPTION_HEADERS or len(secret) > 3:
            yield secret


def _subscription_secrets(
    holder: Any, part: str = "authDetails"
) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Yield where secrets are: what holds one, its name there, and the part of the subscription that it belongs to."""
    if isinstance(holder, list):
        for entry in holder:
            yield from _subscription_secrets(entry, part)
    elif isinstance(holder, dict):
        for name, value in holder.items():
            inner = SUBSCRIPTION_HEADERS if name == SUBSCRIPTION_HEADERS else part
            if value and _is_secret(name, value, part, inner):
                yield holder, name, inner
            else:
                yield from _subscription_secrets(value, inner)


def _is_secret(name: str, value: Any, part: str, inner: str) -> bool:
    if name in SUBSCRIPTION_SECRETS or part == SUBSCRIPTION_HEADERS:
        return True
    return inner == SUBSCRIPTION_HEADERS and not isinstance(value, dict)


# -- persons -----------------------------------------------------------------------------------------


def _leaves(tree: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values in a body, each with the name of the field that it stands in."""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from _leaves(value, str(key))
    elif isinstance(tree, (list, tuple)):
        for value in tree:
            yield from _leaves(value, name)
    else:
        yield name, tree


def _spellings(name: str, value: Any) -> Iterator[str]:
    """Yield how Walmart may repeat a value that may be about a person."""
    if name.lower().endswith("id") or isinstance(value, bool):
        return
    if isinstance(value, str):
        if not _HARMLESS.fullmatch(text := value.strip()):
            yield text
    elif isinstance(value, (int, Decimal)):
        # Walmart may repeat a number with or without its zero after the point.
        is_whole = -(2**53) < value < 2**53 and value % 1 == 0
        numbers = {str(value), str(int(value))} if is_whole else {str(value)}
        yield from (number for number in numbers if sum(map(str.isdigit, number)) >= SHORTEST_NUMBER)


def _form(headers: Mapping[str, Any], body: Any) -> dict[str, list[str]]:
    """Return the fields of a body that is a form; none for any other."""
    is_form = isinstance(body, str) and "urlencoded" in str(headers.get("Content-Type"))
    return parse_qs(body) if is_form else {}


def _decoded(body: Any) -> Any:
    """Return what a body holds, numbers with all their digits; None for text that is not JSON."""
    if not isinstance(body, (str, bytes)):
        return body
    with contextlib.suppress(ValueError, RecursionError):
        return json.loads(body, parse_float=Decimal)
    return None
