"""The page *Walmart* in Airflow: every subject of it, in its frame, in both themes, narrow and wide."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from scripts.local_airflow import LocalAirflow
from scripts.local_sandbox import LocalSandbox

if TYPE_CHECKING:
    from playwright.sync_api import FrameLocator, Page

pytestmark = pytest.mark.ui

DAG = "walmart_inventory"
CONN_ID = "walmart_default"


def an_error(index: int, code: str, field: str, description: str) -> dict[str, Any]:
    return {"index": index, "code": code, "field": field, "description": description}


def a_busy_account() -> dict[str, Any]:
    """Return feeds as an account has them after some days; one SKU and its error are hostile."""
    upc = "The UPC belongs to another item."
    hostile = [
        an_error(number, "ERR_EXT_DATA_0101119", "productIdentifiers", upc) for number in range(40)
    ] + [an_error(41, "ERR_PDI_0001", "price", "<script>document.title = 'stolen'</script>")]
    feeds = [
        {"feedId": "9B27D5E0@AQMBAQA", "feedType": "MP_ITEM", "items": 400, "failed": hostile, "age": 7200},
        {"feedId": "3F1C0A6C@AQMBAQA", "feedType": "MP_INVENTORY", "items": 2500, "age": 600},
        {"feedId": "C41E88B2@AQMBAQA", "feedType": "price", "items": 120, "failed": 2, "age": 90_000},
        {
            "feedId": "77E1C0B9@AQMBAQA",
            "feedType": "price",
            "items": 80,
            "age": 60,
            "feedStatus": "INPROGRESS",
        },
        {
            "feedId": "0D11AB02@AQMBAQA",
            "feedType": "MP_ITEM",
            "items": 10,
            "age": 50_000,
            "feedStatus": "ERROR",
        },
    ]
    feeds += [
        {
            "feedId": f"{number:08X}@AQMBAQA",
            "feedType": "MP_INVENTORY",
            "items": 900,
            "failed": number % 4,
            "age": 4000 * number,
        }
        for number in range(3, 40)
    ]
    reports = [
        {"reportType": "ITEM", "age": 4000, "src": "API"},
        {"reportType": "BUYBOX", "age": 90_000, "src": "Scheduler"},
        {"reportType": "INVENTORY", "age": 60, "seconds": 3600, "src": "SC"},
    ]
    return {"feeds": feeds, "reports": reports, "orders": 12}


@pytest.fixture
def frame(page: Page, airflow: LocalAirflow, sandbox: LocalSandbox) -> Callable[[str], FrameLocator]:
    """What opens a page in Airflow's frame."""
    sandbox.control("/reset", {})
    sandbox.control("/seed", a_busy_account())
    page.goto(airflow.url)
    page.get_by_role("link", name="Dags", exact=True).wait_for()

    def open_page(path: str = "/") -> FrameLocator:
        page.goto(f"{airflow.url}/plugin/walmart")
        inside = page.frame_locator("iframe")
        inside.get_by_role("heading", name="Accounts").wait_for()
        if path != "/":
            page.frames[-1].goto(f"{airflow.url}/walmart{path}")
        return inside

    return open_page


def test_accounts_and_their_feeds(page: Page, frame, picture: Callable[..., None]) -> None:
    inside = frame()
    card = inside.get_by_role("article").filter(has_text=CONN_ID)
    card.get_by_text("sandbox · US").wait_for()
    picture("page-accounts")
    card.get_by_role("link", name="Feeds").click()
    inside.get_by_text("9B27D5E0@AQMBAQA").wait_for()
    picture("page-feeds", height=1000)
    inside.get_by_label("with failures").check()
    inside.get_by_text("3F1C0A6C@AQMBAQA").wait_for(state="detached")
    inside.get_by_role("link", name="9B27D5E0@AQMBAQA").click()
    inside.get_by_text("ERR_EXT_DATA_0101119").first.wait_for()
    picture("page-feed", height=1000)
