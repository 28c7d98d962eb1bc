"""The view of a scan. Every format is a pure function of it and adds no facts of its own.

It has counts with their denominators (`counts`), missing reads with the controls that they affect
(`completeness`), and resources with the chain that protects them (`Chain`).

Memory does not grow with the organisation: the view contains counts and the worst findings. Formats that
write all findings iterate over `findings`, which streams them in filing order.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, Final

from scanner.findings.filed import Filed
from scanner.model.changes import Changes
from scanner.model.compliance import Assessment, Baseline
from scanner.model.control import Control, ControlSelection
from scanner.model.coverage import Coverage
from scanner.model.decisions import Tiers, Waiver, WaiverState, WaiverUse
from scanner.model.explanation import Node
from scanner.model.facts.reads import SUBJECT_READS
from scanner.model.finding import Finding, Severity, Status, ToDo
from scanner.model.known import Ternary
from scanner.model.manifest import Manifest, is_collected
from scanner.model.protection import NodeCounts, TierPoints
from scanner.model.report_details import ReportDetails
from scanner.model.root_causes import CauseCount, RootCause
from scanner.model.scan import REDACTED, Row, Scan, Stream, UnsupportedKinds
from scanner.model.signing import Signing
from scanner.model.timeline import FirstSeen, Timeline
from scanner.report.cause_wording import untraced_reason
from scanner.report.commands.commands import cause_commands, commands_of, is_its_own
from scanner.report.commands.structures import Structures, structures_of
from scanner.report.commands.values import CauseFailure, Failure
from scanner.report.explain.resource import coverage, resource_node
from scanner.report.explain.rows import Related
from scanner.report.view.audit_manager import SideBySide, side_by_side
from scanner.report.view.blast_radius import blast_radius_sentence, shown_tiers, worst_nodes
from scanner.report.view.changes import Trend, trend
from scanner.report.view.completeness import Completeness, completeness, unsupported_sentence
from scanner.report.view.counts import Counts, Group, count, groups
from scanner.report.view.coverage import headline
from scanner.report.view.decisions import OwnerGroup, ParameterSet, parameter_sets
from scanner.report.view.overview import STRUCTURES, Overview, failures, overview_of, rank
from scanner.report.view.overview_filed import (
    Picked,
    failures_of_causes,
    findings_of_subjects,
    overview_of_filed,
)
from scanner.report.view.root_causes import causes_of, root_causes_sentence, shown_causes
from scanner.report.view.sample import Sample
from scanner.report.view.selection import selection_sentence, selection_words
from scanner.report.view.timeline import first_seen_words
from scanner.report.wording import (
    FRAMEWORK_WORDS,
    STATUS_ORDER,
    given_name,
    hours,
    to_do,
    type_word,
    value,
)

_SEPARATORS: Final = re.compile(r"[^\w$]+")
RESOURCES: Final = 50
"""Number of resources (the worst) that a view contains with all their findings."""

EXAMPLES: Final = 8
"""Number of failures that a report lists with the root cause that explains them."""

COMMANDS: Final = 20_000
"""Maximum number of findings whose commands stay in memory for the next format: some 20 MB."""
Details = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlView:
    """One control, its results, and the effective parameters."""

    control: Control
    parameters: tuple[tuple[str, str], ...]
    counts: Counts
    findings: Sequence[Finding]  # the worst that neither pass nor are not applicable; `counts` has all
    sets: tuple[ParameterSet, ...] = ()  # the parameters that tiers and overrides of audit.yaml set
    is_unlisted: bool = False  # the scan left out the calls that list its subjects

    @property
    def standing(self) -> Status:
        """Its worst status, which sets its place in a list and its icon.

        A control without subjects did not pass; it is unknown if the scan did not list its subjects.
        """
        # No subjects may mean that there are none, or that the scan did not look for them.
        otherwise = Status.UNKNOWN if self.is_unlisted else Status.NOT_APPLICABLE
        statuses = (status for status, _ in self.counts.parts())
        return min(statuses, key=STATUS_ORDER.__getitem__, default=otherwise)

    @property
    def needs_backup(self) -> bool:
        """Whether it applies only to resources in a backup plan."""
        # The population is SQL: as a whole word, `covered` is the column, not a part of another one.
        return "covered" in _SEPARATORS.sub(" ", self.control.population).split()

    @property
    def frameworks(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The requirements that it covers, by the frameworks' names."""
        return tuple(
            (FRAMEWORK_WORDS.get(name, name), tuple(ids)) for name, ids in self.control.frameworks.items()
        )


# The chain is built from the details of a resource's findings. Details are JSON values of columns of the fact
# table (`covered_by`, `rules`, `copies`, ...), written by this program or by another. Each field may be
# missing, and a list that may be incomplete ends with null (catalogue, ruling 2). What is missing is shown as
# unknown, never guessed.
@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """What protects one resource.

    `covered`: None if it is unknown. `has_rules`: whether any finding has details about rules; without them
    nothing is known about the chain.
    """

    has_rules: bool
    covered: Ternary
    root: Node
    newest_age: str  # of the newest usable recovery point
    newest_exists: Ternary


@dataclass(frozen=True, kw_only=True)
class ResourceView:
    """One resource: its findings, and the chain that protects it."""

    subject: str
    subject_type: str
    account: str
    region: str
    findings: tuple[Finding, ...]  # worst first

    @cached_property
    def chain(self) -> Chain:
        """The chain that protects it, as far as its findings have it."""
        return chain(finding.details for finding in self.findings)

    @property
    def name(self) -> str:
        """Its name; empty: no finding has one."""
        # Not every control has the name in its details.
        return next(filter(None, (given_name(finding.details) for finding in self.findings)), "")

    @property
    def worst(self) -> Status:
        """The worst status among its findings."""
        return self.findings[0].status


@dataclass(frozen=True, kw_only=True)
class View:
    """The contents of a report. Groups are sorted by the number of failures."""

    scan: Scan
    counts: Counts
    controls: tuple[ControlView, ...]
    by_control: Mapping[str, Counts]  # all controls that were selected or that a finding names
    worst: Sequence[Finding]  # worst first; all findings if there are few
    accounts: tuple[Group, ...]
    regions: tuple[Group, ...]
    types: tuple[Group, ...]
    severities: tuple[Group, ...]
    owners: tuple[OwnerGroup, ...]  # empty: findings name no owners
    failures: tuple[tuple[Severity, int], ...]  # every severity, worst first
    sample: Sample
    waivers: tuple[tuple[Waiver, int], ...]  # those in use, the first to expire first
    asked_resources: int  # resources that the control with most of them was evaluated for
    completeness: Completeness
    names: Mapping[str, str]  # account names by id
    audit_manager: SideBySide

    @property
    def manifest(self) -> Manifest:
        """The provenance of the scan."""
        return self.scan.manifest

    @property
    def findings(self) -> Stream[Finding]:
        """All findings in filing order. They are read from disk at each iteration: do not store them."""
        return self.scan.findings

    @property
    def inventory(self) -> Stream[Row] | None:
        """The population, as rows of the fact table `resource`; None: it is unknown."""
        return self.scan.resources

    @property
    def signing(self) -> Signing | None:
        """The signature of the scan; None: the manifest cannot be signed as it is."""
        return self.scan.signing

    @property
    def notice(self) -> str:
        """The notice at the head of every report; empty: none."""
        return REDACTED if self.scan.redacted else ""

    @property
    def details(self) -> ReportDetails:
        """The names, period, annex and baseline that audit.yaml and options set."""
        return self.scan.report

    @property
    def baseline(self) -> Baseline | None:
        """The baseline of NIST SP 800-53B that requirements are shown for; None: all requirements."""
        return self.scan.report.baseline

    @property
    def tiers(self) -> Tiers:
        """The tiers and overrides of audit.yaml; false: there are none."""
        return self.scan.tiers

    @property
    def waiver_uses(self) -> tuple[WaiverUse, ...]:
        """How each waiver of audit.yaml was used, in the order of the file.

        For the scan of another program only waivers in use are known, without control and subject.
        """
        return self.scan.waivers or tuple(_in_use(*pair) for pair in self.waivers)

    @property
    def unsupported(self) -> UnsupportedKinds | None:
        """What AWS Backup cannot back up; None: not known."""
        return self.scan.unsupported

    @property
    def unsupported_sentence(self) -> str:
        """The sentence of a summary about them; empty: there are none."""
        return unsupported_sentence(self.scan.unsupported)

    @property
    def worst_nodes(self) -> tuple[NodeCounts, ...]:
        """The keys, vaults, accounts and the like with which most resources lose their last backup."""
        return worst_nodes(self.scan.blast_radius)

    @property
    def blast_radius_sentence(self) -> str:
        """How many resources have a backup to lose; empty: there is nothing to report."""
        return blast_radius_sentence(self.scan.blast_radius)

    @property
    def root_causes_sentence(self) -> str:
        """How many failures root causes explain; empty: there are no failures, or it is not known."""
        return root_causes_sentence(self.scan.root_causes)

    @property
    def root_causes(self) -> tuple[CauseCount, ...]:
        """The root causes that explain most failures."""
        return shown_causes(self.scan.root_causes)

    @cached_property
    def structures(self) -> Structures:
        """The plans, vaults, roles and keys that commands name."""
        return structures_of(self.scan)

    @cached_property
    def templates(self) -> Mapping[str, str]:
        """The commands of each control's remediation, with their placeholders."""
        return {view.control.id: view.control.remediation.cli for view in self.controls}

    @cached_property
    def _by_id(self) -> Mapping[str, Control]:
        return {view.control.id: view.control for view in self.controls}

    def to_do(self, finding: Finding) -> ToDo | None:
        """Return what to do about a finding, its commands complete for its subject; None: nothing."""
        advice = to_do(finding, self._by_id.get(finding.control))
        if advice is None:
            return None
        # Written when they are shown, as most findings of a large scan never are.
        key = (finding.order, advice.cli, finding.root_cause is None)  # some readers leave causes out
        if (commands := self._commands.get(key)) is None:
            commands = commands_of(finding, advice.cli, self.structures, self.templates)
            if len(self._commands) < COMMANDS:
                self._commands[key] = commands
        return ToDo(advice.text, commands)

    @cached_property
    def _commands(self) -> dict[tuple[object, ...], str]:
        """The commands of the first findings that needed them: each format shows the same."""
        return {}

    @cached_property
    def _explained(self) -> Mapping[tuple[str, ...], tuple[Finding, ...]]:
        """The first failures among the worst findings that each shown root cause explains, by its key."""
        causes = [shown.cause for shown in self.root_causes]
        failures: dict[tuple[str, ...], list[Finding]] = {cause.key: [] for cause in causes}
        # Of the worst findings only, which most formats have in memory: the examples have to be few.
        for finding in failures_of_causes(self.findings, self.worst, causes, EXAMPLES) if causes else ():
            cause = finding.root_cause
            members = failures.get(cause.key) if cause else None
            if members is not None and len(members) < EXAMPLES:
                members.append(finding)
        return {key: tuple(members) for key, members in failures.items()}

    def failures_of(self, cause: RootCause) -> tuple[Finding, ...]:
        """Return the first failures that one of the shown root causes explains, worst first."""
        return self._explained.get(cause.key, ())

    def mending(self, cause: RootCause) -> str:
        """Return the commands that mend a root cause; empty: there are none.

        Where the cause is a place, they are those of the worst failure that it explains.
        """
        failures = self.failures_of(cause)
        # Its failures may be outside the worst findings, and the commands must not depend on that.
        failure: Failure = failures[0] if failures else CauseFailure(cause)
        if failures and is_its_own(failures[0], cause):
            advice = self.to_do(failures[0])
            return "" if advice is None else advice.cli
        return cause_commands(failure, cause, self.structures, self.templates)

    @property
    def untraced(self) -> tuple[tuple[str, int, str], ...]:
        """The controls with failures that were not traced, most first: how many, and why."""
        causes = self.scan.root_causes
        counts = sorted((causes.untraced if causes else {}).items(), key=lambda pair: (-pair[1], pair[0]))
        return tuple((control, number, untraced_reason(control)) for control, number in counts)

    def causes_of(self, control: str) -> tuple[CauseCount, ...]:
        """Return the root causes of a control's failures: those with most first, equal ones by their step."""
        return causes_of(self.scan.root_causes, control)

    @property
    def single_points(self) -> tuple[TierPoints, ...]:
        """The first single points of failure of each tier that has some."""
        return shown_tiers(self.scan.blast_radius)

    @property
    def changes(self) -> Changes | None:
        """The changes since a former scan; None: there is no former scan."""
        return self.scan.changes

    @property
    def timeline(self) -> Timeline | None:
        """The totals of a series of scans; None: there are no earlier ones."""
        return self.scan.timeline

    def first_seen(self, finding: Finding) -> FirstSeen | None:
        """Return when an open finding was first seen; None: it is not open, or no earlier scan is known."""
        times = self.scan.first_seen
        return None if times is None else times.get(finding.fingerprint)

    def first_seen_words(self, finding: Finding) -> str:
        """Return when an open finding was first seen, and its age, as a sentence; empty: as `first_seen`."""
        return first_seen_words(self.first_seen(finding), self.manifest.evaluated_as_of)

    def age_days(self, finding: Finding) -> int | None:
        """Return the whole days since an open finding was first seen; None: as `first_seen`."""
        first_seen = self.first_seen(finding)
        # Never negative: a scan may be judged as of a time before that of an earlier scan.
        return None if first_seen is None else max(0, (self.manifest.evaluated_as_of - first_seen.at).days)

    @cached_property
    def trend(self) -> Trend | None:
        """The totals then and now; None where there are no changes."""
        return trend(self.scan, self.counts)

    @property
    def unit_names(self) -> Mapping[str, str]:
        """The names of organizational units by their ids, as far as they are known."""
        return self.scan.unit_names

    def unit_path(self, path: str) -> str:
        """Return the names of the units of a path, from the root down; empty: none is known."""
        # The first part is the organization's id.
        units = path.strip("/").split("/")[1:]
        names = [self.unit_names.get(unit, unit) for unit in units]
        # Ids alone would say no more than the path itself.
        return " / ".join(names) if self.unit_names.keys() & set(units) else ""

    def unit(self, unit: str) -> str:
        """Return the name of an organizational unit with its id; without a name, the id."""
        return f"{self.unit_names[unit]} ({unit})" if unit in self.unit_names else unit

    @property
    def failures_by_unit(self) -> tuple[tuple[str, int], ...]:
        """Organizational units with their failures, most first. An account counts in all units above it."""
        groups = self.assessment.score.groups.get("ou", {}) if self.assessment else {}
        # The empty key has the accounts whose unit is not known.
        units = [(self.unit(unit), figures.failed) for unit, figures in groups.items() if unit]
        return tuple(sorted(units, key=lambda unit: (-unit[1], unit[0])))

    @property
    def limitations(self) -> tuple[str, ...]:
        """What this scan cannot see."""
        return self.scan.limitations

    @property
    def coverage(self) -> Coverage | None:
        """How many resources are protected; None: it is not known, or there are none."""
        coverage = self.scan.coverage
        return coverage if coverage is not None and coverage.total.number else None

    @property
    def headline(self) -> str:
        """How many resources are not protected; empty: it is not known, or there are none."""
        return headline(self.coverage)

    @property
    def assessment(self) -> Assessment | None:
        """Score and frameworks; None: another program evaluated the scan."""
        return self.scan.assessment

    @property
    def selection(self) -> ControlSelection | None:
        """Which of the packaged controls were evaluated; None: it is not recorded."""
        return self.scan.selection

    @property
    def selection_words(self) -> str:
        """Which controls were evaluated, of how many; empty: it is not recorded."""
        return selection_words(self.scan.selection)

    @property
    def selection_sentence(self) -> str:
        """Which controls were evaluated, and how to evaluate the others; empty: it is not recorded."""
        return selection_sentence(self.scan.selection)

    def forget(self) -> None:
        """Free the memory of findings that were read for one format; the next can read them again."""
        for name in ("resources", "worst_subjects"):
            self.__dict__.pop(name, None)
        for findings in (self.worst, *(control.findings for control in self.controls)):
            if isinstance(findings, Picked):
                findings.forget()

    def worst_with(self, statuses: Collection[Status]) -> Iterable[Finding]:
        """Return the worst findings with one of these statuses; the texts of others are not rendered."""
        if isinstance(self.worst, Picked):
            return self.worst.having(statuses)
        return (finding for finding in self.worst if finding.status in statuses)

    @property
    def has_all(self) -> bool:
        """Whether `worst` has all findings."""
        return len(self.worst) == self.counts.total

    @cached_property
    def worst_subjects(self) -> Mapping[str, str]:
        """The subjects of the worst findings, worst first, and the type of each."""
        worst = self.worst
        if isinstance(worst, Picked):
            return _first_of_each(worst.subjects())
        return _first_of_each((finding.subject, finding.subject_type) for finding in worst)

    def resources_of(
        self, subjects: Sequence[str], *, without: Collection[Status] = ()
    ) -> tuple[ResourceView, ...]:
        """Return some subjects of `worst_subjects`, each with all its findings, worst first.

        `without`: statuses whose findings are left out, and with them subjects that have no others.
        """
        # All findings are in memory already: a query would read them again.
        findings = self.worst if self.has_all else findings_of_subjects(self.findings, subjects, without)
        return _resources(subjects, (finding for finding in findings if finding.status not in without))

    @cached_property
    def resources(self) -> tuple[ResourceView, ...]:
        """The worst resources, each with all its findings, worst first."""
        resources = (subject for subject, kind in self.worst_subjects.items() if kind not in STRUCTURES)
        return self.resources_of(tuple(islice(resources, RESOURCES)))

    @property
    def organization(self) -> str:
        """The name of what was audited: the organisation's id, else the account."""
        scope = self.manifest.scope
        if scope.organization_id:
            return scope.organization_id
        return f"Account {scope.accounts[0]}" if len(scope.accounts) == 1 else "Selected accounts"

    @property
    def organization_name(self) -> str:
        """The name of the organisation that audit.yaml states, else what was audited."""
        return self.details.organization or self.organization

    def account(self, account: str) -> str:
        """Return the name of an account, else its id."""
        return self.names.get(account) or account


def build(scan: Scan) -> View:
    """Build the view of a scan, from one pass through its findings or from queries if they are in Parquet.

    Raises:
        BundleError: the findings cannot be read.
    """
    names: dict[str, str] = {account.id: account.name for account in scan.manifest.accounts if account.name}
    filed = scan.findings
    seen = overview_of_filed(scan, filed) if isinstance(filed, Filed) else overview_of(scan)
    return View(
        scan=scan,
        counts=seen.counts,
        controls=tuple(sorted(_controls(scan, seen), key=_control_order)),
        # Controls without findings too: zero checks is a result that a report must show.
        by_control={**{control.id: count(()) for control in scan.controls}, **seen.controls},
        worst=seen.worst,
        accounts=groups(seen.accounts, lambda account: names.get(account, account)),
        regions=groups(seen.regions),
        types=groups(seen.types, type_word),
        severities=groups(seen.severities, lambda name: name.capitalize(), lambda name: Severity(name).rank),
        owners=seen.owners,
        failures=failures(seen.severities),
        sample=seen.sample,
        waivers=seen.waivers,
        asked_resources=seen.asked_resources,
        completeness=completeness(scan, seen.gaps, names),
        names=names,
        audit_manager=side_by_side(scan, seen.framework_counts),
    )


def _in_use(waiver: Waiver, covers: int) -> WaiverUse:
    return WaiverUse(waiver=waiver, control="", subject="", state=WaiverState.IN_USE, covers=covers, open=0)


def _controls(scan: Scan, seen: Overview) -> Iterator[ControlView]:
    none = count(())
    for control in scan.controls:
        yield ControlView(
            control=control,
            parameters=_parameters(control, scan.parameters.get(control.id, control.parameters)),
            counts=seen.controls.get(control.id, none),
            findings=seen.worst_of.get(control.id, ()),
            sets=parameter_sets(scan.tiers, control.id),
            # A scan with a limited collection has no gap for a list that it left out.
            is_unlisted=not all(
                is_collected(operation, scan.manifest.reads)
                for operation in SUBJECT_READS.get(control.subject, ())
            ),
        )


def _control_order(view: ControlView) -> tuple[int, int, int, str]:
    return (
        STATUS_ORDER[view.standing],
        view.control.severity.rank,
        -view.counts.failed,
        view.control.id,
    )


def _parameters(control: Control, in_effect: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    # Parameters of audit.yaml may be newer than the definition that the scan has.
    names = dict.fromkeys([*control.parameters, *in_effect])
    return tuple((name, value(in_effect.get(name, control.parameters.get(name)))) for name in names)


def _first_of_each(subjects: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    types: dict[str, str] = {}
    for subject, subject_type in subjects:
        types.setdefault(subject, subject_type)
    return types


def _resources(subjects: Iterable[str], findings: Iterable[Finding]) -> tuple[ResourceView, ...]:
    by_subject: dict[str, list[Finding]] = {subject: [] for subject in subjects}
    for finding in findings:
        if (members := by_subject.get(finding.subject)) is not None:
            members.append(finding)
    return tuple(
        _resource(subject, sorted(members, key=rank)) for subject, members in by_subject.items() if members
    )


def _resource(subject: str, findings: list[Finding]) -> ResourceView:
    first = findings[0]
    return ResourceView(
        subject=subject,
        subject_type=first.subject_type,
        account=first.account,
        region=first.region,
        findings=tuple(findings),
    )


def chain(details: Iterable[Details]) -> Chain:
    """Return the chain from the details of all findings about one resource."""
    merged: dict[str, Any] = {}
    for mapping in details:
        for key, content in mapping.items():
            # The same column has the same value in all findings of a resource.
            merged.setdefault(key, content)
    point = merged.get("newest_recovery_point")
    newest = point if isinstance(point, Mapping) else {}
    exists = newest.get("exists")
    return Chain(
        has_rules="covered_by" in merged or "rules" in merged,
        covered=coverage(merged),
        # Without related rows: the page builds the full tree from facts, where there are any.
        root=resource_node(merged, Related()),
        newest_age=hours(newest.get("age_hours")),
        newest_exists=exists if isinstance(exists, bool) else None,
    )
