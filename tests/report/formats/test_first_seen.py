"""Since when a finding is open, in the formats that have a field for it; without earlier scans, in none."""

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow.parquet as pq
import pytest

from scanner.model.finding import Finding, Status
from scanner.model.root_causes import CauseKind, RootCause
from scanner.model.scan import Scan
from scanner.model.timeline import FirstSeen, FirstSeenTimes
from scanner.report.formats.asff import asff
from scanner.report.formats.csv import findings_csv
from scanner.report.formats.ocsf import ocsf
from scanner.report.formats.oscal import oscal
from scanner.report.formats.parquet import findings_parquet
from scanner.report.formats.sarif import sarif
from scanner.report.view.view import View, build

AT = datetime(2026, 11, 19, 2, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def failure(scan: Scan) -> Finding:
    return next(finding for finding in scan.findings if finding.status is Status.FAIL)


@pytest.fixture(scope="module")
def seen(scan: Scan, failure: Finding) -> View:
    """A scan of two findings, of which one was first seen in an earlier scan."""
    passed = next(finding for finding in scan.findings if finding.status is Status.PASS)
    times = FirstSeenTimes([(failure.fingerprint, FirstSeen(AT, may_be_older=True))])
    return build(replace(scan, findings=(failure, passed), first_seen=times))


@pytest.fixture(scope="module")
def unseen(scan: Scan, failure: Finding) -> View:
    return build(replace(scan, findings=(failure,)))


def csv_rows(view: View) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(b"".join(findings_csv(view)).decode("utf-8-sig"))))


def asff_findings(view: View) -> list[dict[str, Any]]:
    return [finding for line in b"".join(asff(view)).splitlines() for finding in json.loads(line)]


def ocsf_infos(view: View) -> list[dict[str, Any]]:
    return [json.loads(line)["finding_info"] for line in b"".join(ocsf(view)).splitlines()]


def results(pieces: Iterable[bytes]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(b"".join(pieces))["runs"][0]["results"]
    return found


def test_findings_csv(seen: View, unseen: View) -> None:
    names = ("first_seen", "age_days", "may_be_older")
    first, passed = ([row[name] for name in names] for row in csv_rows(seen))
    age = str((seen.manifest.evaluated_as_of - AT) // timedelta(days=1))
    assert first == ["2026-11-19T02:30:00.000Z", age, "yes"]
    assert passed == ["", "", ""]
    assert [[row[name] for name in names] for row in csv_rows(unseen)] == [["", "", ""]]


def test_asff(seen: View, unseen: View) -> None:
    by_status = {finding["Compliance"]["Status"]: finding for finding in asff_findings(seen)}
    failed, passed = by_status["FAILED"], by_status["PASSED"]
    assert failed["CreatedAt"] == failed["FirstObservedAt"] == "2026-11-19T02:30:00.000Z"
    assert failed["UpdatedAt"] == failed["LastObservedAt"] > failed["CreatedAt"]
    for finding in (passed, *asff_findings(unseen)):
        assert finding["CreatedAt"] == finding["UpdatedAt"]
        assert "FirstObservedAt" not in finding


def test_ocsf(seen: View, unseen: View) -> None:
    moment = int(AT.timestamp() * 1000)
    (failed,) = (info for info in ocsf_infos(seen) if "first_seen_time" in info)
    assert failed["created_time"] == failed["first_seen_time"] == moment
    (info,) = ocsf_infos(unseen)
    assert "first_seen_time" not in info
    assert info["created_time"] == int(unseen.manifest.evaluated_as_of.timestamp() * 1000)


def test_sarif(seen: View, unseen: View) -> None:
    (result,) = results(sarif(seen))
    assert result["provenance"] == {"firstDetectionTimeUtc": "2026-11-19T02:30:00.000Z"}
    (result,) = results(sarif(unseen))
    assert "provenance" not in result


def test_parquet(seen: View, unseen: View) -> None:
    columns = ("first_seen", "age_days", "may_be_older")
    rows = {
        row["status"]: [row[name] for name in columns]
        for row in pq.read_table(io.BytesIO(b"".join(findings_parquet(seen)))).to_pylist()
    }
    age = (seen.manifest.evaluated_as_of - AT) // timedelta(days=1)
    assert rows == {"fail": [AT, age, True], "pass": [None, None, None]}
    (row,) = pq.read_table(io.BytesIO(b"".join(findings_parquet(unseen)))).to_pylist()
    assert [row[name] for name in columns] == [None, None, None]


def test_oscal(seen: View, unseen: View) -> None:
    def props(view: View) -> list[dict[str, str]]:
        (result,) = json.loads(b"".join(oscal(view)))["assessment-results"]["results"]
        of_subjects = (each["props"] for each in result["observations"] if "inventory-item" in str(each))
        return [{prop["name"]: prop["value"] for prop in each} for each in of_subjects]

    (failed,) = (each for each in props(seen) if "first-seen" in each)
    assert failed["first-seen"] == "2026-11-19T02:30:00.000Z"
    assert (failed["status"], failed["may-be-older"]) == ("fail", "true")
    assert not any("first-seen" in each or "age-days" in each for each in props(unseen))


def test_an_unknown_finding_names_its_missing_read(scan: Scan, failure: Finding) -> None:
    cause = RootCause(
        kind=CauseKind.MISSING_READ, subject="backup:ListBackupPlans", account="1", region="eu-west-1"
    )
    unknown = replace(failure, status=Status.UNKNOWN, root_cause=cause)
    traced = replace(failure, root_cause=replace(cause, kind=CauseKind.VAULT_MISSING, subject="a:vault"))
    for finding, operation in ((unknown, "backup:ListBackupPlans"), (traced, None), (failure, None)):
        view = build(replace(scan, findings=(finding,)))
        (row,) = pq.read_table(io.BytesIO(b"".join(findings_parquet(view)))).to_pylist()
        assert row["missing_read"] == operation
        text = b"".join(oscal(view))
        assert (b'"missing-read"' in text) == (operation is not None)
