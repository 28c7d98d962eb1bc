"""Condition operators one by one, on keys whose values are known. Each row names its rule."""

import pytest

from scanner.protection.policy.conditions import (
    ALL,
    Reach,
    Verdict,
    combined,
    evaluate_clause,
    evaluate_clauses,
)
from scanner.protection.policy.context_keys import ABSENT, UNKNOWN, Domain, exactly, within
from scanner.protection.policy.document import Clause

X = exactly("x")
PAIR = exactly("a", "b")
ROLE = "arn:aws:iam::111122223333:role/team/backup"

ROWS: list[tuple[str, str, tuple[str, ...], Domain, Reach]] = [
    ("equal is exact", "StringEquals", ("x",), X, Reach.ALL),
    ("equal minds case", "StringEquals", ("X",), X, Reach.NONE),
    ("values are ORed", "StringEquals", ("y", "x"), X, Reach.ALL),
    ("equal takes no wildcard", "StringEquals", ("*",), X, Reach.NONE),
    ("not equal to any", "StringNotEquals", ("y", "z"), X, Reach.ALL),
    ("not equal fails by one", "StringNotEquals", ("y", "x"), X, Reach.NONE),
    ("case may be ignored", "StringEqualsIgnoreCase", ("X",), X, Reach.ALL),
    ("case may be ignored, negated", "StringNotEqualsIgnoreCase", ("X",), X, Reach.NONE),
    ("like takes wildcards", "StringLike", ("a?c*",), exactly("abcdef"), Reach.ALL),
    ("like minds case", "StringLike", ("A*",), exactly("abc"), Reach.NONE),
    ("not like", "StringNotLike", ("a*",), exactly("abc"), Reach.NONE),
    ("ArnEquals takes wildcards as ArnLike does",
     "ArnEquals", ("arn:aws:iam::*:role/*",), exactly(ROLE), Reach.ALL),
    ("ArnLike", "ArnLike", ("arn:aws:iam::111122223333:role/*/backup",), exactly(ROLE), Reach.ALL),
    ("parts of an ARN are compared apart",
     "ArnLike", ("arn:aws:*:111122223333:*:*",), exactly(ROLE), Reach.NONE),
    ("ArnNotEquals", "ArnNotEquals", (ROLE,), exactly(ROLE), Reach.NONE),
    ("ArnNotLike", "ArnNotLike", ("arn:aws:iam::999999999999:*",), exactly(ROLE), Reach.ALL),
    ("what is no ARN is open", "ArnLike", ("role/*",), exactly(ROLE), Reach.OPEN),
    ("Bool", "Bool", ("true",), exactly("true"), Reach.ALL),
    ("Bool minds no case", "Bool", ("False",), exactly("true"), Reach.NONE),
    ("numbers are numbers", "NumericEquals", ("10.0",), exactly("10"), Reach.ALL),
    ("NumericNotEquals", "NumericNotEquals", ("10",), exactly("10"), Reach.NONE),
    ("NumericLessThan", "NumericLessThan", ("10",), exactly("9"), Reach.ALL),
    ("NumericLessThanEquals", "NumericLessThanEquals", ("9",), exactly("9"), Reach.ALL),
    ("NumericGreaterThan", "NumericGreaterThan", ("10",), exactly("9"), Reach.NONE),
    ("NumericGreaterThanEquals", "NumericGreaterThanEquals", ("10",), exactly("10"), Reach.ALL),
    ("a number that is none is open", "NumericEquals", ("ten",), exactly("10"), Reach.OPEN),
    ("not a number is open", "NumericEquals", ("NaN",), exactly("10"), Reach.OPEN),
    ("a monstrous number is open",
     "NumericLessThan", ("-1e999999999999999999",), exactly("1e999999"), Reach.OPEN),
    ("dates", "DateLessThan", ("2026-01-01T00:00:00Z",), exactly("2025-12-31T23:59:59Z"), Reach.ALL),
    ("dates with zones",
     "DateEquals", ("2026-01-01T01:00:00+01:00",), exactly("2026-01-01T00:00:00Z"), Reach.ALL),
    ("dates as seconds", "DateGreaterThan", ("0",), exactly("1970-01-01T00:00:01Z"), Reach.ALL),
    ("seconds have fractions", "DateGreaterThan", ("0.5",), exactly("1"), Reach.ALL),
    ("seconds with fractions are compared", "DateGreaterThan", ("1.5",), exactly("1"), Reach.NONE),
    ("DateNotEquals", "DateNotEquals", ("0",), exactly("1970-01-01"), Reach.NONE),
    ("a date that is none is open", "DateEquals", ("tomorrow",), exactly("0"), Reach.OPEN),
    ("IpAddress", "IpAddress", ("203.0.113.0/24",), exactly("203.0.113.7"), Reach.ALL),
    ("NotIpAddress", "NotIpAddress", ("203.0.113.0/24",), exactly("203.0.113.7"), Reach.NONE),
    ("a network by an address",
     "IpAddress", ("203.0.113.9/24",), exactly("203.0.113.7"), Reach.ALL),
    ("IPv6", "IpAddress", ("2001:db8::/32",), exactly("2001:db8::1"), Reach.ALL),
    ("an address that is none is open", "IpAddress", ("here",), exactly("203.0.113.7"), Reach.OPEN),
    ("BinaryEquals", "BinaryEquals", ("QmFzZTY0",), exactly("QmFzZTY0"), Reach.ALL),
    ("a missing key equals nothing", "StringEquals", ("x",), ABSENT, Reach.NONE),
    ("a missing key differs from everything", "StringNotEquals", ("x",), ABSENT, Reach.ALL),
    ("a missing ARN is unlike all", "ArnNotLike", (ROLE,), ABSENT, Reach.ALL),
    ("IfExists holds for a missing key", "StringEqualsIfExists", ("x",), ABSENT, Reach.ALL),
    ("IfExists compares a present one", "StringEqualsIfExists", ("y",), X, Reach.NONE),
    ("negated IfExists", "StringNotEqualsIfExists", ("x",), ABSENT, Reach.ALL),
    ("Null true asks for absence", "Null", ("true",), ABSENT, Reach.ALL),
    ("Null true on a present key", "Null", ("true",), X, Reach.NONE),
    ("Null false asks for presence", "Null", ("false",), X, Reach.ALL),
    ("Null on an unknown key", "Null", ("false",), UNKNOWN, Reach.OPEN),
    ("Null takes a boolean", "Null", ("perhaps",), X, Reach.OPEN),
    ("ForAnyValue: one member does", "ForAnyValue:StringEquals", ("b", "c"), PAIR, Reach.ALL),
    ("ForAnyValue: none does", "ForAnyValue:StringEquals", ("c",), PAIR, Reach.NONE),
    ("ForAnyValue, negated: one member differs", "ForAnyValue:StringNotEquals", ("a",), PAIR, Reach.ALL),
    ("ForAnyValue of a missing key is false", "ForAnyValue:StringLike", ("*",), ABSENT, Reach.NONE),
    ("ForAnyValue of a missing key, negated", "ForAnyValue:StringNotLike", ("x",), ABSENT, Reach.NONE),
    ("ForAnyValue against IfExists is open", "ForAnyValue:StringLikeIfExists", ("x",), ABSENT, Reach.OPEN),
    ("ForAllValues: each member must", "ForAllValues:StringEquals", ("a", "b", "c"), PAIR, Reach.ALL),
    ("ForAllValues: one does not", "ForAllValues:StringEquals", ("a",), PAIR, Reach.NONE),
    ("ForAllValues of a missing key is true", "ForAllValues:StringEquals", ("x",), ABSENT, Reach.ALL),
    ("ForAllValues, negated", "ForAllValues:StringNotEquals", ("c",), PAIR, Reach.ALL),
    ("several values without a set operator", "StringEquals", ("a",), PAIR, Reach.OPEN),
    ("operators mind no case", "foranyvalue:stringLIKE", ("a*",), PAIR, Reach.ALL),
    ("no such operator", "StringResembles", ("x",), X, Reach.OPEN),
    ("Null takes no set operator", "ForAnyValue:Null", ("true",), X, Reach.OPEN),
    ("no value at all", "StringEquals", (), X, Reach.OPEN),
    ("a policy variable", "StringEquals", ("${aws:username}",), X, Reach.OPEN),
    ("a variable beside a match", "StringEquals", ("${aws:username}", "x"), X, Reach.ALL),
    ("a variable beside a match, negated", "StringNotEquals", ("${aws:username}", "x"), X, Reach.NONE),
    ("a text without end", "StringEquals", ("x" * 3000,), X, Reach.OPEN),
    ("an unknown key", "StringEquals", ("x",), UNKNOWN, Reach.OPEN),
    ("an unknown key, negated", "StringNotEquals", ("x",), UNKNOWN, Reach.OPEN),
    ("a key that varies reaches some", "StringEquals", ("x",), within("*", varies="g"), Reach.SOME),
    ("the whole of a cell", "StringLike", ("a*",), within("ab*"), Reach.ALL),
    ("beside the cell", "StringLike", ("b*",), within("ab*"), Reach.NONE),
    ("a part of the cell", "StringLike", ("abc*",), within("ab*"), Reach.OPEN),
    ("one cell of two", "StringEquals", ("a",), within("a", "b"), Reach.OPEN),
    ("present or not, it differs", "StringNotLike", ("b*",), within("ab*", present=None), Reach.ALL),
    ("present or not, it may be like", "StringLike", ("a*",), within("ab*", present=None), Reach.OPEN),
    ("a literal star beside the cell", "StringNotEquals", ("*",), within("arn:aws:iam::1:role/*"), Reach.ALL),
    ("a literal star within the cell", "StringEquals", ("a*c",), within("a*"), Reach.OPEN),
    ("nobody's name has a star",
     "StringEquals", ("arn:aws:iam::1:role/*",), within("arn:aws:iam::1:role/*"), Reach.NONE),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "operator", "values", "domain", "reach"), ROWS, ids=[row[0] for row in ROWS]
)
def test_operator(rule: str, operator: str, values: tuple[str, ...], domain: Domain, reach: Reach) -> None:
    verdict = evaluate_clause(Clause(operator, "k", values), domain)
    assert verdict.reach is reach, rule
    assert bool(verdict.because) is (reach is not Reach.ALL)


def some(*groups: str) -> Verdict:
    return Verdict(Reach.SOME, "some", frozenset(groups))


@pytest.mark.parametrize(
    ("verdicts", "reach"),
    [
        ((), Reach.ALL),
        ((ALL, ALL), Reach.ALL),
        ((ALL, some("a")), Reach.SOME),
        ((some("a"), some("b")), Reach.SOME),
        ((some("a"), some("a")), Reach.OPEN),
        ((some("a"), Verdict(Reach.OPEN)), Reach.OPEN),
        ((Verdict(Reach.OPEN), Verdict(Reach.NONE)), Reach.NONE),
    ],
)
def test_clauses_of_a_statement_are_anded(verdicts: tuple[Verdict, ...], reach: Reach) -> None:
    assert combined(verdicts).reach is reach


def test_keys_that_nobody_knows_are_open() -> None:
    clauses = (Clause("StringEquals", "k", ("x",)), Clause("StringEquals", "other", ("x",)))
    assert evaluate_clauses(clauses[:1], {"k": X}) is ALL
    assert "other" in evaluate_clauses(clauses, {"k": X}).because


def test_a_clause_with_too_many_values_is_open() -> None:
    values = tuple(str(number) for number in range(200_001))
    assert evaluate_clause(Clause("StringEquals", "k", values), X).reach is Reach.OPEN
