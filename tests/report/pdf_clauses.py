"""Checks a PDF against the clauses of PDF/A-3u (ISO 19005-3) and PDF/UA-1 (ISO 14289-1) that matter here.

Each check yields a sentence for each violation. They read the written file with pypdf and the embedded fonts
with fontTools. No validator of these standards can be installed from a package index; these checks are no
replacement for one (docs/formats.md says what they leave out).
"""

import io
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from fontTools.ttLib import TTFont
from lxml import etree
from pypdf import PdfReader
from pypdf.generic import ContentStream

RDF: Final = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
PDFAID: Final = "{http://www.aiim.org/pdfa/ns/id/}"
PDFUAID: Final = "{http://www.aiim.org/pdfua/ns/id/}"
PDFA_SCHEMA: Final = "{http://www.aiim.org/pdfa/ns/schema#}"

PAINTING: Final = frozenset(b"Tj TJ ' \" f F f* B B* b b* S s sh Do".split())

KIDS: Final[Mapping[str, frozenset[str]]] = {
    "/Table": frozenset({"/THead", "/TBody", "/TFoot", "/TR", "/Caption"}),
    "/THead": frozenset({"/TR"}),
    "/TBody": frozenset({"/TR"}),
    "/TFoot": frozenset({"/TR"}),
    "/TR": frozenset({"/TH", "/TD"}),
    "/L": frozenset({"/L", "/LI", "/Caption"}),
    "/LI": frozenset({"/Lbl", "/LBody"}),
}
"""Elements that may have no other kids than these, and no text."""

GROUPS: Final = frozenset({"/Document", "/Part", "/Art", "/Sect", "/Div", "/BlockQuote"})
STANDARD: Final = (
    GROUPS
    | KIDS.keys()
    | {f"/H{level}" for level in range(1, 7)}
    | {"/P", "/TH", "/TD", "/Lbl", "/LBody", "/Caption", "/Figure", "/Link", "/Span", "/Note", "/Code"}
)

Below = tuple[int, Any, list[Any]]
"""A structure element with its depth and its kids."""

Operation = tuple[Any, bytes]
Operations = list[list[Operation]]
"""The operands and operators of each page."""

Owner = tuple[int, int]
"""Position of a page, and number of a marked content on it."""


def violations(document: bytes) -> list[str]:
    """Return every violation in a document that claims both standards."""
    reader = PdfReader(io.BytesIO(document), strict=True)
    tree = list(elements(reader))
    pages = [ContentStream(page["/Contents"], reader).operations for page in reader.pages]
    return [
        *catalog(reader),
        *metadata(reader),
        *attached(reader),
        *output_intent(reader),
        *graphics(reader),
        *fonts(reader, pages),
        *content(reader, pages, tree),
        *annotations(reader),
        *structure(tree),
        *headings(tree),
    ]


def catalog(reader: PdfReader) -> Iterator[str]:
    root: Any = reader.root_object
    if reader.is_encrypted:
        yield "it is encrypted"
    if "/ID" not in reader.trailer:
        yield "it has no identifier"
    if not root.get("/MarkInfo", {}).get("/Marked"):
        yield "it is not marked as tagged"
    if not root.get("/Lang"):
        yield "it has no language"
    if not root.get("/ViewerPreferences", {}).get("/DisplayDocTitle"):
        yield "a reader would show its file name"
    for name in ("/OpenAction", "/AA", "/AcroForm", "/OCProperties", "/Perms", "/Requirements"):
        if name in root:
            yield f"its catalog has {name}"
    if "/JavaScript" in root.get("/Names", {}):
        yield "it has scripts"


def metadata(reader: PdfReader) -> Iterator[str]:
    stream: Any = reader.root_object["/Metadata"]
    packet = stream.get_object().get_data()
    if not packet.startswith(b"<?xpacket begin=") or not packet.rstrip().endswith(b'<?xpacket end="r"?>'):
        yield "its metadata is no XMP packet"
    rdf = etree.fromstring(packet)
    values = {entry.tag: (entry.text or "").strip() for entry in rdf.iter()}
    claims = {
        PDFAID + "part": "3",
        PDFAID + "conformance": "U",
        PDFUAID + "part": "1",
        PDFA_SCHEMA + "namespaceURI": PDFUAID.strip("{}"),
        PDFA_SCHEMA + "prefix": "pdfuaid",
    }
    for name, expected in claims.items():
        if values.get(name) != expected:
            yield f"its metadata has {name} {values.get(name)!r}, not {expected!r}"
    information: Any = reader.metadata or {}
    title = rdf.find(f".//{{http://purl.org/dc/elements/1.1/}}title/{RDF}Alt/{RDF}li")
    if title is None or not title.text or title.text != information.get("/Title"):
        yield "its metadata has not the title of the document"


def attached(reader: PdfReader) -> Iterator[str]:
    root: Any = reader.root_object
    listed = [entry.idnum for entry in root.get("/AF", ())]
    if len(set(listed)) != len(listed):
        yield "an attached file is listed twice in /AF"
    names = root.get("/Names", {}).get("/EmbeddedFiles", {}).get("/Names", [])
    titles = [str(name) for name in names[::2]]
    if titles != sorted(titles):
        yield "the names of the attached files are not sorted"
    if {entry.idnum for entry in names[1::2]} != set(listed):
        yield "/AF does not list the attached files"
    for entry in names[1::2]:
        file = entry.get_object()
        if file.get("/AFRelationship") not in ("/Data", "/Source", "/Alternative", "/Supplement"):
            yield f"the file {file.get('/F')} has no relationship to the document"
        if not file.get("/F") or not file.get("/UF"):
            yield "an attached file has no name"
        if not file["/EF"]["/F"].get_object().get("/Subtype"):
            yield f"the file {file['/F']} has no type"


def output_intent(reader: PdfReader) -> Iterator[str]:
    intents: Any = reader.root_object.get("/OutputIntents", [])
    if [intent.get_object()["/S"] for intent in intents] != ["/GTS_PDFA1"]:
        yield "it has no output intent, or more than one"
        return
    profile = intents[0].get_object()["/DestOutputProfile"].get_object()
    data = profile.get_data()
    if profile["/N"] != 3 or data[36:40] != b"acsp" or data[16:20] != b"RGB ":
        yield "the profile of its output intent is not one of RGB colours"


def graphics(reader: PdfReader) -> Iterator[str]:
    for number, page in enumerate(reader.pages, 1):
        resources: Any = page["/Resources"]
        for kind in ("/XObject", "/Pattern", "/Shading"):
            if resources.get(kind):
                # They would need checks of their own: pages have text, lines and areas.
                yield f"page {number} has {kind}"
        for state in resources.get("/ExtGState", {}).values():
            values = state.get_object()
            opaque = all(values.get(key, 1) == 1 for key in ("/ca", "/CA"))
            if not opaque or values.keys() - {"/ca", "/CA", "/Type"}:
                yield f"page {number} has the graphics state {values}"
        if page.get("/Tabs") != "/S":
            yield f"the tab order of page {number} is not that of its structure"


def fonts(reader: PdfReader, pages: Operations) -> Iterator[str]:
    used: dict[int, set[int]] = {}
    by_number: dict[int, Any] = {}
    for page, operations in zip(reader.pages, pages, strict=True):
        resources: Any = page["/Resources"]
        codes: set[int] = set()
        for operands, operator in operations:
            if operator == b"Tf":
                font = resources["/Font"].raw_get(operands[0])
                by_number[font.idnum] = font.get_object()
                codes = used.setdefault(font.idnum, set())
            elif operator in (b"Tj", b"TJ"):
                for part in operands[0] if operator == b"TJ" else operands:
                    codes.update(_codes(part))
    for number, shown in used.items():
        for problem in font_violations(by_number[number], shown):
            yield f"{by_number[number]['/BaseFont']}: {problem}"


def _codes(part: Any) -> Iterator[int]:
    """Yield the codes of two bytes in a string of a content stream; numbers move the next glyph."""
    if isinstance(part, (str, bytes)):
        raw = part if isinstance(part, bytes) else getattr(part, "original_bytes")  # noqa: B009 -- pypdf's own strings
        yield from (int.from_bytes(raw[at : at + 2]) for at in range(0, len(raw), 2))


def font_violations(font: Any, codes: set[int]) -> Iterator[str]:
    if font["/Subtype"] != "/Type0" or font["/Encoding"] != "/Identity-H":
        yield "its codes are not the numbers of glyphs"
        return
    (below,) = font["/DescendantFonts"]
    below = below.get_object()
    descriptor = below["/FontDescriptor"]
    if below["/Subtype"] != "/CIDFontType2" or "/FontFile2" not in descriptor:
        yield "it is not embedded with TrueType outlines"
        return
    if below.get("/CIDToGIDMap") != "/Identity":
        yield "it does not map its codes to glyphs"
    program = TTFont(io.BytesIO(descriptor["/FontFile2"].get_data()))
    if program.sfntVersion == "OTTO":
        yield "it has outlines of PostScript"
    glyphs = program["maxp"].numGlyphs
    if 0 in codes or max(codes) >= glyphs:
        yield f"it has no glyphs for {sorted(code for code in codes if not 0 < code < glyphs)}"
    widths = _widths(below["/W"])
    scale = 1000 / program["head"].unitsPerEm
    order = program.getGlyphOrder()
    for code in sorted(code for code in codes if 0 < code < glyphs):
        if abs(widths.get(code, 1000) - program["hmtx"][order[code]][0] * scale) > 1:
            yield f"the width of glyph {code} is not that of its outline"
    meanings = _meanings(font["/ToUnicode"].get_object().get_data())
    for code in sorted(codes):
        text = meanings.get(code, "")
        if not text or set(text) & {"\x00", "\ufeff", "\ufffe"}:
            yield f"glyph {code} has the meaning {text!r}"


def _widths(entries: Any) -> dict[int, float]:
    widths: dict[int, float] = {}
    for first, run in zip(entries[::2], entries[1::2], strict=True):
        widths.update({int(first) + offset: float(width) for offset, width in enumerate(run)})
    return widths


def _meanings(to_unicode: bytes) -> dict[int, str]:
    pairs = re.findall(rb"^<([0-9a-f]{4})> <([0-9a-f]*)>$", to_unicode, re.MULTILINE)
    return {int(code, 16): bytes.fromhex(text.decode()).decode("utf-16-be") for code, text in pairs}


def elements(reader: PdfReader) -> Iterator[Below]:
    """Yield the structure elements in reading order, each with its depth and its kids."""
    root: Any = reader.root_object["/StructTreeRoot"]
    yield from _below(0, root["/K"][0].get_object(), root)


def _below(depth: int, element: Any, parent: Any) -> Iterator[Below]:
    assert element["/P"] == parent
    kids = [entry if isinstance(entry, int) else entry.get_object() for entry in element["/K"]]
    yield depth, element, kids
    for kid in kids:
        if not isinstance(kid, int) and "/S" in kid:
            yield from _below(depth + 1, kid, element)


def structure(tree: Iterable[Below]) -> Iterator[str]:
    for depth, element, kids in tree:
        tag = element["/S"]
        tags = [kid["/S"] for kid in kids if not isinstance(kid, int) and "/S" in kid]
        if tag not in STANDARD or (depth == 0) != (tag == "/Document"):
            yield f"{tag} at depth {depth}"
        if not kids and tag not in ("/TD", "/TH"):
            yield f"{tag} is empty"
        if tag in KIDS and (len(tags) < len(kids) or set(tags) - KIDS[tag]):
            yield f"{tag} has {kids}"
        if tag in GROUPS and len(tags) < len(kids):
            yield f"{tag} has text of its own"
        attributes = element.get("/A", {})
        if tag == "/TH" and attributes.get("/Scope") not in ("/Row", "/Column", "/Both"):
            yield "a header of a table says not what it is the header of"
        if tag == "/Table" and not _has(kids, "/TH"):
            yield "a table has no headers"
        if tag == "/Figure":
            yield from _figure(element, attributes)


def _has(kids: Iterable[Any], tag: str) -> bool:
    below = (kid for kid in kids if not isinstance(kid, int) and "/S" in kid)
    return any(
        kid["/S"] == tag
        or _has((entry if isinstance(entry, int) else entry.get_object() for entry in kid["/K"]), tag)
        for kid in below
    )


def _figure(element: Any, attributes: Any) -> Iterator[str]:
    if not str(element.get("/Alt", "")).strip():
        yield "a picture has no alternative text"
    left, bottom, right, top = (float(each) for each in attributes["/BBox"])
    width, height = (float(each) for each in element["/Pg"]["/MediaBox"][2:])
    if not (0 <= left < right <= width and 0 <= bottom < top <= height):
        yield f"the box of a picture is not on its page: {attributes['/BBox']}"


def headings(tree: Iterable[Below]) -> Iterator[str]:
    before = 0
    for _, element, _ in tree:
        if re.fullmatch(r"/H[1-6]", element["/S"]):
            level = int(element["/S"][2:])
            if level > before + 1:
                yield f"a heading of level {level} follows one of level {before}"
            before = level


def content(reader: PdfReader, pages: Operations, tree: Iterable[Below]) -> Iterator[str]:
    """Yield what is neither an artifact nor tagged, or is tagged twice, or not found by its element."""
    owned: dict[Owner, Any] = {}
    positions = {page.indirect_reference: position for position, page in enumerate(reader.pages)}
    for _, element, kids in tree:
        for number in (int(kid) for kid in kids if isinstance(kid, int)):
            key = positions[element.raw_get("/Pg")], number
            if key in owned:
                yield f"content {key} has two elements"
            owned[key] = element
    drawn: set[Owner] = set()
    for position, operations in enumerate(pages):
        for number, problem in _marks(operations):
            if problem:
                yield f"page {position + 1} {problem}"
            else:
                drawn.add((position, number))
    if drawn != owned.keys():
        yield f"content without an element, or the reverse: {sorted(drawn ^ owned.keys())[:9]}"
    parents = _parents(reader)
    for (position, number), element in owned.items():
        array = parents[int(reader.pages[position]["/StructParents"])].get_object()  # type: ignore[call-overload]
        if array[number].get_object() is not element:
            yield f"the element of content {number} on page {position + 1} is not found by its number"


def _marks(operations: Iterable[Operation]) -> Iterator[tuple[int, str]]:
    """Yield the numbers of tagged content on a page; and problems, with -1."""
    open_marks = 0
    for operands, operator in operations:
        if operator in (b"BDC", b"BMC"):
            number = operands[1].get("/MCID") if operator == b"BDC" else None
            if (number is None) != (operands[0] == "/Artifact"):
                yield -1, "has content that is neither tagged nor an artifact"
            if number is not None:
                yield int(number), "has tagged content in other content" if open_marks else ""
            open_marks += 1
        elif operator == b"EMC":
            open_marks -= 1
        elif operator in PAINTING and not open_marks:
            yield -1, f"draws with {operator!r} what is not tagged"


def _parents(reader: PdfReader) -> dict[int, Any]:
    """Return the elements of pages and annotations by their number."""
    root: Any = reader.root_object["/StructTreeRoot"]
    numbers = root["/ParentTree"]["/Nums"]
    return {int(key): value for key, value in zip(numbers[::2], numbers[1::2], strict=True)}


def annotations(reader: PdfReader) -> Iterator[str]:
    parents = _parents(reader)
    for number, page in enumerate(reader.pages, 1):
        entries: Any = page.get("/Annots", ())
        for entry in entries:
            link = entry.get_object()
            if link["/Subtype"] != "/Link":
                yield f"page {number} has an annotation of type {link['/Subtype']}"
            if link.get("/F") != 4:
                yield f"a link of page {number} is not printed"
            if not link.get("/Contents") or link["/Contents"] == link.get("/Dest"):
                yield f"a link of page {number} is not described"
            element = parents[int(link["/StructParent"])].get_object()
            kids = [kid.get_object() for kid in element["/K"] if not isinstance(kid, int)]
            if element["/S"] != "/Link" or not any(kid.get("/Obj") == entry for kid in kids):
                yield f"a link of page {number} is in no element of a link"
