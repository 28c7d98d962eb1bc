"""Failures that hang on others, missing reads of unknown findings, and the counts by root cause."""

from itertools import permutations

from scanner.evaluate.controls.loader import load_controls
from scanner.evaluate.root_causes.links import Structures
from scanner.evaluate.root_causes.trace import (
    LINKED,
    NOT_TRACED,
    RootCauseTally,
    Tracer,
    in_order,
    missing_read,
    table_of,
)
from scanner.model.explanation import Advice
from scanner.model.finding import Severity, Status
from scanner.model.known import EvidenceRef
from scanner.model.root_causes import Blocker, CauseKind, RootCause, Trace

RULE = "arn:aws:backup:eu-west-1:111111111111:backup-plan:p#daily"
VAULT = "arn:aws:backup:eu-west-1:111111111111:backup-vault:main"
BROKEN = {"subject": RULE, "target": VAULT, "target_exists": False}


def vault_missing(line: int = 0, name: str = "") -> Trace:
    evidence = (EvidenceRef("evidence/a.jsonl.gz", line),) if line else ()
    cause = RootCause(
        kind=CauseKind.VAULT_MISSING,
        subject=VAULT,
        name=name,
        account="111111111111",
        region="eu-west-1",
        evidence=evidence,
    )
    return Trace(cause)


def test_a_failure_hangs_neither_on_itself_nor_on_a_control_that_was_not_evaluated() -> None:
    own = Tracer(Structures(), None, {"rule-target-vault-exists"}).failure("rule-target-vault-exists", BROKEN)
    assert own.root_cause is not None
    assert own.blocked_by is None
    copy = {"subject": f"{RULE}->{VAULT}", "destination": VAULT, "destination_exists": False}
    arrives = Tracer(Structures(), None, {"copy-arrives"}).failure("copy-arrives", copy)
    assert arrives.root_cause is not None
    assert arrives.blocked_by is None


def test_a_control_without_links_is_not_traced() -> None:
    assert Tracer(Structures()).failure("my-own-control", BROKEN) == NOT_TRACED


def test_the_cause_of_an_unknown_finding_is_the_first_missing_read_that_it_needs() -> None:
    def note(about: str, operation: str) -> dict[str, str]:
        place = {"of": "main", "account": "111111111111", "region": "eu-west-1"}
        return {"about": about, "operation": operation, **place}

    row = {
        "not_known": [
            note("tags", "backup:AAA"),
            note("covered", "kms:GetKeyPolicy"),
            note("covered", "backup:ListBackupPlans"),
            note("covered", ""),
        ]
    }
    found = missing_read(row, {"covered"})
    assert found is not None
    assert (found.kind, found.subject, found.about) == (
        CauseKind.MISSING_READ,
        "backup:ListBackupPlans",
        "main",
    )
    assert missing_read(row, {"state"}) is None
    assert missing_read({"not_known": None}, {"state"}) is None


def test_counts_are_the_same_in_every_order_of_the_rows() -> None:
    rows = [
        ("rule-target-vault-exists", vault_missing(3), 1),
        ("resource-backed-up-recently", vault_missing(2, "main"), 4),
        ("resource-backed-up-recently", vault_missing(1), 2),
        ("resource-backed-up-recently", NOT_TRACED, 5),
    ]
    summaries = []
    for order in permutations(rows):
        tally = RootCauseTally()
        for control, trace, number in order:
            tally.add(control, trace, number)
        summaries.append(tally.summary())
    first, *others = summaries
    assert all(summary == first for summary in others)
    assert (first.failures, first.traced, first.number) == (12, 7, 1)
    (count,) = first.causes
    assert dict(count.controls) == {"resource-backed-up-recently": 6, "rule-target-vault-exists": 1}
    assert (count.failures, count.cause.name) == (7, "main")
    assert dict(first.untraced) == {"resource-backed-up-recently": 5}


def test_a_summary_names_the_first_causes_and_counts_all() -> None:
    tally = RootCauseTally()
    for number, name in enumerate("abc", 1):
        cause = RootCause(kind=CauseKind.VAULT_MISSING, subject=name, account="", region="")
        tally.add("rule-target-vault-exists", Trace(cause), number)
    summary = tally.summary(limit=2)
    assert [count.cause.subject for count in summary.causes] == ["c", "b"]
    assert (summary.number, summary.traced) == (3, 6)


def advice(control: str, subject: str, blocked_by: Blocker | None = None) -> Advice:
    return Advice(
        control=control,
        title=control,
        status=Status.FAIL,
        severity=Severity.HIGH,
        subject=subject,
        reason="",
        blocked_by=blocked_by,
    )


def test_a_failure_comes_after_the_one_that_it_hangs_on_and_else_where_it_was() -> None:
    vault = advice("vault", "v")
    rule = advice("rule", "r", Blocker("vault", "v"))
    recent, other = advice("recent", "a", Blocker("rule", "r")), advice("other", "a")
    absent = advice("absent", "a", Blocker("not here", "x"))
    assert in_order((other, recent, absent, rule, vault)) == (other, vault, rule, recent, absent)
    assert in_order(()) == ()


def test_failures_that_hang_on_each_other_end() -> None:
    one, two = advice("one", "a", Blocker("two", "a")), advice("two", "a", Blocker("one", "a"))
    assert set(in_order((one, two))) == {one, two}


def test_the_table_of_a_linked_control_is_the_one_that_it_evaluates() -> None:
    controls = {control.id: control.subject for control in load_controls()}
    assert {control: table_of(control) for control in LINKED} == {
        control: controls[control] for control in LINKED
    }
    assert table_of("my-own-control") == ""
