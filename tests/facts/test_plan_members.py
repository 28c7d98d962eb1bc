"""Members of GetBackupPlan and ListBackupJobs that decide no verdict: read, and in the fact tables."""

from pathlib import Path
from typing import Any

import pytest

from scanner.model.facts import BackupOption, MalwareScan, PlanFacts, ResourceFacts, RuleFacts, ScanScope, Tag
from tests.fakes.bundles import BundleBuilder, Facts, facts_of, instance_arn, plan_arn, refuse, rule, stamp

BUCKET = "arn:aws:s3:::docs"
WINDOWS = instance_arn("i-windows")
SCANNER = "arn:aws:iam::111111111111:role/Scanner"
NO_VSS = "plan p does not create VSS-enabled backups of this Windows instance"


def judged(folder: Path, *settings: dict[str, Any], refused: str = "", **members: Any) -> Facts:
    """Return the facts of a plan with these advanced settings, whose rule has these members."""
    bundle = BundleBuilder(folder)
    bundle.account().bucket("docs")
    shard = bundle.shard().vault("main").bucket_details("docs").instance("i-linux")
    shard.instance("i-windows", Platform="windows")
    shard.listed(
        "backup:ListBackupPlans", {"BackupPlanArn": plan_arn("p"), "BackupPlanId": "p", "BackupPlanName": "p"}
    )
    plan = {
        "BackupPlanName": "p",
        "Rules": [rule(**members)],
        "AdvancedBackupSettings": list(settings),
        "ScanSettings": [{"MalwareScanner": "GUARDDUTY", "ResourceTypes": ["S3"], "ScannerRoleArn": SCANNER}],
    }
    shard.call("backup:GetBackupPlan", {"BackupPlan": plan}, BackupPlanId="p")
    ids = {"BackupPlanId": "p", "SelectionId": "s1"}
    shard.listed("backup:ListBackupSelections", {**ids, "SelectionName": "s1"}, BackupPlanId="p")
    shard.call("backup:GetBackupSelection", {"BackupSelection": {"Resources": ["*"]}}, **ids)
    job = {"BackupJobId": "j", "State": "COMPLETED", "ResourceArn": WINDOWS, "ResourceType": "EC2"}
    shard.listed("backup:ListBackupJobs", {**job, "CreationDate": stamp(5), "BackupType": "SNAPSHOT"})
    lines = bundle.lines()
    return facts_of(bundle.write(refuse(lines, refused) if refused else lines))


def resource(facts: Facts, arn: str) -> ResourceFacts:
    found = facts["resource"][arn]
    assert isinstance(found, ResourceFacts)
    return found


def test_the_members_of_a_rule(tmp_path: Path) -> None:
    facts = judged(
        tmp_path,
        CompletionWindowMinutes=10_080,
        StartWindowMinutes=480,
        RecoveryPointTags={"team": "web", "cost": "7"},
        IndexActions=[{"ResourceTypes": ["S3"]}],
        ScanActions=[{"MalwareScanner": "GUARDDUTY", "ScanMode": "FULL_SCAN"}],
    )
    found = facts["rule"][f"{plan_arn('p')}#rule-daily"]
    assert isinstance(found, RuleFacts)
    assert (found.start_window_minutes, found.completion_window_minutes) == (480, 10_080)
    assert found.recovery_point_tags == (Tag("cost", "7"), Tag("team", "web"))
    assert found.index_types == ("S3",)
    assert found.scan_actions == (MalwareScan("GUARDDUTY", "FULL_SCAN"),)


def test_what_a_rule_does_not_set(tmp_path: Path) -> None:
    found = judged(tmp_path)["rule"][f"{plan_arn('p')}#rule-daily"]
    assert isinstance(found, RuleFacts)
    assert (found.start_window_minutes, found.completion_window_minutes) == (0, 0)
    assert (found.recovery_point_tags, found.index_types, found.scan_actions) == ((), (), ())


def test_the_settings_of_a_plan(tmp_path: Path) -> None:
    vss = {"ResourceType": "EC2", "BackupOptions": {"WindowsVSS": "enabled"}}
    found = judged(tmp_path, vss)["plan"][plan_arn("p")]
    assert isinstance(found, PlanFacts)
    assert found.advanced_settings == (BackupOption("EC2", "WindowsVSS", "enabled"),)
    assert found.scan_settings == (ScanScope("GUARDDUTY", ("S3",), SCANNER),)


def test_the_settings_of_a_plan_that_was_not_read(tmp_path: Path) -> None:
    facts = judged(tmp_path, refused="backup:GetBackupPlan")
    found = facts["plan"][plan_arn("p")]
    assert isinstance(found, PlanFacts)
    assert (found.advanced_settings, found.scan_settings) == ((None,), (None,))
    assert {"advanced_settings", "scan_settings"} <= {note.about for note in found.not_known}
    assert resource(facts, WINDOWS).left_out == (None,)


@pytest.mark.parametrize(
    ("settings", "of_bucket", "of_windows"),
    [
        ((), (), (NO_VSS,)),
        (({"ResourceType": "EC2", "BackupOptions": {"WindowsVSS": "enabled"}},), (), ()),
        (({"ResourceType": "EC2", "BackupOptions": {"WindowsVSS": "disabled"}},), (), (NO_VSS,)),
        (
            (
                {
                    "ResourceType": "S3",
                    "BackupOptions": {"BackupACLs": "disabled", "BackupObjectTags": "disabled"},
                },
            ),
            ("plan p does not include object ACLs", "plan p does not include object tags"),
            (NO_VSS,),
        ),
        (
            (
                {
                    "ResourceType": "S3",
                    "BackupOptions": {"BackupACLs": "enabled", "BackupObjectTags": "disabled"},
                },
            ),
            ("plan p does not include object tags",),
            (NO_VSS,),
        ),
    ],
)
def test_what_backups_leave_out(
    settings: tuple[dict[str, Any], ...],
    of_bucket: tuple[str, ...],
    of_windows: tuple[str, ...],
    tmp_path: Path,
) -> None:
    facts = judged(tmp_path, *settings)
    assert resource(facts, BUCKET).left_out == of_bucket
    assert resource(facts, WINDOWS).left_out == of_windows
    assert resource(facts, instance_arn("i-linux")).left_out == ()


def test_the_type_of_a_backup(tmp_path: Path) -> None:
    (job,) = resource(judged(tmp_path), WINDOWS).backup_jobs
    assert job is not None
    assert job.backup_type == "SNAPSHOT"
