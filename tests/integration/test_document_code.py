"""Code in the documents does what it seems to: it is run, or at least read by what it is for.

A block of ``python`` is run, with a sandbox behind the connections it names; a fragment that can't be, since it is part of
something, is a ``{code-block} python`` and only compiled. A block below a link to a file of Python is a part of that file,
which has tests of its own: the two are compared.
"""

from __future__ import annotations

import configparser
import inspect
import io
import itertools
import json
import re
import shlex
import subprocess
import tokenize
from importlib.metadata import metadata
from pathlib import Path

import pytest
import requests

from airflow_provider_walmart.cli.main import parser as walmart_options
from airflow_provider_walmart.client.settings import WalmartSettings
from airflow_provider_walmart.get_provider_info import get_provider_info
from airflow_provider_walmart.hooks.golocal import WalmartGoLocalHook
from airflow_provider_walmart.hooks.walmart import WalmartHook
from airflow_provider_walmart.sandbox.__main__ import _parser as sandbox_options
from tests.helpers.airflow_line import AIRFLOW
from tests.helpers.documents import CHECKOUT, DOCUMENTS, Block, blocks

pytest_plugins = ["airflow_provider_walmart.sandbox.pytest_plugin"]

SANDBOX = re.compile(r"(?:http://)?(?:127\.0\.0\.1|localhost):8089(/.*)")
CONNECTION = re.compile(r"AIRFLOW_CONN_\w+")
# What blocks may start with, and what reads them.
COMMANDS = {
    "airflow",
    "curl",
    "export",
    "git",
    "make",
    "pip",
    "python",
    "walmart",
    "apt-get",
    "cd",
    ".venv/bin/pre-commit",
    ".venv/bin/python",
}


OWN = [block for block in blocks("python") if block.source is None]
QUOTED = [block for block in blocks("python") if block.source is not None]


@pytest.mark.parametrize("block", OWN, ids=str)
def test_python_runs(block: Block, shop, monkeypatch, tmp_path, request):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIRFLOW_CONN_WALMART_APP", shop.connection())
    space = {"__name__": "block", "__file__": str(tmp_path / "block.py")}
    if "WalmartRetryPolicy" in block.text and AIRFLOW < (3, 3):
        with pytest.raises(ImportError, match=r"needs Airflow 3\.3"):
            exec(compile(block.text, str(block), "exec"), space)
        return
    exec(compile(block.text, str(block), "exec"), space)
    tests = [value for name, value in space.items() if name.startswith("test_")]
    for test in tests:
        # As pytest does: what a test names is given to it.
        test(**{name: request.getfixturevalue(name) for name in inspect.signature(test).parameters})


@pytest.mark.parametrize("block", QUOTED, ids=str)
def test_quoted_code_is_in_the_file_it_is_from(block: Block):
    quoted, whole = tokens(block.text), tokens(block.source.read_text())
    assert quoted
    assert any(whole[start : start + len(quoted)] == quoted for start in range(len(whole)))


def tokens(text: str) -> list[str]:
    """Return what code is made of, without its white space, which is another one within a page."""
    found = tokenize.generate_tokens(io.StringIO(text).readline)
    return [" ".join(token.string.split()) for token in found if token.string.strip()]


def test_quoted_code_is_recognized():
    assert "walmart_feed_status.py" in {block.source.name for block in QUOTED}


def test_no_code_is_brought_in_from_elsewhere():
    # Whoever reads a page where the repository is shown would not see it.
    brought = ("literalinclude", "include} ../example_dags")
    assert not [path for path in DOCUMENTS for word in brought if word in path.read_text()]


def test_what_the_site_makes_has_a_link_for_readers_of_the_repository():
    made = [line for path in DOCUMENTS for line in path.read_text().splitlines() if "<!-- made: " in line]
    assert made
    # A table of contents of pages that no other names; there are none.
    assert [line for line in made if not re.search(r"\]\([^)]+\)", line)] == ["<!-- made: other-pages -->"]


@pytest.mark.parametrize("block", blocks("{code-block} python"), ids=str)
def test_fragments_of_python_compile(block: Block):
    compile(block.text, str(block), "exec")


def test_json_and_ini_are_read():
    for block in blocks("json"):
        json.loads(block.text)
    options = get_provider_info()["config"]["walmart"]["options"]
    for block in blocks("ini"):
        config = configparser.ConfigParser(interpolation=None)
        config.read_string(block.text)
        assert set(config["walmart"]) <= set(options), block


def commands(block: Block) -> list[list[str]]:
    """Return the commands of a block, as words; one may go over several lines."""
    found, text = [], ""
    for line in re.sub(r"\\\n\s*", " ", block.text).splitlines():
        text += line
        try:
            found.append(shlex.split(text, comments=True))
            text = ""
        except ValueError:  # within quotes
            text += "\n"
    assert not text, (str(block), text)
    return [words for words in found if words]


def test_bash_is_right(shop):
    assert blocks("bash")
    for block in blocks("bash"):
        subprocess.run(["bash", "-n"], input=block.text, text=True, check=True)
        for command in commands(block):
            assert command[0] in COMMANDS, (str(block), command)
            check = CHECKS.get(command[0])
            if check:
                check(block, command, shop)


def check_make(block: Block, command: list[str], _) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    named = {word for word in command[1:] if "=" not in word}
    assert named <= targets, (str(block), command)


def check_pip(block: Block, command: list[str], _) -> None:
    extras = metadata("airflow-provider-walmart").get_all("Provides-Extra")
    for word in command[2:]:
        if found := re.fullmatch(r"airflow-provider-walmart(?:\[([\w,]+)\])?", word):
            assert set((found[1] or "").split(",")) <= {"", *extras}, (str(block), command)


def check_python(block: Block, command: list[str], _) -> None:
    if command[1:3] == ["-m", "airflow_provider_walmart.sandbox"]:
        sandbox_options().parse_args(command[3:])
    elif command[1] == "-m":
        assert command[2] in {"pytest", "build", "twine", "sphinx", "pip"}, (str(block), command)
        files = [word.partition("::")[0] for word in command[3:] if "/" in word]
        assert all(Path(CHECKOUT, name).exists() for name in files if "dist/" not in name), str(block)
    else:
        assert (CHECKOUT / command[1]).exists(), (str(block), command)


def check_airflow(block: Block, command: list[str], _) -> None:
    from airflow.cli.cli_parser import get_parser

    if command[1] == "walmart" and AIRFLOW < (3, 2):
        return  # it has no commands of providers yet
    get_parser().parse_args(command[1:])


def check_walmart(block: Block, command: list[str], _) -> None:
    words = list(itertools.takewhile(lambda word: word not in ("|", ">"), command[1:]))
    walmart_options().parse_args(words)


def check_curl(block: Block, command: list[str], shop) -> None:
    if any("/api/v2/" in word for word in command):
        return  # Airflow's, which doesn't run here
    options = dict(itertools.pairwise(command))
    if any(word.startswith("$AIRFLOW/") for word in command):
        return  # to Airflow's own API
    (path,) = (found[1] for found in map(SANDBOX.fullmatch, command) if found)
    url = shop.url + path
    answer = requests.request(options.get("-X", "GET"), url, data=options.get("-d"), timeout=30)
    assert answer.ok, (str(block), answer.text)


CHECKS = {
    "make": check_make,
    "pip": check_pip,
    "python": check_python,
    ".venv/bin/python": check_python,
    "airflow": check_airflow,
    "curl": check_curl,
    "walmart": check_walmart,
}


def connections() -> list[Block]:
    return [block for block in blocks("bash") if CONNECTION.search(block.text)]


@pytest.mark.parametrize("block", connections(), ids=str)
def test_connections_in_the_environment_are_read(block: Block, monkeypatch):
    name = CONNECTION.search(block.text)[0]
    exported = subprocess.run(
        ["bash", "-c", f"{block.text}\nprintenv {name}"], capture_output=True, text=True, check=True
    )
    monkeypatch.setenv(name, exported.stdout.strip())
    conn_id = name.removeprefix("AIRFLOW_CONN_").lower()
    hook = (WalmartGoLocalHook if "golocal" in conn_id else WalmartHook)(conn_id)
    settings = hook.settings_of(hook.get_connection(conn_id))
    if isinstance(settings, WalmartSettings) and not settings.base_url.startswith("http://127"):
        assert (settings.environment, settings.market) == ("production", "us")
