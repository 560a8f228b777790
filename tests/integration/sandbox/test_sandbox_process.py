"""The command line, signals and the state file."""

import signal
import subprocess
import sys
import time

import pytest

from airflow_provider_walmart.sandbox.__main__ import main


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly(start, number):
    server = start()
    server.get("/v3/feeds")
    server.process.send_signal(number)
    assert server.process.wait(60) == 0


def test_the_sandbox_stops_although_an_answer_is_being_held_back(start):
    server = start()
    server.control("POST", "faults", [{"path": "/v3/feeds", "delay": 600}])
    waiting = subprocess.Popen(
        [sys.executable, "-c", f"import urllib.request as u; u.urlopen('{server.url}/v3/feeds')"],
        stderr=subprocess.DEVNULL,
    )
    while not server.control("GET", "requests"):
        time.sleep(0.05)
    assert server.stop() == 0
    assert waiting.wait(60) != 0


def test_the_sandbox_listens_at_the_given_address(start):
    assert start("--host", "localhost").url.startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    "arguments", [["--client", "no-colon"], ["--client", ":secret"], ["--token-life", "-1"], ["--port", "x"]]
)
def test_bad_arguments_are_named(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert arguments[0] in capsys.readouterr().err


@pytest.fixture
def refusal(capsys):
    """Return the only line that a sandbox says when it can't start."""

    def said(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        output = capsys.readouterr()
        assert (ended.value.code, output.out) == (2, "")
        (line,) = output.err.splitlines()
        return line

    return said


@pytest.mark.parametrize("content", ['{"a": 1}', "{}", "[]", '{"clock"', "", "\xff", '{"clock": 5}'])
def test_a_file_that_holds_no_state_is_left_alone(content, tmp_path, refusal):
    file = tmp_path / "state.json"
    file.write_text(content, encoding="latin-1")
    assert f"--state-file {file} holds no state of this sandbox" in refusal(
        "--port", "0", "--state-file", str(file)
    )
    assert file.read_text(encoding="latin-1") == content


@pytest.mark.parametrize(
    ("place", "said"), [("no/state.json", "No such file or directory"), ("", "Is a directory")]
)
def test_a_state_file_that_cannot_be_written_is_named(place, said, tmp_path, refusal):
    file = tmp_path / place
    assert f"--state-file {file}: {said}" in refusal("--port", "0", "--state-file", str(file))


def test_an_address_that_is_none_is_named(start, refusal):
    port = start().url.rpartition(":")[2]
    assert f"can't listen on 127.0.0.1, port {port}: Address already in use" in refusal("--port", port)
    assert "port 70000: " in refusal("--port", "70000")
    # Reports are downloaded from the port after it.
    assert "port 65536: " in refusal("--port", "65535")
    assert "can't listen on nowhere.invalid" in refusal("--port", "0", "--host", "nowhere.invalid")


def test_a_fresh_sandbox_holds_a_small_shop(start):
    server = start()
    feeds = server.get("/v3/feeds")["results"]["feed"]
    found = {(feed["feedStatus"], feed["itemsFailed"] > 0) for feed in feeds}
    assert found == {("PROCESSED", False), ("PROCESSED", True), ("INPROGRESS", False)}


def test_without_seed_it_is_empty(start):
    assert start("--no-seed").get("/v3/feeds")["totalResults"] == 0


def test_token_life_of_the_command_line(start):
    assert start("--token-life", "7").post_token().json()["expires_in"] == 7


def test_state_survives_a_kill(start, tmp_path):
    file = tmp_path / "state.json"
    first = start("--no-seed", "--state-file", str(file))
    first.control("POST", "settings", {"token_life": 3600})
    token = first.token()
    feed_id = first.call("POST", "/v3/feeds?feedType=inventory", json={"Inventory": [{"sku": "A"}]}).json()[
        "feedId"
    ]
    first.control("POST", "clock", {"advance": 3000})
    first.process.kill()
    first.process.wait(60)

    second = start("--no-seed", "--state-file", str(file))
    answer = second.call("GET", f"/v3/feeds/{feed_id}", headers={"WM_SEC.ACCESS_TOKEN": token})
    assert answer.json()["feedStatus"] == "PROCESSED"
    second.control("POST", "clock", {"advance": 600})
    assert second.call("GET", "/v3/feeds", headers={"WM_SEC.ACCESS_TOKEN": token}).status_code == 401
    assert second.post_token().json()["expires_in"] == 3600


def test_every_kind_of_record_survives_a_restart(start, tmp_path):
    file = tmp_path / "state.json"
    first = start("--state-file", str(file))
    first.control("POST", "settings", {"feed_seconds": 0, "report_seconds": 0})
    order_id = first.get("/v3/orders/released")["list"]["elements"]["order"][0]["purchaseOrderId"]
    first.call("POST", f"/v3/orders/{order_id}/acknowledge", headers={"Content-Type": "application/json"})
    rows = [{"sku": f"SKU-{n:06d}", "quantity": {"amount": 10**n}} for n in range(1, 12)]
    first.call("POST", "/v3/feeds?feedType=inventory", json={"Inventory": rows})
    first.call("DELETE", "/v3/items/SKU-000001")
    first.call("POST", "/v3/reports/reportRequests?reportType=ITEM&reportVersion=v4")
    daily = {"frequency": "DAILY", "repeatsEvery": 1, "hour": 9}
    schedules = "/v3/reports/schedules?reportType=ITEM"
    assert first.call("POST", f"{schedules}&reportVersion=v4", json=daily).status_code == 200
    first.control("POST", "faults", [{"path": "/never", "body": {"a": [1]}}])
    paths = (
        f"/v3/orders/{order_id}",
        "/v3/orders?createdEndDate=2100-01-01",
        "/v3/returns",
        "/v3/feeds",
        "/v3/inventory?sku=SKU-000003",
        "/v3/inventory?sku=SKU-000011",
        "/v3/items?limit=1000",
        "/v3/reports/reportRequests?reportType=ITEM",
        schedules,
    )
    before = [first.get(path) for path in paths]
    faults = first.control("GET", "faults")
    assert first.stop() == 0

    second = start("--state-file", str(file))
    assert [second.get(path) for path in paths] == before
    assert second.control("GET", "faults") == faults


def test_the_state_file_is_private_and_holds_no_token(start, tmp_path):
    file = tmp_path / "state.json"
    server = start("--state-file", str(file))
    token = server.token()
    assert file.stat().st_mode & 0o777 == 0o600
    assert token not in file.read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]
