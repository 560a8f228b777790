"""The documents that people read, and what is in them."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    path
    for path in (*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").rglob("*.md"))
    if "_build" not in path.parts
)
FENCE = re.compile(
    r"^(?P<indent> *)(?P<marks>`{3,})(?P<info>.*)\n(?P<text>(?:.*\n)*?)(?P=indent)(?P=marks) *$",
    re.MULTILINE,
)
LINKED_CODE = re.compile(r"\]\(([\w./]+\.py)\)[^\n]*:$")


@dataclass(frozen=True)
class Block:
    """A block of code.

    :param info: what stands behind its opening marks, such as ``bash``.
    :param text: what is between the marks.
    :param line: number of its first line.
    :param source: the file of Python that the paragraph above it links to; the block is a part of that file.
    """

    document: Path
    info: str
    text: str
    line: int
    source: Path | None = None

    def __str__(self) -> str:
        return f"{self.document.relative_to(CHECKOUT)}:{self.line}"


def blocks(*infos: str) -> list[Block]:
    """Return all blocks of these kinds in all documents."""
    return [block for path in DOCUMENTS for block in _blocks_of(path) if block.info in infos]


def _blocks_of(path: Path) -> Iterator[Block]:
    text = path.read_text()
    for found in FENCE.finditer(text):
        line = text.count("\n", 0, found.start("text")) + 1
        above = text[: found.start()].rstrip().rpartition("\n\n")[2]
        link = LINKED_CODE.search(above)
        source = (path.parent / link[1]).resolve() if link else None
        yield Block(path, found["info"].strip(), textwrap.dedent(found["text"]), line, source)


def prose(path: Path) -> str:
    """Return a document without its blocks of code and its code in the running text."""
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", path.read_text()))


def anchors(path: Path) -> set[str]:
    """Return the anchors of a document's headings, as they are made by MyST and by those who show repositories."""
    headings = re.findall(r"^#+ +(.+?) *$", FENCE.sub("", path.read_text()), re.MULTILINE)
    made: set[str] = set()
    for heading in headings:
        anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        number = sum(known == anchor or known.startswith(f"{anchor}-") for known in made)
        made.add(f"{anchor}-{number}" if anchor in made else anchor)
    return made
