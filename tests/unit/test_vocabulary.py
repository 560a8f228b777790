"""Code, messages and documents use the words of the field, and each test's name says its case by itself."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
# What a reader in a hurry would have to guess, and what is said in its place.
WORDS = {
    r"weather": "transient error",
    r"half a character": "an invalid Unicode surrogate",
    r"nobody's wish": "what it means",
    r"blacken|blackout|blacked": "redact",
    r"whole_file|place_beside": "atomic_write, temporary_sibling",
    r"fail_for_good": "fail_without_retry",
    r"silent_until": "blocked until",
    r"locked, and so": "Not changed: locked by another process",
    r"\blooks?_?(again|first|before)\b": "check, poll, read again",
    r"end_news|order_news|\bsighting": "completion tracker, changes, snapshot",
    r"partial_?refusal|refused inside a 200": "partial failures",
}
PLACES = ("airflow_provider_walmart", "docs", "example_dags", "scripts", "tests")
TEXTS = sorted(
    path
    for path in (*ROOT.glob("*.md"), *(path for place in PLACES for path in (ROOT / place).rglob("*")))
    if path.suffix in (".html", ".md", ".py") and "_build" not in path.parts and path != Path(__file__)
)
# A name that begins like this goes on where the test above it ended.
GOES_ON = re.compile(r"test_(also|and|but|it|nor|so|then|they)_")


def test_words_that_readers_would_have_to_guess_are_nowhere():
    patterns = {re.compile(word, re.IGNORECASE): better for word, better in WORDS.items()}
    found = [
        f"{path.relative_to(ROOT)}: {match[0]!r}; say {better!r}"
        for path in TEXTS
        for text in [path.read_text("utf-8")]
        for pattern, better in patterns.items()
        for match in pattern.finditer(text)
    ]
    assert found == []


def test_names_of_tests_say_the_whole_case():
    names = [
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef)
    ]
    assert len(names) > 1000
    assert [name for name in names if GOES_ON.match(name)] == []
