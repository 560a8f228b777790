"""Where exported records go: one file, or a folder of parts with a manifest."""

from __future__ import annotations

import contextlib
import gzip
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.storage.files import atomic_write, path_in_errors, written
from airflow_provider_walmart.storage.staged_folder import StagedFolder

if TYPE_CHECKING:
    from airflow_provider_walmart.client.calls.raw_pages import Raw

# Low on purpose: JSON lines shrink to a tenth all the same, in half the time.
GZIP_LEVEL = 3


class OneFile:
    """One file of JSON lines.

    :param lines: where they go.
    """

    def __init__(self, lines: IO[bytes]) -> None:
        self._lines = lines
        self.records = 0

    def write(self, page: Sequence[Raw]) -> None:
        """Write records."""
        from airflow_provider_walmart.client.calls.raw_pages import json_lines

        if page:
            self._lines.write(json_lines(page))
            self.records += len(page)

    def publish(self, about: dict[str, Any]) -> dict[str, str]:
        """Do nothing: the file moves to its place when it is closed."""
        return {}


class Parts:
    """A folder of files, ``part-00001-....jsonl`` and so on, none of which is seen before all are complete.

    :param uri: where it is, as for `atomic_write`. The folder must hold nothing else.
    :param compression: ``gzip``, or None.
    :param most_records: most records of a part; None: any number.
    :param most_bytes: most bytes of a part, before compression; None: any number. A record that is larger has a part
        of its own.
    """

    def __init__(
        self,
        uri: str,
        compression: str | None,
        most_records: int | None,
        most_bytes: int | None,
    ) -> None:
        self._staged = StagedFolder(uri, ".jsonl.gz" if compression else ".jsonl")
        self._compression = compression
        self._most_records, self._most_bytes = most_records, most_bytes
        self._parts: list[dict[str, Any]] = []
        self._open = ExitStack()
        self._file: IO[bytes] | None = None
        self._part = ""
        self._lines: Any = None
        self._records = self._bytes = 0
        self.records = 0

    def __enter__(self) -> Parts:
        """Make the folder, and remove what a killed process left in it."""
        self._staged.open()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the parts that were not published."""
        with contextlib.suppress(Exception):
            self._open.close()
        self._staged.discard()

    def write(self, page: Sequence[Raw]) -> None:
        """Write records, into as many parts as that takes."""
        from airflow_provider_walmart.client.calls.raw_pages import json_lines

        while page:
            room = len(page) if self._most_records is None else self._most_records - self._records
            taken = page[:room]
            lines = json_lines(taken)
            if self._most_bytes is not None and self._bytes + len(lines) > self._most_bytes:
                taken = self._fitting(taken)
                lines = json_lines(taken)
            if not taken:
                self._close()
                continue
            self._write(lines, len(taken))
            page = page[len(taken) :]
            if self._records == self._most_records:
                self._close()

    def _fitting(self, page: Sequence[Raw]) -> Sequence[Raw]:
        """Return the first records, as many as the part still takes; one where it is empty."""
        from airflow_provider_walmart.client.calls.raw_pages import json_lines

        size = self._bytes
        for number, record in enumerate(page):
            size += len(json_lines([record]))
            if size > (self._most_bytes or 0):
                return page[: number or not self._records]
        return page

    def _write(self, lines: bytes, count: int) -> None:
        if self._file is None:
            self._part, hidden = self._staged.add(len(self._parts) + 1)
            self._file = self._open.enter_context(written(hidden, "wb"))
            self._lines = self._open.enter_context(maybe_gzip(self._file, self._compression))
        self._lines.write(lines)
        self._records += count
        self._bytes += len(lines)
        self.records += count

    def _close(self) -> None:
        """Complete the part being written."""
        if self._file is None:
            return
        if self._lines is not self._file:
            self._lines.close()
        size = self._file.tell()
        self._open.close()
        self._parts.append({"uri": self._part, "records": self._records, "bytes": size})
        self._file, self._records, self._bytes = None, 0, 0

    def publish(self, about: dict[str, Any]) -> dict[str, str]:
        """Move all parts to their places, then replace the manifest, which names those of one complete run.

        :param about: what else the manifest says.
        :return: ``manifest``: its URI.
        """
        self._close()
        content = {
            **about,
            "records": self.records,
            "bytes": sum(part["bytes"] for part in self._parts),
            "parts": self._parts,
        }
        return {"manifest": self._staged.publish(content)}


@contextmanager
def export_file(
    uri: str, compression: str | None, most_records: int | None, most_bytes: int | None
) -> Iterator[OneFile | Parts]:
    """Open what records are written into: one file, or a folder of parts where they have a size.

    :param uri: its place, as for `atomic_write`.

    The other parameters are those of `Parts`.
    """
    if most_records or most_bytes:
        with path_in_errors(uri), Parts(uri, compression, most_records, most_bytes) as parts:
            yield parts
        return
    with atomic_write(uri, "wb", "output_path") as file, maybe_gzip(file, compression) as lines:
        yield OneFile(lines)


@contextmanager
def maybe_gzip(file: IO[bytes], compression: str | None) -> Iterator[Any]:
    """Give the file itself, or one that compresses what is written into it."""
    if not compression:
        yield file
        return
    # Without name and time in its header, equal records make equal files.
    with gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=GZIP_LEVEL, mtime=0) as lines:
        yield lines


def part_size(name: str, value: Any) -> int | None:
    """Return the size of a part, None for none.

    :raises WalmartConfigError: when it is no number of at least 1.
    """
    if value is None or value == "":
        return None
    size = int(value) if str(value).isascii() and str(value).isdigit() else 0
    if size < 1 or isinstance(value, bool):
        raise WalmartConfigError(f"{name} is {str(value)[:40]!r}; expected a whole number of at least 1.")
    return size
