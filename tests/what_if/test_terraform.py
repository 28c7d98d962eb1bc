"""Plans of Terraform: what each resource change means for AWS Backup."""

from typing import Any

import pytest

from scanner.errors import UsageError
from scanner.model.planning.planned_change import (
    UNKNOWN,
    Action,
    ChangeKind,
    ChangeSet,
    PlannedChange,
    PlanReference,
)
from scanner.what_if.changes import Defaults
from scanner.what_if.terraform.plan import terraform_changes, with_unknown
from tests.what_if.terraform_plans import (
    ACCOUNT,
    REGION,
    ROLE,
    change,
    lifecycle,
    plan,
    refers,
    resource,
    rule,
)

PLAN_ARN = f"arn:aws:backup:{REGION}:{ACCOUNT}:backup-plan:p-1"
BEFORE = {"arn": PLAN_ARN, "id": "p-1", "name": "daily", "rule": [rule()], "tags_all": {}}


def parsed(document: dict[str, Any], account: str = "", region: str = "") -> ChangeSet:
    return terraform_changes(document, "plan.json", Defaults(account, region))


def only(document: dict[str, Any]) -> PlannedChange:
    changes = parsed(document)
    assert changes.not_judged == ()
    (single,) = changes.changes
    return single


def why(document: dict[str, Any]) -> str:
    changes = parsed(document)
    assert changes.changes == ()
    (single,) = changes.not_judged
    return single.why


@pytest.mark.parametrize(
    ("value", "unknown", "expected"),
    [
        ({"a": 1}, {}, {"a": 1}),
        ({"a": 1}, {"b": True}, {"a": 1, "b": UNKNOWN}),
        ({"a": [{"b": 1}]}, {"a": [{"c": True}]}, {"a": [{"b": 1, "c": UNKNOWN}]}),
        ({"a": [{"b": None}]}, {"a": [{"b": True}]}, {"a": [{"b": UNKNOWN}]}),
        ({"a": None}, {"a": True}, {"a": UNKNOWN}),
        ({"a": {"x": "1"}}, {"a": {"y": True}}, {"a": {"x": "1", "y": UNKNOWN}}),
        ({}, {"a": {"b": {}}}, {}),
        ({"a": []}, {"a": []}, {"a": []}),
        (None, True, UNKNOWN),
    ],
)
def test_after_unknown_marks_values(value: Any, unknown: Any, expected: Any) -> None:
    assert with_unknown(value, unknown) == expected


def test_a_changed_plan() -> None:
    copies = [{"destination_vault_arn": "arn:x", "lifecycle": lifecycle(7)}]
    after = {**BEFORE, "rule": [rule(lifecycle=lifecycle(14), copy_action=copies)]}
    found = only(plan(change("aws_backup_plan.daily", ["update"], before=BEFORE, after=after)))
    assert (found.kind, found.action, found.id, found.name) == (
        ChangeKind.PLAN,
        Action.UPDATE,
        "p-1",
        "daily",
    )
    assert (found.account, found.region) == (ACCOUNT, REGION)
    assert found.document == {
        "BackupPlanName": "daily",
        "Rules": [
            {
                "RuleName": "nightly",
                "TargetBackupVaultName": "main",
                "ScheduleExpression": "cron(0 2 ? * * *)",
                "ScheduleExpressionTimezone": "Etc/UTC",
                "StartWindowMinutes": 60,
                "CompletionWindowMinutes": 180,
                "Lifecycle": {"DeleteAfterDays": 14},
                "CopyActions": [{"DestinationBackupVaultArn": "arn:x", "Lifecycle": {"DeleteAfterDays": 7}}],
            }
        ],
    }


def test_zero_days_mean_no_value_and_no_lifecycle_keeps_for_ever() -> None:
    after = {**BEFORE, "rule": [rule(lifecycle=lifecycle(30, cold=0)), rule(rule_name="kept")]}
    found = only(plan(change("aws_backup_plan.daily", ["update"], before=BEFORE, after=after)))
    first, second = found.document["Rules"]
    assert first["Lifecycle"] == {"DeleteAfterDays": 30}
    assert "Lifecycle" not in second


def test_a_retention_known_after_apply_stays_unknown() -> None:
    after = {"name": "daily", "rule": [rule(lifecycle=[{"cold_storage_after": None}])]}
    unknown = {"arn": True, "id": True, "rule": [{"lifecycle": [{"delete_after": True}], "copy_action": []}]}
    found = only(plan(change("aws_backup_plan.daily", ["create"], after=after, unknown=unknown)))
    assert found.document["Rules"][0]["Lifecycle"] == {"DeleteAfterDays": UNKNOWN}
    assert found.action is Action.CREATE
    assert found.id == ""


@pytest.mark.parametrize("place", ["rule", "copy_action", "lifecycle"])
def test_whole_blocks_known_after_apply(place: str) -> None:
    inner: dict[str, Any] = {"rule": True} if place == "rule" else {"rule": [{place: True}]}
    rules = {} if place == "rule" else {"rule": [rule(**{place: None})]}
    found = only(
        plan(change("aws_backup_plan.daily", ["create"], after={"name": "daily", **rules}, unknown=inner))
    )
    names = {"copy_action": "CopyActions", "lifecycle": "Lifecycle"}
    rules_after = found.document["Rules"]
    assert (rules_after if place == "rule" else rules_after[0][names[place]]) is UNKNOWN


def created() -> dict[str, Any]:
    """Return a plan that creates a vault, a role, a backup plan with a copy into it, and a selection."""
    vault = change(
        "aws_backup_vault.dr",
        ["create"],
        after={"name": "dr", "force_destroy": False, "tags": None},
        unknown={"arn": True, "id": True, "kms_key_arn": True, "recovery_points": True, "tags_all": True},
    )
    copy = {"destination_vault_arn": True, "lifecycle": []}
    daily = change(
        "aws_backup_plan.daily",
        ["create"],
        after={"name": "daily", "rule": [rule(copy_action=[{"lifecycle": []}])]},
        unknown={
            "arn": True,
            "id": True,
            "version": True,
            "rule": [{"copy_action": [copy], "lifecycle": []}],
        },
    )
    role = change(
        "aws_iam_role.backup",
        ["create"],
        after={"name": "backup", "path": "/", "assume_role_policy": '{"Statement":[]}'},
        unknown={"arn": True, "id": True},
    )
    chosen = change(
        "aws_backup_selection.gold",
        ["create"],
        after={
            "name": "gold",
            "resources": [],
            "selection_tag": [{"key": "tier", "type": "STRINGEQUALS", "value": "gold"}],
        },
        unknown={"id": True, "iam_role_arn": True, "plan_id": True, "not_resources": True, "condition": True},
    )
    block = {"destination_vault_arn": refers("aws_backup_vault.dr.arn", "aws_backup_vault.dr")}
    configured = (
        resource("aws_backup_vault.dr", name={"constant_value": "dr"}),
        resource("aws_iam_role.backup", name={"constant_value": "backup"}),
        resource(
            "aws_backup_plan.daily",
            rule=[{"copy_action": [block], "rule_name": {"constant_value": "nightly"}}],
        ),
        resource(
            "aws_backup_selection.gold",
            plan_id=refers("aws_backup_plan.daily.id", "aws_backup_plan.daily"),
            iam_role_arn=refers("aws_iam_role.backup.arn", "aws_iam_role.backup"),
        ),
    )
    return plan(vault, daily, role, chosen, resources=configured)


def test_references_name_what_the_same_plan_creates() -> None:
    changes = parsed(created())
    assert changes.not_judged == ()
    by_kind = {found.kind: found for found in changes.changes}
    copies = by_kind[ChangeKind.PLAN].document["Rules"][0]["CopyActions"]
    arn = f"arn:aws:backup:{REGION}:{ACCOUNT}:backup-vault:dr"
    assert copies == [{"DestinationBackupVaultArn": arn}]
    selection = by_kind[ChangeKind.SELECTION]
    assert selection.plan == PlanReference(address="aws_backup_plan.daily")
    assert selection.document["IamRoleArn"] == f"arn:aws:iam::{ACCOUNT}:role/backup"
    # Optional and computed arguments that are not set are known after apply; nothing is sent to AWS.
    assert selection.document.keys() == {"SelectionName", "IamRoleArn", "ListOfTags"}
    assert selection.note == (
        "The conditions of the backup selection gold are known only after apply, and the configuration shows "
        "none: it is judged without conditions."
    )
    assert by_kind[ChangeKind.VAULT].document["EncryptionKeyArn"] is UNKNOWN
    assert by_kind[ChangeKind.ROLE].name == f"arn:aws:iam::{ACCOUNT}:role/backup"


def test_without_the_configuration_references_are_unknown() -> None:
    document = created() | {"configuration": {}}
    changes = parsed(document, account=ACCOUNT, region=REGION)
    (found,) = (found for found in changes.changes if found.kind is ChangeKind.PLAN)
    assert found.document["Rules"][0]["CopyActions"] == [{"DestinationBackupVaultArn": UNKNOWN}]
    assert [problem.why for problem in changes.not_judged] == [
        "The plan of the backup selection gold is known only after apply."
    ]


def test_an_archive_opt_in_that_is_not_set_is_not_sent() -> None:
    opt_in = "opt_in_to_archive_for_supported_resources"
    after = {"name": "daily", "rule": [rule(lifecycle=[{"cold_storage_after": None, "delete_after": 35}])]}
    unknown = {"rule": [{"lifecycle": [{opt_in: True}]}]}
    entry = change("aws_backup_plan.daily", ["create"], after=after, unknown=unknown)
    block = {"delete_after": {"constant_value": 35}}
    unset = resource("aws_backup_plan.daily", rule=[{"lifecycle": [block]}])
    found = only(plan(entry, resources=(unset,)))
    assert found.document["Rules"][0]["Lifecycle"] == {"DeleteAfterDays": 35}
    with_value = resource(
        "aws_backup_plan.daily", rule=[{"lifecycle": [{**block, opt_in: refers("local.a")}]}]
    )
    found = only(plan(entry, resources=(with_value,)))
    assert found.document["Rules"][0]["Lifecycle"]["OptInToArchiveForSupportedResources"] is UNKNOWN


def test_excluded_resources_that_refer_to_something_are_unknown() -> None:
    after = {"name": "gold", "plan_id": "p-1", "iam_role_arn": ROLE, "resources": ["*"]}
    entry = change(
        "aws_backup_selection.gold", ["create"], after=after, unknown={"id": True, "not_resources": True}
    )
    configured = resource("aws_backup_selection.gold", not_resources=refers("module.x.arns", "module.x"))
    assert only(plan(entry, resources=(configured,))).document["NotResources"] is UNKNOWN


def test_for_each_refers_to_the_instance_of_the_same_key() -> None:
    entries = [
        change(
            f'module.backup["eu"].aws_backup_{kind}.this["{key}"]',
            ["create"],
            after={"name": key, "iam_role_arn": ROLE, "rule": []},
            unknown={"id": True, "plan_id": True},
            module='module.backup["eu"]',
            index=key,
        )
        for key in ("gold", "silver")
        for kind in ("plan", "selection")
    ]
    document = plan(*entries)
    inner = resource("aws_backup_selection.this", plan_id=refers("aws_backup_plan.this", "each.key"))
    root = document["configuration"]["root_module"]
    root["module_calls"] = {"backup": {"module": {"resources": [resource("aws_backup_plan.this"), inner]}}}
    selections = [found for found in parsed(document).changes if found.kind is ChangeKind.SELECTION]
    assert [found.plan for found in selections] == [
        PlanReference(address=f'module.backup["eu"].aws_backup_plan.this["{key}"]')
        for key in ("gold", "silver")
    ]


def test_selection_with_conditions() -> None:
    after = {
        "id": "s-1",
        "name": "gold",
        "plan_id": "p-1",
        "iam_role_arn": ROLE,
        "resources": ["arn:aws:ec2:*:*:volume/*"],
        "not_resources": [],
        "selection_tag": [],
        "condition": [
            {
                "string_equals": [{"key": "aws:ResourceTag/tier", "value": "gold"}],
                "string_like": [],
                "string_not_equals": [],
                "string_not_like": [{"key": "aws:ResourceTag/Name", "value": "test*"}],
            }
        ],
    }
    found = only(plan(change("aws_backup_selection.gold", ["update"], before=after, after=after)))
    assert found.plan == PlanReference(id="p-1")
    assert found.document == {
        "SelectionName": "gold",
        "IamRoleArn": ROLE,
        "Resources": ["arn:aws:ec2:*:*:volume/*"],
        "Conditions": {
            "StringEquals": [{"ConditionKey": "aws:ResourceTag/tier", "ConditionValue": "gold"}],
            "StringNotLike": [{"ConditionKey": "aws:ResourceTag/Name", "ConditionValue": "test*"}],
        },
    }


@pytest.mark.parametrize(
    ("address", "after", "kind", "document"),
    [
        ("aws_backup_vault_policy.main", {"policy": "{}"}, ChangeKind.VAULT_POLICY, {"Policy": "{}"}),
        (
            "aws_backup_vault_lock_configuration.main",
            {"changeable_for_days": None, "max_retention_days": 90, "min_retention_days": 7},
            ChangeKind.VAULT_LOCK,
            {"MinRetentionDays": 7, "MaxRetentionDays": 90},
        ),
        (
            "aws_backup_vault_notifications.main",
            {"sns_topic_arn": "arn:t", "backup_vault_events": ["BACKUP_JOB_COMPLETED"]},
            ChangeKind.VAULT_NOTIFICATIONS,
            {"SNSTopicArn": "arn:t", "BackupVaultEvents": ["BACKUP_JOB_COMPLETED"]},
        ),
    ],
)
def test_parts_of_vaults(
    address: str, after: dict[str, Any], kind: ChangeKind, document: dict[str, Any]
) -> None:
    found = only(plan(change(address, ["create"], after={"backup_vault_name": "main", **after})))
    assert (found.kind, found.name, found.document) == (kind, "main", document)
    before = {"backup_vault_name": "main", "id": "main", **after}
    removed = only(plan(change(address, ["delete"], before=before)))
    assert (removed.kind, removed.action, removed.name, removed.document) == (kind, Action.REMOVE, "main", {})


def test_a_vault_with_another_name_is_removed_and_created() -> None:
    before = {"arn": f"arn:aws:backup:{REGION}:{ACCOUNT}:backup-vault:old", "name": "old"}
    entry = change("aws_backup_vault.main", ["delete", "create"], before=before, after={"name": "new"})
    changes = parsed(plan(entry)).changes
    assert [(found.action, found.name) for found in changes] == [
        (Action.REMOVE, "old"),
        (Action.CREATE, "new"),
    ]


def test_tags_of_a_resource() -> None:
    arn = f"arn:aws:ec2:{REGION}:{ACCOUNT}:volume/vol-1"
    before = {"arn": arn, "tags_all": {"tier": "gold"}, "size": 1}
    entry = change("aws_ebs_volume.data", ["update"], before=before, after={**before, "tags_all": {}})
    found = only(plan(entry))
    assert (found.kind, found.name, found.document) == (ChangeKind.TAGS, arn, {"Tags": {}})
    resized = change("aws_ebs_volume.data", ["update"], before=before, after={**before, "size": 2})
    assert parsed(plan(resized)) == ChangeSet(ignored=1)


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        (["no-op"], ""),
        (["read"], ""),
        (["forget"], "Terraform forgets it: it stays in AWS as it is."),
        (["dance"], "The actions dance are not known to this version."),
    ],
)
def test_actions(actions: list[str], expected: str) -> None:
    document = plan(change("aws_backup_plan.daily", actions, before=BEFORE, after=BEFORE))
    if expected:
        assert why(document) == expected
    else:
        assert parsed(document) == ChangeSet()


def test_resources_of_backup_that_are_not_judged_are_named() -> None:
    entry = change("aws_backup_tiering_configuration.t", ["create"], after={"name": "x"})
    assert why(plan(entry)).endswith("are not judged.")


def test_types_that_no_control_is_about_are_named() -> None:
    changes = parsed(plan(change("aws_backup_framework.f", ["create"], after={"name": "x"})))
    assert changes.notes == ("No control is about aws_backup_framework: its changes change no finding.",)
    assert (changes.changes, changes.not_judged, changes.ignored) == ((), (), 1)


def test_policies_of_other_types_are_ignored() -> None:
    other = change("aws_organizations_policy.p", ["create"], after={"type": "TAG_POLICY", "content": "{}"})
    assert parsed(plan(other)) == ChangeSet(ignored=1)


def test_places() -> None:
    entry = change("aws_backup_vault.main", ["create"], after={"name": "main"})
    bare = plan(entry, configuration={})
    assert why(bare) == (
        "The account and the Region of the backup vault main cannot be determined: add --account and "
        "--region."
    )
    changes = parsed(bare, account="444444444444", region="us-east-1").changes
    assert [(found.account, found.region) for found in changes] == [("444444444444", "us-east-1")]
    own_region = change("aws_backup_vault.main", ["create"], after={"name": "main", "region": "eu-north-1"})
    (found,) = parsed(plan(own_region)).changes
    assert (found.account, found.region) == (ACCOUNT, "eu-north-1")


def test_a_variable_that_is_only_a_part_of_the_region_decides_nothing() -> None:
    entry = change("aws_backup_vault.main", ["create"], after={"name": "main"})
    document = plan(
        entry, resources=(resource("aws_backup_vault.main"),), variables={"region": {"value": "eu"}}
    )
    assert why(document) == "The Region of the backup vault main cannot be determined: add --region."


def test_the_account_of_the_callers_identity() -> None:
    entry = change("aws_backup_vault.main", ["create"], after={"name": "main"})
    identity = {"address": "data.aws_caller_identity.me", "mode": "data", "type": "aws_caller_identity"}
    document = plan(
        entry, resources=(resource("aws_backup_vault.main"), {**identity, "provider_config_key": "aws"})
    )
    del document["configuration"]["provider_config"]["aws"]["expressions"]["assume_role"]
    document["prior_state"] = {
        "values": {"root_module": {"resources": [{**identity, "values": {"account_id": "444444444444"}}]}}
    }
    assert only(document).account == "444444444444"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"format_version": "2.0"}, "has format_version 2.0 of Terraform's plans"),
        ({"errored": True}, "terraform plan ended with an error"),
        ({"resource_changes": "x"}, "resource_changes is not a list"),
    ],
)
def test_bad_plans_are_refused_in_one_sentence(more: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parsed(plan(**more))


def test_a_state_is_refused() -> None:
    with pytest.raises(UsageError, match="is a state of Terraform, not a plan"):
        parsed({"format_version": "1.0", "terraform_version": "1.9.8", "values": {"root_module": {}}})


def test_deferred_changes_are_named() -> None:
    assert why(plan(complete=False)) == "The plan is not complete: Terraform deferred some changes."
