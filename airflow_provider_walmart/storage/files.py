"""Files in object storage that are there as a whole or not at all."""

from __future__ import annotations

import contextlib
import fnmatch
import glob
import gzip
import os
import re
import uuid
from collections.abc import Iterator
from pathlib import PurePath
from typing import IO, Any

from airflow.providers.common.compat.sdk import ObjectStoragePath
from fsspec import AbstractFileSystem

from airflow_provider_walmart.client.errors import WalmartConfigError

# Parts in which a file is uploaded: the smallest that S3 takes. Its own choice is ten times as large, and is held in
# memory three times. Bytes.
PART = 5 * 1024 * 1024
# Schemes of stores without folders: what looks like one is the beginning of names. Asked for a folder, their file systems
# look for the bucket, which takes rights that not all have who may write, and make it when there is none. Everything
# else that Airflow reaches (this machine, SFTP, SharePoint) has real folders, which must be there first.
OBJECT_STORES = frozenset({"s3", "s3a", "s3n", "gs", "gcs", "abfs", "abfss", "adl"})
# A URI that lost a slash would be a folder on this machine, and nobody would miss the file in the bucket.
ONE_SLASH = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/?(?!/)")
PROVIDERS = (
    "Install this package with the extra of the storage: airflow-provider-walmart[s3] for s3://, [gcs] for gs://, [azure] for "
    "abfs://; sftp:// comes with apache-airflow-providers-sftp[sshfs]."
)

AnyPath = str | PurePath | ObjectStoragePath


class PathField:
    """A field of an operator for a place: a path of any kind becomes text, which is what XCom and lineage take.

    Whenever it is set: what another task returned comes in when Airflow renders the field.
    """

    def __set_name__(self, _owner: type, name: str) -> None:
        self._name = name

    def __set__(self, operator: object, place: Any) -> None:
        vars(operator)[self._name] = str(place) if isinstance(place, (PurePath, ObjectStoragePath)) else place


def storage_path(uri: str, field: str) -> ObjectStoragePath:
    """Return a place that can be reached from here.

    :param uri: any URI that `ObjectStoragePath` knows (``file://``, ``s3://conn_id@bucket/key``), or a path on this
        machine.
    :param field: what the user calls it.
    :raises WalmartConfigError: when it is none, or in a storage that nothing installed here can reach.
    """
    if not isinstance(uri, str) or not uri.strip():
        raise WalmartConfigError(f"{field} is {uri!r}; expected a path or a URI.")
    if mistyped := ONE_SLASH.match(uri):
        scheme, rest = mistyped[1], uri[mistyped.end() :]
        meant = f"{scheme}://{'/' if scheme == 'file' else ''}{rest}"
        raise WalmartConfigError(f"{field} lacks a slash; did you mean {shown(meant)!r}?")
    try:
        # Airflow 3.1 takes a relative path from the root.
        place = ObjectStoragePath(uri if "://" in uri else os.path.abspath(os.path.expanduser(uri)))
        _ = place.fs
    except (ValueError, ImportError) as error:
        raise WalmartConfigError(f"{field} is {shown(uri)!r}: {error}.", hint=PROVIDERS) from None
    return place


def checked_path(uri: str, field: str = "path") -> ObjectStoragePath:
    """Return where a file is to go.

    :param uri: as for `storage_path`.
    :param field: what the user calls it.
    :raises WalmartConfigError: as `storage_path` does, and when it names a folder or a bucket.
    """
    place = storage_path(uri, field)
    if uri.endswith("/") or not place.name or (is_local(place) and os.path.isdir(place.path)):
        raise WalmartConfigError(f"{field} is {shown(uri)!r}, a folder or a bucket; expected a file in one.")
    if is_local(place) and os.path.islink(place.path):
        # What a symbolic link leads to is replaced, and not the link.
        return ObjectStoragePath(os.path.realpath(place.path))
    return place


def is_local(place: ObjectStoragePath) -> bool:
    """Return whether a place is on this machine."""
    return place.protocol in ("", "file")


@contextlib.contextmanager
def atomic_write(uri: str, mode: str = "w", field: str = "path") -> Iterator[IO[Any]]:
    """Open a file for writing beside its place, and move it there once it is complete.

    :param uri: as for `checked_path`. A file that is already there is replaced.
    :param mode: ``w`` for text (UTF-8), ``wb`` for bytes.
    :param field: what the user calls the place.
    :return: the open file; when the block fails, nothing is left behind. What a killed process left of the same file
        goes when it is written again.
    :raises WalmartConfigError: as `checked_path` does.
    :raises OSError: when it can't be written, naming the place.
    """
    target = checked_path(uri, field)
    with path_in_errors(uri):
        make_folder(target.parent)
        if target.protocol in OBJECT_STORES:
            # Always the same name, so that the next run overwrites what a killed one left: to list what is there takes
            # rights that not all have who may write.
            beside = target.parent / f".{target.name}.part"
        else:
            beside = temporary_sibling(target)
            for left_behind in files_in(target.parent, f".{glob.escape(target.name)}.????????.part"):
                remove(left_behind)
        try:
            with written(beside, mode) as file:
                yield file
            move(beside, target)
        except BaseException:
            # What went wrong first is to be raised, and not all file systems raise an OSError.
            with contextlib.suppress(Exception):
                remove(beside)
            raise


@contextlib.contextmanager
def path_in_errors(uri: str) -> Iterator[None]:
    """Name the place in an error of its file system: those of object stores don't.

    :raises OSError: in place of any other.
    """
    try:
        yield
    except gzip.BadGzipFile:
        # That is what was read.
        raise
    except OSError as error:
        cause: BaseException = error
        # Which call was refused is only said at the root.
        while cause.__cause__:
            cause = cause.__cause__
        raise OSError(f"{shown(uri)} can't be written: {cause}") from error


def shown(uri: str) -> str:
    """Return a URI as it may be shown: in front of the @ belongs the id of a connection, but some have keys there."""
    return re.sub("(?<=://)[^/@]*:[^@]*@", "***@", uri)


def make_folder(folder: ObjectStoragePath) -> None:
    """Make a folder where a file system has such."""
    if folder.protocol not in OBJECT_STORES:
        # In Airflow 3.3 `mkdir` and its like are, without a connection, those of a file system made on the spot.
        folder.fs.makedirs(folder.path, exist_ok=True)


def files_in(folder: ObjectStoragePath, pattern: str) -> list[ObjectStoragePath]:
    """Return what is in a folder under names of a pattern; nothing where there is no folder.

    The name of the folder itself is none, as it would be to `glob`.
    """
    try:
        paths = folder.fs.ls(folder.path, detail=False)
    except FileNotFoundError:
        return []
    names = (path.rpartition("/")[2] for path in paths)
    return [folder / name for name in names if fnmatch.fnmatchcase(name, pattern)]


def remove(file: ObjectStoragePath) -> None:
    """Remove a file, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        # Unlike `unlink`, it takes no name for a pattern, and doesn't check whether there is something.
        file.fs.rm_file(file.path)


def move(source: ObjectStoragePath, target: ObjectStoragePath) -> None:
    """Move a file to another place in the same file system, in place of what is there."""
    fs = source.fs
    # Some have one of their own as objects, not as classes.
    if getattr(fs.mv, "__func__", None) is AbstractFileSystem.mv:
        # That one takes names for patterns, and with one such as a?.csv makes a folder of the target.
        fs.cp_file(source.path, target.path)
        fs.rm_file(source.path)
    else:
        fs.mv(source.path, target.path)


def temporary_sibling(target: ObjectStoragePath) -> ObjectStoragePath:
    """Return a hidden place beside another one, a new one each time."""
    return target.parent / f".{target.name}.{uuid.uuid4().hex[:8]}.part"


def written(path: ObjectStoragePath, mode: str) -> IO[Any]:
    """Open a file for writing, held in memory in small parts only where it is uploaded."""
    # Texts of others are cut anywhere, also in the middle of a character.
    text = {} if "b" in mode else {"encoding": "utf-8", "errors": "replace"}
    file: IO[Any] = path.open(mode, block_size=PART, **text)  # type: ignore[no-untyped-call]
    return file
