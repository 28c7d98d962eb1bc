"""AWS Backup Audit Manager's frameworks compared with our results, for pages and as data.

A framework covers one account and Region: our results there are compared with the scope of its controls.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from scanner.model.compliance import AuditManagerControl, AuditManagerFramework, Comparison
from scanner.model.finding import Finding, Status
from scanner.model.inventory import ShardStatus
from scanner.model.known import ENTRY
from scanner.model.manifest import Manifest, is_collected
from scanner.model.names import AWS_GLOBAL, AccountId, RegionName
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
    """One control of a framework, and our corresponding control.

    `counts`: the results of ours in the framework's account and Region; None: it was not selected, or there
    is none. `parameters`: the effective ones of ours, without overrides for single subjects.
    """

    theirs: AuditManagerControl
    parameters: tuple[tuple[str, str], ...]
    counts: Counts | None
    is_whole: bool

    @property
    def scope(self) -> str:
        """What the framework limits its control to."""
        limits = (
            *self.theirs.resource_types,
            *self.theirs.resource_ids,
            *(f"tag {tag.removesuffix('=')}" for tag in self.theirs.tags),
        )
        return ", ".join(limits) or "not limited"

    @property
    def covers(self) -> str:
        """How many subjects in the account-Region the framework's scope covers, in words."""
        if not self.theirs.judges:
            return "unknown"
        # None, not 0: a scope by an unknown type may cover anything.
        if self.theirs.covered is None or self.theirs.subjects is None:
            return "unknown: its scope names something that this scan does not know"
        # A missing read may hide further subjects in the scope.
        least = "" if self.is_whole else "at least "
        whole = count_word(self.theirs.subjects, *_WORDS[self.theirs.judges])
        doubtful = f", and perhaps {self.theirs.doubtful:,} more" if self.theirs.doubtful else ""
        return f"{least}{self.theirs.covered:,} of {whole}{doubtful}"

    @property
    def meaning(self) -> str:
        """The result of the comparison in words."""
        return COMPARISONS[self.theirs.comparison]

    @property
    def judged(self) -> str:
        """How many checks of our control there are, and how many were evaluated, in words."""
        if self.counts is None:
            return "nothing"
        return f"{self.counts.judged:,} of {count_word(self.counts.asked, 'check')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameworkRow:
    """One framework. `controls` None: it could not be described. `is_whole`: no read is missing there."""

    framework: AuditManagerFramework
    controls: tuple[ControlRow, ...] | None
    is_whole: bool


@dataclass(frozen=True, slots=True)
class SideBySide:
    """All frameworks, and the account-Regions (`account`, `region`) where they could not be listed."""

    frameworks: tuple[FrameworkRow, ...]
    unlisted: tuple[_Place, ...]


class FrameworkCounter:
    """Counts findings in account-Regions with frameworks, by control, account and Region."""

    def __init__(self, frameworks: Iterable[AuditManagerFramework]) -> None:
        self.places = frozenset((framework.account, framework.region) for framework in frameworks)
        self._tally: Tally[tuple[str, str, str]] = Tally()

    def add(self, finding: Finding) -> None:
        """Count a finding if its account-Region has a framework."""
        if (finding.account, finding.region) in self.places:
            self.count(finding.control, finding.account, finding.region, finding.status)

    def count(self, control: str, account: str, region: str, status: Status, number: int = 1) -> None:
        """Count findings of one control, account-Region and status."""
        self._tally.add((control, account, region), status, number)

    def counts(self) -> Mapping[tuple[str, str, str], Counts]:
        """Return the counts by control, account and Region."""
        return self._tally.counts()


def side_by_side(scan: Scan, counts: Mapping[tuple[str, str, str], Counts]) -> SideBySide:
    """Compare the scope of both tools. `counts`: the counts by control in account-Regions with frameworks."""
    missing = {(gap.account, gap.region) for gap in scan.gaps}
    # A framework that was not listed is not known to be missing.
    unlisted = {(gap.account, gap.region) for gap in scan.gaps if gap.operation in (LIST_FRAMEWORKS, *ENTRY)}
    # A scan with a limited collection has no gap for what it never asked.
    if not is_collected(LIST_FRAMEWORKS, scan.manifest.reads):
        unlisted.update(_read_places(scan.manifest))
    in_effect = {
        control.id: {**control.parameters, **scan.parameters.get(control.id, {})} for control in scan.controls
    }
    rows = []
    for framework in scan.frameworks:
        place = (framework.account, framework.region)
        # Roles and buckets are read once for an account, so a gap there concerns each Region.
        is_whole = not missing & {place, (framework.account, AWS_GLOBAL)}
        comparison = _ControlComparison(place, is_whole, counts, in_effect)
        controls = None if framework.controls is None else tuple(map(comparison.row, framework.controls))
        rows.append(FrameworkRow(framework=framework, controls=controls, is_whole=is_whole))
    return SideBySide(tuple(rows), tuple(sorted(unlisted)))


def _read_places(manifest: Manifest) -> Iterator[tuple[AccountId, RegionName]]:
    """Yield the account-Regions where something was read."""
    for record in manifest.shards:
        if record.region in manifest.scope.regions and record.status is not ShardStatus.SKIPPED:
            yield record.account, record.region


@dataclass(frozen=True, slots=True)
class _ControlComparison:
    """Our results and parameters in the account-Region of a framework."""

    place: _Place
    is_whole: bool
    counts: Mapping[tuple[str, str, str], Counts]
    in_effect: Mapping[str, Mapping[str, object]]

    def row(self, theirs: AuditManagerControl) -> ControlRow:
        """Return the row for a control of the framework."""
        ours = self.in_effect.get(theirs.ours)
        return ControlRow(
            theirs=theirs,
            parameters=tuple((name, value(setting)) for name, setting in (ours or {}).items()),
            # No findings of a selected control are zero checks, not an unknown number.
            counts=None if ours is None else self.counts.get((theirs.ours, *self.place), count(())),
            is_whole=self.is_whole,
        )


def side_by_side_document(comparison: SideBySide) -> list[_Document]:
    """Return the frameworks as in findings.json (`summary.audit_manager`)."""
    return [_framework(row) for row in comparison.frameworks]


def _framework(row: FrameworkRow) -> _Document:
    framework = row.framework
    return {
        "arn": framework.arn,
        "name": framework.name,
        "account": framework.account,
        "region": framework.region,
        "status": framework.status,
        "deployment_status": framework.deployment_status,
        "complete": row.is_whole,
        "controls": None if row.controls is None else [_control(control) for control in row.controls],
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


def frameworks_of(documents: Iterable[Mapping[str, Any]]) -> tuple[AuditManagerFramework, ...]:
    """Parse what `side_by_side_document` returned; counts of findings are not read back."""
    return tuple(
        AuditManagerFramework(
            arn=document["arn"],
            name=document["name"],
            account=document["account"],
            region=document["region"],
            status=document["status"],
            deployment_status=document["deployment_status"],
            controls=None if document["controls"] is None else tuple(map(_control_of, document["controls"])),
        )
        for document in documents
    )


def _control_of(document: Mapping[str, Any]) -> AuditManagerControl:
    return AuditManagerControl(
        name=document["name"],
        parameters=tuple((name, text) for name, text in document["parameters"]),
        resource_ids=tuple(document["resource_ids"]),
        resource_types=tuple(document["resource_types"]),
        tags=tuple(document["tags"]),
        ours=document["control"] or "",
        translated=tuple(
            (name, tuple(setting) if isinstance(setting, list) else setting)
            for name, setting in document["translated"].items()
        ),
        notes=tuple(document["not_imported"]),
        comparison=Comparison(document["comparison"]),
        judges=document["judges"] or "",
        subjects=document["subjects"],
        covered=document["covered"],
        doubtful=document["doubtful"],
    )
