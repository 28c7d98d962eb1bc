"""Tiers, overrides and waivers of audit.yaml: what is refused, and what becomes of them in a scan."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from scanner.cli.commands import audit
from scanner.cli.scan.judgement import judgement_of
from scanner.cli.scan.requests import settings_of
from scanner.errors import ConfigurationError
from scanner.report.read import read_scan
from tests.cli.test_import import LAST, control, framework
from tests.fakes.bundles import ACCOUNT, REGION, BundleBuilder, pairs, refuse, rule

GUIDE = Path(__file__).parents[2] / "docs" / "configuration.md"


def mistakes(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "audit.yaml"
    file.write_text(text)
    try:
        judgement_of(settings_of(file), None, None)
    except ConfigurationError as problem:
        return [str(mistake).replace(f"{file}:", "") for mistake in problem.mistakes]
    return []


def tier(match: str, parameters: str) -> str:
    return f"tiers:\n  a:\n    match: {match}\n    parameters:\n      {parameters}\n"


@pytest.mark.parametrize(
    ("match", "parameters", "told"),
    [
        ("{tags: {tier: critical}}", "resource-meets-rpo: {max_gap_hours: 4}", ()),
        ("{tags: {tier: critical}, types: EBS}", "recovery-point-retention: {min_days: 90}", ()),
        ("{subjects: '*'}", "vault-locked: {mode: compliance}", ()),
        ("{types: [EBS, vault]}", "vault-locked: {mode: compliance}", ()),
        ("{types: E*}", "resource-meets-rpo: {}", ()),
        ("{types: EBSS}", "resource-meets-rpo: {}", ("3: no type is called 'EBSS'", "EBS")),
        ("{types: EBS}", "resource-meet-rpo: {}", ("5: there is no control", "resource-meets-rpo")),
        ("{types: EBS}", "resource-meets-rpo: {max_gap: 4}", ("5: resource-meets-rpo has no parameter",)),
        ("{types: EBS}", "resource-meets-rpo: {max_gap_hours: 0}", ("5: ", "is to be at least 1")),
        ("{types: EBS}", "resource-meets-rpo: {max_gap_hours: '4'}", ("5: ", "is to be a number")),
        (
            "{tags: {tier: critical}}",
            "vault-locked: {mode: compliance}",
            (
                "5: vault-locked never applies to what this matches: of a vault no tags are read",
                "by `subjects`",
            ),
        ),
        (
            "{types: EBS}",
            "plan-frequency-and-retention: {max_interval_hours: 4}",
            ("5: plan-frequency-and-retention never applies to what this matches: it asks plan",),
        ),
    ],
)
def test_a_tier_is_held_against_the_controls(
    tmp_path: Path, match: str, parameters: str, told: tuple[str, ...]
) -> None:
    found = mistakes(tmp_path, tier(match, parameters))
    assert len(found) == bool(told)
    assert all(text in found[0] for text in told)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = (
        "overrides:\n"
        "  - match: {types: EBSS}\n"
        "    parameters:\n"
        "      vault-lock: {mode: compliance}\n"
        "      vault-locked: {mode: none}\n"
    ) + tier("{tags: {a: b}}", "vault-notifications: {events: x}")
    assert [each.split(":")[0] for each in mistakes(tmp_path, text)] == ["2", "4", "5", "10", "10"]


def test_no_waiver_covers_waivers(tmp_path: Path) -> None:
    waiver = WAIVER.format(control="waiver-expired", subject="*", expires="2030-01-01")
    (told,) = mistakes(tmp_path, f"waivers:\n{waiver}")
    assert told.startswith("2: waiver-expired cannot be waived")


def test_mistakes_are_told_before_anything_is_asked(tmp_path: Path) -> None:
    file = tmp_path / "audit.yaml"
    file.write_text(tier("{}", "x: {}"))
    done = run("run", "--config", str(file), "--out", str(tmp_path / "out"))
    assert done.exit_code == 2
    assert "tiers.a.match: must have at least one criterion" in done.stderr
    assert not (tmp_path / "out").exists()


WAIVER = (
    "  - {{id: W, control: {control}, subject: '{subject}', owner: me, approver: you, reason: a lab, "
    "expires: {expires}}}\n"
)

SETTLED = (
    """
tiers:
  critical:
    match: {tags: {tier: critical}}
    parameters:
      resource-retention: {min_days: 90}
      recovery-point-retention: {min_days: 90}
overrides:
  - match: {subjects: "*:backup-vault:main"}
    parameters:
      vault-locked: {min_retention_days: 7}
waivers:
"""
    + WAIVER.format(control="resource-retention", subject="*vol-1", expires="2026-11-21").replace("W", "old")
    + WAIVER.format(control="vault-locked", subject="*none", expires="2030-01-01").replace("W", "idle")
    + WAIVER.format(control="resource-retention", subject="*vol-3", expires="2030-01-01").replace("W", "open")
    + WAIVER.format(control="restore-tested", subject="*", expires="2030-01-01").replace("W", "aside")
)
ASKED = ("resource-retention", "vault-locked")


def run(*words: str) -> Result:
    return CliRunner().invoke(audit, words)


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """Judge a volume of a tier, one of none, and one whose tags were not read."""
    bundle = BundleBuilder(tmp_path / "scan")
    shard = bundle.shard()
    keeps = rule(Lifecycle={"DeleteAfterDays": 60})
    shard.vault("main").plan("daily", rules=[keeps], selections=[{"Resources": ["*"]}])
    shard.volume("vol-1", Tags=pairs({"tier": "critical"})).volume("vol-2", Tags=pairs({"tier": "low"}))
    bundle.account().bucket("vol-3")
    shard.bucket_details("vol-3")
    lines = refuse(bundle.lines(), "s3:GetBucketTagging")
    return bundle.write(refuse(lines, "resourcegroupstaggingapi:GetResources"))


def judged(scan: Path, text: str = SETTLED, controls: tuple[str, ...] = ASKED) -> tuple[Any, str]:
    config = scan.parent / "audit.yaml"
    config.write_text(text)
    words = [word for name in controls for word in ("--controls", name)]
    done = run("evaluate", str(scan), "--config", str(config), *words, "--format", "json,csv")
    assert done.exit_code == 0, done.output
    return json.loads((scan / "findings.json").read_bytes()), done.stdout


def test_a_finding_says_what_it_was_judged_against(scan: Path) -> None:
    document, _ = judged(scan)
    told = {
        each["subject"].replace("/", ":").rpartition(":")[2]: (
            each["status"],
            each["details"]["tier"],
            each["details"].get("parameters"),
        )
        for each in document["findings"]
        if each["control"] == "resource-retention"
    }
    assert told["vol-1"] == ("fail", "critical", {"min_days": 90})
    assert told["vol-2"] == ("pass", "", None)
    assert told["vol-3"] == ("unknown", None, None)
    (vault,) = [each for each in document["findings"] if each["control"] == "vault-locked"]
    assert vault["details"]["parameters"]["min_retention_days"] == 7


def test_the_summary_tells_tiers_waivers_and_scores(scan: Path) -> None:
    document, out = judged(scan)
    summary = document["summary"]
    assert [each["name"] for each in summary["tiers"]] == ["critical"]
    assert summary["overrides"][0]["match"] == {"subjects": ["*:backup-vault:main"]}
    assert set(summary["score"]["groups"]["tier"]) == {"critical", "", "not known"}
    assert {each["id"]: (each["state"], each["covers"], each["open"]) for each in summary["waivers"]} == {
        "old": ("expired", 1, 0),
        "idle": ("unused", 0, 0),
        "open": ("undecided", 0, 1),
        "aside": ("not asked", 0, 0),
    }
    retention = next(each for each in document["controls"] if each["id"] == "resource-retention")
    assert retention["parameter_sets"] == [
        {"name": "tier critical", "match": {"tags": {"tier": ["critical"]}}, "parameters": {"min_days": 90}}
    ]
    assert "Tiers: critical 0 of 1 pass" in out
    assert "Waiver old expired on 2026-11-21: 1 failure counts again." in out
    assert "Waiver idle covers no failure." in out
    assert "Waiver open covers no failure; 1 of its findings are unknown." in out


def test_a_waiver_that_has_expired_is_a_finding_in_every_count(scan: Path) -> None:
    document, out = judged(scan)
    (finding,) = [each for each in document["findings"] if each["control"] == "waiver-expired"]
    assert (finding["subject"], finding["status"], finding["severity"]) == ("waiver/old", "fail", "medium")
    assert document["summary"]["controls"]["waiver-expired"]["fail"] == 1
    assert sum(map(sum, (each.values() for each in document["summary"]["controls"].values()))) == len(
        document["findings"]
    )
    assert "waiver-expired" in out
    assert "waiver/old" in (scan / "findings.csv").read_text("utf-8-sig")
    words = "--config", str(scan.parent / "audit.yaml"), "--fail-on", "medium", "--format", "json"
    assert run("evaluate", str(scan), *words).exit_code


def test_waivers_that_still_run_make_no_finding(scan: Path) -> None:
    document, _ = judged(scan, SETTLED.replace("2026-11-21", "2026-11-22"))
    assert document["summary"]["controls"]["waiver-expired"] == dict.fromkeys(
        ("pass", "fail", "not_applicable", "unknown", "error", "waived"), 0
    )


def test_all_of_it_is_read_back(scan: Path) -> None:
    judged(scan)
    before = json.loads((scan / "findings.json").read_bytes())
    assert run("report", str(scan), "--format", "json").exit_code == 0
    after = json.loads((scan / "findings.json").read_bytes())
    assert after.keys() == before.keys()
    assert all(after[key] == before[key] for key in ("summary", "controls", "findings"))
    found = read_scan(scan)
    assert found.tiers.tiers[0].parameters["resource-retention"] == {"min_days": 90}


def test_without_them_nothing_is_said(scan: Path) -> None:
    document, out = judged(scan, "")
    assert not {"tiers", "overrides", "waivers"} & set(document["summary"])
    assert not any({"tier", "parameters"} & set(each["details"]) for each in document["findings"])
    assert not any("parameter_sets" in each for each in document["controls"])
    assert "Tiers" not in out


def test_a_framework_that_was_imported_is_judged_with_its_overrides(tmp_path: Path) -> None:
    bundle = BundleBuilder(tmp_path / "scan")
    scope = {"ComplianceResourceTypes": ["EBS"], "Tags": {"tier": "critical"}}
    asked = control(LAST, scope, recoveryPointAgeUnit="days", recoveryPointAgeValue="2")
    framework(bundle.shard().volume("vol-1", Tags=pairs({"tier": "critical"})), "Production", asked)
    folder = bundle.write()
    done = run("controls", "import", str(folder), "--framework", "Production", "--out", str(tmp_path))
    pack, config = done.stdout.split()
    assert (
        run(
            "evaluate", str(folder), "--controls", pack, "--config", config, "--format", "json", "-q"
        ).exit_code
        == 0
    )
    (finding,) = json.loads((folder / "findings.json").read_bytes())["findings"]
    assert finding["details"]["parameters"] == {"max_age_hours": 48}
    assert (finding["account"], finding["region"]) == (ACCOUNT, REGION)


UNIT_TIER = """
tiers:
  unit:
    match: {organizational_units: ou-ab12-34cd56ef}
    parameters: {resource-retention: {min_days: 90}}
"""


@pytest.mark.parametrize(("is_refused", "expected"), [(False, "fail"), (True, "unknown")])
def test_the_place_of_an_account_is_read_from_the_evidence(
    tmp_path: Path, *, is_refused: bool, expected: str
) -> None:
    bundle = BundleBuilder(tmp_path / "scan")
    keeps = rule(Lifecycle={"DeleteAfterDays": 60})
    shard = bundle.shard().vault("main")
    shard.plan("daily", rules=[keeps], selections=[{"Resources": ["*"]}]).volume("vol-1")
    tree = bundle.organization(ACCOUNT)
    unit = "ou-ab12-34cd56ef"
    tree.call("organizations:ListRoots", {"Roots": [{"Id": "r-ab12", "Name": "Root"}]})
    listed = "organizations:ListOrganizationalUnitsForParent"
    tree.call(listed, {"OrganizationalUnits": [{"Id": unit, "Name": "Prod"}]}, ParentId="r-ab12")
    tree.call(listed, {"OrganizationalUnits": []}, ParentId=unit)
    tree.call("organizations:ListAccountsForParent", {"Accounts": []}, ParentId="r-ab12")
    tree.call("organizations:ListAccountsForParent", {"Accounts": [{"Id": ACCOUNT}]}, ParentId=unit)
    lines = bundle.lines()
    if is_refused:
        lines = refuse(lines, "organizations:ListAccountsForParent", ParentId=unit)
    document, _ = judged(bundle.write(lines), UNIT_TIER, ("resource-retention",))
    (finding,) = document["findings"]
    assert finding["status"] == expected
    assert ("organizations:ListAccountsForParent" in finding["reason"]) is is_refused
    assert document["summary"]["unit_names"] == {"r-ab12": "Root", unit: "Prod"}
    groups = document["summary"]["score"]["groups"]["ou"]
    assert set(groups) == ({""} if is_refused else {"r-ab12", unit})


def test_the_guide_fits_the_controls(tmp_path: Path) -> None:
    text = GUIDE.read_text(encoding="utf-8").partition("```yaml\n")[2].partition("```")[0]
    assert (
        mistakes(tmp_path, "\n".join(line for line in text.splitlines() if "our-controls" not in line)) == []
    )
