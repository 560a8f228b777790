"""What is published says the same in all places: version, supported versions, modules, commands."""

from __future__ import annotations

import re
from importlib.metadata import metadata

import pytest
import yaml

from airflow_provider_walmart import __version__
from airflow_provider_walmart.get_provider_info import get_provider_info
from tests.helpers.documents import CHECKOUT

INFO = get_provider_info()
REGISTRY = yaml.safe_load((CHECKOUT / ".airflow-registry.yaml").read_text())
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text()) for path in (CHECKOUT / ".github").rglob("*.yml")}
AIRFLOWS = sorted(path.stem.removeprefix("airflow-") for path in (CHECKOUT / "constraints").glob("*.txt"))
PYTHONS = re.findall(
    r"Python :: (3\.\d+)$",
    "\n".join(metadata("airflow-provider-walmart").get_all("Classifier")),
    re.MULTILINE,
)


def test_the_version_is_in_one_place():
    assert metadata("airflow-provider-walmart")["Version"] == __version__
    [newest, *_] = re.findall(r"^## (\S+)", (CHECKOUT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest == __version__
    for name in ("pyproject.toml", "docs/conf.py", "README.md"):
        assert __version__ not in (CHECKOUT / name).read_text(), name


@pytest.mark.parametrize("part", ["hooks", "operators", "sensors", "triggers"])
def test_the_registry_file_has_all_modules(part):
    provided = {module for entry in INFO[part] for module in entry["python-modules"]}
    assert {entry["module"] for entry in REGISTRY[part]} == provided
    assert all(entry["description"].endswith(".") for entry in REGISTRY[part])


def test_the_registry_file_has_the_names_of_the_provider_info():
    assert REGISTRY["package-name"] == INFO["package-name"]
    assert REGISTRY["display-name"] == INFO["name"]
    assert (CHECKOUT / REGISTRY["docs"]).exists()
    names = ("connection-type", "hook-class-name")
    ours = [{name: form[name] for name in names} for form in INFO["connection-types"]]
    assert REGISTRY["connection-types"] == ours


def test_the_matrix_has_all_supported_versions():
    matrix = WORKFLOWS["matrix"]["jobs"]["test"]["strategy"]["matrix"]
    assert (matrix["airflow"], matrix["python"]) == (AIRFLOWS, PYTHONS)
    nox = (CHECKOUT / "noxfile.py").read_text()
    for name, versions in (("AIRFLOWS", AIRFLOWS), ("PYTHONS", PYTHONS)):
        assert f"{name} = {tuple(versions)}".replace("'", '"') in nox
    readme = (CHECKOUT / "README.md").read_text()
    assert f"| Airflow | {', '.join(AIRFLOWS)} |" in readme
    assert f"| Python | {', '.join(PYTHONS)} |" in readme


def test_a_release_says_where_its_files_come_from():
    jobs = WORKFLOWS["release"]["jobs"]
    steps = {
        step["uses"].partition("@")[0]: step
        for job in jobs.values()
        for step in job.get("steps", ())
        if "uses" in step
    }
    assert steps["actions/attest-build-provenance"]["with"] == {"subject-path": "dist/*"}
    assert steps["pypa/gh-action-pypi-publish"]["with"] == {"attestations": True}
    assert jobs["build"]["permissions"] == {"contents": "read", "id-token": "write", "attestations": "write"}
    assert jobs["publish"]["permissions"] == {"id-token": "write"}


def test_workflows_run_what_is_there():
    targets = re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE)
    jobs = [job for workflow in WORKFLOWS.values() for job in workflow.get("jobs", {}).values()]
    commands = [step["run"] for job in jobs for step in job.get("steps", ()) if "run" in step]
    made = [command.split()[1] for command in commands if command.startswith("make ")]
    assert made
    assert set(made) <= set(targets)
    assert ".ci/run" in commands
    called = [job["uses"] for job in jobs if "uses" in job]
    assert called
    assert all((CHECKOUT / name).exists() for name in called)
