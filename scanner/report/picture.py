"""A chain as the HTML report carries it: the tree in words, and the boxes and arrows of its picture."""

from dataclasses import replace
from typing import Any, Final

from scanner.model.explanation import Node, NodeKind, Verdict
from scanner.report.explain.svg import WIDTH, Box, description, lay_out

_PICTURED: Final = frozenset((NodeKind.SELECTION, NodeKind.RECOVERY_POINT, NodeKind.KEY))
"""What is drawn of what stands beside the chain; the rest of it is told by findings, and in words."""


def told(node: Node) -> dict[str, Any]:
    """Give a chain for the page: `tree`, `picture`, and `spoken` for whoever sees neither."""
    return {"tree": _compact(node), "picture": _picture(node), "spoken": description(node)}


def _compact(node: Node) -> dict[str, Any]:
    """Give a node and those below it; what is empty is left out."""
    found = {
        "kind": node.kind.value,
        "label": node.label,
        "subject": node.subject,
        "verdict": "" if node.verdict is Verdict.STATED else node.verdict.value,
        "because": node.because,
        "facts": [f"{name} {value}" for name, value in node.facts],
        "evidence": [f"{ref.file}:{ref.line}" for ref in node.evidence],
        "children": [_compact(child) for child in node.children],
    }
    return {key: content for key, content in found.items() if content}


def _picture(node: Node) -> dict[str, Any]:
    drawn = lay_out(replace(node, children=tuple(filter(_is_pictured, node.children))))
    return {
        "width": drawn.width,
        "height": drawn.height,
        "box": WIDTH,
        "boxes": [_box(box) for box in drawn.boxes],
        "arrows": drawn.arrows,
    }


def _is_pictured(node: Node) -> bool:
    return node.kind is not NodeKind.GROUP or any(child.kind in _PICTURED for child in node.children)


def _box(box: Box) -> list[Any]:
    """Give a box: left, top, height, verdict, kind, title, what is said of it aloud, and its lines."""
    lines = [[line.text, line.style, line.y, line.mark, line.indent] for line in box.lines]
    node = box.node
    return [box.x, box.y, box.height, node.verdict.value, box.kind, box.title, box.spoken, lines]
