"""Operators for orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_walmart.client.orders import ACTIONS
from airflow_provider_walmart.client.values.allowed_failures import parse_allowed_failures
from airflow_provider_walmart.client.values.choices import check_choice
from airflow_provider_walmart.links.page import WalmartPageLink
from airflow_provider_walmart.storage.files import AnyPath, PathField
from airflow_provider_walmart.storage.rows import check_one_input, check_rows, iter_rows, lines_of
from airflow_provider_walmart.storage.suffixes import check_lines_file
from airflow_provider_walmart.task.context import push_result, records_of
from airflow_provider_walmart.task.errors import fail_without_retry
from airflow_provider_walmart.task.hooks import OfMarketplace
from airflow_provider_walmart.task.orders import change_orders
from airflow_provider_walmart.task.parse_time import check_when_parsed

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class WalmartOrderUpdateOperator(OfMarketplace, BaseOperator):
    """Acknowledges, ships, cancels or refunds orders, each of them once, and says what became of each.

    All rows are checked before anything is sent. Each order is read first, and only what it still lacks is sent, so a
    retry, a cleared task or the same file once more changes nothing twice: a shipment is found by its tracking number,
    a cancellation by its quantity, a refund by line, charge type and amount. Walmart takes 60 changes a minute of each
    kind. Leave an order to one task at a time: two that read it at the same moment may both change it.

    Give exactly one of ``records`` and ``records_path``.

    :param action: ``acknowledge``, ``ship``, ``cancel`` or ``refund``.
    :param records: list of dicts, one per row, with these columns (the optional ones in brackets):
        acknowledge: purchase_order_id (or orders in Walmart's own form);
        ship: purchase_order_id, tracking_number, carrier or other_carrier, [line_number], [quantity], [method],
        [ship_date_time], [tracking_url], [seller_order_id], [intent_to_cancel_override];
        cancel: purchase_order_id, reason, [line_number], [quantity];
        refund: purchase_order_id, line_number, reason, [amount], [tax], [charge_type], [currency], [comments].
    :param records_path: JSON lines or CSV file with the rows (``.gz`` too): a path, an `ObjectStoragePath` or
        a URI of one.
    :param allowed_failures: refused orders that are still fine: an int is a number of orders, a float from 0.0 to 1.0
        a share of them; text is read as either, or as per cent (``"1%"``); default 0.
    :param outcomes_path: where the outcomes go as JSON lines, one per order, also when the task fails: a path, an
        `ObjectStoragePath` or a URI of one; None (default): nowhere.
    :param walmart_conn_id: id of a connection of type ``walmart``; default ``walmart_default``.
    :return: dict with ``orders``, how many of them were ``done``, ``already`` as wanted, ``refused``, ``unknown`` and
        ``notTried``, and ``outcomesUri``. It is in XCom also when the task fails.
    :raises AirflowFailException: for bad input, naming the rows, when more orders were refused than allowed, and when
        no retry can help.
    :raises WalmartUnknownOutcomeError: when an order may or may not have been changed; a retry checks first.
    """

    records_path: Any = PathField()
    outcomes_path: Any = PathField()

    template_fields: Sequence[str] = (
        "action",
        "records",
        "records_path",
        "allowed_failures",
        "outcomes_path",
        "walmart_conn_id",
    )
    template_fields_renderers = {"records": "json"}
    operator_extra_links = (WalmartPageLink(),)
    ui_color = "#e6f1fc"

    def __init__(
        self,
        *,
        action: str,
        records: Sequence[Mapping[str, Any]] | None = None,
        records_path: AnyPath | None = None,
        allowed_failures: float | str = 0,
        outcomes_path: AnyPath | None = None,
        walmart_conn_id: str = "walmart_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_one_input(records=records, records_path=records_path)
        check_when_parsed(check_choice, "action", action, ACTIONS)
        self.action = action
        self.records = records
        self.records_path = records_path
        check_when_parsed(parse_allowed_failures, allowed_failures)
        self.allowed_failures = allowed_failures
        self.outcomes_path = outcomes_path
        self.walmart_conn_id = walmart_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Change the orders that are not yet as wanted."""
        from airflow_provider_walmart.client.orders.rows import order_changes
        from airflow_provider_walmart.client.orders.writes import OrderWriter

        with fail_without_retry():
            allowed_failures = parse_allowed_failures(self.allowed_failures)
            check_lines_file("outcomes_path", self.outcomes_path)
            check_rows(self.records, records_path=self.records_path)
            changes = order_changes(
                self.action,
                iter_rows(self.records, self.records_path),
                market=self.hook.client.settings.market,
                lines=partial(lines_of, self.records_path),
            )
            records, forgotten = records_of(context)
            return change_orders(
                OrderWriter(self.hook.client, records, forgotten=forgotten),
                changes,
                allowed_failures=allowed_failures,
                outcomes_path=self.outcomes_path,
                keep=lambda summary: push_result(self, context, summary),
            )
