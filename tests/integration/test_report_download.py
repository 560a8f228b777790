"""From READY to a whole file: links, the storage behind them, and everything that can go wrong on the way."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import requests
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_walmart.client.errors import (
    WalmartConfigError,
    WalmartConnectionError,
    WalmartIncompleteError,
    WalmartReportFailedError,
    WalmartServerError,
)
from airflow_provider_walmart.hooks.walmart import WalmartHook
from airflow_provider_walmart.operators.reports import WalmartReportOperator
from tests.helpers.full_disk import disk_full_after
from tests.helpers.tasks import Task
from tests.helpers.wire import http, token

LINKS, STORAGE = "^/v3/reports/downloadReport$", "^/storage/"


@pytest.fixture(autouse=True)
def quick(shop, tmp_path, monkeypatch) -> None:
    shop.settings(report_seconds=0)
    shop.server.control("POST", "seed", {"items": 50})
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))


@pytest.fixture
def operator(tmp_path):
    def make():
        return WalmartReportOperator(
            task_id="a_task",
            report_type="ITEM",
            output_path=str(tmp_path / "landed" / "items"),
            poll_interval=0.05,
            deferrable=False,
        )

    return make


@pytest.fixture
def files(tmp_path):
    """Return a function that returns the files of the report and the temporary ones there are."""
    return lambda: sorted(
        str(path.relative_to(tmp_path))
        for folder in ("landed", "temporary")
        for path in (tmp_path / folder).rglob("*")
    )


def statuses(shop, path: str, method: str = "GET") -> list[int]:
    return [entry["status"] for entry in shop.received(path) if entry["method"] == method]


def requested(shop) -> int:
    """Return how often a report was asked for."""
    return len(statuses(shop, "^/v3/reports/reportRequests$", "POST"))


def link_of(shop) -> str:
    """Return a download link of some report."""
    (request_id,) = shop.server.control("POST", "seed", {"reports": [{"age": 9000}]})["reports"]
    return shop.server.get("/v3/reports/downloadReport", requestId=request_id)["downloadURL"]


# -- secrets -------------------------------------------------------------------------------------------


def test_the_storage_sees_no_credential(shop, operator, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password something\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    Task().run(operator)
    (entry,) = [entry for entry in shop.received() if entry["server"] == "storage"]
    assert entry["status"] == 200
    assert set(entry["headers"]) == {"host", "user-agent", "accept", "accept-encoding", "connection"}
    assert entry["headers"]["user-agent"].startswith("airflow-provider-walmart/")
    assert shop.token_requests == 1


def test_neither_link_nor_token_is_shown(shop, operator, tmp_path, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    # urllib3 logs each request on this level.
    logging.getLogger("urllib3").debug("the log is on")
    task = Task()
    result = task.run(operator)
    (download,) = shop.received(STORAGE)
    told = capfd.readouterr()
    everything = [
        *(told.out, told.err, caplog.text),
        *map(json.dumps, (result, task.xcom, task.state)),
        (tmp_path / "landed" / "items").read_text(),
    ]
    assert "the log is on" in caplog.text
    assert "/v3/reports/downloadReport" in caplog.text
    for text in everything:
        assert download["query"].partition("X-Amz-Signature=")[2] not in text
        assert "X-Amz" not in text
        assert WalmartHook().get_access_token() not in text


def test_neither_link_nor_token_is_shown_when_the_download_fails(shop, operator, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    for trouble in ({"status": 403}, {"status": 500}, {"reset": "before"}, {"truncate": 10}):
        shop.fault(STORAGE, **trouble)
        with pytest.raises((WalmartReportFailedError, WalmartConnectionError, WalmartServerError)) as caught:
            Task().run(operator)
        shop.no_faults()
        assert "X-Amz" not in repr(caught.value.__cause__) + str(caught.value) + repr(vars(caught.value))
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
    told = capfd.readouterr()
    assert "X-Amz" not in told.out + told.err + caplog.text


# -- links ---------------------------------------------------------------------------------------------


def test_an_expired_link_is_asked_for_again(shop, operator, files):
    old = link_of(shop)
    shop.advance(900)
    shop.server._token = ""
    shop.revoke_tokens()
    shop.fault(LINKS, body={"downloadURL": old, "requestStatus": "READY"}, times=1)
    Task().run(operator)
    assert statuses(shop, LINKS)[-2:] == [200, 200]
    assert statuses(shop, STORAGE) == [403, 200]
    assert requested(shop) == 1
    assert files() == ["landed/items"]


def test_links_that_never_work_are_given_up(shop, operator, files):
    shop.fault(STORAGE, status=403)
    task = Task()
    with pytest.raises(WalmartReportFailedError, match="refuses the download links"):
        task.run(operator)
    assert (len(statuses(shop, LINKS)), len(statuses(shop, STORAGE))) == (2, 2)
    assert files() == []
    shop.no_faults()
    task.run(operator)
    assert requested(shop) == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"downloadURL": None},
        {"downloadURL": 7},
        {"downloadURL": "http://storage.example.com/report.zip"},
        {"downloadURL": "file:///etc/passwd"},
        {"downloadURL": "https:///nowhere"},
        {"downloadURL": "http://[::1"},
        [],
    ],
)
def test_a_link_that_is_none_is_not_followed(shop, operator, files, body):
    shop.fault(LINKS, body=body)
    with pytest.raises(WalmartServerError, match="no https download link"):
        Task().run(operator)
    assert statuses(shop, STORAGE) == []
    assert files() == []


@pytest.mark.parametrize(
    "to", ["http://storage.example.com/report.zip", "ftp://storage.example.com/report.zip"]
)
def test_a_redirect_is_followed_to_where_a_link_may_lead_only(shop, operator, files, to):
    def with_one_attempt():
        made = operator()
        made.hook.client.session.retries.attempts = 1
        return made

    shop.fault(STORAGE, status=307, headers={"Location": f"{to}?sig=not-to-be-told"})
    with pytest.raises(WalmartServerError, match="address that isn't https") as caught:
        Task().run(with_one_attempt)
    assert "sig=" not in str(caught.value)
    assert files() == []


def test_a_redirect_within_the_rules_is_followed(shop, operator, files):
    shop.fault(STORAGE, status=307, headers={"Location": "/storage/elsewhere"}, times=1)
    with pytest.raises((WalmartReportFailedError, WalmartServerError), match="storage"):
        Task().run(operator)
    assert any("elsewhere" in entry["path"] for entry in shop.received(STORAGE))


# -- the storage ---------------------------------------------------------------------------------------


def broken_off(shop) -> None:
    shop.fault(STORAGE, truncate=500)


def unreachable(shop) -> None:
    shop.fault(STORAGE, reset="before")


def unwell(shop) -> None:
    shop.fault(STORAGE, status=503)


def no_zip(shop) -> None:
    shop.fault(STORAGE, body="<html>Come back later</html>")


def truncated(shop) -> None:
    shop.settings(report_damage="truncated")


def two_files(shop) -> None:
    shop.settings(report_damage="two files")


def gone(shop) -> None:
    shop.settings(report_damage="gone")


def empty(shop) -> None:
    shop.settings(report_csv="")


@pytest.mark.parametrize(
    ("trouble", "kind", "said"),
    [
        (broken_off, WalmartConnectionError, "broke off"),
        (unreachable, WalmartConnectionError, "broke off"),
        (unwell, WalmartServerError, "answered 503"),
        (no_zip, WalmartServerError, "a web page in place of a file"),
        (truncated, WalmartReportFailedError, "damaged: File is not a zip file"),
        (two_files, WalmartReportFailedError, "holds 2 files"),
        (gone, WalmartReportFailedError, "answered 404 .*although it is READY"),
        (empty, WalmartReportFailedError, "not even a header"),
    ],
)
def test_a_bad_download_leaves_nothing_and_costs_no_report(shop, operator, files, trouble, kind, said):
    trouble(shop)
    task = Task()
    with pytest.raises(kind, match=said) as caught:
        task.run(operator)
    assert not caught.value.is_final, "a retry may help"
    assert files() == []
    shop.no_faults()
    shop.settings(report_damage=None, report_csv=None)
    assert task.run(operator)["rows"] == 50
    assert files() == ["landed/items"]
    assert requested(shop) == 1


# -- this machine --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "place"), [(60_000, "folder for temporary files, .*temporary,"), (1_200_000, "landed/items")]
)
def test_a_full_disk(shop, operator, files, size, place):
    shop.settings(report_rows=5000)
    task = Task()
    with disk_full_after(size), pytest.raises(OSError, match=f"{place} can't be written: .*File too large"):
        task.run(operator)
    assert files() == []
    assert task.run(operator)["rows"] == 5000
    assert files() == ["landed/items"]
    assert requested(shop) == 1


SLOWLY = """
import sys, tempfile, time
from airflow_provider_walmart.operators.reports import WalmartReportOperator
from airflow_provider_walmart.storage import reports

tempfile.tempdir = sys.argv[2]
count = reports._RowCounter.add
reports.CHUNK = 10_000
reports._RowCounter.add = lambda self, chunk: (time.sleep(0.05), count(self, chunk))
WalmartReportOperator(
    task_id="a_task", report_type="ITEM", output_path=sys.argv[1], poll_interval=0.05, deferrable=False
).execute({})
"""


@pytest.mark.parametrize("when", ["downloading", "writing"])
def test_killed_on_the_way(shop, operator, files, tmp_path, when):
    shop.settings(report_rows=5000)
    shop.fault(STORAGE, drip=0.5 if when == "downloading" else 0.01, times=1)
    process = subprocess.Popen(
        [sys.executable, "-c", SLOWLY, str(tmp_path / "landed" / "items"), str(tmp_path / "temporary")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 240
    while process.poll() is None and time.monotonic() < deadline:
        parts = [path for path in (tmp_path / "landed").glob("*") if path.stat().st_size > 0]
        if (when == "downloading" and shop.received(STORAGE)) or parts:
            break
        time.sleep(0.05)
    else:
        pytest.fail("the moment to kill it did not come")
    assert process.poll() is None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert "landed/items" not in files()
    assert not list((tmp_path / "temporary").iterdir())

    assert Task().run(operator)["reused"] is True
    assert files() == ["landed/items"]
    assert requested(shop) == 1


# -- the hook ------------------------------------------------------------------------------------------


def test_the_hook_asks_for_reports_and_finds_them(shop):
    hook = WalmartHook()
    now = datetime.now(timezone.utc)
    fields = {"reportType": "INVENTORY", "reportVersion": "v1"}
    old, failed = shop.server.control(
        "POST", "seed", {"reports": [{**fields, "age": 9000}, {**fields, "age": 60, "outcome": "ERROR"}]}
    )["reports"]
    made = hook.request_report("INVENTORY", exclude_columns=["Price"])
    assert made["requestStatus"] == "RECEIVED"

    def found(**filters) -> list[str]:
        return [request["requestId"] for request in hook.find_report_requests("INVENTORY", **filters)]

    assert found() == [made["requestId"], failed, old]
    assert found(report_version="v1", status="ERROR") == [failed]
    assert found(since=now - timedelta(hours=1)) == [made["requestId"], failed]
    assert hook.get_report_request(made["requestId"])["payload"] == {"excludeColumns": ["Price"]}
    assert hook.get_report_request("nobody-knows") is None
    with pytest.raises(WalmartConfigError, match="v9"):
        hook.request_report("ITEM", report_version="v9")


@pytest.mark.parametrize(
    "kind", [str, Path, ObjectStoragePath, lambda place: ObjectStoragePath(f"file://{place}")]
)
def test_the_hook_downloads_to_a_local_file(shop, tmp_path, kind):
    (request_id,) = shop.server.control("POST", "seed", {"reports": [{"age": 9}]})["reports"]
    place = tmp_path / "items.zip"
    length = WalmartHook().download_report(request_id, kind(str(place)))
    assert place.read_bytes() == requests.get(link_of_request(shop, request_id)).content
    assert length == place.stat().st_size


def test_the_hook_refuses_a_place_that_is_not_local_before_anything_is_fetched(shop):
    with pytest.raises(WalmartConfigError, match=r"path begins with s3://.* WalmartReportOperator"):
        WalmartHook().download_report("a-request", ObjectStoragePath("s3://lake/items.zip"))
    assert not shop.received("^/v3/")


def test_the_hook_leaves_no_half_file(shop, tmp_path):
    (request_id,) = shop.server.control("POST", "seed", {"reports": [{"age": 9}]})["reports"]
    place = tmp_path / "files" / "items.zip"
    place.parent.mkdir()
    place.write_text("of yesterday")
    shop.fault(STORAGE, truncate=100)
    with pytest.raises(WalmartConnectionError):
        WalmartHook().download_report(request_id, str(place))
    assert [(path.name, path.read_text()) for path in place.parent.iterdir()] == [
        ("items.zip", "of yesterday")
    ]


def test_two_downloads_to_one_place_do_not_disturb_each_other(shop, tmp_path):
    (request_id,) = shop.server.control("POST", "seed", {"reports": [{"age": 9}]})["reports"]
    place = tmp_path / "files" / "items.zip"
    place.parent.mkdir()
    # Neither has anything of the file when the other begins.
    both_are_there = threading.Barrier(2, timeout=60)
    shop.fault(STORAGE, delay=0.3, times=2)

    def download() -> int:
        both_are_there.wait()
        return WalmartHook().download_report(request_id, str(place))

    with ThreadPoolExecutor(2) as threads:
        lengths = [one.result() for one in [threads.submit(download), threads.submit(download)]]
    assert lengths == [place.stat().st_size] * 2
    assert place.read_bytes() == requests.get(link_of_request(shop, request_id)).content
    assert [*place.parent.iterdir()] == [place]


def link_of_request(shop, request_id: str) -> str:
    return shop.server.get("/v3/reports/downloadReport", requestId=request_id)["downloadURL"]


def test_a_list_of_reports_that_was_cut_short_is_no_reason_to_ask_for_another_one(shop, operator):
    """Whoever looks first and can't see all of the list may ask for the same report twice."""
    Task().run(operator)
    shop.fault("^/v3/reports/reportRequests$", body={"requests": [], "totalCount": 1}, status=200)
    with pytest.raises(WalmartIncompleteError) as caught:
        Task().run(operator)
    assert not caught.value.is_final
    assert requested(shop) == 1
    shop.no_faults()
    Task().run(operator)
    assert requested(shop) == 1


PAGES = {
    "page": (b"<html>Sign in</html>", "text/html", "a web page in place of a file"),
    "JSON": (b'{"errors": [{"code": "X"}]}', "application/json", "JSON in place of a file"),
    "XML": (
        b"<?xml version='1.0'?><Error><Code>AuthenticationFailed</Code></Error>",
        "application/xml",
        "errors in place of a file",
    ),
    "text": (b"Service Unavailable", "text/plain", "an outage in place of a file"),
    "nothing": (b"", "application/zip", "an empty file"),
}
STORED = {"header": b"sku,price\n", "table": b"sku,price\nA,1.00\n", "zip": b"PK\x03\x04 and so on"}


@pytest.fixture
def storage(wire, monkeypatch):
    """Return a function that says what the storage answers to a download."""
    said: list[bytes] = []

    def reply(request):
        if request.path == "/v3/token":
            return token()
        return said[-1] if request.path == "/blob" else http(200, {"downloadURL": f"{server.url}/blob"})

    server = wire(reply)
    connection = {"conn_type": "walmart", "login": "an-id", "password": "sandbox", "host": server.url}
    monkeypatch.setenv("AIRFLOW_CONN_WALMART_DEFAULT", json.dumps(connection))
    return lambda body, kind: said.append(http(200, body, Content_Type=kind))


@pytest.mark.parametrize(("body", "kind", "said"), PAGES.values(), ids=PAGES)
def test_what_the_storage_has_in_place_of_a_report_is_no_report(body, kind, said, storage, tmp_path):
    storage(body, kind)
    with pytest.raises(
        WalmartServerError, match=f"The storage answered 200 for report r1 with {said}"
    ) as caught:
        WalmartHook().download_report("r1", str(tmp_path / "report"))
    assert not caught.value.is_final
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize("body", STORED.values(), ids=STORED)
def test_a_report_in_whatever_form_is_kept(body, storage, tmp_path):
    storage(body, "text/plain")
    WalmartHook().download_report("r1", str(tmp_path / "report"))
    assert (tmp_path / "report").read_bytes() == body
