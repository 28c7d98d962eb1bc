"""Which principals can copy into a vault? Each row names the rule it shows; an oracle asks everybody."""

from typing import Any

import pytest
from hypothesis import given, settings

from scanner.protection.policy import Admission, parse, who_can
from tests.protection.policy.test_policy_oracle import (
    BOTH,
    COPY,
    COPY_ACTIONS,
    MEMBER,
    OURS,
    OWN,
    PARTNER,
    STRANGERS,
    VAULT,
    VAULTS,
    allowed,
    policies,
    requests,
    same,
)

MEMBERS = frozenset((OWN, MEMBER))
ARN, ID, PATHS = "aws:PrincipalArn", "aws:PrincipalOrgID", "aws:PrincipalOrgPaths"


def root(account: str) -> str:
    return f"arn:aws:iam::{account}:root"


def role(account: str, name: str = "r") -> str:
    return f"arn:aws:iam::{account}:role/{name}"


def allow(**changes: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": "*", "Action": COPY, "Resource": "*", **changes}


def deny(**changes: Any) -> dict[str, Any]:
    return allow(Effect="Deny", **changes)


def to(*principals: str) -> dict[str, Any]:
    return {"Principal": {"AWS": list(principals)}}


def when(operator: str, key: str, *values: str) -> dict[str, Any]:
    return {"Condition": {operator: {key: list(values)}}}


def ask(*statements: dict[str, Any]) -> Admission:
    document = parse({"Version": "2012-10-17", "Statement": list(statements)})
    return who_can(document, action=COPY, resource=VAULT, context=OURS, member_accounts=MEMBERS)


Row = tuple[str, list[dict[str, Any]], tuple[str, ...], tuple[str, ...], tuple[str, ...]]
ROWS: list[Row] = [
    ("nobody", [], (), (), ()),
    ("another action", [allow(Action="backup:StartRestoreJob")], (), (), ()),
    ("another vault", [allow(Resource=VAULT + "2")], (), (), ()),
    ("everybody", [allow()], ("*",), (), ()),
    ("everybody goes without saying of each", [allow(), allow(**to(MEMBER))], ("*",), (), ()),
    ("an account", [allow(**to(MEMBER, root(PARTNER)))], (root(MEMBER), root(PARTNER)), (), ()),
    ("a role", [allow(**to(role(PARTNER)))], (role(PARTNER),), (), ()),
    ("a role goes without saying beside its account",
     [allow(**to(PARTNER, role(PARTNER)))], (root(PARTNER),), (), ()),
    ("roles by pattern", [allow(**to(MEMBER), **when("ArnLike", ARN, role(MEMBER, "x-*")))],
     (role(MEMBER, "x-*"),), (), ()),
    ("a service", [allow(Principal={"Service": "backup.amazonaws.com"})], ("backup.amazonaws.com",), (), ()),
    ("the organisation", [allow(**when("StringEquals", ID, "o-ours"))],
     ("o-ours/*", ), (), ()),
    ("a part of it", [allow(**when("ForAnyValue:StringLike", PATHS, "o-ours/r-1/ou-2/*"))],
     ("o-ours/r-1/ou-2/*",), (), ()),
    ("an account by key", [allow(**when("StringEquals", "aws:PrincipalAccount", PARTNER))],
     (root(PARTNER),), (), ()),
    ("accounts by pattern", [allow(**when("StringLike", "aws:PrincipalAccount", "9*"))],
     (root("9*"),), (), ()),
    ("everybody but an account", [allow(), deny(**to(PARTNER))], ("*",), (root(PARTNER),), ()),
    ("an account but a role", [allow(**to(PARTNER)), deny(**to(role(PARTNER)))],
     (), (), (root(PARTNER),)),
    ("members of a foreign organisation alone", [allow(**when("StringLike", ID, "o-f*"))],
     ("o-f*/*",), (), ("*",)),
    ("any organisation", [allow(**when("StringLike", ID, "*"))], ("*/*",), (), ("*",)),
    ("a unique id", [allow(**to("AROAEXAMPLE"))], (), (), ("AROAEXAMPLE",)),
    ("a condition that nobody can decide", [allow(**when("StringEquals", "aws:ResourceTag/x", "y"))],
     (), (), ("*",)),
    ("… for one account", [allow(**to(PARTNER), **when("StringEquals", "aws:ResourceTag/x", "y"))],
     (), (), (root(PARTNER),)),
    ("roles of a name, wherever they are", [allow(**when("ArnLike", ARN, "arn:aws:iam::*:role/x"))],
     (), (), ("*",)),
    ("an ARN that is told apart by digits", [allow(**when("StringLike", ARN, "*55*"))], (), (), ("*",)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "statements", "expected", "excepted", "undecided"), ROWS, ids=[row[0] for row in ROWS]
)
def test_ruling_11_who_can(
    rule: str,
    statements: list[dict[str, Any]],
    expected: tuple[str, ...],
    excepted: tuple[str, ...],
    undecided: tuple[str, ...],
) -> None:
    found = ask(*statements)
    assert found.complete
    assert found.allowed == expected, rule
    assert found.excepted == excepted, rule
    assert tuple(one.principals for one in found.undecided) == undecided, rule
    assert all(one.because for one in found.undecided)


def test_what_stopped_the_answer_is_named_by_sid_or_index() -> None:
    tag = when("StringEquals", "aws:ResourceTag/x", "y")
    (named,) = ask(allow(Sid="Tagged", **tag)).undecided
    assert (
        named.because
        == "statement 1 (Tagged): the condition StringEquals aws:resourcetag/x cannot be evaluated"
    )
    (numbered,) = ask(allow(**to(PARTNER)), deny(**to(PARTNER), **tag)).undecided
    assert numbered.because.startswith("statement 2: ")


def test_what_cannot_be_read_is_not_complete() -> None:
    found = who_can(parse("{"), action=COPY, resource=VAULT, context=OURS)
    assert (found.complete, found.allowed, found.undecided) == (False, (), ())
    assert "cannot be read" in found.because


def test_no_policy_lets_nobody() -> None:
    found = who_can(parse(None), action=COPY, resource=VAULT, context=OURS)
    assert (found.complete, found.allowed) == (True, ())


def test_too_many_to_ask_about_are_not_asked() -> None:
    many = [allow(**to(*(f"{number:012}" for number in range(100)))) for _ in range(2000)]
    found = ask(*many)
    assert not found.complete
    assert "too many" in found.because


def covers_principal(pattern: str, arn: str, account: str, organization: str | None) -> bool:
    if pattern == "*" or same(pattern, arn):
        return True
    if pattern.endswith("/*") and not pattern.startswith("arn:"):
        return organization is not None and same(pattern.removesuffix("/*"), organization)
    return pattern.endswith(":root") and same(pattern.split(":")[4], account)


@given(policies(BOTH, COPY_ACTIONS, VAULTS))
@settings(max_examples=100, deadline=None)
def test_everybody_of_a_small_world_is_where_they_belong(statements: list[dict[str, Any]]) -> None:
    found = ask(*statements)
    unsure = [one.principals for one in found.undecided]
    for account in (OWN, MEMBER, PARTNER, *STRANGERS):
        for request in requests(account, COPY, (VAULT,)):
            organization = next(iter(request["keys"]["aws:PrincipalOrgID"]), None)
            who = (request["arn"], account, organization)
            if any(covers_principal(pattern, *who) for pattern in unsure):
                continue
            said = any(covers_principal(pattern, *who) for pattern in found.allowed) and not any(
                covers_principal(pattern, *who) for pattern in found.excepted
            )
            assert allowed(statements, request) is said, who
