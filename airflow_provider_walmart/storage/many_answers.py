"""The answers to many reads, as JSON lines in object storage that a later try goes on with."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_walmart.client.errors import WalmartConfigError, WalmartError
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
    uri: str, identity: str, rows: Callable[[], Iterable[Row]], read: Callable[[Iterable[Row]], Iterator[Any]]
) -> dict[str, Any]:
    """Write a line for each row, and return what the task returns.

    :param uri: place of the file, which appears there when all rows were read.
    :param identity: what distinguishes the task and its run from others: only a later try of them goes on.
    :param rows: gives the rows, the same ones each time.
    :param read: yields pairs of a row and its answer, or its `WalmartError`, in order.
    :return: ``uri``, ``records`` (lines) and ``failed`` (those with an error).
    :raises WalmartError: of the first row, when it can't be asked for at all; and the last one, when all failed.
    """
    parts = _Parts(uri, identity)
    todo = iter(rows())
    if not parts.are_of(todo):
        parts.remove()
        todo = iter(rows())
    failure, said = None, time.monotonic()
    for row, answer in read(todo):
        if isinstance(answer, WalmartConfigError) and not parts.lines:
            raise answer
        failure = answer if isinstance(answer, WalmartError) else failure
        parts.add(row, answer)
        if time.monotonic() - said >= PART_SECONDS:
            log.info("%d rows read so far, %d of them failed", parts.lines, parts.failed)
            said = time.monotonic()
    parts.publish()
    log.info("%d rows were read, %d of them failed; all are in %s", parts.lines, parts.failed, uri)
    if failure and parts.failed == parts.lines:
        raise failure
    return {"uri": uri, "records": parts.lines, "failed": parts.failed}


class _Parts:
    """Lines in hidden files beside their place, until they are complete."""

    def __init__(self, uri: str, identity: str) -> None:
        self._uri = uri
        self._target = checked_path(uri, "output_path")
        self._prefix = f".{self._target.name}.{hashlib.sha256(identity.encode()).hexdigest()[:12]}."
        make_folder(self._target.parent)
        self._files = sorted(self._find(f"{self._prefix}?????.rows"), key=lambda place: place.name)
        for left_behind in self._find(f".{self._target.name}.????????????.?????.rows"):
            if not left_behind.name.startswith(self._prefix):
                remove(left_behind)
        self._kept: list[str] = []
        self._since = time.monotonic()
        self.lines = self.failed = 0

    def _find(self, pattern: str) -> list[ObjectStoragePath]:
        # The name of the file is no pattern, whatever is in it.
        return [place for place in files_in(self._target.parent, "*.rows") if _fits(place.name, pattern)]

    def are_of(self, rows: Iterator[Row]) -> bool:
        """Take from the rows those that an earlier try has read; return False when they are others."""
        for file in self._files:
            with file.open("r", encoding="utf-8") as lines:  # type: ignore[no-untyped-call]
                for text in lines:
                    line = json.loads(text)
                    if line["params"] != _as_json(next(rows, None)):
                        return False
                    self.lines += 1
                    self.failed += "error" in line
        if self.lines:
            log.info("%d rows have been read by an earlier try", self.lines)
        return True

    def remove(self) -> None:
        """Forget what an earlier try has read."""
        for file in self._files:
            remove(file)
        self._files, self.lines, self.failed = [], 0, 0

    def add(self, row: Row, answer: Any) -> None:
        """Write a line."""
        is_error = isinstance(answer, WalmartError)
        said = {"error": _error(answer)} if is_error else {"result": answer}
        self._kept.append(json.dumps({"params": dict(row), **said}, ensure_ascii=False, default=str) + "\n")
        self.lines += 1
        self.failed += is_error
        if len(self._kept) >= PART_LINES or time.monotonic() - self._since >= PART_SECONDS:
            self._save()

    def _save(self) -> None:
        file = self._target.parent / f"{self._prefix}{len(self._files) + 1:05}.rows"
        with atomic_write(str(file)) as out:
            out.writelines(self._kept)
        self._files.append(file)
        self._kept, self._since = [], time.monotonic()

    def publish(self) -> None:
        """Put all lines into their place."""
        with atomic_write(self._uri, "wb", "output_path") as out:
            for file in self._files:
                with file.open("rb") as lines:  # type: ignore[no-untyped-call]
                    for chunk in iter(lambda: lines.read(1024 * 1024), b""):
                        out.write(chunk)
            out.writelines(line.encode("utf-8", "replace") for line in self._kept)
        for file in self._files:
            remove(file)


def _fits(name: str, pattern: str) -> bool:
    return len(name) == len(pattern) and all(
        want in (have, "?") for have, want in zip(name, pattern, strict=True)
    )


def _as_json(row: Row | None) -> Any:
    return row and json.loads(json.dumps(dict(row), default=str))


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
