"""Links of the documents lead somewhere, as far as that can be told without the network."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from airflow_provider_walmart.get_provider_info import get_provider_info
from tests.helpers.documents import CHECKOUT, DOCUMENTS, anchors, prose

LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?\)")
# Hosts that are ours to name; no link of the docs leads to a place that may vanish unseen.
KNOWN_HOSTS = {"developer.walmart.com", "airflow.apache.org", "keepachangelog.com", "semver.org"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_links_lead_somewhere(document):
    broken = [link for link in LINK.findall(prose(document)) if not leads_somewhere(document, link)]
    assert not broken


def leads_somewhere(document: Path, link: str) -> bool:
    parts = urlsplit(link)
    if parts.scheme:
        return parts.scheme == "https" and parts.hostname in KNOWN_HOSTS
    target = (document.parent / parts.path).resolve() if parts.path else document
    if not target.is_relative_to(CHECKOUT) or not target.exists():
        return False
    return not parts.fragment or (target.suffix == ".md" and parts.fragment in anchors(target))


def test_broken_links_are_seen(tmp_path):
    assert not leads_somewhere(CHECKOUT / "README.md", "docs/no-such-page.md")
    assert not leads_somewhere(CHECKOUT / "README.md", "docs/golocal.md#no-such-heading")
    assert not leads_somewhere(CHECKOUT / "README.md", "http://example.com")
    assert leads_somewhere(CHECKOUT / "README.md", "docs/golocal.md#book-once")


def test_all_pictures_are_shown_and_small():
    shown = {Path(link).name for document in DOCUMENTS for link in LINK.findall(document.read_text())}
    pictures = list((CHECKOUT / "docs" / "images").glob("*.png"))
    assert pictures
    assert not {picture.name for picture in pictures} - shown
    assert not [picture.name for picture in pictures if picture.stat().st_size > 200_000]


def test_links_of_the_provider_info():
    for integration in get_provider_info()["integrations"]:
        parts = urlsplit(integration["external-doc-url"])
        assert (parts.scheme, parts.hostname) == ("https", "developer.walmart.com")
