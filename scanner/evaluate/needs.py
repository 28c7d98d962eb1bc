"""Which reads controls need: those of every column that their verdicts, reasons and details rest on.

Nothing is listed by hand: the expressions of a control name columns, and each column declares its reads.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Final

from scanner.evaluate.compiled import compile_control
from scanner.model.control import Control
from scanner.model.facts import columns
from scanner.model.facts.reads import SUBJECT_READS
from scanner.model.formats import POPULATION_FORMATS
from scanner.model.known import ENTRY, Gap, GapKind
from scanner.model.manifest import CollectedReads, is_collected
from scanner.model.scan import POPULATION

_RESOURCE: Final = "resource"


_TAGS: Final = ("tags",)

_NOT_MISSING: Final = frozenset((GapKind.NOT_REPORTED, GapKind.OUT_OF_SCOPE))
"""Kinds of gaps that hide no subject in scope: a value is missing, or the scope leaves the place out."""


def reads_needed(
    controls: Iterable[Control], formats: Iterable[str] = (), *, by_tags: bool = False
) -> frozenset[str]:
    """Return the operations (`backup:GetBackupPlan`) that the controls and formats need.

    `by_tags`: tiers, overrides, owners or scopes of frameworks go by what resources there are, and by their
    tags.
    """
    # Texts included: a reason must not be missing because its read was saved.
    reads = {read for control in controls for read in _reads_of(control)}
    if by_tags:
        reads.update(_reads_of_columns(_RESOURCE, _TAGS))
    # Some formats show columns of all resources, whichever controls are selected.
    if not POPULATION_FORMATS.isdisjoint(formats):
        reads.update(_reads_of_columns(_RESOURCE, POPULATION))
    return frozenset(reads)


def _reads_of(control: Control) -> Iterator[str]:
    return _reads_of_columns(control.subject, compile_control(control).columns)


def _reads_of_columns(table: str, names: Iterable[str]) -> Iterator[str]:
    """Return the reads that name the subjects of a table, and those of the columns `names`."""
    wanted = frozenset(names)
    yield from SUBJECT_READS[table]
    for column in columns(table):
        if column.name in wanted:
            yield from column.reads


def unlisted(
    controls: Iterable[Control], reads: CollectedReads | None, gaps: Collection[Gap] = ()
) -> frozenset[str]:
    """Return the controls of whose subjects the scan may have missed some.

    `reads`: what the scan collected; None: everything. `gaps`: its missing reads. A control that is not of a
    fact table, such as that of expired waivers, needs no read.
    """
    missing = frozenset(gap.operation for gap in gaps if gap.kind not in _NOT_MISSING)
    # A refused description of one resource hides no resource, a refused list does.
    missing_lists = frozenset(gap.operation for gap in gaps if gap.kind not in _NOT_MISSING and not gap.about)
    not_entered = not ENTRY.isdisjoint(missing)

    def is_listed(control: Control) -> bool:
        operations = SUBJECT_READS.get(control.subject, ())
        hiding = missing_lists if control.subject == _RESOURCE else missing
        return not operations or (
            not not_entered
            and all(is_collected(operation, reads) and operation not in hiding for operation in operations)
        )

    return frozenset(control.id for control in controls if not is_listed(control))


def reads_of(control: Control) -> frozenset[str]:
    """Return the operations (`backup:GetBackupPlan`) that a control's population and requirement need."""
    # Not the columns of texts: what only a reason mentions cannot change a status.
    used = compile_control(control).judges
    return frozenset(
        read for column in columns(control.subject) if column.name in used for read in column.reads
    )


def affected_controls(controls: Iterable[Control]) -> Mapping[str, tuple[str, ...]]:
    """Return for each operation the ids of the controls that need it, both sorted.

    If the role of an account cannot be assumed, every control that needs any read is affected.
    """
    by_operation: defaultdict[str, list[str]] = defaultdict(list)
    for control in sorted(controls, key=attrgetter("id")):
        for operation in (reads := reads_of(control)):
            by_operation[operation].append(control.id)
        if reads:
            # Without the role, no call in the account is made.
            for entry in ENTRY:
                by_operation[entry].append(control.id)
    return {operation: tuple(by_operation[operation]) for operation in sorted(by_operation)}
