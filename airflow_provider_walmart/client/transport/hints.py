"""What to do about an error that Walmart answers: one sentence for each status and code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus

from airflow_provider_walmart.client.errors import WalmartError
from airflow_provider_walmart.client.transport.retries import SAFE_METHODS

# What to do about an error, by the name of its code.
CODE_HINTS = {
    "INVALID_REQUEST_HEADER": (
        "A WM_ header is missing or blank. Check service name, channel type and market of the connection."
    ),
    "RESOURCE_IS_LOCKED": "The order is being changed by somebody else. Retry shortly; this may last up to an hour.",
}
HINT_401 = (
    "A fresh token was refused as well, so the token has not just expired. Either keys and base URL belong to different "
    "environments (production and sandbox do not mix), or the keys may not use this API (keys made for a solution "
    "provider start with no permission), or a proxy drops the header WM_SEC.ACCESS_TOKEN."
)
HINT_ONE_WAY = (
    "The body of this call can be read only once, so the call was not sent again with a new token. Another try has one. "
    "What is given as bytes, as text or as a file is sent again by itself."
)
HINT_403 = (
    "The token is valid, but these keys have no permission for this call. Grant it on the API keys page of "
    "Walmart's developer portal."
)
# A search finds 10,000 records at most, 20,000 in older documents.
TOO_MANY = re.compile(
    r"(more than|exceed\w*)\D{0,40}[12]0,?000\D{0,20}(orders|returns|records|results)", re.I
)
HINT_TOO_MANY = (
    "Split the date range: WalmartExportOperator and WalmartHook.paginate_windows do so by themselves."
)
HINT_IN_BETWEEN = "Something between here and Walmart (a proxy, a gateway) may have answered in its place."
HINT_WRITE = "The write may have happened all the same: check before sending it again."
HINT_REDIRECT = "Does the base URL of the connection point at Walmart's API?"
# What to do about a status, unless a code says more.
STATUS_HINTS: Mapping[int, str] = {HTTPStatus.UNAUTHORIZED: HINT_401, HTTPStatus.FORBIDDEN: HINT_403}


def hint_for(error: WalmartError, status: int, hints: Mapping[int, str]) -> str | None:
    """Return what to do about an error, None where there is nothing to say.

    :param status: what its answer means, which is not always its status.
    :param hints: what to do about a status, unless a code says more.
    """
    names = {detail.name for detail in error.details}
    descriptions = "\n".join(detail.description for detail in error.details)
    cases = (
        (300 <= status < 400, HINT_REDIRECT),
        (status >= 500 and error.method not in SAFE_METHODS, HINT_WRITE),
        (status == HTTPStatus.NOT_FOUND and not error.is_of_walmart, HINT_IN_BETWEEN),
        (status == HTTPStatus.BAD_REQUEST and TOO_MANY.search(descriptions), HINT_TOO_MANY),
        *((name in names, hint) for name, hint in CODE_HINTS.items()),
    )
    return next((hint for applies, hint in cases if applies), hints.get(status))
