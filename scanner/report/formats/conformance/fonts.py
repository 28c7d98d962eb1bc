"""Whether the fonts of a document can be embedded as PDF/A-3u and PDF/UA-1 require it.

The bundled fonts can. Other writing systems are drawn in fonts of the machine.
"""

import re
from collections.abc import Iterable
from io import BytesIO
from typing import Any, Final

Font = Any  # WeasyPrint's, which has no type annotations

_NO_CHARACTERS: Final = frozenset("\x00\ufeff\ufffe")
"""Characters that PDF/A forbids as the meaning of a glyph."""


_PART_OF_A_CLUSTER: Final = "\u034f"
"""Combining grapheme joiner, which is not shown and which search ignores."""
_NO_MEANING: Final = re.compile(rb"^(<[0-9a-f]{4}>) <>$")


def name_parts_of_clusters(pdf: Any, fonts: Iterable[Font]) -> None:  # noqa: ANN401 -- pydyf's document
    """Map each glyph without a text to a character, in the maps of the PDF.

    WeasyPrint gives the text of a letter with its accents to one of their glyphs and none to the others, and
    PDF/A-3u requires one for each (ISO 19005-3, 6.2.11.7.2).
    """
    empty = False
    for font in fonts:
        for glyph, text in font.to_unicode.items():
            if not text:
                font.to_unicode[glyph] = _PART_OF_A_CLUSTER
                empty = True
    if not empty:
        return
    part = b"<%s>" % _PART_OF_A_CLUSTER.encode("utf-16-be").hex().encode()
    for entry in pdf.objects:
        stream = getattr(entry, "stream", ())
        if b"begincmap" in stream:
            entry.stream = [
                _NO_MEANING.sub(rb"\1 " + part, line) if isinstance(line, bytes) else line for line in stream
            ]


def is_drawn(font: Font) -> bool:
    """Return whether a font has outlines: those of emoji are pictures."""
    return not (font.bitmap or font.png or font.svg or font.colr)


def font_problems(fonts: Iterable[Font]) -> list[str]:
    """Return what prevents a document with these fonts from being PDF/A-3u.

    `fonts`: those of WeasyPrint's document, after it was written.
    """
    return sorted({problem for font in fonts if (problem := _problem(font))})


def _problem(font: Font) -> str | None:
    if font.missing:
        return "a character has no glyph in the fonts of this machine"
    if not is_drawn(font):
        return f"the glyphs of the font {font.family} are pictures"
    if any(not text or not _NO_CHARACTERS.isdisjoint(text) for text in font.to_unicode.values()):
        return f"a glyph of the font {font.family} stands for no character of its own"
    if font.type == "otf" and not _has_cids(font):
        return f"the font {font.family} has outlines (CFF by glyph name) that PDF/A does not allow"
    return None


def _has_cids(font: Font) -> bool:
    """Return whether CFF outlines go by character identifiers, as those of East Asian fonts do.

    Readers must find glyphs by identifier; those that go by name have none.
    """
    from fontTools.ttLib import TTFont  # noqa: PLC0415 -- installed with the extra pdf

    outlines = TTFont(BytesIO(font.file_content), lazy=True)["CFF "].cff
    return hasattr(outlines.topDictIndex[0], "ROS")
