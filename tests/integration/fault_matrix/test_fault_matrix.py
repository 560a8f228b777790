"""Every entry point through every trouble: what comes of it, what it costs, what it says, and what it never does."""

from __future__ import annotations

import base64
import logging
import re
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_walmart.client.feeds import submit as feed_submit
from airflow_provider_walmart.client.feeds import watch as feed_watch
from airflow_provider_walmart.client.golocal import booking as golocal_booking
from airflow_provider_walmart.client.orders import writes as order_writes
from airflow_provider_walmart.client.reports import once as reports
from airflow_provider_walmart.client.transport import tokens
from airflow_provider_walmart.hooks import masking
from airflow_provider_walmart.task import poll_failures
from airflow_provider_walmart.triggers import accounts
from tests.helpers.sandbox_server import running
from tests.helpers.shop import Shop
from tests.helpers.tasks import Task
from tests.integration.fault_matrix import page
from tests.integration.fault_matrix.entry_points import CLIENT_ID
from tests.integration.fault_matrix.expectations import LOOKS, OFTEN, Expected, cells, expected
from tests.integration.fault_matrix.troubles import SECRET, Cell

CELLS = [pytest.param(*cell, id=" - ".join(part.name for part in cell)) for cell in cells()]
# Errors after which Walmart holds nothing, as they claim.
NOTHING_DONE = {"WalmartConnectionError", "WalmartRequestError", "WalmartAuthError", "WalmartPermissionError",
                "WalmartNotFoundError", "WalmartRateLimitError", "WalmartConfigError", "WalmartOrdersFailedError"}  # fmt: skip


@pytest.fixture(scope="session")
def busy_shop() -> Iterator[Shop]:
    with running("--no-seed", "--client", f"{CLIENT_ID}:{SECRET}") as server:
        yield Shop(server)


def _basic() -> str:
    return base64.b64encode(f"{CLIENT_ID}:{SECRET}".encode()).decode()


@pytest.fixture(autouse=True)
def own_threads(monkeypatch) -> Iterator[None]:
    """No poll of a trigger that was given up goes on in the next cell."""
    with ThreadPoolExecutor(4) as pool:
        monkeypatch.setattr(accounts, "ThreadPoolExecutor", lambda *_, **__: pool)
        yield


@pytest.fixture(autouse=True)
def quick(monkeypatch) -> None:
    # What is no secret in the raw needs no mask, and Airflow's takes longer with every token it has seen.
    monkeypatch.setattr(masking, "mask_secret", lambda secret: None)
    monkeypatch.setattr(poll_failures, "MAX_FAILED_POLLS", LOOKS)
    monkeypatch.setattr(poll_failures, "KEYS_MAY_BE_REFUSED_FOR", 0.0)
    monkeypatch.setattr(feed_watch, "LISTED_WITHIN", 0.0)
    for module in (feed_submit, golocal_booking, order_writes, reports):
        monkeypatch.setattr(module, "SETTLE", 0.2)
        monkeypatch.setattr(module, "READ_EVERY", 0.1)


@pytest.fixture
def tokens_given(monkeypatch) -> list[str]:
    """All tokens that came in."""
    given: list[str] = []
    take = tokens.TokenProvider._token_of

    def noted(self: Any, answer: Any, asked_at: float) -> Any:
        token = take(self, answer, asked_at)
        given.append(token.value)
        return token

    monkeypatch.setattr(tokens.TokenProvider, "_token_of", noted)
    return given


@dataclass
class Outcome:
    """What came of one try."""

    result: Any = None
    kind: str = "result"
    message: str = ""
    story: str = ""
    is_final: bool = False


def one_try(cell: Cell, task: Task, prepared: Any, patience: float = 60.0) -> Outcome:
    try:
        return Outcome(cell.entry.run(task, cell.folder, prepared, patience))
    except Exception as error:
        cause = error.__cause__
        # What no retry can change is wrapped for Airflow.
        is_wrapped = isinstance(error, AirflowFailException) and str(error).startswith(type(cause).__name__)
        told = cause if is_wrapped else error
        return Outcome(
            kind=type(told).__name__,
            message=str(error),
            story="".join(traceback.format_exception(error)),
            is_final=isinstance(error, AirflowFailException)
            or (cell.entry.is_hook and getattr(error, "is_final", False)),
        )


def test_the_page_is_that_of_this_matrix():
    assert page.PAGE.read_text() == page.text(), "make fault-matrix writes it"


@pytest.mark.parametrize(("entry", "trouble"), CELLS)
def test_cell(entry, trouble, busy_shop, tmp_path, monkeypatch, caplog, capsys, tokens_given):
    wanted = expected(trouble, entry)
    caplog.set_level(logging.DEBUG)
    busy_shop.reset()
    busy_shop.settings(feed_seconds=0, report_seconds=0, delivery_seconds=1e9, limits=False)
    cell = Cell(entry, busy_shop, tmp_path, monkeypatch)
    cell.connect(busy_shop.url)
    cell.new_state("state")
    task = Task()

    with trouble.making(cell):
        prepared = entry.prepare(busy_shop)
        before = len(busy_shop.received())
        outcome = one_try(cell, task, prepared, trouble.patience)
    busy_shop.no_faults()
    received = busy_shop.received()[before:]
    sent = [
        request
        for request in received
        if entry.is_hit(request["method"], f"{request['path']}?{request['query']}")
    ]
    told = f"{outcome.kind}: {outcome.message}\n{caplog.text}"

    # What comes of it, and what it costs.
    token_requests = sum(request["path"].endswith("token") for request in received)
    many = wanted.sent == OFTEN and len(sent) > 1
    seen = Expected(outcome.kind, OFTEN if many else len(sent), token_requests, outcome.is_final)
    assert seen == wanted, told + outcome.story
    if outcome.kind == "result":
        assert entry.is_right(outcome.result), outcome.result

    # It names its cause: in the error, or in the log when time ran out or it went well in the end.
    shown = capsys.readouterr().out
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.INFO]
    said += shown.splitlines()
    if outcome.kind != "result" and (entry.is_in_log or "not finished after" in outcome.message):
        assert any(re.search(trouble.said, text) for text in [*said, outcome.message]), told
    elif outcome.kind != "result":
        assert re.search(trouble.said, outcome.message), told
    elif len(sent) > 1:
        assert any(
            re.search(r"[Aa]ttempt \d of|renewing it once|once more|next slot|Polling", text) for text in said
        ), told

    # Whatever it says, no secret.
    everything = told + outcome.story + shown + repr(outcome.result)
    for secret in (SECRET, _basic(), *tokens_given):
        assert secret not in everything
    for foreign in cell.foreign:
        for request in foreign.requests:
            assert not any(secret.encode() in request.raw for secret in (SECRET, _basic(), *tokens_given))
            assert not [name for name in request.headers if name.startswith("wm_") or name == "authorization"]

    # What it claims of a write is true, and nothing is half done.
    if entry.made:
        made = entry.made(busy_shop)
        assert made <= 1
        if entry.kind == "write":
            assert made == 1 or outcome.kind != "result", told
            assert made == 0 or outcome.kind not in NOTHING_DONE, told
    assert not [*tmp_path.glob("*.part"), *tmp_path.glob(".*.part")]
    if outcome.kind != "result":
        assert not [*tmp_path.glob("*.csv"), *tmp_path.glob("*.jsonl")]

    # And when the trouble is over, the next try ends well, with one of everything.
    if entry.is_hook:
        return
    cell.new_state("later")
    again = one_try(cell, task, prepared)
    assert again.kind == "result", again.story
    assert entry.is_right(again.result)
    if entry.made:
        assert entry.made(busy_shop) == 1
