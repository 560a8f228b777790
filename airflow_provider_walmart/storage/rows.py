"""Rows that an operator is given: a list of dicts, or a file of them in object storage."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import IO, Any, BinaryIO, cast

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.storage.files import checked_path, is_local, shown


def check_one_input(**given: Any) -> None:
    """Pass for one input: known when the DAG is parsed, for a template is one as well.

    :param given: forms of input by the name of their parameter.
    :raises WalmartConfigError: when not exactly one is given.
    """
    names = [name for name, value in given.items() if value is not None]
    if len(names) != 1:
        *others, last = given
        raise WalmartConfigError(f"Give one of {', '.join(others)} and {last}; given: {names or 'none'}.")


# Inputs are read before anything is sent.
NOTHING_SENT = "Nothing was sent."


def check_rows(records: Any, **paths: str | None) -> None:
    """Pass for one input that can be read.

    :param records: rows as dicts, or None.
    :param paths: other forms of input by the name of their parameter, of which one is given instead.
    :raises WalmartConfigError: when not exactly one is given, or the rows are no list.
    """
    check_one_input(records=records, **paths)
    if records is not None and (
        isinstance(records, (str, bytes, Mapping)) or not isinstance(records, Iterable)
    ):
        raise WalmartConfigError(
            f"records is a {type(records).__name__}; expected a list of dicts. For a template that gives one, "
            "set render_template_as_native_obj=True on the DAG."
        )
    if isinstance(records, Iterator):
        raise WalmartConfigError(
            f"records is a {type(records).__name__}, which can be read only once; expected a list of dicts."
        )


@contextlib.contextmanager
def reading(field: str, uri: str) -> Iterator[IO[bytes]]:
    """Open a file that an operator is given.

    :param field: what the user calls it.
    :param uri: a path or any URI that `ObjectStoragePath` knows.
    :raises WalmartConfigError: when there is no such file, which no retry changes.
    :raises OSError: when its storage fails, which may pass.
    """
    try:
        place = checked_path(uri, field)
    except WalmartConfigError as error:
        raise WalmartConfigError(f"{error.message} {NOTHING_SENT}", hint=error.hint) from None
    try:
        # File systems of object stores raise whatever their libraries do.
        file: IO[bytes] = place.open("rb")  # type: ignore[no-untyped-call]
    except Exception as error:
        # Object stores refuse keys that have expired, too, in this way.
        is_final = isinstance(error, PermissionError) and is_local(place)
        raise _unreadable(error, field, uri, is_final=is_final) from error
    with file:
        try:
            yield file
        except OSError as error:
            raise _unreadable(error, field, uri, is_final=False) from error


def _unreadable(error: Exception, field: str, uri: str, *, is_final: bool) -> Exception:
    if isinstance(error, FileNotFoundError):
        return WalmartConfigError(f"{field} is {shown(uri)!r}: there is no such file. {NOTHING_SENT}")
    is_final = is_final or isinstance(error, (IsADirectoryError, NotADirectoryError))
    kind = WalmartConfigError if is_final else OSError
    return kind(
        f"{field} is {shown(uri)!r}, which can't be read: {error or type(error).__name__}. {NOTHING_SENT}"
    )


def iter_rows(records: Sequence[Mapping[str, Any]] | None, path: str | None) -> Iterator[Mapping[str, Any]]:
    """Yield the rows, of a file one at a time.

    :param path: JSON lines or CSV file, ``.gz`` too: a path or any URI that `ObjectStoragePath` knows.
    """
    from airflow_provider_walmart.client.values.row_files import rows

    if records is not None:
        yield from records
        return
    name = str(path)
    with reading("records_path", name) as file:
        yield from rows(cast("BinaryIO", file), name)


def lines_of(path: str | None, rows: Collection[int]) -> dict[int, int]:
    """Return the lines in which rows of a file begin, by the numbers of the rows; both are counted from 1.

    :param path: the file, as for `iter_rows`; None: there is none, and so no line.
    :param rows: numbers of rows, as far as they are to be found.
    """
    from airflow_provider_walmart.client.values.row_files import row_lines

    if path is None or not rows:
        return {}
    wanted = set(rows)
    try:
        with reading("records_path", path) as file:
            lines = itertools.islice(row_lines(cast("BinaryIO", file), path), max(wanted))
            return {row: line for row, line in enumerate(lines, 1) if row in wanted}
    except (WalmartConfigError, OSError):
        # It was read before, and what was found wrong then is to be said.
        return {}
