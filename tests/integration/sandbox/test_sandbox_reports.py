"""Reports: their storage on another port, their files of any size and kind, those of others, schedules."""

import io
import zipfile
from urllib.parse import urlsplit

import psutil
import pytest
import requests

REPORTS = "/v3/reports/reportRequests"
SCHEDULES = "/v3/reports/schedules"


@pytest.fixture
def shop(server):
    """A sandbox without rate limits whose reports are ready at once."""
    server.control("POST", "settings", {"limits": False, "report_seconds": 0})
    return server


def request_report(shop, **body):
    answer = shop.call("POST", f"{REPORTS}?reportType=ITEM&reportVersion=v4", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["requestId"]


def link_of(shop, request_id=None):
    return shop.get("/v3/reports/downloadReport", requestId=request_id or request_report(shop))["downloadURL"]


def unzipped(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [archive.read(name).decode() for name in archive.namelist()]


def port(url):
    return urlsplit(url).port


# -- the storage ---------------------------------------------------------------------------------------


def test_downloads_come_from_another_port_of_the_same_host(shop):
    link = link_of(shop)
    assert port(link) not in (port(shop.url), None)
    assert urlsplit(link).hostname == urlsplit(shop.url).hostname
    assert requests.get(link).status_code == 200


def test_the_host_of_a_link_is_the_one_the_caller_named(shop):
    request_id = request_report(shop)
    for name in ("localhost", f"localhost:{port(shop.url)}", "[::1]:80"):
        path = f"/v3/reports/downloadReport?requestId={request_id}"
        link = shop.call("GET", path, headers={"Host": name}).json()["downloadURL"]
        assert urlsplit(link).hostname == urlsplit(f"//{name}").hostname
        assert port(link) == port(link_of(shop))


def test_each_port_serves_its_own_paths_only(shop):
    link = link_of(shop)
    storage = f"http://127.0.0.1:{port(link)}"
    for path in ("/_sandbox/requests", "/v3/token/detail", "/v3/feeds", "/"):
        assert requests.get(storage + path).status_code == 404
    assert requests.post(f"{storage}/_sandbox/reset").status_code == 404
    assert requests.get(shop.url + link.partition(str(port(link)))[2]).status_code == 404


@pytest.mark.parametrize(
    "query", ["", "?X-Amz-Signature=", "?X-Amz-Signature=%00", "?X-Amz-Signature=none&x=1"]
)
@pytest.mark.parametrize("name", ["none.zip", "%2e%2e", "%FF", "a%2Fb"])
def test_whoever_has_no_link_gets_nothing(shop, name, query):
    link = link_of(shop)
    answer = requests.get(f"http://127.0.0.1:{port(link)}/storage/reports/{name}{query}")
    assert answer.status_code == 403
    assert "<Code>SignatureDoesNotMatch</Code>" in answer.text


def test_the_log_says_which_server_was_asked(shop):
    link = link_of(shop)
    requests.get(link)
    requests.get(link, headers={"Authorization": "Basic x"})
    log = shop.control("GET", "requests")
    assert [entry["server"] for entry in log] == ["api", "api", "api", "storage", "storage"]
    assert [entry["status"] for entry in log[-2:]] == [200, 400]
    assert "authorization" not in log[-2]["headers"]
    assert log[-1]["headers"]["authorization"].startswith("sha256:")


def test_faults_hit_downloads_too(shop):
    link = link_of(shop)
    shop.control(
        "POST",
        "faults",
        [
            {"path": "^/storage/", "status": 503, "times": 1},
            {"path": "^/storage/", "truncate": 50, "times": 1},
            {"path": "^/storage/", "reset": "before", "times": 1},
            {"path": "^/storage/", "drip": 0.01, "times": 1},
        ],
    )
    assert requests.get(link).status_code == 503
    for broken in (requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError):
        with pytest.raises(broken):
            requests.get(link)
    assert unzipped(requests.get(link).content)
    assert [entry["status"] for entry in shop.control("GET", "requests?path=storage")] == [503, 200, 0, 200]


# -- files ---------------------------------------------------------------------------------------------


def test_a_large_file_costs_the_sandbox_no_memory(start):
    shop = start("--no-seed")
    shop.control("POST", "settings", {"report_seconds": 0, "report_rows": 200_000})
    process = psutil.Process(shop.process.pid)
    before, most = process.memory_info().rss, 0
    archive = io.BytesIO()
    with requests.get(link_of(shop), stream=True) as answer:
        for piece in answer.iter_content(1_000_000):
            archive.write(piece)
            most = max(most, process.memory_info().rss)
    with zipfile.ZipFile(archive) as opened:
        (member,) = opened.infolist()
        assert opened.testzip() is None
    assert 80_000_000 < member.file_size < 120_000_000
    assert most - before < 16_000_000


@pytest.mark.parametrize("rows", [0, 1, 999, 1000, 1001, 2000])
def test_a_number_of_rows_can_be_set(shop, rows):
    shop.control("POST", "settings", {"report_rows": rows})
    (table,) = unzipped(requests.get(link_of(shop)).content)
    header, *lines = table.splitlines()
    assert header == "SKU,Product Name,Price,Currency,Publish Status"
    assert [line.partition(",")[0] for line in lines] == [f"SKU-{n:06d}" for n in range(1, rows + 1)]
    assert all(400 < len(line) < 600 for line in lines)


def test_columns_are_left_out_of_long_files_too(shop):
    shop.control("POST", "settings", {"report_rows": 1})
    link = link_of(shop, request_report(shop, excludeColumns=["Product Name", "SKU"]))
    assert unzipped(requests.get(link).content) == ["Price,Currency,Publish Status\r\n9.99,USD,PUBLISHED\r\n"]


@pytest.mark.parametrize("text", ["", "A,B\r\n", 'A\n"1\n2"\n'])
def test_the_content_can_be_set(shop, text):
    shop.control("POST", "settings", {"report_csv": text})
    assert unzipped(requests.get(link_of(shop)).content) == [text]


def test_damaged_files(shop):
    link = link_of(shop)
    whole = requests.get(link).content
    shop.control("POST", "settings", {"report_damage": "truncated"})
    assert requests.get(link).content == whole[: len(whole) // 2]
    shop.control("POST", "settings", {"report_damage": "two files"})
    assert len(unzipped(requests.get(link).content)) == 2
    shop.control("POST", "settings", {"report_damage": "gone"})
    answer = requests.get(link)
    assert (answer.status_code, "NoSuchKey" in answer.text) == (404, True)
    shop.control("POST", "settings", {"report_damage": None})
    assert requests.get(link).content == whole


def test_only_the_end_of_a_large_truncated_file_is_missing(shop):
    shop.control("POST", "settings", {"report_rows": 20_000})
    link = link_of(shop)
    whole = requests.get(link).content
    shop.control("POST", "settings", {"report_damage": "truncated"})
    damaged = requests.get(link).content
    assert len(whole) // 2 < len(damaged) < len(whole)
    assert whole.startswith(damaged)


# -- requests ------------------------------------------------------------------------------------------


def test_a_report_can_end_as_an_error(shop):
    shop.control("POST", "settings", {"report_outcome": "ERROR"})
    request_id = request_report(shop)
    shop.control("POST", "settings", {"report_outcome": "READY"})
    assert shop.get(f"{REPORTS}/{request_id}")["requestStatus"] == "ERROR"
    assert shop.get(f"{REPORTS}?reportType=ITEM&requestStatus=ERROR")["totalCount"] == 1
    assert shop.call("GET", f"/v3/reports/downloadReport?requestId={request_id}").status_code == 400
    assert shop.get(f"{REPORTS}/{request_report(shop)}")["requestStatus"] == "READY"


def test_reports_others_asked_for(shop):
    ids = shop.control(
        "POST",
        "seed",
        {
            "reports": [
                {"src": "Scheduler", "reportVersion": "v4", "age": 3600},
                {"age": 60, "seconds": 900},
                {"reportType": "PROMO", "age": 5, "outcome": "ERROR"},
            ]
        },
    )["reports"]
    ours = request_report(shop)
    found = shop.get(f"{REPORTS}?reportType=ITEM")["requests"]
    assert [(one["requestId"], one["src"], one["requestStatus"]) for one in found] == [
        (ours, "API", "READY"),
        (ids[1], "SC", "RECEIVED"),
        (ids[0], "Scheduler", "READY"),
    ]
    assert shop.get(f"{REPORTS}/{ids[2]}")["requestStatus"] == "ERROR"
    assert shop.get(f"{REPORTS}?reportType=ITEM&src=Scheduler")["totalCount"] == 1


def test_status_and_download_are_limited_to_twenty_an_hour(server):
    server.control("POST", "settings", {"report_seconds": 0})
    request_id = request_report(server)
    for path in (f"{REPORTS}/{request_id}", f"/v3/reports/downloadReport?requestId={request_id}"):
        assert [server.call("GET", path).status_code for _ in range(21)] == [200] * 20 + [429]


# -- schedules -----------------------------------------------------------------------------------------

DAILY = {"frequency": "DAILY", "repeatsEvery": 1, "hour": 9}


def create(shop, body, **params):
    answer = shop.call(
        "POST", SCHEDULES, params={"reportType": "ITEM", "reportVersion": "v4", **params}, json=body
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_schedule_lives(shop):
    made = create(shop, {**DAILY, "filters": {"excludeColumns": ["Price"]}})
    assert made["payload"] == {**DAILY, "filters": {"excludeColumns": ["Price"]}}
    one = f"{SCHEDULES}/{made['scheduleId']}"
    assert shop.get(one) == made
    changed = shop.call("PUT", one, json={"hour": 3}).json()
    assert changed["payload"]["hour"] == 3
    assert changed["requestModifiedTime"]
    assert shop.get(f"{SCHEDULES}?reportType=ITEM")["schedules"] == [changed]
    assert shop.get(f"{SCHEDULES}?reportType=PROMO")["schedules"] == []
    assert shop.call("DELETE", one).json() == {"message": "Schedule deleted successfully"}
    for method in ("GET", "DELETE"):
        shop.refused(404, method, one)
    shop.refused(404, "PUT", one, json={"hour": 3})


def test_schedules_by_the_cursor_that_is_the_query(shop):
    ids = [create(shop, DAILY)["scheduleId"] for _ in range(21)]
    found, query = [], "reportType=ITEM"
    while query:
        body = shop.get(f"{SCHEDULES}?{query}")
        found += [one["scheduleId"] for one in body["schedules"]]
        query = body.get("nextCursor")
    assert found == ids


@pytest.mark.parametrize(
    ("body", "following"),
    [
        ({"frequency": "HOURLY"}, "2100-01-02T01:00:00Z"),
        (DAILY, "2100-01-02T09:00:00Z"),
        # The second of January 2100 is a Saturday.
        ({"frequency": "WEEKLY", "hour": 4, "dayOfWeek": 4}, "2100-01-08T04:00:00Z"),
        ({"frequency": "MONTHLY", "hour": 0, "dayOfMonth": 31}, "2100-01-31T00:00:00Z"),
        ({"frequency": "YEARLY", "hour": 0, "dayOfMonth": 29, "monthOfYear": 2}, "2104-02-29T00:00:00Z"),
        ({"frequency": "YEARLY", "hour": 0, "dayOfMonth": 30, "monthOfYear": 2}, None),
    ],
)
def test_a_schedule_says_when_it_runs_next(shop, body, following):
    now = shop.control("POST", "clock", {})["now"]
    new_year_2100 = 4_102_444_800
    shop.control("POST", "clock", {"advance": new_year_2100 - now})
    shop._token = ""
    assert create(shop, {**body, "scheduleStartDate": "2100-01-02"}).get("nextScheduledTime") == following


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("", DAILY),
        ("reportType=ITEM&reportVersion=v9", DAILY),
        ("reportType=ITEM", {}),
        ("reportType=ITEM", {"frequency": "SOMETIMES"}),
        ("reportType=ITEM", {"frequency": "DAILY"}),
        ("reportType=ITEM", {"frequency": "WEEKLY", "hour": 1}),
        ("reportType=ITEM", {**DAILY, "hour": 24}),
        ("reportType=ITEM", {**DAILY, "scheduleStartDate": "2020-01-01"}),
        ("reportType=ITEM", {**DAILY, "scheduleStartDate": "soon"}),
        ("reportType=ITEM", {**DAILY, "minute": 1}),
    ],
)
def test_bad_schedules_are_refused(shop, query, body):
    assert shop.call("POST", f"{SCHEDULES}?{query}", json=body).status_code == 400
    assert shop.get(f"{SCHEDULES}?reportType=ITEM")["totalCount"] == 0


@pytest.mark.parametrize(
    "body", [{"frequency": "HOURLY"}, {"filters": {}}, {"hour": "nine"}, {"scheduleStartDate": "x"}]
)
def test_only_the_timing_can_be_changed(shop, body):
    one = f"{SCHEDULES}/{create(shop, DAILY)['scheduleId']}"
    assert shop.call("PUT", one, json=body).status_code == 400
    assert shop.get(one)["payload"] == DAILY
