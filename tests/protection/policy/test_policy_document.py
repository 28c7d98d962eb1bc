"""What is read of a document, and what makes it unreadable."""

import json
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.protection.policy import (
    Admission,
    Context,
    admits_account,
    admits_external_principals,
    admits_service,
    denied_to_all,
    external_principals,
    key_allows_account,
    parse,
    who_can,
)
from scanner.protection.policy.document import Clause, Document

VAULT = "arn:aws:backup:eu-west-1:111111111111:backup-vault:main"
GOOD: dict[str, Any] = {
    "Sid": "One",
    "Effect": "Allow",
    "Principal": "*",
    "Action": "backup:CopyIntoBackupVault",
    "Resource": "*",
}


def values_of(document: Document) -> list[bool | None]:
    """Every question, asked of one document."""
    return [
        admits_account(
            document, account="222222222222", action="backup:X", resource=VAULT, context=Context()
        ).value,
        admits_external_principals(document, organization_id="o-x", member_accounts=frozenset()).value,
        key_allows_account(
            document, account="222222222222", key_account="111111111111", context=Context()
        ).value,
        admits_service(
            document, service="backup.amazonaws.com", action="sts:AssumeRole", resource="*", context=Context()
        ).value,
        denied_to_all(
            document, action="backup:DeleteRecoveryPoint", resource=VAULT, vault_account="111111111111"
        ).denied,
    ]


def without(*names: str, **changes: object) -> dict[str, object]:
    return {name: value for name, value in {**GOOD, **changes}.items() if name not in names}


BROKEN: dict[str, object] = {
    "empty text": "",
    "no JSON": "{",
    "not a number": '{"Statement": NaN}',
    "a list": [],
    "a number": 7,
    "bytes": b"{}",
    "no Statement": {"Version": "2012-10-17"},
    "a Version that does not exist": {"Version": "2020-01-01", "Statement": [GOOD]},
    "a Version that is a list": {"Version": ["2012-10-17"], "Statement": [GOOD]},
    "unknown element": {"Statement": [], "Extra": 1},
    "a statement that is text": {"Statement": ["x"]},
    "Statement is null": {"Statement": None},
    "misspelt element": {"Statement": [without(Conditions={})]},
    "no Effect": {"Statement": [without("Effect")]},
    "effect in lower case": {"Statement": [without(Effect="deny")]},
    "effect is a list": {"Statement": [without(Effect=["Deny"])]},
    "no Principal": {"Statement": [without("Principal")]},
    "both principals": {"Statement": [without(NotPrincipal="*")]},
    "principal is null": {"Statement": [without(Principal=None)]},
    "principal is text": {"Statement": [without(Principal="111111111111")]},
    "principal is empty": {"Statement": [without(Principal={})]},
    "principal list is empty": {"Statement": [without(Principal={"AWS": []})]},
    "principal holds a number": {"Statement": [without(Principal={"AWS": [111111111111]})]},
    "no Action": {"Statement": [without("Action")]},
    "both actions": {"Statement": [without(NotAction="*")]},
    "action list is empty": {"Statement": [without(Action=[])]},
    "action is nested": {"Statement": [without(Action=[["*"]])]},
    "both resources": {"Statement": [without(NotResource="*")]},
    "resource is a number": {"Statement": [without(Resource=1)]},
    "resource without end": {"Statement": [without(Resource="x" * 2049)]},
    "Sid is a number": {"Statement": [without(Sid=1)]},
    "condition is text": {"Statement": [without(Condition="x")]},
    "condition is null": {"Statement": [without(Condition=None)]},
    "condition operator is text": {"Statement": [without(Condition={"StringEquals": "x"})]},
    "condition value is null": {"Statement": [without(Condition={"StringEquals": {"a": None}})]},
    "condition value is an object": {"Statement": [without(Condition={"StringEquals": {"a": {}}})]},
    "a name twice": '{"Statement": [{"Effect": "Deny", "Effect": "Allow"}]}',
    "deep nesting": "[" * 100_000 + "]" * 100_000,
    "a number without end": '{"Statement": ' + "1" * 5000 + "}",
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_read_is_unknown_to_every_question(name: str) -> None:
    document = parse(BROKEN[name])
    assert not document.readable
    assert document.problem
    assert document.statements == ()
    assert values_of(document) == [None] * 5


@pytest.mark.parametrize("name", [name for name, value in BROKEN.items() if isinstance(value, dict)])
def test_the_same_holds_for_the_text_of_it(name: str) -> None:
    assert not parse(json.dumps(BROKEN[name])).readable


def test_one_bad_statement_spoils_the_document() -> None:
    assert "statement 2" in parse({"Statement": [GOOD, without("Effect")]}).problem


def test_no_policy_is_no_statement_and_is_known() -> None:
    document = parse(None)
    assert document.readable
    assert not document.exists
    assert values_of(document) == [False] * 5


def test_a_single_statement_needs_no_list_and_json_and_mapping_are_the_same() -> None:
    policy = {"Version": "2012-10-17", "Id": "x", "Statement": GOOD}
    assert (
        parse(policy) == parse(json.dumps({**policy, "Statement": [GOOD]})) == parse(MappingProxyType(policy))
    )


def test_principals_are_sorted_by_what_they_mean() -> None:
    session = "arn:aws:sts::444444444444:assumed-role/r/s"
    opaque = ["AROAEXAMPLE", "arn:aws:iam::555555555555:role/*"]
    known = ["111111111111", "arn:aws:iam::222222222222:root", "arn:aws:iam::333333333333:role/r"]
    principal = {
        "AWS": [*known, session, *opaque],
        "Service": "backup.amazonaws.com",
        "Federated": "cognito-identity.amazonaws.com",
    }
    found = parse({"Statement": without(Principal=principal)}).statements[0].principals
    assert not found.everyone
    assert found.accounts == {"111111111111", "222222222222"}
    assert found.arns == ("arn:aws:iam::333333333333:role/r", session)
    assert found.services == {"backup.amazonaws.com"}
    assert found.opaque == (*opaque, "cognito-identity.amazonaws.com")


def test_bare_booleans_and_numbers_are_condition_values_and_keys_lose_their_case() -> None:
    condition = {"Bool": {"AWS:SecureTransport": False}, "NumericLessThan": {"x": [3, 2.5]}}
    document = parse({"Version": "2012-10-17", "Statement": without(Condition=condition)})
    assert document.statements[0].clauses == (
        Clause("Bool", "aws:securetransport", ("false",)),
        Clause("NumericLessThan", "x", ("3", "2.5")),
    )


def test_stars_side_by_side_are_one_in_actions_and_resources() -> None:
    found = parse({"Statement": without(Action="a***", Resource=["**b**"])}).statements[0]
    assert (found.actions.patterns, found.resources.patterns) == (("a*",), ("*b*",))


def test_a_trust_policy_has_no_resource() -> None:
    assert parse({"Statement": without("Resource")}).statements[0].resources.patterns == ("*",)


def test_a_strangers_text_loses_its_control_characters() -> None:
    document = parse({"Statement": without(Sid="a\x1b[31m\n")})
    assert document.statements[0].label == "statement 1 (a\\x1b[31m\\n)"


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*GOOD, "NotAction", "NotPrincipal", "Condition"]), JSON))
@settings(max_examples=200, deadline=None)
def test_nothing_raises_whatever_the_shape(changes: dict[str, object]) -> None:
    document = parse({"Statement": [{**GOOD, **changes}]})
    values = values_of(document)
    assert document.readable or values == [None] * 5


@given(st.text())
@settings(max_examples=100, deadline=None)
def test_nothing_raises_whatever_the_text(text: str) -> None:
    parse(text)


@pytest.mark.slow
def test_a_hundred_thousand_statements() -> None:
    deny = without("Principal", Effect="Deny", Action="backup:DeleteRecoveryPoint")
    spares = {"ArnNotEquals": {"aws:PrincipalArn": [f"arn:aws:iam::111111111111:role/{n}" for n in range(3)]}}
    roles = [{**deny, "Principal": {"AWS": f"arn:aws:iam::111111111111:role/{n}"}} for n in range(1, 49_999)]
    allows = [without(Principal={"AWS": f"{n:012}"}) for n in range(50_000)]
    document = parse({"Statement": [{**deny, "Principal": "*", "Condition": spares}, *roles, *allows]})
    denial = denied_to_all(
        document, action="backup:DeleteRecoveryPoint", resource=VAULT, vault_account="111111111111"
    )
    assert denial.exceptions == ("arn:aws:iam::111111111111:role/0",)
    members = frozenset(f"{n:012}" for n in range(50_000))
    outside = admits_external_principals(document, organization_id="o-x", member_accounts=members)
    assert outside.value is False


def test_what_is_too_much_to_compare_is_unknown() -> None:
    deny = without(Effect="Deny", Action="backup:DeleteRecoveryPoint")
    many = [[f"arn:aws:iam::111111111111:role/{side}{n}*" for n in range(1500)] for side in "ab"]
    document = parse(
        {"Statement": [{**deny, "Condition": {"ArnNotLike": {"aws:PrincipalArn": one}}} for one in many]}
    )
    denial = denied_to_all(
        document, action="backup:DeleteRecoveryPoint", resource=VAULT, vault_account="111111111111"
    )
    assert denial.denied is None
    more = [*many, many[0]]
    again = parse(
        {"Statement": [{**deny, "Condition": {"ArnNotLike": {"aws:PrincipalArn": one}}} for one in more]}
    )
    assert (
        denied_to_all(
            again, action="backup:DeleteRecoveryPoint", resource=VAULT, vault_account="111111111111"
        ).denied
        is None
    )
    allows = [without(Sid=f"A{number}") for number in range(400)]
    denies = [without(Effect="Deny", Resource=f"{number}*") for number in range(400)]
    crowded = parse({"Statement": [*denies, *[{**one, "Resource": "0*1"} for one in allows]]})
    answer = admits_external_principals(crowded, organization_id="o-x", member_accounts=frozenset())
    assert answer.value is False
    late = parse({"Statement": [*reversed(denies), *[{**one, "Resource": "0*1"} for one in allows]]})
    answer = admits_external_principals(late, organization_id="o-x", member_accounts=frozenset())
    assert answer.value is None
    assert "too many" in answer.because


def who(document: Document) -> Admission:
    return who_can(document, action=GOOD["Action"], resource=VAULT, context=Context())


ROLES = [f"arn:aws:iam::222222222222:role/{number}" for number in range(10_000)]
HOSTILE: dict[str, list[dict[str, object]]] = {
    "accounts, a statement each": [without(Principal={"AWS": f"{n:012}"}) for n in range(10_000)],
    "accounts in one statement": [without(Principal={"AWS": [f"{n:012}" for n in range(10_000)]})],
    "roles in one statement": [without(Principal={"AWS": ROLES})],
    "a Deny each, taken apart by organisation": [
        *(
            without(Effect="Deny", Condition={"StringEquals": {"aws:PrincipalOrgID": f"o-{n}"}})
            for n in range(8_000)
        ),
        *[without()] * 8_000,
    ],
    "stars": [without(Action="backup:" + "*a" * 900, Resource="*?" * 1000)] * 200,
    "variables": [
        without(Condition={"StringLike": {"aws:PrincipalAccount": ["${aws:ResourceAccount}" * 80] * 300}})
    ]
    * 20,
    "variables without an end": [
        without(Condition={"StringLike": {"aws:PrincipalAccount": ["${" * 900] * 300}})
    ]
    * 20,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_too_large_comes_to_an_end(name: str) -> None:
    document = parse(json.dumps({"Version": "2012-10-17", "Statement": HOSTILE[name]}, indent=1))
    assert document.readable
    found = external_principals(document, organization_id="o-x", member_accounts=frozenset())
    assert len(found.who) <= 202
    assert found.because
    asked = who(document)
    assert asked.complete or "too many" in asked.because
    assert len(values_of(document)) == 5


def test_a_long_list_of_outsiders_ends_with_one_who_is_not_told() -> None:
    found = external_principals(
        parse({"Statement": HOSTILE["accounts in one statement"]}),
        organization_id="o-x",
        member_accounts=frozenset(),
    )
    assert found.admitted is True
    assert found.who[-1] is None


def test_variables_are_text_where_the_version_knows_none() -> None:
    """Ruling 11: as in IAM, where variables came with Version 2012-10-17."""
    condition = {"StringEquals": {"aws:PrincipalAccount": "${aws:ResourceAccount}"}}
    statement = without(Condition=condition, Resource="arn:aws:backup:*:*:backup-vault:${x}")
    for version, expected in (("2012-10-17", None), ("2008-10-17", False), (None, False)):
        named = {"Version": version} if version else {}
        answer = admits_account(
            parse({**named, "Statement": statement}),
            account="111111111111",
            action=GOOD["Action"],
            resource=VAULT,
            context=Context(),
        )
        assert answer.value is expected
