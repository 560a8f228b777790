"""What the hooks of Walmart's APIs have in common: the account of a connection, its test, and plain calls."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import urlsplit

from airflow import __version__ as airflow_version
from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_walmart import __version__
from airflow_provider_walmart.client import errors
from airflow_provider_walmart.client.transport.retries import ATTEMPTS
from airflow_provider_walmart.client.transport.shared_state import MemoryStore, Resilient

if TYPE_CHECKING:
    import requests
    from airflow.providers.common.compat.sdk import Connection

    from airflow_provider_walmart.client.calls.query import Params
    from airflow_provider_walmart.client.golocal.client import GoLocalClient
    from airflow_provider_walmart.client.golocal.settings import GoLocalSettings
    from airflow_provider_walmart.client.marketplace import MarketplaceClient
    from airflow_provider_walmart.client.settings import WalmartSettings

TEST_TIMEOUT = 10.0

SettingsT = TypeVar("SettingsT", bound="WalmartSettings | GoLocalSettings")
ClientT = TypeVar("ClientT", bound="MarketplaceClient | GoLocalClient")


class AccountHook(BaseHook, Generic[SettingsT, ClientT]):
    """Talks to one of Walmart's APIs with the account of a connection."""

    conn_name_attr: str
    conn_type: str
    hook_name: str

    # -- connection form of Airflow 3.1; newer ones read get_provider_info() and never call these -------

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the form fields for Airflow 3.1."""
        from airflow_provider_walmart.hooks.legacy_form import connection_form_widgets

        return connection_form_widgets(cls.conn_type)

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return labels and hidden fields for Airflow 3.1."""
        from airflow_provider_walmart.hooks.legacy_form import ui_field_behaviour

        return ui_field_behaviour(cls.conn_type)

    # -- the account ---------------------------------------------------------------------------------

    @cached_property
    def client(self) -> ClientT:
        """The client of the connection's account."""
        return self.client_of(self._settings(), current_settings=self._settings)

    @staticmethod
    def settings_of(connection: Connection) -> SettingsT:
        """Return the settings that a connection describes, and have its secrets masked in all logs."""
        raise NotImplementedError

    @staticmethod
    def client_of(
        settings: SettingsT,
        store: Resilient | None = None,
        attempts: int = ATTEMPTS,
        current_settings: Callable[[], SettingsT] | None = None,
    ) -> ClientT:
        """Return a client for an account.

        :param store: where it keeps what must outlive the process; default: the store of the deployment.
        :param attempts: how often a call that changes nothing is sent when it fails in a way that may pass.
        :param current_settings: returns the account as the connection describes it now, for keys that are edited while the
            client is used.
        """
        raise NotImplementedError

    def get_conn(self) -> requests.Session:
        """Return an authenticated session: base URL, headers, token and retries included.

        Paths may be given in place of URLs. Statuses are not raised.
        """
        return self.client.session

    def get_access_token(self) -> str:
        """Return a valid access token, from the cache where there is one."""
        return self.client.access_token()

    def get_headers(self) -> dict[str, str]:
        """Return the headers of one call, token and a fresh correlation id included."""
        return self.client.headers()

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        json: Any = None,
        data: Any = None,
        files: Any = None,
        headers: Mapping[str, str] | None = None,
        stream: bool = False,
    ) -> requests.Response:
        """Send one call and return its answer.

        GET calls are sent again after a 5xx, a lost connection and a 429; a write is sent once.

        :param method: HTTP method.
        :param path: path below the base URL, beginning with a slash, already percent-encoded.
        :param params: query parameters as a dict, or as pairs where a name comes more than once; None values are left
            out, booleans become ``true`` and ``false``. A text is a query string that is ready.
        :param json: body to send as JSON.
        :param data: body to send as it is.
        :param files: parts of a multipart body.
        :param headers: headers besides those that all calls have.
        :param stream: True leaves the body unread, for downloads; default False.
        :return: the answer, whose status is below 400.
        :raises WalmartError: the subclass that fits what went wrong.
        """
        return self.client.request(
            method, path, params=params, json=json, data=data, files=files, headers=headers, stream=stream
        )

    def test_connection(self) -> tuple[bool, str]:
        """Ask for a token and for what it may do, and say so in fixed sentences.

        Airflow shows the message unmasked, so nothing that was received or configured as a secret, and no
        text of an exception, ever goes into it.

        :return: whether the keys work here, and the message.
        """
        try:
            settings = self._settings()
        except errors.WalmartConfigError as error:
            return False, _not_allowed(error)
        except Exception:
            self.log.exception("The connection could not be read")
            return False, "The connection could not be read."
        where = f"{self._where(settings)}, host {urlsplit(settings.base_url).netloc}"
        # Nobody waits long for a button, and a cached token would hide that the keys were reset.
        settings = replace(settings, timeout=min(settings.timeout, TEST_TIMEOUT))
        try:
            client = self.client_of(settings, Resilient(MemoryStore()), attempts=1)
        except errors.WalmartConfigError as error:
            self.log.warning("Connection test failed: %s", error)
            return False, f"{NO_CA_FILE} ({where})"
        try:
            # By itself it is asked for once: whoever waits for the answer can press the button again.
            client.access_token()
            is_good, found = self._prove(client)
        except errors.WalmartError as error:
            self.log.warning("Connection test failed: %s", error)
            return False, f"{_failure(error, client.tokens.call.path)} ({where})"
        except Exception:
            self.log.exception("Connection test failed")
            return False, f"The test itself failed; the log of the server that ran it says why. ({where})"
        finally:
            client.session.close()
        return is_good, f"Connected to {self.hook_name}: {where}.{found}" if is_good else f"{found} ({where})"

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy in another process needs: it makes connections of its own."""
        return {name: value for name, value in vars(self).items() if name != "client"}

    def _settings(self) -> SettingsT:
        return self.settings_of(self.get_connection(getattr(self, self.conn_name_attr)))

    def _where(self, settings: SettingsT) -> str:
        """Say in words of our own which account a connection test is about."""
        raise NotImplementedError

    def _prove(self, client: ClientT) -> tuple[bool, str]:
        """Make a call that shows whether the keys are good, and say in words of our own what it showed."""
        raise NotImplementedError


def _not_allowed(error: errors.WalmartConfigError) -> str:
    """Say in words of our own which field is wrong; the value may be a secret in the wrong field."""
    return f"{FIELDS.get(error.field, error.field) or 'A field'} of the connection is missing or has a value that is not allowed."


def _failure(error: errors.WalmartError, token_path: str) -> str:
    """Say in words of our own what is wrong.

    :param token_path: path of the token call.
    """
    if isinstance(error, errors.WalmartPermissionError) and error.path == token_path:
        return KEYS_FORBIDDEN
    return next(text for kind, text in TEST_FAILURES if isinstance(error, kind))


def user_agent() -> str:
    """Return the value of ``User-Agent``."""
    return (
        f"airflow-provider-walmart/{__version__} apache-airflow/{airflow_version} "
        f"python/{platform.python_version()}"
    )


# In the words of the form.
FIELDS = {
    "client_id": "Client ID (login)",
    "client_secret": "Client secret (password)",
    "host": "Base URL (host)",
}
NO_CA_FILE = "The CA file that REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE names does not exist on the server that ran the test."
KEYS_FORBIDDEN = (
    "Walmart gives no token for these keys. Ask whether they may use this API, and whether a proxy or firewall refuses "
    "the call."
)
TEST_FAILURES: tuple[tuple[type[errors.WalmartError], str], ...] = (
    (
        errors.WalmartAuthError,
        "Walmart refuses these keys. Check client ID and client secret, and that they belong to this environment.",
    ),
    (errors.WalmartPermissionError, "The keys are right, but have no permission."),
    (errors.WalmartRateLimitError, "Walmart is throttling this account; try again in a few minutes."),
    (errors.WalmartConnectionError, "The server could not be reached. Check the base URL and the network."),
    (errors.WalmartNotFoundError, "The server answered, but it is not Walmart's API. Check the base URL."),
    (
        errors.WalmartServerError,
        "The server failed or gave an answer that makes no sense. Check the base URL.",
    ),
    (
        errors.WalmartError,
        "The server refused the request. Check the base URL and the fields of the connection.",
    ),
)
