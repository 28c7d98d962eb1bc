"""Does any Allow admit a principal outside the organisation? Each row names the rule it shows."""

from typing import Any

import pytest

from scanner.protection.policy import Answer, Context, admits_external_principals, parse

OWN, MEMBER, PARTNER = "111111111111", "222222222222", "333333333333"
OURS = "o-ours"
COPY = "backup:CopyIntoBackupVault"


def allow(**changes: Any) -> dict[str, Any]:
    merged = {"Effect": "Allow", "Principal": "*", "Action": COPY, "Resource": "*", **changes}
    for name in ("Principal", "Action", "Resource"):
        if f"Not{name}" in changes:
            del merged[name]
    return merged


def when(operator: str, key: str, *values: str, **changes: Any) -> dict[str, Any]:
    return allow(Condition={operator: {key: list(values)}}, **changes)


def to(*principals: str) -> dict[str, Any]:
    return allow(Principal={"AWS": list(principals)})


def denied(operator: str, key: str, *values: str, **changes: Any) -> dict[str, Any]:
    return when(operator, key, *values, Effect="Deny", **changes)


def ask(
    *statements: dict[str, Any],
    organization_id: str | None = OURS,
    members: frozenset[str] | None = frozenset((OWN, MEMBER)),
) -> Answer:
    return admits_external_principals(
        parse({"Statement": list(statements)}),
        organization_id=organization_id,
        member_accounts=members,
        vault_account=OWN,
    )


ID, PATHS, ACCOUNT, ARN = (
    "aws:PrincipalOrgID",
    "aws:PrincipalOrgPaths",
    "aws:PrincipalAccount",
    "aws:PrincipalArn",
)
PERIMETER = denied("StringNotEquals", ID, OURS)
ROWS: list[tuple[str, list[dict[str, Any]], bool | None]] = [
    ("no statement", [], False),
    ("everyone", [allow()], True),
    ("everyone, as AWS", [to("*")], True),
    ("a member", [to(MEMBER)], False),
    ("a member's role", [to(f"arn:aws:iam::{MEMBER}:role/r")], False),
    ("a partner", [to(MEMBER, PARTNER)], True),
    ("a partner's role", [to(f"arn:aws:iam::{PARTNER}:role/r")], True),
    ("a unique id may be anybody's", [to("AROAEXAMPLE")], None),
    ("a canonical user may be anybody", [allow(Principal={"CanonicalUser": "79a5"})], None),
    ("a service is not outside", [allow(Principal={"Service": "backup.amazonaws.com"})], False),
    ("everyone but one", [allow(NotPrincipal={"AWS": PARTNER})], True),
    ("nobody", [allow(NotPrincipal="*")], False),
    ("the organisation", [when("StringEquals", ID, OURS)], False),
    ("the organisation or a partner's", [when("StringEquals", ID, OURS, "o-partner")], True),
    ("any organisation", [when("StringLike", ID, "o-*")], True),
    ("not the organisation", [when("StringNotEquals", ID, OURS)], True),
    ("IfExists admits who is in none", [when("StringEqualsIfExists", ID, OURS)], True),
    ("an OU", [when("ForAnyValue:StringLike", PATHS, f"{OURS}/r-1/*")], False),
    ("a partner's OU", [when("ForAnyValue:StringLike", PATHS, "o-partner/r-1/ou-1/*")], True),
    ("ForAllValues admits who is in none", [when("ForAllValues:StringLike", PATHS, f"{OURS}/*")], True),
    ("a member by key", [when("StringEquals", ACCOUNT, MEMBER)], False),
    ("a partner by key", [when("StringEquals", ACCOUNT, MEMBER, PARTNER)], True),
    ("a pattern of accounts", [when("StringLike", ACCOUNT, "1*")], True),
    ("a pattern with one account", [when("StringLike", ACCOUNT, "11111111111?")], True),
    ("a pattern that is no account's", [when("StringLike", ACCOUNT, "x*", "1???????????1?")], False),
    ("an ARN without an account", [when("ArnLike", ARN, "arn:aws:iam::*:role/x", "*")], True),
    ("everyone but a partner's role, to that role", [
        allow(NotPrincipal={"AWS": f"arn:aws:iam::{PARTNER}:role/r"}, Effect="Deny"),
        to(f"arn:aws:iam::{PARTNER}:role/r"),
    ], True),
    ("everyone but another's role, to a role", [
        allow(NotPrincipal={"AWS": f"arn:aws:iam::{PARTNER}:role/s"}, Effect="Deny"),
        to("arn:aws:iam::444444444444:role/r"),
    ], False),
    ("a member's roles", [when("ArnLike", ARN, f"arn:aws:iam::{MEMBER}:role/*")], False),
    ("a partner's roles", [when("ArnLike", ARN, f"arn:aws:iam::{PARTNER}:role/*")], True),
    ("anybody's roles of a name", [when("ArnLike", ARN, "arn:aws:iam::*:role/backup")], True),
    ("another ARN by string", [when("StringLike", ARN, "*:role/backup")], True),
    ("the caller's account of a key",
     [when("StringEquals", "kms:CallerAccount", MEMBER, Action="kms:*")], False),
    ("account and organisation", [allow(Condition={"StringEquals": {ACCOUNT: PARTNER, ID: OURS}})], False),
    ("a partner in its own organisation or not", [
        allow(Condition={"StringEquals": {ACCOUNT: PARTNER, ID: "o-partner"}}),
    ], None),
    ("a role and its own ARN", [
        when("ArnEquals", ARN, f"arn:aws:iam::{PARTNER}:role/r",
             Principal={"AWS": f"arn:aws:iam::{PARTNER}:role/r"}),
    ], True),
    ("a role and another's ARN", [
        when("ArnEquals", ARN, f"arn:aws:iam::{PARTNER}:role/s",
             Principal={"AWS": f"arn:aws:iam::{PARTNER}:role/r"}),
    ], False),
    ("a partner's role with an unknown tag", [
        when("StringEquals", "aws:PrincipalTag/t", "x", Principal={"AWS": f"arn:aws:iam::{PARTNER}:role/r"}),
    ], None),
    ("somebody with a tag", [when("StringEquals", "aws:PrincipalTag/t", "x")], True),
    ("a member by a string that a stranger's path can hold", [
        when("StringLike", ARN, f"arn:aws:*::{MEMBER}:*"),
    ], True),
    ("multi-factor stops nobody for good", [when("Bool", "aws:MultiFactorAuthPresent", "true")], True),
    ("an unknown key may", [when("StringEquals", "aws:ResourceTag/x", "y")], None),
    ("any action counts", [allow(Action="backup:DescribeBackupVault")], True),
    ("a Deny on outsiders takes it back", [allow(), PERIMETER], False),
    ("whatever the order", [PERIMETER, allow()], False),
    ("a Deny on everybody", [allow(), allow(Effect="Deny")], False),
    ("a Deny on another action does not",
     [allow(), denied("StringNotEquals", ID, OURS, Action="backup:X")], True),
    ("a Deny on one of two actions does not", [allow(Action=[COPY, "backup:X"]), PERIMETER], True),
    ("two Denies on one action each do", [
        allow(Action=[COPY, "backup:X"]), PERIMETER, denied("StringNotEquals", ID, OURS, Action="backup:X"),
    ], False),
    ("a wider Deny does", [
        allow(Resource="arn:aws:backup:*:*:backup-vault:v"),
        denied("StringNotEquals", ID, OURS, Action="backup:*", Resource="arn:aws:backup:*"),
    ], False),
    ("NotAction is wide", [allow(NotAction="backup:X"), PERIMETER], True),
    ("two Not forms may leave out the same", [
        allow(NotAction="backup:X"), denied("StringNotEquals", ID, OURS, NotAction="backup:X"),
    ], None),
    ("NotAction of everything is nothing", [allow(NotAction="*")], False),
    ("a Deny on another resource does not",
     [allow(), denied("StringNotEquals", ID, OURS, Resource="x")], True),
    ("a Deny that spares a partner's organisation",
     [allow(), denied("StringNotEquals", ID, OURS, "o-partner")], True),
    ("a Deny that spares a partner", [allow(), denied("StringNotEquals", ACCOUNT, OWN, PARTNER)], True),
    ("a Deny that spares members", [allow(), denied("StringNotEquals", ACCOUNT, OWN, MEMBER)], False),
    ("a Deny on insiders", [allow(), denied("StringEquals", ID, OURS)], True),
    ("a Deny on a member", [allow(), allow(Effect="Deny", Principal={"AWS": MEMBER})], True),
    ("a Deny on one partner", [allow(), allow(Effect="Deny", Principal={"AWS": PARTNER})], True),
    ("a Deny on the partner", [to(PARTNER), allow(Effect="Deny", Principal={"AWS": PARTNER})], False),
    ("a Deny on a role of the partner", [
        to(PARTNER), allow(Effect="Deny", Principal={"AWS": f"arn:aws:iam::{PARTNER}:role/r"}),
    ], True),
    ("a Deny on the partner's role", [
        to(f"arn:aws:iam::{PARTNER}:role/r"),
        allow(Effect="Deny", Principal={"AWS": f"arn:aws:iam::{PARTNER}:role/r"}),
    ], False),
    ("an open Deny", [allow(), denied("StringEquals", "aws:ResourceTag/x", "y")], None),
    ("a conditional Deny", [allow(), denied("Bool", "aws:MultiFactorAuthPresent", "false")], True),
    ("two that may add up", [
        allow(), denied("Bool", "aws:MultiFactorAuthPresent", "false"),
        denied("Bool", "aws:MultiFactorAuthPresent", "true"),
    ], None),
    ("an open Allow, then a sure one", [when("StringEquals", "backup:X", "y"), to(PARTNER)], True),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "statements", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_outside(rule: str, statements: list[dict[str, Any]], expected: bool | None) -> None:  # noqa: FBT001 - a row of the table
    answer = ask(*statements)
    assert answer.value is expected, rule
    assert answer.because


def test_without_the_list_of_members_a_named_account_is_unknown() -> None:
    assert ask(to(PARTNER), members=None).value is None
    assert ask(to(OWN), members=None).value is False
    assert ask(allow(), members=None).value is True
    assert ask(when("StringEquals", ID, OURS), members=None).value is False


def test_without_the_organisations_id_a_named_organisation_is_unknown() -> None:
    assert ask(when("StringEquals", ID, OURS), organization_id=None).value is None
    assert ask(when("StringNotEquals", ID, OURS), organization_id=None).value is True
    assert ask(allow(), organization_id=None).value is True


def test_nobody_hides_behind_the_names_that_stand_for_anybody() -> None:
    assert ask(denied("StringEquals", ACCOUNT, "999999999999"), allow()).value is True
    assert ask(when("StringEquals", ID, "o-foreign000"), organization_id="o-foreign000").value is False
    assert ask(allow(), members=frozenset((OWN, "999999999999"))).value is True


def test_a_pattern_that_only_members_match_admits_nobody_else() -> None:
    members = frozenset(f"11111111111{digit}" for digit in range(10))
    pattern = when("StringLike", ACCOUNT, "11111111111?")
    assert ask(pattern, members=members).value is False
    assert (
        ask(pattern, members=members - {"111111111117"}).because == "statement 1 admits account 111111111117"
    )


def test_the_reason_names_statement_and_outsider() -> None:
    assert ask(to(PARTNER)).because == f"statement 1 admits account {PARTNER}"
    assert ask(allow(Sid="Open")).because == "statement 1 (Open) admits anybody"


CHINA = Context(partition="aws-cn")
CHINESE, COMMERCIAL = (
    [f"arn:{partition}:{service}::*:*" for service in ("iam", "sts")] for partition in ("aws-cn", "aws")
)


@pytest.mark.parametrize(
    ("rule", "statements", "expected"),
    [
        ("who is outside is of the vault's partition", [when("ArnLike", ARN, *CHINESE)], True),
        ("nobody comes from another partition", [when("ArnLike", ARN, *COMMERCIAL)], False),
        ("denied in this partition", [allow(), denied("ArnLike", ARN, *CHINESE)], False),
        ("denied in another partition only", [allow(), denied("ArnLike", ARN, *COMMERCIAL)], True),
    ],
)
def test_outsiders_of_another_partition(
    rule: str, statements: list[dict[str, Any]], *, expected: bool
) -> None:
    answer = admits_external_principals(
        parse({"Statement": statements}),
        organization_id=OURS,
        member_accounts=frozenset((OWN,)),
        vault_account=OWN,
        context=CHINA,
    )
    assert answer.value is expected, rule


SESSION = f"arn:aws:sts::{PARTNER}:assumed-role/backup/one"


@pytest.mark.parametrize(
    ("rule", "statements", "expected"),
    [
        ("a session that is named", [], True),
        ("its role is denied", [f"arn:aws:iam::{PARTNER}:role/team/backup"], False),
        ("another role is denied", [f"arn:aws:iam::{PARTNER}:role/restore"], True),
        ("another session of its role is denied", [SESSION.replace("one", "two")], True),
    ],
)
def test_a_session_is_denied_with_its_role(rule: str, statements: list[str], *, expected: bool) -> None:
    denies = [allow(Effect="Deny", Principal={"AWS": arn}) for arn in statements]
    assert ask(to(SESSION), *denies).value is expected, rule


@pytest.mark.parametrize(
    ("rule", "statements", "expected"),
    [
        (
            "for the resource of a foreign organisation",
            [when("StringEquals", "aws:SourceOrgID", "o-else")],
            None,
        ),
        (
            "for a resource of its units",
            [when("ForAnyValue:StringLike", "aws:SourceOrgPaths", "o-else/*")],
            None,
        ),
        ("for a resource of our own organisation", [when("StringEquals", "aws:SourceOrgID", OURS)], False),
        ("who calls for himself has no source", [when("StringNotEquals", "aws:SourceOrgID", OURS)], True),
        (
            "denied to whom calls for himself",
            [allow(), denied("StringNotEqualsIfExists", "aws:SourceOrgID", OURS)],
            False,
        ),
    ],
)
def test_the_organisation_of_a_calls_source(
    rule: str,
    statements: list[dict[str, Any]],
    expected: bool | None,  # noqa: FBT001 -- a row
) -> None:
    assert ask(*statements).value is expected, rule
