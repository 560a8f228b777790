"""Who may see what of the page *Walmart*, on a real API server below a path."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from scripts.local_sandbox import LocalSandbox
from scripts.processes import Processes
from tests.helpers.api_server import ApiServer
from tests.helpers.system_account import CLIENT_ID, CLIENT_SECRET
from tests.helpers.wire import Wire, http, token

pytestmark = pytest.mark.system

FEED_ID = "9B27D5E0@AQMBAQA"
VALUES = {
    "connection_id": "walmart_default",
    "feed_id": FEED_ID.replace("@", "%40"),
    "dag_id": "a_dag",
    "run_id": "manual__2026-11-30T06:00:00+00:00",
    "task_id": "a_task",
    "map_index": "-1",
    "name": "style.css",
}
HOSTILE = "<script>alert(1)</script>"


def routes() -> list[Any]:
    """Return the routes of the app itself: none can be forgotten."""
    from airflow_provider_walmart.web.app import fastapi_app

    return list(fastapi_app().routes)


def all_paths() -> list[str]:
    return [f"/walmart{route.path.format_map(VALUES)}" for route in routes()]


@pytest.fixture(scope="module")
def server(
    processes: Processes, sandbox: LocalSandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiServer]:
    env = {
        "AIRFLOW__CORE__AUTH_MANAGER": "tests.helpers.auth_manager.NamesAllConnections",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    server = ApiServer(processes, tmp_path_factory.mktemp("page"), env=env)
    account = {"host": sandbox.url, "login": CLIENT_ID, "password": CLIENT_SECRET}
    server.add_connection("walmart_default", extra='{"environment": "sandbox"}', **account)
    server.add_connection("wrong_keys", host=sandbox.url, login=CLIENT_ID, password="Wr0ng+secret")
    yield server
    processes.kill("page-api-server")


@pytest.fixture
def shop(sandbox: LocalSandbox) -> LocalSandbox:
    sandbox.control("/reset", {})
    error = {"index": 3, "code": f"ERR_1{HOSTILE}", "field": HOSTILE, "description": HOSTILE}
    items = [{"sku": f"={HOSTILE}{number}"} for number in range(3)] + [f"{HOSTILE}'\""]
    feed = {"feedId": FEED_ID, "feedType": "MP_ITEM", "items": items, "failed": [error], "age": 900}
    sandbox.control("/seed", {"feeds": [feed]})
    return sandbox


def test_all_routes_only_read():
    assert len(routes()) > 8
    assert {method for route in routes() for method in route.methods} <= {"GET", "HEAD"}


def test_no_route_answers_who_is_not_logged_in(server, shop):
    assert {path: server.get(path).status_code for path in all_paths()} == dict.fromkeys(all_paths(), 401)
    # A page, not the JSON of an API.
    answer = server.get("/walmart/")
    assert "Your login has ended" in answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert shop.control("/requests") == []


def test_no_route_answers_who_has_no_right(server, shop):
    paths = [path for path in all_paths() if "/static/" not in path]
    assert {path: server.get(path, "nobody").status_code for path in paths} == dict.fromkeys(paths, 403)
    assert shop.control("/requests") == []


def test_whoever_may_read_connections_sees_all_of_it(server, shop):
    found = {
        route.path: server.get(f"/walmart{route.path.format_map(VALUES)}", "op").status_code
        for route in routes()
    }
    # That task never was.
    assert found.pop("/task/{dag_id}/{run_id}/{task_id}/{map_index}") == 404
    # A connection of Marketplace delivers nothing.
    assert found.pop("/account/{connection_id}/deliveries") == 502
    assert found == dict.fromkeys(found, 200)


def test_an_account_says_where_its_calls_go(server, shop):
    host = shop.url.removeprefix("http://")
    for path in ("", "account/walmart_default"):
        assert f"sandbox · {host}" in server.get(f"/walmart/{path}", "op").text


def test_without_a_right_to_a_connection_nobody_learns_whether_it_is_there(server, shop):
    known, unknown = (
        server.get(f"/walmart/account/{conn_id}/feeds", "viewer")
        for conn_id in ("walmart_default", "no_such")
    )
    assert known.status_code == unknown.status_code == 403
    assert known.text == unknown.text
    assert shop.control("/requests") == []


def test_every_answer_forbids_what_the_page_does_not_need(server, shop):
    for path in [*all_paths(), "/walmart/nothing"]:
        for user in (None, "nobody", "op"):
            headers = server.get(path, user).headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy, path
            assert "unsafe" not in policy
            assert headers["x-content-type-options"] == "nosniff"
            if "/static/" not in path:
                assert headers["cache-control"] == "no-store"


def test_what_walmart_says_is_text_and_never_html(server, shop):
    for path in (
        "feeds",
        f"feeds/{VALUES['feed_id']}",
        f"feeds/{VALUES['feed_id']}?sku={HOSTILE}&code={HOSTILE}",
    ):
        answer = server.get(f"/walmart/account/walmart_default/{path}", "op")
        assert answer.status_code == 200
        assert HOSTILE not in answer.text
        # Nothing that the policy of the page would refuse, either.
        assert not re.search(r"<script(?! src=)|style=|\son\w+=|javascript:", answer.text)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in answer.text


def test_a_csv_file_holds_no_formulas(server, shop):
    error = {"index": 0, "code": "E", "description": "=cmd()"}
    feed = {"feedId": "CSV@1", "items": [{"sku": "=1+1"}], "failed": [error], "age": 900}
    shop.control("/seed", {"feeds": [feed]})
    answer = server.get("/walmart/account/walmart_default/feeds/CSV%401/items.csv", "op")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "'=1+1" in answer.text
    assert "'=cmd()" in answer.text


def test_items_that_carry_errors_are_shown_though_walmart_counts_none_as_failed(server):
    item = {
        "sku": "A-1",
        "ingestionStatus": "SUCCESS",
        "ingestionErrors": {"ingestionError": [{"code": "E1"}]},
    }
    feed = {"feedId": FEED_ID, "feedStatus": "PROCESSED", "itemsReceived": 1, "itemsFailed": 0}

    def reply(request):
        if request.path == "/v3/token":
            return token()
        if request.path == "/v3/feeds":
            return http(200, {"totalResults": 0, "results": {"feed": []}})
        return http(200, {**feed, "itemDetails": {"itemIngestionStatus": [item]}})

    walmart = Wire(reply)
    server.add_connection("miscounting", host=walmart.url, login="an-id", password="a-secret")
    page = server.get(f"/walmart/account/miscounting/feeds/{VALUES['feed_id']}", "op").text
    walmart.stop()
    assert "Walmart counts 0 failed items, but 1 carry errors" in page
    assert "A-1" in page
    assert "No item failed" not in page


def test_links_and_files_are_below_the_path_of_the_base_url(server, shop):
    page = server.get("/walmart/", "op").text
    linked = re.findall(r'(?:href|src|action)="([^"#]+)"', page)
    assert linked
    assert all(link.startswith("/airflow/walmart/") for link in linked)
    for name in ("style.css", "page.js", "icon.svg"):
        assert server.get(f"/walmart/static/{name}", "viewer").status_code == 200
    moved = server.get("/walmart/?connection_id=walmart_default", "op")
    assert moved.headers["location"] == "/airflow/walmart/account/walmart_default"


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("account/no_such/feeds", 502, "There is no connection &#39;no_such&#39;"),
        ("account/walmart_default/feeds/unknown", 502, "CONTENT_NOT_FOUND"),
        ("account/walmart_default/feeds?days=x", 400, "holds a value"),
        ("account/wrong_keys/feeds", 502, "Walmart refuses these keys"),
        ("nothing", 404, "There is no such page"),
    ],
)
def test_troubles_are_sentences(server, shop, path, status, said):
    answer = server.get(f"/walmart/{path}", "op")
    assert answer.status_code == status
    assert said in answer.text


def test_what_was_landed_is_shown_when_walmart_says_no(server, shop):
    answer = server.get("/walmart/account/wrong_keys/reports", "op")
    assert answer.status_code == 200
    assert "Walmart refuses these keys" in answer.text
    assert "No task that you may look into has exported" in answer.text


def test_an_account_that_cannot_be_read_hides_no_other(server, shop):
    server.add_connection("broken", host=shop.url, extra='{"timeout": "soon"}', login="an-id", password="x")
    answer = server.get("/walmart/", "op")
    assert answer.status_code == 200
    assert "timeout" in answer.text
    assert "walmart_default" in answer.text


def test_a_token_that_is_none_leads_to_the_login(server):
    session = requests.Session()
    session.trust_env = False
    answer = session.get(f"{server.url}/walmart/", cookies={"_token": "not.a.token"}, timeout=60)
    assert answer.status_code in (401, 403)
    assert "text/html" in answer.headers["content-type"]


def test_no_secret_is_in_a_page_or_in_the_log(server, shop):
    """Runs last: whatever the tests before it asked for is in the log."""
    pages = [server.get(path, "op").text for path in all_paths()]
    pages += [
        server.get(f"/walmart/account/wrong_keys{path}", "op").text for path in ("", "/feeds", "/reports")
    ]
    written = "\n".join([*pages, server.log.read_text(errors="replace")])
    of_walmart = server.python(
        "from airflow_provider_walmart.hooks.walmart import WalmartHook\n"
        "from airflow.models import Connection\n"
        "settings = WalmartHook.settings_of(Connection.get_connection_from_secrets('walmart_default'))\n"
        "print(WalmartHook.client_of(settings).access_token())"
    ).splitlines()[-1]
    assert len(of_walmart) > 20
    for secret in (CLIENT_SECRET, "Wr0ng+secret", server.token("op"), of_walmart):
        assert secret not in written
    assert "Traceback" not in written
