"""What is to come of every trouble at every entry point: written down, not recorded."""

from __future__ import annotations

from dataclasses import dataclass

from tests.integration.fault_matrix.entry_points import ENTRY_POINTS, EntryPoint
from tests.integration.fault_matrix.troubles import TROUBLES, Trouble

# A read is sent so often; a wait gives up after so many polls that failed (ten, but two in the matrix).
ATTEMPTS = 4
LOOKS = 2
#: As often as the time allows.
OFTEN = -1


@dataclass(frozen=True)
class Expected:
    """The outcome of one try.

    :param outcome: ``result``, or the class of the error.
    :param sent: requests of the kind that the trouble hits.
    :param tokens: token requests.
    :param is_final: whether Airflow is told not to retry.
    """

    outcome: str
    sent: int
    tokens: int = 1
    is_final: bool = False

    def __str__(self) -> str:
        parts = [self.outcome]
        if self.sent != 1:
            parts.append(
                "goes on asking"
                if self.sent == OFTEN
                else f"{self.sent or 'no'} request{'s' * (self.sent != 1)}"
            )
        if self.tokens != 1:
            parts.append(f"{self.tokens or 'no'} token{'s' * (self.tokens != 1)}")
        if self.is_final:
            parts.append("for good")
        return ", ".join(parts)


def result(sent: int = 1, tokens: int = 1) -> Expected:
    return Expected("result", sent, tokens)


def error(kind: str, sent: int = 1, tokens: int = 1) -> Expected:
    return Expected(kind, sent, tokens)


def final(kind: str, sent: int = 1, tokens: int = 1) -> Expected:
    return Expected(kind, sent, tokens, is_final=True)


CONNECTION = "WalmartConnectionError"
UNKNOWN = "WalmartUnknownOutcomeError"
SERVER = "WalmartServerError"
REQUEST = "WalmartRequestError"
AUTH = "WalmartAuthError"
PERMISSION = "WalmartPermissionError"
NOT_FOUND = "WalmartNotFoundError"
RATE_LIMIT = "WalmartRateLimitError"
REPORT = "WalmartReportFailedError"
ORDERS = "WalmartOrdersFailedError"
# Waiting ends alike in worker and triggerer.
GIVES_UP = "WalmartWaitError"
TIMES_OUT = "WalmartTimeoutError"

TRANSIENT = {
    "read": error(CONNECTION, ATTEMPTS),
    "file": error(CONNECTION, ATTEMPTS),
    "wait": error(GIVES_UP, LOOKS * ATTEMPTS),
}
SERVER_ERROR = {
    "read": error(SERVER, ATTEMPTS),
    "file": error(SERVER, ATTEMPTS),
    "wait": error(GIVES_UP, LOOKS * ATTEMPTS),
    "hook: write": error(SERVER),
}
ADOPTED = {"write": result()}

#: By group of troubles, then by name of the entry point or else its kind. None: does not apply.
EXPECTED: dict[str, dict[str, Expected | None]] = {
    "unreachable": {
        "read": error(CONNECTION, 0, 0),
        "file": None,
        "wait": error(CONNECTION, 0, 0),
        "write": error(CONNECTION, 0, 0),
    },
    # The next try may send it: whoever searched knows that it never arrived.
    "not carried out": {
        **TRANSIENT,
        "write": error(CONNECTION),
        "hook: write": error(UNKNOWN),
        "ship order": error(UNKNOWN),
    },
    "answer lost": {**TRANSIENT, **ADOPTED, "hook: write": error(UNKNOWN)},
    "no JSON in a 200": {
        "read": error(SERVER),
        "file": error(SERVER, ATTEMPTS),
        "wait": error(GIVES_UP, LOOKS),
        **ADOPTED,
        "hook: write": final(SERVER),
    },
    "empty 200": {
        "read": error(SERVER),
        "file": error(SERVER, ATTEMPTS),
        "wait": error(GIVES_UP, LOOKS),
        **ADOPTED,
    },
    "cut short 200": {
        "read": error(SERVER),
        "file": error(REPORT),
        "wait": error(GIVES_UP, LOOKS),
        **ADOPTED,
    },
    # A write that hears this was refused: no trouble.
    "errors in a 200": {
        "read": error(SERVER),
        "file": error(SERVER, ATTEMPTS),
        "wait": error(GIVES_UP, LOOKS),
    },
    "harmless": {"read": result(), "file": result(), "wait": result(), "write": result()},
    "refused": {
        "read": final(REQUEST),
        "file": None,
        "wait": final(GIVES_UP),
        "write": final(REQUEST),
        "ship order": final(ORDERS),
    },
    "too large": {
        "read": final(REQUEST),
        "file": error(REPORT),
        "wait": final(GIVES_UP),
        "write": final(REQUEST),
        "ship order": final(ORDERS),
    },
    "token refused once": {
        "read": result(2, 2),
        "file": None,
        "wait": result(2, 2),
        "write": result(2, 2),
    },
    "token refused": {
        "read": final(AUTH, 2, 2),
        "file": None,
        "wait": final(GIVES_UP, 2, 2),
        "write": final(AUTH, 2, 2),
    },
    "keys refused": {
        "read": final(AUTH, 0),
        "file": None,
        "wait": final(AUTH, 0),
        "write": final(AUTH, 0),
    },
    "no token": {
        "read": error(SERVER, 0, 2),
        "file": None,
        "wait": error(SERVER, 0, 2),
        "write": error(SERVER, 0, 2),
    },
    "no token: lost": {
        "read": error(CONNECTION, 0, 2),
        "file": None,
        "wait": error(CONNECTION, 0, 2),
        "write": error(CONNECTION, 0, 2),
    },
    "no token: throttled": {
        "read": error(RATE_LIMIT, 0),
        "file": None,
        "wait": error(RATE_LIMIT, 0),
        "write": error(RATE_LIMIT, 0),
    },
    "forbidden": {
        "read": final(PERMISSION),
        # A link that has expired; another one is asked for once.
        "file": error(REPORT, 2),
        "wait": final(GIVES_UP),
        "write": final(PERMISSION),
    },
    "not found": {
        "read": error(NOT_FOUND),
        "file": error(REPORT),
        "wait": error(NOT_FOUND),
        "write": error(NOT_FOUND),
        "ship order": final(ORDERS),
    },
    "conflict": {
        "read": error(REQUEST),
        "file": error(REPORT),
        "wait": error(GIVES_UP, LOOKS),
        "write": error(REQUEST),
        "ship order": final(ORDERS),
    },
    "locked": {
        "read": error(REQUEST),
        "file": error(REPORT),
        "wait": error(GIVES_UP, LOOKS),
        "write": error(REQUEST),
    },
    "throttled a moment": {
        "read": result(2),
        "file": result(2),
        "wait": result(2),
        "write": error(RATE_LIMIT),
        "submit feed": result(2),
        "ship order": result(2),
    },
    "throttled, no time named": {
        "read": result(2),
        # 20 an hour: the next one is due in minutes.
        "report: link": error(RATE_LIMIT),
        "file": result(2),
        "wait": result(2),
        "write": error(RATE_LIMIT),
        "ship order": result(2),
    },
    "throttled for ever": {
        "read": error(RATE_LIMIT, ATTEMPTS),
        "file": error(SERVER, ATTEMPTS),
        "wait": error(TIMES_OUT, OFTEN),
        "write": error(RATE_LIMIT),
        # By Walmart's word there was a slot at the time it named; since there was none, the next one is due in minutes.
        "report: link": error(RATE_LIMIT, 2),
        "submit feed": error(RATE_LIMIT, 2),
        "ship order": error(RATE_LIMIT, 3),
    },
    "throttled for ever, no time named": {
        "read": error(RATE_LIMIT, ATTEMPTS),
        "report: link": error(RATE_LIMIT),
        "file": error(SERVER, ATTEMPTS),
        "wait": error(TIMES_OUT, OFTEN),
        "write": error(RATE_LIMIT),
        "ship order": error(RATE_LIMIT, 3),
    },
    "throttled for an hour": {
        "read": error(RATE_LIMIT),
        # What a storage names doesn't count.
        "file": error(SERVER, ATTEMPTS),
        "wait": error(TIMES_OUT),
        "write": error(RATE_LIMIT),
    },
    # After a poll: it never arrived.
    "server error": {**SERVER_ERROR, "write": error(CONNECTION), "ship order": error(UNKNOWN)},
    "server error once": {
        "read": result(2),
        "file": result(2),
        "wait": result(2),
        "write": error(CONNECTION),
        "hook: write": error(SERVER),
        "ship order": error(UNKNOWN),
    },
    "answer replaced by a 500": {**SERVER_ERROR, **ADOPTED, "hook: write": error(SERVER)},
    "redirected": {
        "read": error(SERVER),
        "file": error(SERVER, ATTEMPTS),
        "wait": error(GIVES_UP, LOOKS),
        "write": error(REQUEST),
        "ship order": final(ORDERS),
    },
    "store useless": {"read": result(), "file": result(), "wait": result(), "write": result()},
    "store locked": {"read": result(), "file": result(), "wait": result(), "write": result()},
    "disk full": {
        "read": result(),
        # Pages are read before they are written, and not again.
        "export": error("OSError"),
        "report: link": error("OSError"),
        "file": error("OSError", 1),
        "wait": result(),
        "write": result(),
        "ask for report": error("OSError"),
    },
}


def expected(trouble: Trouble, entry: EntryPoint) -> Expected | None:
    """Return what is to come of a trouble; None where it can't be."""
    of_group = EXPECTED[trouble.group]
    return of_group[entry.name] if entry.name in of_group else of_group.get(entry.kind)


def cells() -> list[tuple[EntryPoint, Trouble]]:
    """Return all pairs of which something is to come."""
    return [(entry, trouble) for trouble in TROUBLES for entry in ENTRY_POINTS if expected(trouble, entry)]
