"""Prices and promotions of one SKU, and its lag time."""

from __future__ import annotations

import re
from typing import Literal
from xml.sax.saxutils import unescape

from msgspec import Struct, to_builtins
from starlette.responses import Response

from airflow_provider_walmart.sandbox.core import dates
from airflow_provider_walmart.sandbox.core.calls import Call, Endpoint, reply, require_headers
from airflow_provider_walmart.sandbox.core.errors import Refusal, bad_header, bad_param
from airflow_provider_walmart.sandbox.core.throttle import per_hour, per_minute
from airflow_provider_walmart.sandbox.marketplace import feed_effects, feed_rules

SERVICE = "GMP_ITEM_PRICE_API"


class Price(Struct):
    """An amount of money."""

    amount: float
    currency: str = "USD"


class Pricing(Struct, omit_defaults=True):
    """One price of a SKU; a promotion has dates and a process mode."""

    currentPriceType: Literal["BASE", "REDUCED", "CLEARANCE"]  # noqa: N815 - Walmart's names
    currentPrice: Price  # noqa: N815
    comparisonPriceType: str = ""  # noqa: N815
    comparisonPrice: Price | None = None  # noqa: N815
    effectiveDate: str = ""  # noqa: N815
    expirationDate: str = ""  # noqa: N815
    processMode: Literal["UPSERT", "DELETE"] = "UPSERT"  # noqa: N815


class PriceBody(Struct):
    """Body of an update of one SKU."""

    sku: str
    pricing: list[Pricing]


class ItemPrice(Struct):
    """New price of one SKU."""

    sku: str
    price: float


class NewItem(Struct):
    """What the new form of the update holds."""

    Price: ItemPrice


class NewBody(Struct):
    """Body of the new form of the update."""

    MPItem: NewItem


async def update(call: Call) -> Response:
    """Answer ``PUT /v3/price``: a price, or with ``promo=true`` promotions.

    :param call: the call.
    """
    is_promotion = call.query("promo", "false")
    if is_promotion not in ("true", "false"):
        raise bad_param("promo", "must be true or false", service=SERVICE)
    body = _of_xml(call) or call.content(PriceBody, service=SERVICE)
    _check(call, body.sku, [price.currentPrice.amount for price in body.pricing])
    if is_promotion == "true":
        _promote(call, body)
    else:
        call.state.prices[body.sku] = body.pricing[-1].currentPrice.amount
    message = (
        "Price has been updated for the item. It may take up to five minutes for this change to be reflected."
    )
    return reply({"statusCode": 200, "mart": "WALMART_US", "sku": body.sku, "message": message})


async def update_new(call: Call) -> Response:
    """Answer ``POST /v3/price``, the new form of the update.

    :param call: the call.
    """
    require_headers(call.request, "WM_MARKET", "WM_GLOBAL_VERSION")
    if call.request.headers["WM_GLOBAL_VERSION"] != "3.1":
        raise bad_header("WM_GLOBAL_VERSION", "must be 3.1")
    wanted = call.content(NewBody, service=SERVICE).MPItem.Price
    _check(call, wanted.sku, [wanted.price])
    call.state.prices[wanted.sku] = wanted.price
    status = {"martId": 0, "sku": wanted.sku, "ingestionStatus": "SUCCESS"}
    return reply(
        {
            "feedStatus": "PROCESSED",
            "feedSubmissionDate": int(call.now * 1000),
            "itemsReceived": 1,
            "itemsSucceeded": 1,
            "itemsFailed": 0,
            "itemsProcessing": 0,
            "itemsDetails": {"itemIngestionStatus": [status]},
        }
    )


async def promotions(call: Call) -> Response:
    """Answer ``GET /v3/promo/sku/{sku}``.

    :param call: the call.
    """
    sku = call.path["sku"]
    _check_sku(call, sku)
    feed_effects.settle(call.state)
    pricing = [
        {
            "currentPrice": {"value": promotion["currentPrice"]},
            "currentPriceType": promotion["currentPriceType"],
            "effectiveDate": dates.parse(promotion["effectiveDate"]),
            "expirationDate": dates.parse(promotion["expirationDate"]),
            "processMode": "UPSERT",
        }
        for promotion in call.state.promotions.get(sku, [])
    ]
    payload = {"itemIdentifier": {"sku": sku}, "pricingList": {"replaceAll": False, "pricing": pricing}}
    return reply({"status": "OK", "header": {"headerAttributes": {}}, "payload": payload})


async def lag_time(call: Call) -> Response:
    """Answer ``GET /v3/lagtime``.

    :param call: the call.
    """
    sku = call.query("sku")
    if not sku:
        raise bad_param("sku", "missing", service="GMP_LAGTIME_API", shape="errors")
    _check_sku(call, sku)
    return reply({"sku": sku, "fulfillmentLagTime": 1})


def _of_xml(call: Call) -> PriceBody | None:
    """Return the price in a body of XML, the form of the older API; ``None`` when the body is none."""
    if "xml" not in call.request.headers.get("Content-Type", "").lower():
        return None
    text = call.body.decode("utf-8", "replace")
    sku = re.search(r"<(?:\w+:)?sku>([^<]+)</", text)
    amount = re.search(r"<(?:\w+:)?(?:value|currentPrice)[^>]*\samount=\"(\d{1,9}(?:\.\d+)?)\"", text)
    if sku is None or amount is None:
        raise Refusal(
            400, f"INVALID_REQUEST_CONTENT.{SERVICE}", field="sku", description="sku or amount is missing"
        )
    return PriceBody(unescape(sku[1]), [Pricing("BASE", Price(float(amount[1])))])


def _check(call: Call, sku: str, amounts: list[float]) -> None:
    _check_sku(call, sku)
    if not amounts or not all(feed_rules.is_price(amount) for amount in amounts):
        raise Refusal(
            400,
            f"INVALID_REQUEST_CONTENT.{SERVICE}",
            field="currentPrice",
            description=feed_rules.BAD_PRICE.description,
        )


def _check_sku(call: Call, sku: str) -> None:
    if sku not in call.state.items:
        raise Refusal(404, f"CONTENT_NOT_FOUND.{SERVICE}", field="sku", description="No such SKU")


def _promote(call: Call, body: PriceBody) -> None:
    for pricing in body.pricing:
        try:
            period = [dates.parse(pricing.effectiveDate), dates.parse(pricing.expirationDate)]
        except ValueError:
            raise bad_param("effectiveDate", "dates are needed for a promotion", service=SERVICE) from None
        if period != sorted(period):
            raise bad_param("expirationDate", "lies before effectiveDate", service=SERVICE)
    for pricing in body.pricing:
        feed_effects.promote(call.state, body.sku, to_builtins(pricing))


ENDPOINTS = [
    Endpoint("PUT", "/v3/price", update, "price", per_hour(100, "price")),
    Endpoint("POST", "/v3/price", update_new, "price"),
    Endpoint("GET", "/v3/promo/sku/{sku}", promotions, "price", per_minute(1000, "promo")),
    Endpoint("GET", "/v3/lagtime", lag_time, "lagtime", per_hour(20, "lagtime")),
]
