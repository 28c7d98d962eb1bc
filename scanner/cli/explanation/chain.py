"""The chain of an explanation in a few lines: its structures, and the links that do not hold."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from scanner.model.explanation import Node, NodeKind, Verdict

LINES: Final = 11
"""Lines of a short chain, with the subject's own."""

_SETTINGS: Final = 24
"""Lines of the short chain of an account: the values of its effective backup policy are its links."""

_STRUCTURES: Final = frozenset(
    {
        NodeKind.RESOURCE,
        NodeKind.PARENT,
        NodeKind.PLAN,
        NodeKind.SELECTION,
        NodeKind.RULE,
        NodeKind.VAULT,
        NodeKind.COPY,
        NodeKind.RECOVERY_POINT,
    }
)
_RANKS: Final = {Verdict.BROKEN: 0, Verdict.UNKNOWN: 1, Verdict.HOLDS: 2, Verdict.STATED: 3}


def short_chain(root: Node, lines: int = LINES) -> Node:
    """Return the tree with at most `lines` nodes: first the structures, then what is broken, then unknown.

    A copy whose reason says why it is broken has no links below it. Links that share verdict and reason are
    one node.
    """
    reduced = _reduced(root)
    nodes = list(_with_depth(reduced))
    if any(node.kind is NodeKind.SETTING for node, _ in nodes):
        lines = max(lines, _SETTINGS)
    order = {id(node): at for at, (node, _) in enumerate(nodes)}
    # Structures before links, upper levels before lower ones, then the order of the tree.
    ranked = sorted(nodes, key=lambda pair: (_rank(pair[0]), pair[1], order[id(pair[0])]))
    parents = {id(child): node for node, _ in nodes for child in node.children}
    shown = {id(reduced)}
    for node, _ in ranked:
        # A node can only be shown together with all nodes above it.
        path = [node]
        while id(path[-1]) not in shown and id(path[-1]) in parents:
            path.append(parents[id(path[-1])])
        new = {id(part) for part in path} - shown
        # Not `break`: a later node may need fewer lines.
        if len(shown) + len(new) <= lines:
            shown |= new
    return _only(reduced, shown)


def left_out(root: Node, shown: Node) -> str:
    """Return how many links of the tree are not shown, by verdict; empty: none."""
    numbers = _verdicts(root)
    numbers.subtract(_verdicts(shown))
    words = {Verdict.BROKEN: "broken", Verdict.UNKNOWN: "unknown", Verdict.HOLDS: "intact"}
    parts = [f"{numbers[verdict]} {word}" for verdict, word in words.items() if numbers[verdict] > 0]
    return ", ".join(parts)


def _verdicts(root: Node) -> Counter[Verdict]:
    """Count the links by verdict; a node of several links counts as that many."""
    numbers: Counter[Verdict] = Counter()
    for node in root.walk():
        numbers[node.verdict] += node.label.count(_JOIN) + 1 if node.kind is NodeKind.LINK else 1
    return numbers


_JOIN: Final = "; "


def _rank(node: Node) -> int:
    """Return how important a node is, the smallest first."""
    if node.kind in _STRUCTURES:
        return 0 if node.verdict is Verdict.BROKEN else 1
    return 1 + _RANKS[node.verdict]


def _reduced(node: Node) -> Node:
    """Return a node without what holds, except structures, and with equal links as one."""
    # The reason names the first broken link, so the links below would only repeat it.
    if node.kind is NodeKind.COPY and node.verdict is Verdict.BROKEN and node.because:
        return replace(node, children=())
    children = tuple(_reduced(child) for child in node.children if _is_needed(child))
    return replace(node, children=tuple(_merged(children)))


def _is_needed(node: Node) -> bool:
    is_shown = node.kind in _STRUCTURES or node.kind is NodeKind.SETTING
    if is_shown or node.verdict in (Verdict.BROKEN, Verdict.UNKNOWN):
        return True
    return any(_is_needed(child) for child in node.children)


def _merged(nodes: Sequence[Node]) -> Iterator[Node]:
    """Yield nodes; links without children that share verdict and reason are one, with all their names."""
    labels: dict[tuple[Verdict, str], list[str]] = {}
    for node in nodes:
        if _is_mergeable(node):
            labels.setdefault((node.verdict, node.because), []).append(node.label)
    for node in nodes:
        if not _is_mergeable(node):
            yield node
        # `pop`: the merged node takes the place of the first one.
        elif names := labels.pop((node.verdict, node.because), None):
            yield replace(node, label=_JOIN.join(names))


def _is_mergeable(node: Node) -> bool:
    return node.kind is NodeKind.LINK and not node.children and bool(node.because)


def _with_depth(node: Node, depth: int = 0) -> Iterator[tuple[Node, int]]:
    yield node, depth
    for child in node.children:
        yield from _with_depth(child, depth + 1)


def _only(node: Node, shown: set[int]) -> Node:
    return replace(node, children=tuple(_only(child, shown) for child in node.children if id(child) in shown))
