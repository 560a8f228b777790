"""The GoLocal API of one account: deliveries from a store to a door."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from airflow_provider_walmart.client.calls.api_client import ApiClient
from airflow_provider_walmart.client.calls.build import BuiltRequest, build_request
from airflow_provider_walmart.client.catalogue.operations import Operation
from airflow_provider_walmart.client.errors import (
    WalmartConfigError,
    WalmartError,
    WalmartNotFoundError,
    WalmartRequestError,
    WalmartServerError,
)
from airflow_provider_walmart.client.golocal.deliveries import delivery_id_of, delivery_in, says_none
from airflow_provider_walmart.client.golocal.settings import SIMULATOR, TOKEN_PATH, GoLocalSettings
from airflow_provider_walmart.client.transport.headers import BEARER_TOKEN, CORRELATION_ID, correlation_id
from airflow_provider_walmart.client.transport.hints import HINT_IN_BETWEEN
from airflow_provider_walmart.client.transport.http import HttpSession
from airflow_provider_walmart.client.transport.shared_state import Resilient
from airflow_provider_walmart.client.transport.tokens import TokenCall, TokenProvider
from airflow_provider_walmart.client.values.names import text_id

CATALOGUE = "golocal.json"
# Groups of the catalogue.
SIMULATED = "simulator"
HINT_401 = (
    "A fresh token was refused as well. Do the keys belong to the environment of the connection (production and sandbox "
    "keys differ), and is the client ID the consumer ID of these keys?"
)
HINT_403 = "The token is valid, but these keys may not use this call. Ask Walmart GoLocal to enable it for the account."
# How the codes of Walmart's gateway end, which knows of paths and not of deliveries.
_GATEWAY = "GMP_GATEWAY_API"
# What Walmart says with a 400 where others say 404.
_NOTHING_THERE = re.compile(
    r"not (be )?found|(does|do) ?n[o']t exist|no (such )?deliver(y|ies)", re.IGNORECASE
)


class GoLocalClient(ApiClient[GoLocalSettings, TokenProvider]):
    """One Walmart GoLocal account; the parameters are those of `ApiClient`."""

    catalogue = CATALOGUE
    hints: ClassVar[Mapping[int, str]] = {401: HINT_401, 403: HINT_403}

    def _token_provider(
        self, http: HttpSession, store: Resilient, on_secret: Callable[[str], None]
    ) -> TokenProvider:
        fresh = self.settings.fresh_token_per_request
        call, current = self._token_call(self.settings), self._current_call
        return TokenProvider(call, http, store, on_secret, fresh=fresh, current_call=current)

    def _token_call(self, settings: GoLocalSettings) -> TokenCall:
        return token_call(settings)

    def _common_headers(self) -> dict[str, str]:
        return {"Accept": "application/json", "WM_CONSUMER.ID": self.settings.client_id}

    def _absolute(self, path: str) -> str:
        if path.startswith("/") and not path.startswith("/api-proxy/"):
            return self.settings.deliveries + path
        return path

    def _build(self, operation: Operation, params: Mapping[str, Any], strict: bool) -> BuiltRequest:
        """Return the request of an operation, below the deliveries of the environment or the simulator."""
        is_simulated = operation.group == SIMULATED
        if is_simulated and self.settings.environment != "sandbox":
            raise WalmartConfigError(
                f"{operation.name} moves simulated deliveries: it needs a connection with environment 'sandbox'."
            )
        request = build_request(operation, params, strict=strict)
        return replace(request, path=(SIMULATOR if is_simulated else self.settings.deliveries) + request.path)

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
        order_id = text_id("externalOrderId", external_order_id)
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
    return error.status == 404 or any(_NOTHING_THERE.search(detail.description) for detail in error.details)


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
