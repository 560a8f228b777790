"""Call every US operation through a proxy that validates calls and answers against Walmart's API documents.

Usage::

    python -m scripts.validate_sandbox FOLDER [DOCUMENT ...]

``FOLDER`` is laid out as for ``scripts.build_catalogue``. The proxy is Prism, run by ``npx`` of Node.js. It stands between the hook
and the sandbox, with one document after the other, and notes in a header of each answer where the call or the answer is not as
documented. Operations are called as the tests call them; lists are read to their ends. Documents that contradict themselves,
and where Walmart's live API is known to differ from them, are named in ``scripts/contradictions.csv``. Exit code 1: something else
was found, or an operation was not answered.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlencode

import requests
from requests.adapters import HTTPAdapter

from airflow_provider_walmart.client.catalogue.operations import Operation, all_operations
from airflow_provider_walmart.client.errors import WalmartError
from airflow_provider_walmart.hooks.walmart import WalmartHook
from scripts import catalogue_walk
from scripts.contradictions import Contradictions
from scripts.local_sandbox import LocalSandbox
from scripts.processes import Processes

Json = dict[str, Any]

DOCUMENTS = "us-mp-2026"
PRISM = "@stoplight/prism-cli@5"
VIOLATIONS = "sl-violations"
NOT_ITS_OWN = "Selected route not found"
#: OpenAPI (3.0, Parameter Object) ignores headers of these names among the parameters: media types and security say them.
IGNORED = ("Accept", "Authorization", "Content-Type")


def main() -> int:
    """Walk the operations; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("documents", nargs="*", help="names of documents, or their beginnings; default all")
    options = parser.parse_args()
    groups = defaultdict(list)
    for operation in all_operations():
        if operation.market == "us":
            groups[operation.group].append(operation)
    with tempfile.TemporaryDirectory() as folder, Processes(Path(folder)) as processes:
        os.environ["AIRFLOW__WALMART__SHARED_STATE_DIR"] = f"{folder}/state"
        walk = Walk(LocalSandbox(processes, "--no-seed"))
        for group, operations in sorted(groups.items()):
            if not group.startswith(tuple(options.documents or [""])):
                continue
            document = json.loads((options.folder / DOCUMENTS / f"{group}.openapi.json").read_text("utf-8"))
            before = walk.answers
            for part in parts(operations):
                path = Path(folder) / "document.json"
                path.write_text(json.dumps(only(document, part)), "utf-8")
                with prism(processes, path, walk.sandbox.url) as url:
                    walk.call(part, url)
            print(f"{group}: {len(operations)} operations, {walk.answers - before} answers", flush=True)
        walk.found.report()
        print(f"{len(walk.called)} operations called, {walk.answers} answers validated")
    return bool(walk.found.unknown)


def place_of(operation: Operation, *, whole: bool = True) -> str:
    """Return method and path of an operation, as its document may have them.

    :param operation: the operation.
    :param whole: whether the query that belongs to it is part of the path.
    """
    query = f"?{urlencode(operation.fixed_query)}" if whole and operation.fixed_query else ""
    return f"{operation.method} {operation.path}{query}"


def parts(operations: Sequence[Operation]) -> Iterator[list[Operation]]:
    """Yield the operations of a document so that none has the method and path of another: a proxy looks at no query."""
    left = list(operations)
    while left:
        chosen = {place_of(operation, whole=False): operation for operation in reversed(left)}
        yield list(chosen.values())
        left = [operation for operation in left if operation not in chosen.values()]


def only(document: Json, operations: Sequence[Operation]) -> Json:
    """Return a document that declares some operations only, under paths without queries.

    :param document: the document.
    :param operations: the operations.
    """
    prefix = document["servers"][0]["url"].partition("walmartapis.com")[2]
    paths: Json = defaultdict(dict)
    for operation in operations:
        for path, methods in document["paths"].items():
            declared = methods.get(operation.method.lower(), {})
            plain, _, query = (prefix + path).partition("?")
            its_own = declared.get("operationId", "") == operation.operation_id
            if plain == operation.path and its_own and query in ("", urlencode(operation.fixed_query)):
                parameters = [one for one in declared.get("parameters", ()) if one.get("name") not in IGNORED]
                paths[plain][operation.method.lower()] = {**declared, "parameters": parameters}
    return {**document, "paths": paths, "servers": []}


@contextmanager
def prism(processes: Processes, document: Path, upstream: str) -> Iterator[str]:
    """Run the proxy; yield its URL.

    :param processes: what runs it.
    :param document: what to validate against.
    :param upstream: URL that calls are passed on to.
    """
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    command = ["npx", "--yes", PRISM, "proxy", str(document), upstream, "--port", str(port)]
    log = processes.start("prism", command)
    processes.wait_until(lambda: "Prism is listening" in log.read_text("utf-8"), what="Prism")
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        processes.kill("prism")


def violations_in(header: str) -> Iterator[str]:
    """Yield what a header of the proxy notes: place and message, places in a list without their numbers.

    :param header: a list as JSON; where it is too long, text and as much of the list as there is room for.
    """
    decoder, position = json.JSONDecoder(), header.find("[") + 1
    while header[position : position + 1] == "{":
        try:
            found, position = decoder.raw_decode(header, position)
        except ValueError:
            return
        place = ".".join(str(part) for part in found["location"])
        yield re.sub(r"\.\d+\b", "", f"{place}: {found['message']}")
        position += 1


class Walk:
    """Calls operations and collects what the proxy finds.

    :param sandbox: where the calls end up.
    """

    def __init__(self, sandbox: LocalSandbox) -> None:
        self.sandbox = sandbox
        self.found = Contradictions("prism")
        self.called: set[str] = set()
        self.answers = 0
        catalogue_walk.fill_shop(lambda path, body: sandbox.control(f"/{path}", body))
        self._ids = catalogue_walk.ids_of(self._hook(sandbox.url))

    def call(self, operations: Sequence[Operation], url: str) -> None:
        """Call operations, and read those that are lists to their ends.

        :param operations: the operations.
        :param url: URL of the proxy.
        """
        hook = self._hook(url)
        send = HTTPAdapter.send

        def noted(adapter: HTTPAdapter, request: requests.PreparedRequest, **options: Any) -> Any:
            answer = send(adapter, request, **options)
            self._note(operation, list(violations_in(answer.headers.get(VIOLATIONS, ""))))
            return answer

        with mock.patch.object(HTTPAdapter, "send", noted):
            for operation in operations:
                try:
                    self._call(hook, operation)
                except WalmartError as error:
                    self.found.add(place_of(operation), f"not answered: {error}")
                self.called.add(operation.name)

    def _call(self, hook: WalmartHook, operation: Operation) -> None:
        if operation.operation_id == "tokenAPI":
            # The client alone calls it, on its way to another call: it keeps the keys of the account to itself.
            return
        given = catalogue_walk.parameters_of(operation, self._ids)
        body = catalogue_walk.body_of(operation)
        hook.call(operation.name, body=body, **given)
        if operation.is_list:
            for _ in hook.paginate(operation.name, body=body, **given):
                pass

    def _note(self, operation: Operation, violations: Sequence[str]) -> None:
        if any(violation.endswith(NOT_ITS_OWN) for violation in violations):
            return  # a token, fetched on the way
        self.answers += 1
        for violation in violations:
            self.found.add(place_of(operation), violation)

    @staticmethod
    def _hook(url: str) -> WalmartHook:
        connection = {"conn_type": "walmart", "login": "an-id", "password": "sandbox", "host": url}
        os.environ["AIRFLOW_CONN_WALMART_VALIDATED"] = json.dumps(connection)
        hook = WalmartHook("walmart_validated")
        assert hook.client
        return hook


if __name__ == "__main__":
    sys.exit(main())
