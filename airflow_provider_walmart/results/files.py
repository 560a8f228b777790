"""Files in object storage that are there as a whole or not at all."""

from __future__ import annotations

import contextlib
import glob
import os
import uuid
from collections.abc import Iterator
from typing import IO, Any

from airflow.providers.common.compat.sdk import ObjectStoragePath
from fsspec import AbstractFileSystem

from airflow_provider_walmart.client.errors import WalmartConfigError

# Parts in which a file is uploaded: the smallest that S3 takes. Its own choice is ten times as large, and is held in
# memory three times. Bytes.
PART = 5 * 1024 * 1024


def place_of(uri: str, field: str = "path") -> ObjectStoragePath:
    """Return where a file is to go.

    :param uri: any URI that `ObjectStoragePath` knows (``file://``, ``s3://conn_id@bucket/key``), or a path on this
        machine.
    :param field: what the user calls it.
    :raises WalmartConfigError: when no file can be there: it names a folder or a bucket, or a storage that nothing
        installed here can reach.
    """
    if not isinstance(uri, str) or not uri.strip():
        raise WalmartConfigError(f"{field} is {uri!r}; expected a path or a URI.")
    try:
        # Airflow 3.1 takes a relative path from the root.
        place = ObjectStoragePath(uri if "://" in uri else os.path.abspath(uri))
        _ = place.fs
    except (ValueError, ImportError) as error:
        raise WalmartConfigError(f"{field} is {uri!r}: {error}.") from None
    if not place.name or (is_local(place) and os.path.isdir(place.path)):
        raise WalmartConfigError(f"{field} is {uri!r}, a folder or a bucket; expected a file in one.")
    return place


def check_place(field: str, uri: str | None) -> None:
    """Pass for a place where a file can be, and for none.

    :raises WalmartConfigError: as `place_of` does.
    """
    if uri:
        place_of(uri, field)


def is_local(place: ObjectStoragePath) -> bool:
    """Return whether a place is on this machine."""
    return place.protocol in ("", "file")


@contextlib.contextmanager
def whole_file(uri: str, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a file for writing beside its place, and move it there once it is complete.

    :param uri: as for `place_of`. A file that is already there is replaced.
    :param mode: ``w`` for text (UTF-8), ``wb`` for bytes.
    :return: the open file; when the block fails, nothing is left behind. What a killed process left of the same file
        goes when it is written again.
    :raises WalmartConfigError: as `place_of` does.
    """
    target = place_of(uri)
    beside = place_beside(target)
    beside.parent.mkdir(parents=True, exist_ok=True)
    if is_local(target):
        # Object stores show nothing of an upload that was never completed.
        for left_behind in target.parent.glob(f".{glob.escape(target.name)}.????????.part"):
            left_behind.unlink(missing_ok=True)
    try:
        with written(beside, mode) as file:
            yield file
        _move(target.fs, beside.path, target.path)
    except BaseException:
        with contextlib.suppress(OSError):
            target.fs.rm_file(beside.path)
        raise


def _move(fs: AbstractFileSystem, source: str, target: str) -> None:
    if type(fs).mv is AbstractFileSystem.mv:
        # That one takes names for patterns, and with one such as a?.csv makes a folder of the target.
        fs.cp_file(source, target)
        fs.rm_file(source)
    else:
        fs.mv(source, target)


def place_beside(target: ObjectStoragePath) -> ObjectStoragePath:
    """Return a hidden place beside another one, a new one each time."""
    return target.parent / f".{target.name}.{uuid.uuid4().hex[:8]}.part"


def written(path: ObjectStoragePath, mode: str) -> IO[Any]:
    """Open a file for writing, held in memory in small parts only where it is uploaded."""
    # Texts of others are cut anywhere, also in the middle of a character.
    text = {} if "b" in mode else {"encoding": "utf-8", "errors": "replace"}
    file: IO[Any] = path.open(mode, block_size=PART, **text)  # type: ignore[no-untyped-call]
    return file
