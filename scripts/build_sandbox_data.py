"""Build what the sandbox knows of the documented operations from Walmart's own API documents.

Usage::

    python -m scripts.build_sandbox_data FOLDER [--output FILE]

``FOLDER`` is laid out as for ``scripts.build_catalogue``. Only facts are taken: methods, paths, names, types, allowed values,
statuses, media types, limits; never wording or examples. This is a second reading of the documents, made without the client's
catalogue, so that a mistake of one shows at the other.

A shape is ``"string"``, ``"integer"``, ``"number"``, ``"boolean"``, ``"date"``, ``"date-time"`` or ``"any"``; ``[shape]`` for a
list; ``[kind, [values]]`` where only some values are allowed; ``[kind, pattern]`` where a text must match a regular expression; or an
object, whose required names end in ``*``.

The output depends on the documents alone; running the script twice gives the same bytes.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Json = dict[str, Any]

OUTPUT = (
    Path(__file__).parents[1] / "airflow_provider_walmart" / "sandbox" / "marketplace" / "documented.jsonl"
)
RATE_LIMITS = "tables/rate-limits-us-2026-08.csv"
SETS = (("us", "us-mp-2026"), ("mx", "mx-mp-2023"), ("ca", "ca-mp-2023"))
METHODS = ("get", "post", "put", "patch", "delete")
SECONDS = {"min": 60, "hour": 3600, "day": 86400}
# Checked for every call alike, or declared by mistake: the access token alone is what admits a call.
COMMON_HEADERS = {
    "accept", "authorization", "content-type", "wm_consumer.channel.type", "wm_partner.id", "wm_qos.correlation_id",
    "wm_sec.access_token", "wm_svc.name",
}  # fmt: skip
# Misspelt in the documents: "ACS" beside a text that has ASC.
MISSPELT = {"ACS": "ASC"}
DEEPEST = 16


class Document:
    """One OpenAPI document.

    :param path: its file.
    """

    def __init__(self, path: Path) -> None:
        self.root: Json = json.loads(path.read_text("utf-8"))
        url = next((server["url"] for server in self.root.get("servers", ())), "")
        self.prefix = re.sub(r"^https://[^/]+", "", url).rstrip("/")

    def operations(self) -> Iterator[tuple[str, str, Json]]:
        """Yield method, path and description of every operation."""
        for path, methods in self.root["paths"].items():
            for method in METHODS:
                if method in methods:
                    yield method.upper(), self.prefix + path, methods[method]

    def resolve(self, node: Any) -> Any:
        """Return what a reference points to."""
        while isinstance(node, dict) and "$ref" in node:
            target: Any = self.root
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part.replace("~1", "/").replace("~0", "~")]
            node = target
        return node

    def shape(self, schema: Any, *, marks: bool, depth: int = 0) -> Any:
        """Return the shape of a schema.

        :param schema: the schema.
        :param marks: whether required names are marked.
        :param depth: how deep it lies.
        """
        schema = self.resolve(schema)
        if not isinstance(schema, dict) or depth > DEEPEST:
            return "any"
        fields, required = self._fields(schema)
        if fields:
            return {
                name + "*" * (marks and name in required): self.shape(part, marks=marks, depth=depth + 1)
                for name, part in fields.items()
            }
        for name in ("oneOf", "anyOf", "allOf"):
            if schema.get(name):
                return self.shape(schema[name][0], marks=marks, depth=depth + 1)
        if schema.get("type") == "array" or "items" in schema:
            return [self.shape(schema.get("items", {}), marks=marks, depth=depth + 1)]
        if schema.get("type") == "object":
            return {}
        kind = schema.get("type", "any")
        if kind == "string" and schema.get("format") in ("date", "date-time"):
            kind = schema["format"]
        if values := schema.get("enum"):
            return [kind, [MISSPELT.get(value, value) for value in values if value is not None]]
        # Some have a format where the pattern belongs.
        if kind == "string" and schema.get("pattern", "").startswith("^"):
            return [kind, schema["pattern"]]
        return kind

    def _fields(self, schema: Json) -> tuple[Json, set[str]]:
        """Return the properties of an object and the required ones; of the first form where it has several."""
        schema = self.resolve(schema)
        fields, required = dict(schema.get("properties", {})), set(schema.get("required", ()))
        for part in schema.get("allOf", []) + schema.get("oneOf", [])[:1] + schema.get("anyOf", [])[:1]:
            more, needed = self._fields(part)
            fields |= more
            required |= needed
        return fields, required


def of_example(value: Any) -> Any:
    """Return the shape of a value: of its names and types alone.

    :param value: an example, where the schema says nothing.
    """
    if isinstance(value, dict):
        return {name: of_example(part) for name, part in value.items()}
    if isinstance(value, list):
        return [of_example(value[0])] if value else ["any"]
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string"}
    return kinds.get(type(value), "any")


def reply(document: Document, operation: Json) -> Json:
    """Return status, media types and shape of the answer that means success."""
    statuses = sorted(status for status in operation["responses"] if status.startswith("2"))
    status = statuses[0] if statuses else "200"
    content = document.resolve(operation["responses"].get(status, {})).get("content", {})
    found: Json = {"status": int(status), "media": list(content)}
    for media in ("application/json", "application/xml"):
        if media not in content:
            continue
        schema = document.resolve(content[media].get("schema", {}))
        shape = document.shape(schema, marks=False)
        if shape in ({}, "any", [{}], ["any"]):
            examples = [
                document.resolve(part).get("value") for part in content[media].get("examples", {}).values()
            ]
            example = next((part for part in [content[media].get("example"), *examples] if part), None)
            if isinstance(example, (dict, list)):
                shape = of_example(example)
            if isinstance(example, dict) and isinstance(schema.get("additionalProperties"), dict):
                # An object with names of any kind, which only an example has.
                entry = document.shape(schema["additionalProperties"], marks=False)
                shape = dict.fromkeys(example, entry)
        found["shape"] = shape
        break
    return found


def refusal(document: Document, operation: Json) -> str:
    """Return what the answer to a bad request looks like, as the sandbox names it; empty when no document tells."""
    content = document.resolve(operation["responses"].get("400", {})).get("content", {})
    if "application/problem+json" in content:
        return "problem"
    shape = document.shape(content.get("application/json", {}).get("schema", {}), marks=False)
    names = shape if isinstance(shape, dict) else {}
    if "errorCode" in names:
        return "message"
    if isinstance(names.get("errors"), list):
        return {"string": "status", "integer": "numbered"}.get(names.get("status", ""), "errors")
    if "error" in names:
        return "error" if isinstance(names["error"], list) else "object"
    return "bare" if "code" in names and not isinstance(names["code"], list) else ""


def parameters(document: Document, operation: Json) -> Iterator[Json]:
    """Yield the query and header parameters of an operation, as far as they are its own."""
    for node in operation.get("parameters", ()):
        source = document.resolve(node)
        if source["in"] == "path" or source["name"].lower() in COMMON_HEADERS:
            continue
        # An account has it or not, where an operation doesn't need it.
        if source["name"] == "WM_SANDBOX" and not source.get("required"):
            continue
        schema = document.resolve(source.get("schema", {}))
        found: Json = {"name": source["name"], "in": source["in"]}
        if source.get("required"):
            found["required"] = True
        plain = {name: value for name, value in schema.items() if name != "pattern"}
        found["shape"] = document.shape(plain, marks=False)
        for name in ("minimum", "maximum", "pattern"):
            if name in schema:
                found[name] = schema[name]
        # The number of the first page is nowhere else.
        if source["name"] == "page" and "default" in schema:
            found["default"] = schema["default"]
        yield found


def limits(table: Path) -> dict[str, list[int]]:
    """Return the published limit of method and path, as calls and seconds.

    :param table: the table of limits.
    """
    found: dict[str, list[int]] = {}
    with table.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            match = re.match(r"(\d+)/(min|hour|day)", row["published_limit"])
            if match:
                place = f"{row['method']} {row['endpoint'].partition('?')[0]}"
                found.setdefault(place, [int(match[1]), SECONDS[match[2]]])
    return found


def rows(folder: Path) -> Iterator[Json]:
    """Yield what the sandbox has to know of each method and path, a market at a time.

    :param folder: where the documents are.
    """
    known = limits(folder / RATE_LIMITS)
    for market, name in SETS:
        seen = set()
        for path in sorted((folder / name).glob("*.json")):
            document = Document(path)
            for method, place, operation in document.operations():
                place = place.partition("?")[0]
                # Several documents declare the same call; its forms differ in what the feed holds.
                if (method, place) in seen:
                    continue
                seen.add((method, place))
                row: Json = {"market": market, "method": method, "path": place}
                if found := list(parameters(document, operation)):
                    row["parameters"] = found
                body = document.resolve(operation.get("requestBody", {}))
                content = body.get("content", {})
                if content:
                    row["takes"] = list(content)
                    row["bodyRequired"] = bool(body.get("required"))
                    form = document.resolve(content.get("multipart/form-data", {}).get("schema", {}))
                    if parts := form.get("required"):
                        row["form"] = parts
                    if "application/json" in content:
                        row["body"] = document.shape(
                            content["application/json"].get("schema", {}), marks=True
                        )
                row |= reply(document, operation)
                if how := refusal(document, operation):
                    row["refusal"] = how
                if limit := known.get(f"{method} {place}"):
                    row["limit"] = limit
                yield row


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    lines = [json.dumps(row, separators=(",", ":"), ensure_ascii=False) for row in rows(options.folder)]
    options.output.write_text("\n".join(lines) + "\n", "utf-8")
    print(f"{len(lines)} operations in {options.output}")


if __name__ == "__main__":
    main()
