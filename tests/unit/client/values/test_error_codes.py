"""What is known of Walmart's error codes."""

from __future__ import annotations

import pytest

from airflow_provider_walmart.client.values.error_codes import ACTIONS, all_error_codes, find_error_code


def test_each_code_is_listed_once_with_meaning_action_and_source():
    codes = [known.code for known in all_error_codes()]
    assert len(codes) == len(set(codes)) > 10
    for known in all_error_codes():
        assert known.action in ACTIONS
        assert known.meaning.endswith(".")
        assert known.source
        assert known.hint == f"{known.meaning} To do: {known.step or ACTIONS[known.action]}."
        # What is wrong with a row, or is never to be sent again, says what to do in its place.
        assert known.step or known.action in ("later", "wait") or known.code == "DATA_ERROR"


@pytest.mark.parametrize(
    ("code", "error_type", "action"),
    [
        ("ERR_EXT_DATA_0101119", "DATA_ERROR", "fix"),
        ("err_ext_data_0101119\t", None, "fix"),
        ("ERR_EXT_DATA_0101211", None, "never"),
        ("ERR_EXT_DATA_0101198", None, "never"),
        ("ERR_OFFER_2020", None, "later"),
        ("ERR_INT_SYS_1234567", None, "later"),
        # Said to be Walmart's own failures, and are none.
        ("ERR_INT_SYS_0801003", "SYSTEM_ERROR", "fix"),
        ("ERR_INT_SYS_0101139", "DATA_ERROR", "fix"),
        # The type counts more than a family of codes.
        ("ERR_INT_SYS_1234567", "DATA_ERROR", "fix"),
        ("ERR_NEW_1", "SYSTEM_ERROR", "later"),
        ("ERR_NEW_1", "TIMEOUT_ERROR", "later"),
        (None, "DATA_ERROR", "fix"),
        ("RESOURCE_IS_LOCKED.GMP_RECEIVER_API", None, "wait"),
    ],
)
def test_what_is_to_be_done_about_an_error(code, error_type, action):
    assert find_error_code(code, error_type).action == action


@pytest.mark.parametrize("code", [None, "", " ", "ERR_NEW_1", "ERR_INT", "*", 5, [], {}, True])
def test_nothing_is_said_of_codes_that_are_not_known(code):
    assert find_error_code(code) is None
