"""What every command has in common: its help, what goes where, how errors are said, exit codes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from argparse import Namespace

import pytest

from airflow_provider_walmart.cli.airflow_commands import get_commands
from airflow_provider_walmart.cli.command import GROUPS, Command
from airflow_provider_walmart.cli.commands import all_commands
from airflow_provider_walmart.cli.main import main, perform
from airflow_provider_walmart.cli.output import Output
from airflow_provider_walmart.client import errors

HEAVY = {"requests", "rich", "airflow", "cryptography", "tabulate", "tenacity", "pydantic"}


def performed(run, *, output: str = "table", verbose: bool = False) -> int:
    return perform(Command("test", "test it", run), Namespace(output=output, verbose=verbose))


def raising(error: BaseException):
    def run(args, output):
        raise error

    return run


def test_help_needs_nothing_heavy():
    script = (
        "import sys\n"
        "from airflow_provider_walmart.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "exit codes:" in done.stdout
    assert not HEAVY & set(eval(done.stderr))


@pytest.mark.parametrize("command", all_commands(), ids=lambda command: command.words)
def test_every_command_has_help_with_examples(command, capsys):
    assert command.group in {"", *GROUPS}
    assert command.examples
    assert all(line.startswith(f"walmart {command.words}") for line in command.examples)
    with pytest.raises(SystemExit) as end:
        main([*command.words.split(), "--help"])
    assert end.value.code == 0
    assert command.examples[0] in capsys.readouterr().out


def test_airflow_gets_the_same_commands():
    pytest.importorskip("airflow.cli.cli_config")
    (group,) = get_commands()
    found = []
    for each in group.subcommands:
        inner = getattr(each, "subcommands", None)
        found += [f"{each.name} {one.name}" for one in inner] if inner else [each.name]
    assert group.name == "walmart"
    assert sorted(found) == [command.words for command in all_commands()]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.WalmartRequestError("no"), 1),
        (errors.WalmartAuthError("no"), 1),
        (errors.WalmartConfigError("no"), 2),
        (errors.WalmartConnectionError("no"), 3),
        (errors.WalmartServerError("no"), 3),
        (errors.WalmartRateLimitError("no"), 3),
        (errors.WalmartUnknownOutcomeError("no"), 4),
        (KeyboardInterrupt(), 130),
    ],
    ids=lambda each: type(each).__name__,
)
def test_exit_codes(error, code, capfd):
    assert performed(raising(error)) == code
    shown = capfd.readouterr()
    assert shown.out == ""
    assert "Traceback" not in shown.err


def test_an_error_is_said_with_its_hint_in_a_line_of_its_own(capfd):
    detail = errors.ErrorDetail("INVALID", "sku", "no such SKU")
    performed(
        raising(errors.WalmartRequestError("GET answered 400", details=[detail], hint="Check the SKU."))
    )
    assert (
        capfd.readouterr().err
        == "Error: GET answered 400: INVALID: no such SKU (sku)\nHint: Check the SKU.\n"
    )


def test_what_walmart_says_moves_no_cursor(capfd):
    """A terminal obeys escape sequences, those of one character too."""
    hostile = "\x1b[2J\x9b2Jgone"
    performed(raising(errors.WalmartRequestError(hostile)))
    performed(lambda args, output: output.document({"said": hostile}), output="json")
    performed(lambda args, output: output.stream([hostile]), output="json")
    shown = capfd.readouterr()
    assert shown.err == "Error:  [2J 2Jgone\n"
    assert not {"\x1b", "\x9b"} & set(shown.out)
    document, _, stream = shown.out.partition("\n")
    assert (json.loads(document), json.loads(stream)) == ({"said": hostile}, [hostile])


@pytest.mark.parametrize("value", ["-1", "nan", "inf", "1e12", "x"])
@pytest.mark.parametrize(
    "command", ["feeds list --days", "orders due --hours", "reports list --days"], ids=lambda text: text
)
def test_a_number_that_makes_no_sense_is_bad_input(command, value, capsys):
    with pytest.raises(SystemExit) as end:
        main([*command.split(), value])
    assert end.value.code == 2
    assert value in capsys.readouterr().err


def test_the_text_of_an_unexpected_error_may_hold_a_secret_and_is_not_shown(capfd):
    assert performed(raising(RuntimeError("hunter2"))) == 1
    shown = capfd.readouterr().err
    assert "RuntimeError" in shown
    assert "hunter2" not in shown


def test_json_is_alone_on_the_standard_output_whatever_else_is_printed(capfd):
    def run(args, output):
        print("from Python")
        subprocess.run([sys.executable, "-c", "print('from another process')"], check=True)
        output.rows([{"sku": "A [b]", "n": 1}], {"sku": "SKU"}, empty="none")

    assert performed(run, output="json") == 0
    shown = capfd.readouterr()
    assert json.loads(shown.out) == [{"sku": "A [b]", "n": 1}]
    assert "from another process" in shown.err


def test_a_table_shows_the_columns_asked_for_as_they_are(capfd):
    performed(
        lambda args, output: output.rows([{"sku": "A [b]\x1b[2J", "n": 1}], {"sku": "SKU"}, empty="none")
    )
    shown = capfd.readouterr().out
    assert "A [b] [2J" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_long_reading_shows_how_far_it_is_on_a_terminal_alone(monkeypatch, is_terminal):
    screen, results = io.StringIO(), io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: is_terminal, raising=False)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with Output(results, as_json=True).progress("items", 10) as read:
        read(3)
    assert ("Reading items" in screen.getvalue() and "3/10" in screen.getvalue()) == is_terminal
    assert bool(screen.getvalue()) == is_terminal
    assert results.getvalue() == ""


def test_an_empty_table_says_so(capfd):
    performed(lambda args, output: output.rows([], {"sku": "SKU"}, empty="No items."))
    assert capfd.readouterr().out == "No items.\n"


def test_a_stream_is_one_json_list(capfd):
    performed(lambda args, output: output.stream(iter([{"a": 1}, {"a": "é"}])), output="json")
    assert json.loads(capfd.readouterr().out) == [{"a": 1}, {"a": "é"}]


def test_a_reader_that_has_enough_is_no_error():
    script = (
        "from argparse import Namespace\n"
        "from airflow_provider_walmart.cli.main import perform, Command\n"
        "run = lambda args, output: output.stream(range(1_000_000))\n"
        "raise SystemExit(perform(Command('x', 'x', run), Namespace(output='json', verbose=False)))"
    )
    done = subprocess.run(
        ["sh", "-c", '{ "$0" -c "$1"; echo "code $?" >&2; } | head -1', sys.executable, script],
        capture_output=True,
        text=True,
    )
    assert done.stdout == "[\n"
    assert done.stderr == "code 0\n"


def test_the_sandbox_has_the_port_that_the_docs_name_however_it_is_started():
    from airflow_provider_walmart.cli.main import parser
    from airflow_provider_walmart.sandbox.__main__ import _parser

    assert parser().parse_args(["sandbox"]).port == _parser().parse_args([]).port == 8089
