"""`audit verify` names what was forged or edited in a bundle or a scan, and `audit evaluate` refuses it."""

import gzip
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from shutil import copytree
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner, Result

from scanner.cli.commands import audit
from tests.fakes.bundles import ACCOUNT, MANAGEMENT, OTHER, REGION, BundleBuilder, rule, volume_arn

EVIDENCE = f"evidence/{ACCOUNT}/{REGION}.jsonl.gz"
FINDINGS = f"findings/{ACCOUNT}.parquet"
START = datetime(2026, 11, 22, 16, 50, tzinfo=UTC)
END = datetime(2026, 11, 22, 18, 10, tzinfo=UTC)
CONTROLS = ("--controls", "resource-in-backup-plan", "--controls", "vault-locked")

Document = dict[str, Any]

_SCHEMA = Path(__file__).parents[2] / "docs/schema/verification.schema.json"
VALIDATOR = Draft202012Validator(json.loads(_SCHEMA.read_bytes()))


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(audit, list(map(str, arguments)))


def verified(scan: Path, *options: str | Path) -> tuple[int, dict[str, tuple[str, str]]]:
    """Return the exit code of `audit verify`, and result and detail of each check."""
    result = run("verify", scan, "--format", "json", *options)
    document = json.loads(result.stdout)
    VALIDATOR.validate(document)
    assert document["failed"] is (result.exit_code == 6)
    return result.exit_code, {
        check["name"]: (check["result"], check["detail"]) for check in document["checks"]
    }


def time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def bundle_in(folder: Path) -> Path:
    """Write a bundle as `audit collect` writes it: times, counts, statuses and checksums of everything."""
    bundle = BundleBuilder(folder, scan_id="scan-1", tool={"name": "vaultproof", "version": "0.1.0"})
    shard = bundle.shard().settings().vault("main").volume("vol-1").volume("vol-2")
    shard.plan("daily", rules=[rule()], selections=[{"Resources": [volume_arn("vol-1")]}])
    bundle.shard(OTHER).settings().volume("vol-9")
    bundle.write(suffix=".jsonl.gz")
    record(folder, lambda _: None)
    return folder


def record(folder: Path, edit: Callable[[Document], None]) -> None:
    """State checksums and counts of the evidence in the manifest, after an edit of the manifest."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest.update(started_at=time(START), finished_at=time(END), evaluated_as_of=time(END))
    manifest["inputs"] = {"as_of": None}
    manifest["shards"] = [shard_record(folder, path) for path in sorted((folder / "evidence").rglob("*.gz"))]
    manifest["files"] = {shard["file"]: shard["sha256"] for shard in manifest["shards"]}
    edit(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def shard_record(folder: Path, path: Path) -> Document:
    name = path.relative_to(folder).as_posix()
    lines = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    is_org = name == "evidence/org.jsonl.gz"
    return {
        "account": MANAGEMENT if is_org else path.parent.name,
        "region": "org" if is_org else path.name.removesuffix(".jsonl.gz"),
        "status": "complete",
        "calls": len(lines),
        "errors": sum("error" in line for line in lines),
        "file": name,
        "sha256": sha256(path.read_bytes()).hexdigest(),
        "bytes": path.stat().st_size,
    }


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = bundle_in(tmp_path_factory.mktemp("verify") / "scan")
    result = run("evaluate", folder, *CONTROLS, "--format", "json,csv", "-q")
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def scan(scanned: Path, tmp_path: Path) -> Path:
    return copytree(scanned, tmp_path / "scan")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return bundle_in(tmp_path / "bundle")


def edit_manifest(folder: Path, **changes: Any) -> None:
    manifest = json.loads((folder / "manifest.json").read_bytes())
    (folder / "manifest.json").write_text(json.dumps({**manifest, **changes}))


def edit_lines(folder: Path, edit: Callable[[list[Document]], None], name: str = EVIDENCE) -> None:
    lines = [json.loads(line) for line in gzip.decompress((folder / name).read_bytes()).splitlines()]
    edit(lines)
    (folder / name).write_bytes(gzip.compress(b"".join(orjson.dumps(line) + b"\n" for line in lines)))


def flip(folder: Path) -> None:
    """Turn the failed findings of an account into passed ones."""
    path = folder / FINDINGS
    table = pq.read_table(path)
    column = table.schema.get_field_index("status")
    values = ["pass" if value == "fail" else value for value in table.column("status").to_pylist()]
    array = pa.array(values).cast(table.schema.field(column).type)
    pq.write_table(table.set_column(column, table.schema.field(column), array), path)


def state(folder: Path, *names: str) -> None:
    """State the checksums that files have now in the manifest, its copies and reports.sha256."""
    digests = {name: sha256((folder / name).read_bytes()).hexdigest() for name in names}
    for report in ("summary.json", "findings.json"):
        document = json.loads((folder / report).read_bytes())
        document["scan"]["files"].update(digests)
        (folder / report).write_text(json.dumps(document))
    paths = [line.split("  ")[1] for line in (folder / "reports.sha256").read_text().splitlines()]
    lines = (f"{sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in paths)
    (folder / "reports.sha256").write_text("".join(lines))
    manifest = json.loads((folder / "manifest.json").read_bytes())
    digests["reports.sha256"] = sha256((folder / "reports.sha256").read_bytes()).hexdigest()
    edit_manifest(folder, files={**manifest["files"], **digests})


def test_a_genuine_scan_is_what_its_manifest_says(scan: Path) -> None:
    code, checks = verified(scan, "--re-perform")
    assert code == 0, checks
    results = {name: result for name, (result, _) in checks.items()}
    assert results.pop("signature") == results.pop("chain") == "missing"
    assert results.pop("organization_accounts") == "not_checked"  # the bundle has no list of accounts
    assert set(results.values()) == {"ok"}
    assert set(results) == {
        "evidence",
        "inventory",
        "facts",
        "findings",
        "inputs",
        "reports",
        "other_files",
        "manifest_copy",
        "line_times",
        "call_counts",
        "shards",
        "evaluation_time",
        "re_performed",
    }


def test_the_table_says_what_an_unsigned_scan_proves(scan: Path) -> None:
    result = run("verify", scan)
    assert result.exit_code == 0
    assert "not checked" in result.stdout
    assert "Unsigned: this proves that nothing changed since the manifest was written, not who wrote it." in (
        " ".join(result.stdout.split())
    )


def changed_line(scan: Path) -> None:
    edit_lines(scan, lambda lines: lines[0].update(at=time(END)))


def added_line(scan: Path) -> None:
    edit_lines(scan, lambda lines: lines.append(lines[0]))


def shards_of(scan: Path) -> list[Document]:
    shards: list[Document] = json.loads((scan / "manifest.json").read_bytes())["shards"]
    return [row for row in shards if row["file"] == EVIDENCE]


EDITS: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "a finding is flipped": (flip, "findings", FINDINGS),
    "an evidence line is changed": (changed_line, "evidence", EVIDENCE),
    "an evidence line is added": (added_line, "evidence", EVIDENCE),
    "a file is removed": (lambda scan: (scan / FINDINGS).unlink(), "findings", f"{FINDINGS}: missing"),
    "a fact is removed": (
        lambda scan: (scan / f"facts/resource/{OTHER}.parquet").unlink(),
        "facts",
        f"facts/resource/{OTHER}.parquet: missing",
    ),
    "evidence is added": (
        lambda scan: (scan / f"evidence/{ACCOUNT}/eu-west-2.jsonl").write_text(""),
        "evidence",
        "eu-west-2.jsonl: not named",
    ),
    "a file is added": (lambda scan: (scan / "notes.txt").write_text("x"), "other_files", "notes.txt"),
    "a report is changed": (
        lambda scan: (scan / "findings.csv").write_text("x"),
        "reports",
        "findings.csv: changed",
    ),
    "a report is removed": (
        lambda scan: (scan / "findings.csv").unlink(),
        "reports",
        "findings.csv: missing",
    ),
    "inputs are swapped": (
        lambda scan: (scan / "inputs/audit.yaml").write_text("controls: [vault-locked]\n"),
        "inputs",
        "inputs/audit.yaml: changed",
    ),
    "inputs are added": (
        lambda scan: (scan / "inputs/x.yaml").write_text("x"),
        "inputs",
        "inputs/x.yaml: not named",
    ),
    "a link is added": (
        lambda scan: (scan / "facts/x.parquet").symlink_to("/etc/passwd"),
        "facts",
        "facts/x.parquet",
    ),
    "the manifest is edited": (
        lambda scan: edit_manifest(scan, caller={"arn": "arn:aws:iam::1:user/x", "account": "1"}),
        "manifest_copy",
        "caller",
    ),
    "the inputs are removed from the manifest": (
        lambda scan: edit_manifest(scan, inputs={}),
        "manifest_copy",
        "inputs",
    ),
    "a checksum of a shard is changed": (
        lambda scan: edit_manifest(scan, shards=[{**row, "sha256": "0" * 64} for row in shards_of(scan)]),
        "evidence",
        f"{EVIDENCE}: with two different checksums",
    ),
    "the scope is emptied": (
        lambda scan: edit_manifest(scan, scope={"accounts": [], "regions": [REGION]}),
        "manifest",
        "scope.accounts",
    ),
    "the clock is changed": (
        lambda scan: edit_manifest(scan, evaluated_as_of="2026-01-01T00:00:00Z"),
        "evaluation_time",
        "2026-01-01",
    ),
    "the manifest is no JSON": (
        lambda scan: (scan / "manifest.json").write_text("{"),
        "manifest",
        "not JSON",
    ),
}


@pytest.mark.parametrize(("edit", "check", "text"), EDITS.values(), ids=EDITS.keys())
def test_what_was_edited_is_named(edit: Callable[[Path], object], check: str, text: str, scan: Path) -> None:
    edit(scan)
    code, checks = verified(scan)
    assert code == 6
    assert checks[check][0] == "failed", checks
    assert text in checks[check][1]


def test_a_flipped_finding_with_all_checksums_is_found_by_re_performing(scan: Path) -> None:
    flip(scan)
    state(scan, FINDINGS)
    assert verified(scan)[0] == 0
    code, checks = verified(scan, "--re-perform")
    assert code == 6
    result, detail = checks["re_performed"]
    assert result == "failed"
    assert (
        f"resource-in-backup-plan of {volume_arn('vol-2')} is pass in the scan, and fail by the evidence"
        in detail
    )


def test_inputs_with_all_checksums_are_found_by_re_performing(scan: Path) -> None:
    (scan / "inputs/audit.yaml").write_text("controls: [resource-in-backup-plan]\n")
    state(scan, "inputs/audit.yaml")
    code, checks = verified(scan, "--re-perform")
    assert code == 6
    assert checks["re_performed"][0] == "failed"


def test_other_packaged_controls_prove_nothing(scan: Path) -> None:
    flip(scan)
    state(scan, FINDINGS)
    manifest = json.loads((scan / "manifest.json").read_bytes())
    other = {"version": "0.0.9", "sha256": "0" * 64}
    edit_manifest(scan, inputs={**manifest["inputs"], "packaged_controls": other})
    result, detail = verified(scan, "--re-perform")[1]["re_performed"]
    assert result == "not_checked"
    assert "version 0.0.9" in detail


def late(lines: list[Document]) -> None:
    lines[2]["at"] = time(END + timedelta(minutes=6))


def members(folder: Path) -> None:
    """Write a complete list of accounts with one that is neither in scope nor excluded."""
    accounts = [{"Id": account, "Status": "ACTIVE"} for account in (ACCOUNT, OTHER, "333333333333")]
    accounts.append({"Id": "444444444444", "Status": "SUSPENDED"})
    line = {
        "service": "organizations", "operation": "ListAccounts", "parameters": {}, "at": time(START),
        "response": {"Accounts": accounts}, "account": MANAGEMENT, "region": "us-east-1",
    }  # fmt: skip
    (folder / "evidence/org.jsonl.gz").write_bytes(gzip.compress(orjson.dumps(line) + b"\n"))


def shard(change: Document) -> Callable[[Document], None]:
    return lambda manifest: manifest["shards"][0].update(change)


def no_file(manifest: Document) -> None:
    row = {"account": ACCOUNT, "region": "eu-west-3", "status": "complete", "calls": 3, "errors": 0}
    manifest["shards"].append(row)


def unchanged(_: object) -> None:
    pass


CONTRADICTIONS: dict[str, tuple[Callable[[Path], None], Callable[[Document], None], str, str]] = {
    "time of a line": (lambda folder: edit_lines(folder, late), unchanged, "line_times", f"{EVIDENCE}:3"),
    "calls": (unchanged, shard({"calls": 1}), "call_counts", f"{ACCOUNT}/aws-global has 2 calls"),
    "errors": (unchanged, shard({"errors": 9}), "call_counts", "the manifest says 9"),
    "account": (members, unchanged, "organization_accounts", "333333333333: in the organization"),
    "no file": (unchanged, no_file, "shards", f"{ACCOUNT}/eu-west-3 (complete)"),
    "early clock": (
        unchanged,
        lambda manifest: manifest.update(evaluated_as_of=time(START)),
        "evaluation_time",
        "--as-of was not given",
    ),
    "another clock": (
        unchanged,
        lambda manifest: manifest.update(inputs={"as_of": time(START)}),
        "evaluation_time",
        "--as-of requested",
    ),
    "clock of another program": (
        unchanged,
        lambda manifest: manifest.update(inputs=None, tool={"name": "x"}, evaluated_as_of=time(START)),
        "evaluation_time",
        "the collection finished",
    ),
}


@pytest.mark.parametrize(
    ("evidence", "manifest", "check", "text"), CONTRADICTIONS.values(), ids=CONTRADICTIONS.keys()
)
def test_a_contradiction_is_found_and_refused(
    evidence: Callable[[Path], None],
    manifest: Callable[[Document], None],
    check: str,
    text: str,
    bundle: Path,
) -> None:
    evidence(bundle)
    record(bundle, manifest)
    code, checks = verified(bundle)
    assert code == 6
    assert {name for name, (result, _) in checks.items() if result == "failed"} == {check}
    assert text in checks[check][1]
    out = bundle.with_name("out")
    refused = run("evaluate", bundle, *CONTROLS, "--out", out, "--format", "json", "-q")
    assert refused.exit_code == 6
    assert "--allow-inconsistent" in refused.stderr
    assert not out.exists()
    allowed = run(
        "evaluate", bundle, *CONTROLS, "--out", out, "--format", "json", "-q", "--allow-inconsistent"
    )
    assert allowed.exit_code == 0, allowed.output
    assert checks[check][1] in allowed.stderr


def limited(to: list[str]) -> Callable[[Document], None]:
    return lambda manifest: manifest["scope"].update(limited_to=to)


def test_accounts_that_were_not_requested_are_no_contradiction(bundle: Path) -> None:
    members(bundle)
    for limits in ([ACCOUNT, OTHER], ["ou-ab12-34cd56ef"]):
        record(bundle, limited(limits))
        code, checks = verified(bundle)
        assert (code, checks["organization_accounts"][0]) == (0, "ok")
    record(bundle, limited([ACCOUNT, OTHER, "333333333333"]))
    assert verified(bundle)[1]["organization_accounts"][0] == "failed"


def test_a_bundle_of_another_program_need_not_name_all_accounts(bundle: Path) -> None:
    members(bundle)
    record(bundle, lambda manifest: manifest.pop("tool"))
    code, checks = verified(bundle)
    assert (code, checks["organization_accounts"][0]) == (0, "not_checked")
    assert "333333333333" in checks["organization_accounts"][1]


def test_a_requested_clock_is_no_contradiction(bundle: Path) -> None:
    record(bundle, lambda manifest: manifest.update(evaluated_as_of=time(START)))
    options = ("--out", bundle.with_name("out"), "--format", "json", "-q", "--as-of", time(START))
    assert run("evaluate", bundle, *CONTROLS, *options).exit_code == 0
    checks = verified(bundle.with_name("out"))[1]
    assert checks["evaluation_time"][0] == "ok"
    assert checks["evidence"][0] == checks["shards"][0] == "not_checked"


def test_a_bundle_of_another_program_is_tolerated(tmp_path: Path) -> None:
    folder = tmp_path / "foreign"
    foreign = BundleBuilder(folder)
    foreign.shard().settings().volume("vol-1")
    foreign.write()
    (folder / "findings.json").write_text("{}")
    code, checks = verified(folder)
    assert code == 0
    results = {name: result for name, (result, _) in checks.items()}
    assert "ok" not in {results.pop("shards"), *results.values()} - {"ok"}
    assert results["evidence"] == results["other_files"] == "missing"
    (folder / "findings.json").unlink()
    assert results["line_times"] == results["call_counts"] == results["evaluation_time"] == "not_checked"
    options = ("--out", tmp_path / "out", "--format", "json", "-q")
    assert run("evaluate", folder, *CONTROLS, *options).exit_code == 0


def test_a_file_that_is_added_to_a_bundle_is_named(bundle: Path) -> None:
    (bundle / "journal.jsonl").write_text("{}")
    assert verified(bundle)[0] == 0
    (bundle / "notes.txt").write_text("x")
    code, checks = verified(bundle)
    assert code == 6
    assert checks["other_files"] == ("failed", "notes.txt: not named in manifest.json.")


def test_damaged_lines_are_reported(bundle: Path) -> None:
    (bundle / EVIDENCE).write_bytes(gzip.compress(b"{\n"))
    record_digest = sha256((bundle / EVIDENCE).read_bytes()).hexdigest()
    manifest = json.loads((bundle / "manifest.json").read_bytes())
    for row in manifest["shards"]:
        if row["file"] == EVIDENCE:
            row["sha256"] = record_digest
    edit_manifest(bundle, shards=manifest["shards"], files={**manifest["files"], EVIDENCE: record_digest})
    code, checks = verified(bundle)
    assert code == 6
    assert re.search(r"line 1 is not JSON", checks["evidence_lines"][1])


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    result = run("verify", tmp_path)
    assert result.exit_code == 6
    assert "manifest" in result.stdout


def test_reports_that_are_added_later_are_no_foreign_files(scan: Path, tmp_path: Path) -> None:
    assert run("report", scan, "--format", "markdown,parquet").exit_code == 0
    assert run("report", scan, "--redact", "--format", "json,csv").exit_code == 0
    assert (
        run("evaluate", scan, *CONTROLS, "--out", tmp_path / "out", "--redact", "--format", "csv").exit_code
        == 0
    )
    for folder in (scan, tmp_path / "out"):
        code, checks = verified(folder)
        assert code == 0, checks
        (folder / "redacted" / "findings.csv").write_text("x")
        assert "redacted/findings.csv: changed" in verified(folder)[1]["reports"][1]
