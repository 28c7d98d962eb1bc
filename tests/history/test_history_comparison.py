"""Comparing filed findings gives what comparing whole findings one by one gives, and renders few texts."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.app.criteria import Judgement
from scanner.app.judgement import evaluate
from scanner.errors import BundleError
from scanner.evaluate.controls.loader import load_controls
from scanner.findings import pairs
from scanner.findings.filed import Filed
from scanner.history.compare import compare
from scanner.history.comparison import Comparison, Since, Tally
from scanner.history.criteria import criteria_of
from scanner.history.reach import scan_reach
from scanner.model.changes import Change, Changes, Kind
from scanner.model.control import Control
from scanner.model.finding import Finding, Severity, Status
from scanner.model.inventory import ShardStatus
from scanner.model.known import Gap, GapKind
from scanner.model.manifest import Manifest, Scope, ShardRecord
from scanner.model.names import AccountId, RegionName
from scanner.model.scan import Scan
from scanner.report.read import read_scan
from tests.fakes.bundles import AS_OF
from tests.fakes.filed import RecordedWords, write_filed

ROOT = Path(__file__).parents[2]
ACCOUNTS, REGION = (AccountId("111111111111"), AccountId("222222222222")), RegionName("eu-west-1")
POINTS = "recovery-point-encrypted"
JUDGED = (
    *("account-region-assessed", "copy-destination-exists", "recovery-point-encrypted"),
    *("resource-backed-up-recently", "resource-in-backup-plan", "resource-retention", "vault-locked"),
)


def control(name: str, severity: Severity) -> Control:
    subject = "recovery_point" if name == POINTS else "resource"
    return Control(
        id=name, title=name, severity=severity, subject=subject, population="true", require="true", reason="-"
    )


CONTROLS = (control("c", Severity.HIGH), control("d", Severity.LOW), control(POINTS, Severity.MEDIUM))


def scan_of(findings: Sequence[Finding], days: int = 30) -> Scan:
    """Build a scan that read all but the recovery points of the vault `dark`."""
    gap = Gap(
        account=ACCOUNTS[0],
        region=REGION,
        operation="backup:ListRecoveryPointsByBackupVault",
        about="dark",
        kind=GapKind.REFUSED,
        code="AccessDenied",
        message="-",
        ref=None,
    )
    shards = (ShardRecord(account=each, region=REGION, status=ShardStatus.PARTIAL) for each in ACCOUNTS)
    scope = Scope(accounts=ACCOUNTS, regions=(REGION,))
    return Scan(
        manifest=Manifest(evaluated_as_of=AS_OF, scope=scope, accounts=(), shards=tuple(shards)),
        controls=CONTROLS,
        parameters={each.id: {"days": days} for each in CONTROLS},
        findings=tuple(findings),
        gaps=(gap,),
        reconciliation=(),
        limitations=(),
        assessment=read_assessment(),
    )


def read_assessment() -> Any:
    """Return anything but None: a scan of this program."""
    return object()


def filed_scan(scan: Scan, folder: Path) -> tuple[Scan, RecordedWords]:
    findings = tuple(scan.findings)
    words = RecordedWords({each.order: each for each in findings})
    files = write_filed(folder, findings)
    return replace(scan, findings=Filed(files, scan.controls, words)), words


def by_streams(old: Scan, new: Scan, before: Sequence[Scan]) -> tuple[list[Change], Changes]:
    tally = Tally(limit=3)
    earlier = [each.findings for each in before]
    judging = (criteria_of(old), criteria_of(new))
    changes = compare(old.findings, new.findings, scan_reach(new), earlier, judging)
    watched = [each for each in tally.watched(changes) if each.kind is not Kind.SAME]
    return watched, tally.changes(())


def by_comparison(old: Scan, new: Scan, before: Sequence[Scan]) -> tuple[list[Change], Changes]:
    comparison = Comparison(old, new, tuple(before))
    tally = Tally(limit=3)
    changes, counted = list(comparison.changes(tally)), comparison.count(Tally(limit=3), ())
    assert tally.changes(()).counts == counted.counts
    return changes, counted


def a_finding(key: tuple[str, str, str], drawn: tuple[Status, str, int | None, str]) -> Finding:
    (name, account, subject), (status, reason, days, vault) = key, drawn
    details: dict[str, Any] = {"vault": f"arn:aws:backup:{REGION}:{account}:backup-vault:{vault}"}
    if days is not None:
        details |= {"tier": "gold", "parameters": {"days": days}}
    return Finding(
        control=name,
        status=status,
        severity=next(each.severity for each in CONTROLS if each.id == name),
        subject=f"arn:aws:ec2:{REGION}:{account}:volume/{subject}",
        subject_type="recovery_point" if name == POINTS else "EBS",
        account=account,
        region=REGION,
        reason=reason,
        details=details,
    )


keys = st.tuples(
    st.sampled_from([each.id for each in CONTROLS]), st.sampled_from(ACCOUNTS), st.sampled_from("abc")
)
drawn = st.tuples(
    st.sampled_from(Status),
    st.sampled_from(["It is bad.", "It is 3 days old.", "It is 4 days old."]),
    st.sampled_from([None, 7, 30]),
    st.sampled_from(["main", "dark"]),
)
finding_sets = st.dictionaries(keys, drawn, max_size=12).map(
    lambda found: tuple(sorted((a_finding(*each) for each in found.items()), key=lambda each: each.order))
)


@settings(max_examples=30)
@given(
    finding_sets,
    finding_sets,
    st.lists(finding_sets, max_size=2),
    st.sampled_from([30, 60]),
    st.sampled_from(["all", "old", "new", "old new"]),
)
def test_filed_and_mixed_scans_compare_as_streams_do(  # noqa: PLR0913, PLR0917 -- what is drawn
    tmp_path_factory: pytest.TempPathFactory,
    old: tuple[Finding, ...],
    new: tuple[Finding, ...],
    before: list[tuple[Finding, ...]],
    days: int,
    filed: str,
) -> None:
    folder = tmp_path_factory.mktemp("scans")
    scans = [scan_of(old), scan_of(new, days), *map(scan_of, before)]
    expected = by_streams(scans[0], scans[1], scans[2:])
    chosen = [
        filed_scan(scan, folder / str(number))[0] if filed == "all" or name in filed else scan
        for number, (name, scan) in enumerate(zip(("old", "new", "before", "before"), scans, strict=False))
    ]
    assert by_comparison(chosen[0], chosen[1], chosen[2:]) == expected


def test_only_the_changes_that_are_shown_are_rendered(tmp_path: Path) -> None:
    plain = ("It is bad.", None, "main")
    old = [a_finding(("c", ACCOUNTS[0], f"{n:03}"), (Status.PASS, *plain)) for n in range(200)]
    new = [replace(each, status=Status.FAIL) if n < 20 else each for n, each in enumerate(old)]
    (was, before), (now, after) = (
        filed_scan(scan_of(findings), tmp_path / name) for name, findings in (("old", old), ("new", new))
    )
    comparison = Comparison(was, now)
    counted = comparison.count(Tally(limit=5), ())
    assert counted.counts == {Kind.NEW: 20, Kind.SAME: 180}
    assert (len(before.rendered), len(after.rendered)) == (5, 0)
    assert len(list(comparison.changes(Tally()))) == 20
    assert (len(before.rendered), len(after.rendered)) == (25, 0)


@pytest.mark.parametrize("subjects", [("b", "a"), ("a", "a")])
def test_filed_findings_out_of_order_are_refused(tmp_path: Path, subjects: tuple[str, str]) -> None:
    drawn = (Status.FAIL, "It is bad.", None, "main")
    wrong, _ = filed_scan(
        scan_of([a_finding(("c", ACCOUNTS[0], each), drawn) for each in subjects]), tmp_path
    )
    fault = "is filed twice" if len(set(subjects)) == 1 else "is out of order"
    with pytest.raises(BundleError, match=rf"OLD: the finding of c for .*/a {fault}"):
        list(Comparison(wrong, scan_of([])).changes(Tally()))
    filed, _ = filed_scan(scan_of([]), tmp_path / "empty")
    with pytest.raises(BundleError, match=rf"OLD: .*{fault}"):
        list(Comparison(wrong, filed).changes(Tally()))
    with pytest.raises(BundleError, match=rf"--since: .*{fault}"):
        Since(tmp_path, wrong).check()


def test_a_file_with_findings_of_another_account_is_refused(tmp_path: Path) -> None:
    finding = a_finding(("c", ACCOUNTS[0], "a"), (Status.FAIL, "It is bad.", None, "main"))
    wrong, _ = filed_scan(scan_of([finding]), tmp_path)
    assert isinstance(wrong.findings, Filed)
    (path,) = wrong.findings.files
    moved = path.rename(path.with_name(f"{ACCOUNTS[1]}.parquet"))
    with pytest.raises(BundleError, match="another account"):
        Since(tmp_path, replace(wrong, findings=Filed((moved,), CONTROLS))).check()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Scan, Scan]:
    """Judge the demo organisation twice: ten days later without a control, by other parameters."""
    bundle, controls = ROOT / "sample_reports" / "bundle", load_controls(JUDGED)
    folders = [tmp_path_factory.mktemp(name) for name in ("old", "new")]
    evaluate(bundle, folders[0], Judgement(controls=controls), ())
    was = read_scan(folders[0])
    later = Judgement(
        controls=tuple(each for each in controls if each.id != "vault-locked"),
        parameters={"resource-retention": {"min_days": 90}},
        as_of=was.manifest.evaluated_as_of + timedelta(days=10),
    )
    evaluate(bundle, folders[1], later, ())
    return was, read_scan(folders[1])


def without_causes(scan: Scan) -> Scan:
    """Return a scan without root causes, which are filed apart from the findings."""
    findings = (replace(finding, root_cause=None, blocked_by=None) for finding in scan.findings)
    return replace(scan, findings=tuple(findings))


@pytest.mark.parametrize("at_once", [1, 2_000, 100_000])
def test_the_demo_compares_as_streams_do(
    demo: tuple[Scan, Scan], tmp_path: Path, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairs, "AT_ONCE", at_once)
    old, new = (without_causes(scan) for scan in demo)
    fewer = replace(new, findings=tuple(each for n, each in enumerate(new.findings) if n % 7))
    expected = by_streams(old, fewer, [old])
    assert {Kind.NEW, Kind.CHANGED_RULE, Kind.NOT_ASKED, Kind.DELETED} <= {each.kind for each in expected[0]}
    filed = [filed_scan(scan, tmp_path / name)[0] for name, scan in (("old", old), ("new", fewer))]
    assert by_comparison(filed[0], filed[1], [old]) == expected
    assert by_comparison(old, filed[1], [old]) == expected
