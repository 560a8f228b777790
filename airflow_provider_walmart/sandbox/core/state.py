"""Everything the sandbox remembers, and how it survives a restart."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field

from airflow_provider_walmart.sandbox.core import products
from airflow_provider_walmart.sandbox.core.clock import Clock
from airflow_provider_walmart.sandbox.core.deliveries import Delivery, Quote
from airflow_provider_walmart.sandbox.core.records import Batch, Changed

#: A refresh token that is valid from the start, for any client.
WELL_KNOWN_REFRESH_TOKEN = "sandbox-refresh-token"  # noqa: S105

#: The seller a client acts for when it does not name one.
OWN_SELLER = "10001234567"

#: Where the stock is that Walmart stores.
WFS_NODE = "WFS"

#: The ship nodes of every shop, the default one first.
NODES = ("10000005050", "10000005051")

FeedStatus = Literal["RECEIVED", "INPROGRESS", "PROCESSED", "ERROR"]
ReportOutcome = Literal["READY", "ERROR"]
ReportSource = Literal["SC", "API", "Scheduler"]
ProfileName = Literal["walmart"]
Access = Literal["full_access", "view_only", "no_access"]
Seconds = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=0)]


class Token(Struct):
    """An access token, kept under the SHA-256 of its text.

    :param expires: sandbox time in epoch seconds.
    """

    client: str
    seller: str
    market: str
    channel: str
    issued: float
    expires: float
    revoked: bool = False


class RefreshToken(Struct):
    """What a refresh token was issued for, kept under the SHA-256 of its text."""

    client: str
    seller: str


class Bucket(Struct):
    """Fill level of one rate limit.

    :param level: calls left.
    :param at: sandbox time of that level.
    """

    level: float
    at: float


class ItemError(Struct):
    """One ingestion error of a feed or of an item.

    :param type: ``DATA_ERROR`` (default), ``SYSTEM_ERROR``, ``TIMEOUT_ERROR``, or what no document of Walmart has; the status of
        an item.
    :param code: Walmart's code; default ``ERR_EXT_DATA_0101116``.
    :param description: Walmart's words; default ``The item data is not valid.``
    :param field: the field that it is about.
    """

    type: str = "DATA_ERROR"
    code: str = "ERR_EXT_DATA_0101116"
    description: str = "The item data is not valid."
    field: str = ""


class Feed(Struct):
    """A submitted or seeded feed.

    :param submitted: sandbox time in epoch seconds.
    :param duration: seconds from submission to the end of processing.
    :param total: number of items.
    :param skus: their SKUs; empty for a seeded feed, whose SKUs follow from the index.
    :param errors: index of an item -> its errors.
    :param feed_errors: errors of the feed as a whole; any makes it end as ERROR.
    :param fixed_status: status that does not follow the clock.
    :param processing: items still processing while the status is fixed.
    """

    id: str
    type: str
    seller: str
    submitted: float
    duration: float
    total: int
    skus: list[str] = []
    errors: dict[int, list[ItemError]] = {}
    feed_errors: list[ItemError] = []
    file_name: str = ""
    fixed_status: FeedStatus | None = None
    processing: int = 0


class Fault(Struct, omit_defaults=True, forbid_unknown_fields=True):
    """A trouble to make; see :mod:`airflow_provider_walmart.sandbox.server.faults`.

    :param path: regular expression searched in the raw path, and in the raw path with its query.
    :param method: only requests with this method.
    :param times: how many requests it hits; for ever when absent.
    :param skip: how many matching requests go free first.
    :param status: answer with this HTTP status.
    :param reset: ``before`` or ``after``: break the connection before or after the request took effect; true is
        ``before``.
    :param delay: wall seconds to wait first; with ``after_effect`` between effect and answer.
    :param truncate: send only that many bytes of the body, then close.
    :param gzip: send the body compressed; ``truncate`` then leaves that many bytes of it, of an answer that looks whole.
    :param drip: wall seconds between the ten pieces the body is sent in.
    :param headers: response headers to add or replace.
    :param body: response body instead of the usual one: text, or a value sent as JSON.
    :param after_effect: let the request take effect although the answer is a made one.
    """

    path: str = ""
    method: str = ""
    times: Annotated[int, Meta(ge=1)] | None = None
    skip: Count = 0
    status: Annotated[int, Meta(ge=200, le=599)] | None = None
    reset: Literal["before", "after"] | bool = False
    delay: Seconds = 0.0
    truncate: Count | None = None
    gzip: bool = False
    drip: Seconds = 0.0
    headers: dict[str, str] = {}
    body: Any = None
    after_effect: bool = False


class Settings(Struct, forbid_unknown_fields=True):
    """What the control API can set.

    :param token_life: life of new access tokens in seconds; default 900.
    :param feed_seconds: sandbox seconds a new feed takes to be processed; default 4.
    :param report_seconds: sandbox seconds a new report takes to be ready; default 4.
    :param report_outcome: ``READY`` (default) or ``ERROR``: what becomes of a new report.
    :param report_csv: what the files of reports hold; a row for each item when absent.
    :param report_rows: how many rows of some 500 bytes the files of reports have instead.
    :param report_damage: ``truncated``: the zip archives of reports lack their ends, ``two files``: they hold two, or
        ``gone``: there are none.
    :param delivery_seconds: sandbox seconds from booking a delivery to its being delivered; default 70.
    :param inbound_seconds: sandbox seconds from planning an inbound shipment to its being received; default 70.
    :param quote_seconds: sandbox seconds a quote is valid; default 900.
    :param secrets: client id -> its secret from now on: how keys are reset. Tokens that were given out stay valid until they
        are revoked.
    :param scopes: client id (``*`` for all) -> scope category -> ``full_access``, ``view_only`` or ``no_access``.
    :param refused_skus: SKU -> the error with which it fails in every feed that names it.
    :param known_skus_only: whether price and inventory feeds fail for SKUs that are neither items nor in stock.
    :param latency: wall seconds by which every answer is later.
    :param profile: ``walmart`` for answers as late as Walmart's, transient errors and empty lists now and then.
    :param orders_per_search: most orders one search may match, more is an error; default 10,000.
    :param limits: false for no rate limits; or overrides: endpoint such as ``GET /v3/feeds`` or, for any
        method, ``/v3/feeds`` -> ``[calls, seconds]`` (null for no limit).
    """

    token_life: Seconds = 900
    feed_seconds: Seconds = 4
    report_seconds: Seconds = 4
    delivery_seconds: Seconds = 70
    inbound_seconds: Seconds = 70
    quote_seconds: Seconds = 900
    report_outcome: ReportOutcome = "READY"
    report_csv: str | None = None
    report_rows: Count | None = None
    report_damage: Literal["truncated", "two files", "gone"] | None = None
    refused_skus: dict[str, ItemError] = {}
    known_skus_only: bool = False
    latency: Seconds = 0
    profile: ProfileName | None = None
    orders_per_search: Count = 10_000
    secrets: dict[str, str] = {}
    scopes: dict[str, dict[str, Access]] = {}
    limits: dict[str, tuple[Annotated[int, Meta(ge=1)], Annotated[float, Meta(gt=0)]] | None] | bool = {}


class Skus(Struct):
    """A list of SKUs: numbered ones, then named ones.

    :param count: how many numbered ones, ``SKU-000001`` and so on.
    :param names: the named ones.
    :param order: the place of each among them.
    """

    count: int = 0
    names: list[str] = []
    order: dict[str, int] = {}

    def __len__(self) -> int:
        return self.count + len(self.names)

    def __contains__(self, sku: str) -> bool:
        return self.find(sku) is not None

    def at(self, index: int) -> str:
        """Return the SKU at a place of the list.

        :param index: the place, from 0.
        """
        return products.sku(index + 1) if index < self.count else self.names[index - self.count]

    def find(self, sku: str) -> int | None:
        """Return the place of a SKU in the list, ``None`` when it is not there.

        :param sku: the SKU.
        """
        number = products.number_of("SKU", sku)
        if 1 <= number <= self.count:
            return number - 1
        place = self.order.get(sku)
        return None if place is None else self.count + place

    def add(self, sku: str) -> None:
        """Put a SKU behind the others, unless it is there.

        :param sku: the SKU.
        """
        if sku not in self:
            self.order[sku] = len(self.names)
            self.names.append(sku)


class Stock(Struct):
    """What was set of the stock of one SKU at one ship node."""

    amount: int
    available: str = ""


class ItemFacts(Struct, omit_defaults=True):
    """What is known of an item beyond its SKU; what is empty follows from its place.

    :param wfs: whether Walmart stores and ships it.
    :param reasons: why it is not published, in Walmart's words.
    """

    name: str = ""
    upc: str = ""
    gtin: str = ""
    product_type: str = ""
    brand: str = ""
    condition: str = ""
    published: str = ""
    reasons: list[str] = []
    wfs: bool | None = None


class FeedEffect(Struct, array_like=True):
    """A change a feed makes when it has been processed.

    :param due: sandbox time in epoch seconds.
    :param kind: ``stock`` or ``price``; ``received`` for units that Walmart has received and now stores; ``promotion``.
    :param node: ship node of a stock change.
    :param promotion: the promotion, in Walmart's form.
    """

    due: float
    kind: Literal["stock", "price", "received", "promotion"]
    sku: str
    value: float
    node: str = ""
    promotion: dict[str, Any] = {}


class Scroll(Struct):
    """Where the reader of a long list is.

    :param position: index of the next record.
    :param expires: sandbox time after which the cursor is no longer valid.
    :param query: the query the list was asked for with.
    """

    position: int
    expires: float
    query: dict[str, str] = {}


class ReportRequest(Struct):
    """A requested report.

    :param submitted: sandbox time in epoch seconds.
    :param duration: seconds until it is ready.
    :param payload: body of the request.
    :param outcome: its status from then on.
    :param src: who asked for it.
    """

    id: str
    type: str
    version: str
    submitted: float
    duration: float
    payload: dict[str, Any] = {}
    outcome: ReportOutcome = "READY"
    src: ReportSource = "API"


class Schedule(Struct):
    """A report schedule.

    :param submitted: when it was made, sandbox time in epoch seconds.
    :param start: first day, in epoch milliseconds.
    :param payload: how often it runs and what it filters.
    :param modified: when it was changed last, sandbox time in epoch seconds.
    """

    id: str
    type: str
    version: str
    submitted: float
    start: int
    payload: dict[str, Any]
    modified: float | None = None


class Download(Struct):
    """What a download link is good for.

    :param report: id of the report request.
    :param expires: sandbox time in epoch seconds.
    """

    report: str
    expires: float


class CannotStartError(Exception):
    """Why the sandbox can't start, in words for whoever started it."""


class State(Struct):
    """Everything the sandbox remembers."""

    clock: Clock
    settings: Settings = field(default_factory=Settings)
    tokens: dict[str, Token] = {}
    refresh_tokens: dict[str, RefreshToken] = {}
    used_codes: dict[str, bool] = {}
    buckets: dict[str, Bucket] = {}
    faults: list[Fault] = []
    feeds: dict[str, Feed] = {}
    orders: list[Batch] = []
    changed_orders: dict[int, Changed] = {}
    order_numbers: dict[str, int] = {}
    returns: list[Batch] = []
    changed_returns: dict[int, Changed] = {}
    return_numbers: dict[str, int] = {}
    items: Skus = field(default_factory=Skus)
    item_facts: dict[str, ItemFacts] = {}
    nodes: list[str] = field(default_factory=lambda: list(NODES))
    retired: set[str] = set()
    prices: dict[str, float] = {}
    promotions: dict[str, list[dict[str, Any]]] = {}
    inventories: Skus = field(default_factory=Skus)
    stock: dict[str, dict[str, Stock]] = {}
    inbound_units: dict[str, int] = {}
    feed_effects: list[FeedEffect] = []
    scrolls: dict[str, Scroll] = {}
    settlement_rows: int = 0
    reports: dict[str, ReportRequest] = {}
    downloads: dict[str, Download] = {}
    schedules: dict[str, Schedule] = {}
    subscriptions: dict[str, dict[str, Any]] = {}
    deliveries: dict[str, Delivery] = {}
    quotes: dict[str, Quote] = {}
    written: dict[str, dict[str, Any]] = {}
    kept: dict[str, dict[str, dict[str, Any]]] = {}


class Store:
    """Holds the state and writes it to its file.

    :param make: returns the state a fresh sandbox starts with.
    :param path: the state file; ``None`` to keep the state in memory only.
    :raises CannotStartError: when the file holds something else, or can't be read or written.
    """

    def __init__(self, make: Callable[[], State], path: Path | None = None) -> None:
        self._make = make
        self._path = path
        try:
            self.state = _read(path) if path and path.exists() else make()
            self.save()
        except OSError as error:
            raise CannotStartError(f"--state-file {path}: {error.strerror}") from None

    def reset(self) -> None:
        """Go back to the state of a fresh sandbox."""
        self.state = self._make()

    def save(self) -> None:
        """Write the state to its file, whole or not at all."""
        if self._path is None:
            return
        draft = self._path.with_name(self._path.name + ".new")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(msgspec.json.encode(self.state))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)


def _read(path: Path) -> State:
    content = path.read_bytes()
    try:
        return msgspec.json.decode(content, type=State)
    except ValueError as error:
        raise CannotStartError(f"--state-file {path} holds no state of this sandbox ({error})") from None
