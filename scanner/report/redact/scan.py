"""A scan whose names are pseudonyms. Findings and resources are redacted as they pass, at each passing."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from itertools import chain
from typing import Any, Final, Generic, TypeVar, get_args, get_type_hints

from scanner.model.audit_manager import ControlBeside, FrameworkBeside
from scanner.model.changes import Change, Changes, Former
from scanner.model.compliance import Assessment, FrameworkView, RequirementView
from scanner.model.control import Control
from scanner.model.explanation import Advice, Explanation, Node, NodeKind
from scanner.model.facts import TABLES
from scanner.model.finding import Finding, Waiver
from scanner.model.inventory import Account
from scanner.model.manifest import Excluded, Manifest, Scope
from scanner.model.names import AccountId, RegionName
from scanner.model.owner import Owner
from scanner.model.reading import EvidenceRef, Gap
from scanner.model.scan import REDACTED, Reconciliation, Scan, Stream, UnsupportedKinds
from scanner.model.tier import Match, Tier, Tiers
from scanner.model.waivers import WaiverUse
from scanner.report.redact.pseudonyms import Pseudonyms
from scanner.report.redact.values import LEFT_OUT, Values, names_in, parts_of
from scanner.report.view.overview import STRUCTURES

_T = TypeVar("_T")
_HASH = 64
_MOST_NAMES = 20_000

_NO_TIER: Final = ("", "not known")
"""How the score calls what has no tier, and what may have any."""
Parameters = Callable[[Mapping[str, Any]], dict[str, Any]]

_BARE = frozenset({"name"})
"""What a finding that was read back from a summary has of its details."""

_SENTENCES: Final = frozenset((NodeKind.LINK, NodeKind.GROUP, NodeKind.MORE))
"""Nodes whose label is a sentence of ours; all others are called by a name."""


class _Mapped(Generic[_T]):
    """A stream whose rows are changed as they pass."""

    def __init__(self, rows: Stream[_T], change: Callable[[_T], _T]) -> None:
        self._rows, self._change = rows, change

    def __iter__(self) -> Iterator[_T]:
        return map(self._change, self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def redacted(scan: Scan, pseudonyms: Pseudonyms) -> Scan:
    """Redact a scan. Goes through its findings once, for the names of plans, vaults and the like."""
    pseudonyms.seek(_names(scan))
    redactor = _Redactor(pseudonyms, scan)
    return redactor.scan(scan)


def _names(scan: Scan) -> Iterator[str]:
    """Give the names that sentences speak of: those of accounts, plans, vaults, rules and selections."""
    for account in scan.manifest.accounts:
        yield account.name
    yield from (each.name for each in scan.tiers)
    yield from scan.unit_names.values()
    found: set[str] = set()
    for finding in chain(findings_in(scan.changes), scan.findings):
        if finding.subject_type in STRUCTURES and len(found) < _MOST_NAMES:
            found.update(parts_of(finding.subject))
            found.update(names_in(finding.details.get("name")))
    yield from sorted(found)


def columns_known() -> frozenset[str]:
    """Name every column of the fact tables, and every field of what they hold."""
    found: set[str] = set()
    for row in TABLES.values():
        found.update(_fields(row))
    return frozenset(found)


def _fields(kind: Any) -> Iterator[str]:  # noqa: ANN401 -- an annotation
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        for each in fields(kind):
            yield each.name
            yield from _fields(hints[each.name])
    for inner in get_args(kind):
        yield from _fields(inner)


class _Redactor:
    """Redacts each part of a scan."""

    def __init__(self, pseudonyms: Pseudonyms, scan: Scan) -> None:
        parameters = {name for each in scan.parameters.values() for name in each}
        self._names = pseudonyms
        self._values = Values(pseudonyms, columns_known() | {p for p in parameters if p.isidentifier()})

    def scan(self, scan: Scan) -> Scan:
        return Scan(
            manifest=self._manifest(scan.manifest),
            controls=tuple(map(self._control, scan.controls)),
            parameters={control: self._parameters(each) for control, each in scan.parameters.items()},
            findings=_Mapped(scan.findings, self.finding),
            gaps=tuple(map(self._gap, scan.gaps)),
            reconciliation=tuple(map(self._reconciliation, scan.reconciliation)),
            limitations=(REDACTED, *(self._names.sentence(each) for each in scan.limitations)),
            assessment=None if scan.assessment is None else self._assessment(scan.assessment),
            resources=None if scan.resources is None else _Mapped(scan.resources, self._row),
            frameworks=tuple(map(self._beside, scan.frameworks)),
            unsupported=None if scan.unsupported is None else self._unsupported(scan.unsupported),
            redacted=True,
            changes=redacted_changes(scan.changes, self._names, self.finding),
            tiers=redacted_tiers(scan.tiers, self._names, self._parameters),
            waivers=tuple(redacted_use(each, self._names, self._waiver) for each in scan.waivers),
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
        )

    def _served(self, frameworks: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        told = self._names.words
        return {told(name): tuple(map(told, requirements)) for name, requirements in frameworks.items()}

    def _ref(self, ref: EvidenceRef) -> EvidenceRef:
        return EvidenceRef(self._names.path(ref.file), ref.line)

    def _row(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._values.mapping(
            row, tuple(names_in({"subject": row.get("subject"), "name": row.get("name")}))
        )

    def _unsupported(self, found: UnsupportedKinds) -> UnsupportedKinds:
        """Redact what AWS Backup cannot back up; the kinds are words of ours."""
        resources = (
            replace(
                each,
                subject=self._names.name(each.subject),
                subject_type=self._names.words(each.subject_type),
                name=self._names.name(each.name),
                account=self._names.account(each.account),
                region=self._names.words(each.region),
                kind=self._names.words(each.kind),
            )
            for each in found.resources
        )
        kinds = tuple((self._names.sentence(kind), number) for kind, number in found.kinds)
        return replace(found, kinds=kinds, resources=tuple(resources))

    def _waiver(self, waiver: Waiver) -> Waiver:
        name = self._names.name
        expires = self._names.words(waiver.expires)
        return Waiver(name(waiver.id), name(waiver.owner), name(waiver.approver), LEFT_OUT, expires)

    def _owner(self, owner: Owner) -> Owner:
        told = None if owner.name is None else self._names.name(owner.name)
        return Owner(told, self._source(owner.source))

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
            about=" ".join(map(self._names.name, gap.about.split(" "))),
            kind=gap.kind,
            code=self._names.words(gap.code),
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
        """Redact what controls are set to: words of ours (`mode: compliance`) stay."""
        return {name: self._parameter(value) for name, value in parameters.items()}

    def _parameter(self, value: Any) -> Any:  # noqa: ANN401 -- JSON
        if isinstance(value, str):
            return self._names.words(value)
        if isinstance(value, Mapping):
            return {self._names.words(str(key)): self._parameter(each) for key, each in value.items()}
        return [self._parameter(each) for each in value] if isinstance(value, list | tuple) else value

    def _control(self, control: Control) -> Control:
        """Redact a control. Those that are shipped consist of words of ours, and stay as they are."""
        told = self._names.sentence
        fix = control.remediation
        return replace(
            control,
            title=told(control.title),
            failure_title=told(control.failure_title),
            population=told(control.population),
            require=told(control.require),
            reason=told(control.reason),
            reasons={status: told(text) for status, text in control.reasons.items()},
            reason_cases={
                status: tuple(replace(each, when=told(each.when), text=told(each.text)) for each in cases)
                for status, cases in control.reason_cases.items()
            },
            parameters=self._parameters(control.parameters),
            parameter_rules={
                name: replace(rule, doc=told(rule.doc), one_of=tuple(map(self._parameter, rule.one_of)))
                for name, rule in control.parameter_rules.items()
            },
            evidence=tuple(map(told, control.evidence)),
            motivation=told(control.motivation),
            remediation=replace(
                fix,
                text=told(fix.text),
                cli=told(fix.cli),
                terraform=told(fix.terraform),
                cloudformation=told(fix.cloudformation),
            ),
            frameworks=self._served(control.frameworks),
            audit_manager=told(control.audit_manager),
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
        told = self._names.sentence
        requirements = tuple(map(self._requirement, view.requirements))
        return replace(
            view,
            id=self._names.words(view.id),
            title=told(view.title),
            source=told(view.source),
            requirements=requirements,
        )

    def _requirement(self, view: RequirementView) -> RequirementView:
        asked = view.requirement
        told = replace(asked, id=self._names.words(asked.id), title=self._names.sentence(asked.title))
        return replace(view, requirement=told)

    def _beside(self, framework: FrameworkBeside) -> FrameworkBeside:
        return FrameworkBeside(
            arn=self._names.name(framework.arn),
            name=self._names.name(framework.name),
            account=self._names.account(framework.account),
            region=self._names.words(framework.region),
            status=framework.status and self._names.words(framework.status),
            deployment_status=framework.deployment_status and self._names.words(framework.deployment_status),
            controls=None
            if framework.controls is None
            else tuple(self._control_beside(each) for each in framework.controls),
        )

    def _control_beside(self, control: ControlBeside) -> ControlBeside:
        told = self._names.words
        return replace(
            control,
            name=told(control.name),
            parameters=tuple((told(name), told(value)) for name, value in control.parameters),
            resource_ids=tuple(map(self._names.name, control.resource_ids)),
            resource_types=tuple(map(told, control.resource_types)),
            tags=tuple("=".join(map(self._names.name, tag.split("=", 1))) for tag in control.tags),
            translated=tuple((told(name), self._translated(value)) for name, value in control.translated),
            notes=tuple(map(told, control.notes)),
        )

    def _translated(self, value: Any) -> Any:  # noqa: ANN401 -- what a parameter may be
        told = self._parameter(value)
        return tuple(told) if isinstance(told, list) else told

    def _manifest(self, manifest: Manifest) -> Manifest:
        told = self._names.words
        return replace(
            manifest,
            scope=self._scope(manifest.scope),
            accounts=tuple(map(self._account, manifest.accounts)),
            scan_id=self._names.name(manifest.scan_id),
            tool_name=told(manifest.tool_name),
            tool_version=told(manifest.tool_version),
            caller_arn=self._names.name(manifest.caller_arn),
            caller_account=self._names.account(manifest.caller_account),
            shards=tuple(
                replace(
                    record,
                    account=AccountId(self._names.account(record.account)),
                    region=RegionName(told(record.region)),
                    file=self._names.path(record.file),
                    sha256=_checksum(record.sha256),
                )
                for record in manifest.shards
            ),
            source_sha256=_checksum(manifest.source_sha256),
            files={self._names.path(file): _checksum(sha256) for file, sha256 in manifest.files.items()},
            capabilities_as_of=told(manifest.capabilities_as_of),
            reads=manifest.reads,
        )

    def _scope(self, scope: Scope) -> Scope:
        return Scope(
            accounts=tuple(AccountId(self._names.account(each)) for each in scope.accounts),
            regions=tuple(RegionName(self._names.words(each)) for each in scope.regions),
            excluded=tuple(
                Excluded(AccountId(self._names.account(each.account)), LEFT_OUT) for each in scope.excluded
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
    """Keep a checksum: it is of a whole file, whose content nobody guesses."""
    return text if len(text) == _HASH and all(each in "0123456789abcdef" for each in text) else ""


def redacted_tiers(tiers: Tiers, names: Pseudonyms, parameters: Parameters) -> Tiers:
    """Redact tiers and overrides. `parameters` redacts what they set."""

    def redacted(each: Tier) -> Tier:
        told = {control: parameters(values) for control, values in each.parameters.items()}
        return Tier(names.name(each.name), _match(each.match, names), told)

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
    """Redact what became of a waiver. `waiver` redacts the waiver itself."""
    return replace(use, waiver=waiver(use.waiver), subject=names.name(use.subject))


def findings_in(changes: Changes | None) -> Iterator[Finding]:
    """Give the findings that changes tell of, of both scans."""
    for found in changes.worst.values() if changes else ():
        for change in found:
            yield from (each for each in (change.old, change.new) if each is not None)


def redacted_changes(
    changes: Changes | None, names: Pseudonyms, finding: Callable[[Finding], Finding]
) -> Changes | None:
    """Redact changes. `finding` redacts a finding of either scan.

    A reason may speak of names that the details tell. Where these are not told, it is left out.
    """
    if changes is None:
        return None

    def side(told: Finding | None) -> Finding | None:
        if told is None:
            return None
        known = finding(told)
        return replace(known, reason=LEFT_OUT) if told.details.keys() <= _BARE else known

    def change(told: Change) -> Change:
        bare = told.finding.details.keys() <= _BARE
        why = LEFT_OUT if bare and told.why else names.sentence(told.why, (told.finding.subject,))
        return replace(told, old=side(told.old), new=side(told.new), why=why)

    return replace(
        changes,
        notes=tuple(map(names.sentence, changes.notes)),
        worst={kind: tuple(map(change, found)) for kind, found in changes.worst.items()},
        former=_former(changes.former, names),
    )


def _former(former: Former | None, names: Pseudonyms) -> Former | None:
    return None if former is None else replace(former, scan_id=names.name(former.scan_id))


def redacted_explanation(told: Explanation, pseudonyms: Pseudonyms) -> Explanation:
    """Redact an explanation."""
    named = [told.subject, told.name, told.account_name]
    for node in told.root.walk():
        named += [node.subject, *([] if node.kind in _SENTENCES else [node.label])]
    pseudonyms.seek(part for name in named for part in parts_of(name))
    redact = _ExplanationRedactor(pseudonyms)
    return replace(
        told,
        scan_id=pseudonyms.name(told.scan_id),
        subject=pseudonyms.name(told.subject),
        account=pseudonyms.account(told.account),
        account_name=pseudonyms.name(told.account_name),
        region=pseudonyms.words(told.region),
        name=pseudonyms.name(told.name),
        root=redact.node(told.root),
        advice=tuple(map(redact.advice, told.advice)),
        owner=redact.owner(told.owner),
    )


class _ExplanationRedactor:
    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._names = pseudonyms

    def node(self, node: Node) -> Node:
        told = self._names.sentence if node.kind in _SENTENCES else self._names.name
        return replace(
            node,
            label=told(node.label),
            subject=self._names.name(node.subject),
            because=self._names.sentence(node.because),
            facts=tuple((name, self._names.sentence(value)) for name, value in node.facts),
            evidence=tuple(EvidenceRef(self._names.path(ref.file), ref.line) for ref in node.evidence),
            children=tuple(map(self.node, node.children)),
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
        )

    def owner(self, owner: Owner | None) -> Owner | None:
        if owner is None:
            return None
        return Owner(owner.name and self._names.name(owner.name), self._names.sentence(owner.source))
