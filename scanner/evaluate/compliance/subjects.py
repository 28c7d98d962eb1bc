"""Groups of subjects to the distinct subjects that some controls decide."""

from collections import Counter, defaultdict
from typing import Final

from scanner.findings.subject_groups import SubjectGroup, SubjectGroups
from scanner.model.compliance import DecidedSubjects, Figures, SubjectCounts
from scanner.model.facts import TABLES
from scanner.model.finding import Status

_KINDS: Final = {kind: place for place, kind in enumerate(TABLES)}


def decided_subjects(groups: SubjectGroups, controls: frozenset[str]) -> DecidedSubjects:
    """Count the distinct subjects of some controls by kind and type: resources first, then vaults and others.

    A subject has a gap if one of the controls failed; else it is unknown, waived or passed, in this order. It
    is not counted if none of the controls applies to it.
    """
    mask = groups.mask(controls)
    numbers: defaultdict[tuple[str, str], Counter[Status]] = defaultdict(Counter)
    checks: Counter[Status] = Counter()
    for group in groups.groups:
        status = group.status(mask)
        if status is not None:
            numbers[group.kind, group.type][status] += group.number
            checks.update(_checks(group, mask))
    by_type = sorted(numbers.items(), key=lambda entry: (_KINDS.get(entry[0][0], len(_KINDS)), entry[0]))
    return DecidedSubjects(
        tuple((*key, _counts(of)) for key, of in by_type),
        Figures({status: checks[status] for status in Status if checks[status]}),
    )


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
