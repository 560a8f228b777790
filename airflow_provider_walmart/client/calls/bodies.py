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

    :param body: anything JSON can hold, a `Decimal` being a number, or text or bytes that are ready; None for no body.
    :raises WalmartConfigError: when the operation takes none, or needs one, for what can't be sent, and when it holds a
        redacted secret.
    """
    if body is None:
        if operation.body_required:
            raise WalmartConfigError(f"{operation.name} needs a body ({' or '.join(operation.body)}).")
        return {}
    if not operation.body:
        raise WalmartConfigError(f"{operation.name} takes no body.")
    check_not_redacted(operation, body)
    content = _encoded(operation, body)
    if "application/json" not in operation.body and "multipart/form-data" in operation.body:
        return {"files": {"file": ("file.json", content)}}
    return {"data": content}


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
