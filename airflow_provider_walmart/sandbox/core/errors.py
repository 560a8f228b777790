"""Refusals in the body shapes Walmart uses for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from xml.sax.saxutils import escape

import msgspec
from starlette.requests import Request
from starlette.responses import Response

Shape = Literal[
    "error", "errors", "nested", "problem", "bare", "object", "status", "numbered", "message", "feed"
]

UNAUTHORIZED_INFO = (
    "Unauthorized token or incorrect authorization header. Please verify correct format: WM_SEC.ACCESS_TOKEN "
    "with a token of this environment that has not expired."
)

#: What Walmart answers when nothing more exact is known, by status.
DEFAULT_CODES = {
    400: "INVALID_REQUEST.GMP_GATEWAY_API",
    401: "UNAUTHORIZED.GMP_GATEWAY_API",
    403: "FORBIDDEN.GMP_GATEWAY_API",
    404: "CONTENT_NOT_FOUND.GMP_GATEWAY_API",
    405: "METHOD_NOT_ALLOWED.GMP_GATEWAY_API",
    413: "PAYLOAD_TOO_LARGE.GMP_GATEWAY_API",
    415: "UNSUPPORTED_MEDIA_TYPE.GMP_GATEWAY_API",
    423: "RESOURCE_IS_LOCKED.GMP_RECEIVER_API",
    429: "REQUEST_THRESHOLD_VIOLATED.GMP_GATEWAY_API",
    500: "SYSTEM_ERROR.GMP_GATEWAY_API",
    504: "DOWNSTREAM_SYSTEM_TIME_OUT.GMP_GATEWAY_API",
}


class Refusal(Exception):  # noqa: N818 - an answer, not a fault of the program
    """A request that is answered with an error.

    :param status: HTTP status.
    :param code: Walmart's code, for instance ``INVALID_REQUEST_PARAM.GMP_ORDER_API``; default by status.
    :param field: the header, parameter or field at fault.
    :param description: one sentence for the reader.
    :param info: more detail; default the description.
    :param shape: ``error`` or ``errors`` for a list under that key, ``nested`` for a list under ``errors`` and
        ``error``, ``problem`` for problem JSON, and those of single APIs: ``bare`` for the error itself, ``object`` for it
        under ``error``, ``status`` and ``numbered`` for a list beside a status, ``message`` for code and text, ``feed`` for a list whose
        entries have a message.
    :param headers: extra response headers.
    """

    def __init__(
        self,
        status: int,
        code: str = "",
        *,
        field: str = "",
        description: str = "",
        info: str = "",
        shape: Shape = "error",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, code, description)
        self.status = status
        self.code = code or DEFAULT_CODES.get(status, "SYSTEM_ERROR.GMP_GATEWAY_API")
        self.field = field or self.code.partition(".")[0]
        self.description = description or self.code.partition(".")[0].replace("_", " ").capitalize()
        self.info = info or self.description
        self.shape: Shape = shape
        self.headers = dict(headers or {})

    def answer(self, request: Request) -> Response:
        """Return the refusal as a response, in XML when the caller did not ask for JSON.

        :param request: the request that is refused.
        """
        if not wants_json(request):
            return Response(self.xml(), self.status, self.headers, "application/xml")
        if self.shape == "problem":
            problem = msgspec.json.encode(self.problem(request.url.path))
            return Response(problem, self.status, self.headers, "application/problem+json")
        return Response(msgspec.json.encode(self._body()), self.status, self.headers, "application/json")

    def _body(self) -> dict[str, Any]:
        error = self.gateway_error()
        bodies: dict[Shape, dict[str, Any]] = {
            "error": {"error": [error]},
            "errors": {"errors": [error]},
            "nested": {"errors": {"error": [error]}},
            "bare": error,
            "object": {"error": error},
            "status": {"status": "FAIL", "errors": [error]},
            "numbered": {"status": self.status, "errors": [error]},
            "message": {"errorCode": self.code, "message": self.info, "status": self.status},
            "feed": {"errors": [{**error, "message": self.info}]},
        }
        return bodies[self.shape]

    def gateway_error(self) -> dict[str, Any]:
        """Return the fields of one entry of the error lists."""
        return {
            "code": self.code,
            "field": self.field,
            "description": self.description,
            "info": self.info,
            "severity": "ERROR",
            "category": "SYSTEM" if self.status >= 500 else "DATA",
            "causes": [],
            "errorIdentifiers": {},
        }

    def problem(self, path: str) -> dict[str, Any]:
        """Return the refusal as problem JSON (RFC 9457).

        :param path: path of the request.
        """
        name = self.code.partition(".")[0].lower().replace("_", "-")
        return {
            "type": f"https://marketplace.walmart.com/errors/{name}",
            "title": self.description,
            "status": self.status,
            "detail": self.info,
            "instance": path,
            "code": self.code,
        }

    def xml(self) -> str:
        """Return the refusal as an XML document."""
        fields = {key: value for key, value in self.gateway_error().items() if isinstance(value, str)}
        inner = "".join(f"<ns2:{key}>{escape(value)}</ns2:{key}>" for key, value in fields.items())
        return (
            '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
            f'<ns2:errors xmlns:ns2="http://walmart.com/"><ns2:error>{inner}</ns2:error></ns2:errors>'
        )


def unauthorized() -> Refusal:
    """Return the refusal of a missing, unknown, expired or revoked credential."""
    return Refusal(401, description="Unauthorized", info=UNAUTHORIZED_INFO)


def bad_header(name: str, reason: str = "set blank or null") -> Refusal:
    """Return the refusal of a missing or wrong request header.

    :param name: name of the header.
    :param reason: what is wrong with it.
    """
    return Refusal(400, "INVALID_REQUEST_HEADER.GMP_GATEWAY_API", field=name, description=f"{name} {reason}")


def bad_param(name: str, reason: str, *, service: str = "GMP_GATEWAY_API", shape: Shape = "error") -> Refusal:
    """Return the refusal of a missing or wrong parameter.

    :param name: name of the parameter.
    :param reason: what is wrong with it.
    :param service: the part of the code after the dot.
    :param shape: body shape, see :class:`Refusal`.
    """
    return Refusal(
        400, f"INVALID_REQUEST_PARAM.{service}", field=name, description=f"{name}: {reason}", shape=shape
    )


def wants_json(request: Request) -> bool:
    """Return whether the caller asked for JSON; Walmart's default is XML.

    :param request: the request.
    """
    return "json" in request.headers.get("accept", "").lower()
