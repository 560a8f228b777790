"""The connection form for Airflow 3.1, which doesn't read ``conn-fields`` yet: the same data in its older form."""

from __future__ import annotations

from typing import Any

from airflow_provider_walmart.get_provider_info import WALMART_CONN_FIELDS, WALMART_UI_FIELD_BEHAVIOUR


def connection_form_widgets() -> dict[str, Any]:
    """Return one wtforms field per extra field.

    wtforms is imported here since Airflow 3.1 puts a stand-in in its place just for this call.
    """
    from wtforms import IntegerField, PasswordField, StringField
    from wtforms.validators import any_of

    widgets = {}
    for name, field in WALMART_CONN_FIELDS.items():
        schema = field["schema"]
        kind = PasswordField if schema.get("format") == "password" else StringField
        if "integer" in schema["type"]:
            kind = IntegerField
        widgets[name] = kind(
            field["label"],
            description=field["description"],
            default=schema.get("default"),
            validators=[any_of(schema["enum"])] if "enum" in schema else [],
        )
    return widgets


def ui_field_behaviour() -> dict[str, Any]:
    """Return hidden fields, labels and placeholders under the names that Airflow 3.1 expects."""
    return {key.replace("-", "_"): value for key, value in WALMART_UI_FIELD_BEHAVIOUR.items()}
