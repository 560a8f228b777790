"""Which errors a retry may help with."""

from __future__ import annotations

import pytest

from airflow_provider_walmart.client.errors import ErrorDetail, WalmartRequestError


@pytest.mark.parametrize(
    ("method", "details", "is_final"),
    [
        # As Walmart answers right requests during outages.
        ("GET", [ErrorDetail("INVALID_REQUEST.GMP_ORDER_API", "data", "Invalid Request")], False),
        ("GET", [ErrorDetail("INVALID_REQUEST.GMP_ORDER_API", "data", "")], False),
        ("GET", [], False),
        ("GET", [ErrorDetail("INVALID_REQUEST.GMP_ORDER_API", "createdStartDate", "Invalid Request")], True),
        ("GET", [ErrorDetail("INVALID_REQUEST.GMP_ORDER_API", "data", "Invalid Date format value")], True),
        ("GET", [ErrorDetail("ERR_PDI_0034", "", "")], True),
        # A write is not sent again for lack of a reason.
        ("POST", [ErrorDetail("INVALID_REQUEST.GMP_ORDER_API", "data", "Invalid Request")], True),
    ],
)
def test_a_read_that_is_refused_without_a_reason_may_be_retried(method, details, is_final):
    error = WalmartRequestError("400", status=400, method=method, details=details)
    assert error.is_final is is_final
