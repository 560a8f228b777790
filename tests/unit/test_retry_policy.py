"""When Airflow 3.3 tries a failed task again, and what older versions say."""

from __future__ import annotations

import importlib
import json
import sys
from datetime import datetime, timedelta, timezone

import pytest
import time_machine
from airflow.providers.common.compat.sdk import AirflowException
from airflow.sdk import DAG, task

from airflow_provider_walmart.client import errors
from airflow_provider_walmart.client.errors import WalmartError, WalmartRateLimitError

MODULE = "airflow_provider_walmart.retry_policy"


@pytest.fixture
def sdk():
    return pytest.importorskip(
        "airflow.sdk.definitions.retry_policy", reason="retry policies came with Airflow 3.3"
    )


@pytest.fixture
def policy(sdk):
    from airflow_provider_walmart.retry_policy import WalmartRetryPolicy

    return WalmartRetryPolicy()


def throttled(seconds: float | None) -> WalmartRateLimitError:
    when = None if seconds is None else datetime.now(timezone.utc) + timedelta(seconds=seconds)
    return WalmartRateLimitError("throttled", status=429, retry_at=when)


@pytest.mark.parametrize("seconds", [90, 3600, 86_400])
def test_a_throttled_task_comes_back_a_little_after_the_named_time(seconds, policy, sdk):
    with time_machine.travel(datetime.now(timezone.utc), tick=False):
        decision = policy.evaluate(throttled(seconds), 1, 3)
    assert decision.action is sdk.RetryAction.RETRY
    assert timedelta(seconds=seconds) < decision.retry_delay <= timedelta(seconds=seconds + 2)
    assert "Walmart asks to come back at" in decision.reason


def test_a_time_that_has_passed_is_no_delay_below_zero(policy, sdk):
    decision = policy.evaluate(throttled(-600), 1, 3)
    assert decision.action is sdk.RetryAction.RETRY
    assert decision.retry_delay == timedelta(seconds=2)


def test_without_a_named_time_the_task_decides(policy, sdk):
    assert policy.evaluate(throttled(None), 1, 3) == sdk.RetryDecision.default()


@pytest.mark.parametrize(
    "error",
    [
        errors.WalmartConfigError("bad input"),
        errors.WalmartFeedFailedError("failed items"),
        *[WalmartError("refused", status=status) for status in (400, 401, 403, 405, 406, 413, 415, 422)],
        errors.WalmartRequestError("refused in part", status=200, method="POST"),
    ],
    ids=repr,
)
def test_what_no_retry_can_change_fails_at_once(error, policy, sdk):
    decision = policy.evaluate(error, 1, 3)
    assert decision.action is sdk.RetryAction.FAIL
    assert decision.retry_delay is None


@pytest.mark.parametrize(
    "error",
    [
        errors.WalmartConnectionError("gone"),
        errors.WalmartUnknownOutcomeError("lost"),
        errors.WalmartServerError("broken", status=503),
        errors.WalmartNotFoundError("not there yet", status=404),
        WalmartError("locked", status=423),
        AirflowException("of others"),
        ValueError("of others"),
        KeyboardInterrupt(),
    ],
    ids=repr,
)
def test_for_everything_else_the_task_decides(error, policy, sdk):
    assert policy.evaluate(error, 1, 3, context=None) == sdk.RetryDecision.default()


def test_a_dag_that_uses_it_survives_serialization(policy):
    from airflow.serialization.serialized_objects import DagSerialization

    from airflow_provider_walmart.operators.api import WalmartApiOperator

    with DAG(
        "a_dag",
        schedule=None,
        start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
        default_args={"retries": 3, "retry_policy": policy},
    ) as dag:

        @task
        def calls() -> None: ...

        calls()
        WalmartApiOperator(task_id="operator", operation="getAllOrders")
        WalmartApiOperator.partial(task_id="mapped", operation="getAnOrder").expand(
            params=[{"purchaseOrderId": "1"}]
        )
    stored = json.loads(json.dumps(DagSerialization.to_dict(dag)))
    again = DagSerialization.from_dict(stored)
    # The scheduler only needs to know that there is one: it is asked where the task runs.
    known = {task.task_id: task.has_retry_policy for task in again.tasks}
    assert known == {"calls": True, "operator": True, "mapped": True}


def test_a_retry_policy_is_made_anew_from_what_is_stored(policy):
    stored = json.loads(json.dumps(policy.serialize()))
    assert type(policy.deserialize(stored)) is type(policy)


def test_on_an_older_airflow_the_import_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "airflow.sdk.definitions.retry_policy", None)
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    with pytest.raises(ImportError, match=r"WalmartRetryPolicy needs Airflow 3.3.*set retry_delay"):
        importlib.import_module(MODULE)
