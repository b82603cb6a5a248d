"""The browser that the tests of the pages use, and what must never happen in it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
in_browser = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}; CHROMIUM names one")


@contextmanager
def launched() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


@contextmanager
def opening(browser: Any, site: Path) -> Iterator[Any]:
    """A function that opens the page at a width and colour scheme, without a network.

    At the end no page may have had an error, a console message, a dialog or a request but for itself.
    """
    contexts, faults = [], []

    def open_page(width: int = 1280, scheme: str = "light") -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(f"error: {error}"))
        page.on("console", lambda message: faults.append(f"console: {message.text}"))
        page.on("dialog", lambda dialog: faults.append(f"dialog: {dialog.message}"))
        page.on("request", lambda r: r.url == site.as_uri() or faults.append(f"request: {r.url}"))
        page.goto(site.as_uri())
        for chart in page.locator(".chart").all():
            chart.locator(".main-svg").first.wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not faults
