"""Who may import whom, read from the source of every module; and what importing us costs a DAG file."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import airflow_provider_walmart

PACKAGE = "airflow_provider_walmart"
ROOT = Path(airflow_provider_walmart.__file__).parent
EXAMPLES = ROOT.parent / "example_dags"
TASKS = ("operators", "sensors", "triggers", "links", "retry_policy")
# Subjects of the client, each a folder; what carries their calls lies below all of them.
CARRIERS = ("errors", "settings", "catalogue", "values", "once", "transport", "calls", "marketplace")

# What each layer may import of our own package, itself aside. `client.settings` is data that the form shows.
ALLOWED = {
    **{layer: {*TASKS, "task", "storage", "hooks", "client"} for layer in TASKS},
    "task": {"storage", "hooks", "client"},
    "storage": {"hooks", "client"},
    "hooks": {"client", "get_provider_info"},
    "cli": {"storage", "hooks", "client"},
    "web": {"storage", "hooks", "client"},
    "plugin": {"web"},
    "client": set(),
    "sandbox": set(),
    "get_provider_info": {"client.settings"},
    "": set(),
}
# The same between the folders of the client.
ALLOWED_IN_CLIENT = {
    "": set(),
    "errors": set(),
    "settings": {"errors"},
    "catalogue": {"errors"},
    "values": {"errors", "catalogue"},
    "once": {"errors", "values"},
    "transport": {"errors", "settings", "catalogue", "values"},
    "calls": {"errors", "catalogue", "values", "transport"},
    "marketplace": set(CARRIERS),
    "feeds": set(CARRIERS),
    "orders": set(CARRIERS),
    "reports": set(CARRIERS),
    "exports": set(CARRIERS),
    "items": set(CARRIERS),
    "webhooks": set(CARRIERS),
    "golocal": {*CARRIERS, "webhooks"} - {"marketplace"},
    "events": {*CARRIERS, "feeds", "orders", "reports", "exports"},
}
# The same between the folders of the sandbox.
ALLOWED_IN_SANDBOX = {
    "": set(),
    "core": set(),
    "marketplace": {"core"},
    "golocal": {"core"},
    "control": {"core", "marketplace", "golocal"},
    "server": {"core", "marketplace", "golocal", "control"},
    "__main__": {"core", "control", "server"},
    "pytest_plugin": set(),
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


def folder_below(name: str) -> str:
    """Return the folder, or the module, below its layer that a name is in."""
    return name.split(".")[1] if "." in name else ""


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_downward_only(path):
    own = layer_of(path)
    allowed = {own, *ALLOWED[own]} if own else set()
    upward = {
        name for name in ours(path) if not any(name == one or name.startswith(f"{one}.") for one in allowed)
    }
    assert not upward


INSIDE = [("client", ALLOWED_IN_CLIENT), ("sandbox", ALLOWED_IN_SANDBOX)]


@pytest.mark.parametrize(
    ("layer", "allowed_in", "path"),
    [(layer, rules, path) for layer, rules in INSIDE for path in sorted((ROOT / layer).rglob("*.py"))],
    ids=lambda value: str(value.relative_to(ROOT)) if isinstance(value, Path) else "",
)
def test_imports_inside_a_layer_go_downward_only(layer, allowed_in, path):
    parts = path.relative_to(ROOT / layer).with_suffix("").parts
    own = "" if parts == ("__init__",) else parts[0]
    allowed = {own, *allowed_in[own]}
    assert {folder_below(name) for name in ours(path) if name.startswith(f"{layer}.")} <= allowed


def test_feeds_and_orders_do_not_import_each_other():
    assert "orders" not in ALLOWED_IN_CLIENT["feeds"]
    assert "feeds" not in ALLOWED_IN_CLIENT["orders"]


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
    "jsonschema",
    "jsonschema_rs",
    "pyarrow",
    "pyrate_limiter",
)


OPERATORS = [
    ".".join((PACKAGE, *path.relative_to(ROOT).with_suffix("").parts))
    for layer in ("operators", "sensors", "triggers", "links")
    for path in sorted((ROOT / layer).rglob("*.py"))
    if path.name != "__init__.py"
]
EXAMPLE_FILES = sorted(str(path) for path in EXAMPLES.glob("*.py"))

# Subjects of the client of which a task needs one, and loads it when it does.
SUBJECTS = (
    "exports.pages",
    "feeds.feed_types",
    "feeds.slices",
    "feeds.submit",
    "reports.requests",
    "items.specs",
)

# One process for all of it, since starting Airflow takes longest.
SCRIPT = f"""
import gc, importlib, json, runpy, socket, sys
import airflow.sdk, airflow.providers.common.compat.sdk as compat

compat.BaseOperator, compat.BaseSensorOperator, airflow.sdk.DAG, airflow.sdk.task, airflow.sdk.dag

def packages():
    return {{name.partition('.')[0] for name in sys.modules}}

def no_network(*args, **kwargs):
    raise AssertionError('a call at parse time')

socket.socket.connect = socket.getaddrinfo = no_network
gc.disable()  # or DAGs that only Airflow's own parser would hold on to are gone before they are counted
before = packages()
for module in {OPERATORS!r}:
    importlib.import_module(module)
of_operators = packages() - before
parsed = {{path: runpy.run_path(path) for path in {EXAMPLE_FILES!r}}}
of_examples = packages() - before
dags = {{thing.fileloc for thing in gc.get_objects() if type(thing) is airflow.sdk.DAG}}
import {PACKAGE}.hooks.walmart
of_hook = packages() - before
ours_of_hook = [name for name in sys.modules if name.startswith({PACKAGE!r})]
print(json.dumps([sorted(found) for found in (of_operators, of_examples, dags, of_hook, ours_of_hook)]))
"""


@pytest.fixture(scope="module")
def imported(tmp_path_factory) -> dict[str, set[str]]:
    """Return the top-level packages that are new over ``airflow.sdk`` after each step, and which files made DAGs."""
    environment = {"PATH": "", "AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow"))}
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    names = ("operators", "examples", "dags", "hook", "ours of hook")
    return dict(zip(names, map(set, json.loads(done.stdout.splitlines()[-1])), strict=True))


def test_importing_operators_loads_nothing_heavy(imported):
    assert f"{PACKAGE}.operators.feeds" in OPERATORS
    assert not imported["operators"] & set(HEAVY)


def test_example_dags_parse_without_connection_network_or_anything_heavy(imported):
    # Airflow 3.1 itself loads jsonschema for a DAG.
    assert not imported["examples"] & (set(HEAVY) - {"jsonschema"})
    assert imported["dags"] == set(EXAMPLE_FILES)


def test_the_hook_loads_requests(imported):
    # Or else the tests beside this one would pass without checking.
    assert "requests" in imported["hook"]


def test_the_hook_loads_no_subject_of_the_client(imported):
    assert f"{PACKAGE}.client.marketplace" in imported["ours of hook"]
    assert not imported["ours of hook"] & {f"{PACKAGE}.client.{name}" for name in SUBJECTS}
