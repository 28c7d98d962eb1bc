"""The fact table `copy_action`: one row a copy action of a rule, with the keys of all that it copies."""

from collections.abc import Iterable
from dataclasses import dataclass

from scanner.facts.notes import Notes
from scanner.graph.coverage import Doubt
from scanner.graph.shard_graph import ShardGraph
from scanner.model.facts import FOREVER_DAYS, CopyActionFacts, CoveredKey, KeyInTheWay
from scanner.model.inventory import BackupPlan, BackupRule, CopyAction, Resource
from scanner.model.names import copy_action_subject, rule_subject
from scanner.model.ternary import Ternary
from scanner.protection.capabilities import capability_of, fully_managed
from scanner.protection.copies import Destination, key_in_the_way
from scanner.protection.lifecycle import copy_kept_days


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
    graph: ShardGraph, plan: BackupPlan, rule: BackupRule, copy: CopyAction, reach: RuleReach
) -> tuple[CopyActionFacts, Notes]:
    """Make the row of one copy action."""
    notes = Notes()
    notes.evidence("", plan.refs)
    destination = graph.plane.destination(copy.destination)
    _note_destination(destination, notes)
    shard = graph.inventory.shard
    days = copy_kept_days(rule, copy)
    rule_name = rule_subject(plan.arn, rule.id)
    covered = _covered_keys(graph, reach, notes)
    facts = CopyActionFacts(
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
        destination_air_gapped=None if destination.vault is None else destination.vault.air_gapped,
        destination_key_kind=None if destination.key_kind is None else destination.key_kind.value,
        retention_days=days,
        keeps_forever=days == FOREVER_DAYS,
        covers_resources=reach.reaches_any,
        covered_keys=covered,
        blocked=tuple(_blocked(graph, reach.resources, destination)),
        not_known=notes.not_known,
        evidence=notes.references,
    )
    return facts, notes


def _note_destination(destination: Destination, notes: Notes) -> None:
    if destination.vault is not None:
        for column in ("destination_exists", "destination_key_kind", "destination_air_gapped"):
            notes.evidence(column, destination.vault.refs)
    for column in ("destination_exists", "destination_air_gapped"):
        if destination.exists.value is None:
            notes.unknown(column, destination.exists.because, destination.gap)
    if destination.key_kind is None:
        gap = destination.gap if destination.key is None else destination.key.kind_gap
        because = "who manages the destination vault's key is not known"
        if destination.vault is None:
            because = f"the destination vault was not seen: {destination.exists.because}"
        notes.unknown("destination_key_kind", because, gap)


def _covered_keys(graph: ShardGraph, reach: RuleReach, notes: Notes) -> tuple[CoveredKey | None, ...]:
    """Tell the keys of what the rule backs up; where it may back up more, the list is incomplete."""
    covered = tuple(_covered_key(graph, resource, notes) for resource in reach.resources)
    if reach.doubt is None:
        return covered
    for column in ("covers_resources", "covered_keys", "blocked"):
        notes.unknown(column, reach.doubt.because, reach.doubt.gap)
    return (*covered, None)


def _covered_key(graph: ShardGraph, resource: Resource, notes: Notes) -> CoveredKey:
    keys = graph.keys(resource)
    settings = graph.inventory.settings
    row = capability_of(resource, settings)
    managed = fully_managed(resource, settings)
    notes.evidence("covered_keys", resource.refs)
    if managed is None:
        notes.unknown("covered_keys", f"the Region settings do not tell what can be done with {resource.arn}")
    if keys.kind is None:
        notes.unknown("covered_keys", f"who manages the key of {resource.arn} is not known", keys.first_gap)
    return CoveredKey(
        resource=resource.arn,
        capability=resource.capability if row is None else row.key,
        fully_managed=managed,
        encrypted=keys.encrypted,
        key=", ".join(key.name for key in keys.keys or ()),
        key_kind=None if keys.kind is None else keys.kind.value,
    )


def _blocked(
    graph: ShardGraph, resources: Iterable[Resource], destination: Destination
) -> Iterable[KeyInTheWay]:
    """Give the resources that a key keeps from being copied across accounts, and which key it is."""
    if not graph.crosses_accounts(destination):
        return
    for resource in resources:
        keys = graph.keys(resource)
        managed = fully_managed(resource, graph.inventory.settings)
        if key_in_the_way(managed, keys, destination).value is not False:
            continue
        own = () if managed else keys.aws_managed
        key = ", ".join(own) or (destination.key.name if destination.key else "") or destination.arn
        yield KeyInTheWay(resource=resource.arn, key=key)
