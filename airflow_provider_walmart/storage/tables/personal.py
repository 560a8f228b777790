"""What becomes of personal data in tables: dropped, hashed or kept."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Any

from airflow_provider_walmart.client.values.choices import check_choice
from airflow_provider_walmart.storage.tables import PERSONAL_DATA
from airflow_provider_walmart.storage.tables.values import MISFIT, encode, text

# Of fields that Walmart has not documented, only the name says what they are about.
PERSONAL_NAME = re.compile(
    r"phone|e-?mail|address|customer.?name|(first|last|middle|full|given|family|complete|contact|recipient).?name"
    r"|buyer|recipient|pickup.?(by|person)|latitude|longitude|birth",
    re.IGNORECASE,
)


class Personal:
    """What to do with personal data.

    :param choice: ``drop``, ``hash`` or ``keep``.
    :param secret: secret of the connection, which hashes are keyed with.
    :raises WalmartConfigError: for another choice.
    """

    def __init__(self, choice: str, secret: str = "") -> None:
        check_choice("personal_data", choice, PERSONAL_DATA)
        self.choice = choice
        # Not the secret itself: whoever guesses it tries it against hashes of known texts.
        self._key = (
            hashlib.scrypt(secret.encode(), salt=b"walmart personal data", n=2**14, r=8, p=1)
            if choice == "hash"
            else b""
        )

    def value(self, value: Any) -> Any:
        """Return what the column of a personal value holds, None for nothing.

        Equal values have equal hashes, in all tables and runs of a connection.
        """
        if value is None or self.choice == "drop":
            return None
        plain = text(value)
        if plain is MISFIT:
            plain = encode(value)
        if self.choice == "keep":
            return plain
        return (
            hmac.new(self._key, plain.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
            if plain
            else ""
        )

    def unknown(self, value: Any, is_personal: bool) -> Any:
        """Return what remains of a value that no column took; None for nothing.

        :param is_personal: whether what it belongs to is about a person.
        """
        if self.choice == "keep":
            return value
        if is_personal:
            return self.value(value)
        if isinstance(value, dict):
            kept = {
                name: self.unknown(inner, bool(PERSONAL_NAME.search(name))) for name, inner in value.items()
            }
            return {name: inner for name, inner in kept.items() if inner is not None} or None
        if isinstance(value, list):
            return [self.unknown(inner, False) for inner in value]
        return value
