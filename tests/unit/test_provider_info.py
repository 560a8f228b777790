"""What Airflow is told about the provider: legal by Airflow's own schemas, and the same in both forms."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import types
from importlib import import_module
from importlib.metadata import entry_points, version
from importlib.resources import files

import jsonschema
import pytest

from airflow_provider_walmart.get_provider_info import get_provider_info

INFO = get_provider_info()
FORMS = {form["connection-type"]: form for form in INFO["connection-types"]}
# Airflow masks an extra field when its name contains one of these.
TELLING = ("token", "secret", "password")


def airflow_schema(name: str) -> dict:
    return json.loads((files("airflow") / name).read_text())


def hook_of(form: dict) -> type:
    module, _, name = form["hook-class-name"].rpartition(".")
    return getattr(import_module(module), name)


def test_the_provider_info_is_legal_by_the_schema_of_the_providers_manager():
    jsonschema.validate(INFO, airflow_schema("provider_info.schema.json"))


@pytest.mark.parametrize(
    "part", ["connection-types", "config", "integrations", "hooks", "operators", "sensors"]
)
def test_parts_of_the_provider_info_are_legal_by_the_stricter_schema(part):
    schema = airflow_schema("provider.yaml.schema.json")
    jsonschema.validate(
        INFO[part], {**schema["properties"][part], "definitions": schema.get("definitions", {})}
    )


def test_the_provider_info_is_data():
    assert json.loads(json.dumps(INFO)) == INFO


def test_airflow_finds_the_provider_info():
    (point,) = (one for one in entry_points(group="apache_airflow_provider") if "walmart" in one.value)
    assert point.load()() == INFO
    assert INFO["package-name"] == "airflow-provider-walmart"
    assert INFO["versions"] == [version("airflow-provider-walmart")]


def modules() -> list[str]:
    listed = [entry for part in ("hooks", "operators", "sensors", "triggers") for entry in INFO.get(part, [])]
    return [module for entry in listed for module in entry["python-modules"]]


@pytest.mark.parametrize("module", modules())
def test_all_modules_named_in_it_are_there(module):
    import_module(module)


def test_all_integrations_named_in_it_are_declared():
    declared = {entry["integration-name"] for entry in INFO["integrations"]}
    for part in ("hooks", "operators", "sensors", "triggers"):
        assert {entry["integration-name"] for entry in INFO.get(part, [])} <= declared


@pytest.mark.parametrize("conn_type", FORMS)
class TestForms:
    def test_hook_and_form_agree(self, conn_type):
        form = FORMS[conn_type]
        hook = hook_of(form)
        assert (hook.conn_type, hook.hook_name) == (conn_type, form["hook-name"])
        assert hook.default_conn_name == f"{conn_type}_default"
        assert hook.conn_name_attr == f"{conn_type}_conn_id"

    def test_every_secret_has_a_name_that_airflow_masks(self, conn_type):
        for name, field in FORMS[conn_type]["conn-fields"].items():
            if field["schema"].get("format") == "password":
                assert any(word in name for word in TELLING), name

    def test_fields_may_be_empty(self, conn_type):
        # The form sends null for what is empty.
        for field in FORMS[conn_type]["conn-fields"].values():
            assert "null" in field["schema"]["type"]

    def test_choices_are_drop_downs_with_a_legal_default(self, conn_type):
        for field in FORMS[conn_type]["conn-fields"].values():
            schema = field["schema"]
            if "enum" in schema and "default" in schema:
                assert schema["default"] in schema["enum"]

    def test_everything_is_described(self, conn_type):
        for field in FORMS[conn_type]["conn-fields"].values():
            assert field["label"]
            assert field["description"].endswith(".")

    def test_the_legacy_form_is_the_same(self, conn_type, monkeypatch):
        made = {}

        class Field:
            def __init__(self, label, description, default, validators):
                self.parts = (type(self).__name__, label, description, default, validators)

        wtforms, validators = types.ModuleType("wtforms"), types.ModuleType("wtforms.validators")
        for name in ("BooleanField", "IntegerField", "PasswordField", "StringField"):
            setattr(wtforms, name, type(name, (Field,), {}))
        validators.any_of = lambda values: ("any of", tuple(values))
        monkeypatch.setitem(sys.modules, "wtforms", wtforms)
        monkeypatch.setitem(sys.modules, "wtforms.validators", validators)

        form = FORMS[conn_type]
        made = hook_of(form).get_connection_form_widgets()
        assert list(made) == list(form["conn-fields"])
        for name, field in form["conn-fields"].items():
            schema = field["schema"]
            kind = {"integer": "IntegerField", "boolean": "BooleanField"}.get(
                schema["type"][0], "StringField"
            )
            kind = "PasswordField" if schema.get("format") == "password" else kind
            checks = [("any of", tuple(schema["enum"]))] if "enum" in schema else []
            expected = (kind, field["label"], field["description"], schema.get("default"), checks)
            assert made[name].parts == expected

        behaviour, legacy = form["ui-field-behaviour"], hook_of(form).get_ui_field_behaviour()
        assert legacy == {
            "hidden_fields": behaviour["hidden-fields"],
            "relabeling": behaviour["relabeling"],
            "placeholders": behaviour["placeholders"],
        }


def test_the_form_offers_what_the_settings_allow():
    from airflow_provider_walmart.client.settings import HOSTS, MARKETS, WalmartSettings
    from airflow_provider_walmart.hooks.connection import walmart_settings

    fields = FORMS["walmart"]["conn-fields"]
    assert fields["environment"]["schema"]["enum"] == list(HOSTS)
    assert fields["market"]["schema"]["enum"] == list(MARKETS)
    defaults = {name: field["schema"].get("default") for name, field in fields.items()}
    assert defaults["environment"] == "production"
    assert defaults["market"] == "us"
    # Every field of the form is one that the hook reads.
    from airflow.sdk import Connection

    example = {
        "environment": "sandbox",
        "market": "mx",
        "partner_id": "p",
        "refresh_token": "r",
        "channel_type": "c",
        "service_name": "s",
        "sandbox_version": "v2",
        "timeout": 5,
    }
    for name, value in example.items():
        assert name in fields
        extra = {name: value, "partner_id": "p"}
        made = walmart_settings(Connection(conn_id="x", login="i", password="s", extra=json.dumps(extra)))
        assert getattr(made, name) == value
    assert set(fields) <= {*example, "base_url"} | set(WalmartSettings.__dataclass_fields__)


def test_secrets_of_a_connection_are_masked(monkeypatch):
    """All that could be printed by accident: secret, refresh token, their Base64, and every token."""
    import base64

    from airflow_provider_walmart.hooks import walmart

    masked = []
    monkeypatch.setattr(walmart, "mask", masked.append)
    monkeypatch.setenv(
        "AIRFLOW_CONN_WALMART_DEFAULT",
        json.dumps(
            {
                "conn_type": "walmart",
                "login": "an-id",
                "password": "a-secret",
                "extra": {"refresh_token": "a-refresh-token", "partner_id": "1"},
            }
        ),
    )
    hook = walmart.WalmartHook()
    hook.client.tokens._on_secret("a-token")
    basic = base64.b64encode(b"an-id:a-secret").decode()
    assert {"a-secret", "a-refresh-token", basic, "a-token"} <= set(masked)


@pytest.fixture(scope="module")
def airflow_lists(tmp_path_factory):
    """Return what the command line of Airflow says of hooks."""
    environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow"))}
    return subprocess.run(
        [sys.executable, "-m", "airflow", "providers", "hooks", "--output", "json"],
        capture_output=True,
        text=True,
        env=environment,
    )


def test_airflow_lists_our_hooks_without_a_complaint(airflow_lists):
    assert airflow_lists.returncode == 0, airflow_lists.stderr
    assert "walmart" not in airflow_lists.stderr
    # Those of other providers may lack packages that nobody here needs.
    listed = json.loads(airflow_lists.stdout[airflow_lists.stdout.index("[") :])
    ours = {row["connection_type"]: row for row in listed if row["package_name"] == INFO["package-name"]}
    assert set(ours) == set(FORMS)
    for conn_type, row in ours.items():
        assert row["class"] == FORMS[conn_type]["hook-class-name"]
