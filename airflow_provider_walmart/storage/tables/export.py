"""The tables that an export of an operation is written to."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.values.dates import utc_now
from airflow_provider_walmart.storage.tables.declarations import chosen_tables, table_of
from airflow_provider_walmart.storage.tables.engine import Engine
from airflow_provider_walmart.storage.tables.parquet import COMPRESSIONS, ParquetTables, arrow, parquet_tables
from airflow_provider_walmart.storage.tables.personal import Personal
from airflow_provider_walmart.storage.tables.values import timestamp

if TYPE_CHECKING:
    from airflow_provider_walmart.client.settings import WalmartSettings


def added_values(account: str, context: Mapping[str, Any]) -> tuple[str, int, str | None]:
    """Return account, time and run as every row has them."""
    now = timestamp(utc_now().isoformat())
    run = context.get("run_id") or getattr(context.get("dag_run"), "run_id", None)
    return account, now, run if isinstance(run, str) else None


def export_tables(
    uri: str,
    operation: str,
    params: Mapping[str, Any],
    *,
    tables: Any,
    personal_data: str,
    compression: str | None,
    part_records: int | None,
    part_bytes: int | None,
    settings: WalmartSettings,
    conn_id: str,
    context: Mapping[str, Any],
) -> AbstractContextManager[ParquetTables]:
    """Return tables to be opened for the records of an operation.

    :param uri: a folder.
    :param operation: name of the operation.
    :param params: its parameters.
    :param tables: names of the tables to write, None for all.
    :param personal_data: ``drop``, ``hash`` or ``keep``.
    :param compression: ``zstd``, ``gzip`` or ``snappy``; None: zstd.
    :param part_records: most rows of a file; None: any number.
    :param part_bytes: most bytes of a file; None: 128 MB.
    :param settings: of the account.
    :param conn_id: stands for the account where the connection names no seller.
    :param context: of the task.
    :raises WalmartConfigError: for bad input, and without pyarrow.
    """
    arrow()
    if compression not in (None, "", *COMPRESSIONS):
        raise WalmartConfigError(
            f"compression is {compression!r}; allowed for Parquet: {', '.join(COMPRESSIONS)}, or None for zstd."
        )
    table = table_of(operation)
    names = chosen_tables(table, tables)
    personal = Personal(personal_data, settings.client_secret)
    added = added_values(str(settings.partner_id or conn_id), context)
    return parquet_tables(
        uri,
        table,
        names,
        Engine(table, names, personal, added, params),
        compression=compression or None,
        most_records=part_records,
        most_bytes=part_bytes,
    )
