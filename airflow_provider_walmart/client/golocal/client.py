"""The GoLocal API of one account: deliveries from a store to a door."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests

from airflow_provider_walmart.client.calls.answers import answer_of
from airflow_provider_walmart.client.calls.build import build_request, request_body
from airflow_provider_walmart.client.calls.query import Params, encode_query
from airflow_provider_walmart.client.catalogue.operations import find
from airflow_provider_walmart.client.errors import (
    WalmartConfigError,
    WalmartError,
    WalmartNotFoundError,
    WalmartRequestError,
    WalmartServerError,
)
from airflow_provider_walmart.client.golocal.deliveries import delivery_id_of, delivery_in, id_of, says_none
from airflow_provider_walmart.client.golocal.privacy import Blackout
from airflow_provider_walmart.client.golocal.settings import SIMULATOR, TOKEN_PATH, GoLocalSettings
from airflow_provider_walmart.client.transport.headers import BEARER_TOKEN, CORRELATION_ID, correlation_id
from airflow_provider_walmart.client.transport.http import HttpSession
from airflow_provider_walmart.client.transport.observer import Observer
from airflow_provider_walmart.client.transport.responses import HINT_401 as ANY_HINT_401
from airflow_provider_walmart.client.transport.responses import HINT_403 as ANY_HINT_403
from airflow_provider_walmart.client.transport.responses import HINT_IN_BETWEEN, raise_for_status
from airflow_provider_walmart.client.transport.session import WalmartSession
from airflow_provider_walmart.client.transport.shared_state import Resilient
from airflow_provider_walmart.client.transport.tokens import TokenCall, TokenProvider

CATALOGUE = "golocal.json"
# Groups of the catalogue.
SIMULATED = "simulator"
HINT_401 = (
    "A fresh token was refused as well. Do the keys belong to the environment of the connection (production and sandbox "
    "keys differ), and is the client ID the consumer ID of these keys?"
)
HINT_403 = "The token is valid, but these keys may not use this call. Ask Walmart GoLocal to enable it for the account."
# In place of what is said of Marketplace.
HINTS = {ANY_HINT_401: HINT_401, ANY_HINT_403: HINT_403}
# How the codes of Walmart's gateway end, which knows of paths and not of deliveries.
_GATEWAY = "GMP_GATEWAY_API"
# What Walmart says with a 400 where others say 404.
_NOTHING_THERE = re.compile(
    r"not (be )?found|(does|do) ?n[o']t exist|no (such )?deliver(y|ies)", re.IGNORECASE
)


class GoLocalClient:
    """One Walmart GoLocal account.

    :param settings: the account.
    :param store: shared state store, where tokens are kept.
    :param user_agent: value of ``User-Agent``.
    :param on_secret: called with every secret as soon as it is known; a log masker goes here.
    :param observer: is told what goes over the wire; None: nobody is.
    """

    def __init__(
        self,
        settings: GoLocalSettings,
        store: Resilient,
        user_agent: str,
        on_secret: Callable[[str], None] = lambda secret: None,
        observer: Observer | None = None,
    ) -> None:
        self.settings = settings
        self.tokens = TokenProvider(
            token_call(settings),
            HttpSession(settings.base_url, user_agent, observer),
            store,
            on_secret,
            fresh=settings.fresh_token_per_request,
        )
        self.session = WalmartSession(
            settings.base_url,
            user_agent,
            timeout=settings.timeout,
            headers=common_headers(settings),
            tokens=self.tokens,
            observer=observer,
        )

    def access_token(self) -> str:
        """Return a valid access token, from the cache where there is one."""
        return self.tokens.get()

    def headers(self) -> dict[str, str]:
        """Return the headers of one call: token and a fresh correlation id included."""
        return {
            **common_headers(self.settings),
            BEARER_TOKEN.name: BEARER_TOKEN.value(self.access_token()),
            CORRELATION_ID: correlation_id(),
        }

    def request(
        self, method: str, path: str, *, params: Params | None = None, **kwargs: Any
    ) -> requests.Response:
        """Send one call and return its answer.

        :param method: HTTP method.
        :param path: path below the deliveries of the environment, such as ``/deliveries/{deliveryId}``, or one that
            begins with ``/api-proxy/``; percent-encoded.
        :param params: query parameters, encoded as `encode_query` says.
        :param kwargs: ``json``, ``data``, ``headers``, ``stream`` as for `requests`.
        :raises WalmartError: the class of the tree that fits what went wrong.
        """
        if path.startswith("/") and not path.startswith("/api-proxy/"):
            path = self.settings.deliveries + path
        query = encode_query(params) if params else None
        with _plain_errors(Blackout(kwargs.get("json") or kwargs.get("data"))):
            response = self.session.request(method, path, params=query, **kwargs)
            raise_for_status(response)
        return response

    def call(
        self,
        operation: str,
        *,
        body: Any = None,
        strict: bool = True,
        params: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call one operation and return what it answers.

        :param operation: name (``getDelivery``) or method and path (``GET /deliveries/{deliveryId}``).
        :param body: for operations that take one: anything JSON can hold, or text or bytes that are ready.
        :param strict: False lets parameters pass that are newer than the catalogue.
        :param params: parameters by Walmart's names, those of the path included.
        :return: decoded JSON, without the key ``deliveries`` that wraps it; None for an empty answer.
        :raises WalmartConfigError: before anything is sent, naming parameter, value and what is allowed.
        :raises WalmartError: the class of the tree that fits what went wrong.
        """
        found = find(operation, CATALOGUE)
        if found.group == SIMULATED and self.settings.environment != "sandbox":
            raise WalmartConfigError(
                f"{found.name} moves simulated deliveries: it needs a connection with environment 'sandbox'."
            )
        prefix = SIMULATOR if found.group == SIMULATED else self.settings.deliveries
        built = build_request(found, params or {}, strict=strict)
        blackout = Blackout(body)
        with _plain_errors(blackout):
            response = self.session.request(
                built.method,
                prefix + built.path,
                params=built.query or None,
                headers=built.headers,
                safe_to_retry=found.safe_to_retry,
                **request_body(found, body),
            )
            raise_for_status(response)
            return answer_of(found, response, blackout)

    def get_delivery(self, delivery_id: str) -> dict[str, Any]:
        """Return one delivery as Walmart has it.

        :raises WalmartConfigError: when that is no id.
        :raises WalmartNotFoundError: when there is no such delivery.
        """
        delivery_id = delivery_id_of(delivery_id)
        delivery = delivery_in(self.call("getDelivery", params={"deliveryId": delivery_id}))
        if delivery is None:
            raise WalmartNotFoundError(
                f"Walmart's answer to the question for delivery {delivery_id} holds none."
            )
        return delivery

    def find_delivery(self, external_order_id: str, client_id: str | None = None) -> dict[str, Any] | None:
        """Return the delivery of an order of yours as Walmart has it; None when there is none.

        None is Walmart's own word: the 404 of a gateway, or an answer of another form, is an error.

        :param external_order_id: ``externalOrderId`` it was booked with.
        :param client_id: ``clientId`` it was booked with; default: the client ID of the connection.
        :raises WalmartError: when there is no telling.
        """
        order_id = id_of("externalOrderId", external_order_id)
        params = {"clientId": client_id or self.settings.client_id, "externalOrderId": order_id}
        try:
            answer = self.call("findDelivery", params=params)
        except (WalmartNotFoundError, WalmartRequestError) as error:
            if not says_nothing_there(error):
                raise
            return None
        found = delivery_in(answer, order_id)
        if found is None and not says_none(answer):
            raise WalmartServerError(
                f"Walmart's answer to the question for order {order_id} neither holds a delivery nor says that there "
                "is none",
                method="GET",
                hint=HINT_IN_BETWEEN,
            )
        return found


def says_nothing_there(error: WalmartError) -> bool:
    """Return whether GoLocal itself says with an error that there is no such delivery."""
    if str(error.path).endswith(TOKEN_PATH):
        return False
    if not error.is_of_walmart or any(code.endswith(_GATEWAY) for code in error.codes):
        return False
    return error.status == 404 or any(_NOTHING_THERE.search(one.description) for one in error.details)


def token_call(settings: GoLocalSettings) -> TokenCall:
    """Return how GoLocal is asked for tokens: keys go into the body."""
    return TokenCall(
        url=settings.base_url + TOKEN_PATH,
        identity=(settings.client_id, "client_credentials"),
        secret=settings.client_secret,
        headers=lambda: {"Accept": "application/json", CORRELATION_ID: correlation_id()},
        form={
            "grant_type": "client_credentials",
            "client_id": settings.client_id,
            "client_secret": settings.client_secret,
        },
        timeout=settings.timeout,
        header=BEARER_TOKEN,
        keys_belong_to="environment",
    )


def common_headers(settings: GoLocalSettings) -> dict[str, str]:
    """Return the headers of every call but the token call, without token and correlation id."""
    return {"Accept": "application/json", "WM_CONSUMER.ID": settings.client_id}


@contextmanager
def _plain_errors(blackout: Blackout) -> Iterator[None]:
    """Give errors the hints of this API, and take out of Walmart's words what the request said of a person."""
    try:
        yield
    except WalmartError as error:
        error.hint = HINTS.get(error.hint or "", error.hint)
        error.details = tuple(map(blackout, error.details))
        raise
