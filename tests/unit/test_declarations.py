"""Whatever the package imports is declared, and whatever is declared is imported."""

from __future__ import annotations

import re
import sys

import pytest

from tests.unit.test_layers import MODULES, PACKAGE, ROOT, imports_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

PROJECT = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["project"]
# Distributions whose modules have other names.
MODULE_OF = {"pyjwt": "jwt", "pyyaml": "yaml"}
# Only Airflow 3.1, which brings it, asks for these; Airflow's own names are those of its parts.
OF_AIRFLOW = {"airflow", "wtforms"}
# What `msgspec.yaml` imports when it reads a file.
OF_MSGSPEC = {"yaml"}
# What Starlette imports when it reads a form: uploads to the sandbox, and the buttons of its page.
OF_STARLETTE = {"python_multipart"}
# Imported by nobody but itself, of a module that it loads.
OF_PYTEST = {"pytest"}


def module_of(requirement: str) -> str:
    name = re.match(r"[A-Za-z0-9_.-]+", requirement)[0].lower()
    return MODULE_OF.get(name, name.replace("-", "_"))


def imported() -> set[str]:
    names = {name.partition(".")[0] for path in MODULES for name in imports_of(path)}
    return names - set(sys.stdlib_module_names) - {PACKAGE}


def test_every_imported_module_is_declared():
    optional = [one for extra in PROJECT["optional-dependencies"].values() for one in extra]
    declared = {module_of(one) for one in (*PROJECT["dependencies"], *optional)}
    assert imported() - declared - OF_AIRFLOW - OF_PYTEST == set()


def test_every_declared_module_is_imported():
    declared = {module_of(one) for one in PROJECT["dependencies"] if not one.startswith("apache-airflow")}
    assert declared - imported() - OF_MSGSPEC - OF_STARLETTE == set()
