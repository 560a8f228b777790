"""Call the running sandbox with what a property-based tester makes of Walmart's API documents.

Usage::

    python -m scripts.fuzz_sandbox FOLDER [--examples 10] [DOCUMENT ...]

``FOLDER`` is laid out as for ``scripts.build_catalogue``. The tester is schemathesis, run by ``uv tool run``, since its
dependencies are not ours. Found is what breaks the sandbox (5xx), what is answered in another form than documented, and what is
accepted without a header that is needed. What Walmart's own API is known to do otherwise than its documents say, and documents that
contradict themselves, are named in ``KNOWN``. Exit code 1: something else was found.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree as ET

import requests

from scripts.local_sandbox import LocalSandbox
from scripts.processes import Processes

DOCUMENTS = "us-mp-2026"
CHECKS = "not_a_server_error,response_schema_conformance,missing_required_header"
HEADERS = {"WM_QOS.CORRELATION_ID": "1", "WM_SVC.NAME": "Walmart Marketplace", "Accept": "application/json"}
#: Operation and what was found, as regular expressions -> why it is so.
KNOWN = {
    (
        "",
        r"required '(Accept|Content-Type|Authorization|WM_\S+)' header",
    ): "documents declare headers that nothing needs",
    ("", "under more than one of the schemas"): "the forms of the answer overlap in the document",
    ("DELETE .*campaigns|campaigns/.*stop", "deserialization|Content-Type"): "204 is declared with a body",
    ("assortment", "is not one of"): "a list is declared with the values of its entries",
    ("reviews-accelerator/categories", "is not one of"): "a list is declared with the values of its entries",
    ("return-orders", "is not of type|is not one of"): "a text is declared with fields",
    (
        "GET /v3/orders",
        "is not of type|is a required",
    ): "live answers wrap an order, and have null for no orders",
    ("POST /v3/orders", "is not of type"): "live answers nest the errors of order writes",
    ("acknowledge", "Server error"): "without a media type Walmart breaks down, too",
    ("taxformprofile", "errorCode"): "the gateway, which refuses first, has a form of its own",
    ("reconFileJson", "is not of type"): "texts are declared as objects",
    ("", "Schema Error|schema error"): "the document's own schema is not valid",
}


def main() -> int:
    """Run the tester over the documents; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("documents", nargs="*", help="names of documents, or their beginnings; default all")
    parser.add_argument("--examples", type=int, default=10, help="calls made of each operation, at least")
    options = parser.parse_intermixed_args()
    found: list[tuple[str, str]] = []
    with tempfile.TemporaryDirectory() as folder, Processes(Path(folder)) as processes:
        sandbox = LocalSandbox(processes, "--shop", "default", "--feed-seconds", "1")
        for path in sorted((options.folder / DOCUMENTS).glob("*.json")):
            if not options.documents or path.name.startswith(tuple(options.documents)):
                found += tested(sandbox, path, options.examples, Path(folder))
    for operation, what in found:
        print(f"{operation}\n    {what}")
    print(f"{len(found)} found that are not known")
    return bool(found)


def tested(sandbox: LocalSandbox, document: Path, examples: int, folder: Path) -> list[tuple[str, str]]:
    """Return operation and finding of what was found with a document, without what is known."""
    sandbox.control("/settings", {"limits": False, "token_life": 1e9})
    headers = {**HEADERS, "WM_SEC.ACCESS_TOKEN": token(sandbox.url)}
    report = folder / "report.xml"
    report.unlink(missing_ok=True)
    command = [
        *("uv", "tool", "run", "--from", "schemathesis>=4", "schemathesis", "run", str(document)),
        *("--origin", sandbox.url, "--checks", CHECKS, "--phases", "examples,coverage,fuzzing"),
        *("--max-examples", str(examples), "--seed", "1", "--continue-on-failure", "--warnings", "off"),
        *("--suppress-health-check", "all", "--report", "junit", "--report-junit-path", str(report)),
        *(text for name, value in headers.items() for text in ("--header", f"{name}: {value}")),
    ]
    # Its own notes are left in the folder it runs in.
    subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, check=False)
    cases = ET.parse(report).getroot().iter("testcase")
    found = [
        (case.get("name", ""), line.lstrip("- "))
        for case in cases
        for trouble in (*case.iter("failure"), *case.iter("error"))
        for line in findings(trouble.get("message", "") + "\n" + (trouble.text or ""))
    ]
    new = [(operation, what) for operation, what in found if not is_known(operation, what)]
    print(f"{document.name}: {len(found)} found, {len(new)} not known", flush=True)
    return new


def findings(text: str) -> list[str]:
    """Return what was found, a line each: its title and the line that says more."""
    blocks = re.split(r"\n(?=- )|\n\d+\. Test Case ID", text)
    return [
        " ".join(block.split())[:300]
        for block in blocks
        if block.lstrip().startswith("- ") or "rror" in block
    ]


def is_known(operation: str, what: str) -> bool:
    """Return whether a finding is one of those that are known."""
    return any(re.search(where, operation) and re.search(how, what) for where, how in KNOWN)


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
