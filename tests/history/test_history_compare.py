"""What becomes of a finding: every transition, and laws that hold for any two scans."""

from collections import Counter
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.errors import BundleError
from scanner.history.compare import compare
from scanner.history.comparison import Tally
from scanner.history.reach import ScanReach
from scanner.history.transition import Absent, kind_of
from scanner.model.changes import Kind
from scanner.model.finding import Finding, Severity, Status
from scanner.model.inventory import ShardStatus

ACCOUNT, REGION = "111111111111", "eu-west-1"
P, F, N, U, E, W = (
    *(Status.PASS, Status.FAIL, Status.NOT_APPLICABLE),
    *(Status.UNKNOWN, Status.ERROR, Status.WAIVED),
)

# rows: OLD; columns: NEW is P F N U E W, then absent: not asked, not read, removed, deleted
TABLE = {
    P: (
        "same new same newly_unknown newly_unknown newly_waived "
        "not_asked newly_unknown no_longer_asked deleted"
    ),
    F: (
        "fixed still_open no_longer_asked not_known not_known newly_waived "
        "not_asked not_known no_longer_asked deleted"
    ),
    N: (
        "same new same newly_unknown newly_unknown newly_waived "
        "not_asked newly_unknown no_longer_asked deleted"
    ),
    U: (
        "now_known new now_known still_unknown still_unknown newly_waived "
        "not_asked still_unknown no_longer_asked deleted"
    ),
    E: (
        "now_known new now_known still_unknown still_unknown newly_waived "
        "not_asked still_unknown no_longer_asked deleted"
    ),
    W: (
        "fixed waiver_ended no_longer_asked not_known not_known still_waived "
        "not_asked not_known no_longer_asked deleted"
    ),
    None: "same new same newly_unknown newly_unknown newly_waived",
}
NEW_SIDE = (P, F, N, U, E, W, *Absent)
ROWS = [
    (old, new, kind) for old, row in TABLE.items() for new, kind in zip(NEW_SIDE, row.split(), strict=False)
]


def finding(status: Status = F, subject: str = "a", control: str = "c", **other: object) -> Finding:
    fields = {
        "severity": Severity.HIGH,
        "account": ACCOUNT,
        "region": REGION,
        "reason": "It is bad.",
        **other,
    }
    return Finding(control=control, status=status, subject=subject, subject_type="EBS", **fields)  # type: ignore[arg-type]


def reach(*controls: str, read: bool = True) -> ScanReach:
    status = ShardStatus.COMPLETE if read else ShardStatus.FAILED
    return ScanReach(
        controls=frozenset(controls),
        accounts=frozenset({ACCOUNT}),
        regions=frozenset({REGION}),
        statuses={(ACCOUNT, REGION): status},
        gaps={},
        is_own=True,
    )


@pytest.mark.parametrize(("old", "new", "kind"), ROWS)
def test_every_transition(old: Status | None, new: Status | Absent, kind: str) -> None:
    assert kind_of(old, new) == kind


# with a changed rule: only what differs from the table above
CHANGED_RULE = {(P, F), (N, F), (F, P), (F, N), (W, P), (W, N), (None, F)}


@pytest.mark.parametrize(("old", "new", "kind"), ROWS)
def test_a_changed_rule_only_changes_two_definite_answers(
    old: Status | None, new: Status | Absent, kind: str
) -> None:
    expected = "changed_rule" if (old, new) in CHANGED_RULE else kind
    assert kind_of(old, new, rule_changed=True) == expected
    if (old, new) in CHANGED_RULE:
        assert kind_of(old, new, rule_changed=True, failed_earlier=True) == "changed_rule"


@pytest.mark.parametrize("old", [*Status, None])
def test_reopened_needs_that_it_was_known_not_to_fail(old: Status | None) -> None:
    assert (kind_of(old, F, failed_earlier=True) is Kind.REOPENED) == (old in {P, N})


@pytest.mark.parametrize(("old", "new"), list(product([F, W], [U, E, *Absent])))
def test_what_is_not_known_to_pass_is_never_fixed(old: Status, new: Status | Absent) -> None:
    assert kind_of(old, new) is not Kind.FIXED


@pytest.mark.parametrize(
    ("where", "kind"),
    [(reach("c"), Kind.DELETED), (reach("c", read=False), Kind.NOT_KNOWN), (reach("d"), Kind.NOT_ASKED)],
)
def test_a_finding_that_is_missing(where: ScanReach, kind: Kind) -> None:
    assert [change.kind for change in compare([finding()], [], where)] == [kind]


def test_what_is_changed() -> None:
    was = finding(reason="The newest is 3 days old.")
    for now, what in (
        (finding(reason="The newest is 14 days old."), ()),
        (finding(reason="There is none."), ("reason",)),
        (finding(severity=Severity.LOW, reason=was.reason), ("severity",)),
        (finding(reason=was.reason, details={"tier": "gold"}), ("tier",)),
    ):
        (change,) = compare([was], [now], reach("c"))
        assert (change.kind is Kind.CHANGED, change.what) == (bool(what), what)


def test_reopened_by_an_earlier_scan() -> None:
    earlier = [[finding(P, "0"), finding(F, "a")], [finding(P, "a")]]
    (change,) = compare([finding(P)], [finding(F)], reach("c"), earlier)
    assert change.kind is Kind.REOPENED


@pytest.mark.parametrize("subjects", ["ba", "aa"])
def test_out_of_order_or_twice_is_refused(subjects: str) -> None:
    with pytest.raises(BundleError):
        list(compare([finding(subject=each) for each in subjects], [], reach("c")))


def test_the_tally_keeps_the_worst_and_counts_all() -> None:
    new = [finding(subject=f"{n}", severity=Severity.LOW if n < 5 else Severity.CRITICAL) for n in range(8)]
    tally = Tally(limit=4)
    assert len(list(tally.watched(compare([], new, reach("c"))))) == 8
    result = tally.changes(())
    assert [each.finding.subject for each in result.worst[Kind.NEW]] == ["5", "6", "7", "0"]
    assert (result.counts, result.left_out(Kind.NEW), result.alarm) == ({Kind.NEW: 8}, 4, Severity.CRITICAL)


scans = st.dictionaries(
    st.tuples(st.sampled_from("cd"), st.sampled_from("abc")), st.sampled_from(Status)
).map(lambda told: [finding(status, subject, control) for (control, subject), status in sorted(told.items())])
QUIET = {Kind.SAME, Kind.STILL_OPEN, Kind.STILL_WAIVED, Kind.STILL_UNKNOWN}


@given(scans)
def test_a_scan_against_itself_changes_nothing(scan: list[Finding]) -> None:
    assert {change.kind for change in compare(scan, scan, reach("c", "d"))} <= QUIET


@given(scans, scans, st.booleans())
def test_every_finding_is_told_once(old: list[Finding], new: list[Finding], read: bool) -> None:  # noqa: FBT001
    changes = list(compare(old, new, reach("c", read=read)))
    assert [each.old for each in changes if each.old] == old
    assert [each.new for each in changes if each.new] == new
    result = Counter(change.finding.fingerprint for change in changes)
    assert set(result.values()) <= {1}
    tally = Tally()
    assert list(tally.watched(changes)) == changes
    assert sum(tally.changes(()).counts.values()) == len(changes)


@given(scans, scans)
def test_turned_round_each_side_is_the_other(old: list[Finding], new: list[Finding]) -> None:
    there = [(each.old, each.new) for each in compare(old, new, reach("c", "d"))]
    back = [(each.new, each.old) for each in compare(new, old, reach("c", "d"))]
    assert there == back
