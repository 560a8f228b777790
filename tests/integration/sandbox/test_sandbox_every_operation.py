"""Every operation of the client's catalogue, called through the hook, against the sandbox's own reading of the documents."""

import json
import os
from pathlib import Path

import pytest

from airflow_provider_walmart.client.catalogue.operations import all_operations
from airflow_provider_walmart.client.errors import WalmartRequestError
from airflow_provider_walmart.hooks.walmart import WalmartHook
from scripts.build_sandbox_data import rows
from scripts.catalogue_walk import (
    DATA,
    MARKETS,
    ROWS,
    body_of,
    fill_shop,
    ids_of,
    parameters_of,
    row_of,
    value_of,
)
from tests.helpers.shop import Shop

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = Path(os.environ.get("WALMART_OPENAPI_DIR") or ROOT.parent / "shared" / "walmart-openapi")
OPERATIONS = all_operations()


@pytest.fixture(scope="module")
def hooks(shared_server, tmp_path_factory):
    """A hook for each market, on a sandbox without rate limits that holds what the calls name."""
    with pytest.MonkeyPatch.context() as patch:
        shared_server.reset()
        fill_shop(lambda path, body: shared_server.control("POST", path, body))
        yield {market: hook_of(market, shared_server, tmp_path_factory, patch) for market in MARKETS}


@pytest.fixture(scope="module")
def readers(hooks, shared_server, tmp_path_factory):
    """Hooks of their own for lists: some may be read once a minute only."""
    with pytest.MonkeyPatch.context() as patch:
        yield {market: hook_of(market, shared_server, tmp_path_factory, patch) for market in MARKETS}


def hook_of(market, server, tmp_path_factory, patch):
    patch.setenv("AIRFLOW__WALMART__SHARED_STATE_DIR", str(tmp_path_factory.mktemp(market)))
    extra = {"market": market}
    patch.setenv(f"AIRFLOW_CONN_WALMART_{market.upper()}", Shop(server).connection(extra=extra))
    hook = WalmartHook(f"walmart_{market}")
    assert hook.client
    return hook


@pytest.fixture(scope="module")
def ids(hooks):
    return ids_of(hooks["us"])


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_operation_is_answered(operation, hooks, ids):
    hook, body, given = hooks[operation.market], body_of(operation), parameters_of(operation, ids)
    if operation.operation_id == "tokenAPI":
        # The client makes it itself, with the keys that it keeps to itself; all the other calls rest on it.
        with pytest.raises(WalmartRequestError, match="Authorization"):
            hook.call(operation.name, body=body, **given)
        return
    answer = hook.call(operation.name, body=body, **given)
    row = row_of(operation)
    if row["status"] == 204 or operation.name == "getFeedErrorReport":
        assert answer is None
    elif not row["media"] or {"application/json", "application/xml"} & set(row["media"]):
        assert isinstance(answer, str if row.get("shape") == "string" else (dict, list))
    else:
        assert isinstance(answer, bytes)


def test_all_306_are_walked():
    assert len(OPERATIONS) == len({operation.name for operation in OPERATIONS}) == 306


@pytest.mark.parametrize(
    "operation", [one for one in OPERATIONS if one.is_list], ids=lambda operation: operation.name
)
def test_every_list_is_read_to_its_end(operation, readers, ids):
    given, body = parameters_of(operation, ids), body_of(operation)
    paging = operation.paging
    if isinstance(body, dict) and paging.in_body:
        body.pop(paging.position, None)
    # Several pages, where the client's own budget lets them pass at once.
    is_quick = all(limit.count / limit.per_seconds >= 0.1 for limit in operation.limits)
    if paging.limit and not paging.in_body and is_quick:
        given[paging.limit] = 10
    records = list(readers[operation.market].paginate(operation.name, body=body, **given))
    assert records
    texts = [json.dumps(record, sort_keys=True, default=str) for record in records]
    assert len(set(texts)) == len(texts), "a page came twice"


@pytest.mark.skipif(not DOCUMENTS.is_dir(), reason="Walmart's API documents are not here")
def test_the_data_is_what_the_script_makes_of_the_documents():
    made = [json.dumps(row, separators=(",", ":"), ensure_ascii=False) for row in rows(DOCUMENTS)]
    assert made == DATA.read_text().splitlines()


def test_a_call_that_is_not_as_documented_is_refused_with_the_field(server):
    server.control("POST", "settings", {"limits": False})
    report = "/v3/insights/performance/otd/summary"
    assert server.refused(400, "GET", f"{report}?reportDuration=week")["field"] == "reportDuration"
    assert server.refused(400, "GET", f"{report}?shippingMethod=SLOW")["field"] == "shippingMethod"
    assert server.refused(400, "POST", "/v3/advertising/sem/campaigns", json={})["field"]
    assert server.refused(405, "PATCH", report)["code"].startswith("METHOD_NOT_ALLOWED")


def test_what_was_written_is_read_again(server):
    path = "/v3/settings/shipping/templates/T-1"
    body = value_of(ROWS["us", "PUT", "/v3/settings/shipping/templates/{}"]["body"])
    before = server.get(path)
    assert before == server.get(path)
    assert server.call("PUT", path, json={**body, "name": "By post"}).status_code == 200
    assert server.get(path)["name"] == "By post"
    assert server.get(path)["id"] == before["id"]
