"""Rows that an operator is given: a list of dicts, or a file of them in object storage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.results.files import storage_path


def check_rows(records: Any, **paths: str | None) -> None:
    """Pass for one input that can be read.

    :param records: rows as dicts, or None.
    :param paths: other forms of input by the name of their parameter, of which one is given instead.
    :raises WalmartConfigError: when not exactly one is given, or the rows are no list.
    """
    given = {"records": records, **paths}
    names = [name for name, value in given.items() if value is not None]
    if len(names) != 1:
        *others, last = given
        raise WalmartConfigError(f"Give one of {', '.join(others)} and {last}; given: {names or 'none'}.")
    if records is not None and (
        isinstance(records, (str, bytes, Mapping)) or not isinstance(records, Iterable)
    ):
        raise WalmartConfigError(
            f"records is a {type(records).__name__}; expected a list of dicts. For a template that gives one, "
            "set render_template_as_native_obj=True on the DAG."
        )


def iter_rows(records: Sequence[Mapping[str, Any]] | None, path: str | None) -> Iterator[Mapping[str, Any]]:
    """Yield the rows, of a file one at a time.

    :param path: JSON lines or CSV file, ``.gz`` too: a path or any URI that `ObjectStoragePath` knows.
    """
    from airflow_provider_walmart.client.feed_records import rows

    if records is not None:
        yield from records
        return
    name = str(path)
    with storage_path(name, "records_path").open("rb") as file:  # type: ignore[no-untyped-call]
        yield from rows(file, name)
