"""Which reads of AWS a control rests on, by the columns that decide it; and what a missing read blinds."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from scanner.evaluate.compiled import compile_control
from scanner.model.control import Control
from scanner.model.facts import columns
from scanner.model.reading import ENTRY


def reads_of(control: Control) -> frozenset[str]:
    """Give the operations (`backup:GetBackupPlan`) that population and requirement of a control rest on."""
    used = compile_control(control).judges
    return frozenset(
        read for column in columns(control.subject) if column.name in used for read in column.reads
    )


def blinds(controls: Iterable[Control]) -> Mapping[str, tuple[str, ...]]:
    """Give for each operation the ids of the controls that rest on it, both sorted.

    An account whose role cannot be assumed blinds every control that rests on any read.
    """
    by_operation: defaultdict[str, list[str]] = defaultdict(list)
    for control in sorted(controls, key=lambda each: each.id):
        for operation in (reads := reads_of(control)):
            by_operation[operation].append(control.id)
        if reads:
            for entry in ENTRY:
                by_operation[entry].append(control.id)
    return {operation: tuple(by_operation[operation]) for operation in sorted(by_operation)}
