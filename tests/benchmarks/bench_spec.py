"""Checking items against a spec with each of the two schema libraries: `jsonschema`, and `jsonschema-rs` of the extra ``spec``.

``python -m tests.benchmarks.bench_spec [items]`` prints items a second. The spec is Walmart's own example of one, where
Walmart's API documents are at hand (``WALMART_OPENAPI_DIR``); the item is good, with one price after the other.
"""

from __future__ import annotations

import json
import sys
import time

from airflow_provider_walmart.client.items.specs import ItemSpec
from airflow_provider_walmart.client.items.validator import SpecValidator
from tests.helpers.figures import Figure
from tests.unit.client.items.test_validator import DOCUMENT, valid

ITEMS = 2_000


def rates(items: int) -> dict[str, float]:
    """Return items a second by library."""
    document = json.loads(DOCUMENT.read_text("utf-8"))
    answer = document["paths"]["/v3/items/spec"]["post"]["responses"]["200"]["content"]["application/json"]
    schema = ItemSpec(
        "MP_WFS_ITEM", "5.0", "Baby Blankets", json.dumps(answer["example"]["schema"])
    ).item_schema
    item = valid(schema)
    found = {}
    for name, fast in (("jsonschema", False), ("jsonschema-rs", True)):
        validator = SpecValidator(json.dumps(schema), fast=fast)
        count = items if fast else max(1, items // 20)
        began = time.perf_counter()
        for cents in range(1, count + 1):
            item["Orderable"]["price"] = cents / 100
            validator.problems(item)
        found[name] = count / (time.perf_counter() - began)
    return found


def figures(items: int = ITEMS) -> list[Figure]:
    """Measure, and return what was found; nothing without Walmart's API documents."""
    if not DOCUMENT.is_file():
        print("Walmart's API documents are not here; see WALMART_OPENAPI_DIR", file=sys.stderr)
        return []
    found = rates(items)
    return [
        Figure(
            "items a second that are checked against a spec, with the extra spec",
            f"{found['jsonschema-rs']:,.0f}",
            f"{found['jsonschema']:,.0f} without it",
        )
    ]


if __name__ == "__main__":
    for library, rate in rates(int(sys.argv[1]) if len(sys.argv) > 1 else ITEMS).items():
        print(f"{library:14} {rate:10,.0f} items/s")
