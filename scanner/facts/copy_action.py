"""The fact table `copy_action`: one row a copy action of a rule, with what must hold for it to arrive."""

from scanner.facts.copied import CopiedColumns, RuleReach, copied_columns
from scanner.facts.copy_jobs import CopyJobColumns, copy_job_columns
from scanner.facts.notes import Notes
from scanner.graph.jobs import JobHistory
from scanner.graph.shard_graph import ShardGraph
from scanner.model.facts import FOREVER_DAYS, CopyActionFacts
from scanner.model.inventory import BackupPlan, BackupRule, CopyAction, Organization
from scanner.model.names import AccountId, copy_action_subject, rule_subject
from scanner.model.reading import Unread
from scanner.model.ternary import Answer
from scanner.protection.copies import Destination, Link
from scanner.protection.lifecycle import copy_kept_days

__all__ = ["RuleReach", "copy_action_row"]

_WITHIN = Answer(value=True, because="the copy stays in its account")
_COLUMNS = {
    "vault policy admits the source": "admits_source",
    "destination account is a member": "in_organization",
    "cross-account backup is on": "cross_account_enabled",
}
"""The columns that a link of a copy across accounts decides."""


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
    links = graph.fates.links_of_action(rule_name, rule, copy)
    copied = copied_columns(graph, reach, rule, destination, links, notes)
    units = _units(destination.account, graph.plane.organization, notes)
    told = copy_job_columns(jobs, made_by, reach, notes)
    return _facts(graph, made_by, reach, copied, _across(links, notes), units, told, notes), notes


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
    shard, days = graph.inventory.shard, copy_kept_days(rule, copy)
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
