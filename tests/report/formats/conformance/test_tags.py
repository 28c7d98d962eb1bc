import io
from html import escape
from typing import Any

import pypdf
import pytest
import weasyprint

from scanner.report.formats.conformance.tags import mend_tags
from scanner.report.formats.pdf import fetcher
from tests.report.pdf_clauses import annotations, content, elements, headings, structure

pytestmark = pytest.mark.filterwarnings("ignore")  # of WeasyPrint, about itself

STYLE = """
@font-face { font-family: "Report"; src: url(font:Inter-Regular.woff2); }
html { font: 12pt "Report"; }
@page { @top-left { content: "Header"; } @bottom-right { content: "Page " counter(page); } }
"""

Tree = list[tuple[int, str, Any]]


def written(
    body: str, style: str = "", links: dict[str, str] | None = None, *, mended: bool = True
) -> tuple[bytes, list[str]]:
    """Return the PDF of a page, and the problems of its tags."""
    problems: list[str] = []
    fetch = fetcher(weasyprint.urls.URLFetcherResponse)
    document = weasyprint.HTML(
        string=f"<html lang=en><title>t</title><style>{STYLE}{style}</style><body>{body}", url_fetcher=fetch
    ).write_pdf(
        pdf_variant="pdf/a-3u",
        pdf_tags=True,
        finisher=lambda _, pdf: problems.extend(mend_tags(pdf, links or {}) if mended else ()),
    )
    assert isinstance(document, bytes)
    return document, problems


def tree(document: bytes) -> Tree:
    reader = pypdf.PdfReader(io.BytesIO(document))
    return [(depth, element["/S"].lstrip("/"), element) for depth, element, _ in elements(reader)]


def outline(document: bytes) -> str:
    """Return the tags of a document, each in brackets after its parent."""
    text, open_tags = "", 0
    for depth, tag, _ in tree(document):
        text += (
            ")" * (open_tags - depth) + (" " if text else "") + ("(" if open_tags == depth - 1 else "") + tag
        )
        open_tags = depth
    return text.replace(") (", ")(").replace(" (", "(") + ")" * open_tags


def violations(document: bytes) -> list[str]:
    reader = pypdf.PdfReader(io.BytesIO(document))
    below = list(elements(reader))
    pages = [pypdf.generic.ContentStream(page["/Contents"], reader).operations for page in reader.pages]
    return [*structure(below), *headings(below), *content(reader, pages, below), *annotations(reader)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<h1>Title</h1><p>A <b>b <code>c</code></b> d</p>", "Document(H1 P)"),
        ("<div>A <small>b</small></div>", "Document(P)"),
        ("<section>A<p>b</p><pre>c</pre></section>", "Document(Sect(Sect(P) P P))"),
        ("<ol><li>A<pre>b</pre></li><li>c</li></ol>", "Document(L(LI(Lbl LBody) LI(Lbl LBody)))"),
        ("<ul><li>A <b>b</b></li></ul>", "Document(L(LI(Lbl LBody)))"),
        ("<dl><div><dt>Term</dt><dd>Text</dd></div></dl>", "Document(L(LI(Lbl LBody)))"),
        ("<dl><div><dt>A</dt><dd>b</dd><dd>c</dd></div></dl>", "Document(L(LI(LBody) LI(LBody) LI(LBody)))"),
        ("<div></div><p>A</p><p><b></b></p>", "Document(P)"),
        ("<p><a href='#a'>A</a></p><h1 id=a>b</h1>", "Document(P(Link) H1)"),
        ("<div><a href='#a'>A</a> b</div><p id=a>c</p>", "Document(P(Link) P)"),
        ("<svg width=9 height=9><title>Nine</title><rect width=9 height=9 /></svg>", "Document(Figure)"),
    ],
)  # fmt: skip
def test_elements_are_those_of_the_document_and_no_others(body: str, expected: str) -> None:
    document, problems = written(body, links={"a": "A"})
    assert outline(document) == expected
    assert [*problems, *violations(document)] == []


def test_a_list_in_columns_is_one_list() -> None:
    items = "".join(f"<li>{number}</li>" for number in range(4))
    document, _ = written(f"<ul>{items}</ul>", "ul { columns: 2; list-style: none; padding: 0 }")
    assert [tag for _, tag, _ in tree(document)].count("L") == 1
    assert [tag for _, tag, _ in tree(document)].count("LI") == 4
    assert violations(document) == []


def test_headers_of_a_table_have_a_scope_and_no_index_of_their_own() -> None:
    body = (
        "<table><thead><tr><th scope=col>A</th><th scope=col></th></tr></thead>"
        "<tbody><tr><th scope=row>b</th><td></td></tr><tr><td colspan=2>c</td></tr></tbody></table>"
    )
    document, _ = written(body)
    cells = [(tag, element.get("/A")) for _, tag, element in tree(document) if tag in ("TH", "TD")]
    assert cells == [
        ("TH", {"/O": "/Table", "/Scope": "/Column"}),
        ("TH", {"/O": "/Table", "/Scope": "/Column"}),
        ("TH", {"/O": "/Table", "/Scope": "/Row"}),
        ("TD", None),
        ("TD", {"/O": "/Table", "/ColSpan": 2}),
    ]
    assert all("/ID" not in element for _, _, element in tree(document))
    assert violations(document) == []


def test_headers_and_footers_of_pages_are_artifacts() -> None:
    document, _ = written("<p>A</p>")
    stream: Any = pypdf.PdfReader(io.BytesIO(document)).pages[0]["/Contents"]
    assert stream.get_data().count(b"/Artifact\n<</Type /Pagination>>\nBDC") == 2
    assert outline(document) == "Document(P)"
    assert violations(document) == []


def test_a_link_says_where_it_leads() -> None:
    text = "Causes & <effects>"
    body = f"<p><a href='#a'>{escape(text)}</a></p><h1 id=a>b</h1>"
    document, _ = written(body, "a::after { content: target-counter(attr(href), page) }", {"a": text})
    (page,) = pypdf.PdfReader(io.BytesIO(document)).pages
    links: Any = page["/Annots"]
    assert {link.get_object()["/Contents"] for link in links} == {text}
    assert outline(document) == "Document(P(Link) H1)"
    assert violations(document) == []


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("<svg width=9 height=9><rect width=9 height=9 /></svg>", "a picture has no alternative text"),
        ("<h1>A</h1><h3>b</h3>", "a heading of level 3 follows one of level 1"),
        ("<p style='opacity: .5'>A</p>", "tagged content is not in the stream of its page"),
    ],
)
def test_what_cannot_be_mended_is_told(body: str, problem: str) -> None:
    document, problems = written(body)
    assert problems == [problem]
    assert violations(document) != []


@pytest.mark.parametrize(
    ("body", "violation"),
    [
        ("<ol><li>A<pre>b</pre></li></ol>", "/LI has"),
        ("<dl><div><dt>Term</dt><dd>Text</dd></div></dl>", "/L has"),
        ("<div></div>", "/Div is empty"),
        ("<table><tr><th>A</th></tr></table>", "a header of a table says not what it is the header of"),
        ("<p>A</p>", "content without an element"),
        ("<p><a href='#a'>A</a></p><h1 id=a>b</h1>", "a link of page 1 is not described"),
        ("<svg width=9 height=9><title>N</title><rect width=9 height=9 /></svg>", "the box of a picture"),
    ],
)
def test_the_clauses_find_what_would_not_conform(body: str, violation: str) -> None:
    document, _ = written(f"{body}", "svg { position: absolute; top: 250mm }", mended=False)
    assert any(each.startswith(violation) for each in violations(document))
