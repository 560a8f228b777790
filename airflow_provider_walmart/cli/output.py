"""What a command shows: tables for people, JSON for programs, and how far a long reading is."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, TextIO

from airflow_provider_walmart.client.values.dates import utc_minute

# Where nobody looks at a screen, a table is as wide as what it holds.
UNLIMITED = 10_000
# A terminal may obey these, and JSON has them as they are.
C1_CONTROLS = {number: f"\\u{number:04x}" for number in range(0x7F, 0xA0)}


class Output:
    """Where the result of a command goes.

    :param stream: the standard output.
    :param as_json: whether JSON is wanted, and nothing else.
    """

    def __init__(self, stream: TextIO, *, as_json: bool) -> None:
        self.as_json = as_json
        #: Where it goes.
        self.file = stream

    def rows(self, rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str], *, empty: str) -> None:
        """Show rows: as JSON with all they hold, for people a table.

        :param rows: the rows.
        :param columns: which of their keys the table shows, and under which heading.
        :param empty: what to say in place of a table without rows.
        """
        found = list(rows)
        if self.as_json:
            self.document(found)
        elif found:
            self._table(found, columns)
        else:
            self.text(empty)

    def text(self, text: str) -> None:
        """Show a text for people."""
        self.file.write(f"{text}\n")

    def document(self, value: Any) -> None:
        """Show one JSON document, with line breaks for people."""
        self.text(_json(value, indent=None if self.as_json else 2))

    def stream(self, values: Iterable[Any]) -> None:
        """Show one JSON list, each of its values as soon as it is known, in a line of its own."""
        self.file.write("[")
        for number, value in enumerate(values):
            self.file.write(f"{',' if number else ''}\n{_json(value)}")
        self.text("\n]")

    @contextlib.contextmanager
    def progress(self, what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """Show how far a long reading is, on a terminal; yield what takes how many more were read.

        :param what: what is read, such as ``items``.
        :param total: how many there are; None where nobody knows.
        """
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        console = Console(stderr=True)
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            disable=not console.is_terminal,
        )
        with bar:
            task = bar.add_task(f"Reading {what}", total=total)
            yield lambda read: bar.advance(task, read)

    def _table(self, rows: list[Mapping[str, Any]], columns: Mapping[str, str]) -> None:
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        console = Console(file=self.file, width=None if self.file.isatty() else UNLIMITED)
        table = Table(box=box.SIMPLE, pad_edge=False)
        for key, heading in columns.items():
            is_number = all(isinstance(row.get(key), int) for row in rows)
            table.add_column(heading, justify="right" if is_number else "left", overflow="fold")
        for row in rows:
            # Text, not markup: what Walmart says may hold brackets.
            table.add_row(*(Text(_shown(row.get(key))) for key in columns))
        console.print(table)


def _json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, default=str, indent=indent).translate(C1_CONTROLS)


def _shown(value: Any) -> str:
    """Return a value in one line, without what would move the cursor of a terminal."""
    if isinstance(value, datetime):
        return utc_minute(value)
    return printable("" if value is None else str(value))


def printable(text: str) -> str:
    """Return a text without what would move the cursor of a terminal, or end the line."""
    return "".join(character if character.isprintable() else " " for character in text)
