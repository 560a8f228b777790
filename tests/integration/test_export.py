"""Exports of all records of an operation, over real HTTP."""

from __future__ import annotations

import gzip
import json
import time
import tracemalloc
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from airflow.exceptions import AirflowFailException
from airflow.sdk import DAG
from airflow.sdk.definitions.param import Param

from airflow_provider_walmart.client.catalogue.operations import find
from airflow_provider_walmart.client.errors import WalmartServerError
from airflow_provider_walmart.operators.api import WalmartApiOperator
from airflow_provider_walmart.operators.exports import WalmartExportOperator
from tests.helpers.exporting import after_each_page, kill_export
from tests.helpers.wire import http, token

UTC = timezone.utc
SHIPPED_BY = ("SellerFulfilled", "WFSFulfilled", "3PLFulfilled")
DAY = 86_400


@pytest.fixture
def shop(shop):
    shop.settings(limits=False)
    return shop


@pytest.fixture
def target(tmp_path) -> Path:
    return tmp_path / "lake" / "records.jsonl"


def operator(target, operation="getAllOrders", **fields) -> WalmartExportOperator:
    fields = {"task_id": "export", "operation": operation, "output_path": str(target), **fields}
    made = WalmartExportOperator(**fields)
    # Budgets are tested elsewhere; here they would only make tests wait.
    made.hook.client.session.throttle = None
    return made


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def ids(path: Path, key: str = "purchaseOrderId") -> Counter:
    return Counter(record[key] for record in lines(path))


def seed(shop, **fields) -> list[str]:
    return shop.server.control("POST", "seed", {"orders": {"spacing": 60, **fields}})["orders"]


def ago(seconds: float) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=seconds)


def text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def searches(shop) -> list[dict]:
    """Return the queries of the first pages of all searches, those that only count left out."""
    queries = [dict(parse_qsl(entry["query"])) for entry in shop.received("^/v3/orders$")]
    return [query for query in queries if "hasMoreElements" not in query and query.get("limit") != "1"]


# -- orders: all of them, each once ----------------------------------------------------------------


def test_orders_land_once_whoever_ships_them(shop, target):
    placed = [order for who in SHIPPED_BY for order in seed(shop, count=250, age=10, shipNodeType=who)]
    result = operator(target).execute({})
    assert ids(target) == Counter(placed)
    assert result["uri"] == str(target)
    assert result["records"] == 750
    assert result["pages"] == 6
    assert [entry.name for entry in target.parent.iterdir()] == [target.name]


def test_windows_split_where_a_search_finds_too_many(shop, target):
    shop.settings(orders_per_search=40)
    placed = seed(shop, count=300, spacing=3 * 3600, age=5)
    # Many at one moment, which no window can part.
    placed += seed(shop, count=35, spacing=0, age=7 * DAY)
    assert operator(target).execute({})["records"] == 335
    assert ids(target) == Counter(placed)


def test_orders_at_the_edges_of_windows_land_once(shop, target):
    shop.settings(orders_per_search=20)
    placed = seed(shop, count=300, spacing=0.5, age=0.2)
    operator(target).execute({})
    assert ids(target) == Counter(placed)


def test_more_orders_in_one_second_than_a_search_finds_are_an_error(shop, target):
    shop.settings(orders_per_search=10)
    seed(shop, count=30, spacing=0, age=100)
    with pytest.raises(AirflowFailException, match="Split the date range"):
        operator(target).execute({})
    assert not list(target.parent.iterdir())


def test_orders_that_arrive_meanwhile_change_nothing(shop, target):
    shop.settings(orders_per_search=300)
    placed = seed(shop, count=900, age=1)
    made = operator(target)
    after_each_page(made, lambda: seed(shop, count=3))
    made.execute({})
    assert not Counter(placed) - ids(target)
    assert max(ids(target).values()) == 1


def test_an_order_changed_meanwhile_takes_no_other_one_with_it(shop, target):
    placed = seed(shop, count=900, age=60)
    newest = placed[::-1]
    made = operator(target)
    interval = {"data_interval_start": ago(2 * DAY), "data_interval_end": ago(30)}

    def acknowledge():
        if len(newest) > 895:
            path = f"/v3/orders/{newest.pop(0)}/acknowledge"
            shop.server.call("POST", path, headers={"Content-Type": "application/json"})

    after_each_page(made, acknowledge)
    made.execute(interval)
    assert len(newest) == 895
    assert set(newest) <= set(ids(target))
    assert max(ids(target).values()) == 1


def test_what_the_user_asks_to_be_shipped_by_is_all_that_is_asked_for(shop, target):
    seed(shop, count=5, age=10)
    third = seed(shop, count=5, age=10, shipNodeType="3PLFulfilled")
    operator(target, api_params={"shipNodeType": "3PLFulfilled"}).execute({})
    assert ids(target) == Counter(third)


def test_a_parameter_that_is_none_is_left_out(shop, target):
    placed = [order for who in SHIPPED_BY for order in seed(shop, count=5, age=10, shipNodeType=who)]
    params = {"shipNodeType": None, "lastModifiedStartDate": None, "status": None}
    operator(target, api_params=params).execute({})
    assert ids(target) == Counter(placed)


def test_other_parameters_are_sent_along(shop, target):
    seed(shop, count=5, age=10)
    shipped = seed(shop, count=5, age=10, status="Shipped")
    operator(target, api_params={"status": "Shipped", "limit": 2}).execute({})
    assert ids(target) == Counter(shipped)
    assert {query["limit"] for query in searches(shop)} == {"2"}


# -- the window ------------------------------------------------------------------------------------


def test_the_data_interval_is_exported_and_a_second_run_gives_the_same_file(shop, target):
    placed = seed(shop, count=600, spacing=60, age=1)
    seed(shop, count=60, spacing=60, age=1, shipNodeType="WFSFulfilled")
    start, end = ago(8 * 3600), ago(3600)
    context = {"data_interval_start": start, "data_interval_end": end}
    result = operator(target).execute(context)
    assert result["watermark"] == end.isoformat()
    first = target.read_bytes()
    assert 419 <= len(set(placed) & set(ids(target))) <= 422
    # The WFS orders of the last hour are not in it.
    assert result["records"] <= 422
    assert all(
        (start.timestamp() - 1) * 1000 <= record["orderDate"] <= end.timestamp() * 1000
        for record in lines(target)
    )
    seed(shop, count=20)
    assert operator(target).execute(context) == result
    assert target.read_bytes() == first


def test_no_order_is_missing_between_two_intervals(shop, tmp_path):
    placed = seed(shop, count=400, spacing=0.25, age=1)
    start, middle, end = ago(200), ago(50), ago(-1)
    for name, one, other in (("a", start, middle), ("b", middle, end)):
        context = {"data_interval_start": one, "data_interval_end": other}
        operator(tmp_path / name).execute(context)
    assert set(ids(tmp_path / "a")) | set(ids(tmp_path / "b")) == set(placed)


def test_without_an_interval_all_that_walmart_keeps_is_exported(shop, target):
    placed = seed(shop, count=180, spacing=DAY, age=60)
    result = operator(target).execute({"data_interval_start": None, "data_interval_end": None})
    assert ids(target) == Counter(placed)
    assert datetime.fromisoformat(result["watermark"]) > ago(60)


def test_a_point_in_time_is_no_interval(shop, target):
    # What cron schedules give runs in Airflow 3, unless told otherwise.
    placed = seed(shop, count=5, spacing=DAY, age=60)
    now = ago(0)
    operator(target).execute({"data_interval_start": now, "data_interval_end": now})
    assert ids(target) == Counter(placed)


def test_an_interval_that_walmart_has_forgotten_does_not_replace_a_file(shop, target):
    target.parent.mkdir()
    target.write_text("exported in time\n")
    for operation in ("getAllOrders", "getReturns"):
        with pytest.raises(AirflowFailException, match="180 days"):
            operator(target, operation).execute(
                {"data_interval_start": ago(190 * DAY), "data_interval_end": ago(189 * DAY)}
            )
    assert target.read_text() == "exported in time\n"
    assert not shop.received("^/v3/orders|^/v3/returns")


@pytest.mark.parametrize("period", ["created", "lastModified"])
def test_own_dates_win_over_the_interval(period, shop, target):
    shop.settings(orders_per_search=40)
    everyone = {who: seed(shop, count=200, spacing=3600, age=60, shipNodeType=who) for who in SHIPPED_BY}
    start, end = ago(150 * 3600), ago(50 * 3600)
    result = operator(
        target, api_params={f"{period}StartDate": text(start), f"{period}EndDate": text(end)}
    ).execute({"data_interval_start": ago(3600), "data_interval_end": ago(60)})
    assert result["watermark"] is None
    # All of them: whoever ships, and more than one search finds.
    assert ids(target) == Counter(order for orders in everyone.values() for order in orders[50:150])


def test_own_dates_are_sent_as_they_are(shop, target):
    seed(shop, count=10, spacing=60, age=60)
    start, end = ago(3 * DAY).date().isoformat(), ago(-DAY).date().isoformat()
    params = {"createdStartDate": start, "createdEndDate": end, "shipNodeType": "SellerFulfilled"}
    assert operator(target, api_params=params).execute({})["records"] == 10
    (query,) = searches(shop)
    assert (query["createdStartDate"], query["createdEndDate"]) == (start, end)
    assert "lastModifiedStartDate" not in query


def test_own_dates_that_a_template_has_rendered_are_sent_in_walmarts_form(shop, target):
    placed = seed(shop, count=20, spacing=DAY, age=60)
    params = {"createdStartDate": str(ago(10 * DAY)), "createdEndDate": str(ago(0))}
    operator(target, api_params=params).execute({})
    assert ids(target) == Counter(placed[10:])
    shop.reset()
    made = WalmartApiOperator(task_id="call", operation="getAllOrders", api_params=params)
    assert made.execute({})["list"]["meta"]["totalCount"] == 0


@pytest.mark.parametrize("paginate", [True, False])
def test_a_parameter_newer_than_the_catalogue_is_sent_when_told_so(paginate, shop, target):
    placed = seed(shop, count=3, age=60)
    newer = {"operation": "getAllOrders", "api_params": {"sortBy": "createdDate"}, "strict": False}
    operator(target, **newer).execute({})
    assert ids(target) == Counter(placed)
    WalmartApiOperator(task_id="call", paginate=paginate, **newer).execute({})
    queries = [dict(parse_qsl(entry["query"])) for entry in shop.received("^/v3/orders$")]
    assert {query["sortBy"] for query in queries} == {"createdDate"}


def test_an_own_end_alone_wins_too(shop, target):
    placed = seed(shop, count=20, spacing=DAY, age=60)
    operator(target, api_params={"lastModifiedEndDate": text(ago(10 * DAY))}).execute({})
    assert ids(target) == Counter(placed[:10])


def test_orders_of_a_narrow_window_need_not_be_new(shop, target):
    # Walmart leaves out orders older than a week, however new the change, unless createdStartDate is set.
    placed = seed(shop, count=20, spacing=DAY, age=60)
    operator(target, api_params={"lastModifiedStartDate": text(ago(15 * DAY))}).execute({})
    assert ids(target) == Counter(placed[5:])


# -- nothing found, other operations -----------------------------------------------------------------


def test_nothing_found_is_an_empty_file(shop, target):
    assert operator(target).execute({})["records"] == 0
    assert target.read_bytes() == b""


def test_a_404_for_nothing_found_is_an_empty_file(shop, target):
    result = operator(target, "getAllItems").execute({})
    assert shop.received("^/v3/items")[0]["status"] == 404
    assert result["records"] == 0
    assert result["watermark"] is None
    assert target.read_bytes() == b""


SEEDS = {
    "getReturns": ({"returns": {"count": 450, "spacing": 60, "age": 1}}, "returnOrderId", 450),
    "getAllReleasedOrders": ({"orders": {"count": 450, "spacing": 60, "age": 1}}, "purchaseOrderId", 450),
    "getAllItems": ({"items": 2345}, "sku", 2345),
    "getMultiNodeInventoryForAllSkuAndAllShipNodes": ({"inventories": 130}, "sku", 130),
    "GET /v3/wfs/inventory": ({"items": 6500}, None, 650),
    "getAllFeedStatuses": (
        {"feeds": [{"feedType": "price", "age": 60 + n} for n in range(120)]},
        "feedId",
        120,
    ),
    "POST /v3/insights/items/listingQuality/items": ({"items": 450}, "sku", 450),
}


@pytest.mark.parametrize("operation", SEEDS)
def test_other_operations_export_all_records(operation, shop, target):
    seeds, key, count = SEEDS[operation]
    shop.server.control("POST", "seed", seeds)
    made = operator(target, operation)
    result = made.execute({})
    body = {} if find(operation).body_required else None
    decoded = list(made.hook.client.paginate(operation, body=body))
    found = lines(target)
    assert result["records"] == len(found)
    assert len(found) == count
    if key:
        assert max(ids(target, key).values()) == 1

    def plain(records):
        return sorted(json.dumps(record, sort_keys=True) for record in records)

    assert plain(found) == plain(decoded)


def test_released_orders_of_every_seller_owned_kind(shop, target):
    """Those a third party ships are hidden unless they are asked for; Walmart's own are never listed."""
    placed = seed(shop, count=5, age=10) + seed(shop, count=5, age=10, shipNodeType="3PLFulfilled")
    seed(shop, count=5, age=10, status="Acknowledged")
    operator(target, "getAllReleasedOrders").execute({})
    assert ids(target) == Counter(placed)


def test_unpublished_items_are_all_shown(shop, target):
    """They come on one page, and most of them are hidden unless asked for."""
    shop.server.control("POST", "seed", {"items": 900})
    result = operator(target, "getUnpublishedItems").execute({})
    assert result["records"] == 180
    assert max(ids(target, "sku").values()) == 1
    shown = shop.server.get("/v3/insights/items/unpublished/items", fromDate="2009-01-01", limit=500)
    assert shown["totalCount"] == 60
    made = operator(target, "getUnpublishedItems")
    now = datetime.fromtimestamp(shop.server.control("POST", "clock", {"speed": 1e-6})["now"], UTC)
    start = (now - timedelta(days=30)).replace(hour=0, minute=0, second=0, microsecond=0)
    result = made.execute({"data_interval_start": start, "data_interval_end": now})
    assert result["records"] == 31
    assert result["watermark"] is not None
    assert result["window"]["start"] == start.isoformat()


def test_no_unpublished_items_are_an_empty_file(shop, target):
    assert operator(target, "getUnpublishedItems").execute({})["records"] == 0
    assert {entry["status"] for entry in shop.received("unpublished/items")} == {404}


def test_feeds_that_come_while_the_list_is_read_duplicate_nothing(shop, target):
    known = shop.feeds(*({"feedType": "price", "age": 60 + n} for n in range(130)))
    made = operator(target, "getAllFeedStatuses")
    after_each_page(made, lambda: shop.feeds({"feedType": "price"}, {"feedType": "price"}))
    made.execute({})
    assert set(known) <= set(ids(target, "feedId"))
    assert max(ids(target, "feedId").values()) == 1


def test_returns_of_the_data_interval(shop, target):
    made = {"count": 100, "spacing": 3600, "age": 30}
    returned = shop.server.control("POST", "seed", {"returns": made})["returns"]
    operator(target, "getReturns").execute(
        {"data_interval_start": ago(50 * 3600), "data_interval_end": ago(20 * 3600)}
    )
    assert ids(target, "returnOrderId") == Counter(returned[50:80])


# -- the records as they are -------------------------------------------------------------------------


@pytest.fixture
def listing(wire, monkeypatch):
    """Let the connection lead to a server whose feeds are what a test says."""

    def start(body: bytes) -> None:
        server = wire(lambda request: token() if request.path == "/v3/token" else http(200, body))
        connection = {"conn_type": "walmart", "login": "an-id", "password": "sandbox", "host": server.url}
        monkeypatch.setenv("AIRFLOW_CONN_WALMART_DEFAULT", json.dumps(connection))

    return start


def feeds(*records: str) -> str:
    return f'{{"totalResults": {len(records)}, "offset": 0, "limit": 50, "results": {{"feed": [{", ".join(records)}]}}}}'


def test_records_stay_the_bytes_they_are(listing, shop, target):
    records = [
        '{"feedId" : "a",  "n": 1.10, "big": 123456789012345678901234567890, "e": 1e2}',
        '{"feedId": "b", "text": "\\u00e9 gr\u00fcn \U0001f6d2 \\n \\/", "feedId": "b again"}',
        "{}",
    ]
    listing(feeds(*records).encode())
    assert operator(target, "getAllFeedStatuses").execute({})["records"] == 3
    assert target.read_text(encoding="utf-8").split("\n") == [*records, ""]


@pytest.mark.parametrize("indent", ["\n", "\r\n", "\r"])
def test_pretty_printed_records_are_one_line_each(indent, listing, shop, target):
    records = [{"feedId": f"{n}", "text": "a\nb\r\u2028", "inner": {"list": [1, {}, []]}} for n in range(5)]
    pretty = feeds(*(json.dumps(record, indent=2) for record in records)).replace("\n", indent)
    listing(pretty.encode())
    operator(target, "getAllFeedStatuses").execute({})
    assert target.read_bytes().count(b"\n") == 5
    assert b"\r" not in target.read_bytes()
    assert [json.loads(line) for line in target.read_bytes().split(b"\n")[:-1]] == records


def test_json_that_only_python_reads_is_exported_too(listing, shop, target):
    # A byte order mark, and an invalid Unicode surrogate, as cutting texts in Java makes them.
    half = '{"feedId": "a", "text": "\\ud83d"}'
    listing(b"\xef\xbb\xbf" + feeds(half).encode())
    operator(target, "getAllFeedStatuses").execute({})
    assert lines(target) == [json.loads(half)]


@pytest.mark.parametrize(
    "body", [b"<html>", b"", b'{"results": {"feed": [{"feedId": "\xff"}]}}', b"[" * 100_000]
)
def test_what_is_no_json_is_an_error(body, listing, shop, target):
    listing(body)
    with pytest.raises(WalmartServerError, match="JSON"):
        operator(target, "getAllFeedStatuses").execute({})
    assert not list(target.parent.iterdir())


# -- gzip ----------------------------------------------------------------------------------------------


def test_gzip_is_valid_and_the_same_for_the_same_records(shop, target, monkeypatch):
    seed(shop, count=450, age=60)
    context = {"data_interval_start": ago(5 * 3600), "data_interval_end": ago(30)}
    plain = target.with_name("plain")
    operator(plain).execute(context)
    packed = [target, target.with_name("again.jsonl.gz")]
    for one in packed:
        result = operator(one, compression="gzip").execute(context)
        # The time in the header of a gzip file is in seconds.
        time.sleep(1.1)
    assert gzip.decompress(target.read_bytes()) == plain.read_bytes()
    assert packed[0].read_bytes() == packed[1].read_bytes()
    assert result["records"] == len(lines(plain))
    assert len(packed[0].read_bytes()) < len(plain.read_bytes()) / 5


def test_the_path_says_how_the_file_is_compressed(shop, target):
    seed(shop, count=3, age=60)
    packed = target.with_name("orders.jsonl.gz")
    result = operator(packed).execute({})
    assert gzip.decompress(packed.read_bytes()).count(b"\n") == result["records"] == 3


def test_a_path_that_names_another_format_is_refused_before_anything_is_asked(shop, target):
    with pytest.raises(AirflowFailException, match=r"ends in '\.csv', but the file is written as jsonl"):
        operator(target.with_name("orders.csv")).execute({})
    assert not shop.received("")


# -- failures ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_a_failed_run_leaves_the_file_of_the_run_before(compression, shop, target):
    seed(shop, count=650, age=10)
    target.parent.mkdir()
    target.write_text("of the run before\n")
    shop.fault("/v3/orders.*hasMoreElements", status=500, skip=1)
    with pytest.raises(WalmartServerError):
        operator(target, compression=compression).execute({})
    assert target.read_text() == "of the run before\n"
    assert [entry.name for entry in target.parent.iterdir()] == [target.name]


def test_a_killed_run_leaves_no_file_and_the_next_one_no_part(shop, target):
    placed = seed(shop, count=650, age=10)

    def third_page_is_waited_for() -> bool:
        return any("poIndex=400" in entry["query"] for entry in shop.received("^/v3/orders$"))

    kill_export(shop, third_page_is_waited_for, output_path=str(target))
    assert not target.exists()
    operator(target).execute({})
    assert ids(target) == Counter(placed)
    assert [entry.name for entry in target.parent.iterdir()] == [target.name]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"compression": "zip"}, "gzip"),
        ({"operation": "getAllOrderz"}, "getAllOrders"),
        ({"operation": "getAnOrder"}, "single page"),
        ({"api_params": {"colour": "red"}}, "colour"),
        ({"api_params": {"limit": 500}}, "200"),
        ({"api_params": {"createdStartDate": "yesterday"}}, "yesterday"),
        ({"api_params": {"createdEndDate": 20261201}}, "createdEndDate"),
        ({"api_params": {"createdStartDate": "2026-08-02", "createdEndDate": "2026-08-01"}}, "later"),
        ({"operation": "getAllFeedStatuses", "api_params": {"offset": "x"}}, "offset"),
    ],
)
def test_bad_input_is_an_error_before_anything_is_sent(fields, message, shop, target):
    fields = {"operation": "getAllOrders", **fields}
    with pytest.raises(AirflowFailException, match=message):
        operator(target, **fields).execute({})
    assert not list(target.parent.parent.glob("lake/*"))
    assert not shop.received("^/v3/(?!token)")


# -- in a DAG ------------------------------------------------------------------------------------------


def test_parameters_of_the_dag_are_not_sent(shop, target):
    placed = seed(shop, count=5, age=10)
    with DAG("a_dag", params={"colour": "red", "to be asked": Param(type="string")}):
        made = operator(target)
    made.execute({})
    assert ids(target) == Counter(placed)


def test_a_parameter_of_the_dag_named_like_one_of_walmart_is_not_sent_either(shop, target):
    placed = seed(shop, count=5, age=10) + seed(shop, count=5, age=10, status="Shipped")
    with DAG("a_dag", params={"status": "Shipped"}):
        everything = operator(target.with_name("everything"), task_id="everything")
        shipped = operator(target, api_params={"status": "Shipped"})
    everything.execute({})
    shipped.execute({})
    assert ids(target.with_name("everything")) == Counter(placed)
    assert ids(target) == Counter(placed[5:])


# -- memory --------------------------------------------------------------------------------------------


def test_memory_is_the_same_for_many_orders(shop, target):
    shop.settings(orders_per_search=500)

    def peak(orders: int) -> int:
        shop.server.control("POST", "reset")
        shop.settings(orders_per_search=500, limits=False)
        seed(shop, count=orders, spacing=69, age=60)
        tracemalloc.start()
        try:
            assert operator(target).execute({})["records"] == orders
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(600)  # what is imported on the way stays in memory
    assert peak(12_000) < target.stat().st_size / 2  # pages that are under way, by far not all orders
