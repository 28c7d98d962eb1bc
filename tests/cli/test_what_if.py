"""`audit what-if` on the sample scan, as a person types it. The expected verdicts are derived by hand.

The plan production-gold of account 333333333333 in eu-west-1 has the rules nightly (35 days in
production-gold, whose lock has a minimum of 35 days; copies to central-backup and production-disaster) and
monthly (365 days; a copy to central-backup-frankfurt).
"""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from jsonschema import Draft202012Validator
from moto import mock_aws
from typer.testing import CliRunner

from scanner.cli.commands import audit
from tests.what_if.terraform_plans import change, lifecycle, plan, rule

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/schema/what-if.schema.json").read_text("utf-8"))
SAMPLE = Path(__file__).parents[2] / "sample_reports/bundle"
ACCOUNT, REGION = "333333333333", "eu-west-1"
PLACE = ("--account", ACCOUNT, "--region", REGION)
PLAN_ID = "a256b155-ad35-4c72-9e56-597a92ac23b0"
PLAN_ARN = f"arn:aws:backup:{REGION}:{ACCOUNT}:backup-plan:{PLAN_ID}"
NIGHTLY = f"{PLAN_ARN}#548a7f72-e948-43c7-93a6-84ea03df3a6a"
LOCK = "rule-retention-within-vault-lock"
FORGOTTEN = f"arn:aws:ec2:{REGION}:{ACCOUNT}:volume/vol-6185e5e8a3d456e7e"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/service-role/AWSBackupDefaultServiceRole"


def vault(name: str, account: str = ACCOUNT, region: str = REGION) -> str:
    return f"arn:aws:backup:{region}:{account}:backup-vault:{name}"


CENTRAL = vault("central-backup", "222222222222")
DISASTER = vault("production-disaster", region="eu-central-1")
FRANKFURT = vault("central-backup-frankfurt", "222222222222", "eu-central-1")


@pytest.fixture
def scan(judged_sample: Path) -> str:
    return str(judged_sample)


def run(scan: str, *words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(audit, ["what-if", scan, "--jobs", "1", *words])
    return result.exit_code, result.stdout, result.stderr


def judged(scan: str, file: Path, document: Any, *words: str) -> tuple[int, dict[str, Any]]:
    file.write_text(json.dumps(document), "utf-8")
    code, out, err = run(scan, "--change", str(file), "--format", "json", *words)
    assert err == ""
    result = json.loads(out)
    Draft202012Validator(SCHEMA).validate(result)
    return code, result


def of_effect(document: dict[str, Any], effect: str) -> set[tuple[str, str]]:
    return {(each["control"], each["subject"]) for each in document["findings"] if each["effect"] == effect}


def gold(nightly: dict[str, Any], copies: tuple[str, ...]) -> dict[str, Any]:
    """Return the plan production-gold as get-backup-plan prints it, with another rule nightly."""
    window = {"StartWindowMinutes": 60, "CompletionWindowMinutes": 360}
    common = {"TargetBackupVaultName": "production-gold", **window}
    copy_actions = [
        {"DestinationBackupVaultArn": arn, "Lifecycle": {"DeleteAfterDays": 35}} for arn in copies
    ]
    rules = [
        {
            **common,
            "RuleName": "nightly",
            "ScheduleExpression": "cron(0 2 ? * * *)",
            "ScheduleExpressionTimezone": "Europe/Dublin",
            "CopyActions": copy_actions,
            **nightly,
        },
        {
            **common,
            "RuleName": "monthly",
            "ScheduleExpression": "cron(0 3 1 * ? *)",
            "Lifecycle": {"DeleteAfterDays": 365},
            "CopyActions": [{"DestinationBackupVaultArn": FRANKFURT, "Lifecycle": {"DeleteAfterDays": 365}}],
        },
    ]
    return {"BackupPlanId": PLAN_ID, "BackupPlan": {"BackupPlanName": "production-gold", "Rules": rules}}


def test_the_plan_as_it_is_changes_nothing(scan: str, tmp_path: Path) -> None:
    same = gold({"Lifecycle": {"DeleteAfterDays": 35}}, (CENTRAL, DISASTER))
    code, document = judged(scan, tmp_path / "plan.json", same, *PLACE, "--fail-on", "low")
    counts = document["counts"]
    assert (code, sum(counts.values()) - counts["unchanged"]) == (0, 0)
    assert counts["unchanged"] > 4_000


def test_a_shorter_retention(scan: str, tmp_path: Path) -> None:
    shorter = gold({"Lifecycle": {"DeleteAfterDays": 1}}, (CENTRAL, DISASTER))
    code, document = judged(scan, tmp_path / "plan.json", shorter, *PLACE, "--fail-on", "high")
    new = of_effect(document, "new")
    # One day is below the lock's 35, and the monthly rule alone starts too seldom.
    assert ("rule-retention-within-vault-lock", NIGHTLY) in new
    assert ("plan-frequency-and-retention", PLAN_ARN) in new
    assert code == 10
    # No recovery point loses anything by a changed plan.
    assert not [each for each in document["findings"] if each["subject_type"] == "recovery_point"]
    assert not of_effect(document, "removed_by_this_change")


def test_a_removed_copy_action(scan: str, tmp_path: Path) -> None:
    without = gold({"Lifecycle": {"DeleteAfterDays": 35}}, (DISASTER,))
    code, document = judged(scan, tmp_path / "plan.json", without, *PLACE, "--fail-on", "low")
    removed = of_effect(document, "removed_by_this_change")
    assert {subject for _, subject in removed} == {f"{NIGHTLY}->{CENTRAL}"}
    assert ("copy-destination-exists", f"{NIGHTLY}->{CENTRAL}") in removed
    # Copies to account 222222222222 remain: those of monthly.
    assert (code, of_effect(document, "new")) == (0, set())


def test_an_added_selection(scan: str, tmp_path: Path) -> None:
    chosen = {"SelectionName": "forgotten", "IamRoleArn": ROLE, "Resources": [FORGOTTEN]}
    selection = {"BackupPlanId": PLAN_ID, "BackupSelection": chosen}
    code, document = judged(scan, tmp_path / "selection.json", selection, *PLACE, "--fail-on", "low")
    assert of_effect(document, "fixed") == {("resource-in-backup-plan", FORGOTTEN)}
    assert {control for control, _ in of_effect(document, "added")} == {
        "selection-matches-resources",
        "selection-role-usable",
    }
    assert {each["subject"] for each in document["findings"] if each["effect"] != "added"} == {FORGOTTEN}
    # The first backup is still to be made: that is about today.
    horizons = {each["control"]: each["horizon"] for each in document["findings"]}
    assert horizons["resource-backed-up-recently"] == "today"
    assert horizons["resource-in-backup-plan"] == "from_now_on"
    # 3-2-1-1-0 did not apply before; it fails because there is no backup yet, which fails no gate.
    assert of_effect(document, "new") == {("three-two-one-one-zero", FORGOTTEN)}
    (new,) = (row for row in document["findings"] if row["effect"] == "new")
    assert (new["first_run"], new["first_plan"]) == (True, True)
    assert code == 0


TEMPLATE = """\
Parameters:
  Days: {Type: Number, Default: 35}
Resources:
  Plan:
    Type: AWS::Backup::BackupPlan
    Properties:
      BackupPlan:
        BackupPlanName: production-gold
        BackupPlanRule:
          - RuleName: nightly
            TargetBackupVault: production-gold
            ScheduleExpression: cron(0 2 ? * * *)
            ScheduleExpressionTimezone: Europe/Dublin
            Lifecycle: {DeleteAfterDays: !Ref Days}
"""


def test_a_template(scan: str, tmp_path: Path) -> None:
    file = tmp_path / "backup.yaml"
    file.write_text(TEMPLATE, "utf-8")
    words = ("--change", str(file), *PLACE, "--format", "json")
    code, out, _ = run(scan, *words, "--parameter", "Days=1", "--fail-on", "critical")
    document = json.loads(out)
    # Without any copy, nothing survives a takeover of the account, which is critical.
    assert "survives-account-compromise" in {control for control, _ in of_effect(document, "new")}
    assert code == 10
    assert ("rule-retention-within-vault-lock", NIGHTLY) in of_effect(document, "new")
    monthly = f"{PLAN_ARN}#920be765-ebf1-41a9-b540-07d5f645513d"
    assert ("rule-schedule-valid", monthly) in of_effect(document, "removed_by_this_change")
    (lock,) = [each for each in document["findings"] if (each["effect"], each["subject"]) == ("new", NIGHTLY)]
    assert lock["change"] == {"file": str(file), "address": "Plan", "line": 4}
    code, out, _ = run(scan, *words)
    assert (code, of_effect(json.loads(out), "removed_by_this_change")) == (0, set())


def test_a_retention_known_after_apply(scan: str, tmp_path: Path) -> None:
    before = {"arn": PLAN_ARN, "id": PLAN_ID, "name": "production-gold", "rule": [], "tags_all": {}}
    rules = [rule(target_vault_name="production-gold", lifecycle=lifecycle(None))]
    unknown = {"rule": [{"lifecycle": [{"delete_after": True}]}]}
    entry = change(
        "aws_backup_plan.gold", ["update"], before=before, after={**before, "rule": rules}, unknown=unknown
    )
    code, document = judged(scan, tmp_path / "tfplan.json", plan(entry), "--fail-on", "low")
    assert (document["not_judged"], of_effect(document, "removed_by_this_change")) == ([], set())
    unknown_now = of_effect(document, "newly_unknown")
    assert ("plan-frequency-and-retention", PLAN_ARN) in unknown_now
    assert ("rule-retention-within-vault-lock", NIGHTLY) in unknown_now
    reasons = {each["reason"] for each in document["findings"] if each["subject"] == NIGHTLY}
    assert reasons == {"The rules of its backup plan are known only after the change is applied."}
    assert (code, of_effect(document, "new")) == (0, set())


def test_an_account_that_was_not_scanned(scan: str, tmp_path: Path) -> None:
    place = ("--account", "777777777777", "--region", REGION)
    code, document = judged(scan, tmp_path / "plan.json", gold({}, ()), *place)
    assert [each["why"] for each in document["not_judged"]] == [
        "Account 777777777777 was not scanned, so what the change does there is unknown."
    ]
    assert (code, document["findings"]) == (4, [])
    code, _ = judged(scan, tmp_path / "plan.json", gold({}, ()), *place, "--allow-partial")
    assert code == 0


def test_the_table(scan: str, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(gold({"Lifecycle": {"DeleteAfterDays": 1}}, (CENTRAL, DISASTER))), "utf-8")
    code, out, err = run(scan, "--change", str(file), *PLACE)
    assert (code, err) == (0, "")
    assert f"update backup plan production-gold in {ACCOUNT}/{REGION}" in out
    assert "New failures. From now on (plans, rules, copies, vaults)" in out
    assert "rule-retention-within-vault-lock" in out


def test_markdown_and_sarif(scan: str, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(gold({"Lifecycle": {"DeleteAfterDays": 1}}, (CENTRAL, DISASTER))), "utf-8")
    code, out, _ = run(scan, "--change", str(file), *PLACE, "--format", "markdown")
    assert (code, out.splitlines()[0]) == (0, "<!-- vaultproof what-if -->")
    code, out, _ = run(scan, "--change", str(file), *PLACE, "--format", "sarif")
    results = json.loads(out)["runs"][0]["results"]
    assert code == 0
    assert "rule-retention-within-vault-lock" in {result["ruleId"] for result in results}
    files = {result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in results}
    assert files == {str(file)}


def shorter(tmp_path: Path) -> str:
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(gold({"Lifecycle": {"DeleteAfterDays": 1}}, (CENTRAL, DISASTER))), "utf-8")
    return str(file)


def test_several_formats_go_into_a_folder(scan: str, tmp_path: Path) -> None:
    words = ("--change", shorter(tmp_path), *PLACE, "--controls", LOCK)
    code, out, _ = run(scan, *words, "--format", "markdown,sarif,json", "--out", str(tmp_path / "out"))
    names = ["what-if.md", "what-if.sarif", "what-if.json"]
    assert (code, out.split()) == (0, [str(tmp_path / "out" / name) for name in names])
    assert json.loads((tmp_path / "out/what-if.json").read_bytes())["counts"]["new"] == 1
    code, _, err = run(scan, *words, "--format", "markdown,sarif")
    assert (code, "several formats need --out DIR" in err) == (2, True)
    code, _, err = run(scan, *words, "--format", "pdf")
    assert (code, "choose from table, json, markdown, sarif" in err) == (2, True)


def test_other_controls_and_settings_than_those_of_the_scan(scan: str, tmp_path: Path) -> None:
    words = ("--change", shorter(tmp_path), *PLACE, "--format", "json", "--fail-on", "low")
    code, out, _ = run(scan, *words, "--controls", LOCK)
    assert (code, of_effect(json.loads(out), "new")) == (10, {(LOCK, NIGHTLY)})
    settings = tmp_path / "audit.yaml"
    settings.write_text(
        f"controls: [{LOCK}]\nwaivers:\n- {{id: w, control: {LOCK}, subject: '*', owner: o@example.com,"
        " approver: c@example.com, reason: agreed, expires: 2027-01-01}\n"
    )
    code, out, _ = run(scan, *words, "--config", str(settings))
    assert (code, of_effect(json.loads(out), "new")) == (0, set())
    assert of_effect(json.loads(out), "changed") == {(LOCK, NIGHTLY)}


def test_the_newest_scan_of_a_folder(scan: str, tmp_path: Path) -> None:
    words = ("--change", shorter(tmp_path), *PLACE, "--controls", LOCK, "--format", "json")
    code, out, err = run(str(Path(scan).parent), *words)
    assert (code, json.loads(out)["counts"]["new"]) == (0, 1)
    assert f"Using {scan}, the newest evaluated scan there." in err.replace("\n", " ")
    code, _, err = run(str(tmp_path), *words)
    assert (code, "manifest.json" in err) == (6, True)


def test_changes_that_are_not_about_backups_pass(scan: str, tmp_path: Path) -> None:
    """Most pull requests change nothing that a control is about: the gate must let them pass."""
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(plan(change("aws_sns_topic.a", ["create"], after={"name": "a"}))), "utf-8")
    code, out, err = run(scan, "--change", str(file), "--fail-on", "low")
    assert (code, err) == (0, "")
    assert "No change is about backups: there is nothing to judge." in out
    code, out, _ = run(scan, "--change", str(file), "--format", "markdown")
    assert (code, "no change is about backups" in out) == (0, True)


def test_a_scan_without_its_evidence(scan: str, tmp_path: Path) -> None:
    shutil.copytree(scan, tmp_path / "scan", ignore=shutil.ignore_patterns("evidence"))
    code, out, err = run(str(tmp_path / "scan"), "--change", shorter(tmp_path), *PLACE)
    assert (code, out, "has no evidence, which a change is laid over" in err.replace("\n", " ")) == (
        6,
        "",
        True,
    )


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="scans")
        yield client


def test_the_newest_scan_below_a_prefix_in_s3(bucket: Any, scan: str, tmp_path: Path) -> None:
    for path in sorted(Path(scan).rglob("*")):
        if path.is_file():
            bucket.upload_file(str(path), "scans", f"nightly/2026-11-30/{path.relative_to(scan).as_posix()}")
    bucket.put_object(Bucket="scans", Key="nightly/2026-12-01-only-evidence/manifest.json", Body=b"{}")
    words = ("--change", shorter(tmp_path), *PLACE, "--controls", LOCK, "--format", "json")
    for source in ("s3://scans/nightly", "s3://scans/nightly/2026-11-30"):
        code, out, err = run(source, *words)
        assert (code, json.loads(out)["counts"]["new"]) == (0, 1), err
        assert ("Using s3://scans/nightly/2026-11-30," in err.replace("\n", " ")) == source.endswith(
            "nightly"
        )
    code, out, err = run("s3://scans/weekly", *words)
    assert (code, out, "There is no scan at s3://scans/weekly" in err) == (6, "", True)


@pytest.mark.parametrize(
    ("content", "words", "message"),
    [
        ("{}", (), "is neither a plan of Terraform"),
        ('{"format_version": "2.0"}', (), "format_version 2.0"),
        ("{}", ("--parameter", "x"), "write NAME=VALUE"),
        ("Resources:\n  A: [", (), "this is not YAML"),
    ],
)
def test_bad_input_is_one_sentence(
    scan: str, tmp_path: Path, content: str, words: tuple[str, ...], message: str
) -> None:
    file = tmp_path / "change"
    file.write_text(content, "utf-8")
    code, out, err = run(scan, "--change", str(file), *words)
    assert (code, out) == (2, "")
    assert message in err.replace("\n", " ")
    assert "Traceback" not in err
