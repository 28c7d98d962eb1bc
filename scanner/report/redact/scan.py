"""Scans and explanations with pseudonyms for names. Findings and resources are redacted as they stream by."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from itertools import chain
from typing import Any, Final, Generic, TypeVar, get_args, get_type_hints

from scanner.model.changes import Change, Changes, Former
from scanner.model.compliance import (
    Assessment,
    AuditManagerControl,
    AuditManagerFramework,
    FrameworkView,
    RequirementView,
    TagScope,
)
from scanner.model.control import Control
from scanner.model.decisions import Match, Owner, Tier, Tiers, Waiver, WaiverUse
from scanner.model.explanation import Advice, Explanation, Node, NodeKind, SetBy
from scanner.model.facts import TABLES
from scanner.model.finding import Finding
from scanner.model.inventory import Account
from scanner.model.known import EvidenceRef, Gap
from scanner.model.manifest import Excluded, Manifest, Scope
from scanner.model.names import AccountId, RegionName
from scanner.model.protection import BlastRadiusSummary, NodeCounts, SinglePoint
from scanner.model.root_causes import Blocker, CauseCount, CauseKind, RootCause, RootCauseSummary
from scanner.model.scan import REDACTED, Reconciliation, Scan, Stream, UnsupportedKinds
from scanner.report.redact.pseudonyms import Pseudonyms
from scanner.report.redact.timeline import redacted_first_seen, redacted_timeline
from scanner.report.redact.values import LEFT_OUT, Values, names_in, parts_of
from scanner.report.view.overview import STRUCTURES

_T = TypeVar("_T")
_N = TypeVar("_N", NodeCounts, SinglePoint)
_HASH = 64
_MOST_NAMES = 20_000

_NO_TIER: Final = ("", "not known")
"""The score's words for resources without a tier, and for those whose tier is not known."""
Parameters = Callable[[Mapping[str, Any]], dict[str, Any]]

_BARE = frozenset({"name"})
"""The only detail of a finding that was read back from a summary."""

_SENTENCES: Final = frozenset((NodeKind.LINK, NodeKind.GROUP, NodeKind.MORE, NodeKind.SETTING))
"""Nodes whose label is one of the program's sentences; the label of all others is a name."""


class _Mapped(Generic[_T]):
    """A stream whose rows are mapped each time it is read."""

    def __init__(self, rows: Stream[_T], change: Callable[[_T], _T]) -> None:
        self._rows, self._change = rows, change

    def __iter__(self) -> Iterator[_T]:
        return map(self._change, self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def redacted(scan: Scan, pseudonyms: Pseudonyms) -> Scan:
    """Redact a scan. This reads its findings once, for the names of plans, vaults and the like."""
    # All names before any sentence: a name may first occur in the sentence of an earlier finding.
    pseudonyms.seek(_names(scan))
    redactor = _Redactor(pseudonyms, scan)
    return redactor.scan(scan)


def _names(scan: Scan) -> Iterator[str]:
    """Yield the names that sentences may contain: those of accounts, units, tiers, plans and the like."""
    for account in scan.manifest.accounts:
        yield account.name
    yield from (tier.name for tier in scan.tiers)
    yield from scan.unit_names.values()
    names: set[str] = set()
    for finding in chain(findings_in(scan.changes), scan.findings):
        # Resources are too many to search for; their own findings list their names.
        if finding.subject_type in STRUCTURES and len(names) < _MOST_NAMES:
            names.update(parts_of(finding.subject))
            names.update(names_in(finding.details.get("name")))
    yield from sorted(names)


def known_columns() -> frozenset[str]:
    """Return the names of all columns of the fact tables, and of all fields in them."""
    names: set[str] = set()
    for row in TABLES.values():
        names.update(_fields(row))
    return frozenset(names)


def _fields(kind: Any) -> Iterator[str]:  # noqa: ANN401 -- an annotation
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        for field in fields(kind):
            yield field.name
            yield from _fields(hints[field.name])
    for inner in get_args(kind):
        yield from _fields(inner)


class _Redactor:
    """Redacts each part of a scan."""

    def __init__(self, pseudonyms: Pseudonyms, scan: Scan) -> None:
        parameters = {name for values in scan.parameters.values() for name in values}
        self._names = pseudonyms
        # A parameter that is no identifier is the user's own text.
        self._values = Values(pseudonyms, known_columns() | {p for p in parameters if p.isidentifier()})

    def scan(self, scan: Scan) -> Scan:
        return Scan(
            manifest=self._manifest(scan.manifest),
            controls=tuple(map(self._control, scan.controls)),
            parameters={control: self._parameters(values) for control, values in scan.parameters.items()},
            findings=_Mapped(scan.findings, self.finding),
            gaps=tuple(map(self._gap, scan.gaps)),
            reconciliation=tuple(map(self._reconciliation, scan.reconciliation)),
            limitations=(REDACTED, *(self._names.sentence(sentence) for sentence in scan.limitations)),
            assessment=None if scan.assessment is None else self._assessment(scan.assessment),
            # The groups have ARNs in nested rows: reports fall back to the details of findings.
            protection_groups=None,
            structures={name: _Mapped(rows, self._structure) for name, rows in scan.structures.items()},
            resources=None if scan.resources is None else _Mapped(scan.resources, self._row),
            frameworks=tuple(map(self._audit_manager_framework, scan.frameworks)),
            unsupported=None if scan.unsupported is None else self._unsupported(scan.unsupported),
            blast_radius=None if scan.blast_radius is None else self._blast_radius(scan.blast_radius),
            root_causes=None if scan.root_causes is None else self._root_causes(scan.root_causes),
            fail_on_unknown=scan.fail_on_unknown,
            selection=None
            if scan.selection is None
            # Packaged controls are written in the program's own words; own packs and folders are not.
            else replace(scan.selection, words=tuple(map(self._names.sentence, scan.selection.words))),
            redacted=True,
            # Names of people and of the organisation say whose copy it is.
            report=replace(scan.report, organization="", prepared_by=""),
            changes=redacted_changes(scan.changes, self._names, self.finding),
            timeline=redacted_timeline(scan.timeline, self._names),
            first_seen=redacted_first_seen(scan, self.finding),
            tiers=redacted_tiers(scan.tiers, self._names, self._parameters),
            waivers=tuple(redacted_use(use, self._names, self._waiver) for use in scan.waivers),
            unit_names={
                self._names.name(unit): self._names.name(name) for unit, name in scan.unit_names.items()
            },
        )

    def finding(self, finding: Finding) -> Finding:
        names = (
            *names_in(finding.details),
            *parts_of(finding.subject),
            *(text for text in (finding.owner.name if finding.owner else None,) if text),
        )
        return replace(
            finding,
            subject=self._names.name(finding.subject),
            subject_type=self._names.words(finding.subject_type),
            account=self._names.account(finding.account),
            region=self._names.words(finding.region),
            reason=self._names.sentence(finding.reason, names),
            details=self._values.mapping(finding.details, names),
            evidence=tuple(map(self._ref, finding.evidence)),
            frameworks=self._served(finding.frameworks),
            waiver=None if finding.waiver is None else self._waiver(finding.waiver),
            owner=None if finding.owner is None else self._owner(finding.owner),
            root_cause=None if finding.root_cause is None else self._cause(finding.root_cause),
            blocked_by=None if finding.blocked_by is None else self._blocker(finding.blocked_by),
        )

    def _blocker(self, blocker: Blocker) -> Blocker:
        return Blocker(self._names.words(blocker.control), self._names.name(blocker.subject))

    def _served(self, frameworks: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        words = self._names.words
        return {words(name): tuple(map(words, requirements)) for name, requirements in frameworks.items()}

    def _ref(self, ref: EvidenceRef) -> EvidenceRef:
        return EvidenceRef(self._names.path(ref.file), ref.line)

    def _row(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._values.mapping(
            row, tuple(names_in({"subject": row.get("subject"), "name": row.get("name")}))
        )

    def _structure(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """Redact a row whose texts are all names, but for its kind, which is a word of the program."""
        return {
            key: self._names.name(value) if isinstance(value, str) and value and key != "kind" else value
            for key, value in row.items()
        }

    def _unsupported(self, unsupported: UnsupportedKinds) -> UnsupportedKinds:
        """Redact the resources that AWS Backup cannot back up. The kinds are the program's own words."""
        resources = (
            replace(
                resource,
                subject=self._names.name(resource.subject),
                subject_type=self._names.words(resource.subject_type),
                name=self._names.name(resource.name),
                account=self._names.account(resource.account),
                region=self._names.words(resource.region),
                kind=self._names.words(resource.kind),
            )
            for resource in unsupported.resources
        )
        kinds = tuple((self._names.sentence(kind), number) for kind, number in unsupported.kinds)
        return replace(unsupported, kinds=kinds, resources=tuple(resources))

    def _blast_radius(self, summary: BlastRadiusSummary) -> BlastRadiusSummary:
        tiers = (
            replace(
                tier_points,
                tier=tier_points.tier
                and replace(
                    tier_points.tier, name=tier_points.tier.name and self._names.name(tier_points.tier.name)
                ),
                points=tuple(map(self._node, tier_points.points)),
            )
            for tier_points in summary.single_points
        )
        return replace(summary, nodes=tuple(map(self._node, summary.nodes)), single_points=tuple(tiers))

    def _node(self, node: _N) -> _N:
        """Redact a node of the protection graph: an ARN, `account:ID` or `region:NAME`."""
        name = self._names.name
        # Nodes of accounts and Regions are no ARNs: their id is a prefix and a name.
        if node.kind == "account":
            account = self._names.account(node.account)
            # An account without a name is called by its id.
            named = account if node.name == node.account else name(node.name)
            return replace(node, node=f"account:{account}", name=named, account=account)
        region = self._names.words(node.region)
        if node.kind == "region":
            return replace(node, node=f"region:{region}", name=region, region=region)
        account = self._names.account(node.account)
        return replace(node, node=name(node.node), name=name(node.name), account=account, region=region)

    def _root_causes(self, summary: RootCauseSummary) -> RootCauseSummary:
        """Redact the subjects. Kinds and controls are named in findings, too."""
        words = self._names.words
        return replace(
            summary,
            causes=tuple(map(self._cause_count, summary.causes)),
            untraced={words(name): number for name, number in summary.untraced.items()},
            missing_reads=tuple(map(self._cause_count, summary.missing_reads)),
        )

    def _cause_count(self, count: CauseCount) -> CauseCount:
        controls = {self._names.words(name): number for name, number in count.controls.items()}
        return CauseCount(self._cause(count.cause), controls)

    def _cause(self, cause: RootCause) -> RootCause:
        name, words = self._names.name, self._names.words
        is_read = cause.kind is CauseKind.MISSING_READ  # an operation, and what it was about
        return replace(
            cause,
            subject=words(cause.subject) if is_read else name(cause.subject),
            name=name(cause.name) if cause.name else "",
            about=(name if is_read else words)(cause.about) if cause.about else "",
            control=words(cause.control) if cause.control else "",
            account=self._names.account(cause.account) if cause.account else "",
            region=self._names.words(cause.region),
            evidence=tuple(map(self._ref, cause.evidence)),
        )

    def _waiver(self, waiver: Waiver) -> Waiver:
        name = self._names.name
        expires = self._names.words(waiver.expires)
        return Waiver(name(waiver.id), name(waiver.owner), name(waiver.approver), LEFT_OUT, expires)

    def _owner(self, owner: Owner) -> Owner:
        name = None if owner.name is None else self._names.name(owner.name)
        return Owner(name, self._source(owner.source))

    def _source(self, source: str) -> str:
        """Redact what names an owner: `tag KEY`, and the one in `not known: ...; otherwise NAME (SOURCE)`."""
        if source.startswith("tag "):
            return f"tag {self._names.name(source.removeprefix('tag '))}"
        why, mark, otherwise = source.partition("; otherwise ")
        if not mark or otherwise == "nobody":
            return self._names.sentence(source)
        name, _, inner = otherwise.rpartition(" (")
        inner = self._source(inner.removesuffix(")"))
        return f"{self._names.sentence(why)}{mark}{self._names.name(name)} ({inner})"

    def _gap(self, gap: Gap) -> Gap:
        return Gap(
            account=AccountId(self._names.account(gap.account)),
            region=RegionName(self._names.words(gap.region)),
            operation=self._names.words(gap.operation),
            # May name a plan and a selection, separated by a blank.
            about=" ".join(map(self._names.name, gap.about.split(" "))),
            kind=gap.kind,
            code=self._names.words(gap.code),
            # AWS's messages name principals and resources in sentences that are not ours.
            message=LEFT_OUT if gap.message else "",
            ref=None if gap.ref is None else self._ref(gap.ref),
        )

    def _reconciliation(self, row: Reconciliation) -> Reconciliation:
        return Reconciliation(
            account=self._names.account(row.account),
            region=self._names.words(row.region),
            subject_type=self._names.words(row.subject_type),
            listed=row.listed,
            elsewhere=tuple(map(self._names.name, row.elsewhere)),
        )

    def _parameters(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Redact the parameters of controls; the program's own words (`mode: compliance`) stay."""
        return {name: self._parameter(value) for name, value in parameters.items()}

    def _parameter(self, value: Any) -> Any:  # noqa: ANN401 -- JSON
        if isinstance(value, str):
            return self._names.words(value)
        if isinstance(value, Mapping):
            return {self._names.words(str(key)): self._parameter(member) for key, member in value.items()}
        if isinstance(value, list | tuple):
            return [self._parameter(member) for member in value]
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return self._values.number(value) if is_number else value

    def _control(self, control: Control) -> Control:
        """Redact a control. The shipped ones are written in the program's own words and stay as they are."""
        sentence = self._names.sentence
        fix = control.remediation
        return replace(
            control,
            baseline=control.baseline and replace(control.baseline, reason=sentence(control.baseline.reason)),
            title=sentence(control.title),
            failure_title=sentence(control.failure_title),
            population=sentence(control.population),
            require=sentence(control.require),
            reason=sentence(control.reason),
            reasons={status: sentence(text) for status, text in control.reasons.items()},
            reason_cases={
                status: tuple(
                    replace(case, when=sentence(case.when), text=sentence(case.text)) for case in cases
                )
                for status, cases in control.reason_cases.items()
            },
            parameters=self._parameters(control.parameters),
            parameter_rules={
                name: replace(rule, doc=sentence(rule.doc), one_of=tuple(map(self._parameter, rule.one_of)))
                for name, rule in control.parameter_rules.items()
            },
            evidence=tuple(map(sentence, control.evidence)),
            motivation=sentence(control.motivation),
            remediation=replace(
                fix,
                text=sentence(fix.text),
                cli=sentence(fix.cli),
                terraform=sentence(fix.terraform),
                cloudformation=sentence(fix.cloudformation),
            ),
            frameworks=self._served(control.frameworks),
            documentation=sentence(control.documentation),
            audit_manager=sentence(control.audit_manager),
            # Its path is on the machine of the user.
            file="",
        )

    def _assessment(self, assessment: Assessment) -> Assessment:
        keys: Mapping[str, Callable[[str], str]] = {
            "control": str,
            "account": self._names.account,
            "region": self._names.words,
            "type": self._names.words,
            "tier": lambda tier: tier if tier in _NO_TIER else self._names.name(tier),
        }
        groups = {
            group: {keys.get(group, self._names.name)(key): figures for key, figures in members.items()}
            for group, members in assessment.score.groups.items()
        }
        score = replace(assessment.score, groups=groups)
        return Assessment(score, tuple(map(self._framework, assessment.frameworks)))

    def _framework(self, view: FrameworkView) -> FrameworkView:
        sentence = self._names.sentence
        requirements = tuple(map(self._requirement, view.requirements))
        return replace(
            view,
            id=self._names.words(view.id),
            title=sentence(view.title),
            source=sentence(view.source),
            requirements=requirements,
            edition=sentence(view.edition),
            scope=sentence(view.scope),
            declared=view.declared and TagScope(tuple(map(self._tag_values, view.declared.tags))),
        )

    def _tag_values(self, tag: tuple[str, tuple[str, ...]]) -> tuple[str, tuple[str, ...]]:
        key, values = tag
        return self._names.name(key), tuple(map(self._names.name, values))

    def _requirement(self, view: RequirementView) -> RequirementView:
        requirement = view.requirement
        sentence = self._names.sentence
        named = replace(
            requirement,
            id=self._names.words(requirement.id),
            title=sentence(requirement.title),
            manual=sentence(requirement.manual),
        )
        decided = view.decided and replace(
            view.decided,
            by_type=tuple(
                (kind, self._names.words(subject_type), counts)
                for kind, subject_type, counts in view.decided.by_type
            ),
        )
        return replace(view, requirement=named, decided=decided)

    def _audit_manager_framework(self, framework: AuditManagerFramework) -> AuditManagerFramework:
        return AuditManagerFramework(
            arn=self._names.name(framework.arn),
            name=self._names.name(framework.name),
            account=self._names.account(framework.account),
            region=self._names.words(framework.region),
            status=framework.status and self._names.words(framework.status),
            deployment_status=framework.deployment_status and self._names.words(framework.deployment_status),
            controls=None
            if framework.controls is None
            else tuple(self._audit_manager_control(control) for control in framework.controls),
        )

    def _audit_manager_control(self, control: AuditManagerControl) -> AuditManagerControl:
        words = self._names.words
        return replace(
            control,
            name=words(control.name),
            parameters=tuple((words(name), words(value)) for name, value in control.parameters),
            resource_ids=tuple(map(self._names.name, control.resource_ids)),
            resource_types=tuple(map(words, control.resource_types)),
            tags=tuple("=".join(map(self._names.name, tag.split("=", 1))) for tag in control.tags),
            translated=tuple((words(name), self._translated(value)) for name, value in control.translated),
            notes=tuple(map(words, control.notes)),
        )

    def _translated(self, value: Any) -> Any:  # noqa: ANN401 -- what a parameter may be
        translated = self._parameter(value)
        return tuple(translated) if isinstance(translated, list) else translated

    def _manifest(self, manifest: Manifest) -> Manifest:
        words = self._names.words
        return replace(
            manifest,
            scope=self._scope(manifest.scope),
            accounts=tuple(map(self._account, manifest.accounts)),
            scan_id=self._names.name(manifest.scan_id),
            tool_name=words(manifest.tool_name),
            tool_version=words(manifest.tool_version),
            caller_arn=self._names.name(manifest.caller_arn),
            caller_account=self._names.account(manifest.caller_account),
            shards=tuple(
                replace(
                    record,
                    account=AccountId(self._names.account(record.account)),
                    region=RegionName(words(record.region)),
                    file=self._names.path(record.file),
                    sha256=_checksum(record.sha256),
                )
                for record in manifest.shards
            ),
            source_sha256=_checksum(manifest.source_sha256),
            files={self._names.path(file): _checksum(sha256) for file, sha256 in manifest.files.items()},
            capabilities_as_of=words(manifest.capabilities_as_of),
            reads=manifest.reads,
        )

    def _scope(self, scope: Scope) -> Scope:
        return Scope(
            accounts=tuple(AccountId(self._names.account(account)) for account in scope.accounts),
            regions=tuple(RegionName(self._names.words(region)) for region in scope.regions),
            excluded=tuple(
                Excluded(AccountId(self._names.account(exclusion.account)), LEFT_OUT)
                for exclusion in scope.excluded
            ),
            organization_id=scope.organization_id and self._names.name(scope.organization_id),
            management_account=scope.management_account
            and AccountId(self._names.account(scope.management_account)),
        )

    def _account(self, account: Account) -> Account:
        return Account(
            id=AccountId(self._names.account(account.id)),
            name=self._names.name(account.name),
            status=account.status and self._names.words(account.status),
            ou_path=account.ou_path and self._names.name(account.ou_path),
        )


def _checksum(text: str) -> str:
    """Keep a SHA-256 checksum: it covers a whole file, so the content cannot be guessed from it."""
    return text if len(text) == _HASH and all(digit in "0123456789abcdef" for digit in text) else ""


def redacted_tiers(tiers: Tiers, names: Pseudonyms, parameters: Parameters) -> Tiers:
    """Redact tiers and overrides. `parameters` redacts the parameters that they set."""

    def redacted(tier: Tier) -> Tier:
        sets = {control: parameters(values) for control, values in tier.parameters.items()}
        return Tier(names.name(tier.name), _match(tier.match, names), sets)

    return Tiers(tuple(map(redacted, tiers.tiers)), tuple(map(redacted, tiers.overrides)))


def _match(match: Match, names: Pseudonyms) -> Match:
    return Match(
        tags=tuple((names.name(key), tuple(map(names.name, values))) for key, values in match.tags),
        types=tuple(map(names.words, match.types)),
        accounts=tuple(map(names.name, match.accounts)),
        organizational_units=tuple(map(names.name, match.organizational_units)),
        regions=tuple(map(names.words, match.regions)),
        subjects=tuple(map(names.name, match.subjects)),
    )


def redacted_use(use: WaiverUse, names: Pseudonyms, waiver: Callable[[Waiver], Waiver]) -> WaiverUse:
    """Redact how a waiver was used. `waiver` redacts the waiver itself."""
    return replace(use, waiver=waiver(use.waiver), subject=names.name(use.subject))


def findings_in(changes: Changes | None) -> Iterator[Finding]:
    """Yield the findings of both scans that changes contain."""
    for changed in changes.worst.values() if changes else ():
        for change in changed:
            yield from (side for side in (change.old, change.new) if side is not None)


def redacted_changes(
    changes: Changes | None, names: Pseudonyms, finding: Callable[[Finding], Finding]
) -> Changes | None:
    """Redact changes. `finding` redacts a finding of either scan.

    A reason may contain names, which the details list. Where the details are missing, the reason is left out.
    """
    if changes is None:
        return None

    def side(original: Finding | None) -> Finding | None:
        if original is None:
            return None
        shown = finding(original)
        return replace(shown, reason=LEFT_OUT) if original.details.keys() <= _BARE else shown

    def change(original: Change) -> Change:
        bare = original.finding.details.keys() <= _BARE
        why = LEFT_OUT if bare and original.why else names.sentence(original.why, (original.finding.subject,))
        return replace(original, old=side(original.old), new=side(original.new), why=why)

    return replace(
        changes,
        notes=tuple(map(names.sentence, changes.notes)),
        worst={kind: tuple(map(change, members)) for kind, members in changes.worst.items()},
        former=_former(changes.former, names),
    )


def _former(former: Former | None, names: Pseudonyms) -> Former | None:
    return None if former is None else replace(former, scan_id=names.name(former.scan_id))


def redacted_explanation(explanation: Explanation, pseudonyms: Pseudonyms) -> Explanation:
    """Redact an explanation."""
    named = [explanation.subject, explanation.name, explanation.account_name]
    for node in explanation.root.walk():
        named += [node.subject, *([] if node.kind in _SENTENCES else [node.label])]
        named += [name for by in node.set_by for name in (by.policy, by.name, by.attached_to)]
    pseudonyms.seek(part for name in named for part in parts_of(name))
    redact = _ExplanationRedactor(pseudonyms)
    return replace(
        explanation,
        scan_id=pseudonyms.name(explanation.scan_id),
        subject=pseudonyms.name(explanation.subject),
        account=pseudonyms.account(explanation.account),
        account_name=pseudonyms.name(explanation.account_name),
        region=pseudonyms.words(explanation.region),
        name=pseudonyms.name(explanation.name),
        root=redact.node(explanation.root),
        advice=tuple(map(redact.advice, explanation.advice)),
        owner=redact.owner(explanation.owner),
    )


class _ExplanationRedactor:
    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._names = pseudonyms

    def node(self, node: Node) -> Node:
        label = self._names.sentence if node.kind in _SENTENCES else self._names.name
        return replace(
            node,
            label=label(node.label),
            subject=self._names.name(node.subject),
            because=self._names.sentence(node.because),
            facts=tuple((name, self._names.sentence(value)) for name, value in node.facts),
            evidence=tuple(EvidenceRef(self._names.path(ref.file), ref.line) for ref in node.evidence),
            children=tuple(map(self.node, node.children)),
            set_by=tuple(map(self._set_by, node.set_by)),
        )

    def _set_by(self, by: SetBy) -> SetBy:
        return replace(
            by,
            policy=self._names.name(by.policy),
            name=self._names.name(by.name),
            attached_to=self._names.name(by.attached_to),
            value=self._names.sentence(by.value),
            limited_by=tuple(map(self._names.sentence, by.limited_by)),
        )

    def advice(self, advice: Advice) -> Advice:
        return replace(
            advice,
            title=self._names.sentence(advice.title),
            subject=self._names.name(advice.subject),
            reason=self._names.sentence(advice.reason),
            text=self._names.sentence(advice.text),
            cli=self._names.sentence(advice.cli),
            owner=self.owner(advice.owner),
            root_cause=None,  # its order stays, its names do not
            blocked_by=None,
            subject_type="",
            account="",
            region="",
            details={},
        )

    def owner(self, owner: Owner | None) -> Owner | None:
        if owner is None:
            return None
        return Owner(owner.name and self._names.name(owner.name), self._names.sentence(owner.source))
