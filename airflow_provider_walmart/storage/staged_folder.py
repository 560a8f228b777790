"""A folder of files, none of which is seen before all are complete."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
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
    """Files under hidden names, moved to their own when all of them are complete; then a manifest says so.

    :param uri: the folder, which must hold nothing else: as for `atomic_write`.
    :param folders: folders inside it that files go to; none: they go to the folder itself.
    """

    def __init__(self, uri: str, folders: tuple[str, ...] = ()) -> None:
        self._folder = storage_path(uri, "output_path")
        self._uri, self._inner = uri.rstrip("/"), folders
        self._staged: list[tuple[ObjectStoragePath, ObjectStoragePath]] = []

    def open(self) -> None:
        """Make the folders, and remove what a killed process left in them."""
        for folder in self._inner or ("",):
            place = self._folder / folder if folder else self._folder
            make_folder(place)
            for left_behind in files_in(place, ".*.????????.part"):
                remove(left_behind)

    def add(self, name: str) -> ObjectStoragePath:
        """Return the hidden place of a new file.

        :param name: its name in the folder, with that of a folder inside it.
        """
        place = self._folder / name
        hidden = temporary_sibling(place)
        self._staged.append((hidden, place))
        return hidden

    def uri_of(self, name: str) -> str:
        """Return the URI of a file in the folder."""
        return f"{self._uri}/{name}"

    def discard(self) -> None:
        """Remove the files that were not published."""
        for hidden, _place in self._staged:
            with contextlib.suppress(Exception):
                remove(hidden)

    def publish(self, content: dict[str, Any], replaced: Mapping[str, str]) -> str:
        """Move all files to their places, then write the manifest, whose presence says that they are complete.

        :param content: the manifest.
        :param replaced: files of earlier runs that go, as patterns of names by folder.
        :return: URI of the manifest.
        """
        # From here on until the new manifest is there, whoever searches for one finds none.
        remove(self._folder / MANIFEST)
        places = {place.path for _, place in self._staged}
        for folder, pattern in replaced.items():
            for old in files_in(self._folder / folder if folder else self._folder, pattern):
                if old.path not in places:
                    remove(old)
        while self._staged:
            move(*self._staged[0])
            del self._staged[0]
        with atomic_write(self.uri_of(MANIFEST)) as file:
            json.dump(content, file, indent=2)
            file.write("\n")
        return self.uri_of(MANIFEST)
