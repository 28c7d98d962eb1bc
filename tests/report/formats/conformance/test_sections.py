"""Every section of the PDF, shown by a test or not, has what PDF/UA-1 requires of its template."""

import re
from pathlib import Path

import pytest

from scanner.report.formats.templates import environment
from scanner.resources import templates_folder

SECTIONS = sorted(
    file.relative_to(templates_folder()).as_posix()
    for file in (
        templates_folder() / "report.pdf.html.j2",
        *(templates_folder() / "partials").glob("*_pdf.j2"),
    )
)


def test_every_partial_of_the_document_is_checked() -> None:
    text = "".join((templates_folder() / name).read_text("utf-8") for name in SECTIONS)
    assert environment().get_template("report.pdf.html.j2")
    assert set(re.findall(r'include "([^"]+)"', text)) <= set(SECTIONS)


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_can_be_tagged(name: str) -> None:
    text = Path(templates_folder(), name).read_text("utf-8")
    assert not re.search(r"<(img|object|embed|input|form|h[4-6])\b", text)
    for picture in re.findall(r"<svg[^>]*>.{12}", text, re.DOTALL):
        assert re.search(r"><title>\S", picture), "an SVG begins with a <title>: its alternative text"
    for header in re.findall(r"<th\b[^>]*>", text):
        assert re.search(r'scope="(col|row|rowgroup)"', header), "a <th> has a scope"
    assert text.count("<table") == text.count("<thead>"), "a <table> has a <thead>"
    assert not re.search(r"<th\b[^>]*></th>", text), "a header says what it is the header of"
    for link in re.findall(r'<a href="#[^>]*>(.*?)</a>', text):
        assert "<" not in link, "a link is text alone, which becomes its description"
