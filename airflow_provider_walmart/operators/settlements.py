"""Landing settlement reports."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.values.choices import check_choice
from airflow_provider_walmart.links.page import WalmartPageLink
from airflow_provider_walmart.storage.export_window import add_to_events, outlet_assets
from airflow_provider_walmart.storage.files import AnyPath, PathField
from airflow_provider_walmart.storage.settlements import SettlementFolder
from airflow_provider_walmart.storage.suffixes import SETTLEMENT_FORMATS
from airflow_provider_walmart.storage.tables import PERSONAL_DATA
from airflow_provider_walmart.task.context import task_identity
from airflow_provider_walmart.task.errors import fail_without_retry
from airflow_provider_walmart.task.lineage import WithLineage
from airflow_provider_walmart.task.parse_time import check_when_parsed

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_walmart.storage.tables.engine import Engine


class WalmartSettlementOperator(WithLineage, BaseOperator):
    """Lands the settlement (recon) reports that have come since the last run, each once.

    Walmart makes a report every two weeks and lists those there are. A report without a file in the folder is downloaded,
    oldest first; one with a file is left alone, since a closed period does not change. To get a report again, delete its
    file. A retry goes on with what is missing, and returns the reports of all its tries.

    The event of an outlet asset carries what the task returns.

    :param output_path: a folder: a path, an `ObjectStoragePath` or a URI of one. Files are named
        ``settlement_2026-11-17.csv``; each appears as a whole or not at all.
    :param output_format: ``csv`` (default), the table as Walmart made it, or ``parquet``, the typed table
        ``settlement_lines``, which needs the extra ``parquet``.
    :param personal_data: for Parquet: ``drop`` (default) leaves city, state and postal code of the buyer empty, ``hash``
        fills them with hashes that are keyed with the client secret of the connection, ``keep`` writes them as they are.
    :param walmart_conn_id: id of a connection of type ``walmart``; default ``walmart_default``.
    :return: dict with ``uri`` of the folder, ``reports`` (for each that the run landed: ``reportDate`` as Walmart names
        it, and ``uri``), and ``rows`` (of those that this try landed).
    :raises AirflowFailException: for bad input, and what Walmart refuses.
    :raises WalmartReportFailedError: when a report is damaged.
    """

    output_path: Any = PathField()

    template_fields: Sequence[str] = ("output_path", "output_format", "personal_data", "walmart_conn_id")
    operator_extra_links = (WalmartPageLink(),)
    ui_color = "#e6f1fc"

    def __init__(
        self,
        *,
        output_path: AnyPath,
        output_format: str = "csv",
        personal_data: str = "drop",
        walmart_conn_id: str = "walmart_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.output_path = output_path
        check_when_parsed(check_choice, "output_format", output_format, SETTLEMENT_FORMATS)
        self.output_format = output_format
        check_when_parsed(check_choice, "personal_data", personal_data, PERSONAL_DATA)
        self.personal_data = personal_data
        self.walmart_conn_id = walmart_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Land what is new."""
        with fail_without_retry():
            folder = SettlementFolder(self.output_path, self.output_format)
            # Input is checked before anything is sent.
            self._engine(context)
            client = self.hook.client
            listed = (
                client.call("getAvailableV1ReconReportDates", params={}).get("availableApReportDates") or []
            )
            # Given back to Walmart exactly as they come.
            dates = [str(date) for date in listed]
            planned = folder.planned(task_identity(context), dates)
            missing = folder.missing(planned)
            rows = 0
            for date in missing:
                archive = client.call("getReconReportV1", params={"reportDate": date})
                count = folder.land(date, io.BytesIO(archive or b""), self._engine(context))
                self.log.info("Settlement report %s is in %s: %d rows", date, folder.uri_of(date), count)
                rows += count
            if not planned:
                self.log.info("No settlement report is new; Walmart lists %d", len(dates))
            result = {
                "uri": self.output_path,
                "reports": [{"reportDate": date, "uri": folder.uri_of(date)} for date in planned],
                "rows": rows,
            }
            self.moved(self.at_walmart("report/reconreport"), self.output_path, rows, self._tables(rows))
            add_to_events(context, outlet_assets(self.outlets), result)
            return result

    def _engine(self, context: Context) -> Engine | None:
        """Return what reads the rows of a report into ``settlement_lines``; None where they stay as they are."""
        if self.output_format == "csv":
            if self.personal_data != "drop":
                raise WalmartConfigError(
                    "personal_data is for output_format='parquet'; CSV is the report as Walmart made it."
                )
            return None
        from airflow_provider_walmart.storage.tables.declarations import SETTLEMENT_LINES
        from airflow_provider_walmart.storage.tables.engine import Engine
        from airflow_provider_walmart.storage.tables.export import added_values
        from airflow_provider_walmart.storage.tables.parquet import arrow
        from airflow_provider_walmart.storage.tables.personal import Personal

        arrow()
        settings = self.hook.client.settings
        personal = Personal(self.personal_data, settings.client_secret)
        added = added_values(str(settings.partner_id or self.walmart_conn_id), context)
        return Engine(SETTLEMENT_LINES, [SETTLEMENT_LINES.name], personal, added)

    def _tables(self, rows: int) -> dict[str, dict[str, Any]] | None:
        """Return the table for lineage; None for CSV, whose columns are Walmart's."""
        if self.output_format == "csv":
            return None
        from airflow_provider_walmart.storage.tables.declarations import SETTLEMENT_LINES, columns_of
        from airflow_provider_walmart.storage.tables.parquet import described, schema_of

        columns = described(schema_of(columns_of(SETTLEMENT_LINES)))
        return {SETTLEMENT_LINES.name: {"uri": self.output_path, "rows": rows, "columns": columns}}
