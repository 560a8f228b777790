"""How many requests the sandbox answers in a second of one core, how fast it starts, and what it holds in memory."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

from tests.helpers.figures import Figure
from tests.helpers.sandbox_server import Server, running

REQUESTS = 2000
#: What DAGs and tests call most, and operations that are answered from their documented form alone.
CALLS = {
    "one feed": "/v3/feeds/F-1",
    "list of feeds": "/v3/feeds?limit=50",
    "one order": "/v3/orders/108900000000001",
    "page of 10 orders": "/v3/orders?limit=10",
    "page of 200 orders": "/v3/orders?limit=200",
    "page of 20 items": "/v3/items?limit=20&offset=0",
    "stock of a SKU": "/v3/inventory?sku=SKU-000001",
    "generic list": "/v3/settings/shipping/templates",
    "generic object": "/v3/settings/partnerprofile",
}


SEED = {
    "orders": 1000,
    "items": 1000,
    "inventories": 1000,
    "feeds": [{"feedId": "F-1", "items": 40, "age": 99}],
}


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> float:
    """Resident memory in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def answers_a_second(server: Server, path: str, requests: int = REQUESTS) -> float:
    """Answers a second of CPU time, over one connection that is kept."""
    url = urlsplit(server.url)
    head = (
        f"GET {path} HTTP/1.1\r\nHost: {url.netloc}\r\nWM_SEC.ACCESS_TOKEN: {server.token()}\r\n"
        "WM_QOS.CORRELATION_ID: 1\r\nWM_SVC.NAME: Walmart Marketplace\r\nAccept: application/json\r\n\r\n"
    ).encode()
    with socket.create_connection((url.hostname, url.port)) as connection:
        before = cpu_seconds(server.process.pid)
        for _ in range(requests):
            connection.sendall(head)
            answer = connection.recv(1 << 20)
            headers, _, body = answer.partition(b"\r\n\r\n")
            assert headers.startswith(b"HTTP/1.1 200"), answer[:300]
            left = int(headers.lower().partition(b"content-length:")[2].split(b"\r\n")[0]) - len(body)
            while left > 0:
                left -= len(connection.recv(left))
        return requests / (cpu_seconds(server.process.pid) - before)


def figures() -> list[Figure]:
    """Measure all of it."""
    found = []
    for name in ("none", "small", "typical"):
        started = time.perf_counter()
        with running("--shop", name) as server:
            seconds = time.perf_counter() - started
            found.append(
                Figure(
                    f"start of the sandbox, shop {name}",
                    f"{seconds:.2f} s, {memory(server.process.pid):.0f} MB",
                    budget="" if name == "typical" else "< 1 s",
                    met=None if name == "typical" else seconds < 1,
                )
            )
    with running("--shop", "none") as server:
        server.control("POST", "settings", {"limits": False})
        server.control("POST", "seed", SEED)
        for name, path in CALLS.items():
            rate = answers_a_second(server, path)
            found.append(
                Figure(
                    f"sandbox: {name}",
                    f"{rate:,.0f} answers a second of one core",
                    budget=">= 1,000",
                    met=rate >= 1000,
                )
            )
    return found


if __name__ == "__main__":
    for figure in figures():
        print(figure)
