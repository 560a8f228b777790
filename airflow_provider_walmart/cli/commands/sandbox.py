"""``walmart sandbox``."""

from __future__ import annotations

import subprocess
import sys
from argparse import Namespace
from typing import TYPE_CHECKING

from airflow_provider_walmart.cli.command import Command, argument

if TYPE_CHECKING:
    from airflow_provider_walmart.cli.output import Output


def run(args: Namespace, output: Output) -> int:
    """Run the sandbox server until it is interrupted."""
    # A process of its own: nothing of this package imports the sandbox.
    command = [sys.executable, "-m", "airflow_provider_walmart.sandbox", "--port", str(args.port)]
    with subprocess.Popen(command, stdout=output.file) as server:  # noqa: S603 - our own module
        try:
            return server.wait()
        except KeyboardInterrupt:
            return server.wait()


COMMAND = Command(
    "sandbox",
    "run a stand-in for Walmart's servers on this machine",
    run,
    arguments=(argument("--port", type=int, default=8765, help="port to listen on (default: 8765)"),),
    description=(
        "It prints its address when it is ready, and runs until Ctrl-C. `python -m airflow_provider_walmart.sandbox "
        "--help` has more options."
    ),
    examples=("walmart sandbox",),
)
