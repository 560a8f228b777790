"""``walmart items spec`` against the sandbox."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.helpers.item_rows import VERSION


def run(shop, *arguments):
    command = [
        sys.executable,
        "-c",
        "from airflow_provider_walmart.cli.main import main; main()",
        "items",
        "spec",
    ]
    return subprocess.run([*command, *arguments], capture_output=True, text=True)


def test_required_fields_are_listed_with_what_is_allowed(shop):
    done = run(shop, "Mugs", "--version", VERSION, "-o", "json")
    assert done.returncode == 0, done.stderr
    rows = {row["field"]: row for row in json.loads(done.stdout)}
    assert rows["Visible.Mugs.isProp65WarningRequired"]["allowed"] == ["Yes", "No"]
    assert "Visible.Mugs.color" not in rows
    assert all(row["required"] for row in rows.values())


def test_the_current_version_is_asked_for_with_an_item(shop):
    done = run(shop, "Mugs", "--gtin", "00012345678905", "--all", "-o", "json")
    rows = {row["field"]: row for row in json.loads(done.stdout)}
    assert rows["Visible.Mugs.color"]["version"] == "5.0.20260803-17_50_56-api"


def test_a_product_type_that_is_none_is_bad_input(shop):
    done = run(shop, "Carrot", "--version", VERSION)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no product type 'Carrot'" in done.stderr
