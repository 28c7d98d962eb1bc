"""`audit controls import`: frameworks of AWS Backup Audit Manager become packs, and nothing gets lost."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scanner.cli.commands import audit
from scanner.evaluate.compliance.audit_manager import COUNTERPARTS
from scanner.evaluate.controls.selection import select
from scanner.yamlfile import read_yaml
from tests.fakes.bundles import ACCOUNT, OTHER, REGION, BundleBuilder, ShardScript, refuse

FREQUENCY = "BACKUP_PLAN_MIN_FREQUENCY_AND_MIN_RETENTION_CHECK"
RETENTION = "BACKUP_RECOVERY_POINT_MINIMUM_RETENTION_CHECK"
LAST = "BACKUP_LAST_RECOVERY_POINT_CREATED"
LOCK = "BACKUP_RESOURCES_PROTECTED_BY_BACKUP_VAULT_LOCK"
CROSS_ACCOUNT = "BACKUP_RESOURCES_PROTECTED_BY_CROSS_ACCOUNT"
PLAN = "BACKUP_RESOURCES_PROTECTED_BY_BACKUP_PLAN"

Control = dict[str, Any]


def control(name: str, scope: dict[str, Any] | None = None, **parameters: str) -> Control:
    given = [{"ParameterName": key, "ParameterValue": value} for key, value in parameters.items()]
    return {
        "ControlName": name,
        "ControlInputParameters": given,
        **({"ControlScope": scope} if scope else {}),
    }


def framework(script: ShardScript, name: str, *controls: Control) -> ShardScript:
    row = {
        "FrameworkName": name,
        "FrameworkArn": f"arn:aws:backup:{script.region}:{script.account}:framework:{name}-1",
        "DeploymentStatus": "COMPLETED",
    }
    script.listed("backup:ListFrameworks", row)
    described = {"FrameworkStatus": "ACTIVE", "FrameworkControls": list(controls)}
    return script.call("backup:DescribeFramework", {**row, **described}, FrameworkName=name)


@pytest.fixture
def builder(tmp_path: Path) -> BundleBuilder:
    return BundleBuilder(tmp_path / "scan")


def imported(bundle: Path, name: str, *more: str) -> tuple[int, list[Path], str]:
    out = bundle.parent / "packs"
    words = ("controls", "import", str(bundle), "--framework", name, "--out", str(out), *more)
    result = CliRunner().invoke(audit, words)
    return result.exit_code, [Path(line) for line in result.stdout.splitlines()], result.stderr


def content(file: Path) -> dict[str, Any]:
    document, mistakes = read_yaml(file.read_text(), str(file))
    assert mistakes == ()
    assert document is not None
    data: dict[str, Any] = document.data
    return data


def test_a_framework_becomes_a_pack(builder: BundleBuilder) -> None:
    framework(
        builder.shard(),
        "Production_1",
        control(PLAN),
        control(FREQUENCY, requiredFrequencyUnit="hours", requiredFrequencyValue="12"),
        control(LAST, recoveryPointAgeUnit="days", recoveryPointAgeValue="2"),
        control(CROSS_ACCOUNT, crossAccountList="012345678901"),
    )
    code, files, err = imported(builder.write(), "Production_1")
    assert (code, err) == (0, "")
    assert [file.name for file in files] == [
        "audit-manager-production-1.yaml",
        "audit-manager-production-1.audit.yaml",
    ]
    pack, overrides = map(content, files)
    assert pack["id"] == "audit-manager-production-1"
    assert pack["controls"] == [
        "plan-frequency-and-retention",
        "resource-backed-up-recently",
        "resource-cross-account-copy",
        "resource-in-backup-plan",
    ]
    assert pack["parameters"] == {
        "plan-frequency-and-retention": {"max_interval_hours": 12, "min_retention_days": 35},
        "resource-backed-up-recently": {"max_age_hours": 48},
        "resource-cross-account-copy": {"accounts": ["012345678901"]},
    }
    assert "not imported" not in files[0].read_text()
    assert "caveat" not in pack
    assert overrides["overrides"][0] == {
        "match": {"accounts": [ACCOUNT], "regions": [REGION]},
        "parameters": {"plan-frequency-and-retention": {"max_interval_hours": 12, "min_retention_days": 35}},
    }


def test_scopes_stand_in_the_overrides_and_what_cannot_be_said_is_told(builder: BundleBuilder) -> None:
    framework(
        builder.shard(),
        "production",
        control(LAST, {"ComplianceResourceTypes": ["EBS", "RDS"], "Tags": {"tier": "gold"}}),
        control(PLAN, {"ComplianceResourceTypes": ["EBS"]}),
        control(LOCK, {"Tags": {"tier": "gold"}}, minRetentionDays="35"),
        control(RETENTION, {"ComplianceResourceIds": ["x"]}, requiredRetentionDays="soon"),
        control("BACKUP_OF_TOMORROW", {"Tags": {"tier": "gold"}}, limit="3"),
    )
    code, (pack, overrides), err = imported(builder.write(), "production")
    assert code == 0
    (only,) = content(overrides)["overrides"]
    assert only["match"] == {
        "accounts": [ACCOUNT],
        "regions": [REGION],
        "types": ["EBS", "RDS"],
        "tags": {"tier": "gold"},
    }
    notes = [line.partition("not imported: ")[2] for line in err.splitlines()]
    commented = [line.partition("# not imported: ")[2] for line in pack.read_text().splitlines()]
    assert notes == [note for note in commented if note]
    for name, said in (
        (LAST, "the pack has no scope; the overrides next to it are for"),
        (PLAN, "resource-in-backup-plan applies to everything"),
        (LOCK, "no override says this"),
        (RETENTION, "'soon': it must be a whole number"),
        (RETENTION, "resource ids 'x'"),
        ("BACKUP_OF_TOMORROW", "is not a known control; with its parameter 'limit' = '3'"),
        ("BACKUP_OF_TOMORROW", "its scope (tag 'tier' = 'gold')"),
    ):
        assert any(note.startswith(repr(name)) and said in note for note in notes), (name, said)
    assert len(notes) == 7
    assert "7 things were not imported" in content(pack)["caveat"]


def test_a_control_that_stands_twice_is_taken_at_its_stricter(builder: BundleBuilder) -> None:
    framework(
        builder.shard(),
        "twice",
        control(RETENTION, requiredRetentionDays="7"),
        control(RETENTION, requiredRetentionDays="70"),
        control(RETENTION, requiredRetentionDays="14"),
    )
    _, files, err = imported(builder.write(), "twice")
    assert content(files[0])["parameters"] == {"recovery-point-retention": {"min_days": 70}}
    assert "the stricter of both is taken" in err
    assert "the first is taken" in err


def test_frameworks_that_ask_the_same_are_one_pack(builder: BundleBuilder) -> None:
    for account in (ACCOUNT, OTHER):
        framework(builder.shard(account), "baseline", control(RETENTION))
    _, files, _ = imported(builder.write(), "baseline")
    assert [file.name for file in files] == [
        "audit-manager-baseline.yaml",
        "audit-manager-baseline.audit.yaml",
    ]
    matches = [each["match"]["accounts"] for each in content(files[1])["overrides"]]
    assert matches == [[ACCOUNT], [OTHER]]
    assert f"{OTHER}/{REGION}" in content(files[0])["description"]


def test_frameworks_of_one_name_that_differ_are_packs_of_their_own(builder: BundleBuilder) -> None:
    framework(builder.shard(), "baseline", control(RETENTION, requiredRetentionDays="7"))
    framework(builder.shard(OTHER), "baseline", control(RETENTION, requiredRetentionDays="70"))
    bundle = builder.write()
    _, files, _ = imported(bundle, "baseline")
    days = {content(file)["id"]: content(file)["parameters"] for file in files[::2]}
    assert days == {
        f"audit-manager-baseline-{ACCOUNT}-{REGION}": {"recovery-point-retention": {"min_days": 7}},
        f"audit-manager-baseline-{OTHER}-{REGION}": {"recovery-point-retention": {"min_days": 70}},
    }
    _, (only, _), _ = imported(bundle, "baseline", "--account", OTHER, "--region", REGION)
    assert content(only)["parameters"] == {"recovery-point-retention": {"min_days": 70}}


def test_a_framework_that_could_not_be_described_is_not_known(builder: BundleBuilder) -> None:
    framework(builder.shard(), "hidden", control(RETENTION))
    lines = refuse(builder.lines(), "backup:DescribeFramework")
    code, files, err = imported(builder.write(lines), "hidden")
    assert (code, files) == (2, [])
    assert "The controls of framework 'hidden' are unknown: backup:DescribeFramework of hidden in" in err
    assert "was refused (AccessDenied" in err


def test_one_of_two_that_could_not_be_described_is_told(builder: BundleBuilder) -> None:
    for account in (ACCOUNT, OTHER):
        framework(builder.shard(account), "baseline", control(RETENTION))
    builder.shard(OTHER).call(
        "backup:DescribeFramework", error="AccessDeniedException", FrameworkName="unseen"
    )
    builder.shard(OTHER).listed("backup:ListFrameworks", {"FrameworkName": "unseen"})
    framework(builder.shard(), "unseen", control(PLAN))
    code, files, err = imported(builder.write(), "unseen")
    assert (code, [file.name for file in files]) == (0, ["audit-manager-unseen.yaml"])
    assert f"could not be described: backup:DescribeFramework of unseen in {OTHER}/{REGION}" in err


def test_a_name_that_is_not_there(builder: BundleBuilder) -> None:
    framework(builder.shard(), "production", control(RETENTION))
    bundle = builder.write()
    code, files, err = imported(bundle, "Production")
    assert (code, files) == (2, [])
    assert "No framework 'Production' was found (did you mean production?)." in err
    assert imported(bundle, "production", "--account", OTHER)[0] == 2


def test_where_frameworks_could_not_be_listed_one_may_be(builder: BundleBuilder) -> None:
    builder.shard()
    lines = refuse(builder.lines(), "backup:ListFrameworks")
    code, _, err = imported(builder.write(lines), "production")
    assert code == 2
    assert (
        "It may be where frameworks could not be listed: "
        f"backup:ListFrameworks in {ACCOUNT}/{REGION} was refused" in err
    )


def test_nothing_to_import(builder: BundleBuilder) -> None:
    framework(builder.shard(), "strange", control("BACKUP_OF_TOMORROW"))
    code, files, err = imported(builder.write(), "strange")
    assert (code, files) == (2, [])
    assert "has no known control" in err


def test_files_that_are_there_stay(builder: BundleBuilder) -> None:
    framework(builder.shard(), "production", control(RETENTION))
    bundle = builder.write()
    _, files, _ = imported(bundle, "production")
    files[0].write_text("mine")
    code, _, err = imported(bundle, "production")
    assert code == 2
    assert "already exists" in err
    assert files[0].read_text() == "mine"


@pytest.mark.parametrize("name", ["../../etc/passwd", "a: [b\n- c", "\u202e{{x}}", "\U0001f4be", "x" * 256])
def test_hostile_names_stay_where_they_belong(builder: BundleBuilder, name: str) -> None:
    hostile = control(
        CROSS_ACCOUNT, {"Tags": {"a\n# b": "\u2028- c"}}, crossAccountList='"x", \x7f, &y, *y', **{name: name}
    )
    framework(builder.shard(), name, hostile, control(RETENTION))
    code, files, err = imported(builder.write(), name)
    assert code == 0
    assert all(file.parent == builder.folder.parent / "packs" for file in files)
    assert all(file.name.startswith("audit-manager-") for file in files)
    pack = content(files[0])
    assert pack["controls"] == ["recovery-point-retention", "resource-cross-account-copy"]
    assert pack["parameters"]["resource-cross-account-copy"] == {"accounts": ['"x"', "\ufffd", "&y", "*y"]}
    assert len(pack["id"]) <= 80
    assert all(line.startswith(pack["id"]) for line in err.splitlines())


def test_the_pack_is_one_that_can_be_selected(builder: BundleBuilder) -> None:
    framework(builder.shard(), "production", control(RETENTION, requiredRetentionDays="90"), control(PLAN))
    _, files, _ = imported(builder.write(), "production")
    selection = select((str(files[0]),))
    assert [each.id for each in selection.controls] == ["recovery-point-retention", "resource-in-backup-plan"]
    assert selection.parameters == {"recovery-point-retention": {"min_days": 90}}
    beside = select((str(files[0].parent.parent), "all")).packs  # the overrides beside it are no pack
    assert "audit-manager-production" in {pack.id for pack in beside}


def test_a_framework_with_all_defaults_is_the_shipped_pack(builder: BundleBuilder) -> None:
    """What AWS takes for granted stands in one pack, and what `translate` takes in another: they agree."""
    framework(builder.shard(), "defaults", *(control(name) for name in COUNTERPARTS))
    _, files, _ = imported(builder.write(), "defaults")
    mine, shipped = select((str(files[0]),)), select(("aws-backup-audit-manager",))
    assert mine.controls == shipped.controls
    assert mine.parameters == shipped.parameters
