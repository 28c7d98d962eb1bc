"""Missing reads: which controls each of them blinds, and those that are missing for one reason together."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from scanner.model.finding import Finding
from scanner.model.names import AWS_GLOBAL, ORG
from scanner.model.reading import ASSUME_ROLE, Gap, GapKind

BLINDING_CONTROL: Final = "account-region-assessed"
"""The control whose findings say which controls a missing read blinds (`details.missing_reads`)."""

_ACCOUNT_ID: Final = re.compile(r"[0-9]{12}")

_Place = tuple[str, str, str, str]  # account, Region, operation, about
_Reason = tuple[GapKind, str, str]


@dataclass(frozen=True, slots=True)
class BlindGap:
    """A missing read, and the controls that it blinds (empty: none of those that were selected)."""

    gap: Gap
    blinds: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GapLine:
    """The reads of a group that blind the same controls."""

    operations: tuple[str, ...]
    abouts: tuple[str, ...]  # the vaults, plans … they were to tell of; a read of a whole list is about none
    number: int
    blinds: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GapGroup:
    """Missing reads with one reason: one operation's, or of several that are missing in the same places."""

    kind: GapKind
    code: str
    message: str  # what AWS said the first time
    number: int
    places: tuple[str, ...]  # ACCOUNT/REGION
    lines: tuple[GapLine, ...]  # those that blind most controls first

    @property
    def abouts(self) -> tuple[str, ...]:
        """All that the reads were to tell of, without repetition."""
        return tuple(dict.fromkeys(about for line in self.lines for about in line.abouts))

    @property
    def is_no_entry(self) -> bool:
        """Whether accounts could not be entered: their reads were never made."""
        return self.operations == (ASSUME_ROLE,)

    @property
    def operations(self) -> tuple[str, ...]:
        """All operations of the group, sorted."""
        return tuple(sorted({operation for line in self.lines for operation in line.operations}))

    @property
    def blinds(self) -> tuple[str, ...]:
        """All controls that the group blinds, sorted."""
        return tuple(sorted({control for line in self.lines for control in line.blinds}))

    @property
    def where(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The accounts, each with its Regions."""
        by_account: dict[str, list[str]] = {}
        for place in self.places:
            account, _, region = place.partition("/")
            by_account.setdefault(account, []).append(region)
        return tuple((account, tuple(regions)) for account, regions in by_account.items())


class Blinding:
    """Gathers which controls a missing read blinds, from the findings of the control that says so.

    What is missing for the whole organisation, or in an account's global services, is told by the
    account-Regions that needed it.
    """

    def __init__(self) -> None:
        self._told: dict[_Place, set[str]] = {}

    def add(self, finding: Finding) -> None:
        """Read the missing reads of a finding of BLINDING_CONTROL; others have none."""
        if finding.control == BLINDING_CONTROL:
            self.read(finding.account, finding.region, finding.details)

    def read(self, account: str, region: str, details: Mapping[str, Any]) -> None:
        """Read the missing reads of an account-Region from the details of its finding."""
        for missing in _missing_reads(details):
            operation = (str(missing["operation"]), str(missing.get("about") or ""))
            controls = frozenset(_ids(missing.get("blinds")))
            for place in _reaches(account, region):
                self._told.setdefault((*place, *operation), set()).update(controls)

    def of(self, gaps: Iterable[Gap]) -> tuple[BlindGap, ...]:
        """Give missing reads with the controls that each blinds."""
        return tuple(BlindGap(gap, tuple(sorted(self._told.get(_place(gap), ())))) for gap in gaps)


def _missing_reads(details: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    reads = details.get("missing_reads")
    found = reads if isinstance(reads, list | tuple) else ()
    return (read for read in found if isinstance(read, Mapping) and read.get("operation"))


def _ids(blinds: object) -> Iterable[str]:
    return (each for each in blinds if isinstance(each, str)) if isinstance(blinds, list | tuple) else ()


def _reaches(account: str, region: str) -> tuple[tuple[str, str], ...]:
    """Give the places for which an account-Region may speak: its own, and those that lie in no Region."""
    return (account, region), (account, AWS_GLOBAL), ("", ORG)


def _place(gap: Gap) -> _Place:
    return "" if gap.region == ORG else gap.account, gap.region, gap.operation, gap.about


def group_gaps(gaps: Iterable[BlindGap]) -> tuple[GapGroup, ...]:
    """Group by operation and reason, then join operations that miss in the same places for the same reason.

    So an account whose role cannot be assumed is one group, and not one for each operation.
    """
    alike: dict[tuple[str, _Reason], list[BlindGap]] = {}
    for blind in gaps:
        alike.setdefault((blind.gap.operation, _reason(blind.gap)), []).append(blind)
    joined: dict[tuple[_Reason, tuple[str, ...]], list[BlindGap]] = {}
    for (_, reason), members in alike.items():
        joined.setdefault((reason, _places(members)), []).extend(members)
    groups = [_group(places, members) for (_, places), members in joined.items()]
    return tuple(sorted(groups, key=lambda each: (-each.number, each.operations, each.kind, each.code)))


def _group(places: tuple[str, ...], members: list[BlindGap]) -> GapGroup:
    first = members[0].gap
    return GapGroup(
        kind=first.kind,
        code=first.code,
        message=first.message,
        number=len(members),
        places=places,
        lines=_lines(members),
    )


def _lines(members: list[BlindGap]) -> tuple[GapLine, ...]:
    blinded: dict[str, set[str]] = {}
    for each in members:
        blinded.setdefault(each.gap.operation, set()).update(each.blinds)
    lines: dict[tuple[str, ...], list[Gap]] = {}
    for each in members:
        lines.setdefault(tuple(sorted(blinded[each.gap.operation])), []).append(each.gap)
    made = [
        GapLine(
            operations=tuple(sorted({gap.operation for gap in found})),
            abouts=tuple(dict.fromkeys(gap.about for gap in found if gap.about)),
            number=len(found),
            blinds=blinds,
        )
        for blinds, found in lines.items()
    ]
    return tuple(sorted(made, key=lambda line: (-len(line.blinds), line.operations)))


def _reason(gap: Gap) -> _Reason:
    """Give what makes reasons the same: messages that differ by account ids alone are one."""
    return gap.kind, gap.code, _ACCOUNT_ID.sub("", gap.message.replace(gap.operation, ""))


def _places(members: Iterable[BlindGap]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(f"{each.gap.account}/{each.gap.region}" for each in members))
