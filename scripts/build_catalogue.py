"""Build the operation catalogue from Walmart's own API documents.

Usage::

    python -m scripts.build_catalogue FOLDER [--output FILE]

``FOLDER`` holds OpenAPI documents as JSON, one file per API group, in ``us-mp-2026`` (or a newer US set),
``mx-mp-2023`` and ``ca-mp-2023``, and the rate limits in ``tables/rate-limits-us-2026-08.csv``. The documents
stay outside this repository: only facts are taken from them, never their wording. Nothing is downloaded.

To take up newer documents:

1. Put them into a folder of the same layout and change `SETS` or `RATE_LIMITS` if a name differs.
2. Run the script and read ``git diff`` of the catalogue: it holds one operation per line.
3. The script stops where the documents leave a question open: how an operation pages, or which list of a reply
   holds its records. Answer it in the block "What the documents do not say", with the reason. It also stops when
   that block speaks of something that the documents no longer have.
4. Run the tests with ``WALMART_OPENAPI_DIR=FOLDER``.

The output depends on the documents alone; running the script twice gives the same bytes.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Json = dict[str, Any]

OUTPUT = Path(__file__).parents[1] / "airflow_provider_walmart" / "client" / "catalogue" / "marketplace.json"
RATE_LIMITS = "tables/rate-limits-us-2026-08.csv"
# Market, folder, and what comes before the operation id: the legacy documents of Mexico and Canada reuse the ids
# and, in Mexico, the paths of the US set.
SETS = (("us", "us-mp-2026", ""), ("mx", "mx-mp-2023", "mx."), ("ca", "ca-mp-2023", "ca."))

# --- What the documents do not say, or say wrongly; every entry with its reason ---------------------------------

# Ids that two operations share: the one named here keeps the plain id, the others get their group in front. Ids
# missing here get their group in front on both sides, since neither has a better claim.
KEEPS_ITS_ID = {
    "getReturns": "GET /v3/returns",  # the other one is the summary of return metrics
    "getAnItem": "GET /v3/items/{id}",  # the other one exists in the sandbox only
}

# Query parameters that make several operations of one path. Where such a one is required and has a default, that value
# is part of what the operation is, whether it stands in the path of the document or not.
TELL_APART = ("feedType", "requestType", "promo")

# POST operations that only look something up, by their own description. All others count as writes.
READ_ONLY_POSTS = {
    "/v3/advertising/sem/billing-history",
    "/v3/advertising/sem/campaigns/performance-summary",
    "/v3/advertising/sem/campaigns/recommendations/search",
    "/v3/advertising/sem/campaigns/{campaignId}/item-level-summary",
    "/v3/advertising/sem/item-issues/search",
    "/v3/advertising/sem/items/eligibility",
    "/v3/claims/shipment-protection/claim/{claimNumber}/documents",
    "/v3/fulfillment/inbound-preview",
    "/v3/fulfillment/orders-fulfillments/fetchOrderPromiseOptions",
    "/v3/growth/assortment/recommendations",
    "/v3/growth/assortment/recommendations/categorization/counts",
    "/v3/growth/reviews-accelerator/categories",
    "/v3/growth/reviews-accelerator/items",
    "/v3/insights/items/listingQuality/items",
    "/v3/items/associations",
    "/v3/items/catalog/search",
    "/v3/items/dispute/duplicates/status",
    "/v3/items/onhold/search",
    "/v3/items/spec",
    "/v3/orders/labels",
    "/v3/price/getPricingInsights",
    "/v3/shipping/labels/shipping-estimates",
    "/v3/wfs/recommendation/shipment-quantity",
}

# Headers that are the same for every call or belong to the token call: the client adds them elsewhere.
COMMON_HEADERS = {
    "Authorization",
    "WM_CONSUMER.CHANNEL.TYPE",
    "WM_PARTNER.ID",
    "WM_QOS.CORRELATION_ID",
    "WM_SEC.ACCESS_TOKEN",
    "WM_SVC.NAME",
}

# What a required header holds where the schema has no enumeration.
HEADER_VALUES = {
    "WM_GLOBAL_VERSION": "3.1",  # the only value anywhere, given as an example here and as an enumeration elsewhere
    "WM_MARKET": "US",  # likewise
    "WM.TENANT_ID": "0",  # given as an example
    "wm_audit.origin_source": "SELLER_API",  # given as an example
    "wm_mart_id": "202",  # the description demands it
    "WM_SVC.VERSION": "1.0.0",  # must be there, and no value is named anywhere
}

# Values of parameters, by operation id and name, that only the wording gives or that the schema has wrong.
PARAMETERS: dict[tuple[str, str], Json] = {
    # The wording says: set to lagtime.
    ("updateLagTimeBulk", "feedType"): {"default": "lagtime"},
    # Sending the documented default for a caller who forgot the value would enrol the whole shop.
    ("updateWalmartFundedIncentivesEnrollmentStatus", "autoEnrollEnabled"): {"default": None},
    # "ACS" in the enumeration; the wording has ASC.
    ("getFulfillWithWFSRecommendations", "sort_order"): {"enum": ["ASC", "DESC"]},
    ("getRestockRecommendations", "sort_order"): {"enum": ["ASC", "DESC"]},
    ("getUnpublishedRecommendations", "sort_order"): {"enum": ["ASC", "DESC"]},
}

# Items are part of the reply only when asked for, beside the errors of the feed as a whole. Their total is the size
# of the feed.
FEED_ITEMS: Json = {
    "records": ["itemDetails.itemIngestionStatus"],
    "total": ["itemsReceived"],
    "extra": {"includeDetails": "true"},
}

# How an operation pages where its document says nothing, is wrong or ambiguous. Keys replace those found by `paging`.
PAGING: dict[str, Json | None] = {
    # nextCursor is a ready query string. No document declares where it goes.
    "getAllOrders": {"style": "query string"},
    "getAllReleasedOrders": {"style": "query string"},
    "getReturns": {"style": "query string"},
    "getRequestsStatus": {"style": "query string"},
    "getReportsSchedules": {"style": "query string"},
    # As in the US, and described in XML, where the root element carries no name: accept it with and without.
    "ca.getAllOrders": {
        "style": "query string",
        "records": ["list.elements.order", "elements.order"],
        "cursor": ["list.meta.nextCursor", "meta.nextCursor"],
        "total": ["list.meta.totalCount", "meta.totalCount"],
    },
    "ca.getAllReleasedOrders": {
        "style": "query string",
        "records": ["list.elements.order", "elements.order"],
        "cursor": ["list.meta.nextCursor", "meta.nextCursor"],
        "total": ["list.meta.totalCount", "meta.totalCount"],
    },
    # Declares limit and offset, and answers a cursor it has no parameter for.
    "ca.getAllWFSOrders": {
        "records": ["list.elements.order", "elements.order"],
        "total": ["list.meta.totalCount", "meta.totalCount"],
    },
    # 1000 is documented today, 50 and 200 were before and still stand in the same document: 200 works with all.
    "getAllItems": {"page_size": 200},
    # Described in XML: the schema and the example spell the element differently.
    "mx.getAllItems": {"records": ["ItemResponse", "itemResponse"]},
    "ca.getAllItems": {"records": ["ItemResponse", "itemResponse"]},
    # The schema says nextCursor, the example nextCursorMark.
    "mx.getAllReturnsUsingCursor": {"cursor": ["meta.nextCursorMark", "meta.nextCursor"]},
    # The schema is empty; taken from the example.
    "listClaims": {"records": ["data.claims"], "total": ["data.totalElements"]},
    "getFeedItemStatus": FEED_ITEMS,
    "mx.getFeedItemStatus": FEED_ITEMS,
    "ca.getFeedItemStatus": FEED_ITEMS,
    # A second array holds the sums.
    "getFulfillWithWFSRecommendations": {"records": ["payload.recommendedItems"]},
    "getRestockRecommendations": {"records": ["payload.recommendedItems"]},
    # Likewise, and the schema says recommendedItems where the example says unpublishedItems.
    "getUnpublishedRecommendations": {"records": ["payload.recommendedItems", "payload.unpublishedItems"]},
    # The schema says totalExemptions, the example totalRecords.
    "getGtinExemption": {"total": ["totalExemptions", "totalRecords"]},
    # The cursors are scroll ids of a search engine ("queryThenFetch" when decoded), which may stay the same from
    # page to page and never run out: the end is an empty page or the total. Catalogue search has pages as well,
    # but only the cursor goes through a whole catalogue.
    "getCatalogSearch": {"style": "scroll", "position": "nextCursor", "first": None},
    "getAssortmentRecommendations": {"style": "scroll"},
    "getAssortmentRecommendationVariants": {"style": "scroll"},
    # totalRecords counts the records of this reply only.
    "getAvailableV1ReconReportAsJson": {"total": []},
    # A limit and nothing to move on with; of the second one the reply says how many there are in all.
    "getItemRecommendations": None,
    "getUnpublishedItems": {"style": "single", "page_size": None},
}

# Rate limit rows whose endpoint is spelled differently in the documents.
SAME_ENDPOINT = {
    "GET /v3/advertising/sem/items/recommendation": "GET /v3/advertising/sem/items/recommendations",
    "GET /v3/wfs/recommendation/shipment-quantity": "POST /v3/wfs/recommendation/shipment-quantity",
}

# Budgets of a feed type, by its name in lower case, where two tables disagree. The looser one is taken: when it is
# wrong Walmart answers 429 and names a time, while one that is too tight holds feeds back for a day.
PRICE_FEEDS = [10, 3600, "POST /v3/feeds?feedType=PRICE_AND_PROMOTION"]
FEED_LIMITS = {
    "price": PRICE_FEEDS,
    "promo": PRICE_FEEDS,
    "price_and_promotion": PRICE_FEEDS,
    "walmart_funded_incentives_enrollment": [6, 3600],
    "incentive_enrollment": [6, 3600],
}

# Limits of operations for which a guide of Walmart's is tighter than the table: they are the rarest of calls, and one that
# is too many fails a task before it has sent anything.
OPERATION_LIMITS = {"POST /v3/items/spec": [[3, 60, "POST /v3/items/spec"]]}

# --- Reading the documents ---------------------------------------------------------------------------------------

METHODS = ("get", "post", "put", "patch", "delete")
SECONDS = {"min": 60, "hour": 3600, "day": 86400}
LIMIT = re.compile(r"(if used with query parameters )?(\d+)/(min|hour|day)(?: with (\w+=\w+))?")
# How a description says the largest (and the smallest) value of a number.
LARGEST = re.compile(
    r"(?:exceed|maximum|maximum value is|max limit|(?:greater|larger|more) than|≤) *(\d[\d,]*)", re.I
)
RANGE = re.compile(r"(?:from|range is|\()\s*(\d+)\s*(?:to|[\u2013-])\s*(\d[\d,]*)", re.I)
NUMBERS = ("limit", "offset", "noOfRecords")
# How a description says in which form it wants a point in time; any other date parameter takes ISO 8601 in UTC.
TIME_FORMATS = (
    (re.compile(r"epoch time format in seconds"), "epoch-s"),
    (re.compile(r"epoch milliseconds"), "epoch-ms"),
    (re.compile(r"YYYY-MM-DD HH:mm:ss"), "date-space-time"),
    (re.compile(r"ss\.SSSXXX"), "date-time-ms"),
    (re.compile(r"MM/DD/YYYY"), "us-date"),
    (re.compile(r"YYYY-MM-DD format|Format: YYYY-MM-DD"), "date"),
)
COMMA_SEPARATED = re.compile(r"comma.separated", re.I)
TOTALS = ("totalCount", "totalResults", "totalItems", "totalRecords", "totalElements", "totalExemptions")
CURSORS = ("nextCursor", "scrollId", "nextCursorMark", "nextOffset")


class Document:
    """One OpenAPI document.

    :param path: its file.
    """

    def __init__(self, path: Path) -> None:
        self.group = path.name.removesuffix(".json").removesuffix(".openapi")
        self._root: Json = json.loads(path.read_text("utf-8"))
        # Where the base URL holds more than the host, as that of the simulations does.
        url = next((server["url"] for server in self._root.get("servers", ())), "")
        self._prefix = re.sub(r"^https://[^/]+", "", url).rstrip("/")

    def operations(self) -> Iterator[tuple[str, str, Json]]:
        """Yield method, path and description of every operation."""
        for path, methods in self._root["paths"].items():
            for method in METHODS:
                if method in methods:
                    yield method.upper(), self._prefix + path, methods[method]

    def resolve(self, node: Json) -> Json:
        """Return what a reference points to."""
        while "$ref" in node:
            target: Any = self._root
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part.replace("~1", "/").replace("~0", "~")]
            node = target
        return node

    def properties(self, schema: Json) -> Json:
        """Return the properties of an object, of the first form where it has several."""
        schema = self.resolve(schema)
        found: Json = dict(schema.get("properties", {}))
        for part in schema.get("allOf", []) + schema.get("oneOf", [])[:1] + schema.get("anyOf", [])[:1]:
            found |= self.properties(part)
        return found


def parameters(document: Document, operation: Json) -> tuple[list[Json], dict[str, str]]:
    """Return the parameters of an operation, and the media types that ``Accept`` and ``Content-Type`` ask for."""
    kept, media = [], {}
    for node in operation.get("parameters", ()):
        source = document.resolve(node)
        name = source["name"]
        if name in ("Accept", "Content-Type"):
            media[name] = source.get("example", "application/json")
        elif name == "WM_SANDBOX" and not source.get("required"):
            continue  # belongs to the account, not to the call
        elif name not in COMMON_HEADERS:
            kept.append(parameter(source))
    return kept, media


def parameter(source: Json) -> Json:
    """Return one parameter as the catalogue has it; what is not said is left out."""
    name, place, schema = source["name"], source["in"], source.get("schema", {})
    wording = source.get("description", "")
    found: Json = {"name": name, "location": place}
    if source.get("required"):
        found["required"] = True
    kind = schema.get("type", "string")
    if kind == "string" and COMMA_SEPARATED.search(wording):
        kind = "array"
    if kind != "string":
        found["type"] = kind
    if schema.get("type") == "array" and source.get("explode", True):
        found["explode"] = True
    form = next((form for pattern, form in TIME_FORMATS if pattern.search(wording)), None)
    if form is None and re.fullmatch(r"\d{4}-\d\d-\d\d", str(source.get("example", ""))):
        form = "date"
    if form:
        found["format"] = form
    if "enum" in schema:
        found["enum"] = [str(value) for value in schema["enum"]]
    default = schema.get("default", "")
    if place == "header" and default == "":
        default = found["enum"][0] if len(found.get("enum", ())) == 1 else HEADER_VALUES.get(name, "")
    if default != "":
        found["default"] = default
    if name in NUMBERS:
        smallest, largest = bounds(wording)
        found |= {
            key: value for key, value in (("minimum", smallest), ("maximum", largest)) if value is not None
        }
    if "pattern" in schema:
        found["pattern"] = schema["pattern"]
    return found


def bounds(wording: str) -> tuple[int | None, int | None]:
    """Return the smallest and the largest value that a description names."""
    if match := RANGE.search(wording):
        return int(match[1]), int(match[2].replace(",", ""))
    if match := LARGEST.search(wording):
        return None, int(match[1].replace(",", ""))
    return None, None


def media_types(document: Document, operation: Json) -> list[str]:
    """Return the media types of the replies that mean success."""
    found: dict[str, None] = {}
    for status, reply in sorted(operation["responses"].items()):
        if status.startswith("2"):
            found.update(dict.fromkeys(document.resolve(reply).get("content", ())))
    return list(found)


def reply_schema(document: Document, operation: Json) -> Json:
    """Return the schema of the reply, JSON preferred."""
    for status, reply in sorted(operation["responses"].items()):
        content = document.resolve(reply).get("content", {})
        for media_type in ("application/json", "application/xml"):
            if status.startswith("2") and media_type in content:
                schema: Json = content[media_type].get("schema", {})
                return schema
    return {}


def leaves(document: Document, schema: Json, prefix: str = "", depth: int = 3) -> Iterator[tuple[str, Json]]:
    """Yield dotted path and schema of everything in an object, arrays and errors not entered."""
    for name, node in document.properties(schema).items():
        if name in ("errors", "error", "causes"):
            continue
        resolved = document.resolve(node)
        yield prefix + name, resolved
        if depth > 1:
            yield from leaves(document, resolved, f"{prefix}{name}.", depth - 1)


def paging(document: Document, operation: Json, found: list[Json]) -> Json | None:
    """Return how an operation pages, as far as its document says; None when it has a single page."""
    query = {entry["name"]: entry for entry in found if entry["location"] == "query"}
    body: Json = {}
    content = document.resolve(operation.get("requestBody", {})).get("content", {})
    if "application/json" in content:
        body = dict(leaves(document, content["application/json"].get("schema", {})))
    reply = dict(leaves(document, reply_schema(document, operation)))

    arrays = [path for path, node in reply.items() if node.get("type") == "array"]

    def ends(names: tuple[str, ...]) -> list[str]:
        return [path for path in reply if path.rpartition(".")[2] in names and path not in arrays]

    page: Json = {}
    if "scrollId" in query:
        page = {"style": "scroll", "position": "scrollId", "first": "*"}
    elif "cursorMark" in query:
        page = {"style": "cursor mark", "position": "cursorMark", "first": "*"}
    elif query.get("nextCursor", {}).get("default") == "*":
        page = {"style": "items cursor", "position": "nextCursor", "first": "*"}
    elif "nextCursor" in query:
        page = {"style": "cursor", "position": "nextCursor"}
    elif "meta.nextCursor" in body:
        page = {"style": "cursor", "position": "meta.nextCursor", "in_body": True, "limit": "meta.limit"}
    elif "noOfRecords" in query:
        page = {"style": "byte offset", "position": "offset", "first": 0, "limit": "noOfRecords"}
    elif "offset" in query:
        page = {"style": "offset", "position": "offset", "first": 0}
    elif "page.offset" in body:
        page = {"style": "offset", "position": "page.offset", "first": 0, "in_body": True}
        page["limit"] = "page.limit"
    elif "page" in query:
        page = {"style": "page", "position": "page", "first": query["page"].get("default", 0)}
    elif "pageNumber" in body:
        page = {"style": "page", "position": "pageNumber", "in_body": True}
        page["first"] = body["pageNumber"].get("minimum", 0)
    elif not ends(CURSORS) and "limit" not in query:
        return None
    if "limit" in query:
        page["limit"] = "limit"
    if "limit" in page:
        page["page_size"] = page_size(page, query, body)
    page["records"] = [path for path in arrays if "." not in path] or arrays
    if page.get("style") not in ("offset", "page"):
        page["cursor"] = ends(CURSORS)
    page["total"] = ends(TOTALS)
    return page


def page_size(page: Json, query: Json, body: Json) -> int | None:
    """Return the largest documented page, else the documented default, None when neither is said."""
    if page.get("in_body"):
        schema = body[page["limit"]]
        largest = schema.get("maximum", bounds(schema.get("description", ""))[1])
        size = largest if largest is not None else schema.get("default")
    else:
        entry = query[page["limit"]]
        size = entry.get("maximum", entry.get("default"))
    return None if size is None else int(size)


def checked_paging(name: str, page: Json | None) -> Json | None:
    """Return how an operation pages, with our own knowledge added.

    :raises SystemExit: when a question is left open.
    """
    if name in PAGING:
        ours = PAGING[name]
        if ours is None:
            return None
        page = {**(page or {}), **ours}
    if page is None:
        return None
    if "style" not in page:
        raise SystemExit(f"{name}: how it pages is not documented; add it to PAGING.")
    if "records" not in (PAGING.get(name) or {}) and len(page["records"]) != 1:
        raise SystemExit(f"{name}: records may be at any of {page['records']}; add it to PAGING.")
    if page["style"] == "query string":
        page.pop("position", None)
    order = "style records cursor total position first in_body limit page_size extra"
    return {key: page[key] for key in order.split() if page.get(key) not in (None, [])}


# --- Names --------------------------------------------------------------------------------------------------------


def short_group(group: str) -> str:
    """Return the name of a group without the words that say nothing."""
    return re.sub(r"-(management|api|reports?)$", "", group)


def path_name(method: str, path: str, fixed_query: dict[str, str]) -> str:
    """Return a name made of method and path, such as ``getReportsSchedulesByScheduleId``."""
    words = [method.lower()]
    for segment in path.strip("/").split("/"):
        if re.fullmatch(r"v\d+", segment):
            continue
        if segment.startswith("{"):
            words.append("By")
            segment = segment.strip("{}")
        words.append(segment)
    words += [value.lower() for value in fixed_query.values()]
    parts = [part for word in words for part in re.split(r"[-_]", word)]
    return parts[0] + "".join(part[:1].upper() + part[1:] for part in parts[1:])


def give_names(rows: list[Json]) -> None:
    """Give every operation of a market its name: Walmart's id where it is the only one of that id."""
    ids = Counter(row["operation_id"] for row in rows if row["operation_id"])
    places = Counter((row["method"], row["path"]) for row in rows)
    for row in rows:
        place = f"{row['method']} {row['path']}"
        if row["operation_id"] and (
            ids[row["operation_id"]] == 1 or KEEPS_ITS_ID.get(row["operation_id"]) == place
        ):
            row["name"] = row["operation_id"]
        elif row["operation_id"]:
            row["name"] = f"{short_group(row['group'])}.{row['operation_id']}"
        else:
            name = path_name(row["method"], row["path"], row.get("fixed_query", {}))
            shared = places[row["method"], row["path"]] > 1
            row["name"] = f"{short_group(row['group'])}.{name}" if shared else name


# --- Rate limits --------------------------------------------------------------------------------------------------


def rate_limits(table: Path) -> tuple[dict[str, list[list[Any]]], dict[str, Json]]:
    """Return the limits by method and path, and the feed types with theirs by name in lower case.

    A limit is ``[count, seconds, bucket]`` or ``[count, seconds, bucket, when]``.
    """
    limits: dict[str, list[list[Any]]] = defaultdict(list)
    feeds: dict[str, Json] = {}
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["place"] = f"{row['method']} {row['endpoint']}"
    places = {(row["category"], row["operation"].lower()): row["place"] for row in rows}
    for row in rows:
        place = row["place"]
        if place.startswith("POST /v3/feeds?"):
            add_feed_type(feeds, row)
            continue
        place = SAME_ENDPOINT.get(place, place)
        shared = re.search(r"\(Shared with ([^)]*)\)", row["published_limit"])
        bucket = min(place, places[row["category"], shared[1].lower()]) if shared else place
        for any_query, count, unit, value in LIMIT.findall(row["published_limit"]):
            when = "*" if any_query else value
            which = [f"{place}?{when}", when] if when else [bucket]
            limit = [int(count), SECONDS[unit], *which]
            if limit not in limits[place]:
                limits[place].append(limit)
    return {**limits, **OPERATION_LIMITS}, feeds


def add_feed_type(feeds: dict[str, Json], row: Json) -> None:
    """Add what a row of the table says about a feed type."""
    # The table writes most names in lower case.
    key = row["endpoint"].partition("feedType=")[2].lower()
    entry = feeds.setdefault(key, {"name": key})
    if match := LIMIT.match(row["published_limit"]):
        entry["limits"] = [FEED_LIMITS.get(key, [int(match[2]), SECONDS[match[3]]])]
    if match := re.match(r"([\d.]+) MB", row["max_file_size"]):
        entry["max_bytes"] = int(float(match[1]) * 1_000_000)


def spell_feed_types(feeds: dict[str, Json], rows: list[Json]) -> list[Json]:
    """Return the feed types of which anything is known, spelled as the documents spell them."""
    for row in rows:
        for entry in row["parameters"]:
            if entry["name"] == "feedType":
                for name in [*entry.get("enum", ()), entry.get("default", "")]:
                    if name.lower() in feeds:
                        feeds[name.lower()]["name"] = name
    known = [feeds[key] for key in sorted(feeds) if len(feeds[key]) > 1]
    for entry in known:
        bucket = f"POST /v3/feeds?feedType={entry['name']}"
        entry["limits"] = [limit if len(limit) > 2 else [*limit, bucket] for limit in entry.get("limits", ())]
    return known


# --- Putting it together ------------------------------------------------------------------------------------------


def read_operation(document: Document, market: str, method: str, path: str, operation: Json) -> Json:
    """Return one operation as the catalogue has it, still without name and limits."""
    path, _, query = path.partition("?")
    fixed_query = dict(pair.split("=", 1) for pair in query.split("&") if pair)
    found, media = parameters(document, operation)
    for entry in found:
        entry |= PARAMETERS.get((operation.get("operationId", ""), entry["name"]), {})
        if entry.get("default", "") is None:
            del entry["default"]
        if entry["name"] in TELL_APART and entry.get("required") and "default" in entry:
            fixed_query.setdefault(entry["name"], json.dumps(entry["default"]).strip('"'))
    found = [entry for entry in found if entry["name"] not in fixed_query]
    found += [
        {"name": name, "location": "query", "required": True, "enum": [value], "default": value}
        for name, value in fixed_query.items()
    ]
    success = media_types(document, operation)
    body = document.resolve(operation.get("requestBody", {}))
    choices = [media_type for media_type in success if media_type != "application/xml"]
    if "Accept" in media and len(choices) > 1:
        accept = {"name": "Accept", "location": "header", "required": True, "enum": choices}
        found.append({**accept, "default": media["Accept"]})
    content_types = list(body.get("content", ()))
    # A write without a body is answered with 500 or 520 when Content-Type is missing; where a body may be a file the
    # media type depends on what is sent.
    content_type = "application/json" if method in ("POST", "PUT", "PATCH") else None
    if "multipart/form-data" in content_types:
        content_type = None
    elif content_types and content_type not in content_types:
        content_type = content_types[0]
    elif not content_types:
        content_type = media.get("Content-Type", content_type)
    return {
        "name": "",
        "operation_id": operation.get("operationId"),
        "group": document.group,
        "market": market,
        "method": method,
        "path": path,
        "fixed_query": fixed_query,
        "parameters": found,
        "body": content_types,
        "body_required": bool(body.get("required")),
        "form": form(document, body),
        "content_type": content_type,
        "success": success,
        "safe_to_retry": method == "GET" or (method == "POST" and path in READ_ONLY_POSTS),
        "paging": paging(document, operation, found),
        "limits": [],
    }


def form(document: Document, body: Json) -> list[Json]:
    """Return the parts of a form, where it is more than one file under the usual name."""
    schema = document.resolve(body.get("content", {}).get("multipart/form-data", {}).get("schema", {}))
    required = schema.get("required", [])
    if required in ([], ["file"]):
        return []
    return [
        {"name": name, "location": "form", **({"required": True} if name in required else {})}
        for name in schema["properties"]
    ]


def build(folder: Path) -> Json:
    """Return the whole catalogue."""
    limits, feeds = rate_limits(folder / RATE_LIMITS)
    by_shape = {re.sub(r"{\w+}", "{}", place): found for place, found in limits.items()}
    unused = set(by_shape)
    catalogue: list[Json] = []
    for market, name, prefix in SETS:
        rows = [
            read_operation(document, market, *found)
            for document in map(Document, sorted((folder / name).glob("*.json")))
            for found in document.operations()
        ]
        give_names(rows)
        rows.sort(key=lambda row: (row["group"], row["path"], row["method"], row["name"]))
        for row in rows:
            row["name"] = prefix + row["name"]
            row["paging"] = checked_paging(row["name"], row["paging"])
            shape = re.sub(r"{\w+}", "{}", f"{row['method']} {row['path']}")
            if market == "us" and shape in by_shape:
                unused.discard(shape)
                row["limits"] = by_shape[shape]
        catalogue += rows
    names = Counter(row["name"] for row in catalogue)
    if doubled := [name for name, count in names.items() if count > 1]:
        raise SystemExit(f"Names given twice: {doubled}")
    ours = {*PAGING, *KEEPS_ITS_ID, *READ_ONLY_POSTS, *(name for name, _ in PARAMETERS)}
    known = {*names, *(row["operation_id"] for row in catalogue), *(row["path"] for row in catalogue)}
    if unknown := ours - known:
        raise SystemExit(f"Hand-made knowledge about operations that are not documented: {sorted(unknown)}")
    for shape in sorted(unused):
        print(f"rate limit of an operation that no document has: {shape}", file=sys.stderr)
    return {"operations": catalogue, "feed_types": spell_feed_types(feeds, catalogue)}


LIMIT_FIELDS = ("count", "per_seconds", "bucket", "when")


def as_read(row: Json) -> Json:
    """Return a row with the fields of the classes that it is read into, without what is empty."""
    row = {key: value for key, value in row.items() if value not in (None, [], {}, False)}
    if "fixed_query" in row:
        row["fixed_query"] = list(row["fixed_query"].items())
    if "extra" in row.get("paging", {}):
        row["paging"] = {**row["paging"], "extra": list(row["paging"]["extra"].items())}
    if "limits" in row:
        row["limits"] = [dict(zip(LIMIT_FIELDS, limit, strict=False)) for limit in row["limits"]]
    return row


def lines(rows: list[Json]) -> str:
    """Return rows as JSON, one per line."""
    said = map(as_read, rows)
    return ",\n".join(json.dumps(row, ensure_ascii=False) for row in said)


def main() -> None:
    """Write the catalogue."""
    parser = argparse.ArgumentParser(description="Build the catalogue from Walmart's API documents.")
    parser.add_argument("folder", type=Path, help="folder of the documents")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="file to write")
    arguments = parser.parse_args()
    catalogue = build(arguments.folder)
    sections = [f'"{name}": [\n{lines(rows)}\n]' for name, rows in catalogue.items()]
    arguments.output.write_text("{\n" + ",\n".join(sections) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
