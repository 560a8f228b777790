"""A share in ``allowed_failures`` is one of the whole input, whatever of it is sent."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_walmart.client.feeds import feed_types
from airflow_provider_walmart.operators.feeds import WalmartSubmitFeedOperator
from tests.helpers.tasks import Task


@pytest.fixture
def send(shop, tmp_path):
    """Return a function that sends what changed of 200 rows, 5 of them wrong, in a run of its own."""
    shop.settings(feed_seconds=0)

    def send(run: int, *, changed: int = 0, wrong: int = 5, allowed=0.03, **fields):
        prices = {f"S{number}": 5 + run * (number < changed) for number in range(200 - wrong)}
        prices |= {f"X{number}": "x" for number in range(wrong)}
        known = {
            "task_id": "a_task",
            "feed_type": "price",
            "records": [{"sku": sku, "price": price} for sku, price in prices.items()],
            "send": "changed",
            "snapshot_path": f"{tmp_path}/prices.sqlite",
            "allowed_failures": allowed,
            "poll_interval": 0.05,
            "deferrable": False,
        }
        return Task(map_index=run).run(lambda: WalmartSubmitFeedOperator(**{**known, **fields}))

    return send


def counts(result) -> tuple[int, ...]:
    return tuple(result[name] for name in ("sent", "unchanged", "invalid"))


def posts(shop) -> int:
    return len([entry for entry in shop.received("^/v3/feeds$") if entry["method"] == "POST"])


@pytest.mark.parametrize("deferrable", [False, True])
def test_unchanged_rows_are_fine_rows_whatever_else_is_wrong(shop, send, deferrable):
    assert counts(send(1, deferrable=deferrable)) == (195, 0, 5)
    assert counts(send(2, changed=10, deferrable=deferrable)) == (10, 185, 5)
    assert counts(send(2, changed=10, deferrable=deferrable)) == (0, 195, 5)
    assert posts(shop) == 2


def test_refused_rows_and_wrong_ones_count_together_among_all_rows(shop, send):
    send(1)
    shop.settings(refused_skus={"S0": {"code": "E"}})
    assert send(2, changed=10)["itemsFailed"] == 1
    shop.settings(refused_skus={f"S{number}": {"code": "E"} for number in range(2)})
    said = (
        r"7 of 200 rows failed, 5 of them found wrong here and not sent \(185 are unchanged\), allowed: 3.00%"
    )
    with pytest.raises(AirflowFailException, match=said):
        send(3, changed=10)


def test_refused_rows_alone_are_a_share_of_all_rows(shop, send):
    send(1, wrong=0)
    shop.settings(refused_skus={f"S{number}": {"code": "E"} for number in range(6)})
    assert send(2, changed=10, wrong=0)["itemsFailed"] == 6
    shop.settings(refused_skus={f"S{number}": {"code": "E"} for number in range(7)})
    said = r"7 of 200 items failed \(190 are unchanged\), allowed: 3.00%"
    with pytest.raises(AirflowFailException, match=said):
        send(3, changed=10, wrong=0)


def test_rows_of_several_feeds_are_judged_together_where_rows_are_unchanged(shop, send, monkeypatch):
    send(1, wrong=0)
    monkeypatch.setitem(feed_types._MAX_ITEMS, "price", 5)
    shop.settings(refused_skus={f"S{number}": {"code": "E"} for number in (0, 1, 2, 3, 5, 6, 7, 8)})
    # 4 of 5 in each of two feeds: each is a share of 2 % of all rows, both together of 4 %.
    with pytest.raises(
        AirflowFailException, match=r"8 of 200 rows failed \(190 are unchanged\), allowed: 3.00%"
    ):
        send(2, changed=10, wrong=0)


def test_a_number_is_one_of_failed_items_as_before(shop, send):
    send(1, allowed=5)
    assert counts(send(2, changed=10, allowed=5)) == (10, 185, 5)
    shop.settings(refused_skus={"S0": {"code": "E"}})
    with pytest.raises(
        AirflowFailException, match="6 of 15 rows failed, 5 of them found wrong here and not sent"
    ):
        send(3, changed=10, allowed=5)


def test_a_feed_of_which_nothing_was_applied_fails_whatever_else_is_unchanged(shop, send):
    send(1, wrong=0)
    shop.settings(refused_skus={"S0": {"code": "E"}})
    with pytest.raises(AirflowFailException, match="nothing was applied: 1 of 1 items failed"):
        send(2, changed=1, wrong=0)


def test_items_that_were_sent_again_are_a_share_of_all_rows_too(shop, send):
    send(1, wrong=0)
    shop.settings(refused_skus={"S0": {"type": "SYSTEM_ERROR", "code": "ERR_INT_SYS_0101002"}})
    result = send(2, changed=10, wrong=0, resend_transient=1, resend_after=0.1)
    assert (len(result["feedIds"]), result["itemsFailed"]) == (2, 1)
