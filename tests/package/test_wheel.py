"""The wheel in ``dist``, installed where there is nothing else of ours: an editable install hides missing files."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_walmart.get_provider_info import get_provider_info

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGE = CHECKOUT / "airflow_provider_walmart"
NAME = "airflow-provider-walmart"
FORMS = get_provider_info()["connection-types"]

# What the connection page asks for.
HOOK_META = """
from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
import json
print("[" + ",".join(each.model_dump_json() for each in HookMetaService.hook_meta_data()) + "]")
"""
CALL = """
from airflow_provider_walmart.hooks.walmart import WalmartHook
print(len(list(WalmartHook().paginate("getAllItems"))), "items")
"""
WHERE = "import airflow_provider_walmart as package; print(package.__file__)"


class Installed:
    """An environment with the wheel in it, used from a folder from which nothing of the checkout can be seen."""

    def __init__(self, folder: Path, wheel: Path, constraints: Path) -> None:
        self.folder = folder
        self.python = folder / "environment" / "bin" / "python"
        uv = [sys.executable, "-m", "uv"]
        subprocess.run(
            [*uv, "venv", "--quiet", "--python", sys.executable, folder / "environment"], check=True
        )
        install = [
            *uv,
            "pip",
            "install",
            "--quiet",
            "--python",
            self.python,
            "--constraint",
            constraints,
            wheel,
        ]
        subprocess.run(install, check=True)
        self.environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("AIRFLOW_", "PYTHON"))
            },
            "AIRFLOW_HOME": str(folder / "home"),
        }

    def start(self, *arguments: Any, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.python, *arguments],
            cwd=self.folder,
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: Any, **environment: str) -> str:
        """Run Python; return what it printed, once it has ended well and without a complaint."""
        process = self.start(*arguments, **environment)
        output, errors = process.communicate(timeout=250)
        assert process.returncode == 0, errors
        assert "Error when importing" not in output + errors
        return output

    def json(self, *arguments: Any) -> Any:
        output = self.run(*arguments)
        return json.loads(output[output.index("[") :])


@pytest.fixture(scope="module")
def wheel() -> Path:
    (found,) = (CHECKOUT / "dist").glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(tmp_path_factory.mktemp("empty"), wheel, CHECKOUT / "constraints" / "airflow-3.3.txt")


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(wheel: Path) -> None:
    ours = {str(path.relative_to(CHECKOUT)) for path in PACKAGE.rglob("*") if path.is_file()}
    ours = {path for path in ours if "__pycache__" not in path}
    assert {f"{PACKAGE.name}/py.typed", f"{PACKAGE.name}/client/catalogue/marketplace.json"} <= ours
    packed = set(zipfile.ZipFile(wheel).namelist())
    assert {path for path in packed if ".dist-info/" not in path} == ours
    assert any(path.endswith(".dist-info/licenses/LICENSE") for path in packed)


def test_the_readme_on_an_index_links_to_nothing_that_is_not_there(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        (name,) = [path for path in packed.namelist() if path.endswith(".dist-info/METADATA")]
        _, _, readme = packed.read(name).decode().partition("\n\n")
    assert "# airflow-provider-walmart" in readme
    assert not re.findall(r"\]\((?!https://)[^)]*\)", readme)
    assert "](docs/" in (CHECKOUT / "README.md").read_text()


def test_the_installed_package_is_the_one_that_is_checked(installed: Installed) -> None:
    assert Path(installed.run("-c", WHERE)).is_relative_to(installed.folder)


def test_airflow_knows_the_provider(installed: Installed) -> None:
    (known,) = installed.json("-m", "airflow", "providers", "get", "--full", "--output", "json", NAME)
    assert known["package-name"] == NAME
    hooks = [form["hook-class-name"] for form in known["connection-types"]]
    assert hooks == [form["hook-class-name"] for form in FORMS]


def test_airflow_imports_the_hooks(installed: Installed) -> None:
    listed = installed.json("-m", "airflow", "providers", "hooks", "--output", "json")
    ours = {row["connection_type"]: row["class"] for row in listed if row["package_name"] == NAME}
    assert ours == {form["connection-type"]: form["hook-class-name"] for form in FORMS}


def test_airflow_shows_the_forms(installed: Installed) -> None:
    shown = {meta["connection_type"]: meta for meta in installed.json("-c", HOOK_META)}
    for form in FORMS:
        assert set(shown[form["connection-type"]]["extra_fields"]) == set(form["conn-fields"])


def test_all_modules_can_be_imported(installed: Installed) -> None:
    entries = [
        entry for part in ("hooks", "operators", "sensors", "triggers") for entry in get_provider_info()[part]
    ]
    modules = [module for entry in entries for module in entry["python-modules"]]
    assert "airflow_provider_walmart.hooks.walmart" in modules
    installed.run("-c", "import " + ", ".join(modules))


def test_the_sandbox_starts_and_the_hook_talks_to_it(installed: Installed) -> None:
    sandbox = installed.start("-m", "airflow_provider_walmart.sandbox", "--port", "0")
    try:
        assert sandbox.stdout
        url = re.fullmatch(r"Sandbox ready on (\S+)\n", sandbox.stdout.readline())[1]
        connection = {"conn_type": "walmart", "login": "sandbox", "password": "sandbox", "host": url}
        said = installed.run("-c", CALL, AIRFLOW_CONN_WALMART_DEFAULT=json.dumps(connection))
    finally:
        sandbox.terminate()
        sandbox.communicate(timeout=60)
    assert re.search(r"^[1-9]\d* items$", said, re.MULTILINE)
