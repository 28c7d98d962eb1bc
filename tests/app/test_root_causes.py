"""Root causes of the sample scan: expectations written by hand from the demo organisation's description."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest

from scanner.app.reports import explain
from scanner.app.root_causes import TracedFailures, root_causes_of, traced_failures
from scanner.model.finding import Status
from scanner.model.root_causes import Blocker, CauseKind
from scanner.model.scan import Scan
from scanner.report.formats.explanation import explanation_document
from scanner.report.read import read_scan
from scanner.report.redact import Pseudonyms, new_key
from scripts.sample_reports import BUNDLE, audit

K = CauseKind
TABLE = "arn:aws:dynamodb:eu-west-1:333333333333:table/audit-trail"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    scan = tmp_path_factory.mktemp("sample") / "scan"
    copytree(BUNDLE, scan)
    audit("evaluate", scan, "--format", "json", "--quiet")
    return scan


@pytest.fixture(scope="module")
def scan(folder: Path) -> Scan:
    return read_scan(folder)


@pytest.fixture(scope="module")
def traced(folder: Path, scan: Scan) -> list[TracedFailures]:
    return list(traced_failures(folder, scan, by_subject=True))


# Control, end of the subject, kind, end of the cause's subject or name, the failure that it hangs on.
EXPECTED: tuple[tuple[str, str, CauseKind | None, str, str], ...] = (
    (
        "resource-backed-up-recently",
        "table/audit-trail",
        K.VAULT_MISSING,
        "production-audit",
        "rule-target-vault-exists",
    ),
    (
        "survives-region-loss",
        "table/audit-trail",
        K.VAULT_MISSING,
        "production-audit",
        "rule-target-vault-exists",
    ),
    (
        "resource-in-backup-plan",
        "cluster:campaigns",
        K.TAG_VALUE,
        "production-frankfurt / analytics-teams",
        "",
    ),
    (
        "resource-backed-up-recently",
        "cluster:campaigns",
        K.TAG_VALUE,
        "analytics-teams",
        "resource-in-backup-plan",
    ),
    ("resource-in-backup-plan", "cluster:milan-sales", K.NO_SELECTION, "333333333333/eu-south-1", ""),
    ("resource-in-backup-plan", "stack/monitoring/*", K.TAG_MISSING, "production-gold / tier-gold", ""),
    (
        "resource-in-backup-plan",
        "cluster:integration-documents",
        K.OPT_IN_OFF,
        "444444444444/eu-central-1",
        "resource-opted-in",
    ),
    ("resource-opted-in", "cluster:integration-documents", K.OPT_IN_OFF, "444444444444/eu-central-1", ""),
    ("resource-in-backup-plan", "cluster/edge-test-cluster", K.SELECTION_EXCLUDES, "all-but-test", ""),
    (
        "resource-cross-region-copy",
        "table/landing-zone-locks",
        K.POLICY_DOES_NOT_ADMIT,
        "central-backup-frankfurt",
        "copy-destination-admits-source",
    ),
    (
        "resource-cross-account-copy",
        "cluster:partner-orders",
        K.AWS_MANAGED_KEY,
        "key/*",
        "copy-customer-managed-key",
    ),
    (
        "resource-cross-account-copy",
        "cluster:bookings",
        K.TYPE_NOT_COPYABLE,
        "production-gold / nightly -> central-backup",
        "copy-supported",
    ),
    (
        "survives-backup-account-loss",
        "table/shop-baskets",
        K.NO_CROSS_ACCOUNT_COPY,
        "production-stacks / nightly",
        "",
    ),
    (
        "backup-jobs-succeed",
        ":::acme-production-uploads",
        K.BUCKET_NOT_VERSIONED,
        "333333333333/eu-west-1",
        "",
    ),
    ("backup-jobs-succeed", "table/invoices", K.BACKUP_JOB_FAILED, "333333333333/eu-west-1", ""),
    (
        "copy-arrives",
        "backup-vault:experiment",
        K.ACCOUNT_NOT_MEMBER,
        "aws:account:666666666666",
        "copy-destination-in-organization",
    ),
    (
        "copy-arrives",
        "backup-vault:production-disaster-old",
        K.VAULT_MISSING,
        "production-disaster-old",
        "copy-destination-exists",
    ),
    (
        "copy-arrives",
        "backup-vault:Default",
        K.VAULT_KEY_NOT_CUSTOMER_MANAGED,
        "backup-vault:Default",
        "copy-customer-managed-key",
    ),
    ("copy-source-key-shared", "backup-vault:experiment", K.KEY_NOT_SHARED, "key/*", ""),
    ("rule-target-vault-exists", "", K.VAULT_MISSING, "production-audit", ""),
    ("rule-schedule-valid", "", K.SCHEDULE_NEVER_RUNS, "production-archive / end-of-february", ""),
    ("rule-retention-within-vault-lock", "", K.RETENTION_OUTSIDE_LOCK, "development-frankfurt / nightly", ""),
    (
        "account-region-assessed",
        "555555555555/eu-west-1",
        K.ACCOUNT_NOT_ENTERED,
        "aws:account:555555555555",
        "",
    ),
    # The destination account was not read: nothing proves why no copy arrived.
    ("copy-arrives", "backup-vault:analytics-archive", None, "", ""),
    ("resource-backed-up-recently", "cluster/bad0d5cfe2f5039bed8d56e20c", None, "", ""),
)


def is_at_end(text: str, end: str) -> bool:
    return end.removesuffix("*") in text if end.endswith("*") else text.endswith(end)


@pytest.mark.slow
@pytest.mark.parametrize("expected", EXPECTED, ids=lambda expected: f"{expected[0]} {expected[1]}")
def test_failures_of_the_sample_have_the_causes_that_were_built_into_it(
    expected: tuple[str, str, CauseKind | None, str, str], traced: list[TracedFailures]
) -> None:
    control, subject, kind, cause, blocker = expected
    found = [
        failure for failure in traced if failure.control == control and is_at_end(failure.subject, subject)
    ]
    assert found
    for failure in found:
        root, blocked_by = failure.trace.root_cause, failure.trace.blocked_by
        assert (root.kind if root else None) == kind
        assert root is None or is_at_end(root.name, cause) or is_at_end(root.subject, cause)
        assert (blocked_by.control if blocked_by else "") == blocker


@pytest.mark.slow
def test_every_failure_is_counted_once_and_nothing_else(scan: Scan, traced: list[TracedFailures]) -> None:
    failed = Counter(finding.control for finding in scan.findings if finding.status is Status.FAIL)
    counted: Counter[str] = Counter()
    for failure in traced:
        counted[failure.control] += failure.number
    assert counted == failed
    assert scan.root_causes is not None
    assert scan.root_causes.failures == sum(failed.values())
    assert sum(scan.root_causes.untraced.values()) == scan.root_causes.failures - scan.root_causes.traced


@pytest.mark.slow
def test_a_failure_hangs_on_failures_only(scan: Scan, traced: list[TracedFailures]) -> None:
    has_failed = (Status.FAIL, Status.WAIVED)
    failed = {(finding.control, finding.subject) for finding in scan.findings if finding.status in has_failed}
    blockers = [failure.trace.blocked_by for failure in traced]
    assert len([blocker for blocker in blockers if blocker]) > 100
    assert [b for b in blockers if b and (b.control, b.subject) not in failed] == []


@pytest.mark.slow
def test_a_missing_read_is_never_the_cause_of_a_failure(traced: list[TracedFailures]) -> None:
    kinds = {failure.trace.root_cause.kind for failure in traced if failure.trace.root_cause}
    assert len(kinds) > 30
    assert CauseKind.MISSING_READ not in kinds


@pytest.mark.slow
def test_alike_failures_are_counted_as_one_by_one(
    folder: Path, scan: Scan, traced: list[TracedFailures]
) -> None:
    alike: Counter[tuple[object, ...]] = Counter()
    by_account: Counter[tuple[object, ...]] = Counter()
    single: Counter[tuple[object, ...]] = Counter()
    accounts = traced_failures(folder, scan, batch=1)
    for counter, failures in (
        (alike, traced_failures(folder, scan)),
        (by_account, accounts),
        (single, traced),
    ):
        for failure in failures:
            root = failure.trace.root_cause
            counter[failure.control, root.key if root else None] += failure.number
    assert alike == single == by_account
    assert root_causes_of(folder, scan) == scan.root_causes  # also after it was written and read


@pytest.mark.slow
def test_unknown_findings_have_the_read_that_was_refused(scan: Scan) -> None:
    unknown = Counter(finding.control for finding in scan.findings if finding.status is Status.UNKNOWN)
    summary = scan.root_causes
    assert summary is not None
    assert summary.unknown == sum(unknown.values())
    assert {count.cause.kind for count in summary.missing_reads} == {CauseKind.MISSING_READ}
    reads = {(count.cause.subject, count.cause.account): count for count in summary.missing_reads}
    policy = reads["organizations:DescribeEffectivePolicy", "444444444444"]
    assert dict(policy.controls) == {"account-backup-policy": 1}
    assert "sts:AssumeRole" in {operation for operation, _ in reads}


@pytest.mark.slow
def test_an_explanation_begins_with_the_failure_that_the_others_hang_on(folder: Path) -> None:
    first, *others = explain(folder, TABLE).advice
    assert first.control == "rule-target-vault-exists"
    assert first.blocked_by is None
    place, command = first.cli.splitlines()
    assert place == "# In account 333333333333, eu-west-1:"
    assert command.startswith("aws backup create-backup-vault --backup-vault-name production-audit ")
    assert command.endswith("--region eu-west-1")
    hanging = {one.control for one in others if one.blocked_by == Blocker(first.control, first.subject)}
    assert {"resource-backed-up-recently", "survives-region-loss"} <= hanging
    assert "resource-cross-account-copy" not in hanging
    document = explanation_document(explain(folder, TABLE))
    assert document["advice"][1]["root_cause"]["kind"] == "vault_missing"
    assert document["advice"][1]["blocked_by"]["control"] == "rule-target-vault-exists"
    assert "blocked_by" not in document["advice"][0]


@pytest.mark.slow
def test_a_redacted_explanation_names_no_causes(folder: Path) -> None:
    redacted = explain(folder, TABLE, Pseudonyms(new_key()))
    assert len(redacted.advice) > 5
    assert {(one.root_cause, one.blocked_by) for one in redacted.advice} == {(None, None)}


@pytest.mark.slow
def test_an_explanation_has_the_causes_that_the_summary_counts(
    folder: Path, traced: list[TracedFailures]
) -> None:
    by_failure = {(failure.control, failure.subject): failure.trace for failure in traced}
    ends = (":table/audit-trail", ":::acme-production-uploads", ":cluster:bookings", ":edge-warehouse")
    subjects = {subject for _, subject in by_failure if subject.endswith(ends)}
    assert len(subjects) == len(ends)
    for subject in sorted(subjects):
        for one in explain(folder, subject).advice:
            if one.status is Status.FAIL and one.root_cause is not None:
                root = by_failure[one.control, one.subject].root_cause
                assert root is not None
                assert one.root_cause.key == root.key


@pytest.mark.slow
def test_an_own_control_with_the_id_of_a_packaged_one_is_not_traced(folder: Path, scan: Scan) -> None:
    own = tuple(
        replace(control, require="lock_mode <> 'none'") if control.id == "vault-locked" else control
        for control in scan.controls
    )
    kinds = Counter(
        failure.trace.root_cause.kind if failure.trace.root_cause else None
        for failure in traced_failures(folder, replace(scan, controls=own))
        if failure.control in {"vault-locked", "vault-notifications"}
    )
    assert kinds.keys() == {None, CauseKind.VAULT_DOES_NOT_NOTIFY}
