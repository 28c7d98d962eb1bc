"""The tree of `audit explain` as JSON, and as SVG: boxes from left to right, without a script.

The picture has texts for screen readers.

Steps of the tree become boxes in columns, and statements about a step become lines in its box. A mark, a word
and the style of the border show the verdict; colour only repeats it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import filterfalse
from typing import Any, Final
from unicodedata import east_asian_width

from scanner.model.decisions import Owner
from scanner.model.explanation import Advice, Explanation, Node, NodeKind, SetBy, Verdict
from scanner.model.finding import traced_document
from scanner.report.formats.templates import environment
from scanner.report.wording import clip, one_line

SCHEMA: Final = "backup-audit/explanation/1"
TEMPLATE: Final = "explanation.svg.j2"

STEPS: Final = frozenset(
    (
        NodeKind.RESOURCE,
        NodeKind.PARENT,
        NodeKind.PLAN,
        NodeKind.SELECTION,
        NodeKind.RULE,
        NodeKind.VAULT,
        NodeKind.COPY,
        NodeKind.GROUP,
    )
)
MARKS: Final = {Verdict.HOLDS: "✓", Verdict.BROKEN: "✗", Verdict.UNKNOWN: "?", Verdict.STATED: "•"}

WORDS: Final = {
    Verdict.HOLDS: "Holds",
    Verdict.BROKEN: "Broken",
    Verdict.UNKNOWN: "Unknown",
    Verdict.STATED: "",
}

WIDTH: Final = 332
"""Width of a box in pixels."""
_GAP: Final = 64  # between columns
_ROW_GAP: Final = 18
_LINE: Final = 17
_HEAD: Final = 62  # a box's kind, verdict and title
_PAD: Final = 14
_TOP: Final = 96  # the picture's own title
_COLUMNS: Final = 38  # characters in a line of a box
_TITLE: Final = 32
_MOST_LINES: Final = 3  # of one text
_MOST_STEPS: Final = 24  # boxes that follow one step


def explanation_json(explanation: Explanation) -> bytes:
    """Return the document as text. Equal explanations give equal bytes."""
    return (
        # ASCII, so that a terminal of any encoding can show it.
        json.dumps(_mended(explanation_document(explanation)), ensure_ascii=True, indent=2) + "\n"
    ).encode()


def explanation_document(explanation: Explanation) -> dict[str, Any]:
    """Return the document with its keys in the schema's order."""
    return {
        "schema": SCHEMA,
        "scan_id": explanation.scan_id,
        "as_of": explanation.as_of,
        "subject": explanation.subject,
        "subject_type": explanation.subject_type,
        "account": explanation.account,
        "account_name": explanation.account_name,
        "region": explanation.region,
        "name": explanation.name,
        **_owner(explanation.owner),
        "chain": _node(explanation.root),
        "advice": [_advice(advice) for advice in explanation.advice],
    }


def _node(node: Node) -> dict[str, Any]:
    return {
        "kind": node.kind.value,
        "label": node.label,
        "verdict": node.verdict.value,
        "subject": node.subject,
        "because": node.because,
        "facts": [{"name": name, "value": value} for name, value in node.facts],
        "evidence": [{"file": ref.file, "line": ref.line} for ref in node.evidence],
        "children": [_node(child) for child in node.children],
        **({} if node.kind is not NodeKind.SETTING else {"set_by": [_set_by(by) for by in node.set_by]}),
    }


def _set_by(by: SetBy) -> dict[str, Any]:
    return {
        "policy": by.policy,
        "name": by.name,
        "attached_to": by.attached_to,
        "operator": by.operator,
        "value": by.value,
        "effective": by.effective,
        "limited_by": list(by.limited_by),
    }


def _advice(advice: Advice) -> dict[str, Any]:
    return {
        "control": advice.control,
        "title": advice.title,
        "status": advice.status.value,
        "severity": advice.severity.value,
        "subject": advice.subject,
        "reason": advice.reason,
        "text": advice.text,
        "cli": advice.cli,
        **_owner(advice.owner),
        **traced_document(advice.root_cause, advice.blocked_by),
    }


def _owner(owner: Owner | None) -> dict[str, str | None]:
    return {} if owner is None else {"owner": owner.name, "owner_source": owner.source}


def _mended(content: Any) -> Any:  # noqa: ANN401 -- a tree of JSON
    """Replace lone surrogates, which JSON parsers refuse, by question marks."""
    if isinstance(content, str):
        return content.encode(errors="replace").decode()
    if isinstance(content, dict):
        return {key: _mended(value) for key, value in content.items()}
    return [_mended(member) for member in content] if isinstance(content, list) else content


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text within a box. The first line of a statement has its mark."""

    text: str
    style: str  # of the mark: holds, broken, unknown, stated; or because, fact, evidence
    y: int
    mark: str = ""
    indent: int = 0


@dataclass(slots=True)
class Box:
    """One step, laid out."""

    node: Node
    x: int
    title: str
    spoken: str  # the whole text, for screen readers and as a tooltip
    kind: str
    lines: tuple[Line, ...]
    height: int
    y: int = 0
    children: "list[Box]" = field(default_factory=list)

    @property
    def middle(self) -> int:
        """Where the arrow into the box ends."""
        return self.y + _HEAD // 2

    def walk(self) -> "Iterator[Box]":
        """Yield this box and its descendants."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class Drawn:
    """A tree as laid out: its boxes, the paths of its arrows with their styles, and its size."""

    boxes: tuple[Box, ...]
    arrows: tuple[tuple[str, str], ...]
    width: int
    height: int


def lay_out(node: Node, top: int = 0) -> Drawn:
    """Lay out the tree of a subject, `top` pixels below the picture's edge."""
    root = _box(node, 0)
    height = _place(root, top)
    boxes = tuple(root.walk())
    width = max(box.x for box in boxes) + WIDTH + 2 * _PAD
    return Drawn(boxes, tuple(_arrows(root)), width, height + _PAD)


def explanation_svg(explanation: Explanation) -> bytes:
    """Return an explanation as SVG. Equal explanations give equal bytes."""
    drawn = lay_out(explanation.root, _TOP)
    place = f"{explanation.account_name or explanation.account} / {explanation.region}"
    page = (
        environment()
        .get_template(TEMPLATE)
        .render(
            boxes=drawn.boxes,
            arrows=drawn.arrows,
            width=drawn.width,
            height=drawn.height,
            box_width=WIDTH,
            title=clip(one_line(explanation.name or explanation.subject), 60),
            subject=clip(one_line(explanation.subject), max(60, drawn.width // 9)),
            place=one_line(f"{place}, as of {explanation.as_of}"),
            description=description(explanation.root),
            words=WORDS,
            marks=MARKS,
        )
    )
    return page.encode(errors="replace")


def _box(node: Node, column: int) -> Box:
    steps = [child for child in node.children if child.kind in STEPS]
    statements = [child for child in node.children if child.kind not in STEPS]
    # A selection may have thousands of resources: a picture of them could not be read.
    lines = tuple(_lines(node, statements, left_out=max(0, len(steps) - _MOST_STEPS)))
    return Box(
        node=node,
        x=_PAD + column * (WIDTH + _GAP),
        title=_cut(one_line(node.label), _TITLE),
        spoken=_spoken(node),
        kind="" if node.kind is NodeKind.GROUP else node.kind.value.replace("_", " "),
        lines=lines,
        height=_HEAD + (lines[-1].y + _PAD if lines else 0),
        # A group is not a step of the chain: it stays in the column of its box.
        children=[_box(step, column + (step.kind is not NodeKind.GROUP)) for step in steps[:_MOST_STEPS]],
    )


def _spoken(node: Node) -> str:
    kind = node.kind.value.replace("_", " ")
    head = " ".join(filter(None, (kind, node.label, WORDS[node.verdict].lower())))
    return one_line(" ".join(filter(None, (f"{head}.", node.because, node.subject))))


def _lines(node: Node, statements: list[Node], *, left_out: int) -> Iterator[Line]:
    """Yield the lines below a box's head, each with its distance from the head."""
    y = 0
    for line in _texts(node, statements, left_out):
        y += _LINE
        yield Line(line.text, line.style, y, line.mark, line.indent)


def _texts(node: Node, statements: list[Node], left_out: int) -> Iterator[Line]:
    for text in _wrapped(node.because):
        yield Line(text, "because", 0)
    for name, value in node.facts:
        for text in _wrapped(f"{name} {value}"):
            yield Line(text, "fact", 0)
    # One line shows that there is evidence; the JSON has all of it.
    for ref in node.evidence[:1]:
        file = one_line(ref.file).removeprefix("evidence/")  # common to all, and space is short
        yield Line(_cut(f"{file}:{ref.line}", _COLUMNS + 7), "evidence", 0)
    for child in statements:
        first, *rest = _wrapped(child.label, _COLUMNS - 3) or ("",)
        yield Line(first, child.verdict.value, 0, MARKS[child.verdict], 18)
        for text in rest:
            yield Line(text, child.verdict.value, 0, "", 18)
        # A link that holds is explained by its label alone.
        if child.verdict is not Verdict.HOLDS:
            for text in _wrapped(child.because, _COLUMNS - 3):
                yield Line(text, "because", 0, "", 18)
    if left_out:
        yield Line(f"{left_out:,} more are left out here", "fact", 0)


def _wrapped(text: str, columns: int = _COLUMNS) -> list[str]:
    """Break a text into lines of a box. A text that is too long ends with an ellipsis."""
    lines: list[str] = []
    left = one_line(text)
    while left and len(lines) < _MOST_LINES:
        end = _fit(left, columns)
        # A long ARN has no blank: it is broken where the line ends.
        if end < len(left) and (blank := left.rfind(" ", 0, end + 1)) > columns // 3:
            end = blank
        lines.append(left[:end].strip())
        left = left[end:].strip()
    if left:
        lines[-1] = _cut(f"{lines[-1]} {left}", columns)
    return lines


def _cut(text: str, columns: int) -> str:
    end = _fit(text, columns)
    return text if end >= len(text) else f"{text[: max(1, _fit(text, columns - 1))]}\u2026"


def _fit(text: str, columns: int) -> int:
    """Return how many characters of a text fit; East Asian ones are two columns wide."""
    if text.isascii():
        return min(len(text), columns)
    used = 0
    for position, character in enumerate(text):
        used += 2 if east_asian_width(character) in "WF" else 1
        if used > columns:
            return position
    return len(text)


def _place(box: Box, top: int) -> int:
    """Place a box and its children, the first child at the same height; return where the next box may begin.

    Groups are placed below their box, in space that no step uses.
    """
    box.y = top
    chain, own = top, top + box.height + _ROW_GAP
    for child in box.children:
        if child.node.kind is not NodeKind.GROUP:
            chain = _place(child, chain)
    # Groups without children are as wide as their box, so nothing can be in their way.
    for child in sorted(filter(_is_group, box.children), key=lambda group: bool(group.children)):
        own = _place(child, max(own, chain) if child.children else own)
    return max(own, chain)


def _is_group(box: Box) -> bool:
    return box.node.kind is NodeKind.GROUP


def _arrows(box: Box) -> Iterator[tuple[str, str]]:
    """Yield the path and the style of each arrow: to the right, down the gap, into the box."""
    for child in filterfalse(_is_group, box.children):
        start, turn, end = box.x + WIDTH, child.x - _GAP // 2, child.x - 5
        # A straight line: an arc of height zero draws a kink in some viewers.
        if child.middle == box.middle:
            path = f"M{start} {box.middle}H{end}"
        else:
            path = f"M{start} {box.middle}H{turn - 8}q8 0 8 8V{child.middle - 8}q0 8 8 8H{end}"
        yield path, child.node.verdict.value
    for child in box.children:
        yield from _arrows(child)


def description(root: Node) -> str:
    """Return a text that describes the tree, for screen readers."""
    broken = [one_line(node.label) for node in root.walk() if node.verdict is Verdict.BROKEN]
    unknown = sum(node.verdict is Verdict.UNKNOWN for node in root.walk())
    links = f"Broken: {', '.join(broken[:12])}." if broken else "No link is broken."
    return f"{one_line(root.because)} {links} {unknown} links are unknown."
