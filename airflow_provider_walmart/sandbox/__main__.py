"""Starts the sandbox server: ``python -m airflow_provider_walmart.sandbox``."""

from __future__ import annotations

import argparse
import copy
import os
import signal
import socket
from collections.abc import Sequence
from pathlib import Path

import msgspec
import uvicorn

from airflow_provider_walmart.sandbox.control import seed, typical_shop
from airflow_provider_walmart.sandbox.core.clock import Clock
from airflow_provider_walmart.sandbox.core.sandbox import Sandbox
from airflow_provider_walmart.sandbox.core.state import CannotStartError, Settings, State
from airflow_provider_walmart.sandbox.server.app import App
from airflow_provider_walmart.sandbox.server.profiles import PROFILES


class Server(uvicorn.Server):
    """A server that says when it accepts connections."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then print the addresses."""
        await super().startup(sockets)
        for listener, what in zip(
            sockets or [], ("Sandbox ready on", "Reports are downloaded from"), strict=True
        ):
            host, port = listener.getsockname()[:2]
            print(f"{what} http://{f'[{host}]' if ':' in host else host}:{port}", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until a signal comes.

    :param arguments: command line arguments; default those of the process.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    settings = Settings(
        token_life=options.token_life,
        feed_seconds=options.feed_seconds,
        latency=options.latency,
        profile=options.profile,
    )
    shop = options.shop or ("none" if options.seed else "small")

    def fresh() -> State:
        state = State(Clock.started(), copy.copy(settings))
        if shop == "typical":
            seed.sow(state, typical_shop.seed(state.clock.now()))
        elif shop == "small":
            seed.small_shop(state)
        if options.seed:
            _sow(state, options.seed)
        return state

    try:
        listener = _listener(options.host, options.port)
        storage = _listener(options.host, options.port and options.port + 1)
        sandbox = Sandbox(
            fresh,
            secrets=dict(options.client),
            storage_port=storage.getsockname()[1],
            state_file=options.state_file,
        )
    except CannotStartError as error:
        parser.exit(2, f"{parser.prog}: error: {error}\n")
    # The server raises the signal that stopped it once more at its end; by then it has done its work.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    config = uvicorn.Config(
        App(sandbox),
        lifespan="off",
        loop="asyncio",
        log_level="error",
        access_log=False,
        proxy_headers=False,
        # Longer than anybody pauses between two calls: who sends just when a connection is closed gets no answer.
        timeout_keep_alive=600,
        timeout_graceful_shutdown=1,
    )
    Server(config).run(sockets=[listener, storage])


def _sow(state: State, path: Path) -> None:
    """Fill a fresh state with what a file says."""
    try:
        seed.sow(state, msgspec.yaml.decode(path.read_bytes(), type=seed.Seed))
    except OSError as error:
        raise CannotStartError(f"--seed {path}: {error.strerror}") from None
    except (ValueError, ImportError) as error:
        raise CannotStartError(f"--seed {path}: {error}") from None


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=1024)
    except (OSError, OverflowError) as error:
        number = getattr(error, "errno", None) or 0
        # The words of the error itself say once more where.
        reason = os.strerror(number) if number > 0 else error
        raise CannotStartError(f"can't listen on {host}, port {port}: {reason}") from None
    # Accepted connections inherit it. Without it each answer waits 40 ms for the client's delayed ACK.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_walmart.sandbox",
        description="A stateful stand-in for Walmart's servers.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument(
        "--port",
        type=int,
        default=8089,
        help="port, 0 for a free one (default %(default)s). Reports are downloaded from the port after it",
    )
    parser.add_argument(
        "--client",
        type=_pair,
        action="append",
        default=[],
        metavar="ID:SECRET",
        help="secret of a client id; may be repeated. Other ids have the secret 'sandbox'",
    )
    parser.add_argument("--state-file", type=Path, help="file in which the state survives a restart")
    parser.add_argument(
        "--token-life",
        type=_seconds,
        default=900,
        help="seconds an access token is valid (default %(default)s)",
    )
    parser.add_argument(
        "--feed-seconds", type=_seconds, default=4, help="seconds a feed takes (default %(default)s)"
    )
    parser.add_argument(
        "--latency",
        type=_seconds,
        default=0,
        metavar="300ms",
        help="time by which every answer is later, in seconds, or with ms or s behind it (default 0)",
    )
    parser.add_argument(
        "--profile",
        choices=sorted(PROFILES),
        help="behave as the API does on its usual days: late answers, transient errors, empty lists now and then",
    )
    parser.add_argument(
        "--shop",
        choices=("small", "typical", "none"),
        help="what is in the shop at the start: a handful of everything, a few hundred items and four weeks of orders, "
        "or nothing (default small; none with --seed)",
    )
    parser.add_argument(
        "--seed",
        type=Path,
        metavar="FILE",
        help="YAML or JSON file with what to start with, as in POST /_sandbox/seed",
    )
    parser.add_argument(
        "--no-seed", action="store_const", dest="shop", const="none", help="the same as --shop none"
    )
    return parser


def _pair(text: str) -> tuple[str, str]:
    client, colon, secret = text.partition(":")
    if not (client and colon and secret):
        raise argparse.ArgumentTypeError("must look like ID:SECRET")
    return client, secret


def _seconds(text: str) -> float:
    try:
        value = (
            float(text.removesuffix("ms")) / 1000 if text.endswith("ms") else float(text.removesuffix("s"))
        )
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 300ms, 0.3s or 0.3") from None
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError("must be a number of at least 0")
    return value


if __name__ == "__main__":
    main()
