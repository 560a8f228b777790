"""Everything that can go wrong between us and Walmart, one class per thing to do about it.

::

    WalmartError
    ├── WalmartConfigError          bad input, found before anything was sent (also a ValueError)
    │   └── WalmartWebhookError     somebody posted to a webhook what is not Walmart's, or makes no sense
    ├── WalmartConnectionError      never answered
    ├── WalmartUnknownOutcomeError  a write that may or may not have happened: check before sending again
    ├── WalmartFeedFailedError      Walmart took the feed and refused more of its items than allowed
    ├── WalmartOrdersFailedError    Walmart refused to change more orders than allowed
    ├── WalmartReportFailedError    Walmart could not make a report, or it is not what it should be
    ├── WalmartDeliveryFailedError  a GoLocal delivery ended in another way than wanted
    ├── WalmartTimeoutError         a wait took too long; the thing that was waited for goes on at Walmart
    ├── WalmartWaitError            a wait ended because polls failed: too many in a row, or one for good
    ├── WalmartAuthError            401 that survived one renewal of the token, or bad keys
    ├── WalmartPermissionError      403
    ├── WalmartNotFoundError        404
    ├── WalmartRateLimitError       429, with the time to come back at
    ├── WalmartRequestError         any other 4xx
    └── WalmartServerError          5xx, or an answer that makes no sense
        └── WalmartIncompleteError  a list ended before all came that Walmart announced

None of them holds a request header, a token or a response body: only status, method, path without
query, Walmart's codes and descriptions, and the correlation id that Walmart's support asks for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

# What is refused for its own sake. A 404 may be a thing that isn't there yet, a 409 or 423 passes. A success that
# is an error is a write that was done in part: a retry would do that part again.
FINAL_STATUSES = (200, 201, 202, 206, 207, 400, 401, 403, 405, 406, 413, 415, 422)
# What says that a request is wrong, and not why.
_NO_REASON = re.compile(
    r"(the )?((\d{3} )?(bad|invalid) request|request (is )?(invalid|failed)|(unknown|system|internal)( server)? error)?\W*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class ErrorDetail:
    """One error as Walmart words it.

    :param code: Walmart's code, such as ``INVALID_REQUEST.GMP_ORDER_API``; empty when it gave none.
    :param field: the field that it is about; empty when it named none.
    :param description: Walmart's sentence; empty when it gave none.
    """

    code: str = ""
    field: str = ""
    description: str = ""

    @property
    def name(self) -> str:
        """The part of the code before the dot: the part behind it names the service, and changes."""
        return self.code.partition(".")[0]

    @property
    def says_nothing(self) -> bool:
        """Whether it only says that a request is wrong, and not what of it."""
        names_field = self.field not in ("", "data", self.name, self.description)
        has_code = not self.description and self.name not in ("", "INVALID_REQUEST", "BAD_REQUEST", "400")
        return not names_field and not has_code and _NO_REASON.fullmatch(self.description) is not None

    def __str__(self) -> str:
        where = f" ({self.field})" if self.field and self.field not in (self.name, self.description) else ""
        return ": ".join(part for part in (self.code, self.description) if part) + where


class WalmartError(Exception):
    """Base of all errors of this package.

    :param message: what happened, in one sentence.
    :param status: HTTP status of the answer; None when there was none.
    :param method: HTTP method of the call.
    :param path: path of the call, without query.
    :param details: Walmart's own errors.
    :param correlation_id: ``WM_QOS.CORRELATION_ID`` of the attempt, for Walmart's support.
    :param hint: what to do about it, in plain English.
    :param is_read: the call only asks, whatever its method.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        method: str | None = None,
        path: str | None = None,
        details: Sequence[ErrorDetail] = (),
        correlation_id: str | None = None,
        hint: str | None = None,
        is_read: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.method = method
        self.path = path
        self.details = tuple(details)
        self.correlation_id = correlation_id
        self.hint = hint
        self.is_read = is_read or method == "GET"

    @property
    def codes(self) -> tuple[str, ...]:
        """Walmart's error codes, as they came."""
        return tuple(detail.code for detail in self.details if detail.code)

    @property
    def is_of_walmart(self) -> bool:
        """Whether Walmart itself says so: what a proxy says has none of its codes."""
        return any(code != str(self.status) for code in self.codes)

    @property
    def is_final(self) -> bool:
        """Whether the same call would fail the same way again, so that a retry is a waste."""
        # A proxy's page in place of what was asked for, too, is a 200.
        if self.is_read and self.status is not None and (self.status < 300 or self._has_no_reason):
            return False
        return self.status in FINAL_STATUSES

    @property
    def _has_no_reason(self) -> bool:
        """Whether a request was called wrong without a word why, as right ones are while a service is down."""
        return self.status == 400 and all(detail.says_nothing for detail in self.details)

    def __str__(self) -> str:
        text = self.message
        if self.details:
            shown = "; ".join(str(detail) for detail in self.details[:5])
            more = f" (and {len(self.details) - 5} more)" if len(self.details) > 5 else ""
            text = f"{text}: {shown}{more}"
        if self.correlation_id:
            text = f"{text} [correlation id {self.correlation_id}]"
        return f"{text} Hint: {self.hint}" if self.hint else text


class WalmartConfigError(WalmartError, ValueError):
    """Bad input, found before anything was sent.

    :param field: the field of a connection that it is about; empty for other input.
    :param rows: what is wrong with each row of an input, by its number; empty for other input, and for too many rows.
    """

    is_final = True

    def __init__(
        self, message: str, *, field: str = "", rows: Mapping[int, str] | None = None, **known: Any
    ) -> None:
        super().__init__(message, **known)
        self.field = field
        self.rows = dict(rows or {})


class WalmartWebhookError(WalmartConfigError):
    """A delivery to a webhook is not Walmart's, or makes no sense; ``status`` is what to answer with."""


class WalmartConnectionError(WalmartError):
    """Walmart never answered, and nothing was changed there."""


class WalmartUnknownOutcomeError(WalmartError):
    """A write was sent, and whether Walmart acted on it is unknown."""


class WalmartFeedFailedError(WalmartError):
    """A feed failed, or refused more of its items than allowed."""

    is_final = True


class WalmartOrdersFailedError(WalmartError):
    """More orders were refused than allowed."""

    is_final = True


class WalmartReportFailedError(WalmartError):
    """A report could not be made, or is not what it should be."""


class WalmartDeliveryFailedError(WalmartError):
    """A GoLocal delivery ended in another way than wanted."""

    is_final = True


class WalmartTimeoutError(WalmartError):
    """A wait took too long; the thing that was waited for goes on at Walmart."""


class WalmartWaitError(WalmartError):
    """A wait ended because polls failed: too many in a row, or one in a way that no retry can change.

    :param message: what was waited for, and why it could not be read.
    :param is_final: no retry can change this.
    """

    def __init__(self, message: str, *, is_final: bool) -> None:
        super().__init__(message)
        self._is_final = is_final

    @property
    def is_final(self) -> bool:
        """Whether the same call would fail the same way again."""
        return self._is_final


class WalmartAuthError(WalmartError):
    """The keys or the token are refused."""

    # Whether they were good until now: somebody has reset them, and is about to edit the connection.
    keys_worked = False

    @property
    def is_final(self) -> bool:
        """Whether the same call would fail the same way again: not once a connection has keys that were made anew."""
        return not self.keys_worked and super().is_final


class WalmartPermissionError(WalmartError):
    """The token is good, but may not do this."""


class WalmartNotFoundError(WalmartError):
    """There is no such thing, or no such path."""


class WalmartRequestError(WalmartError):
    """Walmart refuses the request as it is."""


class WalmartServerError(WalmartError):
    """Walmart failed, or answered something that makes no sense."""


class WalmartIncompleteError(WalmartServerError):
    """A list ended before all records came that Walmart announced."""


class WalmartRateLimitError(WalmartError):
    """Walmart asks to come back later.

    :param retry_at: the time (aware, UTC) that Walmart named; None when it named none.
    """

    def __init__(self, message: str, *, retry_at: datetime | None = None, **known: object) -> None:
        super().__init__(message, **known)  # type: ignore[arg-type]
        self.retry_at = retry_at

    def __str__(self) -> str:
        if self.retry_at is None:
            return super().__str__()
        return f"{super().__str__()} Come back at {self.retry_at.isoformat(timespec='seconds')}."
