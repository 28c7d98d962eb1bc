"""What became of findings since a former scan, with pseudonyms for names."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from scanner.model.changes import Change, Changes, Former
from scanner.model.finding import Finding
from scanner.report.redact.pseudonyms import Pseudonyms
from scanner.report.redact.values import LEFT_OUT

_BARE = frozenset({"name"})
"""What a finding that was read back from a summary has of its details."""


def findings_in(changes: Changes | None) -> Iterator[Finding]:
    """Give the findings that changes tell of, of both scans."""
    for found in changes.worst.values() if changes else ():
        for change in found:
            yield from (each for each in (change.old, change.new) if each is not None)


def redacted_changes(
    changes: Changes | None, names: Pseudonyms, finding: Callable[[Finding], Finding]
) -> Changes | None:
    """Redact changes. `finding` redacts a finding of either scan.

    A reason may speak of names that the details tell. Where these are not told, it is left out.
    """
    if changes is None:
        return None

    def side(told: Finding | None) -> Finding | None:
        if told is None:
            return None
        known = finding(told)
        return replace(known, reason=LEFT_OUT) if told.details.keys() <= _BARE else known

    def change(told: Change) -> Change:
        bare = told.finding.details.keys() <= _BARE
        why = LEFT_OUT if bare and told.why else names.sentence(told.why, (told.finding.subject,))
        return replace(told, old=side(told.old), new=side(told.new), why=why)

    return replace(
        changes,
        notes=tuple(map(names.sentence, changes.notes)),
        worst={kind: tuple(map(change, found)) for kind, found in changes.worst.items()},
        former=_former(changes.former, names),
    )


def _former(former: Former | None, names: Pseudonyms) -> Former | None:
    return None if former is None else replace(former, scan_id=names.name(former.scan_id))
