"""Item specs: what an item of a product type must look like, served as JSON schema, and item feeds checked against it.

The specs are of the sandbox's own making, in the form and size of few fields that Walmart's have: a header, ``Orderable``,
``Visible`` by product type, conditions with if/then. Which versions are alive follows from Walmart's own list of 2026.
"""

from __future__ import annotations

import functools
import importlib
import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct
from starlette.responses import Response

from airflow_provider_walmart.sandbox.core.calls import Call, Endpoint, reply
from airflow_provider_walmart.sandbox.core.errors import Refusal
from airflow_provider_walmart.sandbox.core.state import ItemError
from airflow_provider_walmart.sandbox.core.throttle import per_minute

Json = dict[str, Any]

SERVICE = "GMP_ITEM_QUERY_API"
#: Versions that are served and accepted, the recommended one last.
VERSIONS = (
    "5.0.20260501-19_21_29-api",
    "5.0.20260608-18_15_07-api",
    "5.0.20260703-18_22_27-api",
    "5.0.20260803-17_50_56-api",
)
#: Versions that once were; feeds and requests with one of them are refused.
RETIRED = (
    "5.0.20260114-19_40_57",
    "5.0.20260205-21_38_48",
    "5.0.20260304-22_45_32",
    "5.0.20260330-14_47_14-api",
)
#: Feed types that have a spec with product types; items of the last one need no more than SKU and product id.
FEED_TYPES = ("MP_ITEM", "MP_WFS_ITEM", "MP_MAINTENANCE")
MOST_PRODUCT_TYPES = 20
HEADER_FIELDS = {"businessUnit", "locale", "version"}
RETIRED_VERSION = ItemError(
    type="SYSTEM_ERROR",
    code="ERR_INT_SYS_0801003",
    description="The version in the header is not that of a current item spec.",
    field="version",
)
FORBIDDEN_FIELD = "ERR_INT_DATA_01010092"
NOT_AS_SPECIFIED = "ERR_EXT_DATA_0101116"

_YES_NO = {"type": "string", "enum": ["Yes", "No"]}
_DRAFT = "http://json-schema.org/draft-07/schema#"


def _text(least: int, most: int, **more: Any) -> Json:
    return {"type": "string", "minLength": least, "maxLength": most, **more}


def _number(most: float, **more: Any) -> Json:
    return {"type": "number", "minimum": 0, "maximum": most, **more}


def _measure(*units: str) -> Json:
    fields = {"measure": _number(1_000_000), "unit": {"type": "string", "enum": list(units)}}
    return _object(fields, list(fields))


def _object(properties: Json, required: Sequence[str], **more: Any) -> Json:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "required": list(required),
        **more,
    }


_COMMON: Json = {
    "productName": _text(10, 199, title="Product Name"),
    "brand": _text(1, 60, title="Brand Name"),
    "shortDescription": _text(1, 4000, title="Site Description"),
    "keyFeatures": {"type": "array", "minItems": 3, "items": _text(1, 10_000), "title": "Key Features"},
    "mainImageUrl": _text(1, 2000, format="uri", title="Main Image URL"),
    "productSecondaryImageURL": {"type": "array", "items": _text(1, 2000, format="uri")},
    "countPerPack": {"type": "integer", "minimum": 1, "maximum": 100_000},
    "color": {"type": "array", "items": _text(1, 80)},
    "isProp65WarningRequired": _YES_NO,
    "prop65WarningText": _text(1, 5000),
    "has_written_warranty": {"type": "string", "enum": ["Yes - Warranty URL", "Yes - Warranty Text", "No"]},
    "warrantyText": _text(1, 20_000),
    "variantGroupId": _text(1, 300),
    "variantAttributeNames": {
        "type": "array",
        "items": {"type": "string", "enum": ["color", "countPerPack"]},
    },
    "isPrimaryVariant": _YES_NO,
}
_REQUIRED = (
    "productName",
    "brand",
    "shortDescription",
    "keyFeatures",
    "mainImageUrl",
    "isProp65WarningRequired",
)
_CONDITIONS = [
    ("isProp65WarningRequired", "Yes", "prop65WarningText"),
    ("has_written_warranty", "Yes - Warranty Text", "warrantyText"),
]
#: Product type -> its own fields, and which of them it requires.
PRODUCT_TYPES: dict[str, tuple[Json, tuple[str, ...]]] = {
    "Mugs": (
        {
            "capacity": _measure("fl oz", "ml", "L"),
            "material": {"type": "array", "minItems": 1, "items": _text(1, 4000)},
            "isDishwasherSafe": _YES_NO,
        },
        ("material",),
    ),
    "Desk Lamps": (
        {
            "wattage": _measure("W"),
            "lightBulbType": {"type": "string", "enum": ["LED", "Halogen", "Incandescent"]},
            "isAssemblyRequired": _YES_NO,
        },
        ("lightBulbType",),
    ),
    "Throw Blankets": (
        {
            "assembledProductLength": _measure("in", "cm"),
            "assembledProductWidth": _measure("in", "cm"),
            "fabricContent": {
                "type": "array",
                "minItems": 1,
                "items": _object(
                    {"materialName": _text(1, 400), "materialPercentage": _number(100)}, ["materialName"]
                ),
            },
        },
        ("fabricContent",),
    ),
}


class SpecBody(Struct):
    """Body of a request for a spec."""

    feedType: str = ""  # noqa: N815 - Walmart's names
    version: str = ""
    productTypes: list[str] = []  # noqa: N815


async def spec(call: Call) -> Response:
    """Answer ``POST /v3/items/spec``: 207 with the good part when only some product types are known. US only.

    :param call: the call.
    """
    if call.token.market != "us":
        raise Refusal(
            404, f"CONTENT_NOT_FOUND.{SERVICE}", description="There are no item specs in this market"
        )
    body = call.content(SpecBody, service=SERVICE)
    what = _checked(body)
    known = [name for name in body.productTypes if name in PRODUCT_TYPES]
    errors = [
        f"{name} is not a valid PT for {what}" for name in body.productTypes if name not in PRODUCT_TYPES
    ]
    if not known:
        raise refused("productTypes", f"Invalid product types in the request for {what}")
    answer: Json = {"schema": schema(body.feedType, body.version, known)}
    return reply({**answer, "errors": errors}, 207) if errors else reply(answer)


def _checked(body: SpecBody) -> str:
    """Return feed type and version that a spec is asked for, as they are said in errors."""
    if body.feedType not in FEED_TYPES:
        raise refused("feedType", f"Invalid feedType {body.feedType!r} in the request")
    if body.version not in VERSIONS:
        raise refused("version", f"Invalid version {body.version!r} in the request for {body.feedType}")
    what = f"{body.feedType}/{body.version}"
    if not 1 <= len(body.productTypes) <= MOST_PRODUCT_TYPES:
        raise refused("productTypes", f"Give 1 to {MOST_PRODUCT_TYPES} product types for {what}")
    return what


@functools.lru_cache(maxsize=64)
def _schema(feed_type: str, version: str, names: tuple[str, ...]) -> Json:
    is_partial = feed_type == "MP_MAINTENANCE"
    visible = {name: _product_type(name, is_partial=is_partial) for name in names}
    identifiers = _object(
        {
            "productIdType": {"type": "string", "enum": ["UPC", "GTIN", "EAN", "ISBN"]},
            "productId": _text(8, 14),
        },
        ["productIdType", "productId"],
    )
    orderable = _object(
        {
            "sku": _text(1, 50, title="SKU"),
            "specProductType": {"type": "string", "enum": list(names)},
            "productIdentifiers": identifiers,
            "price": _number(1_000_000, multipleOf=0.01, title="Selling Price"),
            "ShippingWeight": _number(100_000, multipleOf=0.001, title="Shipping Weight (lbs)"),
            "startDate": {"type": "string", "format": "date-time"},
            "endDate": {"type": "string", "format": "date-time"},
            "MustShipAlone": _YES_NO,
        },
        ["sku", "productIdentifiers", *([] if is_partial else ["price", "ShippingWeight"])],
    )
    parts = {
        "Orderable": orderable,
        "Visible": _object(visible, [], oneOf=[{"required": [name]} for name in names]),
    }
    if feed_type == "MP_WFS_ITEM":
        parts["TradeItem"] = _object(
            {"sku": _text(1, 50), "countryOfOriginAssembly": _text(2, 60), "eachWeight": _number(100_000)},
            ["sku"],
        )
    header = _object(
        {
            "businessUnit": {"type": "string", "enum": ["WALMART_US"]},
            "locale": {"type": "string", "enum": ["en"]},
            "version": {"type": "string", "enum": [version]},
        },
        sorted(HEADER_FIELDS),
        title="MPItemFeedHeader",
    )
    items = {
        "type": "array",
        "minItems": 1,
        "title": "MPItem",
        "items": _object(parts, ["Orderable"] if is_partial else list(parts)),
    }
    whole = _object({"MPItemFeedHeader": header, "MPItem": items}, ["MPItemFeedHeader", "MPItem"])
    return {"$schema": _DRAFT, "title": "MPItemFeed", **whole}


def schema(feed_type: str, version: str, names: Sequence[str]) -> Json:
    """Return the JSON schema of a whole feed file.

    :param feed_type: one of ``FEED_TYPES``.
    :param version: one of ``VERSIONS``.
    :param names: product types of its items.
    """
    return _schema(feed_type, version, tuple(dict.fromkeys(names)))


def feed_errors(feed_type: str, document: Any) -> list[ItemError]:
    """Return why an item feed as a whole is refused: a version that is none, or fields its header must not have.

    :param feed_type: type of the feed; others than ``FEED_TYPES`` have no spec.
    :param document: the feed file, decoded.
    """
    if feed_type not in FEED_TYPES or not isinstance(document, dict):
        return []
    header = document.get("MPItemFeedHeader")
    header = header if isinstance(header, dict) else {}
    forbidden = sorted(set(header) - HEADER_FIELDS)
    if forbidden:
        description = f"The header holds {', '.join(forbidden)}, which is not allowed."
        return [ItemError(code=FORBIDDEN_FIELD, description=description, field=forbidden[0])]
    return [] if header.get("version") in VERSIONS else [RETIRED_VERSION]


def row_errors(feed_type: str, document: Any, rows: Sequence[Any]) -> Iterator[tuple[int, list[ItemError]]]:
    """Yield index and errors of the items of a feed that are not as the spec has it.

    :param feed_type: type of the feed; others than ``FEED_TYPES`` have no spec.
    :param document: the feed file, decoded with exact decimals.
    :param rows: its items.
    """
    if feed_type not in FEED_TYPES:
        return
    version = document["MPItemFeedHeader"]["version"]
    for index, row in enumerate(rows):
        if found := _errors_of(row, feed_type, version):
            yield index, found


def _errors_of(row: Any, feed_type: str, version: str) -> list[ItemError]:
    """Return what of an item is not as the spec of its product type has it."""
    visible = row.get("Visible") if isinstance(row, dict) else None
    name = next(iter(visible), "") if isinstance(visible, dict) else ""
    if name and name not in PRODUCT_TYPES:
        description = f"{name} is not a valid product type for {feed_type}."
        return [ItemError(code=NOT_AS_SPECIFIED, description=description, field="Visible")]
    return [
        ItemError(
            code=NOT_AS_SPECIFIED,
            description=f"{'.'.join(map(str, error.absolute_path)) or 'item'}: {error.message[:300]}",
            field=str(next(reversed(error.absolute_path), "") or error.validator),
        )
        for error in _validator(feed_type, version, name or next(iter(PRODUCT_TYPES))).iter_errors(row)
    ]


@functools.lru_cache(maxsize=64)
def _validator(feed_type: str, version: str, name: str) -> Any:
    jsonschema = importlib.import_module("jsonschema")  # the sandbox starts faster without

    item = schema(feed_type, version, [name])["properties"]["MPItem"]["items"]
    # Of exact decimals, as the rows are, or cents would not be multiples of a hundredth.
    return jsonschema.Draft7Validator(json.loads(json.dumps(item), parse_float=Decimal))


def _product_type(name: str, *, is_partial: bool) -> Json:
    own, required = PRODUCT_TYPES[name]
    conditions = [
        {
            "if": {"properties": {field: {"enum": [value]}}, "required": [field]},
            "then": {"required": [wanted]},
        }
        for field, value, wanted in _CONDITIONS
    ]
    return _object({**_COMMON, **own}, [] if is_partial else [*_REQUIRED, *required], allOf=conditions)


class _SpecRefusal(Refusal):
    """A refusal of the spec call, whose fields stand at the top."""

    def answer(self, request: Any) -> Response:
        return Response(msgspec.json.encode(self.gateway_error()), self.status, media_type="application/json")


def refused(field: str, description: str) -> Refusal:
    """Return the refusal of a request for a spec.

    :param field: the field at fault.
    :param description: what is wrong with it.
    """
    return _SpecRefusal(
        400, f"INVALID_REQUEST.{SERVICE}", field=field, description=description, info="Request invalid."
    )


ENDPOINTS = [
    Endpoint("POST", "/v3/items/spec", spec, "item", per_minute(3, "items/spec"), writes=False),
]
