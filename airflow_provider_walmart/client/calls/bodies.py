"""The body of a call, in the form that its operation takes. Nothing is sent here."""

from __future__ import annotations

from typing import Any

import msgspec

from airflow_provider_walmart.client.calls.parameters import shown
from airflow_provider_walmart.client.catalogue.operations import Operation
from airflow_provider_walmart.client.errors import WalmartConfigError
from airflow_provider_walmart.client.values.json_values import check_json, encode
from airflow_provider_walmart.client.values.redaction import check_not_redacted
from airflow_provider_walmart.client.values.rows import RowError, is_unicode


def request_body(operation: Operation, body: Any) -> dict[str, Any]:
    """Return the body of a call in the form that the operation takes, as keyword arguments for `requests`.

    :param body: anything JSON can hold, a `Decimal` being a number, or text or bytes that are ready; None for no body. For a form
        of several parts a dict of them: a list of files, each as bytes or as a pair of name and bytes, or anything JSON can hold.
    :raises WalmartConfigError: when the operation takes none, or needs one, for what can't be sent, and when it holds a
        redacted secret.
    """
    if body is None:
        if operation.body_required:
            raise WalmartConfigError(f"{operation.name} needs a body ({' or '.join(operation.body)}).")
        return {}
    if not operation.body:
        raise WalmartConfigError(f"{operation.name} takes no body.")
    if len(operation.form) > 1:
        return {"files": _parts(operation, body)}
    check_not_redacted(operation, body)
    content = _encoded(operation, body)
    if "application/json" not in operation.body and "multipart/form-data" in operation.body:
        kind = "xml" if content.lstrip().startswith(b"<") else "json"
        name = operation.form[0].name if operation.form else "file"
        return {"files": {name: (f"file.{kind}", content, f"application/{kind}")}}
    return {"data": content}


_Part = tuple[str, tuple[str | None, bytes, str]]


def _parts(operation: Operation, body: Any) -> list[_Part]:
    """Return the parts of a form: name, then name of the file, content and media type."""
    _check_parts(operation, body)
    return [part for name, value in body.items() for part in _part(operation, name, value)]


def _check_parts(operation: Operation, body: Any) -> None:
    known = sorted(part.name for part in operation.form)
    given = sorted(map(str, body)) if isinstance(body, dict) else shown(body)
    if not isinstance(body, dict) or not set(given) <= set(known):
        raise WalmartConfigError(
            f"{operation.name}: body is {given}; it takes a dict with the parts {', '.join(known)}."
        )
    if missing := [part.name for part in operation.form if part.required and not body.get(part.name)]:
        raise WalmartConfigError(f"{operation.name}: body has no {', '.join(missing)}.")


def _part(operation: Operation, name: str, value: Any) -> list[_Part]:
    """Return a part of a form, or one for each of its files."""
    entries = value if isinstance(value, list) else [value]
    files = [(f"file{n}", entry) if isinstance(entry, bytes) else entry for n, entry in enumerate(entries, 1)]
    if all(isinstance(file, tuple) for file in files):
        return [(name, (file_name, content, "application/octet-stream")) for file_name, content in files]
    check_not_redacted(operation, value)
    try:
        check_json(value, name)
    except RowError as error:
        raise WalmartConfigError(f"{operation.name}: {error}.") from None
    kind = "text/plain" if isinstance(value, str) else "application/json"
    return [(name, (None, value.encode() if isinstance(value, str) else encode(value), kind))]


def _encoded(operation: Operation, body: Any) -> bytes:
    """Return a body as bytes: JSON, or what is ready. Errors repeat no text of it, which may be about a person."""
    if isinstance(body, bytes):
        return body
    if not isinstance(body, str):
        if not {"application/json", "multipart/form-data"} & set(operation.body):
            raise WalmartConfigError(
                f"{operation.name}: body is {shown(body)}; it takes {' or '.join(operation.body)}, as text."
            )
        try:
            check_json(body, "body")
        except RowError as error:
            raise WalmartConfigError(f"{operation.name}: {error}.") from None
        return encode(body)
    if not is_unicode(body):
        raise WalmartConfigError(f"{operation.name}: body is text that is not valid Unicode.")
    if "application/json" in operation.body:
        try:
            msgspec.json.decode(body)
        except (ValueError, RecursionError) as error:
            raise WalmartConfigError(
                f"{operation.name}: body is text that is not JSON ({error}); give a dict, or JSON. Where a template gives "
                "the dict, the DAG needs render_template_as_native_obj=True."
            ) from None
    return body.encode()
