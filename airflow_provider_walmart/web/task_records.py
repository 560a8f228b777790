"""What tasks of this deployment left behind: read from Airflow's database, for DAGs whose XComs the user may read."""

from __future__ import annotations

import functools
import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from airflow.models.renderedtifields import RenderedTaskInstanceFields
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import and_, select
from starlette.concurrency import run_in_threadpool

from airflow_provider_walmart.client.values.dates import utc_now
from airflow_provider_walmart.web.access import may_read_xcoms
from airflow_provider_walmart.web.desk import Desk
from airflow_provider_walmart.web.rendering import path_segment

# So many XComs are looked through at most for one page.
MOST = 2000
CONN_FIELDS = ("walmart_conn_id", "walmart_golocal_conn_id")


@dataclass(frozen=True)
class TaskRun:
    """One task instance, and what it is about.

    :param operator: name of its class.
    :param state: its state in Airflow; empty before it has one.
    :param at: when it began, or left the XCom that it is listed for (aware, UTC).
    :param conn_id: connection that it works with; empty where it is not known.
    :param result: its ``return_value``; None where there is none yet.
    :param feed_ids: ids of the feeds that it has submitted.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    operator: str
    state: str
    at: datetime | None
    conn_id: str
    result: Any = None
    feed_ids: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Path of its page in Airflow."""
        tasks = f"/dags/{path_segment(self.dag_id)}/runs/{path_segment(self.run_id)}/tasks/{path_segment(self.task_id)}"
        return f"{tasks}/mapped/{self.map_index}" if self.map_index >= 0 else tasks

    @property
    def own_path(self) -> str:
        """Path of its page here."""
        parts = (self.dag_id, self.run_id, self.task_id, self.map_index)
        return f"/task/{'/'.join(map(path_segment, parts))}"


def task_run(dag_id: str, run_id: str, task_id: str, map_index: int) -> TaskRun | None:
    """Return one task instance with its result; None when there is none.

    The user must be allowed to read the XComs of its DAG.
    """
    with create_session() as session:
        row = session.execute(
            select(TaskInstance.operator, TaskInstance.state, TaskInstance.start_date).where(
                TaskInstance.dag_id == dag_id,
                TaskInstance.run_id == run_id,
                TaskInstance.task_id == task_id,
                TaskInstance.map_index == map_index,
            )
        ).first()
        if row is None:
            return None
        values = session.execute(
            select(XComModel.key, XComModel.value).where(
                XComModel.dag_id == dag_id,
                XComModel.run_id == run_id,
                XComModel.task_id == task_id,
                XComModel.map_index == map_index,
                XComModel.key.in_(("return_value", "feed_ids")),
            )
        ).all()
        fields = session.execute(
            select(RenderedTaskInstanceFields.rendered_fields).where(
                RenderedTaskInstanceFields.dag_id == dag_id,
                RenderedTaskInstanceFields.run_id == run_id,
                RenderedTaskInstanceFields.task_id == task_id,
                RenderedTaskInstanceFields.map_index == map_index,
            )
        ).scalar()
    known = {key: _decoded(value) for key, value in values}
    return TaskRun(
        dag_id,
        run_id,
        task_id,
        map_index,
        str(row.operator or ""),
        str(row.state or ""),
        row.start_date,
        _conn_id(fields),
        known.get("return_value"),
        _texts(known.get("feed_ids")),
    )


def _of_one_task(model: Any) -> Any:
    """Return the condition that an XCom and a row of another table belong to the same task."""
    names = ("dag_id", "run_id", "task_id", "map_index")
    return and_(*(getattr(XComModel, name) == getattr(model, name) for name in names))


@functools.cache
def database() -> Desk:
    """Return what asks Airflow's database: XComs have no index by time, so that this may take long."""
    return Desk("Airflow's database", threads=2)


async def results(
    user: Any, operator: str, days: int, conn_id: str, key: str = "return_value"
) -> list[TaskRun]:
    """Return what the tasks of an operator left in the last days, the newest first.

    :param user: who asks: only DAGs whose XComs they may read.
    :param operator: name of its class.
    :param days: so far back.
    :param conn_id: only tasks that work with this connection.
    :param key: key of the XCom.
    :raises BusyError: when the database can't be asked now, or does not answer in time.
    """
    question = functools.partial(_results, operator, days, conn_id, key)
    found = await database().ask((operator, days, conn_id, key), question)
    allowed = await run_in_threadpool(may_read_xcoms, user, {run.dag_id for run in found})
    return [run for run in found if run.dag_id in allowed]


def _results(operator: str, days: int, conn_id: str, key: str) -> list[TaskRun]:
    """Return what the tasks of an operator left, whoever may read it; blocks."""
    query = (
        select(
            XComModel.dag_id,
            XComModel.run_id,
            XComModel.task_id,
            XComModel.map_index,
            XComModel.value,
            XComModel.timestamp,
            TaskInstance.operator,
            TaskInstance.state,
            RenderedTaskInstanceFields.rendered_fields,
        )
        .join(TaskInstance, _of_one_task(TaskInstance))
        .outerjoin(RenderedTaskInstanceFields, _of_one_task(RenderedTaskInstanceFields))
        .where(
            XComModel.key == key,
            XComModel.timestamp >= utc_now() - timedelta(days=days),
            TaskInstance.operator == operator,
        )
        .order_by(XComModel.timestamp.desc())
        .limit(MOST)
    )
    with create_session() as session:
        rows = session.execute(query).all()
    found = []
    for row in rows:
        if _conn_id(row.rendered_fields) == conn_id:
            value = _decoded(row.value)
            found.append(
                TaskRun(
                    row.dag_id,
                    row.run_id,
                    row.task_id,
                    row.map_index,
                    str(row.operator),
                    str(row.state or ""),
                    row.timestamp,
                    conn_id,
                    value if key == "return_value" else None,
                    _texts(value) if key == "feed_ids" else (),
                )
            )
    return found


async def submitters(user: Any, days: int, conn_id: str, feed_ids: Collection[str]) -> dict[str, TaskRun]:
    """Return which tasks submitted feeds, by the id of the feed."""
    wanted = set(feed_ids)
    runs = await results(user, "WalmartSubmitFeedOperator", days, conn_id, "feed_ids")
    return {feed_id: run for run in reversed(runs) for feed_id in run.feed_ids if feed_id in wanted}


def _decoded(value: Any) -> Any:
    """Return the value of an XCom; None for one that another backend has put elsewhere."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return None


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(text for text in value if isinstance(text, str)) if isinstance(value, list) else ()


def _conn_id(fields: Any) -> str:
    if isinstance(fields, str):
        fields = _decoded(fields)
    if not isinstance(fields, dict):
        return ""
    return next((str(fields[name]) for name in CONN_FIELDS if fields.get(name)), "")
