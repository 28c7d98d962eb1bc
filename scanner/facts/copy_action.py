"""The fact table `copy_action`: one row a copy action of a rule, with what must hold for it to arrive."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from scanner.facts.notes import Notes
from scanner.facts.resource_jobs import issues_of, message_of
from scanner.graph.coverage import Doubt, copy_grouping_key
from scanner.graph.jobs import HISTORY_DAYS, JobHistory, JobOutcomes
from scanner.graph.shard_graph import ShardGraph
from scanner.model.facts import (
    FOREVER_DAYS,
    NEVER_HOURS,
    CopyActionFacts,
    CopyJobsOf,
    CoveredKey,
    CoveredSupport,
    KeyInTheWay,
    SharedKey,
)
from scanner.model.inventory import BackupPlan, BackupRule, CopyAction, Organization, Resource
from scanner.model.names import AccountId, copy_action_subject, rule_subject
from scanner.model.reading import Gap, Unread
from scanner.model.ternary import Answer, Ternary, conjunction
from scanner.protection.capabilities import Capability, capability_of
from scanner.protection.copies import Destination, Link, notes_of
from scanner.protection.key_kinds import ResourceKeys
from scanner.protection.lifecycle import copy_retention_days
from scanner.protection.schedule import rhythm_of, schedule_of
from scanner.protection.timetable import copy_window_hours

__all__ = ["RuleReach", "copy_action_row"]
_WITHIN = Answer(value=True, because="the copy stays in its account")

_COLUMNS = {
    "vault policy admits the source": "admits_source",
    "destination account is a member": "in_organization",
    "cross-account backup is on": "cross_account_enabled",
}
"""The columns that a link of a copy across accounts decides."""

_SUPPORT = frozenset(
    (
        "destination takes copies",
        "type can be copied",
        "type can be air-gapped",
        "image may leave the account",
    )
)
_DAY: Final = 24  # hours


# The columns of a copy action that tell, for each resource that its rule covers, how its copy fares.
#
# What is alike in all that the copy depends on is told once: a rule may cover a shard's every volume.
@dataclass(frozen=True, slots=True)
class RuleReach:
    """The resources that a rule backs up. `doubt` says why it may back up others too; None: it does not."""

    resources: tuple[Resource, ...]
    doubt: Doubt | None

    @property
    def reaches_any(self) -> Ternary:
        """Whether the rule backs up at least one resource."""
        if self.resources:
            return True
        return False if self.doubt is None else None


def copy_action_row(
    graph: ShardGraph,
    jobs: JobHistory,
    made_by: tuple[BackupPlan, BackupRule, CopyAction],
    reach: RuleReach,
) -> tuple[CopyActionFacts, Notes]:
    """Make the row of one copy action, which is part of a plan and a rule."""
    plan, rule, copy = made_by
    notes = Notes()
    notes.evidence("", plan.refs)
    destination = graph.plane.destination(copy.destination)
    _note_destination(destination, notes)
    rule_name = rule_subject(plan.arn, rule.id)
    links = graph.copy_outcomes.links_of_action(rule_name, rule, copy)
    copied = copied_columns(graph, reach, rule, destination, links, notes)
    units = _units(destination.account, graph.plane.organization, notes)
    told = copy_job_columns(jobs, made_by, reach, notes)
    return _facts(graph, made_by, reach, copied, _across(links, notes), units, told, notes), notes


@dataclass(frozen=True, slots=True)
class CopiedColumns:
    """The columns, each with one entry a covered resource; one None ends those that are incomplete."""

    keys: tuple[CoveredKey | None, ...]
    shared: tuple[SharedKey | None, ...]
    supported: tuple[CoveredSupport | None, ...]
    blocked: tuple[KeyInTheWay, ...]


@dataclass(frozen=True, slots=True)
class CopyJobColumns:
    """The columns of a copy action that its copy jobs, and the schedule of its rule, decide."""

    copy_jobs: tuple[CopyJobsOf | None, ...]
    copy_window_hours: float | None
    completed_earlier: Ternary


def _facts(  # noqa: PLR0913, PLR0917 -- a row is made of this much
    graph: ShardGraph,
    made_by: tuple[BackupPlan, BackupRule, CopyAction],
    reach: RuleReach,
    copied: CopiedColumns,
    across: dict[str, Answer],
    units: tuple[str | None, ...],
    jobs: CopyJobColumns,
    notes: Notes,
) -> CopyActionFacts:
    plan, rule, copy = made_by
    destination = graph.plane.destination(copy.destination)
    shard, days = graph.inventory.shard, copy_retention_days(rule, copy)
    rule_name = rule_subject(plan.arn, rule.id)
    return CopyActionFacts(
        subject=copy_action_subject(rule_name, copy.destination),
        subject_type="copy_action",
        account=shard.account,
        region=shard.region,
        name=f"{plan.name} / {rule.name} -> {destination.name}",
        not_applicable_because="",
        plan=plan.arn,
        rule=rule_name,
        kind="air_gapped_target" if copy.air_gapped else "copy_action",
        destination=copy.destination,
        destination_account=destination.account,
        destination_region=destination.region,
        cross_account=graph.crosses_accounts(destination),
        cross_region=destination.region != shard.region,
        destination_exists=destination.exists.value,
        destination_reserved=destination.reserved,
        destination_air_gapped=destination.air_gapped,
        destination_key_kind=None if destination.key_kind is None else destination.key_kind.value,
        admits_source=across["admits_source"].value,
        admits_reason=across["admits_source"].because,
        in_organization=across["in_organization"].value,
        member_reason=across["in_organization"].because,
        destination_units=units,
        cross_account_enabled=across["cross_account_enabled"].value,
        retention_days=days,
        keeps_forever=days == FOREVER_DAYS,
        copied_as="snapshot" if rule.continuous else "",
        covers_resources=reach.reaches_any,
        covered_keys=copied.keys,
        source_keys_shared=copied.shared,
        supported=copied.supported,
        blocked=copied.blocked,
        copy_jobs=jobs.copy_jobs,
        copy_window_hours=jobs.copy_window_hours,
        completed_earlier=jobs.completed_earlier,
        not_known=notes.not_known,
        evidence=notes.references,
    )


def _across(links: tuple[Link, ...], notes: Notes) -> dict[str, Answer]:
    """Tell what the links say that a copy across accounts has besides; within the account they all hold."""
    found = dict.fromkeys(_COLUMNS.values(), _WITHIN)
    for link in links:
        if (column := _COLUMNS.get(link.name)) is not None:
            found[column] = link.answer
            notes.evidence(column, link.refs)
            if link.answer.value is None:
                notes.unknown(column, link.answer.because, link.gap)
    return found


def _units(account: AccountId, organization: Organization, notes: Notes) -> tuple[str | None, ...]:
    """Give the ids of what the account lies below, from the root down, and its path at the end."""
    member = organization.accounts.get(account)
    if member is None and not isinstance(organization.members, Unread):
        return ()
    if member is None or member.ou_path is None:
        notes.unknown("destination_units", f"the organizational unit of account {account} was not read")
        return (None,)
    return (*member.ou_path.strip("/").split("/")[1:], member.ou_path)


def _note_destination(destination: Destination, notes: Notes) -> None:
    if destination.vault is not None:
        for column in ("destination_exists", "destination_key_kind", "destination_air_gapped"):
            notes.evidence(column, destination.vault.refs)
    for column in ("destination_exists", "destination_air_gapped"):
        if destination.exists.value is None:
            notes.unknown(column, destination.exists.because, destination.gap)
    if destination.key_kind is None:
        gap = destination.gap if destination.key is None else destination.key.kind_gap
        because = "who manages the destination vault's key is unknown"
        if destination.vault is None:
            because = destination.exists.because
        notes.unknown("destination_key_kind", because, gap)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Alike:
    """What holds of all resources that are alike."""

    capability: str
    row: Capability | None
    keys: ResourceKeys
    key: str
    blocked_by: str  # the key that is in the way; empty: none
    supported: Answer
    supported_gap: Gap | None
    shared: Answer
    shared_gap: Gap | None
    notes: tuple[str, ...]


def copied_columns(  # noqa: PLR0913, PLR0917 -- a copy action is this much
    graph: ShardGraph,
    reach: RuleReach,
    rule: BackupRule,
    destination: Destination,
    of_action: Iterable[Link],
    notes: Notes,
) -> CopiedColumns:
    """Make the columns of one copy action of a rule. `of_action`: the links that no resource changes."""
    closed = tuple(link for link in of_action if link.name in _SUPPORT)
    alike: dict[tuple[object, ...], _Alike] = {}
    told: list[tuple[Resource, _Alike]] = []
    for resource in reach.resources:
        likeness = copy_grouping_key(resource)
        if (known := alike.get(likeness)) is None:
            known = alike[likeness] = _told(graph, resource, rule, destination, closed)
        told.append((resource, known))
    across = graph.crosses_accounts(destination)
    _note(told, across, notes)
    end = _end(reach.doubt, notes)
    return CopiedColumns(
        keys=(*(_key(resource, each) for resource, each in told), *end),
        shared=(*(_shared(resource, each) for resource, each in told), *end) if across else (),
        supported=(*(_supported(resource, each) for resource, each in told), *end),
        blocked=tuple(
            KeyInTheWay(resource=resource.arn, key=each.blocked_by)
            for resource, each in told
            if each.blocked_by
        ),
    )


def _end(doubt: Doubt | None, notes: Notes) -> tuple[None, ...]:
    if doubt is None:
        return ()
    for column in ("covers_resources", "covered_keys", "blocked", "source_keys_shared", "supported"):
        notes.unknown(column, doubt.because, doubt.gap)
    return (None,)


def _told(
    graph: ShardGraph,
    resource: Resource,
    rule: BackupRule,
    destination: Destination,
    closed: tuple[Link, ...],
) -> _Alike:
    links = (*closed, *graph.copy_outcomes.links_of_resource(resource, destination))
    keys = graph.keys(resource)
    row = capability_of(resource, graph.inventory.settings)
    by_name = {link.name: link for link in links}
    way, shared = by_name.get("no AWS managed key in the way"), by_name.get("source key shared")
    supported, gap = _joined(link for link in links if link.name in _SUPPORT)
    return _Alike(
        capability=resource.capability if row is None else row.key,
        row=row,
        keys=keys,
        key=", ".join(key.name for key in keys.keys or ()),
        blocked_by=_blocking_key(row, keys, destination) if way and way.answer.value is False else "",
        supported=supported,
        supported_gap=gap,
        shared=shared.answer if shared else Answer(value=True, because="the copy stays in its account"),
        shared_gap=shared.gap if shared else None,
        notes=notes_of(links, rule),
    )


def _joined(links: Iterable[Link]) -> tuple[Answer, Gap | None]:
    each = tuple(links)
    verdict = conjunction(link.answer for link in each)
    if verdict.value:
        return each[0].answer, None
    return verdict, next((link.gap for link in each if link.answer == verdict), None)


def _blocking_key(row: Capability | None, keys: ResourceKeys, destination: Destination) -> str:
    own = () if row is not None and row.fully_managed else keys.aws_managed
    return ", ".join(own) or (destination.key.name if destination.key else "") or destination.arn


def _key(resource: Resource, alike: _Alike) -> CoveredKey:
    return CoveredKey(
        resource=resource.arn,
        capability=alike.capability,
        fully_managed=None if alike.row is None else alike.row.fully_managed,
        encrypted=alike.keys.encrypted,
        key=alike.key,
        key_kind=None if alike.keys.kind is None else alike.keys.kind.value,
    )


def _shared(resource: Resource, alike: _Alike) -> SharedKey:
    return SharedKey(
        resource=resource.arn, key=alike.key, shared=alike.shared.value, reason=alike.shared.because
    )


def _supported(resource: Resource, alike: _Alike) -> CoveredSupport:
    return CoveredSupport(
        resource=resource.arn,
        capability=alike.capability,
        supported=alike.supported.value,
        reason=alike.supported.because,
        notes=alike.notes,
    )


def _note(told: Iterable[tuple[Resource, _Alike]], across: bool, notes: Notes) -> None:  # noqa: FBT001 -- a fact
    """Note the evidence, and for what is alike once why something of it is not known."""
    noted = set()
    for resource, alike in told:
        notes.evidence("covered_keys", resource.refs)
        if id(alike) in noted:
            continue
        noted.add(id(alike))
        what = f"of {resource.arn}"
        if alike.row is None:
            because = f"the Region settings do not report what is supported for {resource.arn}"
            notes.unknown("covered_keys", because)
        if alike.keys.kind is None:
            because = f"who manages the key {what} is unknown"
            notes.unknown("covered_keys", because, alike.keys.first_gap)
        if alike.supported.value is None:
            notes.unknown("supported", f"{what}: {alike.supported.because}", alike.supported_gap)
        if across and alike.shared.value is None:
            notes.unknown("source_keys_shared", f"{what}: {alike.shared.because}", alike.shared_gap)


def copy_job_columns(
    jobs: JobHistory,
    made_by: tuple[BackupPlan, BackupRule, CopyAction],
    reach: RuleReach,
    notes: Notes,
) -> CopyJobColumns:
    """Build the columns of one copy action, which is part of a plan and a rule."""
    plan, rule, copy = made_by
    window = copy_window_hours(rule, jobs.as_of)
    earlier = "" if window is None else _why_earlier(window)
    if window is None:
        rhythm = rhythm_of(rule, jobs.as_of)
        earlier = f'when its rule starts ("{schedule_of(rule)}") is unknown: {rhythm.because}'
        notes.unknown("copy_window_hours", earlier)
    if earlier:
        notes.unknown("completed_earlier", earlier)
    name = rule_subject(plan.arn, rule.id)
    return CopyJobColumns(
        copy_jobs=_copy_jobs(jobs, name, copy.destination, reach, notes),
        copy_window_hours=window,
        completed_earlier=None if earlier else False,
    )


def _why_earlier(window: float) -> str:
    """Return why a copy may have completed before the first listed job; empty: it would be listed."""
    if window <= HISTORY_DAYS * _DAY:
        return ""
    days = f"{window / _DAY:.1f}".removesuffix(".0")
    return (
        f"its rule copies at least once in {days} days, the longest gap of its schedule plus the start "
        f"window, and AWS Backup lists the copy jobs of {HISTORY_DAYS} days only"
    )


def _copy_jobs(
    jobs: JobHistory, rule: str, destination: str, reach: RuleReach, notes: Notes
) -> tuple[CopyJobsOf | None, ...]:
    """Tell how the finished copy jobs of the action fared, of each resource that the rule covers and has any.

    The list ends with None where the copy jobs were not read, or the rule may cover others.
    """
    found = [(resource.arn, jobs.copies(resource.arn, rule, destination)) for resource in reach.resources]
    told = tuple(_copy_jobs_of(found, notes))
    unseen = dict.fromkeys((*jobs.unseen_copies, *(one for _, copies in found for one in copies.unseen)))
    for one in unseen:
        notes.unknown("copy_jobs", one.because, one.gap)
    if reach.doubt is not None:
        notes.unknown("copy_jobs", reach.doubt.because, reach.doubt.gap)
    return (*told, None) if unseen or reach.doubt is not None else told


def _copy_jobs_of(found: Iterable[tuple[str, JobOutcomes]], notes: Notes) -> Iterator[CopyJobsOf]:
    for arn, copies in found:
        if any(copy.finished is not False for copy in copies.jobs):
            yield _of_resource(arn, copies)
            for copy in copies.jobs[:1]:
                notes.evidence("copy_jobs", copy.job.refs)
            if any(copy.newest is None for copy in copies.jobs) and not copies.unseen:
                notes.unknown("copy_jobs", f"AWS does not report the state or date of a copy job of {arn}")


def _of_resource(arn: str, copies: JobOutcomes) -> CopyJobsOf:
    newest = next((copy for copy in copies.jobs if copy.newest), None)
    completed = [copy.age_hours for copy in copies.jobs if copy.succeeded and copy.age_hours is not None]
    open_ones = bool(copies.unseen) or any(
        copy.succeeded is None or (copy.succeeded and copy.age_hours is None) for copy in copies.jobs
    )
    return CopyJobsOf(
        resource=arn,
        newest_age_hours=None if newest is None else newest.age_hours,
        newest_succeeded=None if newest is None else newest.succeeded,
        newest_state="" if newest is None else newest.job.state or "",
        completed_age_hours=min(completed) if completed else None if open_ones else NEVER_HOURS,
        category="" if newest is None else newest.job.message_category or "",
        message="" if newest is None else message_of(newest),
        issues="" if newest is None else issues_of(newest),
    )
