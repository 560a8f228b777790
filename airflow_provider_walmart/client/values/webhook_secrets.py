"""What of a webhook subscription is secret: what its endpoint is protected with, which Walmart repeats in its answers.

Answers go into logs and XCom, and whoever made the subscription knows it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from airflow_provider_walmart.client.catalogue.operations import Operation
from airflow_provider_walmart.client.errors import WalmartConfigError

# Group of the operations that deal with subscriptions.
GROUP = "notifications-management"
# What is secret wherever it stands; of the headers, all values are.
AUTH = ("password", "clientSecret")
HEADERS = "headers"
PLACEHOLDER = "***"


def blacken(operation: Operation, answer: Any) -> None:
    """Black out, in place, what is secret in an answer."""
    if operation.group == GROUP:
        for holder, name, _ in list(_secrets(answer)):
            holder[name] = PLACEHOLDER


def secrets_of(body: Any) -> list[str]:
    """Return what is secret in a request for a subscription, and could come back in an error."""
    found = [(str(holder[name]), part) for holder, name, part in _secrets(_decoded(body))]
    # A header may say as little as "1", and an error would make no sense without its ones.
    return [secret for secret, part in found if part != HEADERS or len(secret) > 3]


def check_secrets(operation: Operation, body: Any) -> None:
    """Refuse a body with a blacked out secret, which would become the secret.

    :raises WalmartConfigError: naming the part that holds it.
    """
    if operation.group != GROUP:
        return
    for holder, name, part in _secrets(_decoded(body)):
        if holder[name] == PLACEHOLDER:
            raise WalmartConfigError(
                f"{operation.name}: {part} holds {PLACEHOLDER}, the placeholder for a secret that is not shown: "
                f"give the secret, or leave {part} out."
            )


def _secrets(holder: Any, part: str = "authDetails") -> Iterator[tuple[dict[str, Any], str, str]]:
    """Yield where secrets are: what holds one, its name there, and the part of the subscription that it belongs to."""
    if isinstance(holder, list):
        for entry in holder:
            yield from _secrets(entry, part)
    elif isinstance(holder, dict):
        for name, value in holder.items():
            inner = HEADERS if name == HEADERS else part
            is_secret = name in AUTH or part == HEADERS or (inner == HEADERS and not isinstance(value, dict))
            if is_secret and value:
                yield holder, name, inner
            else:
                yield from _secrets(value, inner)


def _decoded(body: Any) -> Any:
    if isinstance(body, (str, bytes)):
        with suppress(ValueError, RecursionError):
            return json.loads(body)
    return body
