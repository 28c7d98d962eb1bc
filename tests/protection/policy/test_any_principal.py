"""Whether anybody of an account is let in: a plain evaluator says who is, one request after the other."""

import json
from typing import Any

import pytest
from hypothesis import given, settings

from scanner.model.known import Ternary
from scanner.protection.policy import Context, parse
from scanner.protection.policy.admits import any_principal_allowed
from tests.protection.policy.test_policy_oracle import (
    BOTH,
    DELETE,
    DELETE_ACTIONS,
    MEMBER,
    OURS,
    POINT_PATTERNS,
    POINTS,
    VAULT,
    alike,
    allowed,
    document,
    policies,
    requests,
)


def ask(statements: list[dict[str, Any]], context: Context = OURS, action: str = DELETE) -> Ternary:
    policy = document(statements)
    return any_principal_allowed(policy, account=MEMBER, action=action, resource=VAULT, context=context).value


def truth(statements: list[dict[str, Any]]) -> bool:
    return any(allowed(statements, request) for request in requests(MEMBER, DELETE, (VAULT, *POINTS)))


@given(policies(BOTH, DELETE_ACTIONS, POINT_PATTERNS))
@settings(max_examples=100, deadline=None)
def test_any_principal_is_allowed_when_one_request_is(statements: list[dict[str, Any]]) -> None:
    answer = ask(statements)
    assert answer is None or answer is truth(statements)


@given(policies(BOTH, DELETE_ACTIONS, POINT_PATTERNS))
@settings(max_examples=60, deadline=None)
def test_knowing_less_never_turns_it_round(statements: list[dict[str, Any]]) -> None:
    full = ask(statements)
    assert ask(statements, Context(organization_id="o-ours")) in (None, full)
    assert ask(statements, Context()) in (None, full)


@given(alike())
@settings(max_examples=60, deadline=None)
def test_what_concerns_the_whole_account_on_every_resource_is_decided(
    statements: list[dict[str, Any]],
) -> None:
    everywhere = [{**one, "Resource": "*"} for one in statements if "Resource" in one]
    assert ask(everywhere) is truth(everywhere)


ROLE = {"AWS": f"arn:aws:iam::{MEMBER}:role/a"}
ALLOW: dict[str, Any] = {"Effect": "Allow", "Principal": "*", "Action": DELETE, "Resource": "*"}


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([], False),
        ([ALLOW], True),
        ([{**ALLOW, "Principal": ROLE}], True),
        (
            [{**ALLOW, "Resource": "arn:aws:ec2:*::snapshot/*"}],
            True,
        ),  # a recovery point's ARN is a snapshot's
        ([{**ALLOW, "Resource": VAULT}], True),
        ([ALLOW, {**ALLOW, "Effect": "Deny"}], False),
        ([ALLOW, {**ALLOW, "Effect": "Deny", "Principal": ROLE}], True),
        ([ALLOW, {**ALLOW, "Effect": "Deny", "Resource": VAULT}], True),
        ([{**ALLOW, "Principal": ROLE}, {**ALLOW, "Effect": "Deny", "Principal": ROLE}], None),
        ([{**ALLOW, "Condition": {"StringEquals": {"no:such": "x"}}}], None),
    ],
)
def test_one_statement_after_the_other(statements: list[dict[str, Any]], expected: Ternary) -> None:
    assert ask(statements) is expected


def test_a_policy_that_cannot_be_read_tells_nothing() -> None:
    answer = any_principal_allowed(
        parse("no JSON"), account=MEMBER, action=DELETE, resource=VAULT, context=OURS
    )
    assert answer.value is None
    nothing = parse(json.dumps({"Version": "2012-10-17", "Statement": []}))
    assert any_principal_allowed(
        nothing, account=MEMBER, action=DELETE, resource=VAULT, context=OURS
    ).value in (
        None,
        False,
    )
