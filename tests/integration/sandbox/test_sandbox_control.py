"""The control API: seeding, clock, faults, settings, request log, reset."""

import hashlib
import time

import pytest
import requests


def fault(server, **fields):
    server.control("POST", "faults", [fields])


def test_the_control_api_needs_no_credentials_and_is_not_logged(server):
    server.control("GET", "requests")
    assert server.control("GET", "requests") == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("seed", {"nonsense": 1}),
        ("seed", {"feeds": [{"feedStatus": "DONE"}]}),
        ("seed", {"feeds": [{"items": -1}]}),
        ("seed", {"orders": 1, "feeds": [{}, {"items": 1, "failed": [{"index": 1}]}]}),
        ("seed", {"feeds": [{"items": 1, "failed": [{}, {}]}]}),
        ("clock", {"advance": -1}),
        ("clock", {"advance": 1e10}),
        ("clock", {"speed": 0}),
        ("clock", {"advance": "soon"}),
        ("faults", {"path": "x"}),
        ("faults", [{"path": "("}]),
        ("faults", [{"path": "x", "times": 0}]),
        ("faults", [{"path": "x", "reset": "sometimes"}]),
        ("faults", [{"path": "x", "unknown": 1}]),
        ("settings", {"unknown": 1}),
        ("settings", {"token_life": -1}),
        ("settings", {"scopes": {"a": {"feeds": "some"}}}),
        ("settings", {"limits": {"GET /v3/feeds": [1]}}),
        ("settings", {"limits": {"GET /v3/feeds": [0, 60]}}),
    ],
)
def test_nonsense_is_refused_and_changes_nothing(server, path, body):
    assert server.control("POST", path, body, status=400)["error"]
    assert server.control("GET", "faults") == {"faults": []}
    assert server.post_token().json()["expires_in"] == 900
    assert server.get("/v3/feeds")["totalResults"] == 0
    assert server.get("/v3/orders")["list"]["meta"]["totalCount"] == 0


def test_a_body_that_is_no_json_is_refused(server):
    assert requests.post(f"{server.url}/_sandbox/seed", data=b"{").status_code == 400
    assert requests.get(f"{server.url}/_sandbox/requests?path=(").status_code == 400


def test_seeding_feeds(server):
    ids = server.control(
        "POST",
        "seed",
        {
            "feeds": [
                {
                    "feedType": "price",
                    "feedStatus": "ERROR",
                    "ingestionErrors": [{"code": "ERR_PDI_0034"}],
                    "age": 30,
                },
                {"items": [{"sku": "A"}, {"sku": "B", "errors": [{"code": "ERR_PDI_0001"}]}], "age": 20},
                {"feedStatus": "PROCESSED", "items": 5, "failed": 1, "processing": 2, "age": 10},
            ]
        },
    )["feeds"]
    error, explicit, unfinished = (
        server.get(f"/v3/feeds/{feed_id}", includeDetails="true") for feed_id in ids
    )
    assert error["ingestionErrors"]["ingestionError"][0]["code"] == "ERR_PDI_0034"
    items = explicit["itemDetails"]["itemIngestionStatus"]
    assert [(item["sku"], item["ingestionStatus"]) for item in items] == [
        ("A", "SUCCESS"),
        ("B", "DATA_ERROR"),
    ]
    assert explicit["feedStatus"] == "PROCESSED"
    counts = [unfinished[f"items{name}"] for name in ("Received", "Succeeded", "Failed", "Processing")]
    assert counts == [5, 2, 1, 2]


def test_seeding_failed_items(server):
    errors = [
        {"code": "ERR_PDI_0001"},
        {"code": "ERR_PDI_0034", "index": 3},
        {"code": "ERR_EXT_DATA_4001029"},
    ]
    (feed_id,) = server.control(
        "POST", "seed", {"feeds": [{"items": ["A", "B", "C", "D"], "failed": errors, "age": 9}]}
    )["feeds"]
    items = server.get(f"/v3/feeds/{feed_id}", includeDetails="true")["itemDetails"]["itemIngestionStatus"]
    codes = {
        item["sku"]: item["ingestionErrors"]["ingestionError"][0]["code"]
        for item in items
        if "ingestionErrors" in item
    }
    assert codes == {"A": "ERR_PDI_0001", "D": "ERR_PDI_0034", "C": "ERR_EXT_DATA_4001029"}


def test_many_feeds(server):
    ids = server.control("POST", "seed", {"feeds": [{"feedStatus": "INPROGRESS"}] * 12_000})["feeds"]
    assert len(set(ids)) == 12_000
    assert server.get("/v3/feeds")["totalResults"] == 12_000


def test_the_clock_advances_and_changes_speed(server):
    before = server.control("POST", "clock", {})["now"]
    assert server.control("POST", "clock", {"advance": 5000})["now"] >= before + 5000
    server.control("POST", "clock", {"speed": 1e6})
    later = server.control("POST", "clock", {"speed": 1})["now"]
    assert later > before + 5000
    assert server.control("POST", "clock", {})["speed"] == 1


def test_replenishment_is_told_in_wall_time(server):
    server.control("POST", "clock", {"advance": 1e6})
    server.control("POST", "settings", {"limits": {"GET /v3/feeds": [1, 100]}})
    server.get("/v3/feeds")
    refusal = server.call("GET", "/v3/feeds")
    assert refusal.status_code == 429
    wait = int(refusal.headers["X-Next-Replenishment-Time"]) / 1000 - time.time()
    assert 0 < wait <= 100
    assert refusal.headers["x-current-token-count"] == "0"


def test_waiting_until_the_named_time_is_enough(server):
    server.control("POST", "settings", {"limits": {"GET /v3/feeds": [1, 0.3]}})
    for _ in range(5):
        # A slow machine gets more than one through before the next is too early.
        while (refusal := server.call("GET", "/v3/feeds")).status_code == 200:
            pass
        assert refusal.status_code == 429
        time.sleep(max(0, int(refusal.headers["X-Next-Replenishment-Time"]) / 1000 - time.time()))
        server.get("/v3/feeds")


def test_limits_can_be_switched_off_and_overridden(server):
    server.control("POST", "settings", {"limits": {"/v3/feeds": [2, 60]}})
    feed = {"json": {"Inventory": [{"sku": "A"}]}}
    server.get("/v3/feeds")
    server.call("POST", "/v3/feeds?feedType=x", **feed)
    server.refused(429, "POST", "/v3/feeds?feedType=y", **feed)

    server.control(
        "POST", "settings", {"limits": {"POST /v3/feeds?feedType=x": [1, 60], "GET /v3/feeds": None}}
    )
    assert "x-current-token-count" not in server.call("GET", "/v3/feeds").headers
    assert server.call("POST", "/v3/feeds?feedType=x", **feed).status_code == 200
    server.refused(429, "POST", "/v3/feeds?feedType=x", **feed)
    assert server.call("POST", "/v3/feeds?feedType=y", **feed).status_code == 200

    server.control("POST", "settings", {"limits": False})
    for _ in range(12):
        assert server.call("POST", "/v3/feeds?feedType=x", **feed).status_code == 200


def test_limits_are_counted_by_client(server):
    server.control("POST", "settings", {"limits": {"GET /v3/feeds": [1, 60]}})
    server.get("/v3/feeds")
    server.refused(429, "GET", "/v3/feeds")
    other = server.token({"Authorization": "Basic b3RoZXI6c2FuZGJveA=="})
    assert server.call("GET", "/v3/feeds", headers={"WM_SEC.ACCESS_TOKEN": other}).status_code == 200


def test_settings_are_changed_one_by_one(server):
    server.control("POST", "settings", {"token_life": 5})
    settings = server.control("POST", "settings", {"feed_seconds": 6})
    assert (settings["token_life"], settings["feed_seconds"]) == (5, 6)


def test_a_status_fault_by_method_path_skip_and_times(server):
    fault(server, path="^/v3/feeds$", method="get", status=503, skip=1, times=2)
    statuses = [server.call("GET", "/v3/feeds").status_code for _ in range(4)]
    assert statuses == [200, 503, 503, 200]
    assert server.control("GET", "faults") == {"faults": []}


def test_a_fault_may_look_at_the_query(server):
    fault(server, path=r"feeds\?.*offset=50", status=500)
    assert server.call("GET", "/v3/feeds?offset=0").status_code == 200
    assert server.call("GET", "/v3/feeds?offset=50").status_code == 500


def test_a_status_fault_has_the_shape_of_walmarts_errors(server):
    fault(server, path="feeds", status=429, headers={"X-Next-Replenishment-Time": "1", "Retry-After": "7"})
    answer = server.call("GET", "/v3/feeds")
    assert answer.json()["error"][0]["code"] == "REQUEST_THRESHOLD_VIOLATED.GMP_GATEWAY_API"
    assert (answer.headers["X-Next-Replenishment-Time"], answer.headers["Retry-After"]) == ("1", "7")
    assert "<ns2:code>" in server.call("GET", "/v3/feeds", headers={"Accept": "*/*"}).text


def test_a_fault_with_a_body(server):
    fault(server, path="feeds", status=502, body="<html>Bad gateway</html>", times=1)
    fault(server, path="feeds", body={"unexpected": [1]}, headers={"x-extra": "1"}, times=1)
    fault(server, path="feeds", status=204, times=1)
    first, second, third = (server.call("GET", "/v3/feeds") for _ in range(3))
    assert (first.status_code, first.text, first.headers["Content-Type"]) == (
        502,
        "<html>Bad gateway</html>",
        "text/html",
    )
    assert (second.status_code, second.json(), second.headers["x-extra"]) == (200, {"unexpected": [1]}, "1")
    assert (third.status_code, third.content) == (204, b"")


def test_faults_are_removed(server):
    fault(server, path="feeds", status=500)
    assert server.call("GET", "/v3/feeds").status_code == 500
    assert server.control("DELETE", "faults") == {"faults": []}
    assert server.call("GET", "/v3/feeds").status_code == 200


FEED = {"json": {"Inventory": [{"sku": "A"}]}}


@pytest.mark.parametrize(
    ("trouble", "feeds"),
    [
        ({"status": 500}, 0),
        ({"status": 500, "after_effect": True}, 1),
    ],
)
def test_an_error_with_and_without_effect(server, trouble, feeds):
    fault(server, path="/v3/feeds", method="POST", times=1, **trouble)
    assert server.call("POST", "/v3/feeds?feedType=inventory", **FEED).status_code == 500
    assert server.get("/v3/feeds")["totalResults"] == feeds


@pytest.mark.parametrize(("when", "feeds"), [("before", 0), (True, 0), ("after", 1)])
def test_a_connection_is_really_reset(server, when, feeds):
    server.get("/v3/feeds")
    fault(server, path="/v3/feeds", method="POST", times=1, reset=when)
    with pytest.raises(requests.ConnectionError) as error:
        server.call("POST", "/v3/feeds?feedType=inventory", **FEED)
    assert "ConnectionResetError" in repr(error.value)
    assert server.get("/v3/feeds")["totalResults"] == feeds
    (entry,) = server.control("GET", "requests?count=1&path=feeds")[1:2]
    assert (entry["method"], entry["status"], entry["count"]) == ("POST", 0, 1)


def test_a_reset_during_the_token_call(server):
    fault(server, path="/v3/token", reset="before", times=1)
    with pytest.raises(requests.ConnectionError):
        server.post_token()
    assert server.post_token().status_code == 200


@pytest.mark.parametrize(("after_effect", "feeds"), [(False, 0), (True, 1)])
def test_a_delayed_answer(server, after_effect, feeds):
    server.get("/v3/feeds")
    fault(server, path="/v3/feeds", method="POST", delay=60, after_effect=after_effect, times=1)
    with pytest.raises(requests.ReadTimeout):
        server.call("POST", "/v3/feeds?feedType=inventory", timeout=0.3, **FEED)
    assert server.get("/v3/feeds")["totalResults"] == feeds


def test_a_truncated_body(server):
    fault(server, path="feeds", truncate=20, times=1)
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        server.call("GET", "/v3/feeds")
    assert server.call("GET", "/v3/feeds").status_code == 200


def test_a_compressed_body(server):
    whole = server.call("GET", "/v3/feeds")
    fault(server, path="feeds", gzip=True, times=1)
    answer = server.call("GET", "/v3/feeds")
    assert (answer.headers["Content-Encoding"], answer.content) == ("gzip", whole.content)


def test_a_compressed_body_that_is_cut_looks_whole(server):
    fault(server, path="feeds", gzip=True, truncate=20, times=1)
    answer = server.call("GET", "/v3/feeds", stream=True)
    assert answer.headers["Content-Length"] == "20"
    assert len(answer.raw.read(decode_content=False)) == 20


def test_a_dripped_body_is_whole_in_the_end(server):
    whole = server.call("GET", "/v3/feeds").content
    fault(server, path="feeds", drip=0.02)
    answer = server.call("GET", "/v3/feeds", stream=True)
    pieces = list(answer.iter_content(None))
    assert b"".join(pieces) == whole


def test_the_request_log(server):
    body = b'{"Inventory": [{"sku": "A"}]}'
    headers = {"Content-Type": "application/json", "X-Own": "1"}
    server.call("POST", "/v3/feeds?feedType=inventory&a=%20b", data=body, headers=headers)
    token_entry, entry = server.control("GET", "requests")
    assert (token_entry["path"], token_entry["form"]) == ("/v3/token", {"grant_type": "client_credentials"})
    assert (entry["n"], entry["method"], entry["path"], entry["status"]) == (2, "POST", "/v3/feeds", 200)
    assert entry["query"] == "feedType=inventory&a=%20b"
    assert entry["headers"]["x-own"] == "1"
    assert (entry["body_bytes"], entry["body_sha256"]) == (len(body), hashlib.sha256(body).hexdigest())
    assert (entry["client"], entry["form"]) == ("my-client", {})
    assert entry["time"] >= token_entry["time"]


def test_the_request_log_keeps_paths_as_they_came(server):
    for path in ("/v3/feeds/A%40B", "/v3/feeds/A@B", "/v3/feeds/%2F"):
        server.call("GET", path)
    assert [entry["path"] for entry in server.control("GET", "requests?path=feeds")] == [
        "/v3/feeds/A%40B",
        "/v3/feeds/A@B",
        "/v3/feeds/%2F",
    ]


def test_the_request_log_holds_no_secret(server):
    token = server.token()
    server.call(
        "GET", "/v3/feeds", headers={"WM_SEC.ACCESS_TOKEN": token, "Authorization": f"Bearer {token}"}
    )
    server.post_token(
        {"grant_type": "refresh_token", "refresh_token": "my-refresh", "client_secret": "my-secret"}
    )
    text = requests.get(f"{server.url}/_sandbox/requests").text
    for secret in (token, "my-refresh", "my-secret", "bXktY2xpZW50OnNhbmRib3g"):
        assert secret not in text
    assert text.count("sha256:") == 7


def test_the_request_log_is_filtered_and_counted(server):
    server.get("/v3/feeds")
    server.get("/v3/feeds")
    server.call("GET", "/v3/feeds/none")
    assert len(server.control("GET", "requests?path=token")) == 1
    assert server.control("GET", "requests?path=feeds&count=1") == [
        {"method": "GET", "path": "/v3/feeds", "status": 200, "count": 2},
        {"method": "GET", "path": "/v3/feeds/none", "status": 404, "count": 1},
    ]


def test_refused_requests_are_logged_too(server):
    server.call("GET", "/v3/feeds", headers={"WM_SEC.ACCESS_TOKEN": "wrong", "Authorization": "rubbish"})
    entry = server.control("GET", "requests")[-1]
    assert (entry["status"], entry["client"]) == (401, "")


def test_a_body_beyond_all_caps_is_logged_too(server):
    server.call("POST", "/v3/feeds?feedType=x", data=b" " * 64_000_001)
    assert server.control("GET", "requests")[-1]["status"] == 413


def test_reset_forgets_everything(server):
    server.control("POST", "settings", {"token_life": 5, "limits": False})
    server.control("POST", "clock", {"advance": 1e9})
    server.control("POST", "seed", {"feeds": [{}]})
    fault(server, path="nothing", status=500)
    token = server.token()
    server.reset()
    assert server.control("GET", "requests") == []
    assert server.control("GET", "faults") == {"faults": []}
    assert server.control("POST", "clock", {})["now"] < time.time() + 1e6
    server.refused(401, "GET", "/v3/feeds", headers={"WM_SEC.ACCESS_TOKEN": token})
    assert server.get("/v3/feeds")["totalResults"] == 0
    assert server.post_token().json()["expires_in"] == 900
