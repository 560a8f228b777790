"""What the UI shows of feed tasks: the table of feeds in the log, and the link to the page of what they did."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from scripts.local_airflow import LocalAirflow
from scripts.local_sandbox import LocalSandbox

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.ui

DAG, TASK = "walmart_feed_status", "check_feeds"


def test_the_log_tells_of_failed_items(
    page: Page, airflow: LocalAirflow, sandbox: LocalSandbox, picture: Callable[..., None]
) -> None:
    sandbox.control("/reset", {})
    errors = [
        {"index": index, "code": "ERR_EXT_DATA_0101119", "description": "The UPC belongs to another item."}
        for index in (3, 17)
    ]
    feeds = [
        {"feedId": "3F1C0A6C@AQMBAQA", "feedType": "MP_INVENTORY", "items": 250, "age": 600},
        {"feedId": "9B27D5E0@AQMBAQA", "feedType": "MP_ITEM", "items": 40, "failed": errors, "age": 7200},
        {"feedId": "C41E88B2@AQMBAQA", "feedType": "price", "items": 120, "age": 9000},
    ]
    sandbox.control("/seed", {"feeds": feeds})
    run = airflow.trigger(DAG)
    assert airflow.wait_for_run(DAG, run) == "failed"

    page.goto(airflow.url)
    page.get_by_role("link", name="Dags", exact=True).wait_for()
    page.goto(f"{airflow.url}/dags/{DAG}/runs/{run}/tasks/{TASK}")
    log = page.get_by_test_id("virtual-scroll-container")
    for told in ("9B27D5E0@AQMBAQA", "ERR_EXT_DATA_0101119", "SKU-000004"):
        log.get_by_text(told).first.wait_for()
    log.evaluate("element => element.scrollTo(0, 0)")
    log.get_by_text("3 feeds:").wait_for()
    # As far as the tables go; what comes below is about this machine.
    picture("feed-task-log", height=576)


def test_a_submitted_feed_has_a_link_to_its_page(
    page: Page, airflow: LocalAirflow, sandbox: LocalSandbox, lake: Path, picture: Callable[..., None]
) -> None:
    sandbox.control("/reset", {})
    dag = "walmart_inventory"
    folder = lake / "inventory"
    folder.mkdir(exist_ok=True)
    rows = [f"SKU-{number:06},{number},10000005050" for number in range(1, 251)]
    (folder / "east.csv").write_text("\n".join(["sku,quantity,ship_node", *rows]))
    run = airflow.trigger(dag)
    assert airflow.wait_for_run(dag, run) == "success"

    page.goto(airflow.url)
    page.get_by_role("link", name="Dags", exact=True).wait_for()
    page.goto(f"{airflow.url}/dags/{dag}/runs/{run}/tasks/submit/mapped/0/details")
    link = page.get_by_role("link", name="Walmart page")
    assert f"/walmart/task/{dag}/{quote(run, safe='')}/submit/" in link.get_attribute("href")
    # Seller Center has no feeds of a sandbox.
    assert page.get_by_role("link", name="Feed in Seller Center").count() == 0
    picture("feed-task-link", height=480)
