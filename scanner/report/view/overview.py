"""The counts and the worst findings of a scan for its view, in one pass with bounded memory.

`scanner.report.view.overview_filed` computes the same for findings in Parquet, by queries.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Final

from scanner.model.decisions import Waiver
from scanner.model.finding import Finding, Severity, Status
from scanner.model.scan import Scan
from scanner.report.view.audit_manager import FrameworkCounter
from scanner.report.view.completeness import BlindGap, Blinding
from scanner.report.view.counts import Counts, Tally, count, total
from scanner.report.view.decisions import ByOwner, OwnerGroup
from scanner.report.view.sample import Draw, Sample, seed_of
from scanner.report.wording import STATUS_ORDER

SHOWN: Final = 20_000
"""Maximum number of findings in a view: the worst. All are counted, and streamed by `findings`."""

SHOWN_OF_CONTROL: Final = 400
"""Maximum number of findings per control in a view."""

UNLISTED: Final = frozenset((Status.PASS, Status.NOT_APPLICABLE))
"""Statuses whose findings are not listed with their control."""

STRUCTURES: Final = frozenset(
    (
        "plan",
        "rule",
        "selection",
        "copy_action",
        "vault",
        "recovery_point",
        "account",
        "account_region",
        "waiver",
    )
)
"""Subject types other than resources (evidence format, "findings")."""
_Rank = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The counts and the selected findings.

    `worst_of` has no findings of the statuses UNLISTED. `asked_resources` is the number of resources that the
    control with most of them was evaluated for.
    """

    counts: Counts
    controls: Mapping[str, Counts]
    accounts: Mapping[str, Counts]
    regions: Mapping[str, Counts]
    types: Mapping[str, Counts]
    severities: Mapping[str, Counts]
    owners: tuple[OwnerGroup, ...]
    worst: Sequence[Finding]
    worst_of: Mapping[str, Sequence[Finding]]  # by control
    sample: Sample
    waivers: tuple[tuple[Waiver, int], ...]  # those in use, the first to expire first
    asked_resources: int
    gaps: tuple[BlindGap, ...]
    framework_counts: Mapping[tuple[str, str, str], Counts]


def overview_of(scan: Scan) -> Overview:
    """Return the overview of a scan, from one pass through its findings."""
    builder = _OverviewBuilder(scan)
    for finding in scan.findings:
        builder.add(finding)
    return builder.overview(scan)


class _OverviewBuilder:
    """Builds an overview from a stream of findings."""

    def __init__(self, scan: Scan) -> None:
        self.by_control: Tally[str] = Tally()
        self.by_account: Tally[str] = Tally()
        self.by_region: Tally[str] = Tally()
        self.by_type: Tally[str] = Tally()
        self.by_severity: Tally[str] = Tally()
        self.by_owner = ByOwner()
        self.worst = Worst(SHOWN)
        self.worst_of: dict[str, Worst] = {}
        self.draw = Draw(seed_of(scan.manifest))
        self.waivers: Counter[Waiver] = Counter()
        self.resources: Counter[str] = Counter()
        self.blinding = Blinding()
        self.frameworks = FrameworkCounter(scan.frameworks)

    def add(self, finding: Finding) -> None:
        """Count a finding, and store it if it is among the worst."""
        control, status = finding.control, finding.status
        self.by_control.add(control, status)
        self.by_account.add(finding.account, status)
        self.by_region.add(finding.region, status)
        self.by_type.add(finding.subject_type, status)
        self.by_severity.add(finding.severity, status)
        self.by_owner.add(finding)
        self.worst.add(finding)
        if status not in UNLISTED:
            # Created when needed: most controls of a good scan have no findings to list.
            if control not in self.worst_of:
                self.worst_of[control] = Worst(SHOWN_OF_CONTROL)
            self.worst_of[control].add(finding)
        self.draw.add(finding)
        if finding.waiver is not None:
            self.waivers[finding.waiver] += 1
        if finding.subject_type not in STRUCTURES:
            self.resources[control] += 1
        self.blinding.add(finding)
        self.frameworks.add(finding)

    def overview(self, scan: Scan) -> Overview:
        """Return the overview of the findings that were added."""
        controls = self.by_control.counts()
        return Overview(
            counts=total(controls.values()),
            controls=controls,
            accounts=self.by_account.counts(),
            regions=self.by_region.counts(),
            types=self.by_type.counts(),
            severities=self.by_severity.counts(),
            owners=self.by_owner.groups(),
            worst=tuple(self.worst),
            worst_of={control: tuple(findings) for control, findings in self.worst_of.items()},
            sample=self.draw.drawn(),
            waivers=in_order_of_expiry(self.waivers.items()),
            # Controls apply to different types; the one with most resources is nearest to the population.
            asked_resources=max(self.resources.values(), default=0),
            gaps=self.blinding.of(scan.gaps),
            framework_counts=self.frameworks.counts(),
        )


def failures(severities: Mapping[str, Counts]) -> tuple[tuple[Severity, int], ...]:
    """Return the number of failures by severity, worst first."""
    none = count(())
    return tuple((severity, severities.get(severity, none).failed) for severity in Severity)


def in_order_of_expiry(waivers: Iterable[tuple[Waiver, int]]) -> tuple[tuple[Waiver, int], ...]:
    """Sort waivers, the first to expire first."""
    return tuple(sorted(waivers, key=lambda use: (use[0].expires, use[0].id, astuple(use[0]))))


def rank(finding: Finding) -> _Rank:
    """Return the sort key by status, then severity: lower is worse."""
    return STATUS_ORDER[finding.status], finding.severity.rank


class Worst:
    """Stores the worst `limit` findings of those added; equally bad ones in the order of adding."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._by_rank: dict[_Rank, list[Finding]] = {}
        self._size = 0

    def add(self, finding: Finding) -> None:
        """Add a finding if there is room, or if it is worse than one of those stored."""
        place = rank(finding)
        if self._size >= self._limit:
            least = max(self._by_rank, default=place)
            # Equal is not worse: the first in filing order stay.
            if place >= least:
                return
            self._drop(least)
        self._by_rank.setdefault(place, []).append(finding)
        self._size += 1

    def _drop(self, place: _Rank) -> None:
        findings = self._by_rank[place]
        # The last that was added, so that equally bad findings stay in filing order.
        findings.pop()
        self._size -= 1
        if not findings:
            del self._by_rank[place]

    def __iter__(self) -> Iterator[Finding]:
        """Yield the findings, worst first."""
        for place in sorted(self._by_rank):
            yield from self._by_rank[place]


def worst(findings: Iterable[Finding], limit: int) -> tuple[Finding, ...]:
    """Return the worst `limit` findings, worst first."""
    selected = Worst(limit)
    for finding in findings:
        selected.add(finding)
    return tuple(selected)
