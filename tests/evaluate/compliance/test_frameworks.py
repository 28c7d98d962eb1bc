"""Frameworks of a judged bundle compared with its findings: what their scopes cover, in every format."""

import json
from pathlib import Path
from typing import Any

import pytest

from scanner.app.criteria import Judgement
from scanner.app.judgement import evaluate
from scanner.app.reports import report
from scanner.evaluate.controls.loader import load_controls
from scanner.model.compliance import AuditManagerControl, Comparison
from scanner.model.scan import Scan
from scanner.report.read import read_scan
from scanner.report.view.view import build
from tests.fakes.bundles import ACCOUNT, OTHER, REGION, BundleBuilder, ShardScript, refuse, rule

PLAN = "BACKUP_RESOURCES_PROTECTED_BY_BACKUP_PLAN"
RETENTION = "BACKUP_RECOVERY_POINT_MINIMUM_RETENTION_CHECK"
FREQUENCY = "BACKUP_PLAN_MIN_FREQUENCY_AND_MIN_RETENTION_CHECK"
LOCK = "BACKUP_RESOURCES_PROTECTED_BY_BACKUP_VAULT_LOCK"

CONTROLS = ("resource-in-backup-plan", "plan-frequency-and-retention", "recovery-point-retention")


def control(name: str, scope: dict[str, Any] | None = None, **parameters: str) -> dict[str, Any]:
    given = [{"ParameterName": key, "ParameterValue": value} for key, value in parameters.items()]
    return {
        "ControlName": name,
        "ControlInputParameters": given,
        **({"ControlScope": scope} if scope else {}),
    }


def framework(
    script: ShardScript, name: str, *controls: dict[str, Any], status: str = "ACTIVE"
) -> ShardScript:
    arn = f"arn:aws:backup:{script.region}:{script.account}:framework:{name}-1"
    script.listed(
        "backup:ListFrameworks",
        {"FrameworkName": name, "FrameworkArn": arn, "DeploymentStatus": "COMPLETED"},
    )
    described = {"FrameworkName": name, "FrameworkStatus": status, "FrameworkControls": list(controls)}
    return script.call("backup:DescribeFramework", described, FrameworkName=name)


def judged(bundle: Path, out: Path | None = None, formats: tuple[str, ...] = ()) -> Scan:
    judgement = Judgement(controls=load_controls(CONTROLS))
    return evaluate(bundle, out or bundle, judgement, formats).scan


SCOPES: tuple[tuple[dict[str, Any] | None, int], ...] = (
    (None, 5),  # a stopped instance is none of Audit Manager's
    ({"ComplianceResourceTypes": ["EBS"]}, 3),
    ({"ComplianceResourceTypes": ["EBS", "DynamoDB"]}, 4),
    ({"ComplianceResourceTypes": ["AWS::EC2::Volume"]}, 3),
    ({"ComplianceResourceTypes": ["EFS"]}, 0),
    ({"Tags": {"tier": "gold"}}, 2),
    ({"Tags": {"tier": ""}}, 3),
    ({"Tags": {"tier=a": "b"}}, 1),
    ({"ComplianceResourceTypes": ["EBS"], "Tags": {"tier": "gold"}}, 1),
    ({"ComplianceResourceTypes": ["EBS"], "ComplianceResourceIds": ["vol-2"]}, 1),
    ({"ComplianceResourceIds": ["ol-2"]}, 0),
)
"""Scopes of the control `PLAN`, and how many resources each covers."""

OTHERS: tuple[tuple[str, dict[str, Any] | None, tuple[int | None, ...]], ...] = (
    (FREQUENCY, None, (2, 2, 0)),
    (FREQUENCY, {"ComplianceResourceIds": ["daily"]}, (2, 1, 0)),
    (FREQUENCY, {"Tags": {"tier": "gold"}}, (2, 0, 2)),  # tags of plans are not read
    (RETENTION, None, (1, 1, 0)),
    (RETENTION, {"ComplianceResourceTypes": ["Teapot"]}, (1, None, None)),
    (LOCK, None, (6, 5, 0)),  # Audit Manager asks resources where ours asks vaults
    ("BACKUP_OF_TOMORROW", None, (None, None, None)),
)
"""Other controls with a scope, and how many subjects they have, cover, and may cover."""


@pytest.fixture(scope="module")
def of_scopes(tmp_path_factory: pytest.TempPathFactory) -> tuple[AuditManagerControl, ...]:
    """Judge an account with volumes, instances, a table, plans and points, and a framework of all scopes."""
    builder = BundleBuilder(tmp_path_factory.mktemp("scopes"))
    shard = builder.shard()
    shard.volume("vol-1", {"tier": "gold"}).volume("vol-2", {"tier": "tin"}).volume("vol-3")
    shard.instance("i-1", {"tier": "gold"}).instance("i-2", State={"Name": "stopped"})
    shard.table("t-1", {"tier=a": "b"})
    shard.vault("main").plan("daily", rules=[rule()]).plan("weekly", rules=[rule()])
    shard.point("main", "arn:aws:ec2:eu-west-1:111111111111:volume/vol-1")
    controls = [*((PLAN, scope) for scope, _ in SCOPES), *((name, scope) for name, scope, _ in OTHERS)]
    framework(shard, "all", *(control(name, scope) for name, scope in controls))
    builder.shard(OTHER).volume("vol-9")
    (found,) = judged(builder.write()).frameworks
    assert found.controls is not None
    assert len(found.controls) == len(controls)
    return found.controls


@pytest.mark.parametrize("number", range(len(SCOPES)), ids=[str(scope) for scope, _ in SCOPES])
def test_what_a_scope_covers(of_scopes: tuple[AuditManagerControl, ...], number: int) -> None:
    made, (_, covered) = of_scopes[number], SCOPES[number]
    assert (made.subjects, made.covered, made.doubtful) == (6, covered, 0)
    assert (made.ours, made.judges) == ("resource-in-backup-plan", "resource")


@pytest.mark.parametrize("number", range(len(OTHERS)), ids=[f"{name} {scope}" for name, scope, _ in OTHERS])
def test_what_a_scope_covers_of_other_things(of_scopes: tuple[AuditManagerControl, ...], number: int) -> None:
    made = of_scopes[len(SCOPES) + number]
    assert (made.subjects, made.covered, made.doubtful) == OTHERS[number][2]


def test_tags_that_were_not_read_leave_it_open_what_a_tag_covers(tmp_path: Path) -> None:
    builder = BundleBuilder(tmp_path)
    shard = builder.shard()
    shard.table("t-1").volume("vol-1", {"tier": "gold"})
    framework(shard, "all", control(PLAN, {"Tags": {"tier": "gold"}}), control(PLAN))
    lines = refuse(builder.lines(), "resourcegroupstaggingapi:GetResources")
    (found,) = judged(builder.write(lines)).frameworks
    assert found.controls is not None
    by_tag, everything = found.controls
    assert (by_tag.subjects, by_tag.covered, by_tag.doubtful) == (2, 1, 1)
    assert (everything.covered, everything.doubtful) == (2, 0)


def two_accounts(tmp_path: Path) -> BundleBuilder:
    builder = BundleBuilder(tmp_path)
    ours = builder.shard()
    ours.volume("vol-1").vault("main").plan("daily", rules=[rule()], selections=[{"Resources": ["*"]}])
    framework(ours, "production", control(PLAN), control(FREQUENCY, requiredRetentionDays="7"))
    framework(ours, "unseen", control(PLAN))
    theirs = builder.shard(OTHER)
    theirs.volume("vol-2")
    hostile = control("<b>BACKUP</b>", {"Tags": {"</td>": "{{ 7 * 7 }}"}}, **{"x\n": "<script>"})
    framework(theirs, "production", control(LOCK), hostile, status="PARTIALLY_ACTIVE")
    return builder


def unseen(builder: BundleBuilder) -> Path:
    return builder.write(refuse(builder.lines(), "backup:DescribeFramework", FrameworkName="unseen"))


def test_frameworks_in_two_accounts(tmp_path: Path) -> None:
    scan = judged(unseen(two_accounts(tmp_path)))
    ours, hidden, theirs = scan.frameworks
    assert (ours.account, ours.region, ours.name, ours.status) == (ACCOUNT, REGION, "production", "ACTIVE")
    assert (theirs.account, theirs.status) == (OTHER, "PARTIALLY_ACTIVE")
    assert (hidden.name, hidden.status, hidden.controls) == ("unseen", None, None)
    assert [each.comparison for each in ours.controls or ()] == [Comparison.EQUAL, Comparison.STRICTER]
    assert [each.comparison for each in theirs.controls or ()] == [
        Comparison.NOT_ASKED,
        Comparison.NO_COUNTERPART,
    ]


def test_what_we_judged_stands_beside_what_a_scope_covers(tmp_path: Path) -> None:
    rows = build(judged(unseen(two_accounts(tmp_path)))).audit_manager.frameworks
    in_plan, frequency = rows[0].controls or ()
    assert (in_plan.judged, in_plan.covers) == ("1 of 1 check", "at least 1 of 1 resource")
    assert (frequency.judged, frequency.covers) == ("1 of 1 check", "at least 1 of 1 plan")
    assert dict(frequency.parameters) == {"max_interval_hours": "24", "min_retention_days": "35"}
    assert rows[1].controls is None
    lock, strange = rows[2].controls or ()
    assert (lock.judged, lock.covers) == ("nothing", "1 of 1 resource")  # no read is missing there
    assert (strange.judged, strange.covers, strange.scope) == (
        "nothing",
        "unknown",
        "tag </td>={{ 7 * 7 }}",
    )


def test_a_list_of_frameworks_that_was_refused_is_told(tmp_path: Path) -> None:
    builder = two_accounts(tmp_path)
    builder.shard(OTHER, "eu-central-1").call("backup:ListFrameworks", error="AccessDeniedException")
    made = build(judged(builder.write())).audit_manager
    assert made.unlisted == ((ACCOUNT, "eu-central-1"), (OTHER, "eu-central-1"))  # the first: never asked


def test_findings_json_holds_all_of_it_and_gives_it_back(tmp_path: Path) -> None:
    scan = judged(unseen(two_accounts(tmp_path)))
    document = json.loads((tmp_path / "findings.json").read_bytes())
    first, hidden, last = document["summary"]["audit_manager"]
    assert (first["account"], first["name"], first["complete"]) == (ACCOUNT, "production", False)
    assert first["controls"][1] == {
        "name": FREQUENCY,
        "parameters": [["requiredRetentionDays", "7"]],
        "resource_types": [],
        "resource_ids": [],
        "tags": [],
        "control": "plan-frequency-and-retention",
        "translated": {"max_interval_hours": 24, "min_retention_days": 7},
        "not_imported": [],
        "comparison": "stricter",
        "judges": "plan",
        "subjects": 1,
        "covered": 1,
        "doubtful": 0,
        "judged": 1,
        "asked": 1,
    }
    assert hidden["controls"] is None
    assert last["controls"][1]["control"] is None
    report(tmp_path, ("json",))
    again = json.loads((tmp_path / "findings.json").read_bytes())
    assert again["summary"] == document["summary"]
    assert read_scan(tmp_path).frameworks == scan.frameworks


def test_the_reports_show_both_sides_and_no_markup_of_others(tmp_path: Path) -> None:
    judged(unseen(two_accounts(tmp_path)), formats=("html", "pdf"))
    page = (tmp_path / "report.html").read_text()
    section = page[page.index('<section id="audit-manager"') :].partition("</section>")[0]
    for said in (
        "3 frameworks were found",
        "The framework could not be described, so its controls are unknown.",
        "requiredRetentionDays = 7",
        "stricter parameters here",
        "&lt;b&gt;BACKUP&lt;/b&gt;",
        "{{ 7 * 7 }}",
        "no corresponding control",
    ):
        assert said in section
    assert "<b>BACKUP" not in section
    assert "<script>" not in section
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")


def test_without_frameworks_there_is_no_section(tmp_path: Path) -> None:
    builder = BundleBuilder(tmp_path)
    builder.shard().volume("vol-1")
    assert judged(builder.write(), formats=("html",)).frameworks == ()
    assert 'id="audit-manager"' not in (tmp_path / "report.html").read_text()


def test_frameworks_without_an_arn_stay_apart(tmp_path: Path) -> None:
    builder = BundleBuilder(tmp_path)
    for account, kind in ((ACCOUNT, PLAN), (OTHER, FREQUENCY)):
        shard = builder.shard(account).listed("backup:ListFrameworks", {"FrameworkName": "production"})
        shard.call(
            "backup:DescribeFramework", {"FrameworkControls": [control(kind)]}, FrameworkName="production"
        )
    found = judged(builder.write()).frameworks
    assert [[each.name for each in framework.controls or ()] for framework in found] == [[PLAN], [FREQUENCY]]
