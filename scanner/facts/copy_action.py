"""The fact table `copy_action`: a row for each copy action of a rule, with the conditions for its success."""

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
from scanner.model.known import Answer, Gap, Ternary, Unread, conjunction
from scanner.model.names import AccountId, copy_action_subject, rule_subject
from scanner.protection.capabilities import Capability, capability_of
from scanner.protection.copies import Destination, Link, notes_of
from scanner.protection.key_kinds import ResourceKeys
from scanner.protection.lifecycle import copy_retention_days
from scanner.protection.schedule import rhythm_of, schedule_of
from scanner.protection.timetable import copy_window_hours

__all__ = ["RuleReach", "copy_action_row"]
# AWS Backup checks membership, the organisation's setting and the vault policy across accounts only.
_WITHIN = Answer(value=True, because="the copy stays in its account")

_COLUMNS = {
    "vault policy admits the source": "admits_source",
    "destination account is a member": "in_organization",
    "cross-account backup is on": "cross_account_enabled",
}
"""The columns that the links of a copy across accounts decide."""

_SUPPORT = frozenset(
    (
        "destination takes copies",
        "type can be copied",
        "type can be air-gapped",
        "image may leave the account",
    )
)
_DAY: Final = 24  # hours


# Some columns have one entry for each resource that the rule covers. Resources with equal properties are
# evaluated once, as a group: a rule may cover every volume of a shard.
@dataclass(frozen=True, slots=True)
class RuleReach:
    """The resources that a rule backs up. `doubt` says why it may back up others too; None: it does not."""

    resources: tuple[Resource, ...]
    doubt: Doubt | None

    @property
    def reaches_any(self) -> Ternary:
        """Whether the rule backs up at least one resource."""
        # One known resource is enough, whatever else the rule may cover.
        if self.resources:
            return True
        return False if self.doubt is None else None


def copy_action_row(
    graph: ShardGraph,
    jobs: JobHistory,
    action: tuple[BackupPlan, BackupRule, CopyAction],
    reach: RuleReach,
) -> tuple[CopyActionFacts, Notes]:
    """Build the row of one copy action of a rule."""
    plan, rule, copy = action
    notes = Notes()
    notes.evidence("", plan.refs)
    destination = graph.plane.destination(copy.destination)
    _note_destination(destination, notes)
    rule_name = rule_subject(plan.arn, rule.id)
    # These links do not depend on the resource, so they are decided once for the action.
    links = graph.copy_outcomes.links_of_action(rule_name, rule, copy)
    copied = copied_columns(graph, reach, rule, destination, links, notes)
    units = _units(destination.account, graph.plane.organization, notes)
    rows = copy_job_columns(jobs, action, reach, notes)
    return _facts(
        graph, action, reach, copied, _cross_account_answers(links, notes), units, rows, notes
    ), notes


@dataclass(frozen=True, slots=True)
class CopiedColumns:
    """The columns with one entry for each covered resource; an incomplete column ends with None."""

    keys: tuple[CoveredKey | None, ...]
    shared: tuple[SharedKey | None, ...]
    supported: tuple[CoveredSupport | None, ...]
    blocked: tuple[KeyInTheWay, ...]


@dataclass(frozen=True, slots=True)
class CopyJobColumns:
    """The columns of a copy action that depend on its copy jobs and on the schedule of its rule."""

    copy_jobs: tuple[CopyJobsOf | None, ...]
    copy_window_hours: float | None
    completed_earlier: Ternary


def _facts(  # noqa: PLR0913, PLR0917 -- the parts of a row
    graph: ShardGraph,
    action: tuple[BackupPlan, BackupRule, CopyAction],
    reach: RuleReach,
    copied: CopiedColumns,
    across: dict[str, Answer],
    units: tuple[str | None, ...],
    jobs: CopyJobColumns,
    notes: Notes,
) -> CopyActionFacts:
    plan, rule, copy = action
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


def _cross_account_answers(links: tuple[Link, ...], notes: Notes) -> dict[str, Answer]:
    """Return the answers of the links that only copies across accounts have; true for others."""
    answers = dict.fromkeys(_COLUMNS.values(), _WITHIN)
    for link in links:
        if (column := _COLUMNS.get(link.name)) is not None:
            answers[column] = link.answer
            notes.evidence(column, link.refs)
            if link.answer.value is None:
                notes.unknown(column, link.answer.because, link.gap)
    return answers


def _units(account: AccountId, organization: Organization, notes: Notes) -> tuple[str | None, ...]:
    """Return the ids of the root and organizational units above the account, top down, and its path last."""
    member = organization.accounts.get(account)
    # A complete list of members without the account: it is in no unit of this organisation.
    if member is None and not isinstance(organization.members, Unread):
        return ()
    if member is None or member.ou_path is None:
        notes.unknown("destination_units", f"the organizational unit of account {account} was not read")
        return (None,)
    # A path is "o-.../r-.../ou-.../": the organisation at its start is no unit.
    return (*member.ou_path.strip("/").split("/")[1:], member.ou_path)


def _note_destination(destination: Destination, notes: Notes) -> None:
    if destination.vault is not None:
        for column in ("destination_exists", "destination_key_kind", "destination_air_gapped"):
            notes.evidence(column, destination.vault.refs)
    for column in ("destination_exists", "destination_air_gapped"):
        # An unknown vault leaves its air gap unknown, too, which decides where backups of a type can go.
        if destination.exists.value is None:
            notes.unknown(column, destination.exists.because, destination.gap)
    if destination.key_kind is None:
        gap = destination.gap if destination.key is None else destination.key.kind_gap
        because = "who manages the destination vault's key is unknown"
        if destination.vault is None:
            because = destination.exists.because
        notes.unknown("destination_key_kind", because, gap)


@dataclass(frozen=True, slots=True, kw_only=True)
class _CopyGroup:
    """What all resources of a group share."""

    capability: str
    row: Capability | None
    keys: ResourceKeys
    key: str
    blocked_by: str  # the key that prevents the copy; empty: none
    supported: Answer
    supported_gap: Gap | None
    shared: Answer
    shared_gap: Gap | None
    notes: tuple[str, ...]


def copied_columns(  # noqa: PLR0913, PLR0917 -- the parts of a copy action
    graph: ShardGraph,
    reach: RuleReach,
    rule: BackupRule,
    destination: Destination,
    of_action: Iterable[Link],
    notes: Notes,
) -> CopiedColumns:
    """Build the columns of one copy action. `of_action`: the links that are the same for all resources."""
    # Their answers hold for every resource, so they are joined with those of each group.
    closed = tuple(link for link in of_action if link.name in _SUPPORT)
    groups: dict[tuple[object, ...], _CopyGroup] = {}
    rows: list[tuple[Resource, _CopyGroup]] = []
    for resource in reach.resources:
        # The key has all properties that links depend on, so equal keys mean equal answers.
        key = copy_grouping_key(resource)
        if (group := groups.get(key)) is None:
            group = groups[key] = _copy_group(graph, resource, rule, destination, closed)
        rows.append((resource, group))
    across = graph.crosses_accounts(destination)
    _note(rows, across, notes)
    end = _incomplete_end(reach.doubt, notes)
    return CopiedColumns(
        keys=(*(_key(resource, group) for resource, group in rows), *end),
        # Within an account keys need no sharing: the column is empty, which is no gap.
        shared=(*(_shared(resource, group) for resource, group in rows), *end) if across else (),
        supported=(*(_supported(resource, group) for resource, group in rows), *end),
        blocked=tuple(
            KeyInTheWay(resource=resource.arn, key=group.blocked_by)
            for resource, group in rows
            if group.blocked_by
        ),
    )


def _incomplete_end(doubt: Doubt | None, notes: Notes) -> tuple[None, ...]:
    if doubt is None:
        return ()
    for column in ("covers_resources", "covered_keys", "blocked", "source_keys_shared", "supported"):
        notes.unknown(column, doubt.because, doubt.gap)
    return (None,)


def _copy_group(
    graph: ShardGraph,
    resource: Resource,
    rule: BackupRule,
    destination: Destination,
    closed: tuple[Link, ...],
) -> _CopyGroup:
    links = (*closed, *graph.copy_outcomes.links_of_resource(resource, destination))
    keys = graph.keys(resource)
    row = capability_of(resource, graph.inventory.settings)
    by_name = {link.name: link for link in links}
    # Names of links are the contract with `protection.copies`; a link that does not apply is absent.
    way, shared = by_name.get("no AWS managed key in the way"), by_name.get("source key shared")
    supported, gap = _joined_support(link for link in links if link.name in _SUPPORT)
    return _CopyGroup(
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


def _joined_support(links: Iterable[Link]) -> tuple[Answer, Gap | None]:
    links = tuple(links)
    verdict = conjunction(link.answer for link in links)
    if verdict.value:
        return links[0].answer, None
    # The gap of the deciding link only: other missing reads would not change the answer.
    return verdict, next((link.gap for link in links if link.answer == verdict), None)


def _blocking_key(row: Capability | None, keys: ResourceKeys, destination: Destination) -> str:
    # Backups of fully managed types take the vault's key, so their own key cannot block (guide,
    # "Encryption").
    own = () if row is not None and row.fully_managed else keys.aws_managed
    return ", ".join(own) or (destination.key.name if destination.key else "") or destination.arn


def _key(resource: Resource, group: _CopyGroup) -> CoveredKey:
    return CoveredKey(
        resource=resource.arn,
        capability=group.capability,
        fully_managed=None if group.row is None else group.row.fully_managed,
        encrypted=group.keys.encrypted,
        key=group.key,
        key_kind=None if group.keys.kind is None else group.keys.kind.value,
    )


def _shared(resource: Resource, group: _CopyGroup) -> SharedKey:
    return SharedKey(
        resource=resource.arn, key=group.key, shared=group.shared.value, reason=group.shared.because
    )


def _supported(resource: Resource, group: _CopyGroup) -> CoveredSupport:
    return CoveredSupport(
        resource=resource.arn,
        capability=group.capability,
        supported=group.supported.value,
        reason=group.supported.because,
        notes=group.notes,
    )


def _note(rows: Iterable[tuple[Resource, _CopyGroup]], across: bool, notes: Notes) -> None:  # noqa: FBT001 -- private, called once
    """Note the evidence of all resources, and once for each group why something is unknown."""
    noted = set()
    # Every resource keeps its own evidence line; the reasons of a group would only repeat.
    for resource, group in rows:  # by id: equal groups are the same object
        notes.evidence("covered_keys", resource.refs)
        if id(group) in noted:
            continue
        noted.add(id(group))
        what = f"of {resource.arn}"
        if group.row is None:
            # The message names one resource of the group as its example.
            because = f"the Region settings do not report what is supported for {resource.arn}"
            notes.unknown("covered_keys", because)
        if group.keys.kind is None:
            because = f"who manages the key {what} is unknown"
            notes.unknown("covered_keys", because, group.keys.first_gap)
        if group.supported.value is None:
            notes.unknown("supported", f"{what}: {group.supported.because}", group.supported_gap)
        if across and group.shared.value is None:
            notes.unknown("source_keys_shared", f"{what}: {group.shared.because}", group.shared_gap)


def copy_job_columns(
    jobs: JobHistory,
    action: tuple[BackupPlan, BackupRule, CopyAction],
    reach: RuleReach,
    notes: Notes,
) -> CopyJobColumns:
    """Build the columns of one copy action that depend on its jobs and the rule's schedule."""
    plan, rule, copy = action
    window = copy_window_hours(rule, jobs.as_of)
    # A window longer than the history leaves it open whether a copy completed before the first listed job.
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
    """Return why a copy may have completed before the listed jobs; empty: it would be listed."""
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
    """Return the finished copy jobs of the action, for each covered resource that has any.

    The list ends with None if the copy jobs were not read, or the rule may cover other resources.
    """
    copies = [(resource.arn, jobs.copies(resource.arn, rule, destination)) for resource in reach.resources]
    rows = tuple(_copy_jobs_of(copies, notes))
    unseen = dict.fromkeys(
        (*jobs.unseen_copies, *(reason for _, outcomes in copies for reason in outcomes.unseen))
    )
    for reason in unseen:
        notes.unknown("copy_jobs", reason.because, reason.gap)
    if reach.doubt is not None:
        notes.unknown("copy_jobs", reach.doubt.because, reach.doubt.gap)
    return (*rows, None) if unseen or reach.doubt is not None else rows


def _copy_jobs_of(
    copies_by_resource: Iterable[tuple[str, JobOutcomes]], notes: Notes
) -> Iterator[CopyJobsOf]:
    for arn, copies in copies_by_resource:
        # A job whose state is unknown may have finished, so it must not vanish from the list.
        if any(copy.finished is not False for copy in copies.jobs):
            yield _of_resource(arn, copies)
            # Jobs are sorted newest first: evidence of the newest suffices, and keeps rows of busy rules
            # small.
            for copy in copies.jobs[:1]:
                notes.evidence("copy_jobs", copy.job.refs)
            # Several jobs with unknown dates compete for the newest: neither counts, and the row says why.
            if any(copy.newest is None for copy in copies.jobs) and not copies.unseen:
                notes.unknown("copy_jobs", f"AWS does not report the state or date of a copy job of {arn}")


def _of_resource(arn: str, copies: JobOutcomes) -> CopyJobsOf:
    newest = next((copy for copy in copies.jobs if copy.newest), None)
    completed = [copy.age_hours for copy in copies.jobs if copy.succeeded and copy.age_hours is not None]
    # A job that may have completed, or did so at an unknown time, forbids "never".
    open_ones = bool(copies.unseen) or any(
        copy.succeeded is None or (copy.succeeded and copy.age_hours is None) for copy in copies.jobs
    )
    return CopyJobsOf(
        resource=arn,
        newest_age_hours=None if newest is None else newest.age_hours,
        newest_succeeded=None if newest is None else newest.succeeded,
        newest_state="" if newest is None else newest.job.state or "",
        # NEVER_HOURS is no NULL: comparisons with a limit must fail, not become unknown.
        completed_age_hours=min(completed) if completed else None if open_ones else NEVER_HOURS,
        category="" if newest is None else newest.job.message_category or "",
        message="" if newest is None else message_of(newest),
        issues="" if newest is None else issues_of(newest),
    )
