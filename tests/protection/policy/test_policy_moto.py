"""The evaluator beside moto's, as far as moto's goes.

Moto knows neither Principal (but `*`), NotResource, `?`, case nor operators other than StringEquals, and a
condition that fails denies even where an Allow holds it. What is left must agree.
"""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from moto.iam.access_control import IAMPolicy, PermissionResult

from scanner.protection.policy import Context, admits_account, parse

ACCOUNT = "222222222222"
VAULT = "arn:aws:backup:eu-west-1:111111111111:backup-vault:main"
COPY = "backup:CopyIntoBackupVault"
CONTEXT = Context(organization_id="o-ours", region="eu-west-1")
KEYS = {"aws:PrincipalAccount": ACCOUNT, "aws:PrincipalOrgID": "o-ours", "aws:RequestedRegion": "eu-west-1"}

ACTIONS = [COPY, "backup:*", "backup:Copy*", "*", "backup:Delete*", "backup:*Vault", "b*:C*V*"]
RESOURCES = ["*", VAULT, VAULT + "2", "arn:aws:backup:*", "arn:*:backup-vault:ma*", "*main", "arn:aws:s3:*"]


def some(values: list[str]) -> st.SearchStrategy[Any]:
    return st.sampled_from(values) | st.lists(st.sampled_from(values), min_size=1, max_size=3)


@st.composite
def statements(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "Effect": draw(st.sampled_from(["Allow", "Allow", "Deny"])),
        "Principal": "*",
        draw(st.sampled_from(["Action", "Action", "NotAction"])): draw(some(ACTIONS)),
        "Resource": draw(some(RESOURCES)),
    }


def ours(policy: dict[str, Any]) -> bool | None:
    return admits_account(
        parse(json.dumps(policy)), account=ACCOUNT, action=COPY, resource=VAULT, context=CONTEXT
    ).value


def motos(policy: dict[str, Any]) -> bool:
    asked = IAMPolicy({"policy_document": json.dumps(policy)})
    result = asked.is_action_permitted(COPY, VAULT, incoming_condition_values=KEYS)
    return result is PermissionResult.PERMITTED


@given(st.lists(statements(), min_size=1, max_size=5) | statements())
@settings(max_examples=200, deadline=None)
def test_effect_action_and_resource_are_weighed_alike(found: Any) -> None:
    policy = {"Version": "2012-10-17", "Statement": found}
    assert ours(policy) is motos(policy)


@given(
    statement=statements(),
    keys=st.dictionaries(
        st.sampled_from(list(KEYS)),
        some([ACCOUNT, "o-ours", "eu-west-1", "111111111111", "o-other"]),
        min_size=1,
    ),
)
@settings(max_examples=200, deadline=None)
def test_a_condition_on_one_allow_is_held_alike(statement: dict[str, Any], keys: dict[str, Any]) -> None:
    one = {**statement, "Effect": "Allow", "Condition": {"StringEquals": keys}}
    policy = {"Version": "2012-10-17", "Statement": [one]}
    assert ours(policy) is motos(policy)
