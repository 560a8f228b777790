"""The page *Walmart* in Airflow: every subject of it, in its frame, in both themes, narrow and wide."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from scripts.local_airflow import LocalAirflow
from scripts.local_sandbox import LocalSandbox

if TYPE_CHECKING:
    from playwright.sync_api import FrameLocator, Page

pytestmark = pytest.mark.ui

# For so long, what was shown is shown again: of reports, and of an account. Seconds.
REPORTS_FRESH, STORE_FRESH = 46, 3.5

DAG = "walmart_inventory"
CONN_ID, REFUSED_ID, GOLOCAL_ID = "walmart_default", "walmart_outlet", "walmart_golocal_default"
GOLOCAL_CLIENT_ID = "7d55b982-faea-410d-a5c6-3cf6debb2973"


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
    return {"feeds": feeds, "reports": reports, "orders": {"count": 12, "spacing": 1700}}


@pytest.fixture(scope="module")
def account(airflow: LocalAirflow, sandbox: LocalSandbox) -> None:
    """An account with some days behind it, one whose keys Walmart refuses, and one of GoLocal."""
    sandbox.control("/reset", {})
    sandbox.control("/settings", {"delivery_seconds": 0})
    sandbox.control("/seed", a_busy_account())
    to_ship = {"count": 9, "age": 40_000, "spacing": 30_000, "status": "Acknowledged"}
    sandbox.control("/seed", {"orders": to_ship})
    airflow.add_connection(REFUSED_ID, host=sandbox.url, login="an-old-id", password="an-old-secret")
    golocal = {"conn_type": "walmart_golocal", "login": GOLOCAL_CLIENT_ID, "password": "sandbox"}
    airflow.add_connection(GOLOCAL_ID, host=sandbox.url, **golocal)


@pytest.fixture(scope="module")
def submitted(airflow: LocalAirflow, account: None, lake: Path) -> tuple[str, str]:
    """The run of a mapped task that has submitted a feed, and the id of the feed."""
    folder = lake / "inventory"
    folder.mkdir(exist_ok=True)
    rows = [f"SKU-{number:06},{number},10000005050" for number in range(1, 251)]
    (folder / "east.csv").write_text("\n".join(["sku,quantity,ship_node", *rows]))
    run = airflow.trigger(DAG)
    assert airflow.wait_for_run(DAG, run) == "success"
    return run, airflow.xcom(DAG, run, "submit", "feed_ids", map_index=0)[0]


@pytest.fixture(scope="module")
def exported(airflow: LocalAirflow, account: None) -> tuple[str, str]:
    """The run of a task that has exported orders, and the URI of its file."""
    dag = "walmart_orders_incremental"
    run = airflow.trigger(dag)
    assert airflow.wait_for_run(dag, run) == "success"
    return run, airflow.xcom(dag, run, "land_orders")["uri"]


@pytest.fixture(scope="module")
def booked(airflow: LocalAirflow, account: None) -> str:
    """The run of a task that has booked a delivery."""
    run = airflow.trigger("walmart_golocal", {"order_id": "ORDER-9"})
    assert airflow.wait_for_run("walmart_golocal", run) == "success"
    return run


@pytest.fixture
def frame(page: Page, airflow: LocalAirflow, submitted: tuple[str, str]) -> FrameLocator:
    """The page in Airflow's frame, as the navigation opens it."""
    page.goto(airflow.url)
    page.get_by_role("link", name="Dags", exact=True).wait_for()
    page.get_by_role("button", name="Browse").click()
    page.get_by_role("menuitem", name="Walmart").click()
    inside = page.frame_locator("iframe")
    inside.get_by_role("heading", name="Accounts").wait_for()
    return inside


def test_from_an_account_to_a_failed_item(
    page: Page, submitted: tuple[str, str], frame: FrameLocator, picture: Callable[..., None]
) -> None:
    from playwright.sync_api import expect

    card = frame.get_by_role("article").filter(has_text=CONN_ID)
    card.get_by_text("sandbox · 127.0.0.1").wait_for()
    card.get_by_text("token good").wait_for()

    card.get_by_role("link", name="Feeds").click()
    mine = frame.get_by_role("row").filter(has_text=submitted[1])
    mine.get_by_role("link", name="walmart_inventory / submit [0]").wait_for()
    picture("page-feeds", height=900)
    frame.get_by_role("link", name="Next").click()
    frame.get_by_text("Page 2 of 2").wait_for()
    frame.get_by_label("with failures").check()
    frame.get_by_text("3F1C0A6C@AQMBAQA").wait_for(state="detached")

    frame.get_by_role("link", name="9B27D5E0@AQMBAQA").click()
    frame.get_by_text("Another item already has this product id").wait_for()
    # What Walmart says is shown as it is, and does nothing.
    frame.get_by_text("<script>document.title = 'stolen'</script>").first.wait_for()
    assert frame.locator("head > title").text_content() == "Feed 9B27D5E0@AQMBAQA"
    frame.get_by_label("SKU").fill("000042")
    frame.get_by_role("button", name="Search").click()
    # Its heading, and one item.
    expect(frame.get_by_role("region", name="Failed items").get_by_role("row")).to_have_count(2)
    with page.expect_download() as download:
        frame.get_by_role("link", name="Download as CSV").click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert len(lines) == 1 + 41


def test_a_feed_leads_to_the_task_that_submitted_it(
    page: Page, frame: FrameLocator, submitted: tuple[str, str]
) -> None:
    frame.get_by_role("article").filter(has_text=CONN_ID).get_by_role("link", name="Feeds").click()
    frame.get_by_role("row").filter(has_text=submitted[1]).get_by_role("link", name="submit").click()
    page.wait_for_url(f"**/dags/{DAG}/runs/*/tasks/submit/mapped/0**")
    page.get_by_text("submit").first.wait_for()


def test_a_task_leads_to_its_page(
    page: Page, airflow: LocalAirflow, submitted: tuple[str, str], picture: Callable[..., None]
) -> None:
    run, feed_id = submitted
    page.goto(airflow.url)
    page.get_by_role("link", name="Dags", exact=True).wait_for()
    page.goto(f"{airflow.url}/dags/{DAG}/runs/{run}/tasks/submit/mapped/0/details")
    address = page.get_by_role("link", name="Walmart page").get_attribute("href")
    page.goto(f"{airflow.url}{address}" if address.startswith("/") else address)
    page.get_by_role("heading", name="submit").wait_for()
    # Of a run whose id has a plus in it.
    assert "+" in run
    page.get_by_role("link", name=run).wait_for()
    picture("page-task", height=400)
    page.get_by_role("link", name=feed_id).click()
    page.get_by_text("No item failed.").wait_for()


def test_reports_and_orders(
    page: Page, exported: tuple[str, str], frame: FrameLocator, picture: Callable[..., None]
) -> None:
    card = frame.get_by_role("article").filter(has_text=CONN_ID)
    card.get_by_role("link", name="Reports").click()
    frame.get_by_role("cell", name="BUYBOX").wait_for()
    export = frame.get_by_role("row").filter(has_text="walmart_orders_incremental / land_orders")
    assert exported[1] in export.inner_text()
    frame.get_by_role("link", name="Orders due").click()
    frame.get_by_role("heading", name="To acknowledge 12").wait_for()
    picture("page-orders", height=700)


def test_what_tasks_exported_and_booked(
    page: Page, airflow: LocalAirflow, exported: tuple[str, str], booked: str
) -> None:
    page.goto(airflow.url)
    page.get_by_role("link", name="Dags", exact=True).wait_for()
    run, uri = exported
    page.goto(f"{airflow.url}/walmart/task/walmart_orders_incremental/{run}/land_orders/-1")
    page.get_by_text(uri).wait_for()

    page.goto(f"{airflow.url}/walmart/account/{GOLOCAL_ID}/deliveries")
    delivery = page.get_by_role("row").filter(has_text="ORDER-9")
    delivery.get_by_text("DELIVERED").wait_for()
    delivery.get_by_role("link", name="walmart_golocal / book").wait_for()
    # Nothing of the customer is shown.
    assert "Alex" not in page.content()
    page.goto(f"{airflow.url}/walmart/task/walmart_golocal/{booked}/book/%7BMAP_INDEX%7D")
    page.get_by_text("ORDER-9").wait_for()
    assert "Alex" not in page.content()


def test_the_page_follows_the_theme_of_airflow(
    page: Page, airflow: LocalAirflow, frame: FrameLocator, picture: Callable[..., None]
) -> None:
    def ground() -> str:
        return frame.locator("body").evaluate("body => getComputedStyle(body).color")

    frame.get_by_role("article").filter(has_text=CONN_ID).get_by_role("link", name="Feeds").click()
    frame.get_by_role("link", name="9B27D5E0@AQMBAQA").click()
    frame.get_by_text("Another item already has this product id").wait_for()
    light = ground()
    page.evaluate("document.documentElement.classList.replace('light', 'dark')")
    frame.locator("html.dark").wait_for()
    assert ground() != light

    page.evaluate("localStorage.setItem('theme', 'dark')")
    page.goto(f"{airflow.url}/plugin/walmart")
    frame.get_by_role("article").filter(has_text=CONN_ID).get_by_role("link", name="Feeds").click()
    frame.get_by_role("link", name="9B27D5E0@AQMBAQA").click()
    frame.get_by_text("Another item already has this product id").wait_for()
    frame.locator("html.dark").wait_for()
    picture("page-feed-dark", height=900)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_is_cut_off_and_the_keyboard_suffices(
    page: Page,
    airflow: LocalAirflow,
    submitted: tuple[str, str],
    exported: tuple[str, str],
    booked: str,
    theme: Literal["light", "dark"],
    width: int,
    tmp_path: Path,
) -> None:
    said: list[str] = []
    page.goto(airflow.url)
    page.get_by_role("link", name="Dags", exact=True).wait_for()
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme=theme)
    paths = {
        "accounts": "",
        "account": f"account/{CONN_ID}",
        "golocal": f"account/{GOLOCAL_ID}",
        "feeds": f"account/{CONN_ID}/feeds",
        "feed": f"account/{CONN_ID}/feeds/9B27D5E0%40AQMBAQA",
        "reports": f"account/{CONN_ID}/reports",
        "orders": f"account/{CONN_ID}/orders",
        "deliveries": f"account/{GOLOCAL_ID}/deliveries",
        "task-submit": f"task/{DAG}/{submitted[0]}/submit/0",
        "task-export": f"task/walmart_orders_incremental/{exported[0]}/land_orders/-1",
        "task-book": f"task/walmart_golocal/{booked}/book/-1",
    }
    look = Path(os.environ.get("WALMART_LOOK", tmp_path))
    for name, path in paths.items():
        page.goto(f"{airflow.url}/walmart/{path}")
        page.get_by_role("heading").first.wait_for()
        page.screenshot(path=look / f"{name}-{width}-{theme}.png", full_page=True)
        assert page.locator(f"html.{theme}").count() == 1
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "content"
    assert said == []


def test_accounts_that_are_refused_or_rate_limited_say_so(
    page: Page,
    sandbox: LocalSandbox,
    booked: str,
    frame: FrameLocator,
    picture: Callable[..., None],
) -> None:
    """Comes last: what Walmart limits it limits for all."""
    frame.get_by_role("article").filter(has_text=REFUSED_ID).get_by_role("link", name="Feeds").click()
    frame.get_by_text("Walmart refuses these keys").first.wait_for()
    limit = {"path": "/v3/reports/reportRequests", "status": 429, "headers": {"Retry-After": "120"}}
    sandbox.control("/faults", [limit])
    page.wait_for_timeout(REPORTS_FRESH * 1000)
    frame.get_by_role("link", name="Walmart", exact=True).click()
    frame.get_by_role("article").filter(has_text=CONN_ID).get_by_role("link", name="Reports").click()
    frame.get_by_text("429").first.wait_for()
    page.wait_for_timeout(STORE_FRESH * 1000)
    frame.get_by_role("link", name="Walmart", exact=True).click()
    frame.get_by_text("token refused").wait_for()
    frame.get_by_text("Rate limited by Walmart until").wait_for()
    picture("page-accounts", height=780)
