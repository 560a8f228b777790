"""The documents of the command line: a page for each command."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_walmart.cli.commands import all_commands

PAGES = Path(__file__).parents[3] / "docs" / "commands"


def test_each_command_has_a_page_and_each_page_a_command():
    names = {command.words.replace(" ", "-"): command.words for command in all_commands()}
    assert {page.stem for page in PAGES.glob("*.md")} == set(names)
    for name, words in names.items():
        text = (PAGES / f"{name}.md").read_text()
        assert text.startswith(f"# walmart {words}\n")
        assert f"<!-- made: command {name} -->" in text
