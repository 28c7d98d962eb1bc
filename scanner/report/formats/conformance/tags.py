"""The tag tree of a document as PDF/UA-1 requires it.

WeasyPrint writes one element for each box. That leaves lists with other children than list items, headers and
footers that are real content, and three times as many elements as the document has.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

Element = Any  # pydyf's Dictionary, which has no type annotations
Reference = bytes

_NO_MEANING: Final = ("/NonStruct", "/Span")
"""Elements that say nothing about their content, which goes to the element around them."""

_MAY_BE_EMPTY: Final = ("/TD", "/TH")

_GROUPS: Final = ("/Document", "/Part", "/Art", "/Sect", "/Div", "/BlockQuote")
"""Elements that may contain other elements, but no text."""

_IN_TEXT: Final = (None, "/Link")
"""Kinds of kids that are part of a paragraph; None: marked content."""

_HEADINGS: Final = ("/H1", "/H2", "/H3", "/H4", "/H5", "/H6")

_POINTS: Final = 0.75
"""Points in a pixel of CSS."""


@dataclass(frozen=True, slots=True)
class _Marked:
    """Marked content in the stream of a page."""

    page: Reference
    number: int


def mend_tags(pdf: Any, links: Mapping[str, str]) -> list[str]:  # noqa: ANN401 -- pydyf's PDF
    """Correct the tag tree; return what prevents the document from being PDF/UA-1.

    `links`: the text of each internal link by its target, which becomes the description of its annotation.
    """
    tree = _Tree(pdf)
    tree.rebuild()
    tree.write_parents()
    tree.turn_rest_into_artifacts()
    tree.describe_links(links)
    return tree.problems


class _Tree:
    """The structure tree of a PDF."""

    def __init__(self, pdf: Any) -> None:  # noqa: ANN401 -- pydyf's PDF
        from pydyf import Array, Dictionary  # noqa: PLC0415 -- installed with the extra pdf

        self.problems: list[str] = []
        self._pdf, self._list, self._dictionary = pdf, Array, Dictionary
        self._root = self._object(pdf.catalog["StructTreeRoot"])
        self._parents = self._object(self._root["ParentTree"])
        self._heights = {
            reference: self._object(reference)["MediaBox"][3] for reference in pdf.page_references
        }
        self._owners: dict[Reference, dict[int, Reference]] = {
            reference: {} for reference in pdf.page_references
        }
        self._annotations: dict[Reference, Reference] = {}  # the element of each
        self._level = 0

    def rebuild(self) -> None:
        """Rebuild the tree from its root."""
        (document,) = self._root["K"]
        self._fill(self._object(document), in_head=False)

    def write_parents(self) -> None:
        """Write again which element each marked content and each annotation belongs to."""
        numbers = self._list()
        for position, owners in enumerate(self._owners.values()):
            last = max(owners, default=-1)
            # Content that is no longer tagged has no element.
            page = self._list(owners.get(number, "null") for number in range(last + 1))
            numbers.extend((position, page))
        for position, (annotation, element) in enumerate(self._annotations.items(), start=len(self._owners)):
            self._object(annotation)["StructParent"] = position
            numbers.extend((position, element))
        self._parents["Nums"] = numbers

    def turn_rest_into_artifacts(self) -> None:
        """Turn marked content without an element into artifacts: page headers and footers."""
        for reference, owners in self._owners.items():
            stream = self._object(self._object(reference)["Contents"]).stream
            left = set(owners)
            for position, part in enumerate(stream):
                if not isinstance(part, dict) or "MCID" not in part:
                    continue
                if part["MCID"] in owners:
                    left.discard(part["MCID"])
                else:
                    stream[position - 1] = "/Artifact"
                    stream[position] = self._dictionary({"Type": "/Pagination"})
            if left:
                # A transparent or transformed group has a stream of its own.
                self.problems.append("tagged content is not in the stream of its page")

    def describe_links(self, links: Mapping[str, str]) -> None:
        """Write the text of each link into its annotation."""
        for reference in self._annotations:
            annotation = self._object(reference)
            target = annotation["Contents"]
            if text := links.get(target.string):
                annotation["Contents"] = type(target)(text)

    def _fill(self, element: Element, *, in_head: bool) -> None:
        """Fill an element with its kids, after those have been rebuilt."""
        kids = list(self._kids(element, in_head=in_head or element["S"] == "/THead"))
        kids = self._arranged(element, kids)
        self._describe(element, in_head=in_head)
        element["K"] = self._list(self._owned(element, kid) for kid in kids)

    def _kids(self, element: Element, *, in_head: bool) -> Iterator[Any]:
        """Yield marked content, references to annotations and rebuilt elements below an element."""
        entries = self._entries(element)
        has_columns = element["S"] == "/L" and all(_kind(entry) == "/L" for entry in entries)
        for kid in entries:
            if isinstance(kid, _Marked) or kid["Type"] == "/OBJR":
                yield kid
            elif has_columns or _is_needless(kid, element):
                yield from self._kids(kid, in_head=in_head)
                kid.clear()  # to remove it would renumber all objects
            else:
                self._note_heading(kid)
                self._fill(kid, in_head=in_head)
                if kid["K"] or kid["S"] in _MAY_BE_EMPTY:
                    yield kid
                else:
                    kid.clear()

    def _arranged(self, element: Element, kids: list[Any]) -> list[Any]:
        """Return the kids of an element as its kind may have them."""
        if element["S"] == "/L":
            return [item for kid in kids for item in self._items(kid)]
        if element["S"] == "/LI":
            return self._label_and_body(element, kids)
        if element["S"] in _GROUPS:
            return self._paragraphs(element, kids)
        return kids

    def _items(self, kid: Element) -> list[Element]:
        """Return the list items of a kid of a list; a term and its description become one item."""
        if kid["S"] != "/Div":
            return [kid]
        items = [self._object(entry) for entry in kid["K"]]
        bodies = [self._object(entry) for item in items for entry in item["K"] if item["S"] == "/LI"]
        if [body["S"] for body in bodies] != ["/LBody", "/LBody"]:
            return items
        for item in items:
            item.clear()
        bodies[0]["S"], kid["S"] = "/Lbl", "/LI"
        kid["K"] = self._list(self._owned(kid, body) for body in bodies)
        return [kid]

    def _label_and_body(self, element: Element, kids: list[Any]) -> list[Any]:
        """Return the kids of a list item: its label, if it has one, and one body."""
        labels = [kid for kid in kids if _kind(kid) == "/Lbl"]
        rest = [kid for kid in kids if _kind(kid) != "/Lbl"]
        if not rest or [_kind(kid) for kid in rest] == ["/LBody"]:
            return kids
        inside: list[Any] = []
        for kid in rest:
            if _kind(kid) == "/LBody":
                inside.extend(self._entries(kid))
                kid.clear()
            else:
                inside.append(kid)
        return [*labels, self._new("/LBody", element["Pg"], inside)]

    def _paragraphs(self, element: Element, kids: list[Any]) -> list[Any]:
        """Return the kids of a group, with text that is directly in it as paragraphs."""
        if element["S"] == "/Div" and kids and all(_kind(kid) in _IN_TEXT for kid in kids):
            element["S"] = "/P"
            return kids
        arranged: list[Any] = []
        for is_text, run in groupby(kids, key=lambda kid: _kind(kid) in _IN_TEXT):
            if is_text:
                text = list(run)
                page = text[0].page if isinstance(text[0], _Marked) else text[0]["Pg"]
                arranged.append(self._new("/P", page, text))
            else:
                arranged.extend(run)
        return arranged

    def _describe(self, element: Element, *, in_head: bool) -> None:
        """Set the attributes of an element that has any."""
        tag = element["S"]
        if tag in ("/TH", "/TD"):
            attributes = element.pop("A")
            attributes.pop("Headers", None)  # which would need an index of all headers by their ID
            element.pop("ID", None)
            if tag == "/TH":
                attributes["Scope"] = "/Column" if in_head else "/Row"
            if len(attributes) > 1:
                element["A"] = attributes
        elif tag == "/Figure":
            left, top, right, bottom = element["A"]["BBox"]
            height = self._heights[element["Pg"]]
            # WeasyPrint writes it in pixels from the top of the page.
            element["A"]["BBox"] = self._list(
                (left * _POINTS, height - bottom * _POINTS, right * _POINTS, height - top * _POINTS)
            )
            if "Alt" not in element:
                self.problems.append("a picture has no alternative text")

    def _note_heading(self, element: Element) -> None:
        if element["S"] in _HEADINGS:
            level = 1 + _HEADINGS.index(element["S"])
            if level > self._level + 1:
                self.problems.append(f"a heading of level {level} follows one of level {self._level}")
            self._level = level

    def _owned(self, element: Element, kid: Any) -> int | Reference:  # noqa: ANN401 -- see _kids
        """Make a kid belong to an element; return the entry for the element."""
        if isinstance(kid, _Marked):
            self._owners[kid.page][kid.number] = element.reference
            return kid.number
        if kid["Type"] == "/OBJR":
            self._annotations[kid["Obj"]] = element.reference
        else:
            kid["P"] = element.reference
        reference: Reference = kid.reference
        return reference

    def _new(self, tag: str, page: Reference, kids: list[Any]) -> Element:
        element = self._dictionary({"Type": "/StructElem", "S": tag, "Pg": page})
        self._pdf.add_object(element)
        element["K"] = self._list(self._owned(element, kid) for kid in kids)
        return element

    def _entries(self, element: Element) -> list[Any]:
        """Return the kids of an element as they are now."""
        return [
            _Marked(element["Pg"], entry) if isinstance(entry, int) else self._object(entry)
            for entry in element["K"]
        ]

    def _object(self, reference: Reference) -> Any:  # noqa: ANN401 -- pydyf's objects
        return self._pdf.objects[int(reference.split()[0])]


def _is_needless(kid: Element, parent: Element) -> bool:
    """Return whether an element is to be replaced by its kids."""
    # The pseudo-element of a link is no link of its own.
    return kid["S"] in _NO_MEANING or (kid["S"] == parent["S"] == "/Link")


def _kind(kid: Any) -> str | None:  # noqa: ANN401 -- see _Tree._kids
    """Return the kind of an element; None: text or an annotation."""
    return None if isinstance(kid, _Marked) else kid.get("S")
