"""The page *Walmart* below a path, and for those whose login has ended or who have no rights."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from scripts.local_sandbox import LocalSandbox
from scripts.processes import Processes
from tests.helpers.api_server import ApiServer
from tests.helpers.system_account import CLIENT_ID, CLIENT_SECRET

if TYPE_CHECKING:
    from playwright.sync_api import FrameLocator, Page

pytestmark = pytest.mark.ui

# How long a login lasts that ends. Seconds.
SHORT = 15


@pytest.fixture(scope="module")
def server(
    processes: Processes, sandbox: LocalSandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiServer]:
    env = {
        "AIRFLOW__API_AUTH__JWT_CLI_EXPIRATION_TIME": str(SHORT),
        "AIRFLOW__API_AUTH__JWT_LEEWAY": "0",
    }
    server = ApiServer(processes, tmp_path_factory.mktemp("page"), env=env)
    account = {"host": sandbox.url, "login": CLIENT_ID, "password": CLIENT_SECRET}
    server.add_connection("walmart_default", **account)
    sandbox.control("/reset", {})
    sandbox.control(
        "/seed", {"feeds": [{"feedId": "9B27D5E0@AQMBAQA", "items": 60, "failed": 2, "age": 900}]}
    )
    yield server
    processes.kill("page-api-server")


def in_the_frame(page: Page, server: ApiServer, user: str, *, short: bool = False) -> FrameLocator:
    """Open the page as a user does who is logged in."""
    token = server.token(user, short=short)
    page.context.add_cookies([{"name": "_token", "value": token, "url": server.url}])
    page.goto(server.url)
    page.get_by_role("link", name="Dags", exact=True).wait_for()
    page.get_by_role("button", name="Browse").click()
    page.get_by_role("menuitem", name="Walmart").click()
    return page.frame_locator("iframe")


def test_below_a_path_all_links_and_files_are_found(page: Page, server: ApiServer) -> None:
    failed: list[str] = []
    page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
    frame = in_the_frame(page, server, "op")
    frame.get_by_role("article").get_by_role("link", name="Feeds").click()
    frame.get_by_role("link", name="9B27D5E0@AQMBAQA").click()
    frame.get_by_role("region", name="Failed items").wait_for()
    with page.expect_download():
        frame.get_by_role("link", name="Download as CSV").click()
    frame.get_by_role("link", name="Walmart", exact=True).click()
    frame.get_by_label("Connection of the environment").fill("walmart_default")
    frame.get_by_role("button", name="Open").click()
    frame.get_by_role("heading", name="walmart_default").wait_for()
    assert failed == []


def test_a_login_that_has_ended_is_said_and_leads_to_the_login(page: Page, server: ApiServer) -> None:
    begin = time.monotonic()
    frame = in_the_frame(page, server, "op", short=True)
    frame.get_by_role("article").wait_for()
    time.sleep(max(0.0, begin + SHORT + 2 - time.monotonic()))
    frame.get_by_role("link", name="Feeds").click()
    frame.get_by_role("heading", name="Your login has ended").wait_for()
    frame.get_by_role("button", name="Reload").click()
    page.get_by_label("Username").wait_for()


def test_who_may_not_read_connections_is_told_so(page: Page, server: ApiServer) -> None:
    frame = in_the_frame(page, server, "viewer")
    frame.get_by_role("heading", name="Not for you").wait_for()
    page.context.clear_cookies()
    page.context.add_cookies([{"name": "_token", "value": server.token("nobody"), "url": server.url}])
    page.goto(f"{server.url}/walmart/account/walmart_default/feeds")
    page.get_by_role("heading", name="Not for you").wait_for()
    assert "9B27D5E0" not in page.content()
