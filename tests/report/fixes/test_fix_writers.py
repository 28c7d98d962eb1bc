"""What `audit fix` writes: every form parses, and says the same as the change, whatever names contain."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hcl2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.fixes.entries import change_documents
from scanner.model.names import AWS_GLOBAL, ORG
from scanner.model.planning.fix import FixChange
from scanner.model.planning.planned_change import ChangeKind, ChangeSet, PlannedChange
from scanner.model.root_causes import Step
from scanner.report.fixes.cloudformation import templates
from scanner.report.fixes.commands import script
from scanner.report.fixes.hcl import Block, text
from scanner.report.fixes.places import places_of
from scanner.report.fixes.terraform import module
from scanner.what_if.backup_json import backup_changes
from scanner.what_if.changes import Defaults
from scanner.what_if.cloudformation import template_changes
from scanner.yamlfile import read_yaml

ACCOUNT, REGION = "111122223333", "eu-west-1"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0000"
SHIM = Path(__file__).parents[2] / "fakes/aws_cli.py"
HOSTILE = (
    "quote \" and ' apostrophe",
    "${var.secret} %{ if true } $(touch pwned) `id`",
    "back\\slash \\n",
    "line\nbreak\r\nJSON\nEOF",
    "\u202egnp.exe \u2028 \x07 \x7f",
    "😀 ünïcode",
)


def change(kind: ChangeKind, document: dict[str, Any], **fields: Any) -> FixChange:
    """Return a change in the account and Region of these tests."""
    place = {"account": ACCOUNT, "region": REGION, "step": Step.RULES_AND_COPIES}
    return FixChange(kind=kind, document=document, **{**place, **fields})


def plan_of(rule: dict[str, Any], **fields: Any) -> FixChange:
    document = {"BackupPlanName": "daily", "Rules": [rule]}
    return change(ChangeKind.PLAN, document, name="daily", **fields)


def policy_of(statement: str) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Sid": statement, "Effect": "Deny", "Principal": "*"}]}


def every_kind(words: str) -> tuple[FixChange, ...]:
    """Return a change of each kind with the same text in each place that a user can fill."""
    rule = {
        "RuleName": "nightly",
        "TargetBackupVaultName": "vault",
        "ScheduleExpression": "cron(0 5 ? * * *)",
        "Lifecycle": {"DeleteAfterDays": 35},
        "RecoveryPointTags": {"note": words},
        "CopyActions": [{"DestinationBackupVaultArn": words, "Lifecycle": {"DeleteAfterDays": 35}}],
    }
    role = f"arn:aws:iam::{ACCOUNT}:role/service-role/backup"
    trust = {"AssumeRolePolicyDocument": policy_of(words)}
    selection = {"SelectionName": "vaultproof-selected", "IamRoleArn": role, "Resources": [words]}
    resource = f"arn:aws:ec2:{REGION}:{ACCOUNT}:volume/vol-1"
    return (
        change(ChangeKind.VAULT, {"BackupVaultName": "vault", "EncryptionKeyArn": KEY}, name="vault"),
        change(ChangeKind.VAULT_POLICY, policy_of(words), name="vault"),
        change(ChangeKind.VAULT_LOCK, {"MinRetentionDays": 1}, name="vault"),
        change(
            ChangeKind.VAULT_NOTIFICATIONS,
            {"SNSTopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:t", "BackupVaultEvents": ["COPY_JOB_FAILED"]},
            name="vault",
        ),
        plan_of(rule),
        plan_of({**rule, "RuleId": "r-1"}, id="plan-1", before={"Rules": []}),
        change(ChangeKind.SELECTION, selection, name="vaultproof-selected", plan_name="daily"),
        change(ChangeKind.SELECTION, selection, name="vaultproof-selected", plan_id="plan-1"),
        change(ChangeKind.REGION_SETTINGS, {"ResourceTypeOptInPreference": {"EBS": True}}, before={}),
        change(
            ChangeKind.GLOBAL_SETTINGS,
            {"GlobalSettings": {"isCrossAccountBackupEnabled": "true"}},
            region=ORG,
            before={},
        ),
        change(ChangeKind.ROLE, trust, name=role, region=AWS_GLOBAL),
        change(ChangeKind.ROLE, trust, name=f"{role}2", region=AWS_GLOBAL, before={}),
        change(ChangeKind.KEY_POLICY, policy_of(words), name=KEY, before={}),
        change(
            ChangeKind.TAGS, {"Tags": {"backup": words}}, name=resource, before={"Tags": {}}, notes=(words,)
        ),
    )


def strings(content: object) -> Iterator[str]:
    """Yield all texts in JSON."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict):
        for key, value in content.items():
            yield from strings(key)
            yield from strings(value)
    elif isinstance(content, list):
        for member in content:
            yield from strings(member)


@pytest.mark.parametrize("words", HOSTILE)
def test_terraform_parses_and_evaluates_nothing(words: str) -> None:
    for place in places_of(every_kind(words)):
        configuration = module(place)
        assert hcl2.loads(configuration)["provider"]
        # A template would be evaluated: each is escaped.
        assert not re.search(
            r"(?<!\$)\$\{|(?<!%)%\{", re.sub(r"^\s*#.*$", "", configuration, flags=re.MULTILINE)
        )


@given(st.text())
def test_a_text_in_terraform_is_that_text(words: str) -> None:
    written = text(words)
    assert "\n" not in written
    unescaped = written[1:-1].replace("$${", "${").replace("%%{", "%{")
    unescaped = re.sub(r"\\U0([0-9a-f]{7})", lambda match: chr(int(match[1], 16)), unescaped)
    if "\\U" not in words:
        assert json.loads(f'"{unescaped}"') == words or "$" in words or "%" in words


@given(st.dictionaries(st.text(min_size=1), st.text()))
def test_an_attribute_of_any_texts_parses(tags: dict[str, str]) -> None:
    block = Block("resource", "aws_backup_plan", "a").set("tags", tags)
    assert len(hcl2.loads("\n".join(block.lines()) + "\n")["resource"]) == 1


@pytest.mark.parametrize("words", HOSTILE)
def test_templates_say_what_the_changes_say(words: str) -> None:
    places = [place for place in places_of(every_kind(words)) if place.region == REGION]
    written = dict(templates(tuple(places)))
    name = next(name for name in written if name.endswith(".yaml"))
    document, mistakes = read_yaml(written[name], name, short_forms=True)
    assert mistakes == ()
    assert document is not None
    from_template = template_changes(document, name, Defaults(ACCOUNT, REGION))
    assert from_template.not_judged == ()
    expected = backup_changes(change_documents(every_kind(words)), "changes.json", Defaults())
    assert forms(from_template) <= forms(expected)
    assert len(forms(from_template)) >= 6


def forms(changes: ChangeSet) -> set[str]:
    """Return changes in a form that can be compared, whatever file they are from."""
    return {form(each) for each in changes.changes}


def form(each: PlannedChange) -> str:
    document = dict(each.document)
    if isinstance(policy := document.get("Policy"), str):
        document["Policy"] = json.loads(policy)
    return json.dumps(
        [each.kind, each.account, each.region, each.name, document], sort_keys=True, default=str
    )


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_any_text_in_a_template_is_that_text(words: str) -> None:
    changes = (change(ChangeKind.VAULT_POLICY, policy_of(words), name="vault", context={"vault": {"a": 1}}),)
    written = dict(templates(places_of(changes)))
    document, mistakes = read_yaml(next(iter(written.values())), "t.yaml", short_forms=True)
    assert (document is None, mistakes) == (False, ())
    assert document is not None
    assert words in set(strings(document.data))


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """Return an environment whose `aws` checks each call against botocore's model and records it."""
    shim = tmp_path / "bin" / "aws"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec {sys.executable} {SHIM} "$@"\n')
    shim.chmod(0o755)
    return {
        "PATH": f"{shim.parent}:{os.environ['PATH']}",
        "AWS_CLI_LOG": str(tmp_path / "calls.jsonl"),
        "AWS_CLI_ACCOUNT": ACCOUNT,
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",  # pragma: allowlist secret
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@pytest.mark.parametrize("words", [" ".join(HOSTILE)])
def test_scripts_call_aws_with_what_the_changes_say(
    words: str, shell: dict[str, str], tmp_path: Path
) -> None:
    for place in places_of(every_kind(words)):
        done = subprocess.run(
            ["/bin/bash", "-s"],
            input=script(place),
            env=shell,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
    calls = [json.loads(line) for line in Path(shell["AWS_CLI_LOG"]).read_text("utf-8").splitlines()]
    changing = {name for _, name, _ in calls if not name.startswith(("Get", "List", "Describe"))}
    # What the check of existence finds is not created: that call alone answers here.
    assert changing == {
        "AttachRolePolicy",
        "PutBackupVaultAccessPolicy",
        "PutBackupVaultLockConfiguration",
        "PutBackupVaultNotifications",
        "PutKeyPolicy",
        "TagResources",
        "UpdateAssumeRolePolicy",
        "UpdateBackupPlan",
        "UpdateGlobalSettings",
        "UpdateRegionSettings",
        "CreateBackupPlan",
        "CreateBackupSelection",
    }
    plan = next(parameters for _, name, parameters in calls if name == "UpdateBackupPlan")["BackupPlan"]
    assert plan["Rules"][0]["RecoveryPointTags"] == {"note": words}
    assert not (tmp_path / "pwned").exists()


def test_a_script_stops_in_another_account(shell: dict[str, str]) -> None:
    place = places_of(every_kind("x"))[-1]
    done = subprocess.run(
        ["/bin/bash", "-s"],
        input=script(place),
        env={**shell, "AWS_CLI_ACCOUNT": "999999999999"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "is for account 111122223333" in done.stderr
    assert len(Path(shell["AWS_CLI_LOG"]).read_text("utf-8").splitlines()) == 1


def test_a_compliance_lock_is_a_comment_everywhere() -> None:
    lock = change(
        ChangeKind.VAULT_LOCK,
        {"MinRetentionDays": 1, "ChangeableForDays": 3},
        name="vault",
        context={"vault": {"a": 1}},
    )
    (place,) = places_of((lock,))
    for written in (script(place), module(place)):
        lines = [line for line in written.splitlines() if "hangeable" in line or "lock_configuration" in line]
        assert lines
        assert all(line.startswith("#") for line in lines)
    for written in dict(templates((place,))).values():
        assert "ChangeableForDays" not in written
