"""A StatsD server that remembers what this provider sent it."""

from __future__ import annotations

import re
import socket
import threading
from collections import Counter

_counted = re.compile(r"(.*):(\d+)\|c").fullmatch


class StatsdServer:
    """Listens on a free UDP port of this machine.

    :param prefix: counters of which names are remembered.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.counters: Counter[str] = Counter()
        threading.Thread(target=self._listen, daemon=True).start()

    def stop(self) -> None:
        self._socket.close()

    def _listen(self) -> None:
        while True:
            try:
                packet = self._socket.recv(65536).decode()
            except OSError:
                return
            for line in packet.splitlines():
                if line.startswith(self._prefix) and (found := _counted(line)):
                    self.counters[found.group(1).removeprefix(self._prefix)] += int(found.group(2))
