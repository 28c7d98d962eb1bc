import io
from collections.abc import Iterator
from dataclasses import replace

import duckdb
import pyarrow.parquet as pq
import pytest

from scanner.model.control import Control
from scanner.model.decisions import Waiver
from scanner.model.finding import Finding, Severity, Status
from scanner.model.known import EvidenceRef
from scanner.model.root_causes import Blocker, CauseKind, RootCause, cause_document
from scanner.storage.findings_parquet import ROW_GROUP, SCHEMA, Names, parquet_pieces

FINDING = Finding(
    control="vault-locked",
    status=Status.WAIVED,
    severity=Severity.HIGH,
    subject="arn:aws:backup:eu-west-1:111111111111:backup-vault:main",
    subject_type="vault",
    account="111111111111",
    region="eu-west-1",
    reason="No Vault Lock is on.",
    details={"lock_mode": "none", "deep": [1, {"a": None}]},
    evidence=(EvidenceRef("evidence/111111111111/eu-west-1.jsonl.gz", 17),),
    frameworks={"nist-800-53-r5": ("CP-9", "CP-6"), "dora": ("12(1)",)},
    waiver=Waiver("W-1", "me", "you", "a lab", "2026-12-31"),
)

CONTROL = Control(
    id="vault-locked",
    title="Vault is locked",
    failure_title="Vault is not locked",
    severity=Severity.HIGH,
    subject="vault",
    population="true",
    require="true",
    reason="No Vault Lock is on.",
)


NAMES = Names(
    first_seen=lambda _: None,
    age_days=lambda _: None,
    controls={"vault-locked": CONTROL},
    accounts={"111111111111": "payments"},
    of_subject=lambda _: "main",
)


def file(*findings: Finding, **metadata: str) -> bytes:
    return b"".join(parquet_pieces(findings, NAMES, metadata))


def test_a_finding_comes_back_typed() -> None:
    table = pq.read_table(io.BytesIO(file(FINDING)))
    assert table.schema.equals(SCHEMA)
    (told,) = table.to_pylist()
    assert told["status"] == "waived"
    assert told["details"] == '{"lock_mode":"none","deep":[1,{"a":null}]}'
    assert told["evidence"] == [{"file": "evidence/111111111111/eu-west-1.jsonl.gz", "line": 17}]
    assert told["frameworks"] == [
        {"framework": "nist-800-53-r5", "requirement": "CP-9"},
        {"framework": "nist-800-53-r5", "requirement": "CP-6"},
        {"framework": "dora", "requirement": "12(1)"},
    ]
    assert told["waiver"]["expires"] == "2026-12-31"
    assert told["fingerprint"] == FINDING.fingerprint


def test_names_and_frameworks_stand_with_their_findings() -> None:
    other = replace(FINDING, account="222222222222", frameworks={"dora": ("9(2)",)})
    none = replace(FINDING, control="another", frameworks={})
    passed = replace(FINDING, status=Status.PASS, waiver=None)
    told = pq.read_table(io.BytesIO(file(none, FINDING, FINDING, other, passed))).to_pylist()
    assert [each["title"] for each in told] == ["", *["Vault is not locked"] * 3, "Vault is locked"]
    assert [each["account_name"] for each in told] == ["payments", "payments", "payments", "", "payments"]
    assert {each["name"] for each in told} == {"main"}
    requirements = [[each["requirement"] for each in row["frameworks"]] for row in told]
    whole = ["CP-9", "CP-6", "12(1)"]
    assert requirements == [[], whole, whole, ["9(2)"], whole]


def test_no_waiver_is_null_and_no_evidence_is_empty() -> None:
    (told,) = pq.read_table(
        io.BytesIO(file(replace(FINDING, status=Status.FAIL, waiver=None, evidence=(), frameworks={})))
    ).to_pylist()
    assert told["waiver"] is None
    assert (told["evidence"], told["frameworks"]) == ([], [])


def test_a_root_cause_and_what_blocks_come_back() -> None:
    cause = RootCause(
        kind=CauseKind.VAULT_MISSING,
        subject="arn:aws:backup:eu-west-1:111111111111:backup-vault:main",
        account="111111111111",
        region="eu-west-1",
    )
    traced = replace(FINDING, root_cause=cause, blocked_by=Blocker("rule-target-vault-exists", "a#r"))
    result, bare = pq.read_table(io.BytesIO(file(traced, FINDING))).to_pylist()
    assert result["root_cause"] == {
        name: text for name, text in cause_document(cause).items() if name != "evidence"
    }
    assert result["blocked_by"] == {"control": "rule-target-vault-exists", "subject": "a#r"}
    assert (bare["root_cause"], bare["blocked_by"]) == (None, None)


def test_the_footer_says_which_scan_it_is() -> None:
    read = pq.read_metadata(io.BytesIO(file(FINDING, **{"vaultproof.scan_id": "s-1"})))
    assert read.metadata[b"vaultproof.scan_id"] == b"s-1"


def test_a_file_without_findings_has_the_columns_all_the_same() -> None:
    table = pq.read_table(io.BytesIO(file()))
    assert table.num_rows == 0
    assert table.schema.names == SCHEMA.names


def test_text_that_is_no_unicode_is_written_all_the_same() -> None:
    odd = replace(FINDING, reason="a\ud800b", details={"x\udfff": ["\udfff"]})
    (told,) = pq.read_table(io.BytesIO(file(odd))).to_pylist()
    assert told["reason"] == "a\ufffd\ufffd\ufffdb"
    assert told["details"] == '{"x\ufffd\ufffd\ufffd":["\ufffd\ufffd\ufffd"]}'


def test_row_groups_leave_before_the_next_is_read() -> None:
    read = 0

    def rows() -> Iterator[Finding]:
        nonlocal read
        for number in range(2 * ROW_GROUP + 5):
            read += 1
            yield replace(FINDING, subject=f"s{number}", details={})

    pieces = parquet_pieces(rows(), NAMES, {})
    first = next(pieces)
    assert read == ROW_GROUP
    whole = pq.ParquetFile(io.BytesIO(first + b"".join(pieces)))
    groups = [whole.metadata.row_group(number).num_rows for number in range(whole.metadata.num_row_groups)]
    assert groups == [ROW_GROUP, ROW_GROUP, 5]


def test_the_same_findings_are_the_same_bytes() -> None:
    assert file(FINDING, FINDING) == file(FINDING, FINDING)


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("SELECT status, count(*) FROM findings GROUP BY status", [("waived", 2)]),
        ("SELECT DISTINCT evidence[1].line FROM findings", [(17,)]),
        ("SELECT DISTINCT json_extract_string(details, '$.lock_mode') FROM findings", [("none",)]),
        ("SELECT DISTINCT waiver.id FROM findings", [("W-1",)]),
        ("SELECT count(*) FROM findings, unnest(frameworks) AS f(f) WHERE f.framework = 'dora'", [(2,)]),
    ],
)
def test_duckdb_asks_it(tmp_path_factory: pytest.TempPathFactory, query: str, answer: list[object]) -> None:
    path = tmp_path_factory.mktemp("parquet") / "findings.parquet"
    path.write_bytes(file(FINDING, FINDING))
    with duckdb.connect() as database:
        database.read_parquet(str(path)).create_view("findings")
        assert database.execute(query).fetchall() == answer
