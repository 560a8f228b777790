"""Draws the diagrams of the docs and of the README into ``docs/images``; a test holds that they are up to date.

Boxes are white with dark text, and lines are of a middle grey, so that a drawing can be read on a light and on a dark page.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import schemdraw
from schemdraw import flow

INK, LINE, BLUE, YELLOW, RED = "#1b1f24", "#7d8590", "#dbeafe", "#fff3c4", "#ffe0dd"
WIDTH, HEIGHT, GAP = 4.6, 1.6, 0.9


def setup(app: Any) -> dict[str, bool]:
    """Have the drawings made before the pages are read."""
    app.connect("builder-inited", lambda app: write(Path(app.srcdir) / "images"))
    return {"parallel_read_safe": True}


def write(folder: Path) -> None:
    """Write all drawings, each only where it changed."""
    for name, draw in DRAWINGS.items():
        path = folder / f"{name}.svg"
        text = svg_of(draw)
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")


def svg_of(draw: Callable[[schemdraw.Drawing], None]) -> str:
    """Return a drawing as SVG, the same each time."""
    schemdraw.use("svg")
    drawing = schemdraw.Drawing(show=False, fontsize=12, font="sans-serif", color=LINE, lw=1.5)
    draw(drawing)
    text: str = drawing.get_imagedata("svg").decode()
    # What stands behind the ninth digit differs between machines.
    return re.sub(r"(\d+\.\d{2})\d+", r"\1", text) + "\n"


def box(
    drawing: schemdraw.Drawing, text: str, at: tuple[float, float], fill: str = "white", **size: float
) -> Any:
    """Add a box with its text; ``at`` is the middle of its left side."""
    made = flow.Box(w=size.get("w", WIDTH), h=size.get("h", HEIGHT)).at(at).anchor("W").fill(fill)
    return drawing.add(made.label(text, color=INK))


def arrow(drawing: schemdraw.Drawing, start: Any, end: Any, text: str = "", **side: str) -> None:
    """Add an arrow from one place to another."""
    line = flow.Arrow().at(start).to(end)
    drawing.add(line.label(text, color=LINE, fontsize=10, **side) if text else line)


def chain(drawing: schemdraw.Drawing, texts: list[tuple[str, str]], y: float = 0) -> list[Any]:
    """Add boxes from left to right with arrows between them."""
    boxes: list[Any] = []
    for number, (text, fill) in enumerate(texts):
        boxes.append(box(drawing, text, (number * (WIDTH + GAP), y), fill))
        if number:
            arrow(drawing, boxes[-2].E, boxes[-1].W)
    return boxes


def overview(drawing: schemdraw.Drawing) -> None:
    """Draw a DAG, what it uses, and where that leads."""
    dag = box(drawing, "your DAG\nin Airflow", (0, 0), BLUE)
    worker = box(drawing, "operators, sensors\nin a worker", (6, 1.3))
    waiting = box(drawing, "triggers\nin the triggerer", (6, -1.3))
    client = box(drawing, "one client:\ntokens, rate limits,\npaging, retries", (12, 0), h=2.2)
    walmart = box(drawing, "Walmart,\nor the sandbox", (18, 0), YELLOW)
    lake = box(drawing, "files and tables\ns3:// gs:// abfs://", (12, 3.2), BLUE)
    state = box(drawing, "shared state:\nfolder or Redis", (12, -3.2))
    arrow(drawing, dag.E, worker.W)
    arrow(drawing, worker.S, waiting.N)
    arrow(drawing, worker.E, client.W)
    arrow(drawing, waiting.E, client.W)
    arrow(drawing, client.E, walmart.W)
    arrow(drawing, worker.NE, lake.W)
    arrow(drawing, client.S, state.N)


def life_of_a_feed(drawing: schemdraw.Drawing) -> None:
    """Draw the way from rows to a verdict, and what happens when the answer gets lost."""
    boxes = chain(
        drawing,
        [
            ("rows are checked", BLUE),
            ("intent is stored", "white"),
            ("feed is sent,\nonce", YELLOW),
            ("feedId is stored", "white"),
            ("wait for\nPROCESSED", "white"),
            ("verdict:\ngreen or red", BLUE),
        ],
    )
    sent, stored = boxes[2], boxes[3]
    look = box(drawing, "answer lost:\nread Walmart's list", (2 * (WIDTH + GAP), -3.2), RED)
    person = box(drawing, "unknown: a person\ndecides", (3 * (WIDTH + GAP), -5.6), RED)
    arrow(drawing, sent.S, look.N)
    arrow(drawing, look.E, stored.S, "it is there", loc="bottom")
    arrow(drawing, look.W, boxes[1].S, "it never arrived", loc="bottom")
    arrow(drawing, look.S, person.W)


def life_of_a_token(drawing: schemdraw.Drawing) -> None:
    """Draw where a task gets its token from."""
    boxes = chain(
        drawing,
        [
            ("a task wants\nto call", BLUE),
            ("token in the\nshared state?", "white"),
            ("the call,\nwith the token", BLUE),
        ],
    )
    lock = box(
        drawing, "no, or it ends within\n90 s: take the lock,\nlook once more", (WIDTH + GAP, -3.4), h=2.2
    )
    fetch = box(
        drawing, "one task asks Walmart;\nall others wait for it", (2 * (WIDTH + GAP), -3.4), YELLOW, w=5.4
    )
    again = box(drawing, "401: renewed once,\nsent once more", (3 * (WIDTH + GAP) + 0.8, 0), RED)
    arrow(drawing, boxes[1].S, lock.N)
    arrow(drawing, lock.E, fetch.W)
    arrow(drawing, fetch.N, boxes[2].S)
    arrow(drawing, boxes[2].E, again.W)


def export_windows(drawing: schemdraw.Drawing) -> None:
    """Draw how an export reads a range of dates, and when its mark moves."""
    boxes = chain(
        drawing,
        [
            ("the mark of\nthe last run", BLUE),
            ("windows of at most\n10,000 records", "white"),
            ("read side by side,\nin order", YELLOW),
            ("each record once,\nto a temporary file", "white"),
            ("file in its place", BLUE),
            ("the mark moves", BLUE),
        ],
    )
    failed = box(drawing, "anything fails: no file,\nthe mark stays", (3 * (WIDTH + GAP), -3), RED, w=5.2)
    arrow(drawing, boxes[2].S, failed.W)
    arrow(drawing, boxes[3].S, failed.N)


DRAWINGS = {
    "overview": overview,
    "life-of-a-feed": life_of_a_feed,
    "life-of-a-token": life_of_a_token,
    "export-windows": export_windows,
}
