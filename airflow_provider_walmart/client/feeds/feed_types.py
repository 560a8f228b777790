"""What the documents of feed types look like, and how a plain row becomes an entry of one.

The document of a feed is a JSON object with a header and a list of entries::

    {"InventoryHeader": {"version": "1.4"}, "Inventory": [{"sku": "A-1", "quantity": {...}}, ...]}

Rows of known feed types have these columns, the optional ones in brackets:

=================== ==========================================================================================
inventory           sku, quantity, [ship_node], [inventory_available_date]; one ship node for all rows
MP_INVENTORY        sku, quantity, [ship_node], [inventory_available_date]; several ship nodes of a sku become
                    one entry
price               sku, price, [currency], [comparison_price], [price_type], [effective_date],
                    [expiration_date]; several prices of a sku become one entry
PRICE_AND_PROMOTION the same; a base price and a promotion of a sku become one entry
lagtime             sku, lag_time (days)
RETIRE_ITEM         sku
SKU_TEMPLATE_MAP    sku, template_id, [fulfillment_center_id]
RETURNS_OVERRIDES   sku and at least one of returnCenterAlias, isKeepIt, isReturnRestricted
=================== ==========================================================================================

Numbers may be text, as in CSV files. An empty text or None means that the value is absent.

``price_type`` is BASE, REDUCED or CLEARANCE. By default it is REDUCED where there are dates, or in a price
feed a comparison price, since Walmart documents those for promotions only; else BASE. ``comparison_price`` is
Walmart's ``comparisonPrice`` or ``msrp``. ``inventory_available_date`` is a day, the other dates are points in
time: UTC where they name no zone, midnight where they are days.

A row in Walmart's own form becomes an entry as it is: one where ``quantity`` is an object, or that has
``pricing``, ``shipNodes``, ``fulfillmentLagTime``, ``PreciseDelivery``, ``overrides`` or ``Promo&Discount``.
Taking back a returns override takes that form, because its value is an empty text there.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import msgspec

from airflow_provider_walmart.client.catalogue import operations as catalogue
from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.values.dates import utc_text
from airflow_provider_walmart.client.values.json_values import check_json, encode, encode_sorted
from airflow_provider_walmart.client.values.rows import (
    RowError,
    choice_of,
    day_of,
    either,
    given,
    id_of,
    is_unicode,
    known_columns,
    money_of,
    optional_id,
    optional_text,
    shown,
    time_of,
    whole_number,
)

# Where Walmart publishes no cap.
MAX_BYTES = 25_000_000
# Caps that stand in the text about item feeds, not in the table of limits.
_MAX_BYTES = {"fitment_aces": 50_000_000, "fitment_pies": 50_000_000}
_MAX_ITEMS = {
    "mp_virtual_pack_bundle": 6,
    **dict.fromkeys(
        (
            "cpt_seller_eligibility",
            "delete_item",
            "item",
            "mp_item",
            "mp_item_intl",
            "mp_item_match",
            "mp_item_price_update",
            "mp_maintenance",
            "mp_wfs_item",
            "mp_wfs_maintenance",
            "omni_wfs",
            "price",
            "price_and_promotion",
            "retire_item",
            "shipping_overrides",
            "sku_template_map",
            "split_and_merge",
        ),
        10_000,
    ),
}
# Feed types whose body is the JSON document itself, with no file around it.
_BARE = frozenset(
    (
        "incentive_enrollment",
        "lagtime",
        "omni_rich_media",
        "price_and_promotion",
        "program_actions",
        "walmart_funded_incentives_enrollment",
    )
)
# Header fields that are new with every request, so they don't distinguish one payload from another.
_PER_REQUEST = {"feeddate", "requestid", "requestbatchid"}


_is_currency = re.compile(r"[A-Z]{3}", re.ASCII).fullmatch


Join = Callable[[dict[str, Any], dict[str, Any]], None]


class Piece(msgspec.Struct, frozen=True, gc=False):
    """What one row becomes.

    :param subject: what the entry is about, in words; no two entries of a feed may have the same. Empty where
        the feed type is not known.
    :param part: what of it the row is about, in words; no two rows of an entry may have the same.
    :param entry: entry of the document, fit for JSON.
    :param join: ``join(entry, other)`` adds the entry of the next row to this one, where both can be joined
        and have the same subject; it may raise RowError. None where the entry stands alone.
    :param ship_node: ship node that the whole upload must be for; empty for none.
    :param meaning: of a row that is its own entry, what it says: the same for all that have equal values under equal keys. Empty
        where all entries that say the same are the same.
    """

    subject: str
    part: str
    entry: dict[str, Any]
    join: Join | None = None
    ship_node: str = ""
    meaning: bytes = b""


@dataclass(frozen=True)
class Upload:
    """How files of one feed type are uploaded.

    :param feed_type: value of ``feedType``, as the user spelled it.
    :param multipart: whether the document is sent as a file of a form; else it is the body.
    :param max_items: most entries of one document; None where none is published.
    :param max_bytes: largest document.
    """

    feed_type: str
    multipart: bool
    max_items: int | None
    max_bytes: int


@dataclass(frozen=True)
class FeedFormat(Upload):
    """The document of one feed type.

    :param header_key: name of the header.
    :param header: the header, without date.
    :param dated: whether the header gets a ``feedDate``.
    :param root_key: name of the list of entries.
    :param currency: three letters; currency of prices that name none.
    :param known: how rows become entries; None when rows are entries already.
    """

    header_key: str
    header: Mapping[str, Any]
    dated: bool
    root_key: str
    currency: str
    known: _Known | None = field(repr=False)

    def piece(self, row: object) -> Piece:
        """Turn one row into an entry.

        :param row: mapping of columns to values.
        :raises RowError: saying what is wrong with it.
        """
        # The check of an abstract class takes longer than many a row.
        if not isinstance(row, (dict, Mapping)):
            raise RowError(f"is {shown(row)}; expected an object with columns")
        known = self.known
        if known is None:
            return _as_it_is(row)
        if known.nested and isinstance(row.get(known.nested), known.nested_type):
            return _walmarts_own(row, known)
        return known.piece(known_columns(row, known.columns), self)

    def frame(self, now: datetime) -> tuple[bytes, bytes]:
        """Return what stands before the entries and what stands behind them.

        :param now: time of the upload, aware. The length does not depend on it.
        """
        header = dict(self.header)
        if self.dated:
            header["feedDate"] = utc_text(now, "milliseconds")
        return b"{%b:%b,%b:[" % (encode(self.header_key), encode(header), encode(self.root_key)), b"]}"

    @property
    def essence(self) -> bytes:
        """What distinguishes this format from others in a fingerprint: all but what is new with every request."""
        write = encode if self.known else encode_sorted
        return write([self.feed_type.lower(), self.header_key, lasting(self.header), self.root_key])


def _did_you_mean(feed_type: str) -> str:
    """Return which feed type was probably meant; empty for one that is documented, and where none is alike."""
    names = {name.casefold(): name for name in (*_KNOWN, *(feed.name for feed in catalogue.all_feed_types()))}
    close = difflib.get_close_matches(feed_type.casefold(), names, n=1)
    return f"did you mean {names[close[0]]}? " if close and feed_type.casefold() not in names else ""


def lasting(header: Mapping[str, Any]) -> dict[str, Any]:
    """Return the header of a document without what is new with every request."""
    return {name: value for name, value in header.items() if name.lower() not in _PER_REQUEST}


def value_of(piece: Piece) -> tuple[str, str, bytes]:
    """Return what a row is about, its SKU, and a digest of what it says: equal for equal numbers, however written.

    :param piece: what the row becomes.
    :raises RowError: when it names no SKU.
    """
    sku = _sku_in(piece.entry)
    if sku is None:
        raise RowError("names no sku, so it can't be compared with what was accepted")
    # Of entries of types that are not known here, the part is a digest of all they say.
    key = piece.subject or f"sku {sku!r}"
    if piece.subject and piece.part:
        key = f"{piece.subject}, {piece.part}"
    meaning = piece.meaning or encode_sorted(piece.entry)
    return key, sku, hashlib.blake2b(meaning, digest_size=16).digest()


def _sku_in(entry: Mapping[str, Any]) -> str | None:
    sku = entry.get("sku")
    if type(sku) is str and sku:
        return sku
    for holder in (entry, *entry.values()):
        sku = holder.get("sku") if isinstance(holder, (dict, Mapping)) else None
        if isinstance(sku, (str, int)) and not isinstance(sku, bool) and str(sku):
            return str(sku)
    return None


def _own_entry(row: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Return a row as the entry that it is, and what it means.

    :raises RowError: when it has no form in JSON.
    """
    entry = dict(row)
    varies = check_json(entry, "")
    meaning = encode_sorted(entry)
    return entry, encode_sorted(_by_value(meaning)) if varies else meaning


def _number(text: str) -> int | float:
    """Return a number in the one form that all equal ones have."""
    number = float(text)
    return int(number) if number.is_integer() else number


_by_value = msgspec.json.Decoder(float_hook=_number).decode


def is_known(feed_type: str) -> bool:
    """Return whether plain rows become entries of this feed type here.

    :param feed_type: any value of ``feedType``; case does not matter.
    """
    return feed_type.strip().lower() in _KNOWN


def upload_of(feed_type: str) -> Upload:
    """Return how files of a feed type are uploaded.

    :param feed_type: any value of ``feedType``, known to us or not; case does not matter.
    :raises WalmartConfigError: when it is empty.
    """
    if not isinstance(feed_type, str) or not feed_type.strip() or not is_unicode(feed_type):
        raise WalmartConfigError(f"feed_type is {shown(feed_type)}; expected a name such as inventory.")
    name = feed_type.strip().lower()
    published = catalogue.feed_type(name)
    return Upload(
        feed_type=feed_type.strip(),
        multipart=name not in _BARE,
        max_items=_MAX_ITEMS.get(name),
        max_bytes=_MAX_BYTES.get(name) or (published and published.max_bytes) or MAX_BYTES,
    )


def _root_key(given: Any, header_key: str) -> str:
    """Return the name of the list of entries.

    :raises WalmartConfigError: when it is none.
    """
    if not isinstance(given, str) or not given.strip() or given == header_key or not is_unicode(given):
        raise WalmartConfigError(
            f"root_key is {shown(given)}; expected a name other than that of the header."
        )
    return given


def format_of(
    feed_type: str,
    *,
    header: Mapping[str, Any] | None = None,
    root_key: str | None = None,
    currency: str = "USD",
) -> FeedFormat:
    """Return what the document of a feed type looks like.

    :param feed_type: any value of ``feedType``; case does not matter.
    :param header: name and content of the header, such as ``{"MPItemFeedHeader": {"version": "4.8"}}``.
        Needed for types that are not known here; replaces the header of one that is.
    :param root_key: name of the list of entries, such as ``MPItem``; likewise.
    :param currency: currency of price rows that name none; and of all rows of PRICE_AND_PROMOTION, whose
        document has no field for it.
    :raises WalmartConfigError: when header or root key are needed and missing, or not usable.
    """
    upload = upload_of(feed_type)
    known, dated = _KNOWN.get(upload.feed_type.lower()), False
    if known:
        header_key, content, dated = known.header_key, known.header, known.dated
        root_key = known.root_key if root_key is None else root_key
    elif missing := [name for name, value in (("feed_header", header), ("root_key", root_key)) if not value]:
        raise WalmartConfigError(
            f"feed type {upload.feed_type}: {_did_you_mean(upload.feed_type)}Its document is not known here, so "
            f"{' and '.join(missing)} must be given, such as "
            'feed_header={"MPItemFeedHeader": {...}} and root_key="MPItem".'
        )
    if header is not None:
        (header_key, content), dated = _header(header), False
    root_key = _root_key(root_key, header_key)
    if not isinstance(currency, str) or not _is_currency(currency):
        raise WalmartConfigError(f"currency is {shown(currency)}; expected three capital letters.")
    return FeedFormat(
        **vars(upload),
        header_key=header_key,
        header=content,
        dated=dated,
        root_key=root_key,
        currency=currency,
        known=known,
    )


def _header(header: object) -> tuple[str, dict[str, Any]]:
    if isinstance(header, Mapping) and len(header) == 1:
        ((key, content),) = header.items()
        if isinstance(key, str) and key.strip() and isinstance(content, Mapping):
            try:
                check_json({key: dict(content)}, "")
            except RowError as error:
                raise WalmartConfigError(f"header: {error}.") from None
            return key, dict(content)
    raise WalmartConfigError(
        f"header is {shown(header)}; expected one name with its content, such as"
        ' {"MPItemFeedHeader": {"version": "4.8"}}.'
    )


# --- known feed types


def _inventory(row: Mapping[str, Any], _: FeedFormat) -> Piece:
    sku, stock = id_of(row, "sku"), _stock(row)
    entry = {"sku": sku, **stock}
    return Piece(_about(sku), "", entry, None, optional_id(row, "ship_node") or "")


def _node_inventory(row: Mapping[str, Any], _: FeedFormat) -> Piece:
    sku = id_of(row, "sku")
    node, stock = optional_id(row, "ship_node"), _stock(row)
    entry = {"sku": sku, "shipNodes": [{"shipNode": node, **stock} if node else stock]}
    return Piece(_about(sku), f"ship_node {node!r}" if node else "without ship_node", entry, _join_nodes)


def _join_nodes(entry: dict[str, Any], other: dict[str, Any]) -> None:
    entry["shipNodes"] += other["shipNodes"]


def _stock(row: Mapping[str, Any]) -> dict[str, Any]:
    stock: dict[str, Any] = {"quantity": {"unit": "EACH", "amount": whole_number(row, "quantity")}}
    if "inventory_available_date" in row and (available := day_of(row, "inventory_available_date")):
        stock["inventoryAvailableDate"] = available
    return stock


class _Offer(msgspec.Struct, frozen=True, gc=False):
    """One row of a price feed."""

    sku: str
    price: int | float
    currency: str
    comparison: int | float | None
    price_type: str
    effective: datetime | None
    expiration: datetime | None


def _offer(row: Mapping[str, Any], feed_format: FeedFormat, *, type_if_compared: str) -> _Offer:
    sku = id_of(row, "sku")
    price = money_of(row, "price")
    if len(row) == 2:
        # As in most rows, there is nothing else.
        return _Offer(sku, price, feed_format.currency, None, "BASE", None, None)
    currency = (optional_text(row, "currency") or feed_format.currency).upper()
    if not _is_currency(currency):
        raise RowError(f"currency is {shown(currency)}; expected three letters, such as USD")
    comparison = money_of(row, "comparison_price") if given(row, "comparison_price") is not None else None
    effective = time_of(row, "effective_date")
    expiration = time_of(row, "expiration_date")
    if effective and expiration and expiration <= effective:
        raise RowError("expiration_date is not after effective_date")
    usual = "BASE" if comparison is None else type_if_compared
    price_type = _price_type(row, usual, is_dated=effective is not None or expiration is not None)
    return _Offer(sku, price, currency, comparison, price_type, effective, expiration)


def _price_type(row: Mapping[str, Any], usual: str, *, is_dated: bool) -> str:
    """Return the price type of a row.

    :param usual: that of a row without one and without dates.
    """
    price_type = choice_of(row, "price_type", "BASE", "REDUCED", "CLEARANCE")
    if price_type is None:
        return "REDUCED" if is_dated else usual
    if price_type == "BASE" and is_dated:
        # Such a price would not wait for its date.
        raise RowError("price_type is BASE, which has no dates; a promotion is REDUCED or CLEARANCE")
    return price_type


def _price(row: Mapping[str, Any], feed_format: FeedFormat) -> Piece:
    offer = _offer(row, feed_format, type_if_compared="REDUCED")
    pricing: dict[str, Any] = {
        "currentPrice": {"currency": offer.currency, "amount": offer.price},
        "currentPriceType": offer.price_type,
    }
    part = f"price_type {offer.price_type}"
    if offer.comparison is not None:
        pricing["comparisonPriceType"] = "BASE"
        pricing["comparisonPrice"] = {"currency": offer.currency, "amount": offer.comparison}
    if offer.effective:
        pricing["effectiveDate"] = utc_text(offer.effective, "milliseconds")
        part += f" from {pricing['effectiveDate']}"
    if offer.expiration:
        pricing["expirationDate"] = utc_text(offer.expiration, "milliseconds")
        part += f" to {pricing['expirationDate']}"
    if offer.effective or offer.expiration:
        pricing["processMode"] = "UPSERT"
    return Piece(_about(offer.sku), part, {"sku": offer.sku, "pricing": [pricing]}, _join_prices)


def _join_prices(entry: dict[str, Any], other: dict[str, Any]) -> None:
    entry["pricing"] += other["pricing"]


def _price_and_promotion(row: Mapping[str, Any], feed_format: FeedFormat) -> Piece:
    offer = _offer(row, feed_format, type_if_compared="BASE")
    if offer.currency != feed_format.currency:
        raise RowError(
            f"currency is {offer.currency}, but prices of this feed type are in {feed_format.currency}:"
            " its document has no field for a currency"
        )
    content: dict[str, Any] = {"sku": offer.sku}
    is_base = offer.price_type == "BASE"
    if is_base:
        content["price"] = offer.price
    if offer.comparison is not None:
        # Not `price`: a promotion must not change what is paid when it is over.
        content["msrp"] = offer.comparison
    if not is_base:
        promotion = content["promotionInformation"] = {
            "promotionSettingAction": "Create",
            "promotionType": offer.price_type.capitalize(),
            "promotionPrice": offer.price,
        }
        if offer.effective:
            promotion["promotionPriceStartDateTime"] = utc_text(offer.effective, "seconds")
        if offer.expiration:
            promotion["promotionPriceEndDateTime"] = utc_text(offer.expiration, "seconds")
    part = "base price" if is_base else "promotion"
    return Piece(_about(offer.sku), part, {"Promo&Discount": content}, join=_join_promotion)


def _join_promotion(entry: dict[str, Any], other: dict[str, Any]) -> None:
    content, more = entry["Promo&Discount"], other["Promo&Discount"]
    if content.get("msrp", more.get("msrp")) != more.get("msrp", content.get("msrp")):
        raise RowError("comparison_price differs from that of the row before, and a sku has only one")
    content.update(more)


def _lag_time(row: Mapping[str, Any], _: FeedFormat) -> Piece:
    sku = id_of(row, "sku")
    return Piece(_about(sku), "", {"sku": sku, "fulfillmentLagTime": str(whole_number(row, "lag_time"))})


def _retirement(row: Mapping[str, Any], _: FeedFormat) -> Piece:
    sku = id_of(row, "sku")
    return Piece(_about(sku), "", {"sku": sku})


def _template(row: Mapping[str, Any], _: FeedFormat) -> Piece:
    content = {
        "sku": id_of(row, "sku"),
        "actionType": "Add",
        "shippingTemplateId": id_of(row, "template_id"),
    }
    if center := optional_id(row, "fulfillment_center_id"):
        content["fulfillmentCenterId"] = center
    return Piece(_about_template(content["sku"], content), "", {"PreciseDelivery": content})


def _about_template(sku: str, content: Mapping[str, Any]) -> str:
    # A template is removed and another one added for the same sku in one feed.
    return f"{_about(sku)} ({content.get('actionType')}, center {content.get('fulfillmentCenterId')})"


def _returns_override(row: Mapping[str, Any], _: FeedFormat) -> Piece:
    sku = id_of(row, "sku")
    overrides = {
        "returnCenterAlias": optional_text(row, "returnCenterAlias"),
        "isKeepIt": choice_of(row, "isKeepIt", "Yes", "No"),
        "isReturnRestricted": choice_of(row, "isReturnRestricted", "Yes", "No"),
    }
    given = {name: value for name, value in overrides.items() if value is not None}
    if not given:
        raise RowError(f"overrides nothing; expected {either(overrides)}")
    return Piece(_about(sku), "", {"sku": sku, "overrides": given})


def _walmarts_own(row: Mapping[str, Any], known: _Known) -> Piece:
    """Return a row in Walmart's own form as it is."""
    if mixed := row.keys() & known.plain_columns:
        raise RowError(f"is in Walmart's own form, which has no {either(sorted(mixed))}")
    entry, meaning = _own_entry(row)
    content = entry[known.nested]
    sku = id_of(entry if "sku" in entry or not isinstance(content, dict) else content, "sku")
    about = _about_template(sku, content) if known.piece is _template else _about(sku)
    return Piece(about, "", entry, meaning=meaning)


def _as_it_is(row: Mapping[str, Any]) -> Piece:
    """Return a row of a type that is not known here."""
    if not row:
        raise RowError("is empty")
    entry, meaning = _own_entry(row)
    return Piece("", hashlib.sha256(meaning).hexdigest(), entry, meaning=meaning)


def _about(sku: str) -> str:
    return f"sku {sku!r}"


@dataclass(frozen=True)
class _Known:
    """One known feed type.

    :param columns: all columns a plain row may have.
    :param piece: turns a plain row into a piece.
    :param nested: key by which a row in Walmart's own form is known ...
    :param nested_type: ... when its value is of this type.
    :param dated: whether the header has a ``feedDate``.
    """

    header_key: str
    header: Mapping[str, Any]
    root_key: str
    columns: frozenset[str]
    piece: Callable[[Mapping[str, Any], FeedFormat], Piece]
    nested: str = ""
    nested_type: type | tuple[type, ...] = dict
    dated: bool = False

    @cached_property
    def plain_columns(self) -> frozenset[str]:
        """The columns that a row in Walmart's own form doesn't have."""
        return self.columns - {"sku", self.nested}


_STOCK = frozenset(("sku", "quantity", "ship_node", "inventory_available_date"))
_PRICE = frozenset(
    ("sku", "price", "currency", "comparison_price", "price_type", "effective_date", "expiration_date")
)
_KNOWN = {
    "inventory": _Known(
        header_key="InventoryHeader",
        header={"version": "1.4"},
        root_key="Inventory",
        columns=_STOCK,
        piece=_inventory,
        nested="quantity",
    ),
    "mp_inventory": _Known(
        header_key="inventoryHeader",
        header={"version": "1.5"},
        root_key="inventory",
        columns=_STOCK,
        piece=_node_inventory,
        nested="shipNodes",
        nested_type=list,
    ),
    "price": _Known(
        header_key="PriceHeader",
        header={"version": "1.7"},
        root_key="Price",
        columns=_PRICE,
        piece=_price,
        nested="pricing",
        nested_type=list,
    ),
    "price_and_promotion": _Known(
        header_key="MPItemFeedHeader",
        header={"businessUnit": "WALMART_US", "version": "2.0.20240126-12_25_52-api", "locale": "en"},
        root_key="MPItem",
        columns=_PRICE,
        piece=_price_and_promotion,
        nested="Promo&Discount",
    ),
    "lagtime": _Known(
        header_key="LagTimeHeader",
        header={"version": "1.0"},
        root_key="lagTime",
        columns=frozenset(("sku", "lag_time")),
        piece=_lag_time,
        nested="fulfillmentLagTime",
        nested_type=(str, int),
    ),
    "retire_item": _Known(
        header_key="RetireItemHeader",
        header={"version": "1.0"},
        root_key="RetireItem",
        columns=frozenset(("sku",)),
        piece=_retirement,
        dated=True,
    ),
    "sku_template_map": _Known(
        header_key="ItemFeedHeader",
        header={"sellingChannel": "precisedelivery", "locale": "en", "version": "1.0"},
        root_key="Item",
        columns=frozenset(("sku", "template_id", "fulfillment_center_id")),
        piece=_template,
        nested="PreciseDelivery",
    ),
    "returns_overrides": _Known(
        header_key="header",
        header={},
        root_key="overrideFeed",
        columns=frozenset(("sku", "returnCenterAlias", "isKeepIt", "isReturnRestricted")),
        piece=_returns_override,
        nested="overrides",
        dated=True,
    ),
}
