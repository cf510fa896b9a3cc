"""A real headless Chromium for the tests of pages; tests that need it are skipped where it or playwright is not there."""

import contextlib
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from faultlib import wait_for

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; on Debian: apt-get install chromium")


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """A browser, or a skip without playwright."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        # Containers often run as root, where Chromium wants no sandbox of its own; the pages are ours and ask for nothing.
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


def until(page: Any, expression: str) -> None:
    """Wait until an expression is true, on a busy machine too; playwright's own way needs `eval`, which our pages forbid."""
    wait_for(lambda: page.evaluate(expression) or page.wait_for_timeout(50), seconds=300)


class Quiet:
    """Opens pages in contexts of their own, and notes what they log and what they ask for."""

    def __init__(self, browser: Any) -> None:
        self._browser = browser
        self._contexts: list[Any] = []
        self.said: list[str] = []
        self.asked: list[str] = []

    def open(self, url: str, **options: Any) -> Any:
        context = self._browser.new_context(accept_downloads=True, **options)
        self._contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(url)
        return page

    def close(self, *own: str) -> None:
        """Fails where a page logged anything, or asked for something whose address begins with none of `own`."""
        for context in self._contexts:
            context.close()
        assert self.said == []
        assert [url for url in self.asked if not url.startswith(("data:", "blob:", *own))] == []
