"""Every documented Walmart operation as data.

The rows are in ``marketplace.json``, made by ``scripts/build_catalogue.py`` from Walmart's API documents: the US
Marketplace, and the legacy APIs of Mexico and Canada. Nothing is read before the first look-up.

An operation is named

* by Walmart's own operation id: ``getAllOrders``. Two US ids are used twice with equal right
  (``getTaxonomyResponse``, ``priceBulkUploads``) and have their group in front: ``item.getTaxonomyResponse``.
  Operations without an id have a name made of method and path: ``getReportsSchedules``;
* by method and path: ``GET /v3/orders/{purchaseOrderId}``. Where several operations share both, as the many forms
  of ``POST /v3/feeds`` do, they differ in what they accept, so the name is refused and the error lists them;
* with ``mx.`` or ``ca.`` in front of the id for the legacy APIs, whose ids and paths partly repeat those of the US.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from airflow_provider_walmart.client.errors import WalmartConfigError

MARKETPLACE = "marketplace.json"


class Parameter(msgspec.Struct, frozen=True):
    """One parameter of an operation.

    :param name: its name, as Walmart spells it.
    :param location: ``path``, ``query``, ``header`` or ``form``.
    :param required: whether the operation insists on it. A required one with a default is sent on its own.
    :param type: ``string``, ``integer``, ``boolean`` or ``array``.
    :param format: how a point in time is written: ``date``, ``us-date``, ``date-time-ms``, ``date-space-time``,
        ``epoch-s``, ``epoch-ms``, or empty for ISO 8601 in UTC.
    :param enum: all values that are allowed; empty for any.
    :param default: what Walmart takes when it is missing.
    :param minimum: smallest number allowed.
    :param maximum: largest number allowed.
    :param pattern: regular expression of the whole value.
    :param explode: whether several values are sent as ``a=1&a=2`` rather than ``a=1,2``.
    """

    name: str
    location: str
    required: bool = False
    type: str = "string"
    format: str = ""
    enum: tuple[str, ...] = ()
    default: str | int | bool | None = None
    minimum: int | None = None
    maximum: int | None = None
    pattern: str = ""
    explode: bool = False


class RateLimit(msgspec.Struct, frozen=True):
    """One published rate limit.

    :param count: calls allowed ...
    :param per_seconds: ... within this many seconds.
    :param bucket: name of the budget; limits of the same bucket share it, across operations.
    :param when: ``*`` when the limit counts calls with any query parameter only, ``name=value`` when it counts
        calls with that parameter only, empty when it counts all.
    """

    count: int
    per_seconds: int
    bucket: str
    when: str = ""

    def counts(self, query: Mapping[str, Any]) -> bool:
        """Return whether it counts a call with these query parameters."""
        if self.when in ("", "*"):
            return not self.when or bool(query)
        name, _, value = self.when.partition("=")
        return str(query.get(name)) == value


class Paging(msgspec.Struct, frozen=True):
    """How an operation pages. Paths are dotted names in the JSON of request body or reply.

    :param style: ``query string``, ``cursor``, ``items cursor``, ``scroll``, ``cursor mark``, ``offset``, ``page``,
        ``single`` or ``byte offset``; the module `paging` says what each means.
    :param records: where the records are in the reply; the first path that is there counts.
    :param cursor: where the reply says what to ask for next; likewise.
    :param total: where the reply says how many records there are in all; likewise.
    :param position: parameter, or path in the body, that moves on from page to page.
    :param first: what it is on the first page; None to leave it out.
    :param in_body: whether position and limit are sent in the body.
    :param limit: parameter, or path in the body, that holds the page size.
    :param page_size: largest documented page, or the default where no largest one is documented.
    :param extra: query parameters without which the reply holds no records.
    """

    style: str
    records: tuple[str, ...]
    cursor: tuple[str, ...] = ()
    total: tuple[str, ...] = ()
    position: str = ""
    first: str | int | None = None
    in_body: bool = False
    limit: str = ""
    page_size: int | None = None
    extra: tuple[tuple[str, str], ...] = ()


class Operation(msgspec.Struct, frozen=True, dict=True):
    """One documented operation.

    :param name: unique name, good for `find`.
    :param operation_id: Walmart's id; empty where there is none.
    :param group: name of the API document it stands in.
    :param market: ``us``, or ``mx`` and ``ca`` for the legacy APIs of those markets.
    :param method: HTTP method.
    :param path: path below the base URL, with ``{names}`` of path parameters.
    :param fixed_query: query that tells the operation from others of the same path. Its parameters are also in
        ``parameters``, with this one value.
    :param parameters: parameters in Walmart's order, without the headers that all calls have in common.
    :param body: media types of the body; empty where there is none.
    :param body_required: whether the body must be there.
    :param form: parts of a body that is sent as a form; empty where that is a file under the name ``file``.
    :param content_type: ``Content-Type`` that must be sent, with or without body; empty where the body decides.
    :param success: media types of a reply that means success.
    :param safe_to_retry: whether the call changes nothing: GET, and a POST that only looks something up.
    :param paging: how it pages; None when it has a single page.
    :param limits: published rate limits; empty when none is published.
    """

    name: str
    group: str
    market: str
    method: str
    path: str
    operation_id: str = ""
    fixed_query: tuple[tuple[str, str], ...] = ()
    parameters: tuple[Parameter, ...] = ()
    body: tuple[str, ...] = ()
    body_required: bool = False
    form: tuple[Parameter, ...] = ()
    content_type: str = ""
    success: tuple[str, ...] = ()
    safe_to_retry: bool = False
    paging: Paging | None = None
    limits: tuple[RateLimit, ...] = ()

    @functools.cached_property
    def defaults(self) -> dict[str, Any]:
        """What is sent without being given: values of required parameters that have a default, by name."""
        return {
            parameter.name: parameter.default
            for parameter in self.parameters
            if parameter.required and parameter.default is not None
        }

    @property
    def place(self) -> str:
        """Method and path, with the fixed query: ``POST /v3/feeds?feedType=INCENTIVE_ENROLLMENT``."""
        query = "&".join(f"{name}={value}" for name, value in self.fixed_query)
        return f"{self.method} {self.path}?{query}" if query else f"{self.method} {self.path}"

    @property
    def is_list(self) -> bool:
        """Whether it answers with a list; what has a path of its own may hold one besides."""
        return self.paging is not None and "{" not in self.path

    @property
    def gives_file(self) -> bool:
        """Whether what it answers is a file: a table, a label, XML."""
        return bool(self.success) and not any("json" in media_type for media_type in self.success)

    @property
    def gives_only_file(self) -> bool:
        """Whether what it answers is a file that is neither JSON nor XML; in place of XML, JSON may come."""
        return self.gives_file and not any("xml" in media_type for media_type in self.success)


class FeedType(msgspec.Struct, frozen=True):
    """What is published about one type of feed.

    :param name: value of ``feedType``.
    :param limits: rate limits of its upload.
    :param max_bytes: largest file allowed; None where none is published.
    """

    name: str
    limits: tuple[RateLimit, ...] = ()
    max_bytes: int | None = None


def find(name: str, api: str = MARKETPLACE) -> Operation:
    """Return one operation.

    :param name: operation id, or method and path (see the head of this module).
    :param api: file of the API's rows.
    :raises WalmartConfigError: when there is no such operation, or several; naming candidates.
    """
    if not isinstance(name, str) or not name.strip():
        raise WalmartConfigError(
            f"operation is {_shown(name)}; expected an operation id or method and path, such as GET /v3/orders."
        )
    catalogue = _catalogue(api)
    wanted = name.strip()
    if operation := catalogue.by_name.get(wanted):
        return operation
    at_place = catalogue.by_place.get(_normal(wanted), [])
    if len(at_place) == 1:
        return at_place[0]
    raise WalmartConfigError(f"operation is {_shown(name)}; {_hint(catalogue, wanted)}")


def check_reads(operation: Operation) -> None:
    """Pass for an operation that may be called for many rows.

    :raises WalmartConfigError: when it changes something.
    """
    if not operation.safe_to_retry:
        raise WalmartConfigError(
            f"{operation.name} is a {operation.method} that changes something; only what reads can be called for many rows."
        )


def all_operations(api: str = MARKETPLACE) -> tuple[Operation, ...]:
    """Return all operations of an API; of Marketplace those of the US, then the legacy ones of Mexico and Canada."""
    return tuple(_catalogue(api).by_name.values())


def feed_type(name: str) -> FeedType | None:
    """Return what is published about a type of feed.

    :param name: value of ``feedType``, in upper or lower case.
    :returns: None when nothing is published; new types appear often, so that says nothing about their existence.
    """
    return _catalogue(MARKETPLACE).feed_types.get(name.lower())


def all_feed_types() -> tuple[FeedType, ...]:
    """Return all types of feeds about which something is published."""
    return tuple(_catalogue(MARKETPLACE).feed_types.values())


def limits_of(operation: Operation, params: Mapping[str, Any] | None = None) -> tuple[RateLimit, ...]:
    """Return the published rate limits that one call falls under, that of its feed type included.

    :param operation: the operation.
    :param params: parameters of the call.
    """
    given = operation.defaults | {name: value for name, value in (params or {}).items() if value is not None}
    query = {name: value for name, value in given.items() if f"{{{name}}}" not in operation.path}
    limits = tuple(limit for limit in operation.limits if limit.counts(query))
    feed = feed_type(str(given.get("feedType", ""))) if operation.path == "/v3/feeds" else None
    return limits + feed.limits if feed else limits


class _Rows(msgspec.Struct, frozen=True):
    """What a file of the catalogue holds."""

    operations: tuple[Operation, ...]
    feed_types: tuple[FeedType, ...] = ()


# Made here and not where it is used: two threads that make one of the same type at a time crash the process, and threads are
# what the first use comes from.
_decode = msgspec.json.Decoder(_Rows).decode


class _Catalogue(NamedTuple):
    by_name: dict[str, Operation]
    by_place: dict[str, list[Operation]]
    feed_types: dict[str, FeedType]


@functools.cache
def _catalogue(api: str) -> _Catalogue:
    rows = _decode(Path(__file__).with_name(api).read_bytes())
    us_places = {
        _normal(operation.place).partition("?")[0]
        for operation in rows.operations
        if operation.market == "us"
    }
    by_place = defaultdict(list)
    for operation in rows.operations:
        place = _normal(operation.place)
        # Method and path name the US operation; a legacy one only where the US has nothing at that place.
        if operation.market == "us" or place.partition("?")[0] not in us_places:
            by_place[place].append(operation)
    return _Catalogue(
        by_name={operation.name: operation for operation in rows.operations},
        by_place=dict(by_place),
        feed_types={feed.name.lower(): feed for feed in rows.feed_types},
    )


def _normal(place: str) -> str:
    """Return method and path without the spelling of path parameters."""
    method, _, path = place.partition(" ")
    return f"{method.upper()} {re.sub(r'{[^{}/]*}', '{}', path.strip())}"


def _hint(catalogue: _Catalogue, wanted: str) -> str:
    """Return what else the caller may have meant."""
    known: Collection[str] = catalogue.by_name
    names = [name for name in known if name.endswith(f".{wanted}")]
    if " " in wanted:
        path = _normal(wanted).partition("?")[0]
        names = [
            operation.name
            for place, operations in catalogue.by_place.items()
            if place.partition("?")[0] == path
            for operation in operations
        ]
        known = [operations[0].place for operations in catalogue.by_place.values()]
    if names:
        return f"use {' or '.join(sorted(names))}."
    # The search takes time proportional to the length of what is searched for.
    close = difflib.get_close_matches(wanted[:100], known, n=3)
    return f"did you mean {' or '.join(close)}?" if close else "there is no such operation in the catalogue."


def _shown(value: object) -> str:
    return repr(value[:80] if isinstance(value, str) else value)
