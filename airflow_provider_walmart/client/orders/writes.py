"""Carrying out changes of orders once each, whatever dies when.

Walmart has no idempotency key, and pays back twice what is refunded twice. So the order is read before anything is
sent, and only what it still lacks is sent. What was sent moments ago may not show yet: the order that was about to be
changed is kept before its request, and who finds it there waits until it must show.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_walmart.client.calls.prefetch import prefetch
from airflow_provider_walmart.client.errors import (
    WalmartError,
    WalmartNotFoundError,
    WalmartRateLimitError,
    WalmartRequestError,
    WalmartServerError,
    WalmartUnknownOutcomeError,
)
from airflow_provider_walmart.client.marketplace import MarketplaceClient
from airflow_provider_walmart.client.once.outcomes import may_have_arrived
from airflow_provider_walmart.client.once.settle import settle
from airflow_provider_walmart.client.orders.changes import (
    OrderStateError,
    is_order,
    request_left,
    statuses_of,
)
from airflow_provider_walmart.client.orders.rows import OrderChange
from airflow_provider_walmart.client.values.dates import utc_now

if TYPE_CHECKING:
    from airflow_provider_walmart.client.once.records import Records

log = logging.getLogger(__name__)

KEY = "walmart_order_write"
# A change that was accepted shows in the order within this time after it was sent. Seconds.
SETTLE = 60.0
READ_EVERY = 5.0
# An order that was read ahead is believed for this time. Seconds.
FRESH = 5.0
# How often an order whose write was throttled is tried; each time Walmart's time is waited for.
THROTTLED = 3
# Somebody else is changing the order; that passes, within an hour.
LOCKED = 423

DONE, ALREADY, REFUSED, UNKNOWN, NOT_TRIED = OUTCOMES = ("done", "already", "refused", "unknown", "notTried")


class _Ahead(NamedTuple):
    """An order that was read while the one before it was being changed.

    :param order: as Walmart gives it.
    :param read_at: when reading it began (`time.monotonic`).
    """

    order: dict[str, Any]
    read_at: float


class OrderWriter:
    """Carries out changes of orders, over any number of attempts and processes.

    :param client: the account.
    :param records: where the order that is being changed is kept.
    :param forgotten: whether an earlier try may have sent what is not kept there.
    :param sleep: waits for so many seconds.
    """

    def __init__(
        self,
        client: MarketplaceClient,
        records: Records,
        *,
        forgotten: bool,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._records = records
        self._sleep = sleep
        # Where nothing says which order an earlier try was changing, it may have been any of them.
        self._started = time.time() if forgotten else None

    def apply_all(self, changes: Sequence[OrderChange]) -> Generator[dict[str, Any], None, None]:
        """Carry out changes one after the other, and yield what became of each, as `apply` does.

        While one order is changed, or waits for its turn in the budget of writes, the next one is read.

        :raises WalmartError: as for `apply`.
        """
        with contextlib.closing(prefetch(self._read_ahead(changes))) as ahead:
            for change, seen in zip(changes, ahead, strict=True):
                yield self.apply(change, seen)

    def _read_ahead(self, changes: Sequence[OrderChange]) -> Iterator[_Ahead | None]:
        """Yield the orders as they are; None for one that has to be read when its turn has come."""
        before = ""
        for change in changes:
            seen, began = None, time.monotonic()
            # What an earlier try or the change before may have sent has to show first.
            if self._started is None and change.purchase_order_id != before:
                # An error is one when its turn has come.
                with contextlib.suppress(WalmartError):
                    seen = _Ahead(self._read(change), began)
            yield seen
            before = change.purchase_order_id

    def _read(self, change: OrderChange) -> dict[str, Any]:
        found: dict[str, Any] = self._client.call(
            "getAnOrder", params={"purchaseOrderId": change.purchase_order_id}
        )
        if not is_order(change, found):
            raise WalmartServerError(
                f"Order {change.purchase_order_id} was asked for, and the answer is not that order with its lines",
                hint="It was not changed. A retry reads it again.",
                is_read=True,
            )
        return found

    def apply(self, change: OrderChange, ahead: _Ahead | None = None) -> dict[str, Any]:
        """Do what an order still lacks of a change, and return what became of it.

        :param ahead: the order as it was moments ago; None: it is read.
        :return: a dict as `outcome` makes it: ``done``, ``already`` (it lacked nothing), ``refused``, or ``unknown``.
        :raises WalmartError: when that concerns more than this order, such as bad keys, a limit that is used up, or
            a server that can't be reached. This order was not changed then.
        """
        for attempt in range(1, THROTTLED + 1):
            try:
                return self._apply(change, ahead if attempt == 1 else None)
            except WalmartRateLimitError as error:
                # An answer of 429 was no change, and the next call waits for the time that it named.
                of_token = error.path == self._client.tokens.call.path
                if error.status != 429 or of_token or attempt == THROTTLED:
                    raise
                log.info("Order %s was throttled, once more: %s", change.purchase_order_id, error)
        raise AssertionError("unreachable")

    def _apply(self, change: OrderChange, ahead: _Ahead | None) -> dict[str, Any]:
        try:
            left, order = self._left(change, self._sent_at(change), ahead)
            if left is None:
                return outcome(change, ALREADY, description=statuses_of(order))
        except OrderStateError as error:
            return outcome(change, REFUSED, description=str(error))
        except WalmartNotFoundError as error:
            return _missing(change, error)
        operation, body = left
        self._records.set(KEY, {"order": change.purchase_order_id, "sentAt": time.time()})
        try:
            answer = self._client.call(
                operation, body=body, params={"purchaseOrderId": change.purchase_order_id}
            )
        except WalmartNotFoundError as error:
            return _missing(change, error)
        except WalmartRequestError as error:
            if error.status == LOCKED:
                return outcome(change, NOT_TRIED, code=_code(error), description=str(error))
            return _refused(change, error)
        except WalmartError as error:
            if not may_have_arrived(error, self._client.tokens.call.path):
                # Nobody has to wait until what was not done shows.
                self._records.set(KEY, {})
                raise
            log.warning("The answer got lost, checking whether the change arrived: %s", error)
            return self._after_loss(change, error)
        # The order is Walmart's word that the change was taken, even where it doesn't show in it yet: a refund that is
        # sent again because it doesn't show would be paid twice.
        if is_order(change, answer):
            return outcome(change, DONE)
        said = f"Order {change.purchase_order_id}: the answer to {operation} is not that order"
        log.warning("%s, checking whether the change arrived", said)
        return self._after_loss(change, WalmartUnknownOutcomeError(said))

    def _after_loss(self, change: OrderChange, error: WalmartError) -> dict[str, Any]:
        try:
            left, _ = self._left(change, time.time())
        except (OrderStateError, WalmartError) as second:
            return _unknown(change, error, f"and searching for it failed ({second})")
        if left is None:
            return outcome(change, DONE)
        return _unknown(change, error, f"and it does not show after {SETTLE:.0f} s")

    def _left(
        self, change: OrderChange, sent_at: float | None, ahead: _Ahead | None = None
    ) -> tuple[tuple[str, Any] | None, dict[str, Any]]:
        """Return the request that an order still lacks, and the order.

        :param sent_at: when one may have been sent: until it must show, that something is lacking is not believed.
        :param ahead: as for `apply`; not believed either where one may have been sent, or when it has become old.
        :raises OrderStateError: when its state forbids the change.
        """
        is_fresh = ahead and sent_at is None and time.monotonic() - ahead.read_at < FRESH

        def read() -> tuple[tuple[str, Any] | None, dict[str, Any], OrderStateError | None]:
            order = ahead.order if ahead and is_fresh else self._read(change)
            try:
                return request_left(change, order, utc_now()), order, None
            except OrderStateError as error:
                return None, order, error

        left, order, forbidden = settle(
            read,
            sent_at=sent_at,
            within=SETTLE,
            every=READ_EVERY,
            sleep=self._sleep,
            write=f"A change of order {change.purchase_order_id}",
            shows=lambda state: state[0] is None and state[2] is None,
        )
        if forbidden:
            raise forbidden
        return left, order

    def _sent_at(self, change: OrderChange) -> float | None:
        """Return when an earlier try may have sent this change; None when it can't have."""
        if self._started is not None:
            return self._started
        record = self._records.get(KEY) or {}
        return float(record["sentAt"]) if record.get("order") == change.purchase_order_id else None


def outcome(change: OrderChange, what: str, *, code: str = "", description: str = "") -> dict[str, Any]:
    """Return what became of one order: a line of the outcomes file.

    :param what: ``done``, ``already``, ``refused``, ``unknown`` or ``notTried``.
    :param code: Walmart's code.
    :param description: why, in words.
    """
    return {
        "purchaseOrderId": change.purchase_order_id,
        "action": change.action,
        "outcome": what,
        "rows": change.numbers,
        "code": code,
        "description": description,
    }


def _missing(change: OrderChange, error: WalmartNotFoundError) -> dict[str, Any]:
    """Return what becomes of an order that Walmart doesn't know.

    :raises WalmartNotFoundError: when that is only a gateway's word, which concerns all orders, and may pass.
    """
    if not error.is_of_walmart:
        raise error
    return _refused(change, error)


def _refused(change: OrderChange, error: WalmartError) -> dict[str, Any]:
    return outcome(change, REFUSED, code=_code(error), description=str(error))


def _code(error: WalmartError) -> str:
    return error.codes[0] if error.codes else str(error.status)


def _unknown(change: OrderChange, error: WalmartError, why: str) -> dict[str, Any]:
    return outcome(change, UNKNOWN, code=type(error).__name__, description=f"{error}, {why}")
