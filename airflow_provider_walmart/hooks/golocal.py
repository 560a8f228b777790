"""The hook of Walmart GoLocal."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from airflow_provider_walmart.client.errors import WalmartRequestError
from airflow_provider_walmart.client.golocal import booking as golocal_booking
from airflow_provider_walmart.client.golocal.client import GoLocalClient
from airflow_provider_walmart.client.golocal.settings import GoLocalSettings
from airflow_provider_walmart.client.transport.retries import ATTEMPTS
from airflow_provider_walmart.client.transport.shared_state import Resilient
from airflow_provider_walmart.hooks.account import AccountHook, user_agent
from airflow_provider_walmart.hooks.connection import golocal_settings
from airflow_provider_walmart.hooks.masking import mask
from airflow_provider_walmart.hooks.metrics import observer
from airflow_provider_walmart.hooks.shared_state import shared_state

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection


class WalmartGoLocalHook(AccountHook[GoLocalSettings, GoLocalClient]):
    """Talks to Walmart GoLocal with the account of a connection.

    Tokens are fetched when needed, shared by all tasks of the deployment (``[walmart] shared_state``), renewed before
    they expire and once when Walmart refuses one; with ``fresh_token_per_request`` in the connection each call asks
    for its own. All methods raise the errors of `airflow_provider_walmart.client.errors`.

    :param walmart_golocal_conn_id: id of a connection of type ``walmart_golocal``; default ``walmart_golocal_default``.
    """

    conn_name_attr = "walmart_golocal_conn_id"
    default_conn_name = "walmart_golocal_default"
    conn_type = "walmart_golocal"
    hook_name = "Walmart GoLocal"

    def __init__(self, walmart_golocal_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.walmart_golocal_conn_id = walmart_golocal_conn_id

    @staticmethod
    def settings_of(connection: Connection) -> GoLocalSettings:
        """Return the settings that a connection describes, and have its secret masked in all logs."""
        settings = golocal_settings(connection)
        for secret in {settings.client_secret, quote_plus(settings.client_secret)}:
            mask(secret)
        return settings

    @staticmethod
    def client_of(
        settings: GoLocalSettings,
        store: Resilient | None = None,
        attempts: int = ATTEMPTS,
        current_settings: Callable[[], GoLocalSettings] | None = None,
    ) -> GoLocalClient:
        """Return a client for an account.

        :param store: where it keeps its token; default: the store of the deployment.
        :param attempts: how often a call that changes nothing is sent when it fails in a way that may pass.
        :param current_settings: returns the account as the connection describes it now.
        """
        return GoLocalClient(
            settings, store or shared_state(), user_agent(), mask, observer(), attempts, current_settings
        )

    def call(self, operation: str, *, body: Any = None, strict: bool = True, **params: Any) -> Any:
        """Call one operation by name.

        :param operation: ``checkEligibility``, ``quoteDelivery``, ``createDelivery``, ``getDelivery``, ``findDelivery``,
            ``searchDeliveries``, ``updateDelivery``, ``cancelDelivery``, ``setOrderStatus``, ``addTip``,
            ``getAvailableSteps``, ``executeStep``, or method and path (``GET /deliveries/{deliveryId}``).
        :param body: for operations that take one: anything JSON can hold.
        :param strict: False lets parameters pass that are newer than this package; default True.
        :param params: parameters by Walmart's names: ``deliveryId``, ``clientId``, ``externalOrderId``.
        :return: decoded JSON, without the key ``deliveries`` that wraps it; None for an empty answer.
        :raises WalmartConfigError: naming parameter, value and what is allowed.
        """
        return self.client.call(operation, body=body, strict=strict, params=params)

    def get_delivery(self, delivery_id: str) -> dict[str, Any]:
        """Return one delivery as Walmart has it.

        :param delivery_id: ``deliveryId`` of the booking.
        :return: dict in Walmart's form; it may hold names and addresses.
        :raises WalmartNotFoundError: when Walmart doesn't know it.
        """
        return self.client.get_delivery(delivery_id)

    def find_delivery(self, external_order_id: str, client_id: str | None = None) -> dict[str, Any] | None:
        """Return the delivery of an order of yours as Walmart has it; None when there is none.

        :param external_order_id: ``externalOrderId`` it was booked with.
        :param client_id: ``clientId`` it was booked with; default: the client ID of the connection.
        """
        return self.client.find_delivery(external_order_id, client_id)

    def cancel_delivery(
        self, delivery_id: str, *, reason_code: str = golocal_booking.DEFAULT_REASON
    ) -> dict[str, Any]:
        """Cancel a delivery and return it as Walmart has it then; one that is cancelled already is fine.

        :param delivery_id: ``deliveryId`` of the booking.
        :param reason_code: Walmart's code of the reason; default ``CD-002``.
        :return: the delivery as Walmart has it after that; it may hold names and addresses.
        :raises WalmartDeliveryFailedError: when it is over (delivered, returned, rejected, failed).
        :raises WalmartRequestError: when it is too late, or Walmart refuses for another reason.
        """
        return golocal_booking.cancel(self.client, delivery_id, reason_code=reason_code)

    def _where(self, settings: GoLocalSettings) -> str:
        return f"environment {settings.environment}"

    def _prove(self, client: GoLocalClient) -> tuple[bool, str]:
        # The token call serves both environments alike: only another call shows whether the keys fit this one. Of all
        # that may be wrong with the question itself, none is a matter of the connection.
        with contextlib.suppress(WalmartRequestError):
            client.find_delivery("connection-test")
        return True, ""
