"""Walmart's item specs: what they ask of a product type, fetched once for all tasks of a deployment."""

from __future__ import annotations

import hashlib
import json
import logging
import time
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from airflow_provider_walmart.client.errors import (
    WalmartConfigError,
    WalmartNotFoundError,
    WalmartRequestError,
    WalmartServerError,
)
from airflow_provider_walmart.client.items.validator import SpecValidator
from airflow_provider_walmart.client.marketplace import MarketplaceClient

log = logging.getLogger(__name__)

# Product types of one request.
PER_REQUEST = 20
# A version of a spec never changes; it is forgotten when nobody has needed it for so long. Seconds.
KEPT_FOR = 30 * 86400.0
# A new version comes about once a month. Seconds.
NEWEST_FOR = 86400.0
# Header of item feeds, as it must be: other fields than these are refused.
HEADER = "MPItemFeedHeader"
ROOT = "MPItem"


@dataclass(frozen=True)
class ItemSpec:
    """What Walmart asks of the items of one product type in one feed type.

    :param feed_type: such as ``MP_ITEM``.
    :param version: such as ``5.0.20260608-18_15_07-api``.
    :param product_type: such as ``Baby Blankets``; empty for feed types without.
    :param text: the JSON schema of a whole feed file, as Walmart serves it.
    """

    feed_type: str
    version: str
    product_type: str
    text: str

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The schema of a whole feed file."""
        found: dict[str, Any] = json.loads(self.text)
        return found

    @property
    def root_key(self) -> str:
        """Name of the list of items."""
        return next((name for name, part in self._parts if part.get("type") == "array"), ROOT)

    @property
    def header_key(self) -> str:
        """Name of the header."""
        return next((name for name, part in self._parts if part.get("type") != "array"), HEADER)

    @property
    def _parts(self) -> list[tuple[str, dict[str, Any]]]:
        return list(_part(self.schema, "properties").items())

    @property
    def item_schema(self) -> dict[str, Any]:
        """The schema of one item."""
        found: dict[str, Any] = dict(self._parts).get(self.root_key, {}).get("items", {})
        return found

    @cached_property
    def items(self) -> SpecValidator:
        """Checks items."""
        return SpecValidator(json.dumps(self.item_schema))

    @cached_property
    def header(self) -> SpecValidator:
        """Checks headers."""
        return SpecValidator(json.dumps(dict(self._parts).get(self.header_key, {})))

    def fields(self) -> Iterator[dict[str, Any]]:
        """Yield the fields of an item, the required ones of each group first.

        :return: dicts with ``field``, ``required``, ``type``, ``allowed``, ``title`` and ``description``.
        """
        yield from _fields(self.item_schema, "")


class ItemSpecs:
    """The item specs of an account, out of the shared state store or from Walmart.

    :param client: the account. Walmart serves item specs in the US only.
    """

    def __init__(self, client: MarketplaceClient) -> None:
        self._client = client
        self._store = client.store

    def of(self, feed_type: str, version: str, product_types: Collection[str]) -> dict[str, ItemSpec]:
        """Return the specs of product types, those that Walmart doesn't know left out.

        :param feed_type: such as ``MP_ITEM``.
        :param version: a full version, such as ``5.0.20260608-18_15_07-api``.
        :param product_types: as Walmart spells them; none for feed types without: their spec has the key ``""``.
        :raises WalmartConfigError: when Walmart serves no spec for this feed type and version, naming the likely cause.
        :raises WalmartError: the class of the tree that fits what went wrong.
        """
        wanted = sorted(set(product_types)) or [""]
        found = {name: spec for name in wanted if (spec := self._kept(feed_type, version, name))}
        missing = [name for name in wanted if name not in found]
        for start in range(0, len(missing), PER_REQUEST):
            part = missing[start : start + PER_REQUEST]
            if len(missing) > PER_REQUEST:
                log.info("Fetching item specs: %d of %d product types so far", start, len(missing))
            for spec in self._fetch(feed_type, version, part):
                found[spec.product_type] = spec
        return found

    def newest_version(self, feed_type: str, product_ids: Sequence[tuple[str, str]] = ()) -> str:
        """Return the version that Walmart recommends at the moment.

        Walmart has no list of versions; a search for an item in the form of a spec names the current one.

        :param feed_type: such as ``MP_ITEM``.
        :param product_ids: kinds and values of product ids to search for, such as ``("GTIN", "00012345678905")``.
        :raises WalmartConfigError: when Walmart names none.
        """
        name = self._name("version", feed_type)
        if kept := self._read(name):
            return str(kept["version"])
        for kind, value in product_ids:
            parameter = {"GTIN": "gtin", "UPC": "upc", "EAN": "gtin"}.get(kind)
            if parameter is None:
                continue
            value = value.zfill(14) if parameter == "gtin" else value
            try:
                answer = self._client.call(
                    "getSearchResult", params={parameter: value, "responseFormat": "SPEC"}
                )
            except (WalmartNotFoundError, WalmartRequestError):
                continue
            if version := _version_in(answer):
                self._write(name, {"version": version}, NEWEST_FOR)
                return version
        raise WalmartConfigError(
            f"spec_version is None, and Walmart named no current version of the item spec of {feed_type}: it does so for "
            f"items that it knows, and was asked for {len(product_ids)}.",
            hint=(
                "Set spec_version, or the version in feed_header, to the one of the current spec in Seller Center or on "
                "developer.walmart.com, such as 5.0.20260608-18_15_07-api."
            ),
        )

    def _fetch(self, feed_type: str, version: str, product_types: list[str]) -> Iterator[ItemSpec]:
        """Yield the specs of up to 20 product types, and keep them."""
        schema = self._schema(feed_type, version, [name for name in product_types if name])
        if schema is None:
            return
        known = _part(_visible(schema), "properties")
        for name in product_types:
            if name and known and name not in known:
                continue
            spec = ItemSpec(feed_type, version, name, json.dumps(_only(schema, name) if name else schema))
            self._write(self._name(feed_type, version, name), {"schema": spec.text}, KEPT_FOR)
            yield spec

    def _schema(self, feed_type: str, version: str, product_types: list[str]) -> dict[str, Any] | None:
        """Return the schema that Walmart serves for product types; None when none of them is one."""
        body: dict[str, Any] = {"feedType": feed_type, "version": version}
        if product_types:
            body["productTypes"] = product_types
        try:
            answer = self._client.call("getSpec", body=body)
        except WalmartNotFoundError as error:
            raise WalmartConfigError(
                f"Walmart serves no item specs here (market {self._client.settings.market}): it does so in the US only.",
                details=error.details,
            ) from error
        except WalmartRequestError as error:
            if error.status != 400:
                raise
            if product_types and not _is_about_version(error):
                # With a single valid one among them, Walmart answers with that.
                return None
            raise WalmartConfigError(
                f"Walmart serves no item spec of version {version!r} for {feed_type}: {_said(error)}",
                details=error.details,
                hint=(
                    "The version is retired, or not a full one such as 5.0.20260608-18_15_07-api. spec_version=None takes "
                    "the current one."
                ),
            ) from error
        schema = _part(answer, "schema")
        if not _part(schema, "properties"):
            raise WalmartServerError("POST /v3/items/spec answered without a schema")
        for line in answer.get("errors") or ():
            log.warning("Walmart says of the item spec: %s", str(line)[:300])
        return schema

    # -- what is kept --------------------------------------------------------------------------------

    def _kept(self, feed_type: str, version: str, product_type: str) -> ItemSpec | None:
        kept = self._read(self._name(feed_type, version, product_type))
        return ItemSpec(feed_type, version, product_type, kept["schema"]) if kept else None

    def _name(self, *parts: str) -> str:
        # The sandbox of Walmart may serve other specs than its production.
        where = (self._client.settings.base_url, self._client.settings.market)
        return "itemspec-" + hashlib.sha256(json.dumps([*where, *parts]).encode()).hexdigest()

    def _read(self, name: str) -> dict[str, Any] | None:
        data = self._store.get(name)
        if data is None:
            return None
        try:
            kept = json.loads(zlib.decompress(data))
        except (ValueError, zlib.error):
            self._store.left_out("damaged")
            return None
        return kept if isinstance(kept, dict) and kept.get("until", 0) > time.time() else None

    def _write(self, name: str, value: dict[str, Any], ttl: float) -> None:
        text = json.dumps({**value, "until": time.time() + ttl})
        self._store.put(name, zlib.compress(text.encode()), ttl)


def product_type_of(item: Mapping[str, Any]) -> str:
    """Return the product type of an entry of an item feed; empty where it names none.

    :param item: the entry.
    """
    visible = item.get("Visible")
    if isinstance(visible, Mapping) and visible:
        return str(next(iter(visible)))
    return ""


def product_id_of(item: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return kind and value of the product id of an entry of an item feed; None where it has none.

    :param item: the entry.
    """
    orderable = item.get("Orderable")
    identifiers = orderable.get("productIdentifiers") if isinstance(orderable, Mapping) else None
    if isinstance(identifiers, Mapping) and identifiers.get("productId"):
        return str(identifiers.get("productIdType")), str(identifiers["productId"])
    return None


def _part(holder: Any, name: str) -> dict[str, Any]:
    """Return an object inside another one; empty when it isn't there."""
    value = holder.get(name) if isinstance(holder, dict) else None
    return value if isinstance(value, dict) else {}


def _visible(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a schema that has the product types."""
    for part in _part(schema, "properties").values():
        if found := _part(_part(_part(part, "items"), "properties"), "Visible"):
            return found
    return {}


def _only(schema: dict[str, Any], product_type: str) -> dict[str, Any]:
    """Return a schema without the other product types."""
    copy: dict[str, Any] = json.loads(json.dumps(schema))
    visible = _visible(copy)
    if product_types := _part(visible, "properties"):
        visible["properties"] = {product_type: product_types[product_type]}
        # One of all product types, each of which is required in its own branch.
        if visible.pop("oneOf", None) is not None:
            visible["required"] = [product_type]
    return copy


def _version_in(answer: Any) -> str | None:
    """Return the version that the answer of a search names."""
    items = answer.get("items") if isinstance(answer, dict) else answer
    for item in items if isinstance(items, list) else []:
        if isinstance(item, dict) and isinstance(item.get("version"), str) and item["version"].strip():
            return str(item["version"]).strip()
    return None


def _is_about_version(error: WalmartRequestError) -> bool:
    return "version" in _said(error).lower()


def _said(error: WalmartRequestError) -> str:
    return "; ".join(detail.description or detail.code for detail in error.details) or str(error)


def _fields(schema: Mapping[str, Any], where: str) -> Iterator[dict[str, Any]]:
    required = schema.get("required") or []
    properties = _part(schema, "properties").items()
    for name, part in sorted(properties, key=lambda pair: pair[0] not in required):
        if not isinstance(part, dict):
            continue
        field, items = f"{where}.{name}".removeprefix("."), _part(part, "items")
        if part.get("properties"):
            yield from _fields(part, field)
        elif items.get("properties"):
            yield from _fields(items, f"{field}[]")
        else:
            yield {
                "field": field,
                "required": name in required,
                "type": part.get("type"),
                "allowed": (items or part).get("enum"),
                "title": part.get("title"),
                "description": part.get("description"),
            }
