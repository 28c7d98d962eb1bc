"""Updates the pictures in docs/images/ from sample_reports/reports: `make pictures`.

Their bytes depend on the machine's fonts and browser, so no test compares them: review them.
"""

import shutil
from pathlib import Path
from typing import Final, Literal

import pypdfium2
from playwright.sync_api import Browser, sync_playwright

ROOT: Final = Path(__file__).parent.parent
REPORTS: Final = ROOT / "sample_reports" / "reports"
IMAGES: Final = ROOT / "docs" / "images"
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")

SUBJECT: Final = "audit-trail"
"""The search for the subject in the picture of a chain."""

SUMMARIES: Final[tuple[tuple[str, int, Literal["light", "dark"]], ...]] = (
    ("report", 1280, "light"),
    ("report-dark", 1280, "dark"),
    ("report-phone", 390, "light"),
)
"""The pictures of the HTML report's summary: name, width, theme."""

PAGES: Final = {"Contents": "pdf-contents", "Summary": "pdf-summary", "Findings": "pdf-findings"}
"""Chapters of the PDF, and the names of the pictures of their first pages. The cover is added."""

WIDTH: Final = 700
"""The width of the picture of a page, in pixels."""


def pictures_of_html(browser: Browser) -> None:
    """Picture the summary in both themes and on a phone, and one subject with its chain."""
    for name, width, theme in SUMMARIES:
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
        page.goto((REPORTS / "report.html").as_uri())
        page.screenshot(path=IMAGES / f"{name}.png")
        page.close()
    page = browser.new_page(viewport={"width": 1280, "height": 1100}, color_scheme="light")
    page.goto((REPORTS / "report.html").as_uri())
    page.fill(".finder input", SUBJECT)
    page.wait_for_selector("#found li")
    page.keyboard.press("Enter")
    page.wait_for_timeout(500)
    page.screenshot(path=IMAGES / "chain.png")


def pictures_of_pdf() -> None:
    """Picture the cover, and the first page of some chapters."""
    document = pypdfium2.PdfDocument(REPORTS / "report.pdf")
    first = {mark.get_title(): mark.get_dest().get_index() for mark in document.get_toc()}
    for number, name in ((0, "pdf-cover"), *((first[title], name) for title, name in PAGES.items())):
        page = document[number]
        picture = page.render(scale=WIDTH / page.get_width())
        picture.to_pil().quantize(64).save(IMAGES / f"{name}.png", optimize=True)


def main() -> None:
    """Make all pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        path = next(filter(None, map(shutil.which, BROWSERS)))
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        pictures_of_html(browser)
        browser.close()
    pictures_of_pdf()


if __name__ == "__main__":
    main()
