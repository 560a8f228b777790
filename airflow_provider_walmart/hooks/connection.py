"""From an Airflow Connection to the settings of the client."""

from __future__ import annotations

import difflib
import functools
import ipaddress
import json
import logging
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.golocal.settings import GoLocalSettings
from airflow_provider_walmart.client.settings import WalmartSettings, is_loopback
from airflow_provider_walmart.hooks.masking import mask

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

log = logging.getLogger(__name__)

SettingsT = TypeVar("SettingsT", WalmartSettings, GoLocalSettings)

MARKETPLACE_FIELDS = (
    "environment",
    "market",
    "partner_id",
    "channel_type",
    "service_name",
    "refresh_token",
    "sandbox_version",
    "timeout",
)
GOLOCAL_FIELDS = ("environment", "timeout", "fresh_token_per_request")
# What a flag says, be it text or not.
FLAGS = ("true", "false")


def walmart_settings(connection: Connection) -> WalmartSettings:
    """Return the settings that a connection of type ``walmart`` describes.

    :param connection: login = client ID, password = client secret, host = base URL override (scheme and
        port of a URI-style connection are honoured); the rest in extra. Unknown keys there are left alone,
        with a warning.
    :raises WalmartConfigError: naming the connection, the field, the value and what is allowed.
    """
    return _settings(connection, WalmartSettings, MARKETPLACE_FIELDS)


def golocal_settings(connection: Connection) -> GoLocalSettings:
    """Return the settings that a connection of type ``walmart_golocal`` describes.

    :param connection: as for `walmart_settings`.
    :raises WalmartConfigError: naming the connection, the field and what is allowed.
    """
    return _settings(connection, GoLocalSettings, GOLOCAL_FIELDS)


def _settings(connection: Connection, kind: type[SettingsT], fields: Collection[str]) -> SettingsT:
    try:
        extra = _extra(connection)
        for name in extra:
            if name not in fields:
                _warn_of_unknown(str(connection.conn_id), str(name)[:60], tuple(fields))
        known: dict[str, Any] = {name: value for name, value in extra.items() if name in fields}
        return kind(
            client_id=connection.login or "",
            client_secret=connection.password or "",
            base_url=_base_url(connection),
            **known,
        )
    except WalmartConfigError as error:
        raise WalmartConfigError(
            f"Connection {connection.conn_id!r}: {error.message}", field=error.field
        ) from None


@functools.cache
def _warn_of_unknown(conn_id: str, name: str, fields: tuple[str, ...]) -> None:
    """Say once per process that a key of the extra does nothing: a misspelt environment would be production."""
    close = difflib.get_close_matches(name.lower().rpartition("__")[2], fields, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(fields)}."
    log.warning("Connection %r: extra has the key %r, which is not used; %s", conn_id, name, hint)


def _extra(connection: Connection) -> Mapping[str, Any]:
    # Airflow's own extra_dejson logs a broken extra and goes on as if it were empty: then a sandbox
    # connection would quietly become a production one.
    text = str(connection.extra or "").strip()
    if not text:
        return {}
    try:
        extra = json.loads(text)
    except (ValueError, RecursionError):
        raise WalmartConfigError(
            "extra is not JSON (not repeated: it may hold a secret).", field="extra"
        ) from None
    if not isinstance(extra, dict):
        raise WalmartConfigError(
            f"extra is a JSON {type(extra).__name__}; expected an object.", field="extra"
        )
    # As extra_dejson does: Airflow masks the values of fields with telling names. A flag can have one, too, and with
    # its value a word of everyday would be gone from all logs.
    mask({name: value for name, value in extra.items() if str(value).strip().lower() not in FLAGS})
    return extra


def _with_brackets(host: str) -> str:
    """Return a host or base URL with brackets around an IPv6 address, which Airflow takes off those in a URI."""
    scheme, separator, rest = host.rpartition("://")
    address, slash, path = rest.partition("/")
    try:
        address = f"[{ipaddress.IPv6Address(address)}]"
    except ValueError:
        return host
    return f"{scheme}{separator}{address}{slash}{path}"


def _base_url(connection: Connection) -> str:
    host = _with_brackets(str(connection.host or "").strip())
    if not host:
        return ""
    try:
        if "://" not in host:
            default = "http" if is_loopback(urlsplit(f"//{host}").hostname or "") else "https"
            host = f"{connection.schema or default}://{host}"
        parts = urlsplit(host)
        # The URI form of a connection keeps the port apart from the host; the form's hidden field sends 0.
        if connection.port and parts.port is None:
            return urlunsplit(parts._replace(netloc=f"{parts.netloc}:{connection.port}"))
    except ValueError:
        pass  # the settings say what is wrong with it
    return host
