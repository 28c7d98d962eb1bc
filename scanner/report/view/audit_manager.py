"""AWS Backup Audit Manager's frameworks and our answers, side by side, and both as data.

A framework sees one account and Region: what was judged there is held against what its scope covers.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from scanner.model.audit_manager import Comparison, ControlBeside, FrameworkBeside
from scanner.model.collected import is_collected
from scanner.model.finding import Finding, Status
from scanner.model.inventory import ShardStatus
from scanner.model.manifest import Manifest
from scanner.model.names import AWS_GLOBAL, AccountId, RegionName
from scanner.model.reading import ENTRY
from scanner.model.scan import Scan
from scanner.report.view.counts import Counts, Tally, count
from scanner.report.wording import count_word, value

LIST_FRAMEWORKS: Final = "backup:ListFrameworks"

_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "resource": ("resource", "resources"),
    "plan": ("plan", "plans"),
    "vault": ("vault", "vaults"),
    "recovery_point": ("recovery point", "recovery points"),
}

COMPARISONS: Final[Mapping[Comparison, str]] = {
    Comparison.EQUAL: "same parameters",
    Comparison.STRICTER: "stricter parameters here",
    Comparison.WEAKER: "weaker parameters here",
    Comparison.NOT_COMPARABLE: "stricter in one parameter and weaker in another, or not comparable",
    Comparison.NOT_ASKED: "the corresponding control was not selected",
    Comparison.NO_COUNTERPART: "no corresponding control",
}

_Document = dict[str, Any]
_Place = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlRow:
    """One control of a framework, and ours beside it.

    `counts` is what ours found in the framework's account and Region; None: it was not selected, or there
    is none. `parameters` are ours in effect, without overrides for single subjects.
    """

    theirs: ControlBeside
    parameters: tuple[tuple[str, str], ...]
    counts: Counts | None
    is_whole: bool

    @property
    def scope(self) -> str:
        """What the framework limits its control to."""
        told = (
            *self.theirs.resource_types,
            *self.theirs.resource_ids,
            *(f"tag {tag.removesuffix('=')}" for tag in self.theirs.tags),
        )
        return ", ".join(told) or "not limited"

    @property
    def covers(self) -> str:
        """How much of what stands there the framework's scope covers, in words."""
        if not self.theirs.judges:
            return "not known"
        if self.theirs.covered is None or self.theirs.subjects is None:
            return "not known: its scope names something that is not known here"
        least = "" if self.is_whole else "at least "
        whole = count_word(self.theirs.subjects, *_WORDS[self.theirs.judges])
        doubtful = f", and perhaps {self.theirs.doubtful:,} more" if self.theirs.doubtful else ""
        return f"{least}{self.theirs.covered:,} of {whole}{doubtful}"

    @property
    def meaning(self) -> str:
        """What the comparison says, in words."""
        return COMPARISONS[self.theirs.comparison]

    @property
    def judged(self) -> str:
        """How much ours was asked of and judged, in words."""
        if self.counts is None:
            return "nothing"
        return f"{self.counts.judged:,} of {self.counts.asked:,} asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameworkRow:
    """One framework. `controls` None: it could not be described. `is_whole`: no read is missing there."""

    framework: FrameworkBeside
    controls: tuple[ControlRow, ...] | None
    is_whole: bool


@dataclass(frozen=True, slots=True)
class SideBySide:
    """All frameworks that were found, and the places (`account`, `region`) whose list was not read."""

    frameworks: tuple[FrameworkRow, ...]
    unlisted: tuple[_Place, ...]


class FoundBeside:
    """Counts what was found where frameworks are, by control, account and Region."""

    def __init__(self, frameworks: Iterable[FrameworkBeside]) -> None:
        self.places = frozenset((each.account, each.region) for each in frameworks)
        self._tally: Tally[tuple[str, str, str]] = Tally()

    def add(self, finding: Finding) -> None:
        """Count a finding, where a framework is."""
        if (finding.account, finding.region) in self.places:
            self.count(finding.control, finding.account, finding.region, finding.status)

    def count(self, control: str, account: str, region: str, status: Status, number: int = 1) -> None:
        """Count findings of one control in one of the places that have one status."""
        self._tally.add((control, account, region), status, number)

    def counts(self) -> Mapping[tuple[str, str, str], Counts]:
        """Give what was counted."""
        return self._tally.counts()


def side_by_side(scan: Scan, counts: Mapping[tuple[str, str, str], Counts]) -> SideBySide:
    """Lay both tools' scope side by side. `counts`: what was found where frameworks are."""
    missing = {(gap.account, gap.region) for gap in scan.gaps}
    unlisted = {(gap.account, gap.region) for gap in scan.gaps if gap.operation in (LIST_FRAMEWORKS, *ENTRY)}
    if not is_collected(LIST_FRAMEWORKS, scan.manifest.reads):
        unlisted.update(_read_places(scan.manifest))
    in_effect = {
        control.id: {**control.parameters, **scan.parameters.get(control.id, {})} for control in scan.controls
    }
    rows = []
    for framework in scan.frameworks:
        place = (framework.account, framework.region)
        is_whole = not missing & {place, (framework.account, AWS_GLOBAL)}
        beside = _Beside(place, is_whole, counts, in_effect)
        controls = None if framework.controls is None else tuple(map(beside.row, framework.controls))
        rows.append(FrameworkRow(framework=framework, controls=controls, is_whole=is_whole))
    return SideBySide(tuple(rows), tuple(sorted(unlisted)))


def _read_places(manifest: Manifest) -> Iterator[tuple[AccountId, RegionName]]:
    """Return the account-Regions of which something was read."""
    for record in manifest.shards:
        if record.region in manifest.scope.regions and record.status is not ShardStatus.SKIPPED:
            yield record.account, record.region


@dataclass(frozen=True, slots=True)
class _Beside:
    """What is known of ours where a framework is."""

    place: _Place
    is_whole: bool
    counts: Mapping[tuple[str, str, str], Counts]
    in_effect: Mapping[str, Mapping[str, object]]

    def row(self, theirs: ControlBeside) -> ControlRow:
        """Lay ours beside a control of the framework."""
        ours = self.in_effect.get(theirs.ours)
        return ControlRow(
            theirs=theirs,
            parameters=tuple((name, value(each)) for name, each in (ours or {}).items()),
            counts=None if ours is None else self.counts.get((theirs.ours, *self.place), count(())),
            is_whole=self.is_whole,
        )


def side_by_side_document(found: SideBySide) -> list[_Document]:
    """Give the frameworks as findings.json has them (`summary.audit_manager`)."""
    return [_framework(row) for row in found.frameworks]


def _framework(row: FrameworkRow) -> _Document:
    found = row.framework
    return {
        "arn": found.arn,
        "name": found.name,
        "account": found.account,
        "region": found.region,
        "status": found.status,
        "deployment_status": found.deployment_status,
        "complete": row.is_whole,
        "controls": None if row.controls is None else [_control(each) for each in row.controls],
    }


def _control(row: ControlRow) -> _Document:
    theirs = row.theirs
    return {
        "name": theirs.name,
        "parameters": [list(pair) for pair in theirs.parameters],
        "resource_types": list(theirs.resource_types),
        "resource_ids": list(theirs.resource_ids),
        "tags": list(theirs.tags),
        "control": theirs.ours or None,
        "translated": dict(theirs.translated),
        "not_imported": list(theirs.notes),
        "comparison": theirs.comparison.value,
        "judges": theirs.judges or None,
        "subjects": theirs.subjects,
        "covered": theirs.covered,
        "doubtful": theirs.doubtful,
        "judged": None if row.counts is None else row.counts.judged,
        "asked": None if row.counts is None else row.counts.asked,
    }


def frameworks_of(documents: Iterable[Mapping[str, Any]]) -> tuple[FrameworkBeside, ...]:
    """Read back what `side_by_side_document` gave; what follows from the findings is counted again."""
    return tuple(
        FrameworkBeside(
            arn=each["arn"],
            name=each["name"],
            account=each["account"],
            region=each["region"],
            status=each["status"],
            deployment_status=each["deployment_status"],
            controls=None if each["controls"] is None else tuple(map(_control_of, each["controls"])),
        )
        for each in documents
    )


def _control_of(document: Mapping[str, Any]) -> ControlBeside:
    return ControlBeside(
        name=document["name"],
        parameters=tuple((name, text) for name, text in document["parameters"]),
        resource_ids=tuple(document["resource_ids"]),
        resource_types=tuple(document["resource_types"]),
        tags=tuple(document["tags"]),
        ours=document["control"] or "",
        translated=tuple(
            (name, tuple(asked) if isinstance(asked, list) else asked)
            for name, asked in document["translated"].items()
        ),
        notes=tuple(document["not_imported"]),
        comparison=Comparison(document["comparison"]),
        judges=document["judges"] or "",
        subjects=document["subjects"],
        covered=document["covered"],
        doubtful=document["doubtful"],
    )
