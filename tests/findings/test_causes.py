"""The filed root causes: written in filing order, and merged with findings that come in that order."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from scanner.errors import BundleError
from scanner.findings.causes import FiledCauses, cause_rows, write_causes
from scanner.model.finding import Finding, Severity, Status, finding_from_document
from scanner.model.known import EvidenceRef
from scanner.model.root_causes import Blocker, CauseKind, RootCause, Trace
from scanner.storage.table_files import NoTableError, table_files

CAUSE = RootCause(
    kind=CauseKind.VAULT_MISSING,
    subject="arn:aws:backup:eu-west-1:1:backup-vault:main",
    account="1",
    region="eu-west-1",
    name="main",
    control="rule-target-vault-exists",
    evidence=(EvidenceRef("evidence/1/eu-west-1.jsonl.gz", 3),),
)
READ = RootCause(kind=CauseKind.MISSING_READ, subject="s3:ListBuckets", account="2", region="aws-global")


def finding(control: str, account: str, subject: str, status: Status = Status.FAIL) -> Finding:
    return Finding(
        control=control,
        status=status,
        severity=Severity.HIGH,
        subject=subject,
        subject_type="EBS",
        account=account,
        region="eu-west-1",
        reason="r",
    )


FINDINGS = (
    finding("a", "1", "x"),
    finding("a", "1", "z"),
    finding("a", "2", "x", Status.UNKNOWN),
    finding("b", "1", "x", Status.PASS),
    finding("b", "1", "y"),
)
TRACES = {
    FINDINGS[0].order: Trace(CAUSE, Blocker("rule-target-vault-exists", "rule")),
    FINDINGS[2].order: Trace(READ),
    FINDINGS[4].order: Trace(CAUSE, Blocker("resource-in-backup-plan", "")),
}


@pytest.fixture
def causes(tmp_path: Path) -> FiledCauses:
    unsorted = reversed(TRACES.items())
    write_causes(tmp_path, (row for key, trace in unsorted for row in cause_rows(key, trace)))
    return FiledCauses(partial(table_files, tmp_path))


def expected() -> Iterator[Finding]:
    for each in FINDINGS:
        trace = TRACES.get(each.order, Trace())
        blocker = trace.blocked_by
        if blocker is not None and not blocker.subject:
            blocker = replace(blocker, subject=each.subject)
        yield replace(each, root_cause=trace.root_cause, blocked_by=blocker)


def test_findings_in_filing_order_get_their_causes(causes: FiledCauses) -> None:
    assert list(causes.merged(FINDINGS)) == list(expected())


def test_some_findings_in_any_order_get_the_same(causes: FiledCauses) -> None:
    assert causes.of(FINDINGS[::-1]) == list(expected())[::-1]
    assert causes.of([FINDINGS[3]]) == [FINDINGS[3]]


def test_a_finding_is_read_back_with_its_cause() -> None:
    for each in expected():
        assert finding_from_document(each.document()) == each
    assert "root_cause" not in FINDINGS[1].document()


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    rows = [row for key, trace in TRACES.items() for row in cause_rows(key, trace)]
    first = write_causes(tmp_path / "one", rows).read_bytes()
    assert write_causes(tmp_path / "two", rows[::-1]).read_bytes() == first


def test_what_was_not_traced_has_no_row(tmp_path: Path) -> None:
    assert list(cause_rows(FINDINGS[0].order, Trace())) == []
    with pytest.raises(NoTableError):
        FiledCauses(partial(table_files, tmp_path))


def test_a_changed_file_is_no_answer(tmp_path: Path) -> None:
    path = write_causes(tmp_path, ())
    path.write_bytes(b"PAR1")
    with pytest.raises(BundleError):
        list(FiledCauses(partial(table_files, tmp_path)).merged(FINDINGS))
