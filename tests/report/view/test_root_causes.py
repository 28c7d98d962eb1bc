"""Root causes as reports show them: sentences, the key of summary.json, and back."""

from dataclasses import replace

import pytest

from scanner.model.finding import Status
from scanner.model.known import EvidenceRef
from scanner.model.root_causes import CauseCount, CauseKind, RootCause, RootCauseSummary, Step
from scanner.model.scan import Scan
from scanner.report.cause_wording import cause_sentence, untraced_reason
from scanner.report.view import overview
from scanner.report.view.root_causes import (
    SHOWN,
    causes_of,
    explained,
    root_causes_document,
    root_causes_of,
    root_causes_sentence,
)
from scanner.report.view.view import EXAMPLES, build

VAULT = "arn:aws:backup:eu-west-1:111111111111:backup-vault:main"
CAUSE = RootCause(
    kind=CauseKind.VAULT_MISSING,
    subject=VAULT,
    account="111111111111",
    region="eu-west-1",
    control="rule-target-vault-exists",
    evidence=(EvidenceRef("evidence/111111111111/eu-west-1.jsonl.gz", 3),),
)
COUNT = CauseCount(CAUSE, {"resource-backed-up-recently": 6, "rule-target-vault-exists": 1})
READ = RootCause(kind=CauseKind.MISSING_READ, subject="backup:ListBackupVaults", account="1", region="r")


def summary(*causes: CauseCount, failures: int, number: int | None = None) -> RootCauseSummary:
    traced = sum(count.failures for count in causes)
    untraced = {"copy-arrives": failures - traced} if failures > traced else {}
    return RootCauseSummary(
        failures=failures,
        traced=traced,
        number=len(causes) if number is None else number,
        causes=causes,
        untraced=untraced,
        unknown=4,
        missing_reads=(CauseCount(READ, {"copy-arrives": 4}),),
    )


@pytest.mark.parametrize("kind", CauseKind)
def test_every_kind_has_a_sentence_and_a_step(kind: CauseKind) -> None:
    cause = replace(CAUSE, kind=kind, about="EBS")
    assert "{" not in cause_sentence(cause)
    assert "  " not in cause_sentence(cause)
    assert cause.step in Step
    action = replace(cause, subject=f"arn:aws:backup:eu-west-1:111111111111:backup-plan:p#r->{VAULT}")
    assert "{" not in cause_sentence(action)


def test_the_vault_is_made_before_its_policy_and_locked_last() -> None:
    steps = list(Step)
    order = [
        replace(CAUSE, kind=kind).step
        for kind in (
            CauseKind.VAULT_MISSING,
            CauseKind.POLICY_DOES_NOT_ADMIT,
            CauseKind.RETENTION_OUTSIDE_LOCK,
            CauseKind.BACKUP_JOB_FAILED,
            CauseKind.VAULT_NOT_LOCKED,
        )
    ]
    assert sorted(order, key=steps.index) == order
    assert len(set(order)) == len(order)


def test_the_sentence_counts_what_is_explained_and_what_is_not() -> None:
    assert root_causes_sentence(None) == ""
    assert root_causes_sentence(summary(failures=0)) == ""
    assert root_causes_sentence(summary(COUNT, failures=7)) == "1 root cause explains 7 of 7 failures."
    assert (
        root_causes_sentence(summary(COUNT, failures=9))
        == "1 root cause explains 7 of 9 failures; 2 could not be traced to a cause."
    )
    many = [CauseCount(replace(CAUSE, subject=f"vault-{n}"), {"c": 1}) for n in range(SHOWN + 1)]
    assert f"the first {SHOWN} explain {SHOWN}" in root_causes_sentence(summary(*many, failures=SHOWN + 1))


def test_a_cause_names_its_subject_and_what_it_explains() -> None:
    assert cause_sentence(CAUSE) == "vault main does not exist"
    assert cause_sentence(replace(CAUSE, name="p / daily")) == "vault p / daily does not exist"
    role = replace(CAUSE, kind=CauseKind.ROLE_MISSING, subject="arn:aws:iam::1:role/service-role/Backup")
    assert cause_sentence(role) == "role Backup does not exist"
    place = replace(CAUSE, kind=CauseKind.NO_SELECTION, subject="aws:account-region:1/eu-west-1")
    assert cause_sentence(place) == "no plan of 1/eu-west-1 has a backup selection"
    assert explained(COUNT) == "resource-backed-up-recently (6), rule-target-vault-exists (1)"
    assert (
        explained(CauseCount(CAUSE, dict.fromkeys("edcba", 1))) == "a (1), b (1), c (1) and 2 more controls"
    )


def test_the_key_of_the_summary_is_read_back() -> None:
    whole = summary(COUNT, failures=9)
    document = root_causes_document(whole)
    assert root_causes_of(document) == whole
    assert document["root_causes"]["causes"][0]["step"] == "vaults_and_keys"
    assert root_causes_document(None) == {}
    assert root_causes_of({}) is None


def test_the_causes_of_a_control_are_in_order_of_weight_then_of_steps() -> None:
    role = replace(CAUSE, kind=CauseKind.ROLE_MISSING, subject="role")
    lock = replace(CAUSE, kind=CauseKind.VAULT_NOT_LOCKED, subject="lock")
    causes = (
        CauseCount(lock, {"a": 2, "b": 9}),
        CauseCount(role, {"a": 2}),
        CauseCount(CAUSE, {"a": 2, "b": 1}),
        CauseCount(replace(CAUSE, subject="most"), {"a": 3}),
        CauseCount(replace(CAUSE, subject="of another"), {"b": 1}),
    )
    found = causes_of(summary(*causes, failures=20), "a")
    assert [count.cause.subject for count in found] == ["most", VAULT, "role", "lock"]
    assert causes_of(None, "a") == ()


def test_what_is_not_traced_has_a_reason() -> None:
    assert "AWS does not report" in untraced_reason("recovery-point-retention")
    assert "decision" in untraced_reason("waiver-expired")
    assert "no link of the chain" in untraced_reason("resource-backed-up-recently")


@pytest.mark.parametrize("shown", [20_000, 60])
def test_the_examples_of_a_cause_are_the_first_of_the_worst_failures(
    sample: Scan, monkeypatch: pytest.MonkeyPatch, shown: int
) -> None:
    monkeypatch.setattr(overview, "SHOWN", shown)
    view = build(sample)
    expected = {
        count.cause.key: [
            finding
            for finding in view.worst
            if finding.status is Status.FAIL
            and finding.root_cause is not None
            and finding.root_cause.key == count.cause.key
        ][:EXAMPLES]
        for count in view.root_causes
    }
    assert any(expected.values())
    for count in view.root_causes:
        assert list(view.failures_of(count.cause)) == expected[count.cause.key]
