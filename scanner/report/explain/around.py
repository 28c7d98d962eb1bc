"""What the tree of a resource shows besides its covering rules: near misses, exclusions, losses, key."""

from collections.abc import Iterator
from typing import Final

from scanner.model.explanation import Node, NodeKind, Verdict, verdict_of
from scanner.model.text import sentence
from scanner.report.explain.rows import Row, members, reasons, references, ternary, text
from scanner.report.explain.vaults import key_node
from scanner.report.wording import count_word, short_name

_SURVIVES: Final = "survives_"
_BECAUSE: Final = "_because"
_COLUMNS: Final = 4  # columns listed for one reason
_SHOWN_ELSEWHERE: Final = frozenset(
    (
        "covered",
        "covered_by",
        "rules",
        "copies",
        "copy_links",
        "places",
        "newest_recovery_points",
        "newest_recovery_point",
        "key_kind",
        "passed_over",
        "opted_in",
    )
)
"""Columns that the tree shows elsewhere, with the reasons why they are unknown."""


def further_nodes(row: Row) -> Iterator[Node]:
    """Yield what affects a resource's protection besides the rules that cover it."""
    yield from _grouped("Nearest selections", _near_misses(row))
    yield from _grouped("Selections that exclude it", (*_passed_over(row), *_opt_in(row)))
    yield from _grouped("Loss scenarios", tuple(_losses(row)))
    if "key_kind" in row:
        yield from _grouped("Encryption", (key_node(row),))
    yield from _grouped("Other unknown data", tuple(unknown_nodes(row)))


def _grouped(label: str, nodes: tuple[Node, ...]) -> Iterator[Node]:
    if nodes:
        yield Node(kind=NodeKind.GROUP, label=label, children=nodes)


def _near_misses(row: Row) -> tuple[Node, ...]:
    """Return the selections that almost select it, the closest first, each with the difference."""
    return tuple(
        Node(
            kind=NodeKind.SELECTION,
            label=f"{text(near, 'plan_name')} / {text(near, 'name')}",
            verdict=Verdict.BROKEN,
            subject=text(near, "selection"),
            because=sentence(text(near, "because")),
        )
        for near in members(row.get("near_misses"))[0]
    )


def _passed_over(row: Row) -> tuple[Node, ...]:
    """Return the selections that match it but exclude it, each with the clause that excludes it."""
    passed, complete = members(row.get("passed_over"))
    # A selection that excludes it may also be the nearest one: it is shown once.
    near = {text(near_miss, "selection") for near_miss in members(row.get("near_misses"))[0]}
    passed = [selection for selection in passed if text(selection, "selection") not in near]
    nodes = tuple(
        Node(
            kind=NodeKind.SELECTION,
            label=f"{text(selection, 'plan_name')} / {text(selection, 'name')}",
            verdict=Verdict.BROKEN,
            subject=text(selection, "selection"),
            because=sentence(text(selection, "because")),
        )
        for selection in passed
    )
    # Details of findings may lack the column: that says nothing about selections.
    if complete or "passed_over" not in row:
        return nodes
    because = reasons(row, "passed_over") or "There may be selections that were not read."
    return (
        *nodes,
        Node(kind=NodeKind.MORE, label="More selections", verdict=Verdict.UNKNOWN, because=because),
    )


def _opt_in(row: Row) -> tuple[Node, ...]:
    """Return the Region's service opt-in, where AWS Backup goes by it."""
    decides = ternary(row, "opt_in_decides")
    if "opt_in_decides" not in row or decides is False:
        return ()
    opted_in = ternary(row, "opted_in")
    return (
        Node(
            kind=NodeKind.LINK,
            label="Service opt-in for its type",
            # Off is broken only where the opt-in certainly counts: it does not for most types that are named.
            verdict=verdict_of(opted_in if decides else None if opted_in is False else opted_in),
            because=sentence(text(row, "opt_in_reason") or reasons(row, "opted_in", "opt_in_decides")),
            evidence=references(row, "opted_in"),
        ),
    )


def _losses(row: Row) -> Iterator[Node]:
    """Yield the loss scenarios (columns `survives_*`), each with the reason for its result."""
    for column in row:
        # Columns are found by prefix, so that a new loss scenario needs no change here.
        if column.startswith(_SURVIVES) and not column.endswith(_BECAUSE):
            because = text(row, column + _BECAUSE) or reasons(row, column)
            yield Node(
                kind=NodeKind.LINK,
                label=f"Survives {column.removeprefix(_SURVIVES).replace('_', ' ')}",
                verdict=verdict_of(ternary(row, column)),
                because=sentence(because),
                evidence=references(row, column),
            )


def unknown_nodes(row: Row) -> Iterator[Node]:
    """Yield each reason why further columns of the row are unknown, with these columns."""
    open_columns: dict[str, list[str]] = {}
    for doubt in members(row.get("not_known"))[0]:
        about = text(doubt, "about")
        if about not in _SHOWN_ELSEWHERE and not about.startswith(_SURVIVES):
            # One missing read leaves many columns unknown: grouped by reason, it is one line.
            open_columns.setdefault(text(doubt, "reason"), []).append(about.replace("_", " "))
    for reason, columns in open_columns.items():
        more = len(columns) - _COLUMNS
        shown = ", ".join(dict.fromkeys(columns[:_COLUMNS]))
        label = f"{shown} and {count_word(more, 'column')}" if more > 0 else shown
        yield Node(kind=NodeKind.MORE, label=label, verdict=Verdict.UNKNOWN, because=reason)


def name_of(row: Row) -> str:
    """Return the name of a row's subject, or the end of its ARN."""
    return text(row, "name") or short_name(text(row, "subject"))
