"""The findings by who is asked about them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from scanner.model.finding import Finding, Status
from scanner.report.view.counts import Counts, Tally

MOST: Final = 5_000
"""Owners that are counted one by one; a tag may name as many as there are resources."""

_OTHERS: Final = "others"
_Key = tuple[str, str]
_KINDS: Final = {"unknown": "Not known", "nobody": "No owner", _OTHERS: "All others"}


@dataclass(frozen=True, slots=True)
class OwnerGroup:
    """The answers that one owner is asked about.

    `kind`: `named`; `unknown` (it is not known who); `nobody` (nobody is named); `others` (all owners that
    came after the first MOST). `name` is that of an owner who is named, else empty.
    """

    kind: str
    name: str
    counts: Counts

    @property
    def label(self) -> str:
        """Say it for people."""
        return _KINDS.get(self.kind, self.name)


class ByOwner:
    """Counts findings by their owners, where they have any. `first`: owners that come before all others."""

    def __init__(self, first: Iterable[str] = ()) -> None:
        self._tally: Tally[_Key] = Tally()
        self._seen: set[_Key] = {("named", name) for name in first}

    def add(self, finding: Finding) -> None:
        """Count one finding."""
        if finding.owner is not None:
            self.count(finding.owner.name, finding.status)

    def count(self, name: str | None, status: Status, number: int = 1) -> None:
        """Count findings of an owner that have one status. `name` as in `Owner`."""
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
        """Give those with most failures first."""
        found = [OwnerGroup(*key, counts) for key, counts in self._tally.counts().items()]
        return tuple(
            sorted(found, key=lambda each: (-each.counts.failed, -each.counts.open, each.kind, each.name))
        )


def owners_document(groups: tuple[OwnerGroup, ...]) -> Mapping[str, Any]:
    """Give what the summary of findings.json says of owners: nothing where findings name none."""
    if not groups:
        return {}
    others = [_statuses(each.counts) for each in groups if each.kind == _OTHERS]
    told = {"owners": [_document(each) for each in groups if each.kind != _OTHERS]}
    return {**told, "other_owners": others[0]} if others else told


def _document(group: OwnerGroup) -> dict[str, Any]:
    return {"owner": None if group.kind == "unknown" else group.name, **_statuses(group.counts)}


def _statuses(counts: Counts) -> dict[str, int]:
    return {status.value: counts.of(status) for status in Status}
