"""What Walmart Marketplace posts to a webhook of yours: whether it is Walmart's, and what it says.

A subscription names how Walmart proves itself (``authDetails``): a user name and password, an HMAC of the body, or a token
that your own server gave it. None of them dates a delivery, and Walmart delivers again what wasn't answered with 200: so a
delivery may come twice, by Walmart or by somebody who listened, and is recognised by its ``eventId``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import jwt

from airflow_provider_walmart.client.errors import WalmartWebhookError
from airflow_provider_walmart.client.values.dates import parse_time, utc_now

# No notification is that large. Bytes.
MAX_BODY = 1_000_000
# By how much Walmart's clock may be ahead of ours. Seconds.
CLOCKS_DIFFER = 300.0
# How the tokens of `BearerTokens` are signed.
ALGORITHM = "HS256"
# What a payload names things by: no personal data, and enough to ask for the rest.
IDENTIFIERS = (
    "purchaseOrderId",
    "customerOrderId",
    "returnOrderId",
    "sku",
    "itemId",
    "requestId",
    "requestStatus",
    "reportType",
)

# Orders had an event type for each of these until 15 December 2026; since then they are the sub-types of ORDER_UPDATES.
FORMER_ORDER_EVENTS = ("PO_CREATED", "PO_LINE_AUTOCANCELLED", "INTENT_TO_CANCEL")

Headers = Mapping[str, str]
Check = Callable[[Headers, bytes], bool]

_is_word = re.compile(r"[A-Za-z0-9_]{1,100}", re.ASCII).fullmatch
_is_id = re.compile(r"[A-Za-z0-9_.:-]{1,100}", re.ASCII).fullmatch


def parse_notification(
    headers: Headers,
    body: bytes,
    check: Check,
    *,
    max_age: timedelta | None = None,
    now: datetime | None = None,
) -> dict[str, Any]:
    """Return what a delivery says, if it is Walmart's.

    :param headers: headers of the request.
    :param body: its body as it came: the signature is that of its bytes.
    :param check: how the subscription has Walmart prove itself: `basic_auth`, `hmac_sha256`, or `BearerTokens.check`.
    :param max_age: refuse older events; default: none is too old. Walmart delivers again for more than an hour, and the
        samples of its test call may be old; where every ``eventId`` is taken once, this adds nothing.
    :param now: the time (aware); default: now.
    :return: dict with ``eventId`` (short text, good for the id of a DAG run; made of the body where it has none),
        ``eventType``, ``subEventType`` (what an ``ORDER_UPDATES`` is about, such as ``PO_CREATED``; the same for the event types
        of orders that there were before; None for others), ``resourceName`` and ``partnerId`` (text or None), ``eventTime`` (ISO
        8601 in UTC, or None), ``ids`` (what the payload names things by, such as ``purchaseOrderId``; no personal data), and ``payload``: as it came,
        which may hold personal data.
    :raises WalmartWebhookError: with the ``status`` to answer with; it repeats nothing of headers and body.
    """
    if len(body) > MAX_BODY:
        raise WalmartWebhookError(f"The event has {len(body)} bytes; {MAX_BODY} are allowed.", status=413)
    if not check(headers, body):
        raise WalmartWebhookError("The event does not prove that it comes from Walmart.", status=401)
    event = event_object(body)
    head, payload = _object(event.get("source")) or event, _object(event.get("payload"))
    happened = parse_time(head.get("eventTime"))
    if max_age is not None:
        _check_age(happened, max_age, now or utc_now())
    return {
        "eventId": _event_id(head.get("eventId"), body),
        **_types(head, payload),
        "resourceName": _word(head.get("resourceName") or event.get("resourceName")),
        "partnerId": _word(payload.get("partnerId") or event.get("partnerId")),
        "eventTime": happened and happened.isoformat(),
        "ids": _ids(payload),
        "payload": payload,
    }


def event_object(body: bytes | str) -> dict[str, Any]:
    """Return the JSON object that a delivery is, or that is alone in a list.

    :param body: body of the request as it came.
    :raises WalmartWebhookError: when it is something else; it is not repeated.
    """
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        raise WalmartWebhookError(f"The event is not JSON ({len(body)} long).", status=400) from None
    if isinstance(event, list) and len(event) == 1:
        event = event[0]
    if not isinstance(event, dict):
        raise WalmartWebhookError(
            f"The event is a JSON {type(event).__name__}; expected an object.", status=400
        )
    return event


def header_value(headers: Headers, name: str) -> str | None:
    """Return a header, whatever the case of its name; None when it is not there.

    :param headers: headers of a request.
    :param name: name of the header.
    """
    wanted = name.lower()
    return next((value for key, value in headers.items() if str(key).lower() == wanted), None)


# -- proofs ------------------------------------------------------------------------------------------


def basic_auth(user_name: str, password: str, header: str = "Authorization") -> Check:
    """Return the check of ``BASIC_AUTH``: user name and password in a header.

    :param user_name: ``userName`` of the subscription.
    :param password: its ``password``.
    :param header: its ``authHeaderName``; default ``Authorization``.
    :return: a function of headers and body, for ``check`` of `parse_notification`.
    """
    expected = _basic(user_name, password)
    return lambda headers, body: _same(_without_scheme(headers, header, "Basic"), expected)


def hmac_sha256(secret: str, header: str) -> Check:
    """Return the check of ``HMAC``: HMAC-SHA256 of the body in a header, in Base64 or hex.

    :param secret: ``clientSecret`` of the subscription.
    :param header: its ``authHeaderName``.
    :return: a function of headers and body, for ``check`` of `parse_notification`.
    """
    key = _needed(secret, "secret").encode()

    def check(headers: Headers, body: bytes) -> bool:
        digest = hmac.new(key, body, hashlib.sha256).digest()
        given = (header_value(headers, header) or "").strip()
        # The documents leave the form open. Both are compared whatever the first one gives.
        is_base64 = _same(given, base64.b64encode(digest).decode())
        is_hex = _same(given.lower(), digest.hex())
        return is_base64 or is_hex

    return check


class BearerTokens:
    """The tokens of ``OAUTH``: Walmart asks your ``authUrl`` for one, and shows it with every delivery.

    Nothing is stored: a token is the time at which it ends, signed, so that any process with the same secret knows it.

    :param client_id: ``clientId`` of the subscription.
    :param client_secret: its ``clientSecret``.
    :param header: its ``authHeaderName``; default ``Authorization``.
    :param life: for how long a token is good, in seconds; default 3600.
    """

    def __init__(
        self, client_id: str, client_secret: str, header: str = "Authorization", life: int = 3600
    ) -> None:
        self._credentials = _basic(client_id, client_secret)
        self._key = hashlib.sha256(f"webhook token {self._credentials}".encode()).digest()
        self._header = header
        self._life = life

    def issue(self, headers: Headers, body: bytes) -> dict[str, Any]:
        """Return what the token URL answers with, as JSON.

        :param headers: headers of the request for a token.
        :param body: its body, a form.
        :raises WalmartWebhookError: with the ``status`` to answer with, for other credentials or another grant.
        """
        # Walmart's reference names the header of the subscription, its guide the usual one.
        given = [_without_scheme(headers, name, "Basic") for name in (self._header, "Authorization")]
        are_ours = [_same(value, self._credentials) for value in given]
        if not any(are_ours):
            raise WalmartWebhookError("The credentials are not those of the subscription.", status=401)
        form = parse_qs(body[:1000].decode("latin-1"))
        if form.get("grant_type") != ["client_credentials"]:
            raise WalmartWebhookError("The grant is not client_credentials.", status=400)
        return {
            "access_token": jwt.encode({"exp": int(time.time()) + self._life}, self._key, ALGORITHM),
            "token_type": "Bearer",
            "expires_in": self._life,
        }

    def check(self, headers: Headers, body: bytes) -> bool:
        """Return whether a delivery comes with a token of ours that is still good.

        :param headers: headers of the request.
        :param body: its body, which the check doesn't need.
        """
        token = _without_scheme(headers, self._header, "Bearer")
        try:
            jwt.decode(token, self._key, [ALGORITHM], options={"require": ["exp"]})
        except (jwt.InvalidTokenError, UnicodeEncodeError):
            return False
        return True


def _without_scheme(headers: Headers, header: str, scheme: str) -> str:
    """Return the value of a header without the scheme, which Walmart's documents leave out."""
    value = (header_value(headers, header) or "").strip()
    start = value[: len(scheme) + 1].lower()
    return value[len(scheme) + 1 :].strip() if start == f"{scheme.lower()} " else value


def _basic(name: str, secret: str) -> str:
    return base64.b64encode(f"{_needed(name, 'name')}:{_needed(secret, 'secret')}".encode()).decode()


def _needed(value: str, what: str) -> str:
    # An empty secret is one that everybody knows.
    if not value:
        raise WalmartWebhookError(f"The {what} that Walmart proves itself by is empty.")
    return value


def _same(value: str, other: str) -> bool:
    """Compare without telling by the time it takes where the difference is."""
    return hmac.compare_digest(value.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


# -- contents ----------------------------------------------------------------------------------------


def _word(value: Any) -> str | None:
    """Return a short name or number as text; None for anything else, which is a stranger's."""
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    return text if _is_word(text) else None


def _event_id(given: Any, body: bytes) -> str:
    """Return the id of an event; a digest of it, or of the body, where it is none that is good for a name."""
    if isinstance(given, str) and _is_id(given):
        return given
    return hashlib.sha256(str(given).encode("utf-8", "replace") if given else body).hexdigest()[:32]


def _types(head: dict[str, Any], payload: dict[str, Any]) -> dict[str, str | None]:
    """Return what kind of event it is.

    :raises WalmartWebhookError: when that isn't said.
    """
    event_type = _word(head.get("eventType"))
    if event_type is None:
        raise WalmartWebhookError("The event has no eventType.", status=400)
    if event_type in FORMER_ORDER_EVENTS:
        return {"eventType": event_type, "subEventType": event_type}
    sub_type = _word(payload.get("subEventType") or payload.get("notificationType"))
    return {"eventType": event_type, "subEventType": sub_type}


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _ids(payload: dict[str, Any]) -> dict[str, str]:
    """Return what a payload names things by: the first of each, outermost first."""
    found: dict[str, str] = {}
    for part in _parts(payload):
        for name in IDENTIFIERS:
            value = part.get(name)
            if name not in found and isinstance(value, (str, int)) and not isinstance(value, bool):
                text = str(value)
                if 0 < len(text) <= 100 and text.isprintable():
                    found[name] = text
    return found


def _parts(holder: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    if isinstance(holder, list):
        holder = holder[0] if holder else None
    if isinstance(holder, dict):
        yield holder
        for value in holder.values() if depth < 4 else ():
            yield from _parts(value, depth + 1)


def _check_age(happened: datetime | None, max_age: timedelta, now: datetime) -> None:
    if happened is None:
        raise WalmartWebhookError("The event has no eventTime.", status=400)
    age = (now - happened).total_seconds()
    if not -CLOCKS_DIFFER <= age <= max_age.total_seconds():
        raise WalmartWebhookError(
            f"The event is {age:.0f} s old; allowed are {max_age.total_seconds():.0f}.", status=400
        )
