"""Access tokens that are at hand: in the memory of the process, and encrypted in the shared state store."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from airflow_provider_walmart.client import errors
from airflow_provider_walmart.client.errors import ErrorDetail, WalmartError, WalmartRateLimitError
from airflow_provider_walmart.client.transport.retry_after import LONGEST_BLOCK
from airflow_provider_walmart.client.transport.shared_state import Resilient
from airflow_provider_walmart.client.values.dates import from_iso

# A failure is kept for at least so long. Seconds.
SHORTEST_LIFE = 30.0


@dataclass(frozen=True)
class Token:
    """An access token.

    :param value: what goes into the header.
    :param expires_at: when Walmart stops accepting it, seconds since 1970 UTC.
    :param renew_at: when to fetch the next one: 60 s or a tenth of its life before that, whichever is more,
        but at most half its life.
    """

    value: str = field(repr=False)
    expires_at: float
    renew_at: float

    def is_good(self, rejected: str | None) -> bool:
        """Return whether Walmart still takes it.

        :param rejected: a token that Walmart refused.
        """
        return self.value != rejected and time.time() < self.expires_at - 5


@dataclass(frozen=True)
class TokenRecord:
    """What the processes share about one credential."""

    token: Token | None = None
    failed_at: float = 0.0
    failure: dict[str, Any] | None = None

    @property
    def blocked_until(self) -> float:
        """Before when Walmart wants no token call, seconds since 1970 UTC; 0 when it named no time."""
        named = self.failure["retry_at"] if self.failure else None
        until = from_iso(named).timestamp() if named else 0.0
        return until if until <= time.time() + LONGEST_BLOCK else 0.0

    @property
    def failure_error(self) -> WalmartError | None:
        """The failure as the error that it was."""
        return _failure_from(self.failure) if self.failure else None

    def has_good_token(self, rejected: str | None) -> bool:
        """Return whether its token is one that Walmart still takes."""
        return self.token is not None and self.token.is_good(rejected)


class TokenCache:
    """The record of one credential.

    :param identity: what a token belongs to, besides the secret.
    :param secret: the client secret: names and encrypts the record.
    :param store: shared state store.
    :param on_secret: called with every token as soon as it is known.
    """

    def __init__(
        self, identity: Sequence[str], secret: str, store: Resilient, on_secret: Callable[[str], None]
    ) -> None:
        self._secret = secret
        self._store = store
        self._on_secret = on_secret
        # Keyed with the secret: the name tells nobody anything, and a new secret is a new name.
        self.name = hmac.new(secret.encode(), json.dumps(identity).encode(), hashlib.sha256).hexdigest()

    def known(self) -> TokenRecord | None:
        """Return what this process knows."""
        return self._store.known.get(self.name)

    def newest(self) -> TokenRecord:
        """Return the record that says most: the one of this process where the store lost it."""
        return max(
            (record for record in (self.stored(), self.known()) if record),
            key=lambda record: (record.token.expires_at if record.token else 0.0, record.failed_at),
            default=TokenRecord(),
        )

    def usable(self, record: TokenRecord | None, rejected: str | None) -> str | None:
        """Return the token of a record if it need not be renewed yet."""
        if record is None or record.token is None:
            return None
        now, token = time.time(), record.token
        # While nobody may ask for the next one, this one is used up.
        lasts = now < token.renew_at or (now < record.blocked_until and token.is_good(rejected))
        if token.value == rejected or not lasts:
            return None
        self._store.known[self.name] = record
        return token.value

    def stored(self) -> TokenRecord | None:
        """Return what the processes share."""
        sealed = self._store.get(self.name)
        if sealed is None:
            return None
        try:
            known = json.loads(self._cipher().decrypt(sealed))
            record = TokenRecord(
                token=Token(**known["token"]) if known["token"] else None,
                failed_at=float(known["failed_at"]),
                failure=known["failure"],
            )
        except (InvalidToken, ValueError, TypeError, KeyError):
            self._store.left_out("damaged or was tampered with")
            return None
        if record.token:
            self._on_secret(record.token.value)
        return record

    def keep(self, record: TokenRecord) -> None:
        """Share it with all processes."""
        self._store.known[self.name] = record
        until = max(record.token.expires_at if record.token else 0.0, record.blocked_until)
        life = max(until - time.time(), SHORTEST_LIFE)
        self._store.put(self.name, self._cipher().encrypt(json.dumps(asdict(record)).encode()), life)

    def _cipher(self) -> Fernet:
        purpose = f"airflow-provider-walmart token v1 {self.name}".encode()
        kdf = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose)
        return Fernet(base64.urlsafe_b64encode(kdf.derive(self._secret.encode())))


def failure_to_dict(error: WalmartError) -> dict[str, Any]:
    """Return an error as JSON has it."""
    retry_at = getattr(error, "retry_at", None)
    return {
        "kind": type(error).__name__,
        "message": error.message,
        "known": {
            name: getattr(error, name) for name in ("status", "method", "path", "correlation_id", "hint")
        },
        "details": [asdict(detail) for detail in error.details],
        "retry_at": retry_at.isoformat() if retry_at else None,
    }


def _failure_from(failure: dict[str, Any]) -> WalmartError:
    kind: type[WalmartError] = getattr(errors, failure["kind"])
    error = kind(
        failure["message"],
        **failure["known"],
        details=[ErrorDetail(**detail) for detail in failure["details"]],
    )
    if isinstance(error, WalmartRateLimitError) and failure["retry_at"]:
        error.retry_at = from_iso(failure["retry_at"])
    return error
