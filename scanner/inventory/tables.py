"""The inventory of a shard as flat rows, for `inventory/TABLE.parquet`."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final, TypeVar

from scanner.model.assurance import (
    Framework,
    LegalHold,
    ReportPlan,
    RestoreTestingPlan,
    TieringConfiguration,
)
from scanner.model.backup_policies import AccountInventory, BackupGovernance, BackupPolicy
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
    gib,
)
from scanner.model.inventory_tables import (
    AccountTable,
    BackupPolicyTable,
    EffectivePolicyTable,
    FrameworkControlTable,
    FrameworkTable,
    GapTable,
    JobTable,
    KeyAliasTable,
    KeyTable,
    LegalHoldTable,
    PlanTable,
    ProtectedResourceTable,
    RecoveryPointTable,
    ReportPlanTable,
    ResourceTable,
    RestoreTestingPlanTable,
    RestoreTestingSelectionTable,
    RoleTable,
    RuleTable,
    SelectionTable,
    ShardTable,
    TieringTable,
    VaultTable,
)
from scanner.model.known import Gap, Known, Reading
from scanner.model.names import rule_subject

V = TypeVar("V")


def value_or_none(reading: Reading[V] | None) -> V | None:
    """Return the value of a reading, or None if it was not read."""
    return reading.value if isinstance(reading, Known) else None


def time(instant: datetime | None) -> str | None:
    """Return a time in RFC 3339 format, in UTC."""
    # One time zone and one format, so that equal evidence gives equal bytes.
    return None if instant is None else instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def pairs(values: tuple[tuple[str, str], ...], between: str = "=") -> tuple[str, ...]:
    """Return pairs as texts like `key=value`."""
    return tuple(f"{key}{between}{value}" for key, value in values)


def inventory_rows(inventory: ShardInventory) -> Mapping[str, Iterable[object]]:
    """Return the rows of one shard by table; the table `accounts` is not part of a shard."""
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
    """Return rows of the table `gaps` for reads outside the shards."""
    return map(_gap, gaps)


def account_rows(accounts: Iterable[Account]) -> Iterator[AccountTable]:
    """Yield the rows of the table `accounts`."""
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
    tags, encryption = value_or_none(resource.tags), value_or_none(resource.encryption)
    size = value_or_none(resource.size)
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
        versioned=value_or_none(resource.versioned),
        attached_to=resource.attached_to,
        members=resource.members,
        size_gib=None if size is None else size.gib,
        size_kind=None if size is None else size.kind.value,
    )


def _plan(plan: BackupPlan) -> PlanTable:
    rules, selections = value_or_none(plan.rules), value_or_none(plan.selections)
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
    for rule in value_or_none(plan.rules) or ():
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
    for selection in value_or_none(plan.selections) or ():
        terms: SelectionTerms | None = value_or_none(selection.terms)
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
    return tuple(f"{condition.operator} {condition.key}={condition.value}" for condition in conditions)


def _vault(vault: Vault) -> VaultTable:
    policy = (vault.policy.value or "") if isinstance(vault.policy, Known) else None
    reading, details = vault.notifications, value_or_none(vault.details)
    notifications = (reading.value or _NO_NOTIFICATIONS) if isinstance(reading, Known) else None
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
        notified_topic=(notifications.topic or "") if notifications else None,
        notified_events=notifications.events if notifications else None,
        approval_team=(details.approval_team or "") if details else None,
        source_vault=details.source_vault if details else None,
    )


_NO_NOTIFICATIONS: Final = VaultNotifications(None, ())


def _key(key: Key) -> KeyTable:
    kind = value_or_none(key.kind)
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
        size_gib=None if point.size_bytes is None else gib(point.size_bytes),
    )


def _protected(protected: ProtectedResource) -> ProtectedResourceTable:
    restore = value_or_none(protected.latest_restore)
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


def assurance_rows(inventory: ShardInventory) -> Mapping[str, Iterable[object]]:
    """Return the rows of one shard about restore tests, legal holds, frameworks, tiering and roles."""
    assurance = inventory.assurance
    return {
        "restore_testing_plans": map(_restore_testing_plan, assurance.restore_testing_plans),
        "restore_testing_selections": (
            row for plan in assurance.restore_testing_plans for row in _restore_testing_selections(plan)
        ),
        "legal_holds": map(_legal_hold, assurance.legal_holds),
        "frameworks": map(_framework, assurance.frameworks),
        "framework_controls": (row for framework in assurance.frameworks for row in _controls(framework)),
        "report_plans": map(_report_plan, assurance.report_plans),
        "tiering_configurations": map(_tiering, assurance.tiering_configurations),
        "roles": _roles(inventory),
    }


def governance_rows(
    governance: BackupGovernance, accounts: Iterable[AccountInventory]
) -> Mapping[str, Iterable[object]]:
    """Return the rows for backup policies of the organisation, by table."""
    return {
        "backup_policies": map(_policy, value_or_none(governance.policies) or ()),
        "effective_policies": map(_effective, accounts),
    }


def _restore_testing_plan(plan: RestoreTestingPlan) -> RestoreTestingPlanTable:
    scope, selections = value_or_none(plan.scope), value_or_none(plan.selections)
    return RestoreTestingPlanTable(
        arn=plan.arn,
        name=plan.name,
        account=plan.account,
        region=plan.region,
        schedule=plan.schedule,
        timezone=plan.timezone,
        last_executed_at=time(plan.last_executed_at),
        include_vaults=scope.include_vaults if scope else None,
        exclude_vaults=scope.exclude_vaults if scope else None,
        point_types=scope.point_types if scope else None,
        window_days=scope.window_days if scope else None,
        selections=None if selections is None or plan.unlisted_selections else len(selections),
    )


def _restore_testing_selections(plan: RestoreTestingPlan) -> Iterator[RestoreTestingSelectionTable]:
    for selection in value_or_none(plan.selections) or ():
        resources = value_or_none(selection.resources)
        conditions = (
            (*pairs(resources.equals, " = "), *pairs(resources.not_equals, " <> ")) if resources else None
        )
        yield RestoreTestingSelectionTable(
            plan=plan.arn,
            name=selection.name,
            resource_type=selection.resource_type,
            role=selection.role,
            resources=resources.arns if resources else None,
            conditions=conditions,
            validation_window_hours=selection.validation_window_hours,
        )


def _legal_hold(hold: LegalHold) -> LegalHoldTable:
    scope = value_or_none(hold.scope)
    return LegalHoldTable(
        arn=hold.arn,
        title=hold.title,
        account=hold.account,
        region=hold.region,
        status=hold.status,
        created_at=time(hold.created_at),
        canceled_at=time(hold.canceled_at),
        vaults=scope.vaults if scope else None,
        resources=scope.resources if scope else None,
        from_date=time(scope.from_date) if scope else None,
        to_date=time(scope.to_date) if scope else None,
    )


def _framework(framework: Framework) -> FrameworkTable:
    details = value_or_none(framework.details)
    return FrameworkTable(
        arn=framework.arn,
        name=framework.name,
        account=framework.account,
        region=framework.region,
        deployment_status=framework.deployment_status,
        status=details.status if details else None,
        controls=len(details.controls) if details else None,
    )


def _controls(framework: Framework) -> Iterator[FrameworkControlTable]:
    details = value_or_none(framework.details)
    for control in details.controls if details else ():
        yield FrameworkControlTable(
            framework=framework.arn,
            control=control.name,
            parameters=pairs(control.parameters),
            resource_ids=control.resource_ids,
            resource_types=control.resource_types,
            tags=pairs(control.tags),
        )


def _report_plan(plan: ReportPlan) -> ReportPlanTable:
    return ReportPlanTable(
        arn=plan.arn,
        name=plan.name,
        account=plan.account,
        region=plan.region,
        template=plan.template,
        frameworks=plan.frameworks,
        bucket=plan.bucket,
        deployment_status=plan.deployment_status,
        last_success_at=time(plan.last_success_at),
    )


def _tiering(configuration: TieringConfiguration) -> TieringTable:
    rules = value_or_none(configuration.rules)
    return TieringTable(
        arn=configuration.arn,
        name=configuration.name,
        account=configuration.account,
        region=configuration.region,
        vault=configuration.vault,
        rules=None
        if rules is None
        else tuple(
            f"{rule.resource_type} {resource}: {rule.after_days} days"
            for rule in rules
            for resource in rule.resources
        ),
    )


def _roles(inventory: ShardInventory) -> Iterator[RoleTable]:
    for arn, reading in inventory.roles.items():
        role = value_or_none(reading)
        yield RoleTable(
            arn=arn,
            account=inventory.shard.account,
            region=inventory.shard.region,
            exists=role is not None if isinstance(reading, Known) else None,
            trust_policy=role.trust_policy if role else None,
        )


def _policy(policy: BackupPolicy) -> BackupPolicyTable:
    targets = value_or_none(policy.targets)
    return BackupPolicyTable(
        id=policy.id,
        name=policy.name,
        content=value_or_none(policy.content),
        targets=None if targets is None else tuple(target.id for target in targets),
    )


def _effective(account: AccountInventory) -> EffectivePolicyTable:
    reading = account.effective_policy
    policy = value_or_none(reading)
    return EffectivePolicyTable(
        account=account.account,
        reached=policy is not None if isinstance(reading, Known) else None,
        plans=policy.plans if policy else None,
        content=policy.content if policy else None,
        updated_at=time(policy.updated_at) if policy else None,
    )
