"""Every event is valid for py-ocsf-models, which keeps all of it; nothing unknown looks like a pass."""

import io
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

import duckdb
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema
from py_ocsf_models.events.findings.compliance_finding import ComplianceFinding
from py_ocsf_models.objects.cloud import Cloud

from scanner.model.decisions import Owner
from scanner.model.finding import Finding, Severity, Status
from scanner.model.scan import REDACTED, Scan
from scanner.model.text import mended
from scanner.report.formats.ocsf import _NAMESPACE, VERSION, event_uid, ocsf, ocsf_parquet
from scanner.report.view.view import build
from scanner.storage.ocsf_parquet import SCHEMA, event_pieces
from tests.fakes.hostile import HOSTILE, WAIVER, planted

MEANINGS: Final = {
    Status.PASS: (1, "Pass", 99),
    Status.FAIL: (3, "Fail", 1),
    Status.UNKNOWN: (0, "Unknown", 1),
    Status.ERROR: (2, "Warning", 1),
    Status.WAIVED: (3, "Fail", 3),
    Status.NOT_APPLICABLE: (99, "Not applicable", 99),
}

BEYOND_THE_MODELS: Final = ("status", "status_code", "control_parameters")
"""Attributes of OCSF 1.5.0's compliance object that py-ocsf-models does not know."""


def text(scan: Scan) -> bytes:
    return b"".join(ocsf(build(scan)))


def events(scan: Scan) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text(scan).decode().split("\n")[:-1]]


def only(scan: Scan, **changes: Any) -> dict[str, Any]:
    """Give the event of the first failure, changed."""
    failure = next(each for each in scan.findings if each.status is Status.FAIL)
    (event,) = events(replace(scan, findings=(replace(failure, **changes),)))
    return event


def lost(event: Mapping[str, Any]) -> list[str]:
    """Give what the models do not keep of an event: attributes that they do not know. An error: not valid."""
    kept = _kept(ComplianceFinding, event)
    kept["cloud"] = _kept(Cloud, event["cloud"])  # of the profile that the events name: the class has it not
    return sorted(_differences(event, kept, ""))


def _kept(model: Any, content: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(model.model_validate(content).model_dump_json(exclude_unset=True))
    return kept


def _differences(ours: Any, kept: Any, path: str) -> set[str]:
    if isinstance(ours, dict) and isinstance(kept, dict):
        names = {f"{path}.{name}" for name in ours.keys() ^ kept.keys()}
        return names.union(
            *(_differences(ours[key], kept[key], f"{path}.{key}") for key in ours & kept.keys())
        )
    if isinstance(ours, list) and isinstance(kept, list) and len(ours) == len(kept):
        return set().union(*(_differences(one, two, path) for one, two in zip(ours, kept, strict=True)))
    return set() if ours == kept else {path}


def test_every_event_is_valid_and_nothing_of_it_is_lost(scan: Scan, named: Scan, blind: Scan) -> None:
    allowed = {f".compliance.{name}" for name in BEYOND_THE_MODELS}
    for each in (scan, named, blind, planted(scan)):
        assert {name for event in events(each) for name in lost(event)} <= allowed


@pytest.fixture(scope="module")
def official() -> Draft202012Validator:
    """The class as the OCSF project publishes it, with the profile that the events name."""
    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=VERSION))
    return Draft202012Validator(schema.get_class_schema("compliance_finding", profiles=["cloud"]))


def test_the_schema_of_ocsf_finds_nothing(
    official: Draft202012Validator, scan: Scan, named: Scan, blind: Scan
) -> None:
    for each in (scan, named, blind, planted(scan)):
        found = {error.message for event in events(each)[::5] for error in official.iter_errors(event)}
        assert found == set()


def test_the_schema_of_ocsf_notices_what_is_not_valid(official: Draft202012Validator, scan: Scan) -> None:
    event = events(scan)[0]
    event["severity_id"] = 77
    event["finding_info"].pop("uid")
    event["odd"] = True
    assert len(list(official.iter_errors(event))) == 3


def whole(value: Any) -> Any:
    """Give a value of a row without what is null: as the event has it."""
    if isinstance(value, dict):
        return {name: whole(member) for name, member in value.items() if member is not None}
    return [whole(member) for member in value] if isinstance(value, list) else value


def test_the_rows_are_the_events(scan: Scan, named: Scan) -> None:
    for each in (scan, named, planted(scan)):
        content = b"".join(ocsf_parquet(build(each)))
        table = pq.read_table(io.BytesIO(content))
        assert table.schema.equals(SCHEMA)
        rows = [whole(row) for row in table.to_pylist()]
        made = events(each)
        unmapped = [dict(row.pop("unmapped")) for row in rows]
        expected = [event.pop("unmapped") for event in made]
        assert rows == made
        for row, event in zip(unmapped, expected, strict=True):
            texts = {name: text for name, text in event.items() if isinstance(text, str)}
            others = {name: value for name, value in event.items() if not isinstance(value, str | None)}
            nulls = dict.fromkeys(name for name, value in event.items() if value is None)
            assert row == texts | {name: row[name] for name in others} | nulls
            assert {name: json.loads(row[name]) for name in others} == others


def test_the_file_follows_the_advice_of_security_lake(scan: Scan) -> None:
    content = b"".join(ocsf_parquet(build(scan)))
    group = pq.read_metadata(io.BytesIO(content)).row_group(0)
    assert {group.column(number).compression for number in range(group.num_columns)} == {"ZSTD"}
    assert content == b"".join(ocsf_parquet(build(scan)))
    assert pq.read_table(io.BytesIO(b"".join(event_pieces((), {})))).schema.equals(SCHEMA)


def test_the_documented_command_partitions_it(scan: Scan, tmp_path: Path) -> None:
    (tmp_path / "findings.ocsf.parquet").write_bytes(b"".join(ocsf_parquet(build(scan))))
    text = (Path(__file__).parents[3] / "docs" / "formats.md").read_text("utf-8")
    (command,) = re.findall(r"^    (COPY .*?;)$", text, re.MULTILINE | re.DOTALL)
    command = command.replace("scan/", f"{tmp_path}/").replace("'lake'", f"'{tmp_path}/lake'")
    duckdb.sql(command)
    files = sorted((tmp_path / "lake").rglob("*.parquet"))
    days = {file.parent.name for file in files}
    assert days == {f"eventDay={scan.manifest.evaluated_as_of:%Y%m%d}"}
    assert {file.parent.parent.name for file in files} == {
        f"accountId={finding.account}" for finding in scan.findings
    }
    assert sum(pq.read_metadata(file).num_rows for file in files) == len(scan.findings)
    assert pq.read_schema(files[0]).names == SCHEMA.names


def test_the_check_notices_what_is_not_valid(scan: Scan) -> None:
    event = only(scan)
    assert ".cloud.acount" in lost({**event, "cloud": {**event["cloud"], "acount": "1"}})
    with pytest.raises(ValueError, match="severity_id"):
        lost({**event, "severity_id": 42})


def test_an_event_a_finding_in_the_order_of_filing(scan: Scan) -> None:
    result = [(each["metadata"]["event_code"], each["resources"][0]["uid"]) for each in events(scan)]
    assert result == [(each.control, each.subject) for each in scan.findings]


def test_a_scan_without_findings_is_an_empty_file(empty: Scan) -> None:
    assert text(empty) == b""


def test_the_same_scan_gives_the_same_bytes(scan: Scan) -> None:
    assert text(scan) == text(scan)


@pytest.mark.parametrize("status", Status)
def test_what_each_answer_is_called(scan: Scan, status: Status) -> None:
    event = only(scan, status=status, waiver=WAIVER if status is Status.WAIVED else None)
    number, word, standing = MEANINGS[status]
    compliance = event["compliance"]
    assert (compliance["status_id"], compliance["status"]) == (number, word)
    assert (compliance["checks"][0]["status_id"], compliance["checks"][0]["status"]) == (number, word)
    assert event["status_id"] == standing
    assert event["status_code"] == compliance["status_code"] == event["unmapped"]["status"] == status.value


def test_nothing_unknown_looks_like_a_pass(blind: Scan) -> None:
    result = {(each["compliance"]["status_id"], each["status_id"]) for each in events(blind)}
    assert result == {(0, 1)}
    assert not any("remediation" in each for each in events(blind))


def test_the_severity_is_the_control_s_where_somebody_is_asked(scan: Scan) -> None:
    result = {(each["status_code"], each["severity_id"]) for each in events(scan)}
    assert {number for status, number in result if status in {"pass", "not_applicable"}} == {1}
    failure = only(scan, severity=Severity.CRITICAL)
    assert (failure["severity_id"], failure["severity"]) == (5, "Critical")
    passed = only(scan, status=Status.PASS, severity=Severity.CRITICAL)
    assert passed["unmapped"]["severity"] == "critical"


def test_a_failure_says_what_to_do_and_a_waiver_who_accepted_it(scan: Scan) -> None:
    assert only(scan)["remediation"]["desc"].startswith("Tag the resource")
    assert "aws backup create-backup-selection" in only(scan)["remediation"]["desc"]
    waived = only(scan, status=Status.WAIVED, waiver=WAIVER)
    assert waived["status"] == "Suppressed"
    assert waived["unmapped"]["waiver"]["approver"] == WAIVER.approver


def test_a_title_does_not_read_as_if_what_fails_held(scan: Scan) -> None:
    failed = only(scan, status=Status.FAIL)
    assert failed["finding_info"]["title"] == "Account-Region was not fully read"
    assert failed["compliance"]["desc"] == "Account-Region was fully read"
    unknown = only(scan, status=Status.UNKNOWN)
    assert unknown["finding_info"]["title"] == "Requirement: Account-Region was fully read"


def test_a_control_that_is_not_defined_has_no_remediation(scan: Scan) -> None:
    event = only(scan, control="of-somebody-else")
    assert event["compliance"]["control"] == event["finding_info"]["title"] == "of-somebody-else"
    assert "remediation" not in event


def test_evidence_details_and_requirements_are_told(scan: Scan) -> None:
    for finding, event in zip(scan.findings, events(scan), strict=True):
        document = finding.document()
        unmapped = event["unmapped"]
        assert [unmapped[name] for name in ("evidence", "details", "waiver", "fingerprint")] == [
            json.loads(json.dumps(document[name]))
            for name in ("evidence", "details", "waiver", "fingerprint")
        ]
        assert len(event["compliance"]["requirements"]) == sum(map(len, finding.frameworks.values()))
        assert event["cloud"]["account"]["uid"] == finding.account


def test_the_organisation_and_the_unit_of_an_account(scan: Scan, empty: Scan) -> None:
    named = replace(scan, unit_names={"ou-prod": "Production"})
    assert only(named, account="111111111111")["cloud"]["org"] == {
        "uid": "o-acme12345",
        "ou_uid": "ou-prod",
        "ou_name": "Production",
    }
    assert only(scan, account="999999999999")["cloud"]["org"] == {"uid": "o-acme12345"}
    alone = replace(scan, manifest=empty.manifest)
    assert "org" not in only(alone)["cloud"]


@pytest.mark.parametrize(
    ("owner", "name", "expected"),
    [
        (Owner("team-a", "tag owner"), "team-a", "team-a"),
        (Owner("", "no owner"), None, ""),
        (Owner(None, "tags were not read"), None, None),
    ],
)
def test_who_is_asked(scan: Scan, owner: Owner, name: str | None, expected: str | None) -> None:
    event = only(scan, owner=owner)
    assert event["resources"][0].get("owner", {}).get("name") == name
    assert (event["unmapped"]["owner"], event["unmapped"]["owner_source"]) == (expected, owner.source)
    assert lost(event) == lost(only(scan))
    assert "owner" not in only(scan, owner=None)["unmapped"]


def test_events_of_two_scans_differ_and_their_findings_do_not(scan: Scan) -> None:
    later = replace(scan, manifest=replace(scan.manifest, scan_id="later"))
    for one, two in zip(events(scan), events(later), strict=True):
        assert one["finding_info"]["uid"] == two["finding_info"]["uid"]
        assert one["metadata"]["uid"] != two["metadata"]["uid"]
        assert UUID(one["metadata"]["uid"]).version == 5
    assert len({each["metadata"]["uid"] for each in events(scan)}) == len(scan.findings)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=80))
def test_the_id_of_an_event_is_a_uuid_of_version_5(name: str) -> None:
    assert event_uid(name) == str(uuid5(_NAMESPACE, name))
    assert UUID(event_uid(name)).version == 5


def test_events_that_share_a_control_keep_what_is_their_own(scan: Scan) -> None:
    failure = next(each for each in scan.findings if each.status is Status.FAIL)
    found = (
        replace(failure, control="not-defined", severity=Severity.LOW, frameworks={"dora": ("12",)}),
        replace(failure, control="not-defined", severity=Severity.HIGH, frameworks={"dora": ("12",)}),
        replace(failure, control="not-defined", severity=Severity.HIGH, frameworks={"hipaa": ("1",)}),
        replace(failure, control="not-defined", severity=Severity.HIGH, status=Status.PASS, frameworks={}),
    )
    result = [each["compliance"] for each in events(replace(scan, findings=found))]
    assert [each["requirements"] for each in result] == [["DORA 12"], ["DORA 12"], ["HIPAA 1"], []]
    assert [each["checks"][0]["severity"] for each in result] == ["Low", "High", "High", "High"]
    assert [each["status"] for each in result] == ["Fail", "Fail", "Fail", "Pass"]


def test_what_was_planted_stays_text(scan: Scan) -> None:
    whole = planted(scan)
    found: list[Finding] = [each for each in whole.findings if each.subject.startswith("arn:aws:s3:::")]
    result = [each for each in events(whole) if each["resources"][0]["uid"].startswith("arn:aws:s3:::")]
    assert len(result) == len(HOSTILE) * len(Status)
    assert text(whole).count(b"\n") == len(whole.findings)
    for finding, event in zip(found, result, strict=True):
        assert event["unmapped"]["details"] == mended(finding.details)
        shown = f"{event['message']}{event['status_detail']}{event['resources'][0]['name']}"
        assert not {"\u202e", "\x1b", "\x00", "\u200b"} & set(shown)


def test_a_redacted_copy_says_so(scan: Scan) -> None:
    event = only(replace(scan, redacted=True))
    assert event["metadata"]["labels"] == ["redacted"]
    assert event["unmapped"]["notice"] == REDACTED
