"""What is wrong is said when the DAG is parsed, unless a template or another task gives it."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import DAG, task

from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.values.choices import check_choice
from airflow_provider_walmart.operators.deadlines import WalmartOrdersDueOperator, WalmartPerformanceOperator
from airflow_provider_walmart.operators.exports import WalmartExportOperator
from airflow_provider_walmart.operators.feeds import WalmartSubmitFeedOperator
from airflow_provider_walmart.operators.orders import WalmartOrderUpdateOperator
from airflow_provider_walmart.operators.reports import WalmartReportOperator
from airflow_provider_walmart.operators.settlements import WalmartSettlementOperator
from airflow_provider_walmart.task.parse_time import check_when_parsed

EXPORT = {"operation": "getAllOrders", "output_path": "o"}
FEED = {"feed_type": "price", "records": [{"sku": "A", "price": 1}]}
# Operator, what it needs, the parameter, and what is allowed in the words of the error.
CHOICES = [
    (WalmartExportOperator, EXPORT, "output_format", "jsonl, parquet"),
    (WalmartExportOperator, EXPORT, "personal_data", "drop, hash, keep"),
    (WalmartOrderUpdateOperator, {"records": []}, "action", "acknowledge, ship, cancel, refund"),
    (WalmartOrdersDueOperator, {}, "kind", "acknowledge, ship, cancel"),
    (WalmartPerformanceOperator, {}, "fail_on", "MONITOR, URGENT, None"),
    (
        WalmartReportOperator,
        {"report_type": "ITEM", "output_path": "o"},
        "output_format",
        "csv, zip, jsonl, parquet",
    ),
    (WalmartSettlementOperator, {"output_path": "o"}, "output_format", "csv, parquet"),
    (WalmartSettlementOperator, {"output_path": "o"}, "personal_data", "drop, hash, keep"),
    (WalmartSubmitFeedOperator, FEED, "allowed_failures", "a number of items"),
    (WalmartSubmitFeedOperator, FEED, "on_unknown", "fail, resubmit"),
    (WalmartSubmitFeedOperator, FEED, "send", "all, changed"),
    (WalmartSubmitFeedOperator, FEED, "validate_spec", "True, False, warn"),
]


@pytest.mark.parametrize(
    ("kind", "needed", "field", "allowed"),
    [pytest.param(*each, id=f"{each[0].__name__}-{each[2]}") for each in CHOICES],
)
def test_a_wrong_choice_is_refused_when_the_dag_is_parsed(kind, needed, field, allowed):
    with pytest.raises(WalmartConfigError, match=f"{field} is 'wrong'; allowed: {allowed}"):
        kind(task_id="a_task", **needed, **{field: "wrong"})
    with DAG("a_dag"):
        earlier = task(task_id="earlier")(lambda: "given later")()
        for number, later in enumerate(["{{ var.value.choice }}", earlier]):
            assert vars(kind(task_id=f"task_{number}", **needed, **{field: later}))[field] == later


@pytest.mark.parametrize(
    ("kind", "needed", "field", "allowed"),
    [pytest.param(*each, id=f"{each[0].__name__}-{each[2]}") for each in CHOICES],
)
def test_a_wrong_choice_that_a_template_gives_is_refused_before_anything_is_sent(
    kind, needed, field, allowed, walmart, monkeypatch
):
    monkeypatch.setenv("AIRFLOW_CONN_WALMART_DEFAULT", "walmart://an-id:a-secret@")
    if field == "personal_data":
        needed = {**needed, "output_format": "parquet"}
    made = kind(task_id="a_task", **needed, **{field: "{{ var.value.choice }}"})
    setattr(made, field, "wrong")
    with pytest.raises(AirflowFailException, match=f"{field} is 'wrong'; allowed: {allowed}"):
        made.execute({})
    assert walmart.request_history == []


@pytest.mark.parametrize("value", [["all"], {"all": 1}, 7, 1.5, "", "ALL"])
def test_anything_may_be_given_where_a_choice_is_expected(value):
    with pytest.raises(WalmartConfigError, match=r"send is .*; allowed: all, changed"):
        check_choice("send", value, ("all", "changed"))


def test_a_check_of_several_parameters_waits_for_all_of_them():
    seen = []
    for later in ("{{ b }}", "{% if b %}b{% endif %}", "{# b #}b", lambda context, jinja_env: "b"):
        check_when_parsed(lambda *given: seen.append(given), "a", later)
    check_when_parsed(lambda *given: seen.append(given), "a", "b")
    assert seen == [("a", "b")]
