"""Whatever templates render to and Walmart answers, a task works or says what is wrong, and sends no half-checked write."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import pytest
from airflow.exceptions import AirflowException
from airflow.sdk import Connection
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from airflow_provider_walmart.client.catalogue.operations import all_operations
from airflow_provider_walmart.client.errors import WalmartConfigError, WalmartError, WalmartWebhookError
from airflow_provider_walmart.client.feeds import submit as feed_submit
from airflow_provider_walmart.client.golocal import booking as golocal_booking
from airflow_provider_walmart.client.golocal.webhook import parse_delivery_event
from airflow_provider_walmart.client.orders import writes as order_writes
from airflow_provider_walmart.client.reports import once as reports
from airflow_provider_walmart.client.webhooks.notifications import BearerTokens, basic_auth, hmac_sha256
from airflow_provider_walmart.hooks.connection import golocal_settings
from airflow_provider_walmart.operators.api import WalmartApiOperator
from airflow_provider_walmart.operators.exports import WalmartExportOperator
from airflow_provider_walmart.operators.feeds import WalmartFeedStatusOperator, WalmartSubmitFeedOperator
from airflow_provider_walmart.operators.golocal import (
    WalmartGoLocalCancelDeliveryOperator,
    WalmartGoLocalCreateDeliveryOperator,
)
from airflow_provider_walmart.operators.orders import WalmartOrderUpdateOperator
from airflow_provider_walmart.operators.reports import WalmartReportOperator
from airflow_provider_walmart.sensors.golocal import WalmartGoLocalDeliverySensor
from airflow_provider_walmart.task.context import MemoryRecords

quietly = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60
)
ODD = [
    "",
    " ",
    "0",
    "-1",
    "..",
    "a/b",
    "\x00",
    "\r\nX: y",
    "é",
    "\ud800",
    "9" * 30,
    "NaN",
    "2026-01-01",
    "{}",
    "[",
]
texts = st.text(max_size=20) | st.sampled_from(ODD)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
junk = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
OPERATIONS = {operation.name: operation for operation in all_operations()}
UUID = "7d55b982-faea-410d-a5c6-3cf6debb2973"


@pytest.fixture
def timeless(monkeypatch):
    """Time passes without sleeping."""
    from airflow_provider_walmart.client.transport.rate_limits import Throttle

    monkeypatch.setattr("time.sleep", lambda seconds: None)
    for module in (feed_submit, golocal_booking, order_writes, reports):
        monkeypatch.setattr(module, "SETTLE", 0.0)
    monkeypatch.setattr(Throttle, "wait", lambda *_: None)
    monkeypatch.setattr(Throttle, "learn", lambda *_: None)


# -- calls by name -----------------------------------------------------------------------------------------


def shape_fits(operation, path: str) -> bool:
    """Whether a path is that of an operation: what was put in for its parameters opens no other one."""
    want, have = operation.path.split("/"), urlsplit(path).path.split("/")
    return len(want) == len(have) and all(
        part == unquote(seen) or part[:1] == "{" for part, seen in zip(want, have, strict=True)
    )


@quietly
@given(data=st.data())
def test_calls(data, make_client, walmart, timeless):
    operation = OPERATIONS[data.draw(st.sampled_from(sorted(OPERATIONS)))]
    names = [parameter.name for parameter in operation.parameters]
    known = st.sampled_from(names) if names else texts
    params = data.draw(st.dictionaries(known | texts, junk, max_size=4))
    # What is required is nearly always there, so that more than its absence is tried.
    for parameter in operation.parameters:
        if parameter.required and data.draw(st.booleans()):
            params.setdefault(parameter.name, data.draw(texts))
    body = data.draw(st.none() | junk | st.binary(max_size=20))
    client = make_client(market=operation.market)
    walmart.reset_mock()
    try:
        client.call(operation.name, body=body, strict=data.draw(st.booleans()), params=params)
    except WalmartConfigError as error:
        str(error).encode()
        assert not sent(walmart)
    except WalmartError as error:
        assert str(error)  # noqa: PT017 - fine without an error as well
    for request in sent(walmart):
        assert request.method == operation.method
        assert shape_fits(operation, request.url)
        assert not {"\r", "\n"} & set("".join(map(str, request.headers.values())))


def sent(walmart) -> list:
    return [request for request in walmart.request_history if not request.path.endswith("/token")]


def put(answer: dict, dotted: str, value) -> None:
    *path, last = dotted.split(".")
    for key in path:
        answer = answer.setdefault(key, {}) if isinstance(answer.get(key, {}), dict) else {}
    answer[last] = value


@quietly
@given(data=st.data())
def test_pages_and_cursors(data, make_client, walmart, timeless):
    """However odd the pages, the listing comes to an end, or says why it can't go on."""
    paged = sorted(name for name, operation in OPERATIONS.items() if operation.paging)
    operation = OPERATIONS[data.draw(st.sampled_from(paged))]
    paging = operation.paging
    records = st.lists(junk, max_size=3) | junk
    cursor = (
        texts
        | junk
        | st.sampled_from(["?a=b", "?nextCursor=x&limit=%zz", "https://evil.example/?a", "&&=", "?"])
    )
    pages = []
    for _ in range(data.draw(st.integers(1, 3))):
        page: dict = {}
        for place, drawn in ((paging.records, records), (paging.cursor, cursor), (paging.total, junk)):
            for dotted in place:
                put(page, dotted, data.draw(drawn))
        pages.append({"json": page} if data.draw(st.booleans()) else {"text": json.dumps(data.draw(junk))})
    walmart.reset_mock()
    walmart.register_uri(operation.method, requests_mock_any(), [*pages, {"json": {}}])
    required = {
        parameter.name: parameter.default or "1" for parameter in operation.parameters if parameter.required
    }
    for parameter in operation.parameters:
        if parameter.required and parameter.enum:
            required[parameter.name] = parameter.enum[0]
    client = make_client(market=operation.market)
    try:
        for number, _ in enumerate(
            client.paginate(
                operation.name, params=required, strict=False, body={} if operation.body_required else None
            )
        ):
            assert number < 200
    except WalmartError as error:
        str(error).encode()
    for request in sent(walmart):
        assert request.hostname == "marketplace.walmartapis.com"
        assert shape_fits(operation, request.url)


def requests_mock_any():
    import re

    # All but the token call.
    return re.compile(r"(?<!/token)$")


# -- webhooks ----------------------------------------------------------------------------------------------


@quietly
@given(
    headers=st.dictionaries(texts, texts, max_size=3),
    body=st.binary(max_size=40)
    | texts
    | junk.map(json.dumps)
    | st.dictionaries(
        st.sampled_from(["deliveries", "payload", "deliveryId", "externalOrderId", "status", "deliveryStatus", "lat",
                         "latitude", "longitude", "location"]),
        junk,
    ).map(json.dumps),
)  # fmt: skip
@example(headers={}, body=b"\xff\xfe")
@example(headers={}, body='{"deliveryId": 1e999, "latitude": NaN, "longitude": 1}')
def test_webhook_bodies(headers, body):
    try:
        event = parse_delivery_event(headers, body)
    except WalmartConfigError as error:
        str(error).encode()
    else:
        assert event["kind"] in ("status", "location", "unknown")
        for coordinate in (event["latitude"], event["longitude"]):
            assert coordinate is None or math.isfinite(coordinate)


@quietly
@given(
    headers=st.dictionaries(
        st.sampled_from(["Authorization", "authorization", "X-Sign", ""]), texts, max_size=3
    ),
    scheme=st.sampled_from(["", "Basic ", "Bearer ", "bearer", "sha256="]),
    body=st.binary(max_size=40),
)
@example(headers={"Authorization": "9" * 5000 + "."}, scheme="Bearer ", body=b"")
def test_proofs_of_webhooks(headers, scheme, body):
    headers = {name: scheme + value for name, value in headers.items()}
    tokens = BearerTokens("a-client", "a-secret")
    for check in (basic_auth("a-name", "a-secret"), hmac_sha256("a-secret", "X-Sign"), tokens.check):
        assert check(headers, body) is False
    with pytest.raises(WalmartWebhookError):
        tokens.issue(headers, body)


# -- tasks -------------------------------------------------------------------------------------------------

dates = (
    scalars
    | st.datetimes()
    | st.dates()
    | st.sampled_from(["2026-01-01", "2026-01-01T00:00:00Z", "2026-02-30", "now"])
)
rows = st.lists(junk | st.fixed_dictionaries({"sku": junk, "quantity": junk}), max_size=3) | junk
ORDER = ["purchase_order_id", "line_number", "tracking_number", "carrier", "other_carrier", "quantity", "reason",
         "amount", "tax", "ship_date_time", "charge_type", "currency", "method"]  # fmt: skip
an_order = st.dictionaries(
    st.sampled_from(ORDER),
    junk | dates | st.sampled_from(["1", "UPS", "CUSTOMER_REQUESTED_SELLER_TO_CANCEL", 1, 1.5]),
    max_size=8,
)
order_rows = (
    st.lists(an_order | an_order.map(lambda row: {**row, "purchase_order_id": "1"}) | junk, max_size=3) | junk
)
TASKS = {
    "feed status": (
        WalmartFeedStatusOperator,
        {"feed_id": junk, "feed_types": junk, "since_hours": junk, "allowed_failures": junk},
        {},
    ),
    "submit": (
        WalmartSubmitFeedOperator,
        {
            "feed_type": texts | st.sampled_from(["inventory", "MP_INVENTORY", "price", "lagtime"]) | junk,
            "records": rows,
            "allowed_failures": st.just(0) | junk,
            "on_unknown": st.just("fail") | junk,
            "feed_header": st.none() | junk,
            "root_key": st.none() | junk,
        },
        {"wait_for_completion": False, "deferrable": False},
    ),
    "report": (
        WalmartReportOperator,
        {
            "report_type": st.just("ITEM") | junk,
            "report_version": st.none() | junk,
            "output_format": st.just("csv") | junk,
            "row_filters": st.none() | junk,
            "exclude_columns": st.none() | junk,
            "start": st.none() | dates,
            "end": st.none() | dates,
            "date_granularity": st.none() | texts,
        },
        {"output_path": "{folder}/report", "poll_interval": 0.01, "timeout": 0.01, "deferrable": False},
    ),
    "export": (
        WalmartExportOperator,
        {
            "operation": st.sampled_from(["getAllOrders", "getReturns", "GET /v3/items", "getAnOrder"])
            | junk,
            "api_params": st.none()
            | st.dictionaries(texts, junk, max_size=3)
            | st.dictionaries(st.sampled_from(["createdStartDate", "lastModifiedEndDate", "limit"]), dates),
            "compression": st.none() | junk,
        },
        {"output_path": "{folder}/export"},
    ),
    "api": (
        WalmartApiOperator,
        {
            "operation": st.sampled_from(["getAnOrder", "createSubscription", "PUT /v3/price"]) | junk,
            "api_params": st.none() | st.dictionaries(texts, junk, max_size=3),
            "body": junk,
        },
        {},
    ),
    "orders": (
        WalmartOrderUpdateOperator,
        {
            "action": st.sampled_from(["acknowledge", "ship", "cancel", "refund"]) | junk,
            "records": order_rows,
            "allowed_failures": st.just(0) | junk,
        },
        {"outcomes_path": "{folder}/outcomes"},
    ),
    "booking": (
        WalmartGoLocalCreateDeliveryOperator,
        {"delivery": junk | st.fixed_dictionaries({"externalOrderId": junk, "clientId": junk})},
        {},
    ),
    "cancellation": (WalmartGoLocalCancelDeliveryOperator, {"delivery_id": junk, "reason_code": junk}, {}),
    "delivery": (
        WalmartGoLocalDeliverySensor,
        {"delivery_id": junk, "success_statuses": junk, "failure_statuses": junk},
        {"poke_interval": 0.01, "timeout": 0.01, "deferrable": False},
    ),
}


a_line = st.fixed_dictionaries(
    {"lineNumber": st.just("1") | junk, "orderLineQuantity": junk, "orderLineStatuses": junk}
)
an_answer = st.fixed_dictionaries(
    {
        "order": st.fixed_dictionaries(
            {
                "purchaseOrderId": st.just("1") | junk,
                "orderLines": st.fixed_dictionaries({"orderLine": st.lists(a_line | junk, max_size=2)})
                | junk,
            }
        ),
        "requests": junk,
        "results": junk,
    }
)


@pytest.fixture
def connections(monkeypatch):
    for kind in ("walmart", "walmart_golocal"):
        connection = {"conn_type": kind, "login": UUID, "password": "a-secret"}
        monkeypatch.setenv(f"AIRFLOW_CONN_{kind.upper()}_DEFAULT", json.dumps(connection))


@pytest.mark.parametrize("name", TASKS)
@quietly
@given(data=st.data())
def test_tasks(name, data, walmart, timeless, connections, tmp_path_factory):
    kind, fields, fixed = TASKS[name]
    folder = tmp_path_factory.getbasetemp()
    fixed = {
        field: value.format(folder=folder) if isinstance(value, str) else value
        for field, value in fixed.items()
    }
    drawn = {field: data.draw(strategy, label=field) for field, strategy in fields.items()}
    answer = data.draw(st.just({}) | an_answer | junk, label="answer")
    walmart.reset_mock()
    walmart.register_uri("GET", requests_mock_any(), json=answer)
    ti = SimpleNamespace(
        dag_id="d",
        task_id="t",
        run_id="r",
        map_index=-1,
        try_number=1,
        xcom_push=lambda key, value: json.dumps(value),
    )
    try:
        made = kind(task_id="a_task", **fixed, **drawn)
        made.execute({"ti": ti, "task_state_store": MemoryRecords()})
    except (AirflowException, WalmartError) as error:
        str(error).encode(errors="surrogatepass")
        cause = error.__cause__ or error
        if isinstance(cause, WalmartConfigError):
            assert not [request for request in sent(walmart) if request.method != "GET"]


EXTRA = ["environment", "timeout", "fresh_token_per_request", "unknown"]


@quietly
@given(
    login=scalars | st.just(UUID),
    password=scalars,
    host=scalars,
    port=st.none() | st.integers() | texts,
    schema=st.none() | texts,
    extra=st.dictionaries(st.sampled_from(EXTRA), junk, max_size=4).map(json.dumps) | texts | junk,
)
def test_golocal_connections(login, password, host, port, schema, extra):
    made = Connection(
        conn_id="shop", login=login, password=password, host=host, port=port, schema=schema, extra=extra
    )
    try:
        found = golocal_settings(made)
    except WalmartConfigError as error:
        assert str(error).startswith("Connection 'shop': ")  # noqa: PT017 - fine without an error as well
    else:
        assert found.client_id == UUID
        assert 0 < found.timeout <= 3600
