"""The commands of a finding: complete for its subject, and in the order in which they must be run."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from scanner.model.finding import Finding, Severity, Status
from scanner.model.manifest import Manifest, Scope
from scanner.model.names import AccountId, RegionName
from scanner.model.root_causes import Blocker, CauseKind, RootCause
from scanner.report.commands.commands import commands_of
from scanner.report.commands.structures import Structures

ACCOUNT, REGION = AccountId("111111111111"), RegionName("eu-west-1")
TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/invoices"
PLAN = f"arn:aws:backup:{REGION}:{ACCOUNT}:backup-plan:p-1"
RULE = f"{PLAN}#r-1"
VAULT = f"arn:aws:backup:{REGION}:{ACCOUNT}:backup-vault:main"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/service-role/Backup"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k-1"
JOB = (
    "aws backup start-backup-job --resource-arn RESOURCE_ARN --backup-vault-name VAULT_NAME "
    "--iam-role-arn ROLE_ARN\n"
)
CREATE = "aws backup create-backup-vault --backup-vault-name VAULT_NAME --encryption-key-arn KEY_ARN\n"
TEMPLATES = {"rule-target-vault-exists": CREATE}

MANIFEST = Manifest(
    scan_id="s",
    accounts=(),
    evaluated_as_of=datetime(2026, 11, 1, tzinfo=UTC),
    scope=Scope(accounts=(ACCOUNT,), regions=(REGION, RegionName("eu-central-1")), organization_id="o-1"),
)
TABLES: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "rule": (
        {
            "subject": RULE,
            "name": "daily / nightly",
            "plan": PLAN,
            "plan_name": "daily",
            "kind": "rule",
            "target": VAULT,
            "target_exists": True,
        },
    ),
    "selection": (
        {
            "subject": f"{PLAN}#s-1",
            "plan": PLAN,
            "role": ROLE,
            "role_exists": True,
            "role_admits_backup": True,
        },
    ),
    "keys": ({"key": KEY, "kind": "customer_managed", "enabled": True},),
    "vaults": ({"key": KEY},),
}
STRUCTURES = Structures(MANIFEST, TABLES)
NOTHING = Structures(MANIFEST)

FAILURE = Finding(
    control="resource-backed-up-recently",
    status=Status.FAIL,
    severity=Severity.HIGH,
    subject=TABLE,
    subject_type="DynamoDB",
    account=ACCOUNT,
    region=REGION,
    reason="",
    details={"covered_by": [{"rule": RULE, "via": "selection", "parent": None}], "name": "invoices"},
)
MISSING_VAULT = RootCause(
    kind=CauseKind.VAULT_MISSING,
    subject=VAULT,
    account=ACCOUNT,
    region=REGION,
    control="rule-target-vault-exists",
)


def commands(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_everything_that_the_scan_knows_is_filled() -> None:
    text = commands_of(FAILURE, JOB, STRUCTURES)
    assert text.splitlines()[0] == f"# In account {ACCOUNT}, {REGION}:"
    assert commands(text) == [
        (
            f"aws backup start-backup-job --resource-arn {TABLE} --backup-vault-name main "
            f"--iam-role-arn {ROLE} --region {REGION}"
        )
    ]


def test_what_is_not_known_is_left_with_a_sentence_that_says_where_to_find_it() -> None:
    text = commands_of(replace(FAILURE, details={}), JOB, NOTHING)
    assert "--backup-vault-name VAULT_NAME" in text
    assert "# VAULT_NAME: a backup vault of this account and Region: `aws backup list-backup-vaults`" in text
    assert text.index("# ROLE_ARN: ") < text.index("aws backup start-backup-job")


def test_the_root_cause_is_mended_first() -> None:
    failure = replace(FAILURE, root_cause=MISSING_VAULT, blocked_by=Blocker("rule-target-vault-exists", RULE))
    first, second = commands(commands_of(failure, JOB, STRUCTURES, TEMPLATES))
    assert first.startswith("aws backup create-backup-vault --backup-vault-name main ")
    assert first.endswith(f" --encryption-key-arn {KEY} --region {REGION}")
    assert second.startswith("aws backup start-backup-job")


def test_a_copy_that_only_waits_for_its_link_needs_no_other_copy() -> None:
    cause = replace(MISSING_VAULT, control="copy-destination-exists")
    failure = replace(FAILURE, control="resource-cross-region-copy", root_cause=cause)
    text = commands_of(failure, "aws kms create-key\n", STRUCTURES, {"copy-destination-exists": CREATE})
    assert [line.split()[2] for line in commands(text)] == ["create-backup-vault"]
    assert "Then scan again." in text


def test_a_cause_that_the_own_control_checks_is_not_said_twice() -> None:
    failure = replace(FAILURE, control="rule-target-vault-exists", subject=RULE, root_cause=MISSING_VAULT)
    text = commands_of(failure, CREATE, STRUCTURES, TEMPLATES)
    assert len(commands(text)) == 1
    assert "1. First" not in text


def test_roles_have_commands_of_their_own() -> None:
    cause = replace(
        MISSING_VAULT,
        kind=CauseKind.ROLE_MISSING,
        subject=ROLE,
        region="aws-global",
        control="selection-role-usable",
    )
    text = commands_of(replace(FAILURE, root_cause=cause), JOB, STRUCTURES)
    create = commands(text)[0]
    assert create.startswith("aws iam create-role --role-name Backup --path /service-role/ ")
    assert "--region" not in create
    assert f"# In account {ACCOUNT}:" in text


def test_a_place_of_the_template_holds_for_the_commands_below_it() -> None:
    template = f"# In account MANAGEMENT_ACCOUNT:\naws organizations list-roots\n{CREATE}"
    manifest = replace(MANIFEST, scope=replace(MANIFEST.scope, management_account=AccountId("999999999999")))
    text = commands_of(FAILURE, template, Structures(manifest, TABLES))
    assert text.splitlines()[0] == "# In account 999999999999:"
    assert "--region" not in text


@pytest.mark.parametrize(
    ("command", "mark"),
    [
        ("aws backup delete-recovery-point --recovery-point-arn x", "cannot be undone"),
        ("aws backup put-backup-vault-access-policy --backup-vault-name x", "replaces the policy"),
        ("aws backup update-backup-plan --backup-plan-id x", "replaces the plan"),
        ("aws ec2 copy-snapshot --source-region x", "only checks"),
    ],
)
def test_commands_that_change_more_than_they_say_are_marked(command: str, mark: str) -> None:
    lines = commands_of(FAILURE, command, STRUCTURES).splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("aws "))
    assert lines[at - 1].startswith("# ")
    assert mark in lines[at - 1]


def test_a_lock_in_compliance_mode_can_not_be_pasted() -> None:
    lock = "aws backup put-backup-vault-lock-configuration --backup-vault-name main --changeable-for-days 3\n"
    text = commands_of(FAILURE, lock, STRUCTURES)
    assert not commands(text)
    assert "--changeable-for-days" not in text


def test_snapshots_are_copied_with_a_dry_run_first() -> None:
    (command,) = commands(commands_of(FAILURE, "aws ec2 copy-snapshot --source-region REGION", STRUCTURES))
    assert command.endswith("--dry-run")


def test_a_plan_of_a_backup_policy_is_changed_in_the_policy() -> None:
    plan = f"arn:aws:backup:{REGION}:{ACCOUNT}:backup-plan:orgs/x"
    failure = replace(FAILURE, subject=plan, subject_type="plan", details={})
    text = commands_of(
        failure, "aws backup update-backup-plan --backup-plan-id PLAN_ID --backup-plan file://p\n", NOTHING
    )
    assert "update-backup-plan" not in text
    assert "aws organizations update-policy" in text


@pytest.mark.parametrize("name", ["main\nrm -rf /", "main\r", "file:///etc/passwd"])
def test_hostile_names_are_not_filled_and_begin_no_line(name: str) -> None:
    failure = replace(
        FAILURE, subject=f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}", account=f"1\n{name}"
    )
    text = commands_of(failure, f"# of ACCOUNT_ID\n{JOB}", STRUCTURES)
    assert all(line.startswith(("# ", "aws backup start-backup-job ")) for line in text.splitlines())


def test_a_script_of_an_own_control_is_left_as_it_is() -> None:
    script = "for x in RESOURCE_ARN; do echo $(id); done"
    assert commands_of(FAILURE, script, STRUCTURES).splitlines()[-1] == script


def test_without_commands_there_are_none() -> None:
    assert commands_of(FAILURE, "", STRUCTURES) == ""
