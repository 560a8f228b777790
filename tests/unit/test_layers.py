"""Who may import whom, read from the source of every module; and what importing us costs a DAG file."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import airflow_provider_walmart

PACKAGE = "airflow_provider_walmart"
ROOT = Path(airflow_provider_walmart.__file__).parent
EXAMPLES = ROOT.parent / "example_dags"
ORCHESTRATION = ("operators", "sensors", "triggers", "links", "results", "retry_policy")

# What each layer may import of our own package. `client.settings` is data that the form shows.
ALLOWED = {
    **{layer: {*ORCHESTRATION, "hooks", "client"} for layer in ORCHESTRATION},
    "hooks": {"hooks", "client", "get_provider_info"},
    "client": {"client"},
    "sandbox": {"sandbox"},
    "get_provider_info": {"client.settings"},
    "": set(),
}
MODULES = sorted(ROOT.rglob("*.py"))


def layer_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return "" if parts == ("__init__",) else parts[0]


def imports_of(path: Path) -> set[str]:
    """Return the full names of all modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            # `from package import module` imports the module, `from module import name` must not be taken for one.
            if node.module and (ROOT.parent / Path(*node.module.split("."))).is_dir():
                found.update(f"{node.module}.{alias.name}" for alias in node.names)
            else:
                found.add(node.module or "")
    return found


def ours(path: Path) -> set[str]:
    """Return what a file imports of our package, without the package's name."""
    prefix = f"{PACKAGE}."
    found = {name.removeprefix(prefix) for name in imports_of(path) if name.startswith(prefix)}
    return found - {"__version__"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_downward_only(path):
    allowed = ALLOWED[layer_of(path)]
    upward = {
        name for name in ours(path) if not any(name == one or name.startswith(f"{one}.") for one in allowed)
    }
    assert not upward


@pytest.mark.parametrize("layer", ["client", "sandbox"])
def test_no_airflow_below_the_hooks(layer):
    for path in (ROOT / layer).rglob("*.py"):
        assert not {name for name in imports_of(path) if name.partition(".")[0] == "airflow"}, path


def test_nothing_imports_the_sandbox():
    importers = {
        path
        for path in (*MODULES, *EXAMPLES.glob("*.py"))
        if layer_of_any(path) != "sandbox" and any(name.startswith("sandbox") for name in ours(path))
    }
    assert not importers


def layer_of_any(path: Path) -> str:
    return layer_of(path) if path.is_relative_to(ROOT) else ""


def test_the_reader_of_imports_sees_them(tmp_path):
    module = tmp_path / "module.py"
    module.write_text(
        "import airflow.sdk as sdk\n"
        f"from {PACKAGE} import __version__\n"
        f"from {PACKAGE}.client import feeds\n"
        "def later():\n"
        f"    from {PACKAGE}.sandbox.app import App\n"
    )
    assert ours(module) == {"client.feeds", "sandbox.app"}
    assert "airflow.sdk" in imports_of(module)


HEAVY = (
    "requests",
    "httpx",
    "aiohttp",
    "pydantic",
    "tenacity",
    "cryptography",
    "redis",
    "tabulate",
    "filelock",
)


def newly_imported(code: str, tmp_path: Path) -> set[str]:
    """Return the top-level packages that some code imports over ``airflow.sdk``."""
    script = (
        "import sys, airflow.sdk, airflow.providers.common.compat.sdk as compat\n"
        "compat.BaseOperator, compat.BaseSensorOperator, airflow.sdk.DAG, airflow.sdk.task, airflow.sdk.dag\n"
        "def packages(): return {name.partition('.')[0] for name in sys.modules}\n"
        "before = packages()\n"
        f"{code}\n"
        "print(*packages() - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={"PATH": "", "AIRFLOW_HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def test_importing_operators_loads_nothing_heavy(tmp_path):
    modules = [
        ".".join((PACKAGE, *path.relative_to(ROOT).with_suffix("").parts))
        for layer in ("operators", "sensors", "triggers", "links")
        for path in (ROOT / layer).rglob("*.py")
        if path.name != "__init__.py"
    ]
    assert f"{PACKAGE}.operators.feeds" in modules
    new = newly_imported("".join(f"import {module}\n" for module in modules), tmp_path)
    assert not new & set(HEAVY)


def test_the_hook_loads_requests(tmp_path):
    # Or else the tests beside this one would pass without looking.
    assert "requests" in newly_imported(f"import {PACKAGE}.hooks.walmart", tmp_path)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_example_dags_parse_without_connection_network_or_requests(path, tmp_path):
    code = (
        "import gc, socket, runpy\n"
        "def no_network(*args, **kwargs): raise AssertionError('a call at parse time')\n"
        "socket.socket.connect = socket.getaddrinfo = no_network\n"
        f"names = runpy.run_path({str(path)!r})\n"
        "assert any(type(thing) is airflow.sdk.DAG for thing in gc.get_objects())\n"
    )
    new = newly_imported(code, tmp_path)
    assert not new & set(HEAVY)
