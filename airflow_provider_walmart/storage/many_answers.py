"""The answers to many reads, as JSON lines in object storage that a later try goes on with."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import re
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_walmart.client.errors import WalmartError, WalmartServerError
from airflow_provider_walmart.storage.files import (
    atomic_write,
    checked_path,
    files_in,
    make_folder,
    remove,
)

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

log = logging.getLogger(__name__)

# What a killed task loses at most: lines, and seconds.
PART_LINES = 1000
PART_SECONDS = 30.0

Row = Mapping[str, Any]


def land_many(
    uri: str,
    run: str,
    source: Sequence[str],
    rows: Callable[[], Iterable[Row]],
    read: Callable[[Iterable[Row]], Iterator[Any]],
) -> dict[str, Any]:
    """Write a line for each row, and return what the task returns.

    :param uri: place of the file, which appears there when all rows were read.
    :param run: what distinguishes the task and its run from others: only a later try of them goes on. Empty: nobody does.
    :param source: what the answers are of, besides the rows: operation and account.
    :param rows: gives the rows, the same ones each time.
    :param read: yields pairs of a row and its answer, or its `WalmartError`, in order.
    :return: ``uri``, ``records`` (lines) and ``failed`` (those with an error).
    :raises WalmartError: what ends the reading, with what was read kept; and the last one, when all rows failed.
    """
    parts = _Parts(uri, [run or uuid.uuid4().hex, *source])
    failure = None
    try:
        for row, answer in read(parts.still_to_read(rows)):
            failure = parts.add(row, answer) or failure
        parts.publish()
    except BaseException:
        # What went wrong first is to be raised.
        with contextlib.suppress(Exception):
            if run:
                parts.save()
            else:
                parts.remove()
        raise
    parts.remove()
    log.info("%d rows were read, %d of them failed; all are in %s", parts.lines, parts.failed, uri)
    if failure and parts.failed == parts.lines:
        raise failure
    return {"uri": uri, "records": parts.lines, "failed": parts.failed}


class _Parts:
    """Lines in hidden files beside their place, until they are complete."""

    def __init__(self, uri: str, identity: Sequence[str]) -> None:
        self._uri = uri
        self._target = checked_path(uri, "output_path")
        digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()
        self._prefix = f".{self._target.name}.{digest[:12]}."
        make_folder(self._target.parent)
        self._files: list[ObjectStoragePath] = []
        is_part = re.compile(re.escape(f".{self._target.name}.") + r"[0-9a-f]{12}\.[0-9]{5}\.rows").fullmatch
        for place in sorted(files_in(self._target.parent, "*.rows"), key=lambda place: place.name):
            if place.name.startswith(self._prefix):
                self._files.append(place)
            elif is_part(place.name):
                # Others left it behind.
                remove(place)
        self._unsaved: list[str] = []
        self._saved_at = self._said_at = time.monotonic()
        self.lines = self.failed = 0

    def still_to_read(self, rows: Callable[[], Iterable[Row]]) -> Iterator[Row]:
        """Return the rows that an earlier try hasn't read: all, where it read others, or none of them well."""
        todo = iter(rows())
        if self._are_of(todo) and self.failed < self.lines:
            log.info("%d rows have been read by an earlier try", self.lines)
            return todo
        self.remove()
        self._files, self.lines, self.failed = [], 0, 0
        return iter(rows())

    def _are_of(self, rows: Iterator[Row]) -> bool:
        """Take from the rows those that were read, and count them; return False for others, and where that can't be read."""
        for file in self._files:
            with file.open("r", encoding="utf-8") as lines:  # type: ignore[no-untyped-call]
                for text in lines:
                    row = next(rows, None)
                    try:
                        line = json.loads(text)
                    except ValueError:
                        return False
                    if row is None or line["params"] != _as_json(row):
                        return False
                    self.lines += 1
                    self.failed += "error" in line
        return True

    def add(self, row: Row, answer: Any) -> WalmartError | None:
        """Write a line, and return the error that is in it."""
        if isinstance(answer, bytes):
            answer = WalmartServerError(
                f"The answer is a file of {len(answer)} bytes, which a line of JSON can't hold", status=200
            )
        error = answer if isinstance(answer, WalmartError) else None
        line = {"params": _as_json(row), **({"error": _error(error)} if error else {"result": answer})}
        self._unsaved.append(json.dumps(line, ensure_ascii=False) + "\n")
        self.lines += 1
        self.failed += error is not None
        now = time.monotonic()
        if len(self._unsaved) >= PART_LINES or now - self._saved_at >= PART_SECONDS:
            self.save()
        if now - self._said_at >= PART_SECONDS:
            log.info("%d rows read so far, %d of them failed", self.lines, self.failed)
            self._said_at = now
        return error

    def save(self) -> None:
        """Keep the lines that were written since the last time."""
        if not self._unsaved:
            return
        file = self._target.parent / f"{self._prefix}{len(self._files) + 1:05}.rows"
        with atomic_write(str(file)) as out:
            out.writelines(self._unsaved)
        self._files.append(file)
        self._unsaved, self._saved_at = [], time.monotonic()

    def publish(self) -> None:
        """Put all lines into their place."""
        with atomic_write(self._uri, "wb", "output_path") as out:
            for file in self._files:
                with file.open("rb") as lines:  # type: ignore[no-untyped-call]
                    for chunk in iter(lambda: lines.read(1024 * 1024), b""):
                        out.write(chunk)
            out.writelines(line.encode("utf-8", "replace") for line in self._unsaved)

    def remove(self) -> None:
        """Remove what was kept: the last part first, so that a later try can go on with what is left."""
        for file in reversed(self._files):
            remove(file)


def _as_json(row: Row) -> Any:
    """Return a row as a file of JSON has it, which knows neither dates, NaN nor invalid Unicode."""
    text = json.dumps(dict(row), ensure_ascii=False, default=str, skipkeys=True).encode("utf-8", "replace")
    return json.loads(text, parse_constant=lambda _: None)


def _error(error: WalmartError) -> dict[str, Any]:
    """Return an error as JSON has it, Walmart's words first."""
    return {
        "errors": [
            {"code": detail.code, "field": detail.field, "description": detail.description}
            for detail in error.details
        ],
        "status": error.status,
        "type": type(error).__name__,
        "message": str(error),
        "correlationId": error.correlation_id,
    }
