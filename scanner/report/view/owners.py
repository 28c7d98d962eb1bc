"""The findings by owner."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from scanner.model.finding import Finding, Status
from scanner.report.view.counts import Counts, Tally

MOST: Final = 5_000
"""Maximum number of owners counted one by one; a tag may have a different value for each resource."""

_OTHERS: Final = "others"
_Key = tuple[str, str]
_KINDS: Final = {"unknown": "Unknown", "nobody": "No owner", _OTHERS: "All others"}


@dataclass(frozen=True, slots=True)
class OwnerGroup:
    """The counts of one owner's findings.

    `kind`: `named`; `unknown` (the owner is unknown); `nobody` (there is no owner); `others` (all owners
    after the first MOST). `name`: that of a named owner, else empty.
    """

    kind: str
    name: str
    counts: Counts

    @property
    def label(self) -> str:
        """The owner in words."""
        return _KINDS.get(self.kind, self.name)


class ByOwner:
    """Counts findings by owner, if they have one. `first`: owners that are counted in any case."""

    def __init__(self, first: Iterable[str] = ()) -> None:
        self._tally: Tally[_Key] = Tally()
        self._seen: set[_Key] = {("named", name) for name in first}

    def add(self, finding: Finding) -> None:
        """Count one finding."""
        if finding.owner is not None:
            self.count(finding.owner.name, finding.status)

    def count(self, name: str | None, status: Status, number: int = 1) -> None:
        """Count findings of one owner and status. `name` as in `Owner`."""
        self._tally.add(self._key(name), status, number)

    def _key(self, name: str | None) -> _Key:
        if not name:
            return ("nobody" if name == "" else "unknown", "")
        key = ("named", name)
        if key not in self._seen:
            if len(self._seen) >= MOST:
                return (_OTHERS, "")
            self._seen.add(key)
        return key

    def groups(self) -> tuple[OwnerGroup, ...]:
        """Return the groups, those with most failures first."""
        unsorted = [OwnerGroup(*key, counts) for key, counts in self._tally.counts().items()]
        return tuple(
            sorted(
                unsorted, key=lambda group: (-group.counts.failed, -group.counts.open, group.kind, group.name)
            )
        )


def owners_document(groups: tuple[OwnerGroup, ...]) -> Mapping[str, Any]:
    """Return the keys of a summary about owners; empty if findings have no owners."""
    if not groups:
        return {}
    others = [_statuses(group.counts) for group in groups if group.kind == _OTHERS]
    document = {"owners": [_document(group) for group in groups if group.kind != _OTHERS]}
    return {**document, "other_owners": others[0]} if others else document


def _document(group: OwnerGroup) -> dict[str, Any]:
    return {"owner": None if group.kind == "unknown" else group.name, **_statuses(group.counts)}


def _statuses(counts: Counts) -> dict[str, int]:
    return {status.value: counts.of(status) for status in Status}
