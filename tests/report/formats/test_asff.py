"""Security Hub takes every batch: moto's, botocore's shapes, and the lengths that AWS documents."""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import boto3
import botocore.session
import pytest
from botocore.validate import ParamValidator

from scanner.model.decisions import Owner
from scanner.model.finding import Finding, Status
from scanner.model.known import EvidenceRef
from scanner.model.names import RegionName
from scanner.model.scan import REDACTED, Scan
from scanner.report.formats.asff import (
    TYPES,
    Batches,
    asff,
    fitted,
    home,
    nonblank,
    product_arn,
    text_field,
    units,
    wire_bytes,
)
from scanner.report.view.view import build
from tests.fakes.hostile import HOSTILE, WAIVER, planted

SHAPE: Final[Any] = (
    botocore.session.get_session()
    .get_service_model("securityhub")
    .operation_model("BatchImportFindings")
    .input_shape
)
FINDING: Final = SHAPE.members["Findings"].member

SERVER: Final = """
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print("http://{}:{}".format(*server.get_host_and_port()), flush=True)
input()
"""

MEANINGS: Final = {
    Status.PASS: ("PASSED", "RESOLVED", "ACTIVE"),
    Status.FAIL: ("FAILED", "NEW", "ACTIVE"),
    Status.UNKNOWN: ("WARNING", "NEW", "ACTIVE"),
    Status.ERROR: ("WARNING", "NEW", "ACTIVE"),
    Status.WAIVED: ("FAILED", "SUPPRESSED", "ACTIVE"),
    Status.NOT_APPLICABLE: ("NOT_AVAILABLE", "RESOLVED", "ARCHIVED"),
}

LENGTHS: Final = {
    "Id": 512,
    "ProductArn": 2_048,
    "GeneratorId": 512,
    "AwsAccountId": 12,
    "Title": 256,
    "Description": 1_024,
    "Remediation.Recommendation.Text": 512,
    "FindingProviderFields.Severity.Original": 64,
    "Resources.Type": 256,
    "Resources.Id": 512,
    "Resources.Region": 16,
    "Compliance.StatusReasons.Description": 512,
}
"""Characters, as botocore's documentation of the fields has them; two are this program's own caution."""

COUNTS: Final = {"Resources": 32, "Compliance.RelatedRequirements": 32, "FindingProviderFields.Types": 50}


def lines(scan: Scan) -> list[bytes]:
    return list(asff(build(scan)))


def batches(scan: Scan) -> list[list[dict[str, Any]]]:
    return [json.loads(line) for line in lines(scan)]


def findings(scan: Scan) -> list[dict[str, Any]]:
    return [each for batch in batches(scan) for each in batch]


def only(scan: Scan, **changes: Any) -> dict[str, Any]:
    """Give the first failure, changed."""
    failure = next(each for each in scan.findings if each.status is Status.FAIL)
    (found,) = findings(replace(scan, findings=(replace(failure, **changes),)))
    return found


def walked(content: Any, shape: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Give path, value and shape of all that a finding holds."""
    yield path.removeprefix("."), content, shape
    if shape.type_name == "structure":
        for key, value in content.items():
            yield from walked(value, shape.members[key], f"{path}.{key}")
    elif shape.type_name == "list":
        for value in content:
            yield from walked(value, shape.member, path)


def complaints(found: dict[str, Any]) -> list[str]:
    """Say what of a finding AWS would refuse: by botocore's shape, patterns, enumerations and lengths."""
    report = ParamValidator().validate({"Findings": [found]}, SHAPE)
    wrong = [report.generate_report()] if report.has_errors() else []
    for path, value, shape in walked(found, FINDING, ""):
        if isinstance(value, str):
            wrong += _text_complaints(path, value, shape)
        if isinstance(value, list) and len(value) > COUNTS.get(path, 100):
            wrong.append(f"{path} has {len(value)} members")
    fields = found["ProductFields"]
    wrong += [key for key, value in fields.items() if len(key) > 128 or not 0 < units(value) <= 2_048]
    return [*wrong, *(["too many product fields"] if len(fields) > 50 else []), *_size_complaints(found)]


def _text_complaints(path: str, value: str, shape: Any) -> list[str]:
    wrong = []
    if shape.metadata.get("enum") and value not in shape.metadata["enum"]:
        wrong.append(f"{path} is none of its words: {value}")
    if shape.metadata.get("pattern") and not re.fullmatch(shape.metadata["pattern"], value):
        wrong.append(f"{path} does not match: {value[:80]!r}")
    if units(value) > LENGTHS.get(path, 2_048):
        wrong.append(f"{path} has {units(value)} units")
    return wrong


def _size_complaints(found: dict[str, Any]) -> list[str]:
    size = len(json.dumps(found).encode())
    return [] if size <= 240_000 else [f"{size} bytes"]


def worst(scan: Scan) -> Finding:
    """Give a finding all of whose fields are as long as can be, of what takes most bytes."""
    like = next(each for each in scan.findings if each.status is Status.FAIL)
    text = "\U0001f4be" * 3_000
    return replace(
        like,
        status=Status.WAIVED,
        subject=f"arn:aws:backup:eu-west-1:111111111111:backup-plan:{text}#{text}",
        subject_type="rule",
        reason=text,
        details={"name": text},
        waiver=replace(WAIVER, id=text, owner=text, approver=text, reason=text, expires=text),
        owner=Owner(text, text),
        evidence=tuple(EvidenceRef("evidence/111111111111/eu-west-1.jsonl.gz", n) for n in range(900)),
        frameworks={text: tuple(text[:number] for number in range(400, 500))},
    )


def test_every_finding_is_what_botocore_and_the_documentation_ask_for(
    scan: Scan, named: Scan, blind: Scan
) -> None:
    for each in (scan, named, blind, planted(scan), replace(scan, findings=(worst(scan),))):
        assert [text for found in findings(each) for text in complaints(found)] == []


def test_the_check_notices_what_is_wrong(scan: Scan) -> None:
    found = only(scan)
    assert complaints({**found, "Title": "x" * 257}) == ["Title has 257 units"]
    assert complaints({**found, "Title": "one\ntwo"})
    assert complaints({**found, "RecordState": "OPEN"})
    assert complaints({**found, "AwsAccountId": None})
    assert complaints({**found, "ProductFields": {"x": "y" * 2_049}})


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Moto in a process of its own: in this one it would take the simulated organisation's place."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.kill()


def test_security_hub_accepts_every_batch(scan: Scan, endpoint: str) -> None:
    whole = planted(scan)
    accepted: Counter[tuple[str, str]] = Counter()
    for batch in batches(whole):
        _, _, _, region, account, _ = batch[0]["ProductArn"].split(":")
        answer = hub(endpoint, account, region).batch_import_findings(Findings=batch)
        assert (answer["FailedCount"], answer["SuccessCount"]) == (0, len(batch))
        accepted[account, region] += len(batch)
    assert sum(accepted.values()) == len(whole.findings)
    for (account, region), number in accepted.items():
        pages = hub(endpoint, account, region).get_paginator("get_findings").paginate()
        stored = [each["Id"] for page in pages for each in page["Findings"]]
        assert len(set(stored)) == number


def hub(endpoint: str, account: str, region: str) -> Any:
    """Give Security Hub of an account, as its own role sees it."""
    sts = boto3.client(
        "sts",
        region_name="us-east-1",
        endpoint_url=endpoint,
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    given = sts.assume_role(RoleArn=f"arn:aws:iam::{account}:role/Import", RoleSessionName="import")
    keys = given["Credentials"]
    return boto3.client(
        "securityhub",
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )


def test_a_batch_is_of_one_account_and_region_and_small_enough(scan: Scan) -> None:
    many = replace(scan, findings=tuple(_many(scan)))
    for batch in batches(many):
        assert 0 < len(batch) <= 100
        assert len({(each["AwsAccountId"], each["ProductArn"]) for each in batch}) == 1
        assert len(json.dumps({"Findings": batch}).encode()) <= 6_000_000
    assert len(findings(many)) == len(many.findings)
    assert len({each["Id"] for each in findings(many)}) == len(many.findings)


def _many(scan: Scan) -> Iterator[Finding]:
    """Give findings of two places, some of them as large as can be."""
    large = worst(scan)
    for number in range(250):
        region = RegionName("eu-west-1" if number % 3 else "us-east-1")
        like = large if number % 2 else replace(large, reason="Small.", waiver=None, details={})
        yield replace(like, region=region, subject=f"{like.subject}{number}")


def test_an_account_and_region_fill_their_batches(scan: Scan) -> None:
    like = replace(next(iter(scan.findings)), details={})
    same = tuple(replace(like, subject=f"arn:aws:s3:::bucket-{number:04}") for number in range(250))
    assert [len(batch) for batch in batches(replace(scan, findings=same))] == [100, 100, 50]


def test_what_waits_is_bounded_and_nothing_is_lost() -> None:
    gathered = Batches(waiting=1_000)
    result: list[bytes] = []
    for number in range(500):
        place = (f"{number % 50:012}", "eu-west-1")
        result += gathered.add(place, b'"%09d"' % number)
        assert gathered._held <= 1_000
    result += gathered.rest()
    assert sorted(text for line in result for text in json.loads(line)) == [f"{n:09}" for n in range(500)]
    for line in result:
        assert len({int(text) % 50 for text in json.loads(line)}) == 1


def test_the_same_scan_gives_the_same_bytes(scan: Scan) -> None:
    assert lines(planted(scan)) == lines(planted(scan))


def test_a_scan_without_findings_is_an_empty_file(empty: Scan) -> None:
    assert lines(empty) == []


@pytest.mark.parametrize("status", Status)
def test_what_each_answer_is_called(scan: Scan, status: Status) -> None:
    found = only(scan, status=status, waiver=WAIVER if status is Status.WAIVED else None)
    result = (found["Compliance"]["Status"], found["Workflow"]["Status"], found["RecordState"])
    assert result == MEANINGS[status]
    assert found["ProductFields"]["vaultproof/Status"] == status.value
    assert found["Compliance"]["StatusReasons"][0]["ReasonCode"] == status.value.upper()


def test_nothing_unknown_looks_like_a_pass(blind: Scan) -> None:
    result = {(each["Compliance"]["Status"], each["Workflow"]["Status"]) for each in findings(blind)}
    assert result == {("WARNING", "NEW")}
    assert not any("Remediation" in each for each in findings(blind))


def test_a_pass_is_informational_and_keeps_its_control_s_severity(scan: Scan) -> None:
    passed = only(scan, status=Status.PASS)["FindingProviderFields"]["Severity"]
    failed = only(scan)["FindingProviderFields"]["Severity"]
    assert passed["Label"] == "INFORMATIONAL"
    assert failed["Label"] == failed["Original"].upper() == passed["Original"].upper() != "INFORMATIONAL"


def test_a_failure_says_what_to_do_and_a_waiver_who_accepted_it(scan: Scan) -> None:
    assert only(scan)["Remediation"]["Recommendation"]["Text"].startswith("Tag the resource")
    waived = only(scan, status=Status.WAIVED, waiver=WAIVER)
    assert waived["ProductFields"]["vaultproof/WaiverApprover"] == WAIVER.approver
    assert waived["Compliance"]["StatusReasons"][0]["Description"].startswith("Waived until 2030-01-31")


def test_findings_of_global_services_go_to_a_region_of_the_scope(scan: Scan) -> None:
    place = {"account": "111111111111", "region": "aws-global"}
    found = only(scan, subject="aws:account:111111111111", subject_type="account", **place)
    assert found["ProductArn"] == ("arn:aws:securityhub:us-east-1:111111111111:product/111111111111/default")
    assert found["ProductFields"]["vaultproof/Region"] == "aws-global"
    assert found["Resources"] == [
        {"Type": "AwsAccount", "Id": "AWS::::Account:111111111111", "Partition": "aws"}
    ]


@pytest.mark.parametrize(
    ("regions", "chosen"),
    [
        (("eu-west-1", "us-east-1"), "us-east-1"),
        (("eu-west-1", "eu-central-1"), "eu-central-1"),
        (("cn-northwest-1", "cn-north-1"), "cn-north-1"),
        (("us-gov-east-1",), "us-gov-east-1"),
        ((), "us-east-1"),
    ],
)
def test_where_they_go(regions: tuple[str, ...], chosen: str) -> None:
    assert home(regions) == chosen


@pytest.mark.parametrize(
    ("region", "partition"),
    [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")],
)
def test_the_product_is_that_of_its_partition(region: str, partition: str) -> None:
    expected = f"arn:{partition}:securityhub:{region}:111111111111:product/111111111111/default"
    assert product_arn(region, "111111111111") == expected


def test_types_of_resources_are_words_of_the_format() -> None:
    known = set(FINDING.members["Resources"].member.members["Details"].members)
    assert set(TYPES.values()) - known == {"AwsAccount"}


def test_a_rule_names_its_plan_too(scan: Scan) -> None:
    plan = "arn:aws:backup:eu-west-1:111111111111:backup-plan:p-1"
    rule = only(scan, subject=f"{plan}#r-1", subject_type="rule")
    result = [(each["Type"], each["Id"]) for each in rule["Resources"]]
    assert result == [("Other", f"{plan}#r-1"), ("AwsBackupBackupPlan", plan)]


def test_a_subject_that_is_cut_is_told_as_far_as_there_is_room(scan: Scan) -> None:
    subject = f"arn:aws:s3:::{'x' * 600}"
    found = only(scan, subject=subject, subject_type="S3")
    assert found["Resources"][0]["Id"].endswith("\u2026")
    assert found["ProductFields"]["vaultproof/Subject"] == subject


@pytest.mark.parametrize(
    ("owner", "expected"),
    [
        (Owner("team-a", "tag owner"), ("team-a", "tag owner")),
        (Owner("", "no owner"), (None, "no owner")),
        (Owner(None, "tags were not read"), (None, "tags were not read")),
        (None, (None, None)),
    ],
)
def test_who_is_asked(scan: Scan, owner: Owner | None, expected: tuple[str | None, str | None]) -> None:
    fields = only(scan, owner=owner)["ProductFields"]
    assert (fields.get("vaultproof/Owner"), fields.get("vaultproof/OwnerSource")) == expected


def test_evidence_that_finds_no_room_is_counted(scan: Scan) -> None:
    refs = tuple(EvidenceRef("evidence/111111111111/eu-west-1.jsonl.gz", n + 1) for n in range(500))
    result = only(scan, evidence=refs)["ProductFields"]["vaultproof/Evidence"]
    names = result.split("; ")
    number = int(names[-1].removeprefix("and ").removesuffix(" more"))
    assert len(names) - 1 + number == 500
    few = only(scan, evidence=refs[:2])["ProductFields"]["vaultproof/Evidence"]
    assert few == f"{refs[0].file}:1; {refs[1].file}:2"


def test_what_was_planted_is_on_one_line_and_hides_nothing(scan: Scan) -> None:
    result = [each for each in findings(planted(scan)) if "arn:aws:s3:::" in each["Resources"][0]["Id"]]
    assert len(result) == len(HOSTILE) * len(Status)
    shown = json.dumps(result, ensure_ascii=False)
    assert not {"\u202e", "\u200b", "\ufeff", "\u00ad"} & set(shown)
    assert "\\n" not in shown
    assert "\\u001b" not in shown


def test_an_id_is_the_same_from_scan_to_scan(scan: Scan) -> None:
    later = replace(scan, manifest=replace(scan.manifest, scan_id="later"))
    assert [each["Id"] for each in findings(scan)] == [each["Id"] for each in findings(later)]


def test_a_redacted_copy_says_so(scan: Scan) -> None:
    assert only(replace(scan, redacted=True))["ProductFields"]["vaultproof/Notice"] == REDACTED


@pytest.mark.parametrize(
    "text", ["", "x", "x" * 40, "\U0001f4be" * 40, "x" + "\U0001f4be" * 40, "\u05de" * 40]
)
def test_a_text_is_cut_to_what_it_may_be_and_no_further(text: str) -> None:
    cut = fitted(text, 20)
    size = len(text.encode("utf-16-le")) // 2
    assert (cut == text) == (size <= 20)
    assert len(cut.encode("utf-16-le")) // 2 in range(min(size, 18), 21)


@pytest.mark.parametrize(
    "text", ["", " \t", "plain", " plain ", "x" * 30, "é" * 30, "a\nb\u202ec", "\U0001f4be" * 12]
)
def test_a_field_is_one_line_that_is_cut(text: str) -> None:
    assert text_field(text, 20) == fitted(nonblank(text), 20)


def test_the_bytes_of_a_call_are_those_that_boto3_sends() -> None:
    for text in ("plain", "\u05de\u05e2", "\U0001f4be", 'a "quote" \\ and \u2026'):
        content = json.dumps({"a": text}, ensure_ascii=False, separators=(",", ":")).encode()
        assert wire_bytes(content) == len(json.dumps({"a": text}, separators=(",", ":")).encode())
