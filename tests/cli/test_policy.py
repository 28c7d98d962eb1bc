"""`audit policy`: what it prints, and what it refuses to print."""

import json

import pytest
from typer.testing import CliRunner

from scanner.cli.commands import audit
from scanner.cli.policy import DEFAULT_ROLE
from scanner.collect import request


def run(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(audit, ["policy", *arguments])
    return done.exit_code, done.stdout, done.stderr


def test_json_is_the_policy_and_nothing_else() -> None:
    code, out, err = run()
    assert (code, err) == (0, "")
    assert set(json.loads(out)) == {"Version", "Statement"}


def test_the_role_has_the_name_that_a_scan_assumes() -> None:
    assert DEFAULT_ROLE == request.DEFAULT_ROLE
    _, out, _ = run("--part", "caller", "--partition", "aws-us-gov")
    assert f"arn:aws-us-gov:iam::*:role/{DEFAULT_ROLE}" in out
    _, out, _ = run("--part", "caller", "--role-name", "Audit")
    assert "arn:aws:iam::*:role/Audit" in out


def test_the_trust_policy_names_principal_and_external_id() -> None:
    code, out, _ = run("--part", "trust", "--trusted-principal", "111111111111", "--external-id", "x-1")
    assert code == 0
    (statement,) = json.loads(out)["Statement"]
    assert statement["Principal"] == {"AWS": "111111111111"}
    assert statement["Condition"] == {"StringEquals": {"sts:ExternalId": "x-1"}}


def actions_of(out: str) -> set[str]:
    return {action for statement in json.loads(out)["Statement"] for action in statement["Action"]}


@pytest.mark.parametrize("part", ["member", "caller"])
def test_the_policy_of_few_controls_is_a_part_of_the_whole(part: str) -> None:
    code, narrow, err = run("--part", part, "--controls", "resource-in-backup-plan")
    assert (code, err) == (0, "")
    _, whole, _ = run("--part", part)
    assert actions_of(narrow) < actions_of(whole)
    assert "backup:GetBackupPlan" in actions_of(narrow)
    assert "backup:ListRecoveryPointsByBackupVault" not in actions_of(narrow)
    _, everything, _ = run("--part", part, "--controls", "all")
    assert everything == whole


@pytest.mark.parametrize("format_", ["cloudformation", "terraform"])
def test_templates_follow_the_controls(format_: str) -> None:
    code, out, _ = run("--format", format_, "--controls", "resource-in-backup-plan")
    assert code == 0
    assert "backup:GetBackupPlan" in out
    assert "backup:ListRecoveryPointsByBackupVault" not in out


@pytest.mark.parametrize("format_", ["cloudformation", "terraform"])
def test_templates_hold_what_was_given(format_: str) -> None:
    arguments = ["--role-name", "Audit", "--external-id", "x-1", "--trusted-principal", "111111111111"]
    code, out, _ = run("--format", format_, *arguments)
    assert code == 0
    for word in ('"Audit"', '"x-1"', '"111111111111"'):
        assert word in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--part", "trust"), "--trusted-principal"),
        (("--part", "trust", "--format", "terraform"), "--format json"),
        (("--external-id", "x-1"), "--part trust"),
        (("--part", "caller", "--format", "cloudformation", "--external-id", "x-1"), "--part member"),
        (("--trusted-role", "Scan"), "--part trust"),
        (("--organization-id", "o-0123456789"), "--part caller"),
        (("--part", "caller", "--organization-id", "o-x"), "--organization-id o-x"),
        (
            (
                "--part",
                "trust",
                "--trusted-principal",
                "arn:aws:iam::111111111111:root",
                "--trusted-role",
                "S",
            ),
            "not an ARN",
        ),
        (
            ("--part", "trust", "--trusted-principal", "111111111111", "--controls", "vault-locked"),
            "--controls is valid only",
        ),
        (("--config", "audit.yaml"), "--config requires --controls"),
        (("--controls", "no-such-control"), "no-such-control"),
        (("--role-name", "a b"), "--role-name a b"),
        (("--role-name", "${x}"), "--role-name ${x}"),
        (("--part", "trust", "--trusted-principal", "*"), "--trusted-principal *"),
        (("--part", "trust", "--trusted-principal", "111111111111", "--external-id", '"'), "--external-id"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments: tuple[str, ...], told: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert told in err
