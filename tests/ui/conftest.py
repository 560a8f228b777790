"""A browser for the tests of what people see; without one they are skipped."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# One sandboxed page of our own on this machine, so neither Chromium's sandbox nor its services are needed.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Skip where there is no browser to drive, before an Airflow is started for nothing."""
    if os.environ.get("CI"):
        pytest.skip("no browser is driven in CI")
    pytest.importorskip("playwright", reason="playwright is not installed (make test-ui does it)")
    if _chromium() is None:
        pytest.skip("there is no Chromium")


@pytest.fixture
def page() -> Iterator[Page]:
    """A page of a headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=_chromium(), args=FLAGS)
        page = chromium.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(20_000)
        yield page
        chromium.close()


@pytest.fixture
def picture(page: Page) -> Callable[..., None]:
    """What takes a picture for the docs, of the page or of a part of it, when ``make screenshots`` runs the tests.

    ``height`` is that of the window meanwhile.
    """
    folder = os.environ.get("WALMART_SCREENSHOTS")

    def take(name: str, part: Locator | None = None, *, height: int = 800) -> None:
        if not folder:
            return
        usual = page.viewport_size
        page.set_viewport_size({"width": 1280, "height": height})
        path = Path(folder, f"{name}.png")
        (part or page).screenshot(path=path, animations="disabled", caret="hide")
        page.set_viewport_size(usual)

    return take


def _chromium() -> str | None:
    return next(filter(None, map(shutil.which, BROWSERS)), None)
