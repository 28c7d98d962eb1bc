"""The one view of a scan: every format is a pure function of it, and adds nothing of its own.

Counts come with their denominators (`counts`), what could not be read with what it blinds
(`completeness`), resources with the chain that protects them (`chain`).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from scanner.model.compliance import Assessment
from scanner.model.control import Control
from scanner.model.finding import Finding, Severity, Status
from scanner.model.manifest import Manifest
from scanner.model.scan import Scan
from scanner.report.audit_manager import SideBySide, side_by_side
from scanner.report.chain import Chain, chain
from scanner.report.completeness import Completeness, completeness
from scanner.report.counts import Counts, Group, count, group
from scanner.report.words import FRAMEWORK_WORDS, STATUS_ORDER, given_name, type_word, value

STRUCTURES: Final = frozenset(
    ("plan", "rule", "selection", "copy_action", "vault", "recovery_point", "account", "account_region")
)
"""The subject types that are no resources (evidence format, "findings")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlView:
    """One control, what it found, and the parameters in effect."""

    control: Control
    parameters: tuple[tuple[str, str], ...]
    counts: Counts
    findings: tuple[Finding, ...]  # worst first

    @property
    def standing(self) -> Status:
        """The worst that it says: its place in a list, and the mark beside its title.

        A control that was asked of nothing has passed nothing.
        """
        found = (status for status, _ in self.counts.parts())
        return min(found, key=STATUS_ORDER.__getitem__, default=Status.NOT_APPLICABLE)

    @property
    def frameworks(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The requirements that it serves, by the frameworks' names."""
        return tuple(
            (FRAMEWORK_WORDS.get(name, name), tuple(ids)) for name, ids in self.control.frameworks.items()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceView:
    """One resource: what every control says of it, and the chain that protects it."""

    subject: str
    subject_type: str
    account: str
    region: str
    findings: tuple[Finding, ...]  # worst first
    chain: Chain

    @property
    def name(self) -> str:
        """What people call it; empty: no finding tells."""
        return next(filter(None, (given_name(each.details) for each in self.findings)), "")

    @property
    def worst(self) -> Status:
        """The worst status among its findings."""
        return self.findings[0].status


@dataclass(frozen=True, kw_only=True)
class View:
    """All that a report says. Groups have those with most failures first."""

    manifest: Manifest
    counts: Counts
    controls: tuple[ControlView, ...]
    findings: tuple[Finding, ...]  # worst first
    accounts: tuple[Group, ...]
    regions: tuple[Group, ...]
    types: tuple[Group, ...]
    severities: tuple[Group, ...]
    failures: tuple[tuple[Severity, int], ...]  # every severity, worst first
    completeness: Completeness
    limitations: tuple[str, ...]
    names: Mapping[str, str]  # account names by id
    audit_manager: SideBySide
    assessment: Assessment | None  # None: another program judged

    @cached_property
    def resources(self) -> tuple[ResourceView, ...]:
        """The resources that a control was asked of, worst first."""
        return _resources(self.findings)

    @property
    def organization(self) -> str:
        """What the audited whole is called: the organisation's id, else the account."""
        scope = self.manifest.scope
        if scope.organization_id:
            return scope.organization_id
        return f"Account {scope.accounts[0]}" if len(scope.accounts) == 1 else "Selected accounts"

    def account(self, account: str) -> str:
        """Name an account for people: `payments-prod`, else its id."""
        return self.names.get(account) or account


def build(scan: Scan) -> View:
    """Build the view of a scan."""
    findings = tuple(sorted(scan.findings, key=worst_first))
    names: dict[str, str] = {account.id: account.name for account in scan.manifest.accounts if account.name}
    return View(
        manifest=scan.manifest,
        counts=count(finding.status for finding in findings),
        controls=_controls(scan, findings),
        findings=findings,
        accounts=group(findings, lambda each: each.account, lambda account: names.get(account, account)),
        regions=group(findings, lambda each: each.region),
        types=group(findings, lambda each: each.subject_type, type_word),
        severities=group(
            findings, lambda each: each.severity, lambda name: name.capitalize(), lambda n: Severity(n).rank
        ),
        failures=_failures(findings),
        completeness=completeness(scan, names),
        limitations=scan.limitations,
        names=names,
        audit_manager=side_by_side(scan),
        assessment=scan.assessment,
    )


def worst_first(finding: Finding) -> tuple[int, int, str, str, str, str]:
    """Order findings for a reader: by status, then severity, then as they are filed."""
    return (STATUS_ORDER[finding.status], finding.severity.rank, *finding.order)


def _controls(scan: Scan, findings: Iterable[Finding]) -> tuple[ControlView, ...]:
    by_control: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_control[finding.control].append(finding)
    views = (
        ControlView(
            control=control,
            parameters=_parameters(control, scan.parameters.get(control.id, control.parameters)),
            counts=count(finding.status for finding in by_control[control.id]),
            findings=tuple(by_control[control.id]),
        )
        for control in scan.controls
    )
    return tuple(sorted(views, key=_control_order))


def _control_order(view: ControlView) -> tuple[int, int, int, str]:
    return (
        STATUS_ORDER[view.standing],
        view.control.severity.rank,
        -view.counts.failed,
        view.control.id,
    )


def _parameters(control: Control, in_effect: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    names = dict.fromkeys([*control.parameters, *in_effect])
    return tuple((name, value(in_effect.get(name, control.parameters.get(name)))) for name in names)


def _failures(findings: Iterable[Finding]) -> tuple[tuple[Severity, int], ...]:
    tally = Counter(finding.severity for finding in findings if finding.status is Status.FAIL)
    return tuple((severity, tally[severity]) for severity in Severity)


def _resources(findings: Iterable[Finding]) -> tuple[ResourceView, ...]:
    by_subject: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.subject_type not in STRUCTURES:
            by_subject.setdefault(finding.subject, []).append(finding)
    return tuple(
        ResourceView(
            subject=subject,
            subject_type=members[0].subject_type,
            account=members[0].account,
            region=members[0].region,
            findings=tuple(members),
            chain=chain(member.details for member in members),
        )
        for subject, members in by_subject.items()
    )
