"""The schemas that other programs rely on, held against what the contract and this program write."""

import copy
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from scanner.model.decisions import Waiver
from scanner.model.finding import Finding, Severity, Status
from scanner.model.known import EvidenceRef

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "schema"
BUNDLE = ROOT / "sample_reports" / "bundle"
REPORTS = ROOT / "sample_reports" / "reports"

SCHEMAS: dict[str, Any] = {
    path.name.removesuffix(".schema.json"): json.loads(path.read_text(encoding="utf-8"))
    for path in sorted(FOLDER.glob("*.schema.json"))
}
REGISTRY: Registry[Any] = Registry().with_resources(
    (schema["$id"], Resource.from_contents(schema)) for schema in SCHEMAS.values()
)

MANIFEST: dict[str, Any] = {
    "schema": "backup-audit/manifest/1",
    "scan_id": "s-1",
    "tool": {"name": "vaultproof", "version": "0.1.0"},
    "started_at": "2026-11-22T18:00:00Z",
    "finished_at": "2026-11-22T18:02:00.5Z",
    "evaluated_as_of": "2026-11-22T18:02:00.5Z",
    "caller": {"arn": "arn:aws:sts::111111111111:assumed-role/x/y", "account": "111111111111"},
    "scope": {
        "organization_id": "o-abc",
        "management_account": "111111111111",
        "accounts": ["111111111111"],
        "regions": ["eu-west-1"],
        "excluded": [{"account": "222222222222", "reason": "suspended"}],
    },
    "accounts": [
        {
            "id": "111111111111",
            "name": "main",
            "status": "ACTIVE",
            "ou_path": "o-abc/r-abcd/ou-abcd-12345678/",
        }
    ],
    "shards": [
        {
            "account": "111111111111",
            "region": "eu-west-1",
            "status": "complete",
            "calls": 3,
            "errors": 0,
            "file": "evidence/111111111111/eu-west-1.jsonl.gz",
            "sha256": "0" * 64,
            "bytes": 10,
        }
    ],
    "source": {"manifest_sha256": "0" * 64},
    "files": {"findings.jsonl.gz": "0" * 64},
    "signature": None,
}
JUDGED_MANIFEST: dict[str, Any] = {
    **MANIFEST,
    "schema": "backup-audit/manifest/2",
    "files": {
        "facts/resource/111111111111.parquet": "0" * 64,
        "facts/account_region/aws-organization.parquet": "0" * 64,
        "findings/111111111111.parquet": "0" * 64,
        "inventory/plans.parquet": "0" * 64,
    },
    "columns": {"facts/resource": "0" * 64},
}
INPUTS: dict[str, Any] = {
    "as_of": "2026-11-22T18:00:00Z",
    "config": "inputs/audit.yaml",
    "packaged_controls": {"version": "0.1.0", "sha256": "0" * 64},
}
FOREIGN_MANIFEST: dict[str, Any] = {
    "schema": "backup-audit/manifest/1",
    "evaluated_as_of": "2026-11-22T18:00:00+00:00",
    "scope": {"accounts": ["111111111111"], "regions": ["eu-west-1"]},
    "accounts": [{"id": "111111111111"}],
}
ANSWER: dict[str, Any] = {
    "service": "backup",
    "operation": "ListBackupPlans",
    "parameters": {"MaxResults": 1000},
    "at": "2026-11-22T18:00:00.123Z",
    "request_id": "r-1",
    "response": {"BackupPlansList": []},
}
REFUSAL: dict[str, Any] = {
    "service": "rds",
    "operation": "DescribeDBInstances",
    "parameters": {},
    "at": "2026-11-22T18:00:00Z",
    "error": {"code": "AccessDenied", "message": "no", "status": 403, "attempts": 1},
}


def finding(status: Status, waiver: Waiver | None = None) -> dict[str, Any]:
    return Finding(
        control="resource-in-backup-plan",
        status=status,
        severity=Severity.HIGH,
        subject="arn:aws:ec2:eu-west-1:111111111111:volume/vol-0",
        subject_type="EBS",
        account="111111111111",
        region="eu-west-1",
        reason="No backup selection matches this volume.",
        details={"covered_by": []},
        evidence=(EvidenceRef("evidence/111111111111/eu-west-1.jsonl.gz", 17),),
        frameworks={"nist-800-53-r5": ("CP-9",)},
        waiver=waiver,
    ).document()


WAIVER = Waiver("W-1", "me", "you", "a lab", "2026-12-31")
FINDINGS: dict[str, Any] = {
    "schema": "backup-audit/findings/1",
    "scan": {key: value for key, value in MANIFEST.items() if key != "shards"},
    "summary": {"controls": {"resource-in-backup-plan": {"fail": 1, "waived": 1}}},
    "findings": [finding(Status.FAIL), finding(Status.WAIVED, WAIVER)],
    "truncated": None,
}


def complaints(name: str, document: object) -> list[str]:
    validator = Draft202012Validator(SCHEMAS[name], registry=REGISTRY)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


def test_the_formats_are_published() -> None:
    assert set(SCHEMAS) >= {
        "access",
        "manifest",
        "evidence-line",
        "finding",
        "findings",
        "explanation",
        "diff",
        "report.sarif",
        "summary",
        "verification",
    }


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_itself_valid(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("manifest", MANIFEST),
        ("manifest", JUDGED_MANIFEST),
        ("manifest", FOREIGN_MANIFEST),
        ("manifest", FOREIGN_MANIFEST | {"a_later_key": 1}),
        ("manifest", MANIFEST | {"inputs": {"as_of": None}}),
        ("manifest", JUDGED_MANIFEST | {"inputs": INPUTS}),
        ("evidence-line", ANSWER),
        ("evidence-line", REFUSAL),
        ("evidence-line", ANSWER | {"account": "111111111111", "region": "us-east-1"}),
        *(("finding", finding(status)) for status in Status if status is not Status.WAIVED),
        ("finding", finding(Status.WAIVED, WAIVER)),
        ("findings", FINDINGS),
        ("findings", FINDINGS | {"truncated": {"left_out": 7, "statuses": ["pass", "not_applicable"]}}),
    ],
)
def test_what_the_contract_allows_is_valid(name: str, document: dict[str, Any]) -> None:
    assert complaints(name, document) == []


REMOVED = object()

WRONG: list[tuple[str, dict[str, Any], tuple[str | int, ...], object]] = [
    ("manifest", MANIFEST, ("schema",), "backup-audit/manifest/3"),
    ("manifest", JUDGED_MANIFEST, ("files",), REMOVED),
    ("manifest", JUDGED_MANIFEST, ("files", "facts/resource.parquet"), "0" * 64),
    ("manifest", JUDGED_MANIFEST, ("columns", "facts/resource"), "abc"),
    ("manifest", MANIFEST, ("evaluated_as_of",), "yesterday"),
    ("manifest", MANIFEST, ("evaluated_as_of",), REMOVED),
    ("manifest", MANIFEST, ("scope", "accounts"), REMOVED),
    ("manifest", MANIFEST, ("scope", "regions"), []),
    ("manifest", MANIFEST, ("scope", "accounts", 0), 111111111111),
    ("manifest", MANIFEST, ("accounts", 0, "id"), "1"),
    ("manifest", MANIFEST, ("shards", 0, "status"), "fine"),
    ("manifest", MANIFEST, ("shards", 0, "file"), "/etc/passwd"),
    ("manifest", MANIFEST, ("files", "findings.jsonl.gz"), "abc"),
    ("evidence-line", ANSWER, ("response",), REMOVED),
    ("evidence-line", ANSWER, ("error",), {"code": "X"}),
    ("evidence-line", ANSWER, ("operation",), "list_backup_plans"),
    ("evidence-line", ANSWER, ("parameters",), []),
    ("evidence-line", REFUSAL, ("error", "code"), REMOVED),
    ("finding", finding(Status.FAIL), ("status",), "failed"),
    ("finding", finding(Status.FAIL), ("status",), None),
    ("finding", finding(Status.FAIL), ("severity",), "HIGH"),
    ("finding", finding(Status.FAIL), ("fingerprint",), REMOVED),
    ("finding", finding(Status.FAIL), ("evidence", 0, "line"), 0),
    ("finding", finding(Status.WAIVED, WAIVER), ("waiver",), None),
    ("finding", finding(Status.WAIVED, WAIVER), ("waiver", "approver"), REMOVED),
    ("finding", finding(Status.WAIVED, WAIVER), ("status",), "pass"),
    ("findings", FINDINGS, ("scan", "shards"), []),
    ("findings", FINDINGS, ("scan", "schema"), "backup-audit/manifest/3"),
    ("findings", FINDINGS, ("findings", 0, "status"), "ok"),
    ("findings", FINDINGS, ("summary", "controls", "x"), {"good": 1}),
    ("findings", FINDINGS, ("truncated",), REMOVED),
    ("findings", FINDINGS, ("truncated",), {"left_out": 1, "statuses": ["fail"]}),
]


@pytest.mark.parametrize(("name", "right", "path", "value"), WRONG)
def test_what_breaks_the_contract_is_refused(
    name: str, right: dict[str, Any], path: tuple[str | int, ...], value: object
) -> None:
    document: Any = copy.deepcopy(right)
    assert complaints(name, document) == []
    inner = document
    for step in path[:-1]:
        inner = inner[step]
    if value is REMOVED:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    assert complaints(name, document) != []


def lines(path: Path) -> Iterator[Any]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def test_the_sample_bundle_is_valid() -> None:
    assert complaints("manifest", json.loads((BUNDLE / "manifest.json").read_bytes())) == []
    files = sorted(BUNDLE.glob("evidence/**/*.jsonl.gz"))
    assert files
    for path in files:
        for number, line in enumerate(lines(path), start=1):
            assert complaints("evidence-line", line) == [], f"{path.name}:{number}"


def test_the_summary_of_the_sample_is_valid() -> None:
    document = json.loads((REPORTS / "findings.json").read_bytes())
    summary = {key: value for key, value in document.items() if key not in {"findings", "truncated"}}
    assert complaints("summary", summary) == []
    assert complaints("summary", document) != []
    for key in ("totals", "gaps", "limitations"):
        broken = copy.deepcopy(summary)
        broken["summary"][key] = 7
        assert complaints("summary", broken) != []
    assert summary["summary"]["gaps"]
    assert summary["controls"]


def test_the_sample_findings_are_valid() -> None:
    assert complaints("findings", json.loads((REPORTS / "findings.json").read_bytes())) == []
    for number, line in enumerate(lines(REPORTS / "findings.jsonl.gz"), start=1):
        assert complaints("finding", line) == [], f"line {number}"
