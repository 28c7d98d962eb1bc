"""The inventory of a shard as flat rows, for `inventory/TABLE.parquet`."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from scanner.inventory.assurance_tables import assurance_rows
from scanner.inventory.cells import known, time
from scanner.model.facts import Tag
from scanner.model.inventory import (
    Account,
    BackupPlan,
    Job,
    Key,
    ProtectedResource,
    RecoveryPoint,
    Resource,
    SelectionTerms,
    ShardInventory,
    TagCondition,
    Vault,
    VaultNotifications,
)
from scanner.model.inventory_tables import (
    AccountTable,
    GapTable,
    JobTable,
    KeyAliasTable,
    KeyTable,
    PlanTable,
    ProtectedResourceTable,
    RecoveryPointTable,
    ResourceTable,
    RuleTable,
    SelectionTable,
    ShardTable,
    VaultTable,
)
from scanner.model.names import rule_subject
from scanner.model.reading import Gap, Known


def inventory_rows(inventory: ShardInventory) -> Mapping[str, Iterable[object]]:
    """Give the rows of one shard by table; `accounts` belongs to no shard."""
    return {
        "shards": (_shard(inventory),),
        "resources": map(_resource, inventory.resources),
        "plans": map(_plan, inventory.plans),
        "rules": (row for plan in inventory.plans for row in _rules(plan)),
        "selections": (row for plan in inventory.plans for row in _selections(plan)),
        "vaults": map(_vault, inventory.vaults),
        "keys": map(_key, inventory.keys.values()),
        "recovery_points": map(_recovery_point, inventory.recovery_points),
        "jobs": map(_job, inventory.jobs),
        "protected_resources": map(_protected, inventory.protected_resources),
        "gaps": map(_gap, inventory.gaps),
        "key_aliases": (KeyAliasTable(alias=alias, key=key) for alias, key in inventory.key_aliases.items()),
        **assurance_rows(inventory),
    }


def gap_rows(gaps: Iterable[Gap]) -> Iterator[GapTable]:
    """Give the rows of the table `gaps` for reads that belong to no account-Region."""
    return map(_gap, gaps)


def account_rows(accounts: Iterable[Account]) -> Iterator[AccountTable]:
    """Give the rows of the table `accounts`."""
    for account in accounts:
        yield AccountTable(id=account.id, name=account.name, status=account.status, ou_path=account.ou_path)


def _shard(inventory: ShardInventory) -> ShardTable:
    return ShardTable(
        account=inventory.shard.account,
        region=inventory.shard.region,
        status=inventory.status.value,
        resources=len(inventory.resources),
        gaps=len(inventory.gaps),
    )


def _resource(resource: Resource) -> ResourceTable:
    tags, encryption = known(resource.tags), known(resource.encryption)
    return ResourceTable(
        arn=resource.arn,
        type=resource.type,
        account=resource.account,
        region=resource.region,
        name=resource.name,
        state=resource.state,
        created_at=time(resource.created_at),
        tags=None if tags is None else tuple(Tag(key, value) for key, value in sorted(tags.items())),
        encrypted=None if encryption is None else encryption.encrypted,
        keys=None if encryption is None else encryption.keys,
        versioned=known(resource.versioned),
        attached_to=resource.attached_to,
        members=resource.members,
    )


def _plan(plan: BackupPlan) -> PlanTable:
    rules, selections = known(plan.rules), known(plan.selections)
    return PlanTable(
        arn=plan.arn,
        id=plan.id,
        name=plan.name,
        account=plan.account,
        region=plan.region,
        rules=None if rules is None else len(rules),
        selections=None if selections is None or plan.unlisted_selections else len(selections),
    )


def _rules(plan: BackupPlan) -> Iterator[RuleTable]:
    for rule in known(plan.rules) or ():
        yield RuleTable(
            rule=rule_subject(plan.arn, rule.id),
            plan=plan.arn,
            name=rule.name,
            vault=rule.target_vault,
            schedule=rule.schedule,
            timezone=rule.timezone,
            continuous=rule.continuous,
            delete_after_days=rule.lifecycle.delete_after_days,
            move_to_cold_after_days=rule.lifecycle.move_to_cold_after_days,
            archive_opt_in=rule.lifecycle.archive_opt_in,
            copies_to=tuple(copy.destination for copy in rule.copies),
        )


def _selections(plan: BackupPlan) -> Iterator[SelectionTable]:
    for selection in known(plan.selections) or ():
        terms: SelectionTerms | None = known(selection.terms)
        yield SelectionTable(
            selection=rule_subject(plan.arn, selection.id),
            plan=plan.arn,
            name=selection.name,
            resources=terms.resources if terms else None,
            not_resources=terms.not_resources if terms else None,
            list_of_tags=_conditions(terms.list_of_tags) if terms else None,
            conditions=_conditions(terms.conditions) if terms else None,
            role=terms.role if terms else None,
        )


def _conditions(conditions: Iterable[TagCondition]) -> tuple[str, ...]:
    return tuple(f"{each.operator} {each.key}={each.value}" for each in conditions)


def _vault(vault: Vault) -> VaultTable:
    policy = (vault.policy.value or "") if isinstance(vault.policy, Known) else None
    told, details = vault.notifications, known(vault.details)
    notified = (told.value or _NOBODY) if isinstance(told, Known) else None
    return VaultTable(
        arn=vault.arn,
        name=vault.name,
        account=vault.account,
        region=vault.region,
        type=vault.type,
        locked=vault.lock.locked,
        lock_date=time(vault.lock.lock_date),
        min_retention_days=vault.lock.min_retention_days,
        max_retention_days=vault.lock.max_retention_days,
        key=vault.key,
        policy=policy,
        state=vault.state,
        notified_topic=(notified.topic or "") if notified else None,
        notified_events=notified.events if notified else None,
        approval_team=(details.approval_team or "") if details else None,
        source_vault=details.source_vault if details else None,
    )


_NOBODY: Final = VaultNotifications(None, ())


def _key(key: Key) -> KeyTable:
    kind = known(key.kind)
    return KeyTable(
        key=key.arn or key.id,
        account=key.account,
        region=key.region,
        kind=None if kind is None else kind.value,
        state=key.state,
        multi_region=key.multi_region,
        enabled=key.enabled,
        deletion_at=time(key.deletion_at),
        primary=key.primary,
    )


def _recovery_point(point: RecoveryPoint) -> RecoveryPointTable:
    return RecoveryPointTable(
        arn=point.arn,
        vault=point.vault,
        account=point.account,
        region=point.region,
        resource=point.resource,
        resource_type=point.resource_type,
        status=point.status,
        created_at=time(point.created_at),
        delete_at=time(point.delete_at),
        delete_after_days=point.delete_after_days,
        encrypted=point.encrypted,
        created_by_rule=point.created_by_rule,
        scan_findings=point.scan.findings if point.scan else None,
        scan_failed=point.scan.failed if point.scan else None,
        last_restored_at=time(point.last_restored_at),
    )


def _protected(protected: ProtectedResource) -> ProtectedResourceTable:
    restore = known(protected.latest_restore)
    return ProtectedResourceTable(
        arn=protected.arn,
        type=protected.type,
        account=protected.account,
        region=protected.region,
        last_backup_at=time(protected.last_backup_at),
        last_vault=protected.last_vault,
        latest_restore_at=time(restore.created_at) if restore else None,
        latest_restore_minutes=restore.minutes if restore else None,
    )


def _job(job: Job) -> JobTable:
    return JobTable(
        kind=job.kind.value,
        id=job.id,
        account=job.account,
        region=job.region,
        state=job.state,
        resource=job.resource,
        resource_type=job.resource_type,
        created_at=time(job.created_at),
        completed_at=time(job.completed_at),
        message=job.message,
        destination_vault=job.destination_vault,
        created_by_rule=job.created_by_rule,
        message_category=job.message_category,
        validation_status=job.validation_status,
        restore_testing_plan=job.restore_testing_plan,
    )


def _gap(gap: Gap) -> GapTable:
    return GapTable(
        account=gap.account,
        region=gap.region,
        operation=gap.operation,
        about=gap.about,
        kind=gap.kind.value,
        code=gap.code,
        message=gap.message,
        file=gap.ref.file if gap.ref else None,
        line=gap.ref.line if gap.ref else None,
    )
