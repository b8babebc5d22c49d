"""A real browser for the tests of pages: Debian's Chromium, driven by Playwright, cut off from every network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
HERE = ("localhost", "127.0.0.1", "[::1]", "::1")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One Chromium for the whole session; tests that ask for it are skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="expected the package playwright")
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if program is None:
        pytest.skip(f"expected a browser on the path: {', '.join(CHROMIUM)}")
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-background-networking", "--disable-gpu"]
        )
        yield found
        found.close()


@pytest.fixture
def browser_page(browser: Any) -> Iterator[Any]:
    """A fresh page, 1280×900. The test fails where the page asks for an outside address or raises an error."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=False)
    context.set_default_timeout(int(os.environ.get("HUBEL_BROWSER_TIMEOUT", "20000")))
    page = context.new_page()
    outside: list[str] = []
    errors: list[str] = []

    def gate(route: Any) -> None:
        address = urlsplit(route.request.url)
        if address.scheme in ("file", "data", "blob", "about") or address.hostname in HERE:
            route.continue_()
        else:
            outside.append(route.request.url)
            route.abort()

    context.route("**/*", gate)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert not outside, f"the page asked for outside addresses: {outside}"
    assert not errors, f"the page raised errors: {errors}"
