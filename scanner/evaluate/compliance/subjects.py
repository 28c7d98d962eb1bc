"""Groups of subjects to the distinct subjects that some controls decide."""

from collections import Counter, defaultdict
from typing import Final

from scanner.findings.subject_groups import OF_RESOURCE, SubjectGroup, SubjectGroups
from scanner.model.compliance import DecidedSubjects, Figures, ScopeCounts, SubjectCounts
from scanner.model.facts import TABLES
from scanner.model.finding import Status
from scanner.model.known import Ternary

_KINDS: Final = {kind: place for place, kind in enumerate(TABLES)}


def decided_subjects(groups: SubjectGroups, framework: str, controls: frozenset[str]) -> DecidedSubjects:
    """Count the distinct subjects of some controls by kind and type: resources first, then vaults and others.

    A subject has a gap if one of the controls failed; else it is unknown, waived or passed, in this order. It
    is not counted if none of the controls applies to it, or if it is outside the declared scope of the
    framework. If it is not known whether it is in scope, it is unknown.
    """
    mask = groups.mask(controls)
    numbers: defaultdict[tuple[str, str], Counter[Status]] = defaultdict(Counter)
    checks: Counter[Status] = Counter()
    for group in groups.groups:
        status, within = group.status(mask), is_in_scope(groups, group, framework)
        if status is not None and within is not False:
            of_group = _checks(group, mask)
            if within is None:
                # In scope it may be a gap, and outside it is none: neither can be said.
                status, of_group = Status.UNKNOWN, {Status.UNKNOWN: sum(of_group.values())}
            numbers[group.kind, group.type][status] += group.number
            checks.update(of_group)
    by_type = sorted(numbers.items(), key=lambda entry: (_KINDS.get(entry[0][0], len(_KINDS)), entry[0]))
    return DecidedSubjects(
        tuple((*key, _counts(of)) for key, of in by_type),
        Figures({status: checks[status] for status in Status if checks[status]}),
    )


def is_in_scope(groups: SubjectGroups, group: SubjectGroup, framework: str) -> Ternary:
    """Check whether subjects are in the scope of a framework; None: unknown. Without one, all are."""
    return group.scopes[groups.scopes.index(framework)] if framework in groups.scopes else True


def scope_counts(groups: SubjectGroups, framework: str) -> ScopeCounts:
    """Count the subjects that belong to a resource: inside a declared scope, outside it, unknown."""
    numbers: Counter[Ternary] = Counter()
    for group in groups.groups:
        if group.kind in OF_RESOURCE:
            numbers[is_in_scope(groups, group, framework)] += group.number
    return ScopeCounts(numbers[True], numbers[False], numbers[None])


def _checks(group: SubjectGroup, mask: int) -> dict[Status, int]:
    """Return how many checks of the controls of a mask have which status; errors count as unknown."""
    return {
        Status.FAIL: (group.failed & mask).bit_count() * group.number,
        Status.UNKNOWN: (group.unknown & mask).bit_count() * group.number,
        Status.WAIVED: (group.waived & mask).bit_count() * group.number,
        Status.PASS: (group.passed & mask).bit_count() * group.number,
    }


def _counts(numbers: Counter[Status]) -> SubjectCounts:
    return SubjectCounts(
        numbers[Status.FAIL], numbers[Status.UNKNOWN], numbers[Status.WAIVED], numbers[Status.PASS]
    )
