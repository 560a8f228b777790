"""A plain HTTP session for one origin: no authentication, nothing of the caller's environment leaks into calls."""

from __future__ import annotations

import copy
import functools
import os
import re
import ssl
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import (
    ConnectTimeoutError,
    LocationParseError,
    MaxRetryError,
    NewConnectionError,
    SSLError,
)

from airflow_provider_walmart.client.errors import (
    WalmartConfigError,
    WalmartConnectionError,
    WalmartError,
    WalmartUnknownOutcomeError,
)
from airflow_provider_walmart.client.settings import is_loopback
from airflow_provider_walmart.client.transport.forks import let_go_after_fork
from airflow_provider_walmart.client.transport.headers import CORRELATION_ID, strip_credentials
from airflow_provider_walmart.client.transport.observer import Observer, observe

CONNECT_TIMEOUT = 10.0
# Most connections that are kept open: as many as calls may be on their way at the same time.
CONNECTIONS = 64
CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
HINT_UNREACHABLE = "Is the base URL of the connection right, and may this machine reach it?"
HINT_CERTIFICATE = (
    "The server's certificate is not trusted here. Where a proxy or firewall inspects traffic, put the certificate of its CA "
    "into a file and name it in REQUESTS_CA_BUNDLE, for every component of Airflow; if nothing does, check the base URL."
)
HINT_PROXY = (
    "The proxy that HTTPS_PROXY (or ALL_PROXY) names can't be reached, or lets nothing through to this host."
)
HINT_PROXY_KEYS = (
    "The proxy wants a user name and password: HTTPS_PROXY=http://user:password@host:port, percent-encoded, for every "
    "component of Airflow."
)
HINT_SOCKS = (
    "HTTPS_PROXY or ALL_PROXY names a SOCKS proxy, which needs a package: pip install 'requests[socks]'."
)
HINT_PROXY_URL = "The proxy that HTTPS_PROXY (or ALL_PROXY) names is not a URL such as http://host:port."

_SOCKS_FAILED = re.compile(r"SOCKS.*Failed to establish a new connection: (?:\[Errno \d+\] )?(.+)").match
_TUNNEL_FAILED = re.compile(r"Tunnel connection failed: (\d{3})").search


class HttpSession(requests.Session):
    """A session that knows where its credentials belong.

    Proxies and CA bundle are read from the environment (``HTTPS_PROXY``, ``NO_PROXY``, ``REQUESTS_CA_BUNDLE``) once
    instead of on every call, and ``.netrc`` never: it would add an ``Authorization`` header. This machine itself is never
    talked to through a proxy. A process that is forked from this one makes connections of its own. Whatever is redirected to another origin goes there
    without credentials.

    :param base_url: the origin that may see credentials.
    :param user_agent: value of ``User-Agent``.
    :param observer: is notified of every request; None: nobody is.
    :raises WalmartConfigError: when the CA file that the environment names is missing.
    """

    def __init__(self, base_url: str, user_agent: str, observer: Observer | None = None) -> None:
        super().__init__()
        self.observer = observer
        self.origin = origin(base_url)
        self.headers["User-Agent"] = user_agent
        environment = self.merge_environment_settings(base_url, {}, None, None, None)
        # No proxy is between this machine and itself, and plain http, which is allowed here, would show it all keys.
        self.proxies = {} if is_loopback(self.origin[1] or "") else environment["proxies"]
        self.verify = environment["verify"]
        self.trust_env = False
        self.mount(base_url, requests.adapters.HTTPAdapter(pool_maxsize=CONNECTIONS))
        if self.origin[0] == "https":
            _check_ca_file(self.verify)
        let_go_after_fork(self)

    def after_fork(self) -> None:
        """Leave the connections to the parent process: two that talk over one get each other's answers."""
        for prefix, adapter in list(self.adapters.items()):
            # A copy has the same settings, and no connections yet.
            self.adapters[prefix] = copy.copy(adapter)

    def __reduce__(self) -> Any:
        raise TypeError(
            "A session can't be pickled or copied: it holds connections and secrets. Pickle the hook, which makes a new one."
        )

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send a prepared request; an error names the request, also when it comes from reading the body.

        :raises requests.exceptions.InvalidURL: for hosts, headers and redirects that requests lets pass and only
            the layers below stumble over.
        """
        stream = kwargs.pop("stream", False)
        try:
            response = super().send(request, stream=True, **kwargs)
            if not stream:
                _read_at_once(response)
        except requests.RequestException as error:
            error.request = error.request or request
            if self.observer:
                observe(self.observer, request, None)
            raise
        except WalmartError:
            raise
        except ValueError as error:
            if isinstance(error, (LocationParseError, UnicodeEncodeError)) or kwargs.get("allow_redirects"):
                raise requests.exceptions.InvalidURL(type(error).__name__, request=request) from None
            raise
        if self.observer:
            observe(self.observer, request, response)
        return response

    def merge_environment_settings(  # type: ignore[override]
        self, url: str, proxies: Any, stream: bool | None, verify: Any, cert: Any
    ) -> Any:
        """Return the settings of one call: what the caller gave, else what the environment said at the start."""
        if self.trust_env:
            return super().merge_environment_settings(url, proxies, stream, verify, cert)
        return {
            "proxies": proxies or self.proxies,
            "stream": bool(stream),
            "verify": self.verify if verify is None else verify,
            "cert": cert,
        }

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """Prepare a call with the session's headers and nothing else of it: no cookies are kept."""
        headers = {
            name: value for name, value in {**self.headers, **request.headers}.items() if value is not None
        }
        prepared = requests.PreparedRequest()
        try:
            prepared.prepare(
                method=request.method,
                url=request.url,
                headers=headers,
                files=request.files,
                data=request.data,
                json=request.json,
                params=_spaces_encoded(request.params),
                auth=request.auth,
                cookies=request.cookies,
                hooks=request.hooks,
            )
        except TypeError as error:
            if request.json is None:
                raise
            raise requests.exceptions.InvalidJSONError(str(error)) from None
        if isinstance(request.params, str) and request.params:
            # Cursors are ready queries: what requests makes of them, Walmart refuses or reads as page 1.
            query = str(request.url).partition("?")[2]
            ready = f"{query}&{request.params}" if query else request.params
            prepared.url = f"{str(prepared.url).partition('?')[0]}?{ready}"
        return prepared

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Take the credentials out of a redirected request that leaves the origin."""
        if origin(prepared_request.url or "") != self.origin:
            strip_credentials(prepared_request.headers)


def _check_ca_file(verify: Any) -> None:
    if isinstance(verify, str) and not os.path.exists(verify):
        names = [name for name in CA_VARIABLES if os.environ.get(name) == verify]
        raise WalmartConfigError(
            f"The CA file {verify!r} does not exist; {' and '.join(names) or 'the environment'} names it.",
            hint="It is needed where a proxy or firewall inspects traffic. Every machine that runs tasks needs the file.",
        )


def _read_at_once(response: requests.Response) -> None:
    """Read the body of an answer.

    Left to itself, requests takes slices of 10 KB, which is a fifth of the work of a call for a full page.
    """
    in_slices = response.iter_content
    response.iter_content = lambda *args, **kwargs: in_slices(None)  # type: ignore[method-assign]
    try:
        response.content  # noqa: B018 - keeps what it has read
    finally:
        del response.iter_content


def _spaces_encoded(params: Any) -> Any:
    """Return query parameters as a query string in which a space is ``%20``: Walmart takes ``+`` for a plus.

    A query string that is ready is left as it is.
    """
    if isinstance(params, (str, bytes)) or not params:
        return params
    encoded = requests.PreparedRequest()
    encoded.prepare_url("https://localhost", params)
    return str(encoded.url).partition("?")[2].replace("+", "%20")


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Return scheme, host and port: what must be equal for credentials to go along.

    :raises WalmartConfigError: when it is not a URL.
    """
    return _origin("/".join(url.split("/", 3)[:3]))


@functools.lru_cache(maxsize=256)
def _origin(url: str) -> tuple[str, str | None, int | None]:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        raise WalmartConfigError(
            "The URL of a call or of a redirect is none (not repeated: it may hold a secret)."
        ) from None


def transport_error(
    error: requests.RequestException, method: str, url: str, *, changes_something: bool
) -> WalmartError:
    """Return what a failed exchange means, without the request and its query that the original holds.

    :param changes_something: whether Walmart may have acted on the request; then a failure after it was
        sent has an unknown outcome.
    """
    path = _path(url)
    if isinstance(error, requests.exceptions.InvalidJSONError):
        return WalmartConfigError(f"{method} {path}: the body holds what JSON has no form for ({error}).")
    if _is_unsendable(error):
        return WalmartConfigError(
            f"{method} {path} can't be sent as it is ({type(error).__name__}).", hint=_unsendable_hint(error)
        )
    headers = getattr(error.request, "headers", None) or {}
    known: dict[str, Any] = {"method": method, "path": path, "correlation_id": headers.get(CORRELATION_ID)}
    if changes_something and not _never_sent(error):
        return WalmartUnknownOutcomeError(
            f"{method} {path} was sent, but the answer never came ({reason(error)}): Walmart may or may not have acted on it",
            hint="Check whether it happened before sending it again.",
            **known,
        )
    hint = _unreachable_hint(error) if _never_sent(error) else None
    return WalmartConnectionError(f"{method} {path} got no answer ({reason(error)})", hint=hint, **known)


def _unsendable_hint(error: requests.RequestException) -> str | None:
    if isinstance(error, requests.exceptions.InvalidProxyURL):
        return HINT_PROXY_URL
    return HINT_SOCKS if "SOCKS" in str(error) else None


def _unreachable_hint(error: requests.RequestException) -> str:
    if isinstance(error, requests.exceptions.ProxyError):
        return HINT_PROXY_KEYS if _proxy_status(error) == "407" else HINT_PROXY
    if words := _socks_words(error):
        return HINT_PROXY_KEYS if "authentication" in words else HINT_PROXY
    is_untrusted = any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(error))
    return HINT_CERTIFICATE if is_untrusted else HINT_UNREACHABLE


def _proxy_status(error: BaseException) -> str:
    """Return the status with which a proxy refused to pass a call on; empty when it named none."""
    texts = (str(cause) for cause in _causes(error))
    return next((found[1] for text in texts if (found := _TUNNEL_FAILED(text))), "")


def _socks_words(error: BaseException) -> str:
    """Return why nothing came through a SOCKS proxy, in the words of its package; empty where none was in between."""
    texts = (str(cause) for cause in _causes(error) if isinstance(cause, NewConnectionError))
    return next((found[1] for text in texts if (found := _SOCKS_FAILED(text))), "")


def _path(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:
        return "(not a URL)"


def _is_unsendable(error: requests.RequestException) -> bool:
    """Return whether a request was refused on this side, before anything of it was sent."""
    if isinstance(error, requests.exceptions.InvalidHeader):
        return error.request is None  # or else it was a header of the answer
    return isinstance(error, ValueError)


def _never_sent(error: requests.RequestException) -> bool:
    """Return whether the connection was never made, so that nothing can have arrived."""
    if isinstance(error, (requests.ConnectTimeout, requests.exceptions.ProxyError)):
        return True
    inner = error.args[0] if error.args else None
    reason = inner.reason if isinstance(inner, MaxRetryError) else inner
    if isinstance(reason, SSLError):
        # Certificates are checked before anything is sent; encryption may break at any time.
        return any(isinstance(cause, ssl.SSLCertVerificationError) for cause in reason.args)
    return isinstance(reason, (NewConnectionError, ConnectTimeoutError))


def reason(error: BaseException) -> str:
    """Say what went wrong on the wire: the kind of error, and the operating system's words where it has some."""
    kind = type(error).__name__
    if status := _proxy_status(error):
        return f"{kind}: the proxy answered {status}"
    if socks := _socks_words(error):
        return f"{kind}: SOCKS proxy: {socks}"
    words = (cause.strerror for cause in _causes(error) if isinstance(cause, OSError) and cause.strerror)
    return next((f"{kind}: {text}" for text in words), kind)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield all that an error stands for, without the errors of requests."""
    pending: list[BaseException] = [error]
    seen: list[BaseException] = []
    while pending:
        current = pending.pop()
        if current in seen:
            continue
        seen.append(current)
        if not isinstance(current, requests.RequestException):
            yield current
        linked = (*current.args, getattr(current, "reason", None), current.__cause__, current.__context__)
        pending.extend(item for item in linked if isinstance(item, BaseException))
