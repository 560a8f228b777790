"""The tables, as data: one row per column. Adding a column is adding a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.storage.tables.odd_shapes import (
    lines_with_labels,
    refund_rows,
    tax_total,
)


@dataclass(frozen=True)
class Column:
    """A column of a table.

    :param name: its name.
    :param type: ``text``, ``int64``, ``decimal`` (18 digits, 4 of them behind the point), ``double``, ``bool``,
        ``timestamp`` (UTC, milliseconds), ``date`` or ``json`` (text).
    :param path: where its value is in Walmart's record, dotted.
    :param personal: whether it is about a person.
    :param or_path: another place, for records without the first one.
    :param derive: makes the value of what is at the path.
    """

    name: str
    type: str = "text"
    path: str = ""
    personal: bool = False
    or_path: str = ""
    derive: Callable[[Any], Any] | None = None


@dataclass(frozen=True)
class Table:
    """A table: what its rows are in a record of Walmart's.

    :param name: its name.
    :param about: what a row is.
    :param columns: its columns, those of its key that come from its parent or from the list aside.
    :param key: columns that make a row unique.
    :param rows: where its rows are in the record of its parent, dotted; several where Walmart has several.
    :param index: column with the position in that list, from 0.
    :param children: tables whose rows are lists inside a row.
    :param arrange: makes of what is at ``rows`` a list of rows.
    :param personal_parts: objects in a record that are about a person, dotted: what is new in them is personal too.
    :param prepare: changes a decoded record before it is read.
    """

    name: str
    about: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: tuple[str, ...] = ()
    index: str = ""
    children: tuple[Table, ...] = field(default=())
    arrange: Callable[[Any], Any] | None = None
    personal_parts: tuple[str, ...] = ()
    prepare: Callable[[dict[str, Any]], None] | None = None


def _money(name: str, path: str) -> Column:
    return Column(name, "decimal", path)


#: Every table has these, behind its own.
ADDED = (
    Column("_account", "text"),
    Column("_exported_at", "timestamp"),
    Column("_run_id", "text"),
    Column("_extra", "json"),
)

_CHARGE = (
    Column("charge_type", path="chargeType"),
    Column("charge_name", path="chargeName"),
    Column("currency", path="chargeAmount.currency"),
    _money("amount", "chargeAmount.amount"),
    Column("tax_name", path="tax.taxName"),
    Column("tax_currency", path="tax.taxAmount.currency"),
    _money("tax_amount", "tax.taxAmount.amount"),
    Column("tax_and_fees_name", path="taxAndOtherFees.taxName"),
    Column("tax_and_fees_currency", path="taxAndOtherFees.taxAmount.currency"),
    _money("tax_and_fees_amount", "taxAndOtherFees.taxAmount.amount"),
)

ORDER_LINE_CHARGES = Table(
    name="order_line_charges",
    about="A charge of an order line, with its tax.",
    key=("purchase_order_id", "line_number", "charge_index"),
    rows=("charges.charge",),
    index="charge_index",
    columns=_CHARGE,
)

ORDER_LINE_STATUSES = Table(
    name="order_line_statuses",
    about="A status of so many units of an order line, with its shipment.",
    key=("purchase_order_id", "line_number", "status_index"),
    rows=("orderLineStatuses.orderLineStatus",),
    index="status_index",
    columns=(
        Column("status", path="status"),
        Column("quantity", "int64", "statusQuantity.amount"),
        Column("quantity_unit", path="statusQuantity.unitOfMeasurement"),
        Column("cancellation_reason", path="cancellationReason"),
        Column("ship_date_time", "timestamp", "trackingInfo.shipDateTime"),
        Column(
            "carrier",
            path="trackingInfo.carrierName.carrier",
            or_path="trackingInfo.carrierName.otherCarrier",
        ),
        Column("method_code", path="trackingInfo.methodCode"),
        Column("tracking_number", path="trackingInfo.trackingNumber"),
        Column("tracking_url", path="trackingInfo.trackingURL"),
        Column("return_center_address", "json", "returnCenterAddress"),
    ),
)

ORDER_LINE_REFUNDS = Table(
    name="order_line_refunds",
    about="A refunded charge of an order line; its amount is below 0.",
    key=("purchase_order_id", "line_number", "charge_index"),
    rows=("refund", "refunds"),
    index="charge_index",
    arrange=refund_rows,
    columns=(
        Column("refund_id", path="refund.refundId"),
        Column("refund_comments", path="refund.refundComments"),
        Column("refund_reason", path="refundReason", or_path="refund.refundReason"),
        *(Column(one.name, one.type, f"charge.{one.path}") for one in _CHARGE),
    ),
)

ORDER_LINES = Table(
    name="order_lines",
    about="A line of an order.",
    key=("purchase_order_id", "line_number"),
    rows=("orderLines.orderLine",),
    columns=(
        Column("line_number", path="lineNumber"),
        Column("sku", path="item.sku"),
        Column("product_name", path="item.productName"),
        Column("condition", path="item.condition"),
        Column("image_url", path="item.imageUrl"),
        Column("weight", "decimal", "item.weight.value"),
        Column("weight_unit", path="item.weight.unit"),
        Column("quantity", "int64", "orderLineQuantity.amount"),
        Column("quantity_unit", path="orderLineQuantity.unitOfMeasurement"),
        Column("status_date", "timestamp", "statusDate"),
        Column("return_order_id", path="returnOrderId"),
        Column("original_carrier_method", path="originalCarrierMethod"),
        Column("reference_line_id", path="referenceLineId"),
        Column("intent_to_cancel", path="intentToCancel"),
        Column("config_id", path="configId"),
        Column("seller_order_id", path="sellerOrderId"),
        Column("fulfillment_option", path="fulfillment.fulfillmentOption"),
        Column("ship_method", path="fulfillment.shipMethod"),
        Column("store_id", path="fulfillment.storeId"),
        Column("pick_up_date_time", "timestamp", "fulfillment.pickUpDateTime"),
        Column("shipping_program_type", path="fulfillment.shippingProgramType"),
        Column("pick_up_by", path="fulfillment.pickUpBy", personal=True),
        Column("serial_numbers", "json", "serialNumbers"),
        Column("misc_attributes", "json", "miscAttributes"),
        Column("incentive", "json", "incentive", or_path="item.incentive"),
    ),
    children=(ORDER_LINE_CHARGES, ORDER_LINE_STATUSES, ORDER_LINE_REFUNDS),
)

ORDERS = Table(
    name="orders",
    about="An order.",
    key=("purchase_order_id",),
    personal_parts=("shippingInfo.postalAddress", "pickupPersons"),
    columns=(
        Column("purchase_order_id", path="purchaseOrderId"),
        Column("customer_order_id", path="customerOrderId"),
        Column("order_type", path="orderType"),
        Column("original_customer_order_id", path="originalCustomerOrderID"),
        Column("order_date", "timestamp", "orderDate"),
        Column("mart", path="mart"),
        Column("is_guest", "bool", "isGuest"),
        Column("ship_method_code", path="shippingInfo.methodCode"),
        Column("carrier_method_name", path="shippingInfo.carrierMethodName"),
        Column("estimated_ship_date", "timestamp", "shippingInfo.estimatedShipDate"),
        Column("estimated_delivery_date", "timestamp", "shippingInfo.estimatedDeliveryDate"),
        Column("ship_city", path="shippingInfo.postalAddress.city"),
        Column("ship_state", path="shippingInfo.postalAddress.state"),
        Column("ship_postal_code", path="shippingInfo.postalAddress.postalCode"),
        Column("ship_country", path="shippingInfo.postalAddress.country"),
        Column("ship_address_type", path="shippingInfo.postalAddress.addressType"),
        Column("ship_node_type", path="shipNode.type"),
        Column("ship_node_name", path="shipNode.name"),
        Column("ship_node_id", path="shipNode.id"),
        _money("order_total", "orderSummary.totalAmount.currencyAmount"),
        Column("currency", path="orderSummary.totalAmount.currencyUnit"),
        Column("order_sub_totals", "json", "orderSummary.orderSubTotals"),
        Column("payment_types", "json", "paymentTypes"),
        Column("buyer_id", path="buyerId", personal=True),
        Column("customer_email", path="customerEmailId", personal=True),
        Column("ship_name", path="shippingInfo.postalAddress.name", personal=True),
        Column("ship_phone", path="shippingInfo.phone", personal=True),
        Column("ship_address1", path="shippingInfo.postalAddress.address1", personal=True),
        Column("ship_address2", path="shippingInfo.postalAddress.address2", personal=True),
        Column("pickup_persons", "json", "pickupPersons", personal=True),
    ),
    children=(ORDER_LINES,),
)

RETURN_LINE_CHARGES = Table(
    name="return_line_charges",
    about="A charge of a return line, with the sum of its taxes.",
    key=("return_order_id", "return_order_line_number", "charge_index"),
    rows=("charges",),
    index="charge_index",
    columns=(
        Column("charge_category", path="chargeCategory"),
        Column("charge_name", path="chargeName"),
        _money("charge_per_unit", "chargePerUnit.currencyAmount"),
        Column("currency", path="chargePerUnit.currencyUnit"),
        Column("is_discount", "bool", "isDiscount"),
        Column("is_billable", "bool", "isBillable"),
        _money("excess_charge", "excessCharge.currencyAmount"),
        Column("excess_charge_currency", path="excessCharge.currencyUnit"),
        Column("tax_amount", "decimal", "tax", derive=tax_total),
        Column("taxes", "json", "tax"),
        Column("charge_references", "json", "references"),
    ),
)

RETURN_LINES = Table(
    name="return_lines",
    about="A line of a return.",
    key=("return_order_id", "return_order_line_number"),
    rows=("returnOrderLines",),
    columns=(
        Column("return_order_line_number", path="returnOrderLineNumber"),
        Column("sales_order_line_number", path="salesOrderLineNumber"),
        Column("purchase_order_id", path="purchaseOrderId"),
        Column("purchase_order_line_number", path="purchaseOrderLineNumber"),
        Column("seller_order_id", path="sellerOrderId"),
        Column("sku", path="item.sku"),
        Column("product_name", path="item.productName"),
        Column("condition", path="item.condition"),
        Column("item_weight", "decimal", "item.itemWeight.measurementValue"),
        Column("item_weight_unit", path="item.itemWeight.unitOfMeasure"),
        Column("return_reason", path="returnReason"),
        Column("return_description", path="returnDescription"),
        Column("exception_item_type", path="exceptionItemType"),
        Column("is_return_for_exception", "bool", "isReturnForException"),
        Column("recharge_reason", path="rechargeReason"),
        Column("return_cancellation_reason", path="returnCancellationReason"),
        _money("unit_price", "unitPrice.currencyAmount"),
        Column("currency", path="unitPrice.currencyUnit"),
        Column("quantity", "decimal", "quantity.measurementValue"),
        Column("quantity_unit", path="quantity.unitOfMeasure"),
        Column("refunded_qty", "decimal", "refundedQty"),
        Column("cancellable_qty", "decimal", "cancellableQty"),
        Column("rechargeable_qty", "decimal", "rechargeableQty"),
        Column("status", path="status"),
        Column("status_time", "timestamp", "statusTime"),
        Column("current_delivery_status", path="currentDeliveryStatus"),
        Column("current_refund_status", path="currentRefundStatus"),
        Column("refund_covered_by", path="refundCoveredBy"),
        Column("is_keep_it", "bool", "isKeepIt"),
        Column("return_expected_flag", "bool", "returnExpectedFlag"),
        Column("is_fast_replacement", "bool", "isFastReplacement"),
        Column("is_last_item", "bool", "lastItem"),
        Column("carrier", path="#label.carrierName"),
        Column("carrier_service", path="#label.serviceType"),
        Column("tracking_no", path="#label.trackingNo"),
        Column("charge_totals", "json", "chargeTotals"),
        Column("item_return_settings", "json", "itemReturnSettings"),
        Column("tracking_details", "json", "returnTrackingDetail"),
        Column("current_tracking_statuses", "json", "currentTrackingStatuses"),
        Column("refund_channels", "json", "refundChannels"),
    ),
    children=(RETURN_LINE_CHARGES,),
)

RETURNS = Table(
    name="returns",
    about="A return.",
    key=("return_order_id",),
    prepare=lines_with_labels,
    personal_parts=("customerName", "returnLineGroups"),
    columns=(
        Column("return_order_id", path="returnOrderId"),
        Column("customer_order_id", path="customerOrderId"),
        Column("return_type", path="returnType"),
        Column("replacement_customer_order_id", path="replacementCustomerOrderId"),
        Column("return_order_date", "timestamp", "returnOrderDate"),
        Column("return_by_date", "timestamp", "returnByDate"),
        Column("refund_mode", path="refundMode"),
        _money("total_refund_amount", "totalRefundAmount.currencyAmount"),
        Column("currency", path="totalRefundAmount.currencyUnit"),
        Column("channel_name", path="returnChannel.channelName"),
        Column("customer_email", path="customerEmailId", personal=True),
        Column("customer_first_name", path="customerName.firstName", personal=True),
        Column("customer_last_name", path="customerName.lastName", personal=True),
        # Pictures of labels show who sends.
        Column("return_line_groups", "json", "returnLineGroups", personal=True),
    ),
    children=(RETURN_LINES,),
)

ITEMS = Table(
    name="items",
    about="An item of the catalogue.",
    key=("sku",),
    columns=(
        Column("sku", path="sku"),
        Column("mart", path="mart"),
        Column("wpid", path="wpid"),
        Column("upc", path="upc"),
        Column("gtin", path="gtin"),
        Column("product_name", path="productName"),
        Column("shelf", "json", "shelf"),
        Column("product_type", path="productType"),
        Column("condition", path="condition"),
        Column("availability", path="availability"),
        _money("price", "price.amount"),
        Column("currency", path="price.currency"),
        Column("published_status", path="publishedStatus"),
        Column("lifecycle_status", path="lifecycleStatus"),
        Column("variant_group_id", path="variantGroupId"),
        Column("is_primary", "bool", "variantGroupInfo.isPrimary", or_path="variantGroupInfo.primary"),
        Column("grouping_attributes", "json", "variantGroupInfo.groupingAttributes"),
        Column("is_duplicate", "bool", "isDuplicate"),
        Column("duplicate_item_info", "json", "duplicateItemInfo"),
        Column("is_customer_favorite", "bool", "isCustomerFavorite"),
        Column("unpublished_reasons", "json", "unpublishedReasons.reason"),
        Column("additional_attributes", "json", "additionalAttributes"),
        Column("bundles", "json", "bundles"),
    ),
)

INVENTORY_NODES = Table(
    name="inventory_nodes",
    about="The stock of a SKU at a ship node.",
    key=("sku", "ship_node"),
    rows=("nodes",),
    columns=(
        Column("ship_node", path="shipNode"),
        # Includes what is sold and not shipped yet.
        Column("input_qty", "int64", "inputQty.amount"),
        Column("avail_to_sell_qty", "int64", "availToSellQty.amount"),
        Column("reserved_qty", "int64", "reservedQty.amount"),
        Column("unit", path="inputQty.unit"),
        Column("avail_to_sell_unit", path="availToSellQty.unit"),
        Column("reserved_unit", path="reservedQty.unit"),
    ),
)

INVENTORIES = Table(
    name="inventories",
    about="A SKU with stock.",
    key=("sku",),
    columns=(Column("sku", path="sku"),),
    children=(INVENTORY_NODES,),
)

WFS_INVENTORY = Table(
    name="wfs_inventory",
    about="The stock of an offer in Walmart's warehouses.",
    key=("sku", "offer_id"),
    columns=(
        Column("sku", path="itemInformation.sku"),
        Column("offer_id", path="itemInformation.offerID"),
        Column("item_id", path="itemInformation.itemID"),
        Column("item_name", path="itemInformation.itemName"),
        Column("gtin", path="itemInformation.gtin"),
        Column("brand", path="itemInformation.brand"),
        Column("item_condition", path="itemInformation.itemCondition"),
        Column("publishing_status", path="inventoryData.publishingStatus"),
        Column("item_lifecycle", path="inventoryData.itemLifecycle"),
        Column("stock_status", path="inventoryData.stockStatus"),
        Column("available_units", "int64", "inventoryData.availableUnits"),
        Column("reserved_units", "int64", "inventoryData.reservedUnits"),
        Column("inbound_units", "int64", "inventoryData.inboundUnits"),
        Column("onhand_units", "int64", "inventoryData.onhandUnits"),
        Column("inventory_review_units", "int64", "inventoryData.unavailableUnits.inventoryReviewUnits"),
        Column("inventory_movement_units", "int64", "inventoryData.unavailableUnits.inventoryMovementUnits"),
        Column("age_0_to_90_days", "int64", "inventoryData.inventoryAge.0To90days"),
        Column("age_91_to_180_days", "int64", "inventoryData.inventoryAge.91To180days"),
        Column("age_181_to_270_days", "int64", "inventoryData.inventoryAge.181To270days"),
        Column("age_271_to_365_days", "int64", "inventoryData.inventoryAge.271To365days"),
        Column("age_over_365_days", "int64", "inventoryData.inventoryAge.365PlusDays"),
        Column("first_in_stock_date", "date", "inventoryData.firstInStockDate"),
        Column("sales_forecast_week_1_to_4", "double", "inventoryInsights.salesForecastWeek1to4"),
        Column("sales_forecast_week_5_to_8", "double", "inventoryInsights.salesForecastWeek5to8"),
        Column("sales_forecast_week_9_to_12", "double", "inventoryInsights.salesForecastWeek9to12"),
        Column("sell_through_rate", "double", "inventoryInsights.sellThroughRate"),
        Column("days_of_supply", path="inventoryInsights.daysOfSupply"),
        Column("out_of_stock_date", "date", "inventoryInsights.outOfStockDate"),
        Column("suggested_units", "int64", "inventoryInsights.suggestedUnits"),
        Column("surplus_units", "int64", "inventoryInsights.surplusUnits"),
        Column("is_customer_favorite", "bool", "inventoryInsights.customerFavorite"),
    ),
)

FEEDS = Table(
    name="feeds",
    about="A feed.",
    key=("feed_id",),
    columns=(
        Column("feed_id", path="feedId"),
        Column("feed_type", path="feedType"),
        Column("feed_source", path="feedSource"),
        Column("partner_id", path="partnerId"),
        Column("feed_status", path="feedStatus"),
        Column("items_received", "int64", "itemsReceived"),
        Column("items_succeeded", "int64", "itemsSucceeded"),
        Column("items_failed", "int64", "itemsFailed"),
        Column("items_processing", "int64", "itemsProcessing"),
        Column("item_data_error_count", "int64", "itemDataErrorCount"),
        Column("item_system_error_count", "int64", "itemSystemErrorCount"),
        Column("item_timeout_error_count", "int64", "itemTimeoutErrorCount"),
        Column("feed_date", "timestamp", "feedDate"),
        Column("modified_dtm", "timestamp", "modifiedDtm"),
        Column("file_name", path="fileName"),
        Column("ship_node", path="shipNode"),
        Column("batch_id", path="batchId"),
        Column("channel_type", path="channelType"),
        Column("org_id", path="orgId"),
    ),
)

FEED_ITEM_ERRORS = Table(
    name="feed_item_errors",
    about="An error of an item of a feed.",
    key=("feed_id", "item_index", "error_index"),
    rows=("ingestionErrors.ingestionError",),
    index="error_index",
    columns=(
        Column("type", path="type"),
        # Codes may end in a tab.
        Column("code", path="code", derive=lambda code: code.strip() if isinstance(code, str) else code),
        Column("field", path="field"),
        Column("description", path="description"),
    ),
)

FEED_ITEMS = Table(
    name="feed_items",
    about="An item of a feed, and what became of it.",
    key=("feed_id", "item_index"),
    columns=(
        Column("feed_id", path="#params.feedId"),
        Column("item_index", "int64", "index"),
        Column("mart_id", path="martId"),
        Column("sku", path="sku"),
        Column("wpid", path="wpid"),
        Column("item_id", path="itemid"),
        Column("ingestion_status", path="ingestionStatus"),
        Column("pending_status_description", path="pendingStatusDescription"),
        Column("product_identifiers", "json", "productIdentifiers"),
    ),
    children=(FEED_ITEM_ERRORS,),
)

SETTLEMENT_LINES = Table(
    name="settlement_lines",
    about="A row of a settlement report.",
    key=("report_date", "row_number"),
    columns=(
        Column("report_date", "date", "#report_date"),
        Column("row_number", "int64", "#row_number"),
        Column("period_start", "date", "period start date"),
        Column("period_end", "date", "period end date"),
        Column("total_payable", "decimal", "total payable"),
        Column("currency", path="currency"),
        Column("transaction_key", path="transaction key"),
        Column("transaction_posted", "date", "transaction posted timestamp"),
        Column("transaction_type", path="transaction type"),
        Column("transaction_description", path="transaction description"),
        Column("customer_order_number", path="customer order"),
        Column("customer_order_line", path="customer order line"),
        Column("purchase_order_number", path="purchase order"),
        Column("purchase_order_line", path="purchase order line"),
        Column("amount", "decimal", "amount"),
        Column("amount_type", path="amount type"),
        Column("ship_qty", "int64", "ship qty"),
        Column("commission_rate", "decimal", "commission rate"),
        Column("original_commission", "decimal", "original commission"),
        Column("partner_item_id", path="partner item id"),
        Column("partner_gtin", path="partner gtin"),
        Column("partner_item_name", path="partner item name"),
        Column("product_tax_code", path="product tax code"),
        Column("product_type", path="product type"),
        Column("contract_category", path="contract category"),
        Column("shipping_method", path="shipping method"),
        Column("fulfillment_type", path="fulfillment type"),
        Column("ship_to_state", path="ship to state", personal=True),
        Column("ship_to_city", path="ship to city", personal=True),
        Column("ship_to_zip", path="ship to zipcode", or_path="ship to zip", personal=True),
    ),
)

SUBMISSIONS = Table(
    name="submissions",
    about="An item of a feed that a task sent, and what became of it.",
    key=("feed_id", "item_index"),
    columns=(
        Column("feed_id", path="feedId"),
        Column("item_index", "int64", "index"),
        Column("feed_type", path="feedType"),
        Column("sku", path="sku"),
        Column("sent", "json", "sent"),
        Column("submitted_at", "timestamp", "submittedAt"),
        Column("feed_status", path="feedStatus"),
        Column("ingestion_status", path="ingestionStatus"),
        Column("error_codes", path="errorCodes"),
        Column("dag_id", path="dag_id"),
        Column("task_id", path="task_id"),
        Column("map_index", "int64", "map_index"),
    ),
)

#: The table of the records of each operation; its children come with it.
OPERATIONS: dict[str, Table] = {
    "getAllOrders": ORDERS,
    "getAllReleasedOrders": ORDERS,
    "getReturns": RETURNS,
    "getAllItems": ITEMS,
    "getMultiNodeInventoryForAllSkuAndAllShipNodes": INVENTORIES,
    "getWFSInventoryDetails": WFS_INVENTORY,
    "getAllFeedStatuses": FEEDS,
    "getFeedItemStatus": FEED_ITEMS,
}
#: Not written: a row of it is a list of rows of its child.
UNWRITTEN = frozenset({"inventories"})


def with_children(table: Table) -> list[Table]:
    """Return a table and all tables inside its rows."""
    return [table, *(one for child in table.children for one in with_children(child))]


def columns_of(table: Table, above: tuple[Column, ...] = ()) -> tuple[Column, ...]:
    """Return all columns of a table: its key first, its own, then those that every table has.

    :param above: columns of the table around it.
    """
    own = {column.name for column in table.columns}
    inherited = tuple(column for column in above if column.name in table.key and column.name not in own)
    index = (Column(table.index, "int64"),) if table.index else ()
    return (*inherited, *index, *table.columns, *ADDED)


def all_columns(table: Table, above: tuple[Column, ...] = ()) -> dict[str, tuple[Column, ...]]:
    """Return the columns of a table and of all tables inside its rows, by table."""
    found = {table.name: columns_of(table, above)}
    for child in table.children:
        found |= all_columns(child, found[table.name])
    return {name: columns for name, columns in found.items() if name not in UNWRITTEN}


def table_of(operation: str) -> Table:
    """Return the table of the records of an operation.

    :raises WalmartConfigError: when it has none.
    """
    if operation not in OPERATIONS:
        raise WalmartConfigError(
            f"{operation} has no tables; output_format='parquet' is there for {', '.join(OPERATIONS)}.",
            hint="Export it as JSON lines.",
        )
    return OPERATIONS[operation]


def chosen_tables(table: Table, names: Any) -> list[str]:
    """Return the names of the tables to write.

    :param names: those wanted, as a list, or as text with commas between; None for all.
    :raises WalmartConfigError: when one is not there.
    """
    there = list(all_columns(table))
    if names is None or names == "":
        return there
    wanted = {name.strip() for name in (names.split(",") if isinstance(names, str) else names)}
    if not wanted or wanted - set(there):
        raise WalmartConfigError(f"tables is {names!r}; expected some of {', '.join(there)}.")
    return [name for name in there if name in wanted]
