"""Files and folders that the documents for contributors name are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "airflow_provider_walmart"
PATH = re.compile(r"(?<![\w/.*<])[\w-]+(?:/[\w-]+)*/(?:[\w-]+\.(?:css|html|json|md|py|yml))?(?![\w*])")
# Made when it is needed, or of a storage that Walmart knows.
NOT_KEPT = ("docs/_build", "dist/")


def named_paths(document: str) -> set[str]:
    text = re.sub(r"https?://\S+|/v\d/\S+|\[\]\([^)]*\)", "", (ROOT / document).read_text("utf-8"))
    return {path for path in PATH.findall(text) if not path.startswith(NOT_KEPT)}


@pytest.mark.parametrize("document", ["ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_paths_that_a_document_names_exist(document):
    paths = named_paths(document)
    assert len(paths) > 20
    homes = (ROOT, ROOT / "tests", PACKAGE, PACKAGE / "client", PACKAGE / "sandbox")
    assert [path for path in sorted(paths) if not any((home / path).exists() for home in homes)] == []
