"""The container of the sandbox holds what the sandbox imports, and nothing else."""

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SANDBOX = ROOT / "airflow_provider_walmart" / "sandbox"
DOCKERFILE = ROOT / "docker" / "sandbox.Dockerfile"
# Installed under another name than it is imported by, and loaded by those that are imported: forms, YAML, a faster parser.
LOADED_BY_OTHERS = {"python-multipart", "pyyaml", "httptools"}


def imported() -> set[str]:
    found = set()
    for path in SANDBOX.rglob("*.py"):
        if path.name == "pytest_plugin.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add((node.module or "").partition(".")[0])
            elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "import_module":
                found.add(ast.literal_eval(node.args[0]))
    return found - set(sys.stdlib_module_names) - {"airflow_provider_walmart"}


def test_the_container_installs_what_is_imported():
    (line,) = re.findall(r"pip install --no-cache-dir (.+)", DOCKERFILE.read_text())
    assert set(line.split()) - LOADED_BY_OTHERS == imported()


def test_the_image_copies_what_there_is():
    for source in re.findall(r"^COPY (\S+) ", DOCKERFILE.read_text(), re.MULTILINE):
        assert (ROOT / source).exists()
