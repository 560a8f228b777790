"""A folder of files, which a manifest names once all of them are complete."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Iterable
from typing import Any

from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_walmart.storage.files import (
    atomic_write,
    files_in,
    make_folder,
    move,
    remove,
    storage_path,
    temporary_sibling,
)

MANIFEST = "_manifest.json"


class StagedFolder:
    """Files under hidden names, moved to their own when all of them are complete; then a manifest names them.

    Each run has names of its own. So the manifest, which is replaced last and as a whole, names all files of one run at any
    time, and never those of two, whenever a process dies.

    :param uri: the folder, which must hold nothing else: as for `atomic_write`.
    :param suffix: of the files.
    :param folders: folders inside it that files go to; none: they go to the folder itself.
    """

    def __init__(self, uri: str, suffix: str, folders: tuple[str, ...] = ("",)) -> None:
        self._folder = storage_path(uri, "output_path")
        self._uri, self._suffix, self._inner = uri.rstrip("/"), suffix, folders
        self._run = uuid.uuid4().hex[:8]
        self._staged: list[tuple[ObjectStoragePath, ObjectStoragePath]] = []

    def open(self) -> None:
        """Make the folders, and remove what a killed process left in them."""
        for name in self._inner:
            folder = self._place(name)
            make_folder(folder)
            for left_behind in files_in(folder, ".*.????????.part"):
                remove(left_behind)

    def _place(self, name: str) -> ObjectStoragePath:
        return self._folder / name if name else self._folder

    def add(self, number: int, folder: str = "") -> tuple[str, ObjectStoragePath]:
        """Return the URI that a new file will have, and the hidden place to write it to.

        :param number: its number among the files of a folder, from 1.
        :param folder: name of the folder that it is in.
        """
        name = f"{folder}/" * bool(folder) + f"part-{number:05}-{self._run}{self._suffix}"
        place = self._folder / name
        hidden = temporary_sibling(place)
        self._staged.append((hidden, place))
        return f"{self._uri}/{name}", hidden

    def discard(self) -> None:
        """Remove the files that were not published."""
        for places in self._staged:
            for place in places:
                with contextlib.suppress(Exception):
                    remove(place)

    def publish(self, content: dict[str, Any], folders: Iterable[str] = ("",)) -> str:
        """Move all files to their places, then replace the manifest, then remove the files of earlier runs.

        :param content: the manifest.
        :param folders: folders with files of earlier runs.
        :return: URI of the manifest.
        """
        for hidden, place in self._staged:
            move(hidden, place)
        manifest = f"{self._uri}/{MANIFEST}"
        with atomic_write(manifest) as file:
            json.dump(content, file, indent=2)
            file.write("\n")
        places = {place.path for _, place in self._staged}
        self._staged = []
        for name in folders:
            for old in files_in(self._place(name), "part-?????-????????.*"):
                if old.path not in places:
                    remove(old)
        return manifest
