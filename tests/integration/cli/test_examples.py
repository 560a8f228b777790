"""The examples of the command line, those of the help and those of the page, do what they seem to on a fresh sandbox."""

from __future__ import annotations

import json
import re
import shlex

import pytest

from airflow_provider_walmart.cli.commands import all_commands
from tests.helpers.documents import CHECKOUT, blocks
from tests.helpers.sandbox_server import running
from tests.helpers.shop import Shop

PAGE = CHECKOUT / "docs" / "command-line.md"
HELP = [example for command in all_commands() for example in command.examples]
SHOWN = [line for block in blocks("bash") if block.document == PAGE for line in block.text.splitlines()]
# What ends a command; what follows it is for the shell.
END = re.compile(r" (?:[|>]|&&) ")
# A server that stays, and the form that Airflow's own command line reads, which is the same command.
EXAMPLES = {
    END.split(line)[0] for line in HELP + SHOWN if not line.startswith(("walmart sandbox", "airflow "))
}
STOCK = {"sku": "SKU-000001", "quantity": {"unit": "EACH", "amount": 5}}


@pytest.fixture(scope="module")
def fresh_sandbox():
    with running() as server:
        yield Shop(server)


@pytest.mark.parametrize("line", sorted(EXAMPLES))
def test_an_example_ends_well(walmart, fresh_sandbox, monkeypatch, tmp_path, line):
    monkeypatch.setenv("AIRFLOW_CONN_WALMART_DEFAULT", fresh_sandbox.connection())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stock.json").write_text(json.dumps(STOCK))
    program, *words = shlex.split(line.replace("s3://aws_default@my-bucket", str(tmp_path)))
    assert program == "walmart"
    # Nobody is there to confirm it.
    code, out, err = walmart(*words, *(["--yes"] if "--write" in words else []))
    assert code == 0, err
    assert out


def test_the_page_names_the_file_of_the_example():
    assert f"`stock.json` is `{json.dumps(STOCK)}`" in PAGE.read_text()
