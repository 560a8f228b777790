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
    given = {name: getattr(args, name) for name in ("port", "shop", "seed", "profile", "latency")}
    options = [
        text for name, value in given.items() if value is not None for text in (f"--{name}", str(value))
    ]
    command = [sys.executable, "-m", "airflow_provider_walmart.sandbox", *options]
    with subprocess.Popen(command, stdout=output.file) as server:  # noqa: S603 - our own module
        try:
            return server.wait()
        except KeyboardInterrupt:
            return server.wait()


COMMAND = Command(
    "sandbox",
    "run a stand-in for Walmart's servers on this machine",
    run,
    arguments=(
        argument("--port", type=int, default=8089, help="port to listen on (default: 8089)"),
        argument("--shop", help="what is in the shop: small, typical or none"),
        argument("--seed", help="YAML or JSON file with a shop of your own"),
        argument("--profile", help="walmart: late answers and transient errors as on its usual days"),
        argument("--latency", help="how much later every answer comes, such as 300ms"),
    ),
    description=(
        "It prints its address when it is ready, and runs until Ctrl-C. `python -m airflow_provider_walmart.sandbox "
        "--help` has more options."
    ),
    examples=("walmart sandbox", "walmart sandbox --shop typical --profile walmart"),
)
