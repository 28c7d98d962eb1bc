"""A page of the HTML report in real Chromium, and everything that it must not do while it is open."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, NoReturn

import pytest
from playwright.sync_api import Browser, Page, Request, Route

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC: Final = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
SERIOUS: Final = ("serious", "critical")

_WATCH: Final = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.violatedDirective} ${event.blockedURI}`);
});
"""


def chromium() -> str:
    """Return the browser that Playwright is to drive. Without one the tests skip; with CI=true they fail."""
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    path = path or (MAC if Path(MAC).exists() else None)
    if path is None:
        unavailable("no Chromium on this machine: apt-get install chromium, or name one in CHROMIUM")
    if fault := driver_fault():
        unavailable(f"Playwright's Node.js does not start: apt-get install libatomic1 ({fault})")
    return path


def driver_fault() -> str:
    """Return why Playwright's own Node.js does not start, in one line; empty if it does."""
    command = [sys.executable, "-m", "playwright", "--version"]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    return " ".join(result.stderr.split()) or "it says nothing" if result.returncode else ""


def unavailable(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@dataclass(slots=True)
class Opened:
    """A page, and what it said and asked for since it was opened."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @property
    def tally(self) -> str:
        return self.page.inner_text(".tally")

    def titles(self) -> list[str]:
        """What the rows of the table are called."""
        return self.page.locator("table.findings tbody a.subject").all_inner_texts()

    def find(self, text: str) -> None:
        """Type into the box at the top, and wait for what it finds."""
        self.page.fill(".finder input", text)
        self.page.wait_for_selector("#found li")

    def axe(self) -> list[str]:
        """What axe-core calls serious or worse, with the elements concerned."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"))
        found: dict[str, Any] = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{each['id']}: {', '.join(str(node['target']) for node in each['nodes'][:4])}"
            for each in found["violations"]
            if each["impact"] in SERIOUS
        ]

    def is_wider_than_the_window(self) -> bool:
        wider: bool = self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
        return wider


@contextmanager
def opened(browser: Browser, file: Path, fragment: str = "", **context: Any) -> Iterator[Opened]:
    """Open a report, wait until it is interactive, and hold it to silence when the test is done with it."""
    settings = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce", **context}
    made = browser.new_context(**settings)
    try:
        page = made.new_page()
        page.set_default_timeout(15_000)
        page.add_init_script(_WATCH)
        here = Opened(page)
        page.on("console", lambda message: here.said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: here.said.append(str(error)))
        page.on("dialog", lambda dialog: here.said.append(f"dialog: {dialog.message}"))

        def refuse(route: Route, request: Request) -> None:
            here.asked.append(request.url)
            route.abort()

        made.route(lambda url: not url.startswith(file.as_uri()), refuse)
        page.goto(f"{file.as_uri()}{fragment}")
        if settings.get("java_script_enabled", True):
            page.wait_for_selector("html[data-ready]")
        if "open=" in fragment:
            page.wait_for_selector(".sheet[open]")
        yield here
        assert here.said == []
        assert here.asked == []
        if settings.get("java_script_enabled", True):
            assert page.evaluate("window.violations") == []
    finally:
        made.close()
