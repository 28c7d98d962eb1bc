"""`audit fix`: root causes to proposed changes, which are laid over the evidence and judged.

The proof is that of `audit what-if`, on the changes as the file changes.json has them, so that a user can
repeat it. Nothing is changed in AWS, and nothing is called.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from scanner.app.fix_configuration import recorded_shard
from scanner.app.fix_facts import FactQueries
from scanner.app.fix_outcome import OF_COPIES, SCHEDULES, Chosen, Proof, harmful, outcomes, useless
from scanner.app.judged import read_judged
from scanner.app.root_causes import traced_failures
from scanner.app.what_if import JudgedChanges, judged_changes
from scanner.errors import UsageError
from scanner.evaluate.problem import suggestion
from scanner.evidence.bundle import Bundle
from scanner.evidence.scan_files import judged_files
from scanner.findings.filed import Filed
from scanner.findings.texts import all_without_texts, with_texts
from scanner.fixes.configuration import Configuration, RecordedShard
from scanner.fixes.draft import Draft
from scanner.fixes.entries import change_documents
from scanner.fixes.problem import Parameters, Problem, Workbench
from scanner.fixes.proposals import propose
from scanner.model.finding import Finding, Status
from scanner.model.known import Known
from scanner.model.names import AccountId, RegionName, Shard
from scanner.model.planning.fix import Choice, DroppedChange, Fix, FixChange, ManualStep
from scanner.model.planning.planned_change import ChangeKind, ChangeSet
from scanner.model.root_causes import RootCause
from scanner.model.scan import Scan
from scanner.report.fixes.folder import files_of
from scanner.services.organizations import parse_organization
from scanner.storage.files import replaced, write_atomically
from scanner.what_if.backup_json import backup_changes
from scanner.what_if.changes import Defaults

_ROUNDS: Final = 8
"""Judgements at most: a chain of broken links is mended one link after the other."""
CHANGES_FILE: Final = "changes.json"

Failure = tuple[str, str]
"""A control and a subject."""


def fix(folder: Path, choice: Choice, *, jobs: int | None = 1) -> Fix:
    """Propose the changes that make chosen failures pass, and prove them.

    Raises:
        BundleError: the folder has no judged scan with its evidence, or a file of it was changed.
        UsageError: the scan did not evaluate a chosen control.
    """
    bundle = Bundle(folder)
    # Changes are laid over the evidence, so it has to be what the manifest says.
    bundle.check()
    scan = read_judged(folder)
    _check_controls(choice, scan)
    return _Fixing(folder, bundle, scan, choice, jobs).result()


def _check_controls(choice: Choice, scan: Scan) -> None:
    """Raise UsageError for a control that was not evaluated: no failures of it are no good result."""
    evaluated = {control.id for control in scan.controls}
    for name in sorted(choice.controls - evaluated):
        hint = suggestion(name, evaluated)
        raise UsageError(f"--control {name[:80]}: the scan did not evaluate a control with this id ({hint}).")


@dataclass(slots=True)
class _Fixing:
    """The state of one proposal: the draft, and what was found about it."""

    folder: Path
    bundle: Bundle
    scan: Scan
    choice: Choice
    jobs: int | None
    chosen: dict[Failure, Chosen] = field(default_factory=dict)
    failures_of: dict[tuple[str, ...], set[Failure]] = field(default_factory=lambda: defaultdict(set))
    manual: dict[tuple[str, ...], ManualStep] = field(default_factory=dict)
    dropped: list[DroppedChange] = field(default_factory=list)
    refused: set[tuple[str, ...]] = field(default_factory=set)
    untraced: set[Failure] = field(default_factory=set)

    def result(self) -> Fix:
        """Propose, judge, and propose again for what the first links have hidden, until nothing changes."""
        self._choose()
        draft = self._draft()
        bench = Workbench(
            draft,
            self.scan.manifest.evaluated_as_of,
            parameters=_parameters(self.scan),
            compliance_days=self.choice.compliance_days,
        )
        self._propose(bench, self._problems(self.folder, self.scan))
        self._add_waiting(draft)
        proof = Proof()
        # Bounded by _ROUNDS, as each round only reaches the next link of a chain.
        for _ in range(_ROUNDS):
            changes = draft.changes()
            # Everything was dropped again: no change, so nothing to prove.
            if not changes:
                proof = Proof()
                break
            with judged_changes(self.folder, change_set(changes), jobs=self.jobs) as judged:
                proof = self._proof(judged, changes)
                # A change that harms is dropped before further ones are built on it.
                if self._move(bench, judged, proof) or self._drop(bench, harmful(proof)):
                    continue
                self._next(bench, judged)
            # Stable: no new change, and none that is without use.
            if draft.changes() == changes and not self._drop(bench, useless(proof, self.failures_of)):
                break
        return self._fix(proof)

    def _choose(self) -> None:
        """Collect the chosen failures with their root causes."""
        findings = self.scan.findings
        failed: Iterable[Finding] = (
            # Texts are not needed to choose, and rendering them takes most of the time.
            all_without_texts(findings, (Status.FAIL,))
            if isinstance(findings, Filed)
            else (finding for finding in findings if finding.status is Status.FAIL)
        )
        included = {
            (finding.control, finding.subject): finding
            for finding in failed
            if self.choice.includes(finding) and _is_resource(finding, self.choice.resources)
        }
        causes = dict(_causes(self.folder, self.scan, included))
        for failure, finding in included.items():
            # Without a trace nothing can be proposed, but another change may still make the failure pass.
            cause = causes.get(failure)
            if not self.choice.root_causes or (cause and _names(cause) & self.choice.root_causes):
                self.chosen[failure] = Chosen(finding, cause)
                if cause is None:
                    self.untraced.add(failure)

    def _draft(self) -> Draft:
        organization = self.bundle.parsed(
            lambda: parse_organization(self.bundle.organization_answers(), self.bundle.manifest)
        )
        configuration = Configuration(
            load=lambda account, region: recorded_shard(self.bundle, account, region),
            organization=str(organization.id.value or "") if isinstance(organization.id, Known) else "",
            management_account=str(self.bundle.manifest.scope.management_account or ""),
        )
        return Draft(self._with_facts(configuration, self.folder, self.scan))

    def _with_facts(self, configuration: Configuration, folder: Path, scan: Scan) -> Configuration:
        queries = FactQueries(folder, scan.manifest)
        facts = queries.resources({chosen.finding.subject for chosen in self.chosen.values()})
        return replace(
            configuration,
            destinations=configuration.destinations or queries.destinations(),
            tags=configuration.tags or facts.tags,
            covering_rules={**configuration.covering_rules, **facts.covering},
            continuous_rules={**configuration.continuous_rules, **facts.continuous},
        )

    def _add_waiting(self, draft: Draft) -> None:
        """Count failures without a broken link for the changes of the plans that cover their subjects.

        A resource whose newest backup is too old, because its only rule starts weekly, has a whole chain.
        """
        for change in draft.changes():
            causes = [cause for cause in change.causes if cause.kind in SCHEDULES]
            for control, subject in self.untraced if change.kind is ChangeKind.PLAN and causes else ():
                rules = draft.configuration.covering_rules.get(subject, ())
                if any(rule.partition("#")[0].endswith(f":{change.id}") for rule in rules):
                    self.failures_of[causes[0].key].add((control, subject))

    def _problems(self, folder: Path, scan: Scan) -> list[Problem]:
        """Return the root causes of chosen failures that still fail."""
        by_cause: dict[tuple[str, ...], tuple[RootCause, list[Failure]]] = {}
        for failure, cause in _causes(folder, scan, self.chosen):
            by_cause.setdefault(cause.key, (cause, []))[1].append(failure)
            self.failures_of[cause.key].add(failure)
        return [Problem(cause, tuple(sorted(failures))) for cause, failures in by_cause.values()]

    def _propose(self, bench: Workbench, problems: Iterable[Problem]) -> None:
        # A cause whose change did harm is not tried again: the loop would not end.
        open_problems = [problem for problem in problems if problem.cause.key not in self.refused]
        for step in propose(bench, open_problems):
            # The first step for a cause stays, as later rounds only repeat it.
            self.manual.setdefault(step.cause.key, step)

    def _proof(self, judged: JudgedChanges, changes: Sequence[FixChange]) -> Proof:
        """Return what the changes do, and the root causes of what fails with them."""
        causes: dict[Failure, RootCause] = {}
        if judged.folder is not None and judged.findings is not None:
            changed = {
                (effect.finding.control, effect.finding.subject): effect for effect in judged.result.effects
            }
            traced = dict(_causes(judged.folder, self._scan_after(judged), {**changed, **self.chosen}))
            # Account-Regions that the changes do not concern are not judged again: their causes stay.
            others = {
                name: choice.cause
                for name, choice in self.chosen.items()
                if choice.cause and not _is_judged(choice.finding, judged.only)
            }
            causes = {**others, **traced}
        return Proof(tuple(changes), judged.result, judged.today, causes)

    def _scan_after(self, judged: JudgedChanges) -> Scan:
        """Return the scan with the changes, as far as tracing needs it."""
        if judged.folder is None or judged.findings is None:
            return self.scan
        manifest = replace(self.scan.manifest, files=judged_files(judged.folder))
        return replace(self.scan, manifest=manifest, findings=judged.findings, controls=judged.controls)

    def _move(self, bench: Workbench, judged: JudgedChanges, proof: Proof) -> bool:
        """Move resources that copy actions cannot copy to a plan without. Return whether there are any."""
        if judged.folder is None:
            return False
        actions = {effect.finding.subject for effect in proof.worse if effect.finding.control in OF_COPIES}
        refused = FactQueries(judged.folder, self._scan_after(judged).manifest).not_copied(actions)
        is_moved = False
        for change in proof.changes:
            # Resources that already have to avoid a plan are not moved twice.
            resources = refused & set(change.document.get("Resources") or ()) - bench.avoid.keys()
            if resources and change.kind is ChangeKind.SELECTION:
                is_moved = True
                bench.avoid.update((arn, {change.plan_id}) for arn in resources)
                bench.draft.deselect(change, resources)
                self._repropose(bench, change, resources)
        return is_moved

    def _drop(self, bench: Workbench, drops: Iterable[DroppedChange]) -> bool:
        """Drop changes, and do not propose them again. Return whether there were any.

        Of a plan only what is behind the harm is dropped, where that is known: the rest is proposed again.
        """
        dropped = tuple(drops)
        for drop in dropped:
            bench.draft.drop(drop.change)
            # If only some causes are behind the harm, the others of the same change are proposed again.
            self.refused.update(cause.key for cause in drop.causes or drop.change.causes)
            self.dropped.append(drop)
        for drop in dropped:
            if drop.causes:
                self._repropose(bench, drop.change)
        return bool(dropped)

    def _repropose(self, bench: Workbench, change: FixChange, subjects: Iterable[str] = ()) -> None:
        """Propose again what mends the causes of a change; of some subjects only, if there are any."""
        wanted = frozenset(subjects)
        problems = []
        for cause in change.causes:
            failures = self.failures_of.get(cause.key, set())
            chosen = tuple(sorted(failure for failure in failures if not wanted or failure[1] in wanted))
            if chosen:
                problems.append(Problem(cause, chosen))
        self._propose(bench, problems)

    def _next(self, bench: Workbench, judged: JudgedChanges) -> None:
        """Propose changes for the links that come to light when the first ones are mended."""
        if judged.folder is None or judged.bundle is None:
            return
        scan = self._scan_after(judged)
        draft = bench.draft
        draft.configuration = self._with_facts(draft.configuration, judged.folder, scan)
        # Later changes may refer to plans that earlier ones create.
        draft.created_ids.update(_created_ids(judged.bundle, draft))
        self._propose(bench, self._problems(judged.folder, scan))

    def _fix(self, proof: Proof) -> Fix:
        findings = outcomes(self.chosen, proof, self.failures_of, self._texts())
        # Manual steps are shown only for causes that the changes do not resolve.
        open_causes = {finding.cause.key for finding in findings if finding.cause is not None}
        return Fix(
            scan_id=self.scan.manifest.scan_id,
            changes=proof.changes,
            findings=findings,
            worse=proof.worse,
            until_next_run=proof.until_next_run,
            newly_checked=proof.newly_checked,
            also_fixed=proof.also_fixed(self.chosen),
            manual=tuple(step for key, step in sorted(self.manual.items()) if key in open_causes),
            dropped=tuple(self.dropped),
            not_judged=proof.not_judged,
            notes=proof.notes,
        )

    def _texts(self) -> Mapping[Failure, Finding]:
        findings = [chosen.finding for chosen in self.chosen.values()]
        stored = self.scan.findings
        whole = with_texts(stored, findings) if isinstance(stored, Filed) else findings
        return {(finding.control, finding.subject): finding for finding in whole}


def write_fix(result: Fix, out: Path) -> None:
    """Write the files of a proposal into a folder, which they replace in one step.

    OutputError: the folder cannot be written.
    """
    with replaced(out) as folder:
        for name, content in files_of(result):
            write_atomically(folder / name, content)


def change_set(changes: Iterable[FixChange]) -> ChangeSet:
    """Return changes as `audit what-if` reads them from changes.json."""
    return backup_changes(change_documents(changes), CHANGES_FILE, Defaults())


def _causes(
    folder: Path, scan: Scan, failures: Mapping[Failure, object]
) -> Iterator[tuple[Failure, RootCause]]:
    """Yield the root causes of some failures, as far as they are traced."""
    for traced in traced_failures(folder, scan, by_subject=True):
        failure = (traced.control, traced.subject)
        if failure in failures and traced.trace.root_cause is not None:
            yield failure, traced.trace.root_cause


def _is_judged(finding: Finding, only: frozenset[Shard] | None) -> bool:
    return only is None or Shard(AccountId(finding.account), RegionName(finding.region)) in only


def _names(cause: RootCause) -> set[str]:
    """Return what --root-cause may say for a cause: its kind, its subject, or both."""
    return {cause.kind.value, cause.subject, f"{cause.kind.value}:{cause.subject}"}


def _is_resource(finding: Finding, names: Sequence[str]) -> bool:
    """Check whether a finding is about one of the named resources: by ARN, or by the end of it."""
    subject = finding.subject
    return not names or any(subject == name or subject.endswith((f"/{name}", f":{name}")) for name in names)


def _parameters(scan: Scan) -> Parameters:
    """Return all values of each parameter: that of the control, and those of tiers and overrides."""
    values: dict[str, list[object]] = defaultdict(list)
    # Tiers may set stricter values, which a proposed rule has to meet as well.
    for of_controls in (scan.parameters, *(tier.parameters for tier in scan.tiers)):
        for control, parameters in of_controls.items():
            for name, value in parameters.items():
                values[f"{control}.{name}"].append(value)
    return {name: tuple(of_name) for name, of_name in values.items()}


def _created_ids(bundle: Bundle, draft: Draft) -> Iterator[tuple[str, str]]:
    """Yield the ids that the overlay gave to new plans and rules, with their names."""
    for account, region in {(change.account, change.region) for change in draft.changes()}:
        after = recorded_shard(bundle, account, region)
        if after is None:
            continue
        before = _ids(draft.shard(account, region))
        for plan in after.plans.values():
            if plan.id not in before:
                # New plans have ids that the overlay made up: whatever was not there before is new.
                yield plan.id, plan.name
            for rule in plan.document.get("Rules") or ():
                if rule.get("RuleId") not in before:
                    yield str(rule.get("RuleId")), str(rule.get("RuleName"))


def _ids(shard: RecordedShard) -> frozenset[str]:
    rules = (rule for plan in shard.plans.values() for rule in plan.document.get("Rules") or ())
    return frozenset((*shard.plans, *(str(rule.get("RuleId")) for rule in rules)))
