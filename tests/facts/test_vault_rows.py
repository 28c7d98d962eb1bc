"""The rows of vaults: keys, notifications, access, approval. Each row names its rule."""

import json
from pathlib import Path
from typing import Any

import pytest

from scanner.model.facts import VaultFacts
from tests.fakes.bundles import (
    ACCOUNT,
    MANAGEMENT,
    ORG_ID,
    OTHER,
    BundleBuilder,
    admits,
    facts_of,
    key_arn,
    refuse,
    stamp,
    vault_arn,
    without,
)

STRANGER = "333333333333"
TOPIC = f"arn:aws:sns:eu-west-1:{ACCOUNT}:backups"
AIR_GAPPED = "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"
TEAM = f"arn:aws:mpa:us-east-1:{ACCOUNT}:approval-team/team"


@pytest.fixture
def bundle(tmp_path: Path) -> BundleBuilder:
    built = BundleBuilder(tmp_path)
    built.shard()
    return built


def vault(bundle: BundleBuilder, name: str = "v") -> VaultFacts:
    found = facts_of(bundle.write())["vault"][vault_arn(name)]
    assert isinstance(found, VaultFacts)
    return found


def reasons(found: VaultFacts, column: str) -> str:
    return " ".join(note.reason for note in found.not_known if note.about == column)


# Ruling 6: who manages the key, and whether it works


def described(bundle: BundleBuilder, **metadata: Any) -> VaultFacts:
    key = {"KeyId": "k", "Arn": key_arn("k"), "KeyManager": "CUSTOMER", **metadata}
    bundle.shard().vault("v", key=key_arn("k"))
    bundle.shard().call("kms:DescribeKey", {"KeyMetadata": key}, KeyId=key_arn("k"))
    return vault(bundle)


@pytest.mark.parametrize(
    ("rule", "metadata", "enabled", "deletion"),
    [
        ("enabled", {"KeyState": "Enabled", "Enabled": True}, True, ""),
        ("an update takes moments", {"KeyState": "Updating", "Enabled": False}, True, ""),
        ("disabled", {"KeyState": "Disabled", "Enabled": False}, False, ""),
        ("its material is awaited", {"KeyState": "PendingImport"}, False, ""),
        ("its store is away", {"KeyState": "Unavailable"}, False, ""),
        ("its deletion is scheduled", {"KeyState": "PendingDeletion", "DeletionDate": stamp(-24)},
         False, "2026-11-23T18:00:00Z"),
        ("… without a day", {"KeyState": "PendingDeletion"}, False, None),
        ("a day alone says so, too", {"DeletionDate": stamp(-24)}, False, "2026-11-23T18:00:00Z"),
        ("a replica that goes last", {"KeyState": "PendingReplicaDeletion"}, False, None),
        ("a state of another day", {"KeyState": "Sleeping"}, None, ""),
        ("the flag alone", {"Enabled": False}, False, None),
        ("nothing told", {}, None, None),
    ],
)  # fmt: skip
def test_a_customer_managed_key_must_work(
    bundle: BundleBuilder, rule: str, metadata: dict[str, Any], *, enabled: bool | None, deletion: str | None
) -> None:
    found = described(bundle, **metadata)
    assert (found.key_kind, found.key_enabled, found.key_deletion_at) == (
        "customer_managed",
        enabled,
        deletion,
    ), rule
    assert bool(reasons(found, "key_enabled")) is (enabled is None)
    assert bool(reasons(found, "key_deletion_at")) is (deletion is None)


def test_a_key_of_aws_can_be_neither_switched_off_nor_deleted(bundle: BundleBuilder) -> None:
    bundle.shard().vault("managed", key=key_arn("m")).alias("alias/aws/backup", "m")
    bundle.shard().vault("owned", VaultType=AIR_GAPPED, EncryptionKeyType="AWS_OWNED_KMS_KEY")
    for name in ("managed", "owned"):
        found = vault(bundle, name)
        assert (found.key_kind, found.key_enabled, found.key_deletion_at) == (f"aws_{name}", True, "")


def test_a_key_that_was_not_described_is_not_known_to_work(bundle: BundleBuilder) -> None:
    bundle.shard().vault("v", key=key_arn("k"), EncryptionKeyType="CUSTOMER_MANAGED_KMS_KEY")
    bundle.shard().call("kms:DescribeKey", error="AccessDeniedException", KeyId=key_arn("k"))
    found = vault(bundle)
    assert (found.key_kind, found.key_enabled, found.key_deletion_at) == ("customer_managed", None, None)
    assert "kms:DescribeKey" in reasons(found, "key_enabled")


# Who is told


def told(bundle: BundleBuilder, **response: Any) -> VaultFacts:
    lines = bundle.shard().vault("v")
    written = without(bundle.lines(), "backup:GetBackupVaultNotifications")
    assert lines is bundle.shard()
    call = {
        "service": "backup",
        "operation": "GetBackupVaultNotifications",
        "parameters": {"BackupVaultName": "v"},
        "at": stamp(1),
        "response": response,
    }
    written[f"evidence/{ACCOUNT}/eu-west-1"].append(call)
    found = facts_of(bundle.write(written))["vault"][vault_arn("v")]
    assert isinstance(found, VaultFacts)
    return found


def test_deprecated_events_tell_nobody_anything(bundle: BundleBuilder) -> None:
    events = ["BACKUP_JOB_FAILED", "COPY_JOB_FAILED", "RESTORE_JOB_FAILED", "S3_BACKUP_OBJECT_FAILED"]
    found = told(bundle, SNSTopicArn=TOPIC, BackupVaultEvents=events)
    assert found.notification_topic == TOPIC
    assert found.notification_events == ("COPY_JOB_FAILED", "S3_BACKUP_OBJECT_FAILED")
    assert found.notification_events_deprecated == ("BACKUP_JOB_FAILED", "RESTORE_JOB_FAILED")


def test_nobody_is_told_where_nothing_is_set_up(bundle: BundleBuilder) -> None:
    bundle.shard().vault("v")
    found = vault(bundle)
    assert (found.notification_topic, found.notification_events) == ("", ())


def test_a_configuration_without_a_topic_is_not_known(bundle: BundleBuilder) -> None:
    found = told(bundle, BackupVaultEvents=["COPY_JOB_FAILED"])
    assert found.notification_topic is None
    assert "no topic" in reasons(found, "notification_topic")


def test_a_topic_without_its_events_is_not_known(bundle: BundleBuilder) -> None:
    found = told(bundle, SNSTopicArn=TOPIC)
    assert (found.notification_topic, found.notification_events) == (TOPIC, (None,))
    assert "does not name the events" in reasons(found, "notification_events")


def test_refused_notifications_are_not_known(bundle: BundleBuilder) -> None:
    bundle.shard().vault("v")
    facts = facts_of(bundle.write(refuse(bundle.lines(), "backup:GetBackupVaultNotifications")))
    found = facts["vault"][vault_arn("v")]
    assert isinstance(found, VaultFacts)
    assert (found.notification_topic, found.notification_events) == (None, (None,))
    assert "GetBackupVaultNotifications" in reasons(found, "notification_events")


# Who gets in: ruling 11 (policies are evaluated as in IAM; without one nobody outside is admitted)


def policy(*statements: dict[str, Any]) -> str:
    base = {"Effect": "Allow", "Principal": "*", "Action": "backup:CopyIntoBackupVault", "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [{**base, **one} for one in statements]})


OURS: dict[str, Any] = {"Condition": {"StringEquals": {"aws:PrincipalOrgID": ORG_ID}}}


def of_policy(bundle: BundleBuilder, text: str | None, *members: str) -> VaultFacts:
    if members:
        bundle.organization(*members)
    bundle.shard().vault("v", policy=text)
    return vault(bundle)


@pytest.mark.parametrize(
    ("rule", "text", "outsiders", "copying"),
    [
        ("no policy", None, (), ()),
        ("a member", admits(OTHER), (), (f"arn:aws:iam::{OTHER}:root",)),
        ("a partner", admits(STRANGER), (STRANGER,), (f"arn:aws:iam::{STRANGER}:root",)),
        ("everybody", policy({}), ("anybody",), ("*",)),
        ("the organisation", policy(OURS), (), (f"{ORG_ID}/*",)),
        ("ruling 15: the management account is inside", admits(MANAGEMENT), (),
         (f"arn:aws:iam::{MANAGEMENT}:root",)),
    ],
)  # fmt: skip
def test_ruling_11_who_gets_in(
    bundle: BundleBuilder, rule: str, text: str | None, outsiders: tuple[str, ...], copying: tuple[str, ...]
) -> None:
    found = of_policy(bundle, text, ACCOUNT, OTHER)
    assert found.policy_stays_in_organization is (not outsiders), rule
    assert found.outsiders == outsiders
    assert found.copying_principals == copying


def test_without_the_organisation_a_named_account_may_be_inside(bundle: BundleBuilder) -> None:
    found = of_policy(bundle, admits(OTHER))
    assert (found.policy_stays_in_organization, found.outsiders) == (None, (None,))
    assert "organizations:DescribeOrganization" in reasons(found, "policy_stays_in_organization")


def test_without_the_organisation_everybody_is_outside_all_the_same(bundle: BundleBuilder) -> None:
    found = of_policy(bundle, policy({}))
    assert (found.policy_stays_in_organization, found.outsiders) == (False, ("anybody",))


@pytest.mark.parametrize("text", ["{", policy({"Action": []}), policy({"Effect": "Perhaps"})])
def test_a_policy_that_cannot_be_understood_answers_nothing(bundle: BundleBuilder, text: str) -> None:
    found = of_policy(bundle, text, ACCOUNT)
    assert found.has_policy
    assert (found.policy_stays_in_organization, found.outsiders) == (None, (None,))
    assert found.copying_principals == (None,)
    assert {guard.denied for guard in found.deletion_guards} == {None}
    assert "cannot be" in reasons(found, "outsiders")


def test_a_refused_policy_is_not_known(bundle: BundleBuilder) -> None:
    bundle.shard().vault("v", policy=admits(STRANGER))
    facts = facts_of(bundle.write(refuse(bundle.lines(), "backup:GetBackupVaultAccessPolicy")))
    found = facts["vault"][vault_arn("v")]
    assert isinstance(found, VaultFacts)
    assert (found.has_policy, found.policy_stays_in_organization) == (None, None)
    assert (found.outsiders, found.copying_principals) == ((None,), (None,))


def test_the_clause_that_stopped_the_answer_is_named(bundle: BundleBuilder) -> None:
    tagged = {"Sid": "Tagged", "Condition": {"StringEquals": {"aws:ResourceTag/x": "y"}}}
    found = of_policy(bundle, policy(tagged), ACCOUNT)
    assert found.copying_principals == (None,)
    for column in ("outsiders", "copying_principals"):
        assert "(Tagged)" in reasons(found, column)
        assert "aws:resourcetag/x" in reasons(found, column)


def test_a_condition_on_time_is_held_against_the_clock_of_the_evaluation(bundle: BundleBuilder) -> None:
    over = {"Condition": {"DateLessThan": {"aws:CurrentTime": "2026-11-01T00:00:00Z"}}}
    still = {"Condition": {"DateLessThan": {"aws:CurrentTime": "2027-11-01T00:00:00Z"}}}
    assert of_policy(bundle, policy(over), ACCOUNT).policy_stays_in_organization is True
    bundle.shard().vault("w", policy=policy(still))
    assert vault(bundle, "w").policy_stays_in_organization is None


def test_the_clause_that_keeps_a_denial_open_is_named(bundle: BundleBuilder) -> None:
    maybe = {
        "Sid": "Maybe",
        "Effect": "Deny",
        "Action": "backup:*",
        "Condition": {"StringEquals": {"aws:ResourceTag/x": "y"}},
    }
    found = of_policy(bundle, policy(maybe), ACCOUNT)
    assert {guard.denied for guard in found.deletion_guards} == {None}
    assert "statement 1 (Maybe): the condition StringEquals aws:resourcetag/x" in reasons(
        found, "deletion_guards"
    )


@pytest.mark.parametrize(
    ("rule", "told", "by"),
    [
        ("a Deny alone does not keep the management account out", {}, ""),
        ("nor does a governance lock", {"Locked": True}, ""),
        ("nor a compliance lock in its grace time", {"Locked": True, "LockDate": stamp(-24)}, ""),
        ("a compliance lock in force does", {"Locked": True, "LockDate": stamp(24)}, "compliance_lock"),
        ("an air gap does", {"VaultType": AIR_GAPPED}, "air_gapped"),
    ],
)
def test_ruling_15_what_keeps_even_the_management_account_out(
    bundle: BundleBuilder, rule: str, told: dict[str, Any], by: str
) -> None:
    bundle.shard().vault("v", policy=policy({"Effect": "Deny", "Action": "backup:*"}), **told)
    found = vault(bundle)
    assert found.protected_by == by, rule
    assert {guard.denied for guard in found.deletion_guards} == {True}


# Multi-party approval


def approved(bundle: BundleBuilder, **described: Any) -> VaultFacts:
    bundle.shard().vault("v", VaultType=AIR_GAPPED)
    bundle.shard().call("backup:DescribeBackupVault", described, BackupVaultName="v")
    return vault(bundle)


def test_an_approval_team_is_told_by_the_description(bundle: BundleBuilder) -> None:
    found = approved(bundle, BackupVaultName="v", MpaApprovalTeamArn=TEAM)
    assert (found.air_gapped, found.approval_team) == (True, TEAM)


def test_without_one_there_is_none(bundle: BundleBuilder) -> None:
    assert approved(bundle, BackupVaultName="v").approval_team == ""


def test_an_air_gapped_vault_has_limits_that_may_not_be_told(bundle: BundleBuilder) -> None:
    bundle.shard().vault("v", VaultType=AIR_GAPPED).vault("w", VaultType=AIR_GAPPED, MinRetentionDays=7)
    found = vault(bundle)
    assert (found.lock_mode, found.min_retention_days, found.max_retention_days) == ("compliance", None, None)
    assert reasons(found, "min_retention_days")
    assert vault(bundle, "w").min_retention_days == 7


def test_an_undescribed_air_gapped_vault_may_have_one(bundle: BundleBuilder) -> None:
    bundle.shard().vault("v", VaultType=AIR_GAPPED).vault("plain")
    found = vault(bundle)
    assert found.approval_team is None
    assert "DescribeBackupVault" in reasons(found, "approval_team")
    plain = vault(bundle, "plain")
    assert (plain.air_gapped, plain.approval_team) == (False, "")
