"""Facts to findings: status, reasons, evidence, order, and what happens when a control breaks."""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.errors import VaultproofError
from scanner.evaluate import database
from scanner.evaluate.controls.cases import built
from scanner.evaluate.database import Limits, opened
from scanner.evaluate.decisions.waivers import WaiverRule, Waivers
from scanner.evaluate.engine import evaluate
from scanner.evaluate.language.reasons import pieces
from scanner.model.control import Control, ReasonCase
from scanner.model.decisions import Waiver
from scanner.model.facts import PlanFacts, ResourceFacts, Row
from scanner.model.finding import Finding, Severity, Status
from scanner.model.known import EvidenceRef
from scanner.storage.parquet import arrow_table

AS_OF = datetime.fromisoformat("2026-11-22T18:00:00Z")


def judge(rows: Sequence[Row], *controls: Control, **options: Any) -> list[Finding]:
    table = arrow_table(controls[0].subject, rows)
    return list(evaluate({controls[0].subject: table}, controls, as_of=AS_OF, **options))


def one(row: Row, control: Control, **options: Any) -> Finding:
    (finding,) = judge([row], control, **options)
    return finding


@pytest.mark.parametrize(
    ("asked", "held", "status"),
    [
        (True, True, Status.PASS),
        (True, False, Status.FAIL),
        (True, None, Status.UNKNOWN),
        (False, True, Status.NOT_APPLICABLE),
        (False, False, Status.NOT_APPLICABLE),
        (False, None, Status.NOT_APPLICABLE),
        (None, True, Status.UNKNOWN),
        (None, False, Status.UNKNOWN),
        (None, None, Status.UNKNOWN),
    ],
)
def test_ruling_1_the_status_follows_population_and_requirement(
    resource: Any, control: Any, *, asked: bool | None, held: bool | None, status: Status
) -> None:
    assert one(resource(assessable=asked, covered=held), control()).status is status


def test_a_row_that_no_control_applies_to_says_why(resource: Any, control: Any) -> None:
    row = resource(assessable=None, covered=True, not_applicable_because="It is a leftover.")
    finding = one(row, control(reasons={"not_applicable": "Not this one."}))
    assert (finding.status, finding.reason) == (Status.NOT_APPLICABLE, "It is a leftover.")


def test_a_finding_carries_what_the_contract_asks_for(resource: Any, control: Any) -> None:
    frameworks = {"nist-800-53-r5": ("CP-9",)}
    finding = one(
        resource(covered=False, capability="EBS"), control(frameworks=frameworks, severity=Severity.LOW)
    )
    assert list(finding.document()) == [
        "control",
        "status",
        "severity",
        "subject",
        "subject_type",
        "account",
        "region",
        "fingerprint",
        "reason",
        "details",
        "evidence",
        "frameworks",
        "waiver",
    ]
    assert (finding.subject_type, finding.severity, finding.frameworks) == ("EBS", Severity.LOW, frameworks)


def test_details_hold_the_named_columns_and_nulls_stay(resource: Any, control: Any) -> None:
    row = resource(
        covered=False,
        name="orders",
        capability="EBS",
        key_kind=None,
        created_at="2026-01-02T03:04:05Z",
        covered_by=[{"rule": "r", "via": "selection", "parent": None}, None],
    )
    named = ("key_kind", "created_at", "len(tags) as tags_seen")
    assert one(row, control(evidence=named)).details == {
        "key_kind": None,
        "created_at": "2026-01-02T03:04:05Z",
        "tags_seen": 0,
        "name": "orders",
        "capability": "EBS",
        "covered_by": [{"rule": "r", "via": "selection", "parent": None}, None],
    }


def test_other_subjects_have_no_details_of_resources(control: Any) -> None:
    row = built(PlanFacts, {"subject": "arn:plan", "subject_type": "plan", "name": "daily"}, ("row",))
    found = one(row, control("len(rules) = 0", subject="plan", population="true"))
    assert found.details == {"name": "daily"}


def test_numbers_that_json_lacks_become_null(control: Any) -> None:
    rule = {"name": "x", "max_gap_hours": float("inf")}
    row = built(PlanFacts, {"subject": "arn:plan", "rules": [rule]}, ("row",))
    finding = one(row, control("len(rules) = 0", subject="plan", population="true", evidence=("rules",)))
    assert finding.details["rules"][0]["max_gap_hours"] is None


def test_evidence_is_that_of_the_columns_in_use(resource: Any, control: Any) -> None:
    evidence = [
        {"about": "covered", "file": "b", "line": 2},
        {"about": "covered", "file": "b", "line": 2},
        {"about": "", "file": "b", "line": 1},
        {"about": "copies", "file": "a", "line": 9},
        {"about": "assessable.state", "file": "a", "line": 10},
        {"about": "tags", "file": "a", "line": 2},
    ]
    finding = one(resource(covered=True, evidence=evidence), control(evidence=("tags",)))
    assert finding.evidence == (
        EvidenceRef("a", 2),
        EvidenceRef("a", 10),
        EvidenceRef("b", 1),
        EvidenceRef("b", 2),
    )


def test_evidence_is_cut_at_fifty_lines(resource: Any, control: Any) -> None:
    evidence = [{"about": "", "file": "a", "line": line} for line in range(200, 0, -1)]
    lines = [ref.line for ref in one(resource(covered=True, evidence=evidence), control()).evidence]
    assert lines == list(range(1, 51))


NOT_KNOWN = [
    {"about": "covered", "reason": "GetBackupSelection was refused."},
    {"about": "assessable", "reason": "Its tags were refused."},
    {"about": "key_kind", "reason": "DescribeKey was refused."},
]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"covered": None, "not_known": NOT_KNOWN}, "Open. GetBackupSelection was refused."),
        ({"assessable": None, "not_known": NOT_KNOWN}, "Open. Its tags were refused."),
        ({"covered": None, "not_known": NOT_KNOWN[2:]}, "Open. DescribeKey was refused."),
        ({"covered": None}, "Open. Unknown: covered."),
    ],
)
def test_an_unknown_says_what_was_not_known(
    resource: Any, control: Any, given: Mapping[str, Any], reason: str
) -> None:
    assert one(resource(**given), control(reasons={"unknown": "Open."})).reason == reason


def test_an_unknown_names_at_most_five_causes(resource: Any, control: Any) -> None:
    causes = [{"about": "covered", "reason": f"Cause {at}."} for at in range(8)]
    reason = one(resource(covered=None, not_known=causes), control()).reason
    assert reason == "Cause 0. Cause 1. Cause 2. Cause 3. Cause 4. 3 more causes."


@pytest.mark.parametrize(
    ("require", "given", "named"),
    [
        ("any_of([c.effective for c in copies])", {"copies": [None]}, "copies"),
        ("any_of([c.effective for c in copies])", {"copies": [{"effective": None}]}, "copies"),
        (
            "newest_recovery_point.age_hours < 1",
            {"newest_recovery_point": {"age_hours": None}},
            "newest_recovery_point",
        ),
        ("any_of([t.key = 'a' for t in tags])", {"tags": None}, "tags"),
    ],
)
def test_columns_that_are_open_are_named_when_nothing_else_is(
    resource: Any, control: Any, require: str, given: Mapping[str, Any], named: str
) -> None:
    assert one(resource(**given), control(require)).reason == f"Unknown: {named}."


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{name}", "web"),
        ("{covered} {encrypted} {versioned}", "no unknown yes"),
        ("{created_at}", "2026-01-02 03:04 UTC"),
        ("{len(rules)} rules, {len(copies)} copies", "2 rules, an unknown number copies"),
        ("{[r.name for r in rules]}", "daily, monthly"),
        ("{newest_recovery_point.age_hours}", "52"),
        ("{newest_recovery_point.age_hours / 100}", "0.52"),
        ("{key_kind}", "unknown"),
        ("{{literal}} {'{quoted}'}", "{literal} {quoted}"),
        ("it's {name}'s", "it's web's"),
        ("two\n   lines", "two lines"),
        ("{CAST('2026-01-02' AS DATE)}", "2026-01-02"),
        ("{$limit} {$wanted}", "24 a, b"),
    ],
)
def test_reasons_are_readable(resource: Any, control: Any, template: str, reason: str) -> None:
    row = resource(
        covered=False,
        encrypted=None,
        versioned=True,
        name="web",
        key_kind=None,
        created_at="2026-01-02T03:04:05.678Z",
        rules=[{"name": "daily"}, {"name": "monthly"}],
        copies=[None],
        newest_recovery_point={"age_hours": 52.0},
    )
    parameters = {"limit": 24, "wanted": ("a", "b")}
    assert one(row, control(reason=template, parameters=parameters)).reason == reason


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("", ()),
        ("{a}", (("a", True),)),
        ("{{a}} {b} c }}{d}", (("{a} ", False), ("b", True), (" c }", False), ("d", True))),
        ("{{" * 3 + "}}", (("{{{}", False),)),
        ("{'{'}{\"}\"}", (("'{'", True), ('"}"', True))),
    ],
)
def test_a_template_is_taken_apart(template: str, expected: tuple[tuple[str, bool], ...]) -> None:
    assert tuple((piece.text, piece.is_expression) for piece in pieces(template)) == expected


def test_control_characters_of_hostile_names_do_not_reach_a_reason(resource: Any, control: Any) -> None:
    row = resource(covered=False, name="a\x1b[31m\nb\x00c{1}'; DROP TABLE resource; --")
    assert one(row, control(reason="{name}")).reason == "a [31m b c{1}'; DROP TABLE resource; --"


def test_the_first_text_whose_condition_is_true_is_taken(resource: Any, control: Any) -> None:
    cases = (ReasonCase("encrypted", "Encrypted."), ReasonCase("versioned", "Versioned."))
    asked = control(reason="Neither.", reason_cases={"fail": cases})
    texts = [
        one(resource(covered=False, encrypted=encrypted, versioned=versioned), asked).reason
        for encrypted, versioned in ((True, True), (None, True), (False, None))
    ]
    assert texts == ["Encrypted.", "Versioned.", "Neither."]


def test_findings_come_by_control_account_region_and_subject(resource: Any, control: Any) -> None:
    places = [
        {"account": account, "region": region, "subject": subject}
        for subject in ("arn:Z", "arn:a", "arn:\u00e9", "arn:\U0001f600", "arn:\uffee")
        for region in ("us-east-1", "eu-west-1")
        for account in ("222222222222", "111111111111")
    ]
    rows = [resource(covered=True, **place) for place in places]
    found = judge(rows, control(id="b"), control(id="a"))
    assert [finding.order for finding in found] == sorted(finding.order for finding in found)
    assert len(found) == 2 * len(rows)


def test_parameters_override_defaults(resource: Any, control: Any) -> None:
    asked = control("newest_recovery_point.age_hours <= $limit", parameters={"limit": 24})
    row = resource(newest_recovery_point={"age_hours": 30.0})
    assert one(row, asked).status is Status.FAIL
    assert one(row, asked, parameters={"a-control": {"limit": 48}}).status is Status.PASS


def test_a_control_that_breaks_leaves_the_others_alone(resource: Any, control: Any) -> None:
    rows = [resource(f"arn:{at}", covered=True, state="running") for at in range(3)]
    broken = control("CAST(state AS INTEGER) = 1", id="broken")
    found = judge(rows, control(id="after"), broken, control(id="zero"))
    by_control = {
        name: {f.status for f in found if f.control == name} for name in ("after", "broken", "zero")
    }
    assert by_control == {"after": {Status.PASS}, "broken": {Status.ERROR}, "zero": {Status.PASS}}
    errors = [finding for finding in found if finding.status is Status.ERROR]
    assert [finding.subject for finding in errors] == ["arn:0", "arn:1", "arn:2"]
    assert "Could not convert string 'running'" in errors[0].reason
    assert "SELECT" not in errors[0].reason


def test_a_control_that_breaks_for_some_rows_is_an_error_of_these_alone(resource: Any, control: Any) -> None:
    one_row = resource(covered=True, state="1")
    rows = [replace(one_row, subject=f"arn:{at:06}") for at in range(60_000)]
    broken = {7: "stopped", 55_000: "running"}  # the second while answers of the rows before it stream
    for at, state in broken.items():
        rows[at] = replace(rows[at], account=f"{at:012}", state=state)
    rows.sort(key=lambda row: (row.account, row.region, row.subject))
    found = judge(rows, control("CAST(state AS INTEGER) = 1"), limits=Limits(threads=1))
    assert [finding.subject for finding in found] == [row.subject for row in rows]
    errors = {finding.subject: finding.reason for finding in found if finding.status is Status.ERROR}
    assert {finding.status for finding in found if finding.subject not in errors} == {Status.PASS}
    assert errors.keys() == {f"arn:{at:06}" for at in broken}
    for at, state in broken.items():
        assert f"Could not convert string '{state}' to INT32" in errors[f"arn:{at:06}"]


def test_a_control_that_takes_too_long_is_stopped(resource: Any, control: Any) -> None:
    rows = [resource(f"arn:{at}", covered=True, rules=[{"name": "x"}] * 60) for at in range(300)]
    inner = "any_of([any_of([a.name || b.name || c.name = 'y' for c in rules]) for b in rules])"
    inner = f"any_of([{inner} for a in rules])"
    found = judge(rows, control(inner, id="slow"), control(id="zero"), limits=Limits(seconds=0.5, threads=1))
    assert {finding.status for finding in found if finding.control == "slow"} == {Status.ERROR}
    assert {finding.status for finding in found if finding.control == "zero"} == {Status.PASS}
    assert found[0].reason == "The control took longer than 0.5 s and was stopped."


def test_ctrl_c_is_not_taken_for_a_broken_control(
    resource: Any, control: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted:
        passed = False

        def __init__(self, *_: Any) -> None: ...

        def __enter__(self) -> None:
            raise duckdb.InterruptException("INTERRUPT Error: Interrupted!")

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(database, "Deadline", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        one(resource(covered=True), control())


def test_only_controls_from_the_loader_are_judged(resource: Any, control: Any) -> None:
    with pytest.raises(ValueError, match=r"a-control.*did you mean covered"):
        one(resource(), control("coverd"))


def test_a_missing_table_is_no_empty_table(control: Any) -> None:
    with pytest.raises(KeyError):
        list(evaluate({}, [control()], as_of=AS_OF))


def test_facts_may_lie_in_parquet_files(resource: Any, control: Any, tmp_path: Path) -> None:
    rows = [resource(f"arn:{at:05}", covered=at % 2 == 0) for at in range(2_000)]
    pq.write_table(arrow_table("resource", rows), tmp_path / "r.parquet", row_group_size=300)
    dataset = ds.dataset(tmp_path / "r.parquet")
    found = list(evaluate({"resource": dataset}, [control()], as_of=AS_OF))
    assert found == judge(rows, control())


def test_waivers_are_applied(resource: Any, control: Any) -> None:
    waiver = Waiver("w-1", "owner", "approver", "known", "2026-12-31")
    waivers = Waivers([WaiverRule("a-control", "arn:1*", waiver)], AS_OF)
    found = judge([resource(f"arn:{at}", covered=False) for at in (1, 2)], control(), waivers=waivers)
    assert [(f.status, f.waiver) for f in found] == [(Status.WAIVED, waiver), (Status.FAIL, None)]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_text('/etc/hostname')",
        "COPY (SELECT 1) TO '/tmp/vaultproof-test.csv'",
        "ATTACH '/tmp/vaultproof-test.db'",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "SET memory_limit = '100GB'",
        "INSTALL httpfs",
        "LOAD '/tmp/x.duckdb_extension'",
    ],
)
def test_the_database_is_locked_once_it_is_filled(resource: Any, statement: str) -> None:
    table = arrow_table("resource", [resource()])
    with opened({"resource": table}, {"resource": table.schema.names}, AS_OF, Limits()) as connection:
        assert connection.execute("SELECT count(*) FROM resource").fetchone() == (1,)
        with pytest.raises(duckdb.Error):
            connection.execute(statement)


def test_what_does_not_fit_into_memory_is_spilled(resource: Any, control: Any) -> None:
    row = resource(covered=False, name="n" * 300)
    rows = [replace(row, subject=f"arn:{at:07}{'x' * 300}") for at in range(20_000)]
    tables = {"resource": arrow_table("resource", rows)}
    limits = Limits(memory="25MB", threads=1)
    found = evaluate(tables, [control(reason="{name}{subject}")], as_of=AS_OF, limits=limits)
    assert sum(finding.status is Status.FAIL for finding in found) == len(rows)


def test_facts_that_fit_nowhere_are_told_in_a_sentence(resource: Any, control: Any) -> None:
    row = resource(covered=False, name="n" * 3_000)
    tables = {"resource": arrow_table("resource", [replace(row, subject=f"arn:{at}") for at in range(5_000)])}
    with pytest.raises(VaultproofError, match=r"The facts do not fit into 5MB .*memory"):
        list(evaluate(tables, [control("name = 'x'")], as_of=AS_OF, limits=Limits(memory="5MB", threads=1)))


def test_no_socket_is_opened(resource: Any, control: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    assert one(resource(covered=True), control()).status is Status.PASS


TERNARY = st.sampled_from([True, False, None])
COPIES = st.lists(st.one_of(st.none(), st.tuples(TERNARY, st.booleans())), max_size=4)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(TERNARY, TERNARY, COPIES), min_size=5, max_size=30))
def test_no_null_ends_as_pass_or_fail_where_it_decides(worlds: list[tuple[Any, Any, list[Any]]]) -> None:
    """A verdict holds in every world that fits what is known: here, in the best and in the worst."""
    rows = [
        built(
            ResourceFacts,
            {
                "subject": f"arn:{at:03}",
                "assessable": asked,
                "encrypted": encrypted,
                "copies": [each and {"effective": each[0], "cross_region": each[1]} for each in copies],
            },
            ("row",),
        )
        for at, (asked, encrypted, copies) in enumerate(worlds)
    ]
    asked_of = Control(
        id="x",
        title="x",
        severity=Severity.LOW,
        subject="resource",
        population="assessable",
        require="encrypted OR any_of([c.effective AND c.cross_region for c in copies])",
        reason="x",
    )
    for finding, (asked, encrypted, copies) in zip(judge(rows, asked_of), worlds, strict=True):
        possible = {
            verdict(
                asked=best if asked is None else asked,
                encrypted=best if encrypted is None else encrypted,
                copies=[
                    (best, best) if each is None else (best if each[0] is None else each[0], each[1])
                    for each in copies
                ],
            )
            for best in (True, False)
        }
        if finding.status is not Status.UNKNOWN:
            assert possible == {finding.status}


def verdict(*, asked: bool, encrypted: bool, copies: list[tuple[bool, bool]]) -> Status:
    if not asked:
        return Status.NOT_APPLICABLE
    held = encrypted or any(effective and crosses for effective, crosses in copies)
    return Status.PASS if held else Status.FAIL


@pytest.mark.parametrize(
    "condition",
    [
        "0.0 / 0.0 >= 0.9",
        "1 / 0 > 0",
        "1.0 / 0 > 0",
        "-1 / 0 < 0",
        "5 % 0 = 0",
        "5.0 % 0 >= 0",
        "5 // 0 >= 0",
        "1e308 * 10 > 0",
        "1e308 + 1e308 > 0",
        "round(1e308 * 10) > 0",
        "abs(-1e308 - 1e308) > 0",
        "CAST('nan' AS DOUBLE) > 1",
        "CAST('inf' AS DOUBLE) > 1",
        "max_of([0.0 / 0.0 for r in rules]) >= 0",
        "any_of([1 / 0 > 0 for r in rules])",
        "NOT (0.0 / 0.0 < 0.9)",
        "0.0 / 0.0 BETWEEN 0 AND 2",
        "0.0 / 0.0 = 0.0 / 0.0",
        "0.0 / 0.0 IN (0.0 / 0.0, 1)",
    ],
)
def test_what_is_no_number_decides_nothing(condition: str, resource: Any, control: Any) -> None:
    row = resource(rules=[{"name": "x"}])
    assert one(row, control(condition)).status is Status.UNKNOWN


@pytest.mark.parametrize(
    "condition", ["7 / 2 = 3.5", "7 // 2 = 3", "7 % 2 = 1", "-(3) + 1 = -2", "2 * 3 - 1 = 5"]
)
def test_finite_arithmetic_is_as_usual(condition: str, resource: Any, control: Any) -> None:
    assert one(resource(), control(condition)).status is Status.PASS
