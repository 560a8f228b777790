"""The connection form of Walmart GoLocal in Airflow's UI, from an empty form to a tested connection."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from scripts.local_airflow import LocalAirflow
from scripts.local_sandbox import LocalSandbox

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.ui

CONN_ID = "walmart_golocal_shop"
SUCCESS = "Test Connection Successful\nConnected to Walmart GoLocal: environment production, host "
CLIENT_ID = "4dae7251-2d34-4643-822c-fe2d8206410b"


def test_add_and_test_a_golocal_connection(
    page: Page, airflow: LocalAirflow, sandbox: LocalSandbox, picture: Callable[..., None]
) -> None:
    sandbox.control("/reset", {})
    page.goto(airflow.url)
    page.get_by_role("link", name="Dags", exact=True).wait_for()
    page.goto(f"{airflow.url}/connections")
    page.get_by_role("button", name="Add Connection").click()
    form = page.get_by_role("dialog")
    form.get_by_label("Connection ID").fill(CONN_ID)
    form.get_by_label("Connection Type").fill("Walmart GoLocal")
    page.keyboard.press("Enter")
    form.get_by_label("Client ID").fill(CLIENT_ID)
    form.get_by_label("Client secret").fill("sandbox")
    assert form.get_by_label("Client secret").get_attribute("type") == "password"
    form.get_by_label("Base URL").fill(sandbox.url)
    form.get_by_role("button", name="Extra Fields", exact=True).click()
    form.get_by_role("combobox", name="Environment").click()
    assert form.get_by_role("option").all_inner_texts() == ["production", "sandbox"]
    form.get_by_role("option", name="production").click()
    form.locator("[name=element_timeout]").wait_for()
    form.get_by_text("Fresh token per request").wait_for()
    picture("connection-golocal", form, height=900)
    form.get_by_role("button", name="Save").click()
    form.wait_for(state="detached")

    stored = airflow.get(f"/connections/{CONN_ID}")
    assert (stored["conn_type"], stored["login"], stored["password"]) == ("walmart_golocal", CLIENT_ID, "***")
    assert json.loads(stored["extra"]) == {
        "environment": "production",
        "timeout": None,
        "fresh_token_per_request": None,
    }
    # The UI of Airflow 3.3.1 and 3.3.2 cannot test a stored connection without a port.
    body = {"connection_id": CONN_ID, "conn_type": "walmart_golocal", "port": 0}
    airflow.request("PATCH", f"/api/v2/connections/{CONN_ID}", params={"update_mask": "port"}, json=body)

    assert _test_connection(page, airflow).startswith(SUCCESS)
    assert _token_calls(sandbox) == 1

    _row(page).get_by_role("button", name="Edit Connection").click()
    form = page.get_by_role("dialog")
    form.get_by_role("button", name="Extra Fields", exact=True).click()
    form.get_by_text("Fresh token per request").wait_for()
    form.locator("[data-scope=switch][data-part=control]").click()
    form.get_by_role("button", name="Save").click()
    form.wait_for(state="detached")
    assert json.loads(airflow.get(f"/connections/{CONN_ID}")["extra"])["fresh_token_per_request"] is True
    assert _test_connection(page, airflow).startswith(SUCCESS)
    # Each of the test's two calls asked for a token of its own.
    assert _token_calls(sandbox) == 1 + 2


def _row(page: Page) -> Locator:
    return page.get_by_role("row").filter(has_text=CONN_ID)


def _test_connection(page: Page, airflow: LocalAirflow) -> str:
    page.goto(f"{airflow.url}/connections")
    _row(page).get_by_role("button", name="Test Connection").click()
    return page.get_by_role("status").inner_text()


def _token_calls(sandbox: LocalSandbox) -> int:
    return len(sandbox.control("/requests?path=oauth/v1/token$"))
