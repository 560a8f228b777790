"""Pages that were read before their turn to be written."""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterator

from airflow_provider_walmart.client.calls.raw_pages import Raw

# What is kept in memory; more goes to a temporary file. Bytes.
IN_MEMORY = 256 * 1024


class PageFile:
    """Keeps pages of records outside of memory, and gives them back once."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - it is closed when it was read
        self._sizes: list[array[int]] = []

    def add(self, page: list[Raw]) -> None:
        """Keep a page."""
        self._sizes.append(array("L", [memoryview(record).nbytes for record in page]))
        self._file.write(b"".join(page))

    def __iter__(self) -> Iterator[list[Raw]]:
        with self._file as file:
            file.seek(0)
            for sizes in self._sizes:
                content = memoryview(file.read(sum(sizes)))
                end, page = 0, []
                for size in sizes:
                    start, end = end, end + size
                    page.append(Raw(content[start:end]))
                yield page
