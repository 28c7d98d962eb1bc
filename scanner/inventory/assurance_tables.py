"""What proves, holds and governs protection, as flat rows for `inventory/TABLE.parquet`."""

from collections.abc import Iterable, Iterator, Mapping

from scanner.inventory.cells import known, pairs, time
from scanner.model.assurance import (
    Framework,
    LegalHold,
    ReportPlan,
    RestoreTestingPlan,
    TieringConfiguration,
)
from scanner.model.backup_policies import AccountInventory, BackupGovernance, BackupPolicy
from scanner.model.inventory import ShardInventory
from scanner.model.inventory_tables import (
    BackupPolicyTable,
    EffectivePolicyTable,
    FrameworkControlTable,
    FrameworkTable,
    LegalHoldTable,
    ReportPlanTable,
    RestoreTestingPlanTable,
    RestoreTestingSelectionTable,
    RoleTable,
    TieringTable,
)
from scanner.model.reading import Known


def assurance_rows(inventory: ShardInventory) -> Mapping[str, Iterable[object]]:
    """Give the rows of one shard by table."""
    assurance = inventory.assurance
    return {
        "restore_testing_plans": map(_restore_testing_plan, assurance.restore_testing_plans),
        "restore_testing_selections": (
            row for plan in assurance.restore_testing_plans for row in _tested(plan)
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
    """Give the rows that belong to no account-Region, by table."""
    return {
        "backup_policies": map(_policy, known(governance.policies) or ()),
        "effective_policies": map(_effective, accounts),
    }


def _restore_testing_plan(plan: RestoreTestingPlan) -> RestoreTestingPlanTable:
    scope, selections = known(plan.scope), known(plan.selections)
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


def _tested(plan: RestoreTestingPlan) -> Iterator[RestoreTestingSelectionTable]:
    for selection in known(plan.selections) or ():
        resources = known(selection.resources)
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
    scope = known(hold.scope)
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
    details = known(framework.details)
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
    details = known(framework.details)
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
    rules = known(configuration.rules)
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
        role = known(reading)
        yield RoleTable(
            arn=arn,
            account=inventory.shard.account,
            region=inventory.shard.region,
            exists=role is not None if isinstance(reading, Known) else None,
            trust_policy=role.trust_policy if role else None,
        )


def _policy(policy: BackupPolicy) -> BackupPolicyTable:
    targets = known(policy.targets)
    return BackupPolicyTable(
        id=policy.id,
        name=policy.name,
        content=known(policy.content),
        targets=None if targets is None else tuple(target.id for target in targets),
    )


def _effective(account: AccountInventory) -> EffectivePolicyTable:
    reading = account.effective_policy
    policy = known(reading)
    return EffectivePolicyTable(
        account=account.account,
        reached=policy is not None if isinstance(reading, Known) else None,
        plans=policy.plans if policy else None,
        content=policy.content if policy else None,
        updated_at=time(policy.updated_at) if policy else None,
    )
