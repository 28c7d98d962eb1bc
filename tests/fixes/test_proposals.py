"""Root causes to changes: each kind has a strategy or a manual step, and what is not known is not changed."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from scanner.fixes.configuration import (
    Configuration,
    Destination,
    RecordedKey,
    RecordedPlan,
    RecordedSelection,
    RecordedShard,
    RecordedVault,
)
from scanner.fixes.draft import Draft
from scanner.fixes.manual import MANUAL
from scanner.fixes.problem import Problem, Workbench
from scanner.fixes.proposals import STRATEGIES, propose
from scanner.model.names import AWS_GLOBAL
from scanner.model.planning.fix import FixChange, ManualStep
from scanner.model.planning.planned_change import ChangeKind
from scanner.model.root_causes import CauseKind, RootCause

ACCOUNT, BACKUP, REGION = "111122223333", "444455556666", "eu-west-1"
PREFIX = f"arn:aws:backup:{REGION}:{ACCOUNT}"
VAULT, PLAN = f"{PREFIX}:backup-vault:main", f"{PREFIX}:backup-plan:p1"
RULE = f"{PLAN}#r1"
CENTRAL = f"arn:aws:backup:{REGION}:{BACKUP}:backup-vault:central"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/service-role/AWSBackupDefaultServiceRole"
VOLUME = f"arn:aws:ec2:{REGION}:{ACCOUNT}:volume/vol-1"
POLICY: Mapping[str, Any] = {"Version": "2012-10-17", "Statement": [{"Sid": "Own", "Effect": "Allow"}]}


def rule_of(**fields: Any) -> dict[str, Any]:
    return {
        "RuleId": "r1",
        "RuleName": "daily",
        "TargetBackupVaultName": "main",
        "ScheduleExpression": "cron(0 5 ? * * *)",
        "Lifecycle": {"DeleteAfterDays": 14},
        **fields,
    }


def shard_of(*rules: dict[str, Any], vault: Mapping[str, Any] | None = None, **fields: Any) -> RecordedShard:
    """Return an account-Region with the plan daily, a selection of it and the vault main."""
    plan = RecordedPlan("p1", PLAN, {"BackupPlanName": "daily", "Rules": list(rules or (rule_of(),))})
    row = {"BackupVaultName": "main", "BackupVaultArn": VAULT, "EncryptionKeyArn": KEY, **(vault or {})}
    contents: dict[str, Any] = {
        "plans": {"p1": plan},
        "selections": (RecordedSelection("s1", "p1", {"SelectionName": "gold", "IamRoleArn": ROLE}),),
        "vaults": {"main": RecordedVault("main", row, POLICY)},
        "keys": {KEY: RecordedKey(KEY, is_customer_managed=True, is_enabled=True, policy=POLICY)},
        "opt_in": {"EBS": False, "RDS": True},
        "are_plans_read": True,
        "are_vaults_read": True,
    }
    return RecordedShard(account=ACCOUNT, region=REGION, partition="aws", **{**contents, **fields})


def proposed(  # noqa: PLR0913 -- what a strategy depends on
    kind: CauseKind,
    subject: str,
    failures: tuple[tuple[str, str], ...] = (),
    shard: RecordedShard | None = None,
    *,
    about: str = "",
    parameters: Mapping[str, tuple[Any, ...]] | None = None,
    compliance_days: int | None = None,
) -> tuple[tuple[FixChange, ...], tuple[ManualStep, ...]]:
    """Return the changes and the manual steps for one root cause."""
    own = shard or shard_of()
    roles = RecordedShard(
        account=ACCOUNT, region=AWS_GLOBAL, partition="aws", roles={ROLE: POLICY}, are_roles_read=True
    )
    shards = {(ACCOUNT, REGION): own, (ACCOUNT, AWS_GLOBAL): roles}
    configuration = Configuration(
        load=lambda account, region: shards.get((account, region)),
        organization="o-1",
        management_account="999988887777",
        destinations=(
            Destination(CENTRAL, BACKUP, REGION, is_air_gapped=False, is_customer_managed=True, works=3),
        ),
        tags={VOLUME: {"Backup": "Gold"}},
    )
    draft = Draft(configuration)
    bench = Workbench(
        draft,
        datetime(2026, 11, 30, tzinfo=UTC),
        parameters=parameters or {},
        compliance_days=compliance_days,
    )
    cause = RootCause(kind=kind, subject=subject, account=ACCOUNT, region=REGION, about=about)
    manual = propose(bench, [Problem(cause, failures or (("control", subject),))])
    return draft.changes(), manual


def only(changes: tuple[FixChange, ...]) -> FixChange:
    (change,) = changes
    return change


def test_each_kind_has_a_strategy_or_a_manual_step() -> None:
    kinds = set(CauseKind) - {CauseKind.MISSING_READ}  # of unknown findings only
    assert STRATEGIES.keys() | MANUAL.keys() == kinds
    assert not STRATEGIES.keys() & MANUAL.keys()


def test_retention_is_the_strictest_of_all_tiers() -> None:
    parameters = {"resource-retention.min_days": (35, 90)}
    changes, _ = proposed(
        CauseKind.RETENTION_TOO_SHORT, RULE, (("resource-retention", VOLUME),), parameters=parameters
    )
    assert only(changes).document["Rules"][0]["Lifecycle"] == {"DeleteAfterDays": 90}


def test_retention_above_the_lock_is_not_proposed() -> None:
    shard = shard_of(vault={"Locked": True, "MaxRetentionDays": 30})
    changes, manual = proposed(CauseKind.RETENTION_TOO_SHORT, RULE, shard=shard)
    assert changes == ()
    assert "allows at most 30 days; 35 are required" in manual[0].why


def test_retention_moves_into_the_lock() -> None:
    shard = shard_of(vault={"Locked": True, "MinRetentionDays": 30})
    changes, _ = proposed(CauseKind.RETENTION_OUTSIDE_LOCK, RULE, shard=shard)
    assert only(changes).document["Rules"][0]["Lifecycle"] == {"DeleteAfterDays": 30}


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("cron(30 3 ? * SUN *)", "cron(30 3 ? * * *)"),
        ("cron(0 4 1 * ? *)", "cron(0 4 ? * * *)"),
        ("not cron", "cron(0 5 ? * * *)"),
    ],
)
def test_a_rare_schedule_keeps_its_time_of_day(schedule: str, expected: str) -> None:
    shard = shard_of(rule_of(ScheduleExpression=schedule))
    changes, _ = proposed(CauseKind.SCHEDULE_TOO_RARE, RULE, shard=shard)
    assert only(changes).document["Rules"][0]["ScheduleExpression"] == expected


def test_a_more_frequent_rule_makes_way_for_another() -> None:
    weekly = rule_of(ScheduleExpression="cron(0 5 ? * SUN *)", StartWindowMinutes=60)
    monthly = {**rule_of(), "RuleId": "r2", "RuleName": "monthly", "StartWindowMinutes": 60}
    monthly |= {"ScheduleExpression": "cron(0 5 1 * ? *)", "Lifecycle": {"DeleteAfterDays": 365}}
    changes, _ = proposed(CauseKind.SCHEDULE_TOO_RARE, RULE, shard=shard_of(weekly, monthly))
    rules = only(changes).document["Rules"]
    assert rules[0]["ScheduleExpression"] == "cron(0 6 ? * * *)"
    assert rules[1] == monthly


def test_the_rule_that_keeps_just_long_enough_starts_daily() -> None:
    years = rule_of(ScheduleExpression="cron(0 4 1 1 ? *)", Lifecycle={"DeleteAfterDays": 2555})
    months = {**rule_of(), "RuleId": "r2", "RuleName": "monthly", "Lifecycle": {"DeleteAfterDays": 60}}
    months |= {"ScheduleExpression": "cron(0 12 2 * ? *)", "StartWindowMinutes": 60}
    changes, _ = proposed(CauseKind.PLAN_BELOW_TARGET, PLAN, shard=shard_of(years, months))
    rules = only(changes).document["Rules"]
    assert [rule["ScheduleExpression"] for rule in rules] == ["cron(0 4 1 1 ? *)", "cron(0 12 ? * * *)"]


def test_a_changed_plan_has_no_lifecycle_that_aws_refuses() -> None:
    refused = {"MoveToColdStorageAfterDays": 30, "DeleteAfterDays": 60}
    cold = {**rule_of(), "RuleId": "r2", "RuleName": "cold", "Lifecycle": refused}
    changes, _ = proposed(CauseKind.RETENTION_TOO_SHORT, RULE, shard=shard_of(rule_of(), cold))
    assert only(changes).document["Rules"][1]["Lifecycle"] == {**refused, "DeleteAfterDays": 120}
    assert any("The rule cold moves backups to cold storage" in note for note in only(changes).notes)


def test_the_last_day_of_february_is_meant() -> None:
    shard = shard_of(rule_of(ScheduleExpression="cron(0 4 31 2 ? *)"))
    changes, _ = proposed(CauseKind.SCHEDULE_NEVER_RUNS, RULE, shard=shard)
    assert only(changes).document["Rules"][0]["ScheduleExpression"] == "cron(0 4 L 2 ? *)"


def test_a_policy_is_extended() -> None:
    changes, _ = proposed(CauseKind.VAULT_ALLOWS_DELETION, VAULT)
    statements = only(changes).document["Statement"]
    assert statements[0] == POLICY["Statement"][0]
    assert statements[1]["Effect"] == "Deny"
    assert "Condition" not in statements[1]


def test_principals_that_the_control_exempts_stay_exempt() -> None:
    exempt = f"arn:aws:iam::{ACCOUNT}:role/break-glass"
    parameters = {"vault-manual-deletion-denied.exempt_principal_arns": ([exempt],)}
    changes, _ = proposed(CauseKind.VAULT_ALLOWS_DELETION, VAULT, parameters=parameters)
    statement = only(changes).document["Statement"][-1]
    assert statement["Condition"] == {"ArnNotLike": {"aws:PrincipalArn": [exempt]}}


def test_a_policy_that_was_not_read_is_not_changed() -> None:
    vault = RecordedVault("main", {"BackupVaultName": "main"}, policy_problem="The scan did not read it.")
    changes, manual = proposed(CauseKind.VAULT_ALLOWS_DELETION, VAULT, shard=shard_of(vaults={"main": vault}))
    assert changes == ()
    assert manual[0].why == "The scan did not read it."


@pytest.mark.parametrize("action", ["backup:PutBackupVaultAccessPolicy", "Backup:Put*", "*"])
def test_a_policy_that_denies_its_own_change_is_not_changed(action: str) -> None:
    denial = {"Effect": "Deny", "Principal": "*", "Action": [action]}
    vault = RecordedVault("main", {"BackupVaultName": "main"}, {"Statement": denial})
    changes, manual = proposed(CauseKind.POLICY_DOES_NOT_ADMIT, VAULT, shard=shard_of(vaults={"main": vault}))
    assert changes == ()
    assert "AWS refuses a new one" in manual[0].why


def test_a_policy_that_denies_its_change_to_some_can_be_changed_by_others() -> None:
    denial = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "backup:*",
        "Condition": {"ArnNotLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/break-glass"}},
    }
    vault = RecordedVault("main", {"BackupVaultName": "main"}, {"Statement": denial})
    changes, _ = proposed(CauseKind.POLICY_DOES_NOT_ADMIT, VAULT, shard=shard_of(vaults={"main": vault}))
    assert only(changes).document["Statement"][0] == denial


def test_a_lock_is_of_governance_unless_the_option_is_set() -> None:
    changes, _ = proposed(CauseKind.VAULT_NOT_LOCKED, VAULT)
    assert only(changes).document == {"MinRetentionDays": 1}
    changes, _ = proposed(CauseKind.VAULT_NOT_LOCKED, VAULT, compliance_days=7)
    assert only(changes).document == {"MinRetentionDays": 1, "ChangeableForDays": 7}
    assert any(note.startswith("IRREVERSIBLE") for note in only(changes).notes)


def test_a_resource_goes_into_the_plan_that_is_there() -> None:
    changes, _ = proposed(CauseKind.NOT_SELECTED, VOLUME, (("resource-in-backup-plan", VOLUME),))
    change = only(changes)
    assert (change.kind, change.plan_id) == (ChangeKind.SELECTION, "p1")
    assert change.document == {
        "SelectionName": "vaultproof-selected",
        "IamRoleArn": ROLE,
        "Resources": [VOLUME],
    }


def test_a_plan_is_created_where_there_is_none() -> None:
    shard = shard_of(plans={}, selections=())
    changes, _ = proposed(CauseKind.NO_SELECTION, VOLUME, (("resource-in-backup-plan", VOLUME),), shard)
    assert [(change.kind, change.name) for change in changes] == [
        (ChangeKind.PLAN, "vaultproof-daily"),
        (ChangeKind.SELECTION, "vaultproof-selected"),
    ]
    rule = changes[0].document["Rules"][0]
    assert (rule["TargetBackupVaultName"], rule["Lifecycle"]) == ("main", {"DeleteAfterDays": 35})


def test_no_plan_is_proposed_where_plans_were_not_read() -> None:
    shard = shard_of(plans={}, selections=(), are_plans_read=False)
    changes, manual = proposed(CauseKind.NO_SELECTION, VOLUME, (("resource-in-backup-plan", VOLUME),), shard)
    assert changes == ()
    assert "did not read the backup plans" in manual[0].why


def test_a_misspelt_tag_is_corrected() -> None:
    tag = {"ConditionType": "STRINGEQUALS", "ConditionKey": "backup", "ConditionValue": "gold"}
    selection = RecordedSelection("s1", "p1", {"SelectionName": "gold", "ListOfTags": [tag]})
    changes, _ = proposed(
        CauseKind.TAG_SPELLING,
        f"{PLAN}#s1",
        (("resource-in-backup-plan", VOLUME),),
        shard_of(selections=(selection,)),
    )
    assert only(changes).document == {"Tags": {"Backup": "Gold", "backup": "gold"}}


def test_a_copy_goes_where_copies_go_already() -> None:
    changes, _ = proposed(CauseKind.NO_CROSS_ACCOUNT_COPY, RULE)
    assert only(changes).document["Rules"][0]["CopyActions"] == [
        {"DestinationBackupVaultArn": CENTRAL, "Lifecycle": {"DeleteAfterDays": 35}}
    ]
    changes, manual = proposed(CauseKind.NO_CROSS_REGION_COPY, RULE)
    assert changes == ()
    assert "No vault that copies of the scanned organisation go to suits" in manual[0].why


def test_a_key_is_shared_with_the_account_of_the_copy() -> None:
    copy_action = f"{RULE}->{CENTRAL}"
    changes, _ = proposed(CauseKind.KEY_NOT_SHARED, KEY, (("copy-source-key-shared", copy_action),))
    change = only(changes)
    assert change.kind is ChangeKind.KEY_POLICY
    principals = [statement["Principal"] for statement in change.document["Statement"][1:]]
    assert principals == [{"AWS": f"arn:aws:iam::{BACKUP}:root"}] * 2


def test_settings_and_roles() -> None:
    changes, _ = proposed(CauseKind.OPT_IN_OFF, "place", about="EBS")
    assert only(changes).document == {"ResourceTypeOptInPreference": {"EBS": True, "RDS": True}}
    changes, _ = proposed(CauseKind.CROSS_ACCOUNT_OFF, "aws:organization")
    assert only(changes).account == "999988887777"
    changes, _ = proposed(CauseKind.ROLE_MISSING, f"{ROLE}2")
    assert only(changes).is_new
    changes, _ = proposed(CauseKind.ROLE_NOT_ASSUMABLE, ROLE)
    assert len(only(changes).document["AssumeRolePolicyDocument"]["Statement"]) == 2


def test_a_plan_of_the_organisation_is_not_changed() -> None:
    arn = f"{PREFIX}:backup-plan:orgs/p2"
    plan = RecordedPlan("orgs/p2", arn, {"BackupPlanName": "org", "Rules": [rule_of()]})
    changes, manual = proposed(
        CauseKind.RETENTION_TOO_SHORT, f"{arn}#r1", shard=shard_of(plans={"orgs/p2": plan})
    )
    assert changes == ()
    assert "can only be changed there" in manual[0].why


def test_what_was_not_scanned_is_not_changed() -> None:
    elsewhere = f"arn:aws:backup:us-east-1:{ACCOUNT}:backup-vault:other"
    changes, manual = proposed(CauseKind.VAULT_MISSING, elsewhere)
    assert changes == ()
    assert manual[0].why == f"The scan did not read {ACCOUNT}/us-east-1."
