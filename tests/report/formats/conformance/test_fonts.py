import io
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import weasyprint
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.t2CharStringPen import T2CharStringPen

from scanner.model.report_details import ReportDetails
from scanner.model.scan import Scan
from scanner.report.formats.conformance.fonts import font_problems, is_drawn, name_parts_of_clusters
from scanner.report.formats.pdf import fetcher, report_pdf
from scanner.report.formats.templates import FONTS
from scanner.report.view.view import build
from tests.report.pdf_clauses import violations

pytestmark = pytest.mark.filterwarnings("ignore")  # of WeasyPrint, about itself


def document(text: str, family: str) -> Any:
    """Return a document that was written with one of the bundled fonts, or with the font "named"."""
    response = weasyprint.urls.URLFetcherResponse

    def fetch(url: str) -> Any:
        return response(url, body=named_outlines()) if url == "font:named" else fetcher(response)(url)

    rules = "".join(
        f'@font-face {{ font-family: "{name}"; src: url(font:{name}); }}' for name in (*FONTS, "named")
    )
    html = f'<html lang=en><style>{rules} p {{ font-family: "{family}" }}</style><p>{text}'
    rendered = weasyprint.HTML(string=html, url_fetcher=fetch).render()
    rendered.write_pdf(io.BytesIO(), pdf_variant="pdf/a-3u", pdf_tags=True)
    return rendered


def named_outlines() -> bytes:
    """Return a font with one letter, whose CFF outlines go by the names of glyphs."""
    outlines = {}
    for name in (".notdef", "A"):
        pen = T2CharStringPen(500, None)
        pen.moveTo((100, 0))
        pen.lineTo((400, 0))
        pen.lineTo((250, 700))
        pen.closePath()
        outlines[name] = pen.getCharString()
    font = FontBuilder(1000, isTTF=False)
    font.setupGlyphOrder(list(outlines))
    font.setupCharacterMap({ord("A"): "A"})
    font.setupCFF("named", {"FullName": "named"}, outlines, {})
    font.setupHorizontalMetrics(dict.fromkeys(outlines, (500, 100)))
    font.setupHorizontalHeader(ascent=800, descent=-200)
    font.setupNameTable({"familyName": "named", "styleName": "Regular"})
    font.setupOS2(sTypoAscender=800, sTypoDescender=-200, usWinAscent=800, usWinDescent=200)
    font.setupPost()
    buffer = io.BytesIO()
    font.save(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("family", FONTS)
def test_latin_text_conforms_in_each_bundled_font(family: str) -> None:
    used = document("Straße, façade, 1 → 2 “fi”", family).fonts.values()
    assert [font.type for font in used] == ["ttf"]
    assert all(is_drawn(font) for font in used)
    assert font_problems(used) == []


def test_a_character_without_a_glyph_is_a_problem() -> None:
    problems = font_problems(document("A\ue000", FONTS[0]).fonts.values())
    assert problems == ["a character has no glyph in the fonts of this machine"]


def test_outlines_by_glyph_name_are_a_problem() -> None:
    problems = font_problems(document("A", "named").fonts.values())
    assert problems == ["the font named has outlines (CFF by glyph name) that PDF/A does not allow"]


class Known:
    """A font as WeasyPrint describes it."""

    family, type, file_content = "Some", "ttf", b""
    bitmap = png = svg = colr = False

    def __init__(self, **known: Any) -> None:
        self.missing: dict[int, int] = {}
        self.to_unicode = {1: "A"}
        self.__dict__.update(known)


@pytest.mark.parametrize("kind", ["bitmap", "png", "svg", "colr"])
def test_glyphs_that_are_pictures_are_a_problem(kind: str) -> None:
    font = Known(**{kind: True})
    assert not is_drawn(font)
    assert font_problems([font]) == ["the glyphs of the font Some are pictures"]


@pytest.mark.parametrize("text", ["", "\x00", "A\ufeff", "\ufffe"])
def test_a_glyph_without_a_character_is_a_problem(text: str) -> None:
    problem = "a glyph of the font Some stands for no character of its own"
    fonts = [Known(), Known(to_unicode={1: "A", 2: text}), Known(to_unicode={3: text})]
    assert font_problems(fonts) == [problem]


def test_each_glyph_of_a_letter_with_accents_gets_a_character() -> None:
    # As WeasyPrint writes a letter whose accent is a glyph of its own.
    font = Known(to_unicode={1: "Z\u0301", 2: ""})
    map_of_glyphs = SimpleNamespace(stream=[b"begincmap", b"<0001> <005a0301>", b"<0002> <>", b"endcmap"])
    page = SimpleNamespace(stream=[b"<0002> <>"])
    name_parts_of_clusters(SimpleNamespace(objects=[SimpleNamespace(), page, map_of_glyphs]), [font])
    assert font_problems([font]) == []
    assert map_of_glyphs.stream == [b"begincmap", b"<0001> <005a0301>", b"<0002> <034f>", b"endcmap"]
    assert page.stream == [b"<0002> <>"]


@pytest.mark.slow
def test_names_with_accents_that_no_font_combines_conform(scan: Scan) -> None:
    name = "Z\u0301\u0323a\u030al\u0327g\u0337o\u0338"
    details = ReportDetails(organization=name)
    document = report_pdf(build(replace(scan, report=details)))
    assert violations(document) == []
