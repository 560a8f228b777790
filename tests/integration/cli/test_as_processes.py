"""The command line as a shell runs it: ``walmart ...``, and from Airflow 3.2 on ``airflow walmart ...``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from airflow import __version__

from airflow_provider_walmart.cli.commands import all_commands

WALMART = [str(Path(sys.executable).with_name("walmart"))]
AIRFLOW = [sys.executable, "-m", "airflow", "walmart"]
FEED_ID = "9B27D5E0@AQMBAQA"

since_3_2 = pytest.mark.skipif(
    tuple(map(int, __version__.split(".")[:2])) < (3, 2), reason="a provider's commands are ignored"
)
both = pytest.mark.parametrize(
    "program", [WALMART, pytest.param(AIRFLOW, marks=since_3_2)], ids=["walmart", "airflow walmart"]
)


def ran(program: list[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*program, *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert "Traceback" not in done.stdout + done.stderr
    # Airflow 3.1 does what its own SQLAlchemy warns of.
    lines = done.stderr.splitlines(keepends=True)
    done.stderr = "".join(line for line in lines if " SADeprecationWarning: " not in line)
    return done


@both
def test_json_is_pure(shop, program):
    shop.feed(feedId=FEED_ID, items=60, failed=2, age=900)
    done = ran(program, "feeds", "errors", FEED_ID, "-o", "json")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(json.loads(done.stdout)) == 2
    assert shop.token_requests == 1


@both
def test_an_error_is_a_sentence_and_an_exit_code(shop, program):
    done = ran(program, "feeds", "list", "-c", "no_such")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: There is no connection 'no_such'.\nHint: ")
    assert not shop.received()


def test_a_write_whose_answer_is_lost_has_an_exit_code_of_its_own(shop):
    shop.fault("/v3/inventory", reset="after")
    body = json.dumps({"sku": "A-1", "quantity": {"unit": "EACH", "amount": 7}})
    done = ran(WALMART, "call", "updateInventoryForAnItem", "sku=A-1", "--write", "--yes", "--body", body)
    assert (done.returncode, done.stdout) == (4, "")
    assert shop.counts()["PUT", "/v3/inventory"] == 1


def test_help_names_all_commands_and_a_wrong_one_is_no_command():
    done = ran(WALMART, "--help")
    assert done.returncode == 0
    assert "exit codes:" in done.stdout
    words = done.stdout.split()
    assert all(command.words.split()[0] in words for command in all_commands())
    done = ran(WALMART, "feed")
    assert (done.returncode, done.stdout) == (2, "")
    assert "invalid choice: 'feed'" in done.stderr
