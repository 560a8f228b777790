"""What people write without a provider: ``requests`` in a task, a token of its own for each, and a loop that tries again."""

from __future__ import annotations

import time
import uuid
from typing import Any

import requests

KEYS = ("an-id", "sandbox")


def token_of(url: str) -> str:
    answer = requests.post(
        f"{url}/v3/token",
        data={"grant_type": "client_credentials"},
        auth=KEYS,
        headers={
            "Accept": "application/json",
            "WM_SVC.NAME": "Walmart Marketplace",
            "WM_QOS.CORRELATION_ID": str(uuid.uuid4()),
        },
    )
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def headers_with(token: str) -> dict[str, str]:
    return {
        "WM_SEC.ACCESS_TOKEN": token,
        "WM_QOS.CORRELATION_ID": str(uuid.uuid4()),
        "WM_SVC.NAME": "Walmart Marketplace",
        "Accept": "application/json",
    }


def task(url: str, path: str) -> Any:
    """Do what a task does: a token, a call."""
    return requests.get(url + path, headers=headers_with(token_of(url))).json()


def patient_task(url: str, path: str, seconds: float) -> int:
    """Try a call every second until it succeeds or the time is over; return how often it was sent."""
    tries, deadline = 0, time.monotonic() + seconds
    token = token_of(url)
    while time.monotonic() < deadline:
        tries += 1
        answer = requests.get(url + path, headers=headers_with(token))
        if answer.ok:
            break
        if answer.status_code == 401:
            token = token_of(url)
        time.sleep(1)
    return tries
