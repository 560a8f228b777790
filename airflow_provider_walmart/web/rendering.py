"""From what a page knows to its HTML."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from airflow_provider_walmart.client.errors import WalmartError
from airflow_provider_walmart.client.values.dates import utc_minute, utc_now


def page(request: Request, template: str, *, status_code: int = 200, **known: Any) -> Response:
    """Return a page.

    :param template: its file, without ``.html``.
    :param status_code: HTTP status.
    :param known: what it shows.
    """
    root = str(request.scope.get("root_path", ""))
    html = (
        _environment()
        .get_template(f"{template}.html")
        .render(root=root, airflow=root.rpartition("/walmart")[0], query=dict(request.query_params), **known)
    )
    return HTMLResponse(html, status_code)


def message_page(
    request: Request, status: int, title: str, text: str = "", walmart_error: WalmartError | None = None
) -> Response:
    """Return a page with one message: ours, or what Walmart said with our hint beside it."""
    return page(
        request, "message", status_code=status, status=status, title=title, text=text, error=walmart_error
    )


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("airflow_provider_walmart.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "age": age,
        "least_share": least_share,
        "moment": moment,
        "number": number,
        "path": path_segment,
        "seconds": seconds,
        "share": share,
    }
    environment.globals["link"] = link
    return environment


def path_segment(value: object) -> str:
    """Return a value as one segment of a path."""
    return quote(str(value), safe="")


def link(path: str, query: Mapping[str, object], **changed: object) -> str:
    """Return a path with a query: the one there is, with some values changed, None to leave one out."""
    merged = {**query, **changed}
    pairs = [
        f"{quote(name)}={quote(str(value), safe='')}"
        for name, value in merged.items()
        if value not in (None, "")
    ]
    return f"{path}?{'&'.join(pairs)}" if pairs else path


def moment(when: datetime | None) -> str:
    """Return a point in time in UTC, to the minute."""
    return utc_minute(when) if when else ""


def age(when: datetime | None) -> str:
    """Return how long ago, or how far ahead, a point in time is: the two largest units of it."""
    if when is None:
        return ""
    seconds = int((utc_now() - when).total_seconds())
    text = _duration(abs(seconds))
    return f"in {text}" if seconds < 0 else f"{text} ago"


def _duration(seconds: int) -> str:
    if seconds < 60:
        return f"{seconds} s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 60:
        return f"{minutes} min"
    if hours < 48:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    return f"{days} d {hours % 24} h" if hours % 24 else f"{days} d"


def share(part: float, whole: float, width: float = 100.0) -> str:
    """Return which length of a bar a part is."""
    return f"{width * min(1.0, max(0.0, part / whole)):.2f}" if whole else "0"


def least_share(part: float, whole: float, width: float = 100.0) -> str:
    """Return the same, but never too little to be seen: one failed item among thousands is one."""
    return f"{max(float(share(part, whole, width)), width / 50):.2f}" if part else "0"


def seconds(value: int) -> str:
    """Return a time span in words: ``minute``, ``hour``, ``5 s``."""
    return {60: "minute", 3600: "hour", 86400: "day"}.get(value, _duration(value))


def number(value: int) -> str:
    """Return a number with commas between thousands."""
    return f"{value:,}"
