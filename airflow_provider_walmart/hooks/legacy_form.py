"""The connection form for Airflow 3.1, which doesn't read ``conn-fields`` yet: the same data in its older form."""

from __future__ import annotations

from typing import Any

from airflow_provider_walmart.get_provider_info import get_provider_info


def connection_form_widgets(conn_type: str) -> dict[str, Any]:
    """Return one wtforms field per extra field of a connection type.

    wtforms is imported here since Airflow 3.1 puts a stand-in in its place just for this call.
    """
    from wtforms import BooleanField, IntegerField, PasswordField, StringField
    from wtforms.validators import any_of

    widgets = {}
    for name, field in _form(conn_type)["conn-fields"].items():
        schema = field["schema"]
        kind = PasswordField if schema.get("format") == "password" else StringField
        if "integer" in schema["type"]:
            kind = IntegerField
        elif "boolean" in schema["type"]:
            kind = BooleanField
        widgets[name] = kind(
            field["label"],
            description=field["description"],
            default=schema.get("default"),
            validators=[any_of(schema["enum"])] if "enum" in schema else [],
        )
    return widgets


def ui_field_behaviour(conn_type: str) -> dict[str, Any]:
    """Return hidden fields, labels and placeholders under the names that Airflow 3.1 expects."""
    return {key.replace("-", "_"): value for key, value in _form(conn_type)["ui-field-behaviour"].items()}


def _form(conn_type: str) -> dict[str, Any]:
    forms: list[dict[str, Any]] = get_provider_info()["connection-types"]
    return next(form for form in forms if form["connection-type"] == conn_type)
