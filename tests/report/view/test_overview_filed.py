"""The view of filed findings is that of the same findings one by one."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.errors import BundleError
from scanner.findings.filed import Filed
from scanner.findings.schema import FOLDER
from scanner.model.compliance import AuditManagerFramework
from scanner.model.decisions import Owner
from scanner.model.finding import Finding, Status
from scanner.model.known import Gap, GapKind
from scanner.model.names import AccountId, RegionName
from scanner.model.scan import Scan
from scanner.report.formats.json import findings_json
from scanner.report.view import decisions, overview, overview_filed
from scanner.report.view import view as views
from scanner.report.view.overview import Overview, overview_of
from scanner.report.view.overview_filed import Picked, overview_of_filed
from scanner.report.view.sample import seed_of
from scanner.report.view.view import build
from tests.fakes.filed import RecordedWords, write_filed
from tests.fakes.findings import CONTROLS, findings

PLACES = (("111111111111", "eu-west-1"), ("222222222222", "us-east-1"), ("", "aws-global"))
GAPS = tuple(
    Gap(AccountId(account), RegionName(region), operation, about, GapKind.REFUSED)
    for account, region in (*PLACES, ("333333333333", "org"))
    for operation in ("backup:ListBackupVaults", "kms:DescribeKey")
    for about in ("", "v")
)
FRAMEWORKS = tuple(
    AuditManagerFramework(
        arn=f"arn:{account}",
        name="f",
        account=account,
        region=region,
        status="ACTIVE",
        deployment_status="COMPLETED",
        controls=None,
    )
    for account, region in PLACES[:2]
)


def differences(expected: Overview, actual: Overview) -> list[str]:
    """Return the names of the fields that differ."""
    return [
        field.name
        for field in fields(Overview)
        if plain(getattr(expected, field.name)) != plain(getattr(actual, field.name))
    ]


def plain(value: object) -> object:
    """Return what is read when it is needed as it is when it was read."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return tuple(value) if isinstance(value, Picked) else value


def filed(scan: Scan, folder: Path, *, whole: bool = True) -> Filed:
    words = None if whole else RecordedWords({each.order: each for each in scan.findings})
    return Filed(write_filed(folder, tuple(scan.findings), whole=whole), scan.controls, words)


def differences_of(scan: Scan, *, whole: bool = True) -> list[str]:
    with TemporaryDirectory() as folder:
        found = filed(scan, Path(folder), whole=whole)
        return differences(overview_of(scan), overview_of_filed(scan, found))


@contextmanager
def limits(shown: int, of_control: int, most: int) -> Iterator[None]:
    """Let a view hold few findings, so that most scans have more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overview, "SHOWN", shown)
        patch.setattr(overview, "SHOWN_OF_CONTROL", of_control)
        for module in (overview_filed, decisions):
            patch.setattr(module, "MOST", most)
        yield


@settings(max_examples=25, deadline=None)
@given(findings=findings(), shown=st.integers(1, 12), of_control=st.integers(1, 4), most=st.integers(1, 6))
def test_any_findings_give_the_same_overview(
    scan: Scan, findings: tuple[Finding, ...], shown: int, of_control: int, most: int
) -> None:
    changed = replace(scan, findings=findings, controls=CONTROLS, gaps=GAPS, frameworks=FRAMEWORKS)
    with limits(shown, of_control, most):
        assert differences_of(changed) == []


@pytest.mark.parametrize(("shown", "of_control"), [(20_000, 400), (500, 20), (1, 1)])
def test_a_judged_bundle_gives_the_same_overview(sample: Scan, shown: int, of_control: int) -> None:
    findings = (replace(finding, root_cause=None, blocked_by=None) for finding in sample.findings)
    scan = replace(sample, findings=tuple(findings))  # root causes are filed apart
    with limits(shown, of_control, 3):
        assert differences_of(scan, whole=False) == []


def test_a_scan_without_findings_gives_the_same_overview(empty: Scan) -> None:
    assert differences_of(empty) == []


def test_an_owner_waiver_and_error_of_each_kind(scan: Scan) -> None:
    named = (Owner(None, "not read"), Owner("", "nobody"), *(Owner(f"o{n}", "tag") for n in range(9)), None)
    found = tuple(replace(each, owner=named[n % len(named)]) for n, each in enumerate(scan.findings))
    assert {each.status for each in found} == set(Status)
    with limits(50, 5, 4):
        assert differences_of(replace(scan, findings=found)) == []


def test_the_whole_view_is_the_same(scan: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "SHOWN", 60)
    monkeypatch.setattr(views, "RESOURCES", 7)
    expected = build(scan)
    actual = build(replace(scan, findings=filed(scan, tmp_path, whole=False)))
    assert actual.resources == expected.resources
    assert len(actual.resources) == 7
    assert actual.worst[0] == expected.worst[0]
    assert actual.worst[3:9] == expected.worst[3:9]
    assert [tuple(each.findings) for each in actual.controls] == [each.findings for each in expected.controls]
    for name in ("counts", "by_control", "accounts", "completeness", "audit_manager", "failures", "sample"):
        assert getattr(actual, name) == getattr(expected, name), name


def test_words_are_rendered_only_for_what_is_read(scan: Scan, tmp_path: Path) -> None:
    words = RecordedWords({each.order: each for each in scan.findings})
    files = write_filed(tmp_path, tuple(scan.findings))
    with limits(100, 10, 3):
        view = build(replace(scan, findings=Filed(files, scan.controls, words)))
        drawn = {each.order for each in view.sample.findings if each.status is Status.PASS}
        assert set(words.rendered) == drawn
        assert len([each for control in view.controls for each in control.findings]) > 50
        assert len(view.worst) == len(tuple(view.worst)) == 100
    assert set(words.rendered) == drawn


def test_files_that_change_meanwhile_are_noticed(scan: Scan, tmp_path: Path) -> None:
    view = build(replace(scan, findings=filed(scan, tmp_path)))
    write_filed(tmp_path, tuple(scan.findings)[::2], whole=True)
    with pytest.raises(BundleError, match=r"filed findings changed while they were read"):
        tuple(view.worst)


def test_the_seed_of_filed_findings_is_that_of_their_names_and_checksums(scan: Scan) -> None:
    files = {f"{FOLDER}/{name}.parquet": digit * 64 for name, digit in (("2", "b"), ("1", "a"))}
    lines = f"{FOLDER}/1.parquet {'a' * 64}\n{FOLDER}/2.parquet {'b' * 64}\n"
    other = {"facts/plan/1.parquet": "c" * 64, "findings.jsonl.gz": "d" * 64}
    manifest = replace(scan.manifest, files={**other, **files})
    assert seed_of(manifest) == hashlib.sha256(lines.encode()).hexdigest()
    assert seed_of(replace(manifest, files=other)) == "d" * 64


def test_findings_json_is_the_same_above_its_limit(
    scan: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scanner.report.formats.json.MAX_FINDINGS", 100)
    expected = b"".join(findings_json(build(scan)))
    found = filed(scan, tmp_path, whole=False)
    actual = b"".join(findings_json(build(replace(scan, findings=found))))
    assert json.loads(actual)["truncated"]["statuses"] == ["pass", "not_applicable"]
    assert actual == expected
