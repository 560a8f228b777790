"""Runs all benchmarks, or the named ones, prints their tables, and keeps the figures in the docs.

``python -m tests.benchmarks.run_all [calls week:20000:168 ...]``: takes three quarters of an hour on a quiet machine. Numbers
behind a name are arguments of that benchmark, as for a larger run, whose figures have a section of their own in
``docs/benchmarks.md``. Figures of benchmarks that are not run, or find nothing that they need, stay as they are there.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

from tabulate import tabulate

from tests.helpers.figures import Figure

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

Written by `make bench`, each figure beside what people use otherwise, in the same run, on the same machine and over the
same sandbox server. Ratios and counts travel; seconds don't.
"""
COLUMNS = ["what", "this package", "beside it", "budget", "met"]


def figures_of(run: str) -> list[Figure]:
    """Run one benchmark in a process of its own.

    :param run: its name, and arguments behind it.

    A process counts the memory of the one that started it into its own peak, so nothing heavy may be imported here.
    """
    with tempfile.NamedTemporaryFile("r") as file:
        subprocess.run(
            [sys.executable, "-m", __spec__.name, "--figures", file.name, *run.split()], check=True
        )
        return [Figure(**found) for found in json.load(file)]


def section(run: str, found: list[Figure], load: float) -> str:
    """Return the part of the page that one benchmark writes.

    :param run: as for `figures_of`.
    :param load: how many processes ran or waited for a core when it began.
    """
    rows = [
        [
            figure.what,
            figure.ours,
            figure.beside,
            figure.budget,
            {True: "yes", False: "no", None: ""}[figure.met],
        ]
        for figure in found
    ]
    table = tabulate(rows, headers=COLUMNS, tablefmt="github", disable_numparse=True)
    machine = (
        f"{os.cpu_count()} cores, a load of {load:.1f} before it, Python {platform.python_version()}, "
        f"Airflow {version('apache-airflow')}"
    )
    return (
        f"## {run}\n\n{table}\n\n"
        f"`python -m tests.benchmarks.bench_{run}`, {datetime.now(timezone.utc):%Y-%m-%d}, {machine}.\n"
    )


def sections_of(page: str) -> dict[str, str]:
    """Return the parts of the page by name."""
    return {part.partition("\n")[0]: f"## {part.strip()}\n" for part in page.split("\n## ")[1:]}


def main(wanted: list[str]) -> int:
    """Run benchmarks and rewrite the page; 1 when a budget is missed.

    :param wanted: names of benchmarks, with arguments behind colons; none: all of them.
    """
    known = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))
    runs = [" ".join(one.split(":")) for one in wanted or known]
    if unknown := {run.split()[0] for run in runs} - {*known}:
        print(
            f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(known)}", file=sys.stderr
        )
        return 2
    kept = sections_of(PAGE.read_text()) if PAGE.exists() else {}
    missed = False
    for run in runs:
        print(f"== {run}", flush=True)
        load = os.getloadavg()[0]
        found = figures_of(run)
        missed |= any(figure.met is False for figure in found)
        if found:
            kept[run] = section(run, found, load)
        beside = PAGE.with_suffix(".part")
        beside.write_text("\n".join([HEAD, *(text for _, text in sorted(kept.items()))]))
        beside.replace(PAGE)
    return int(missed)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--figures", path, name, *arguments]:
            found = importlib.import_module(f"tests.benchmarks.bench_{name}").figures(*map(int, arguments))
            Path(path).write_text(json.dumps([vars(figure) for figure in found]))
        case wanted:
            sys.exit(main(wanted))
