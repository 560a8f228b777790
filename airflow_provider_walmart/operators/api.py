"""Any documented operation as a task."""

from __future__ import annotations

import collections
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

from airflow_provider_walmart.client.catalogue.operations import Operation, check_reads, find
from airflow_provider_walmart.client.errors import WalmartConfigError, WalmartError
from airflow_provider_walmart.client.once.outcomes import may_have_arrived
from airflow_provider_walmart.storage.files import AnyPath, PathField, atomic_write, checked_path
from airflow_provider_walmart.storage.many_answers import land_many
from airflow_provider_walmart.storage.rows import check_one_input, check_rows, iter_rows, lines_of
from airflow_provider_walmart.storage.suffixes import check_suffix, refuse_gzip
from airflow_provider_walmart.task.api_params import check_airflow_params, check_api_params
from airflow_provider_walmart.task.context import task_identity
from airflow_provider_walmart.task.errors import fail_without_retry
from airflow_provider_walmart.task.hooks import OfMarketplace
from airflow_provider_walmart.task.parse_time import check_when_parsed

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

# XCom is a table of Airflow's database: what is larger than this belongs into object storage. Bytes of JSON.
MAX_XCOM = 48 * 1024
PROGRESS_EVERY = 10_000


class WalmartApiOperator(OfMarketplace, BaseOperator):
    """Calls one documented operation of Walmart Marketplace.

    Parameters are checked before anything is sent. GET calls are retried after transient errors; a write is sent once, and a
    task whose write may have happened is not retried unless doing it twice changes nothing (PUT, DELETE).

    :param operation: operation id (``getAnOrder``) or method and path
        (``GET /v3/orders/{purchaseOrderId}``); the docs list all of them.
    :param api_params: parameters by Walmart's names, those of the path included: what JSON can hold, and templates. What
        another task returned comes in by a template, or by mapping: ``.expand(api_params=...)``. Airflow's own ``params``
        are those of the DAG run, and never sent.
    :param body: for operations that take one: what JSON can hold, a `Decimal` being a number, or JSON as text. Where a
        template gives a dict, the DAG needs ``render_template_as_native_obj=True``.
    :param strict: False lets parameters and values pass that are newer than the catalogue; default True.
    :param paginate: True reads all pages and gives the records; default False.
    :param output_path: where the answer goes: a path, an `ObjectStoragePath` or a URI of one. Records as JSON lines,
        a file as it is, any other answer as JSON. None: into XCom, up to 48 KiB of JSON.
    :param records: list of dicts; one call is made for each, with its columns as parameters, beside those of ``api_params``,
        which hold where a row has nothing. The answers go to ``output_path`` as JSON lines ``{"params", "result"}`` in the
        order of the rows, or ``{"params", "error"}`` where one failed. A later try of the same run goes on where this one ended,
        as long as operation, account and rows are the same. Only for operations that change nothing and answer with JSON.
    :param records_path: in place of ``records`` a JSON lines or CSV file (``.gz`` too): a path, an `ObjectStoragePath` or a
        URI of one.
    :param concurrency: with rows: most calls on their way at the same time, 1 to 64, inside the rate budget; default 8.
    :param walmart_conn_id: id of a connection of type ``walmart``; default ``walmart_default``.
    :return: without ``output_path`` the answer, or the list of records; with it a dict with ``uri`` (None when the
        answer is empty), ``bytes`` (None for records) and ``records`` (None for a single answer). With rows ``uri``,
        ``records`` (their number) and ``failed`` (those with an error).
    :raises WalmartConfigError: when the DAG is parsed, for what is known to be wrong then.
    :raises AirflowFailException: for bad input, for what Walmart refuses, for a POST or PATCH that may have happened,
        and for an answer too large for XCom.
    :raises WalmartError: for anything else; a retry may help.
    """

    output_path: Any = PathField()
    records_path: Any = PathField()

    template_fields: Sequence[str] = (
        "operation",
        "api_params",
        "body",
        "output_path",
        "records",
        "records_path",
        "walmart_conn_id",
    )
    template_fields_renderers = {"api_params": "json", "body": "json"}
    ui_color = "#e6f1fc"

    def __init__(
        self,
        *,
        operation: str,
        api_params: Mapping[str, Any] | None = None,
        body: Any = None,
        strict: bool = True,
        paginate: bool = False,
        output_path: AnyPath | None = None,
        records: Sequence[Mapping[str, Any]] | None = None,
        records_path: AnyPath | None = None,
        concurrency: int = 8,
        walmart_conn_id: str = "walmart_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_airflow_params(self, operation, api_params)
        self.operation = operation
        self.api_params = api_params
        self.body = body
        self.strict = strict
        self.paginate = paginate
        self.output_path = output_path
        self.records = records
        self.records_path = records_path
        self.concurrency = concurrency
        self.walmart_conn_id = walmart_conn_id
        if self._has_rows():
            check_one_input(records=records, records_path=records_path)
            self._check_fields_beside_rows()
            check_when_parsed(_check_operation_of_rows, operation)

    def execute(self, context: Context) -> Any:
        """Call the operation and land its answer."""
        with fail_without_retry():
            operation, params = find(self.operation), check_api_params(self.api_params)
            if self.output_path is not None:
                self._check_output_path(operation, self.output_path)
            if self._has_rows():
                return self._land_many(operation, params, task_identity(context))
            if self.paginate:
                return self._land_records(params)
            if self.output_path and operation.gives_file and operation.safe_to_retry:
                return self._land_file(params)
            answer = self._call(operation, params)
            try:
                return self._land_answer(answer)
            except Exception as error:
                if isinstance(error, WalmartError) or _may_be_repeated(operation):
                    raise
                raise AirflowFailException(
                    f"{self.operation} was carried out, but its answer could not be kept ({error!r}). A retry would "
                    "do it again."
                ) from error

    def _check_output_path(self, operation: Operation, output_path: str) -> None:
        checked_path(output_path, "output_path")
        refuse_gzip(output_path)
        if self._has_rows() or not operation.gives_file:
            has_lines = self.paginate or self._has_rows()
            check_suffix(output_path, *(("jsonl", "json") if has_lines else ("json", "jsonl")), chosen_by="")

    def _call(self, operation: Operation, params: dict[str, Any]) -> Any:
        client = self.hook.client
        try:
            return client.call(self.operation, body=self.body, params=params, strict=self.strict)
        except WalmartError as error:
            if _may_be_repeated(operation) or not may_have_arrived(error, client.tokens.call.path):
                raise
            raise AirflowFailException(
                f"Not retried, since that might do it twice. {type(error).__name__}: {error}"
            ) from error

    def _has_rows(self) -> bool:
        return self.records is not None or self.records_path is not None

    def _check_fields_beside_rows(self) -> None:
        if self.paginate or self.body is not None or not self.output_path:
            raise WalmartConfigError(
                "One read for each row needs output_path, and goes neither with body nor with paginate."
            )

    def _land_many(self, operation: Operation, params: dict[str, Any], run: str) -> dict[str, Any]:
        """Make one read for each row, and land the answers."""
        from airflow_provider_walmart.client.calls.build import params_of_rows

        check_rows(self.records, records_path=self.records_path)
        self._check_fields_beside_rows()
        _check_operation_of_rows(operation.name)
        client = self.hook.client

        def rows() -> Iterator[dict[str, Any]]:
            given = iter_rows(self.records, self.records_path)
            lines = partial(lines_of, self.records_path)
            return params_of_rows(operation, params, given, strict=self.strict, lines=lines)

        def read(todo: Iterable[Mapping[str, Any]]) -> Iterator[Any]:
            return client.call_many(operation.name, todo, concurrency=self.concurrency, strict=self.strict)

        # All rows are checked before the first call.
        collections.deque(rows(), maxlen=0)
        return land_many(self.output_path, run, [operation.name, *client.settings.account], rows, read)

    def _land_file(self, params: dict[str, Any]) -> dict[str, Any]:
        parts = self.hook.client.file(self.operation, body=self.body, params=params, strict=self.strict)
        first = next(parts, b"")
        if not first:
            return self._nothing()
        length = 0
        with atomic_write(str(self.output_path), "wb") as file:
            for part in itertools.chain([first], parts):
                length += file.write(part)
        return self._landed(length)

    def _nothing(self) -> dict[str, Any]:
        self.log.info("%s answered with nothing, so there is no file", self.operation)
        return {"uri": None, "bytes": 0, "records": None}

    def _landed(self, length: int) -> dict[str, Any]:
        self.log.info("%d bytes are in %s", length, self.output_path)
        return {"uri": self.output_path, "bytes": length, "records": None}

    def _land_answer(self, answer: Any) -> Any:
        if answer is None and self.output_path:
            return self._nothing()
        content = answer if isinstance(answer, bytes) else json.dumps(answer, ensure_ascii=False).encode()
        if self.output_path:
            with atomic_write(self.output_path, "wb") as file:
                file.write(content)
            return self._landed(len(content))
        if isinstance(answer, bytes):
            raise _too_large(f"{self.operation} answered with a file of {len(answer)} bytes")
        if len(content) > MAX_XCOM:
            raise _too_large(f"{self.operation} answered with {len(content)} bytes of JSON")
        return answer

    def _land_records(self, params: dict[str, Any]) -> Any:
        found = self.hook.client.paginate(self.operation, body=self.body, params=params, strict=self.strict)
        if self.output_path is None:
            records, size = [], 0
            for record in found:
                size += len(json.dumps(record, ensure_ascii=False).encode()) + len(", ")
                if size > MAX_XCOM:
                    raise _too_large(
                        f"The records of {self.operation} are more than {MAX_XCOM} bytes of JSON"
                    )
                records.append(record)
            return records
        count = 0
        with atomic_write(self.output_path) as file:
            for count, record in enumerate(found, start=1):
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
                if count % PROGRESS_EVERY == 0:
                    self.log.info("%d records so far", count)
        self.log.info("%d records are in %s", count, self.output_path)
        return {"uri": self.output_path, "bytes": None, "records": count}


class _TooLargeError(WalmartError):
    """The call was made; its answer has no place to go."""

    is_final = True


def _may_be_repeated(operation: Operation) -> bool:
    # What is set or deleted twice is set or deleted.
    return operation.safe_to_retry or operation.method in ("PUT", "DELETE")


def _check_operation_of_rows(name: str) -> None:
    operation = find(name)
    check_reads(operation)
    if operation.gives_only_file:
        raise WalmartConfigError(
            f"{operation.name} answers with a file, which a line of JSON can't hold.",
            hint=(
                "In place of records make a task of each row, with api_params and output_path: "
                "WalmartApiOperator.partial(...).expand_kwargs(...)."
            ),
        )


def _too_large(what: str) -> WalmartError:
    return _TooLargeError(
        f"{what}, which doesn't belong into XCom (up to {MAX_XCOM} bytes). The call was made.",
        hint="Set output_path to a place in object storage.",
    )
