"""The connection form of Airflow's UI, from an empty form to a tested connection."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest

from scripts.local_airflow import LocalAirflow
from scripts.local_sandbox import LocalSandbox
from tests.helpers.system_account import CLIENT_ID, CLIENT_SECRET

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.ui

CONN_ID = "walmart_shop"
REFRESH_TOKEN = "sandbox-refresh-token"


def test_add_test_and_edit_a_connection(
    page: Page, airflow: LocalAirflow, sandbox: LocalSandbox, picture: Callable[..., None]
) -> None:
    page.goto(
        airflow.url
    )  # the first page anyone opens, for it makes Airflow 3.1 forget where one wanted to go
    page.get_by_role("link", name="Dags", exact=True).wait_for()
    page.goto(f"{airflow.url}/connections")
    page.get_by_role("button", name="Add Connection").click()
    form = page.get_by_role("dialog")
    form.get_by_label("Connection ID").fill(CONN_ID)
    form.get_by_label("Connection Type").fill("Walmart Marketplace")
    page.keyboard.press("Enter")
    form.get_by_label("Client ID").fill(CLIENT_ID)
    form.get_by_label("Client secret").fill(CLIENT_SECRET)
    form.get_by_label("Base URL").fill(sandbox.url)
    assert form.get_by_label("Client secret").get_attribute("type") == "password"
    picture("connection-form", form, height=900)
    form.get_by_role("button", name="Extra Fields", exact=True).click()
    assert _choices(form, "Environment") == ["production", "sandbox"]
    form.get_by_role("option", name="sandbox").click()
    assert _choices(form, "Market") == ["us", "ca", "mx", "cl"]
    form.get_by_role("option", name="ca").click()
    form.locator("[name=element_channel_type]").fill("a-channel")
    form.locator("[name=element_partner_id]").fill("10001234567")
    refresh_token = form.locator("[name=element_refresh_token]")
    refresh_token.fill(REFRESH_TOKEN)
    if version("apache-airflow") >= "3.3":  # before, only standard fields were covered up while typing
        assert refresh_token.get_attribute("type") == "password"
    picture("connection-extra-fields", form, height=1500)
    _save(page)

    stored = _stored(airflow)
    assert stored["password"] == "***"
    assert stored["extra"]["environment"] == "sandbox"
    assert stored["extra"]["market"] == "ca"
    assert stored["extra"]["refresh_token"] == "***"
    _give_a_port(airflow)

    told = _test_connection(page, airflow)
    assert "environment sandbox, market ca" in told
    assert "feeds full access" in told
    picture("connection-test", height=540)

    form = _edit(page)
    assert form.get_by_label("Client secret").input_value() == "***"
    form.get_by_label("Description").fill("edited")
    _save(page)
    assert _stored(airflow)["description"] == "edited"
    assert "feeds full access" in _test_connection(page, airflow), "editing kept the secrets"

    form = _edit(page)
    form.get_by_label("Client secret").fill("n0t-the-secret")
    _save(page)
    assert _test_connection(page, airflow) == (
        "Test Connection Failed\nWalmart refuses these keys. Check client ID and client secret, and that they belong "
        f"to this environment. (environment sandbox, market ca, host {sandbox.url.removeprefix('http://')})"
    )


def _choices(form: Any, label: str) -> list[str]:
    """Open a drop-down and return what it offers."""
    form.get_by_role("combobox", name=label).click()
    return form.get_by_role("option").all_inner_texts()


def _save(page: Page) -> None:
    form = page.get_by_role("dialog")
    form.get_by_role("button", name="Save").click()
    form.wait_for(state="detached")


def _edit(page: Page) -> Any:
    page.get_by_role("row").filter(has_text=CONN_ID).get_by_role("button", name="Edit Connection").click()
    return page.get_by_role("dialog")


def _test_connection(page: Page, airflow: LocalAirflow) -> str:
    """Click the test button of the connection's row and return what the message that pops up says."""
    page.goto(f"{airflow.url}/connections")
    page.get_by_role("row").filter(has_text=CONN_ID).get_by_role("button", name="Test Connection").click()
    return page.get_by_role("status").inner_text()


def _stored(airflow: LocalAirflow) -> dict[str, Any]:
    stored = airflow.get(f"/connections/{CONN_ID}")
    return {**stored, "extra": json.loads(stored["extra"])}


def _give_a_port(airflow: LocalAirflow) -> None:
    """Store port 0: the UI of Airflow 3.3.1 and 3.3.2 cannot test a stored connection without a port."""
    body = {"connection_id": CONN_ID, "conn_type": "walmart", "port": 0}
    airflow.request("PATCH", f"/api/v2/connections/{CONN_ID}", params={"update_mask": "port"}, json=body)
