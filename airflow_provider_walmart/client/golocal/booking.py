"""Booking a delivery once, and cancelling one, whatever dies when."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_walmart.client.errors import (
    WalmartConfigError,
    WalmartDeliveryFailedError,
    WalmartError,
    WalmartNotFoundError,
    WalmartUnknownOutcomeError,
)
from airflow_provider_walmart.client.golocal.client import GoLocalClient, says_nothing_there
from airflow_provider_walmart.client.golocal.deliveries import (
    EndStates,
    delivery_id_of,
    delivery_in,
    is_cancelled,
    is_over,
    status_of,
)
from airflow_provider_walmart.client.once.outcomes import may_have_arrived, never_arrived
from airflow_provider_walmart.client.once.settle import settle
from airflow_provider_walmart.client.values.json_values import check_json
from airflow_provider_walmart.client.values.names import text_id
from airflow_provider_walmart.client.values.rows import RowError

if TYPE_CHECKING:
    from airflow_provider_walmart.client.once.records import Records

log = logging.getLogger(__name__)

# A booking that was accepted is found by its order id within this time after it was sent. Seconds.
SETTLE = 60.0
READ_EVERY = 5.0
# The reason that Walmart's own example gives for a cancellation.
DEFAULT_REASON = "CD-002"
HINT_TOO_LATE = "A delivery can be cancelled until the driver has picked it up (DISPATCHED), not after."


class OnceBooker:
    """Books deliveries once per ``externalOrderId``, over any number of attempts and processes.

    Walmart is asked for the order before anything is sent. An intent is kept before the booking and the delivery's
    id after it, so that who finds an intent alone reads for longer: what was sent moments ago may not be found yet.

    :param client: the account.
    :param records: where intents and ids are kept.
    :param forgotten: whether an earlier try may have sent what is not kept there.
    :param sleep: waits for so many seconds.
    """

    def __init__(
        self,
        client: GoLocalClient,
        records: Records,
        *,
        forgotten: bool,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._records = records
        self._forgotten = forgotten
        self._sleep = sleep

    def book(self, delivery: Mapping[str, Any]) -> dict[str, Any]:
        """Return the delivery of an order as Walmart has it, booking it only when there is none yet.

        :param delivery: body of the booking with ``externalOrderId``, with or without the key ``deliveries`` around it;
            ``clientId`` defaults to the client ID of the connection.
        :raises WalmartConfigError: when it is no such dict.
        :raises WalmartUnknownOutcomeError: when it may or may not have been booked; the next try checks again.
        :raises WalmartError: when it was refused, or certainly not sent; the next try sends it.
        """
        wanted = booking(delivery, self._client.settings.client_id)
        order_id, client_id = wanted["externalOrderId"], wanted["clientId"]
        key = f"walmart_golocal_{hashlib.sha256(f'{client_id}/{order_id}'.encode()).hexdigest()[:24]}"
        record = self._records.get(key) or {}
        if delivery_id := record.get("deliveryId"):
            log.info("Order %s was booked before by this task, as delivery %s.", order_id, delivery_id)
            return self._read({"deliveryId": delivery_id, "externalOrderId": order_id})
        sent_at = record.get("sentAt")
        if not record and self._forgotten:
            # An earlier try may have sent it moments ago.
            sent_at = time.time()
        found = self._find(order_id, client_id, sent_at)
        if found is None:
            self._records.set(key, {"sentAt": time.time()})
            found = self._send(key, wanted)
        # Kept before anything else can fail.
        self._records.set(key, {"deliveryId": found["deliveryId"]})
        return self._read({"externalOrderId": order_id, **found})

    def _read(self, booked: dict[str, Any]) -> dict[str, Any]:
        """Return a delivery that is booked as Walmart has it, or as it is given when that can't be read yet."""
        said = f"Order {booked['externalOrderId']} is booked as delivery {booked['deliveryId']}"
        with _saying_what_came_before(said):
            try:
                return self._client.get_delivery(booked["deliveryId"])
            except WalmartError as error:
                if not (isinstance(error, WalmartNotFoundError) or says_nothing_there(error)):
                    raise
                log.warning("%s, but can't be read yet: %s", said, error)
                return booked

    def _send(self, key: str, wanted: dict[str, Any]) -> dict[str, Any]:
        order_id, client_id = wanted["externalOrderId"], wanted["clientId"]
        try:
            booked = delivery_in(self._client.call("createDelivery", body={"deliveries": wanted}))
        except WalmartError as error:
            if may_have_arrived(error, self._client.tokens.call.path):
                log.warning("The answer to the booking got lost, checking whether it arrived: %s", error)
                return self._find_after_loss(key, order_id, client_id, error)
            self._records.set(key, {"refused": type(error).__name__})
            # Somebody else may have booked it since we read the list, and a 200 may hold errors beside a delivery.
            found = self._find(order_id, client_id, None) if error.status in (200, 400, 409, 422) else None
            if found is None:
                raise
            return found
        if booked is None:
            lost = WalmartUnknownOutcomeError(
                "The booking was answered with success, but without a deliveryId"
            )
            return self._find_after_loss(key, order_id, client_id, lost)
        log.info("Order %s is booked as delivery %s.", order_id, booked["deliveryId"])
        return booked

    def _find_after_loss(
        self, key: str, order_id: str, client_id: str, error: WalmartError
    ) -> dict[str, Any]:
        try:
            found = self._find(order_id, client_id, time.time())
        except WalmartError as second:
            raise WalmartUnknownOutcomeError(
                f"Whether order {order_id} was booked is unknown ({error.message}), and searching for it failed "
                f"({second.message})",
                method="POST",
                path=error.path,
                correlation_id=error.correlation_id,
                hint="The next try of this task searches for the order before it books. Before booking it in any other "
                "way, search for it in GoLocal's Client Center.",
            ) from error
        if found is not None:
            return found
        self._records.set(key, {"refused": "it never arrived"})
        raise never_arrived(f"The booking of order {order_id}", error) from error

    def _find(self, order_id: str, client_id: str, sent_at: float | None) -> dict[str, Any] | None:
        """Return the delivery of an order, or None when there is none.

        :param sent_at: when a booking may have been sent: until it must have been found, None is not believed.
        """
        found = settle(
            lambda: self._client.find_delivery(order_id, client_id),
            sent_at=sent_at,
            within=SETTLE,
            every=READ_EVERY,
            sleep=self._sleep,
            write=f"The booking of order {order_id}",
        )
        if found is not None:
            self._say_found(order_id, found)
        return found

    def _say_found(self, order_id: str, found: Mapping[str, Any]) -> None:
        status = status_of(found)
        log.info(
            "Order %s has a delivery: %s (%s). It is not booked again.", order_id, found["deliveryId"], status
        )
        if EndStates().outcome(status) == "failure":
            log.warning("It ended as %s. To book another one, use another externalOrderId.", status)


@contextlib.contextmanager
def _saying_what_came_before(done: str) -> Iterator[None]:
    """Put into the error of a read what became of the write before it, which is what counts."""
    try:
        yield
    except WalmartError as error:
        error.hint = f"{done}; then reading it failed. {error.hint or ''}".strip()
        raise


def booking(delivery: Mapping[str, Any], client_id: str) -> dict[str, Any]:
    """Return what Walmart books: the delivery without the key around it, its ids as text.

    :param client_id: what ``clientId`` is when the delivery has none.
    :raises WalmartConfigError: when it is no dict, or has no ``externalOrderId`` or one in another spelling.
    """
    inner = delivery.get("deliveries", delivery) if isinstance(delivery, Mapping) else delivery
    if not isinstance(inner, Mapping):
        raise WalmartConfigError(
            f"delivery is a {type(inner).__name__}; expected a dict with externalOrderId. For a template that gives "
            "one, set render_template_as_native_obj=True on the DAG."
        )
    wanted = {"clientId": client_id, **inner}
    for name in ("clientId", "externalOrderId"):
        for key in inner:
            if key != name and str(key).casefold() == name.casefold():
                raise WalmartConfigError(f"delivery has {str(key)!r}; did you mean {name}?")
        wanted[name] = text_id(f"{name} of delivery", wanted.get(name))
    try:
        check_json(wanted, "delivery")
    except RowError as error:
        raise WalmartConfigError(f"{error}. Points in time are text such as 2026-11-23T19:00:00Z.") from None
    return wanted


def cancel(client: GoLocalClient, delivery_id: str, *, reason_code: str = DEFAULT_REASON) -> dict[str, Any]:
    """Cancel a delivery and return it as Walmart has it then; one that is cancelled already is fine.

    :param delivery_id: ``deliveryId`` of the booking.
    :param reason_code: Walmart's code of the reason.
    :raises WalmartConfigError: when one of them is none.
    :raises WalmartDeliveryFailedError: when the delivery is over, before anything is sent, or in spite of Walmart's yes.
    :raises WalmartRequestError: when it is too late, or Walmart refuses for another reason.
    :raises WalmartError: the class of the tree that fits what went wrong.
    """
    delivery_id = delivery_id_of(delivery_id)
    reason_code = text_id("reason_code", reason_code)
    if " " in reason_code:
        raise WalmartConfigError(
            f"reason_code is {reason_code[:80]!r}; expected a code such as {DEFAULT_REASON}."
        )
    delivery = client.get_delivery(delivery_id)
    if is_cancelled(status_of(delivery)):
        log.info("Delivery %s is cancelled already (%s).", delivery_id, status_of(delivery))
        return delivery
    if is_over(status_of(delivery)):
        raise WalmartDeliveryFailedError(
            f"Delivery {delivery_id} is {status_of(delivery)} and can no longer be cancelled: nothing was sent."
        )
    error = _send_cancellation(client, delivery_id, delivery, reason_code)
    done = f"Walmart accepted the cancellation of delivery {delivery_id}"
    if error is not None:
        done = f"The cancellation of delivery {delivery_id} failed ({error.message})"
    with _saying_what_came_before(done):
        delivery = client.get_delivery(delivery_id)
    status = status_of(delivery)
    if not is_cancelled(status):
        if error is not None:
            error.hint = f"The delivery is {status}. {HINT_TOO_LATE}"
            raise error
        if is_over(status):
            raise WalmartDeliveryFailedError(f"{done}, but it is {status}.")
    log.info("Walmart cancels delivery %s: it is %s now.", delivery_id, status)
    return delivery


def _send_cancellation(
    client: GoLocalClient, delivery_id: str, delivery: Mapping[str, Any], reason_code: str
) -> WalmartError | None:
    """Send a cancellation; return the error after which the delivery may be cancelled all the same, None for success."""
    wanted = {
        "clientId": str(delivery.get("clientId") or client.settings.client_id),
        "externalOrderId": delivery.get("externalOrderId"),
        "reasons": [{"code": reason_code}],
    }
    try:
        client.call("cancelDelivery", body={"deliveries": wanted}, params={"deliveryId": delivery_id})
    except WalmartError as error:
        # Somebody else may have cancelled it meanwhile, or our own request did although its answer got lost.
        if error.status in (400, 409, 422) or may_have_arrived(error, client.tokens.call.path):
            return error
        raise
    return None
