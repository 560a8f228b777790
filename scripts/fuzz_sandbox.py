"""Call the running sandbox with what a property-based tester makes of Walmart's API documents.

Usage::

    python -m scripts.fuzz_sandbox FOLDER [--examples 10] [DOCUMENT ...]

``FOLDER`` is laid out as for ``scripts.build_catalogue``. The tester is schemathesis, run by ``uv tool run``, since its
dependencies are not ours. Found is what breaks the sandbox (5xx), what is answered in another form than documented, and what is
accepted without a header that is needed. Documents that contradict themselves, and where Walmart's live API is known to differ from
them, are named in ``scripts/contradictions.csv``. Exit code 1: something else was found, or an operation was not tested.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import requests

from scripts.contradictions import Contradictions
from scripts.local_sandbox import LocalSandbox
from scripts.processes import Processes

DOCUMENTS = "us-mp-2026"
METHODS = ("get", "post", "put", "patch", "delete")
CHECKS = "not_a_server_error,response_schema_conformance,missing_required_header"
HEADERS = {"WM_QOS.CORRELATION_ID": "1", "WM_SVC.NAME": "Walmart Marketplace", "Accept": "application/json"}
#: OpenAPI (3.0, Parameter Object) ignores headers of these names among the parameters: media types and security say them.
IGNORED = re.compile(r"missing required '(Accept|Authorization|Content-Type)' header")


def main() -> int:
    """Run the tester over the documents; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("documents", nargs="*", help="names of documents, or their beginnings; default all")
    parser.add_argument("--examples", type=int, default=10, help="calls made up of each operation")
    options = parser.parse_intermixed_args()
    found = Contradictions("schemathesis")
    with tempfile.TemporaryDirectory() as folder, Processes(Path(folder)) as processes:
        sandbox = LocalSandbox(processes, "--shop", "typical", "--feed-seconds", "1")
        for path in sorted((options.folder / DOCUMENTS).glob("*.json")):
            if path.name.startswith(tuple(options.documents or [""])):
                tested = seen = 0
                for operation, findings in cases(sandbox, path, options.examples, Path(folder)):
                    tested += 1
                    seen += sum(not found.add(operation, finding) for finding in findings)
                print(f"{path.name}: {tested} operations tested, {seen} findings not known", flush=True)
                if tested != operations_in(path):
                    found.add(path.name, f"only {tested} of {operations_in(path)} operations were tested")
    found.report()
    return bool(found.unknown)


def cases(
    sandbox: LocalSandbox, document: Path, examples: int, folder: Path
) -> Iterator[tuple[str, list[str]]]:
    """Yield each tested operation of a document, and what was found with it."""
    sandbox.control("/settings", {"limits": False, "token_life": 1e9})
    headers = {**HEADERS, "WM_SEC.ACCESS_TOKEN": token(sandbox.url)}
    report = folder / "report.xml"
    report.unlink(missing_ok=True)
    command = [
        *f"{sys.executable} -m uv tool run --from schemathesis>=4 schemathesis run {document}".split(),
        *("--origin", sandbox.url, "--checks", CHECKS, "--phases", "examples,coverage,fuzzing"),
        *("--max-examples", str(examples), "--seed", "1", "--continue-on-failure", "--warnings", "off"),
        *("--no-shrink", "--suppress-health-check", "all"),
        *("--report", "junit", "--report-junit-path", str(report)),
        *(text for name, value in headers.items() for text in ("--header", f"{name}: {value}")),
    ]
    # Its own notes are left in the folder it runs in.
    subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, check=False)
    for case in ET.parse(report).getroot().iter("testcase"):
        troubles = [*case.iter("failure"), *case.iter("error")]
        texts = [trouble.text or trouble.get("message", "") for trouble in troubles]
        yield case.get("name", ""), [finding for text in texts for finding in findings_in(text)]


def findings_in(text: str) -> list[str]:
    """Return what was found, a line each: its title and the line that says more."""
    blocks = re.split(r"\n(?=- )|\n\d+\. Test Case ID", text)
    lines = [" ".join(block.split())[:400].removeprefix("- ") for block in blocks]
    return [line for line in lines if re.match(r"ST\d+|.*[Ee]rror", line) and not IGNORED.search(line)]


def operations_in(document: Path) -> int:
    """Return how many operations a document declares."""
    paths = json.loads(document.read_text("utf-8"))["paths"].values()
    return sum(method in path for path in paths for method in METHODS)


def token(url: str) -> str:
    """Return a new access token."""
    answer = requests.post(
        f"{url}/v3/token",
        {"grant_type": "client_credentials"},
        headers=HEADERS,
        auth=("fuzz", "sandbox"),
        timeout=60,
    )
    text: str = answer.json()["access_token"]
    return text


if __name__ == "__main__":
    sys.exit(main())
