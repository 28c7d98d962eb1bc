"""Is an action denied to everybody but some? Each row names the rule it shows."""

from typing import Any

import pytest

from scanner.protection.policy import Context, Denial, denied_to_all, parse

ACCOUNT = "111111111111"
VAULT = f"arn:aws:backup:eu-west-1:{ACCOUNT}:backup-vault:main"
DELETE = "backup:DeleteRecoveryPoint"
KNOWN = Context(organization_id="o-ours")


def role(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def session(name: str) -> str:
    return f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}"


ROOT = f"arn:aws:iam::{ACCOUNT}:root"
A, B, USER = role("a"), role("b"), f"arn:aws:iam::{ACCOUNT}:user/*"
FEDERATED = f"arn:aws:sts::{ACCOUNT}:federated-user/*"


def deny(**changes: Any) -> dict[str, Any]:
    merged = {"Effect": "Deny", "Principal": "*", "Action": DELETE, "Resource": "*", **changes}
    for name in ("Principal", "Action", "Resource"):
        if f"Not{name}" in changes:
            del merged[name]
    return merged


def when(operator: str, key: str, *values: str, **changes: Any) -> dict[str, Any]:
    return deny(Condition={operator: {key: list(values)}}, **changes)


def but(*arns: str, operator: str = "ArnNotEquals") -> dict[str, Any]:
    return when(operator, "aws:PrincipalArn", *arns)


def only(*arns: str) -> dict[str, Any]:
    return deny(Principal={"AWS": list(arns)})


def ask(*statements: dict[str, Any], action: str = DELETE, context: Context = KNOWN) -> Denial:
    document = parse({"Version": "2012-10-17", "Statement": list(statements)})
    return denied_to_all(document, action=action, resource=VAULT, vault_account=ACCOUNT, context=context)


MFA = when("BoolIfExists", "aws:MultiFactorAuthPresent", "false")
OPEN = when("StringEquals", "aws:ResourceTag/x", "y")
Row = tuple[str, list[dict[str, Any]], bool | None, tuple[str | None, ...]]
ROWS: list[Row] = [
    ("no statement", [], False, ()),
    ("an Allow denies nothing", [deny(Effect="Allow")], False, ()),
    ("everybody", [deny()], True, ()),
    ("everybody, as AWS", [deny(Principal={"AWS": "*"})], True, ()),
    ("the whole account of the vault", [only(ROOT)], True, ()),
    ("another account", [only("222222222222")], False, ()),
    ("the vault's account among others", [only("222222222222", ACCOUNT)], True, ()),
    ("one role", [only(A)], False, ()),
    ("a unique id", [only("AROAEXAMPLE")], False, ()),
    ("a service", [deny(Principal={"Service": "backup.amazonaws.com"})], False, ()),
    ("another action", [deny(Action="backup:StartRestoreJob")], False, ()),
    ("a wildcard action", [deny(Action="backup:Delete*")], True, ()),
    ("NotAction of others", [deny(NotAction="backup:Describe*")], True, ()),
    ("all but a role", [but(A)], True, (A,)),
    ("IfExists spares the same", [but(A, operator="ArnNotEqualsIfExists")], True, (A,)),
    ("a set operator over one value", [but(A, operator="ForAllValues:ArnNotLike")], True, (A,)),
    ("twice the same", [but(A, A)], True, (A,)),
    ("by string", [but(A, B, operator="StringNotEquals")], True, (A, B)),
    ("by pattern", [but(role("x-*"), operator="StringNotLike")], True, (role("x-*"),)),
    ("by ARN pattern", [but(role("x-?"))], True, (role("x-?"),)),
    ("a literal star is nobody", [but(role("x-*"), operator="StringNotEquals")], True, ()),
    ("a literal star alone is nobody, too", [but("*", operator="StringNotEquals")], True, ()),
    ("a literal star in a path may be somebody",
     [but(role("*/x"), operator="StringNotEquals")], True, (None,)),
    ("all but everybody", [but("*", operator="StringNotLike")], False, ()),
    ("ignoring case has no pattern", [but(A, operator="StringNotEqualsIgnoreCase")], None, ()),
    ("what is no ARN is open", [but("role/a", operator="ArnNotLike")], None, ()),
    ("a variable is open", [but("${aws:PrincipalArn}")], None, ()),
    ("only the ARN", [but(A, operator="ArnEquals")], False, ()),
    ("only every ARN", [but("*", operator="ArnLike")], True, ()),
    ("only all roles", [but(role("*"), operator="ArnLike")], False, ()),
    ("only nobody", [but(role("*"), operator="StringEquals")], False, ()),
    ("only somebody with a star in the path", [but(role("*/x"), operator="StringEquals")], False, ()),
    ("by user id", [when("StringNotLike", "aws:userId", "AROAEXAMPLE:*")], True, (None,)),
    ("by user id, exactly", [when("StringNotEquals", "aws:userid", "AIDAEXAMPLE")], True, (None,)),
    ("by any user id", [when("StringNotLike", "aws:userId", "*")], False, ()),
    ("only a user id", [when("StringLike", "aws:userId", "AROAEXAMPLE:*")], False, ()),
    ("only all user ids", [when("StringLike", "aws:userId", "*")], True, ()),
    ("by user id and ARN", [deny(Condition={
        "StringNotLike": {"aws:userId": "AROAEXAMPLE:*"}, "ArnNotLike": {"aws:PrincipalArn": A},
    })], True, (A, None)),
    ("by tag", [when("StringNotEquals", "aws:PrincipalTag/may", "delete")], True, (None,)),
    ("only those with a tag", [when("StringEquals", "aws:PrincipalTag/may", "not")], False, ()),
    ("those with another tag", [when("StringEqualsIfExists", "aws:PrincipalTag/may", "not")], True, (None,)),
    ("those without a tag", [when("Null", "aws:PrincipalTag/may", "true")], True, (None,)),
    ("those with any tag", [when("Null", "aws:PrincipalTag/may", "false")], False, ()),
    ("any value of a tag is open",
     [when("ForAnyValue:StringNotEquals", "aws:PrincipalTag/t", "x")], None, ()),
    ("NotPrincipal", [deny(NotPrincipal={"AWS": [ROOT, A]})], True, (A, ROOT)),
    ("NotPrincipal with the role's session",
     [deny(NotPrincipal={"AWS": [ROOT, A, session("a/s")]})], True, (A, ROOT)),
    ("NotPrincipal with another's session",
     [deny(NotPrincipal={"AWS": [A, session("b/s")]})], True, (A, session("b/s"))),
    ("NotPrincipal of a unique id", [deny(NotPrincipal={"AWS": "AIDAEXAMPLE"})], True, (None,)),
    ("NotPrincipal of everyone", [deny(NotPrincipal="*")], False, ()),
    ("NotPrincipal of a service", [deny(NotPrincipal={"Service": "backup.amazonaws.com"})], True, ()),
    ("multi-factor lets through", [MFA], False, ()),
    ("a Region lets the others through",
     [when("StringEquals", "aws:RequestedRegion", "us-east-1")], False, ()),
    ("the vault's own Region is every request",
     [when("StringEquals", "aws:RequestedRegion", "eu-west-1")], True, ()),
    ("only outsiders", [when("StringNotEquals", "aws:PrincipalOrgID", "o-ours")], False, ()),
    ("members of the organisation", [when("StringEquals", "aws:PrincipalOrgID", "o-ours")], True, ()),
    ("an address lets through", [when("NotIpAddress", "aws:SourceIp", "203.0.113.0/24")], False, ()),
    ("an unknown key is open", [OPEN], None, ()),
    ("a date is open", [when("DateGreaterThan", "aws:CurrentTime", "2020-01-01")], None, ()),
    ("an unknown operator is open", [when("StringIs", "aws:PrincipalArn", A)], None, ()),
    ("open and conditional", [deny(Condition={
        "Bool": {"aws:MultiFactorAuthPresent": "false"}, "StringEquals": {"aws:ResourceTag/x": "y"},
    })], False, ()),
    ("open, and only one role", [deny(Principal={"AWS": A}, Condition=OPEN["Condition"])], False, ()),
    ("open, with an exception", [deny(Condition={
        "StringEquals": {"aws:ResourceTag/x": "y"}, "ArnNotLike": {"aws:PrincipalArn": A},
    })], None, ()),
    ("AWS Backup's own points are not all",
     [deny(Resource="arn:aws:backup:*:*:recovery-point:*")], False, ()),
    ("snapshots are not all", [deny(Resource="arn:aws:ec2:eu-west-1::snapshot/*")], False, ()),
    ("the vault is no recovery point", [deny(Resource=VAULT)], False, ()),
    ("every ARN", [deny(Resource=["arn:aws:*"])], True, ()),
    ("every kind of recovery point that is known", [deny(Resource=[
        "arn:aws:backup:*:*:recovery-point:*", "arn:aws:ec2:*::snapshot/*", "arn:aws:ec2:*::image/*",
        "arn:aws:rds:*:*:*snapshot:awsbackup:*", "arn:aws:fsx:*:*:backup/*",
        "arn:aws:redshift*:*:*:snapshot*",
        f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/*",
    ])], None, ()),
    ("all but one kind", [deny(Resource=[
        "arn:aws:backup:*:*:recovery-point:*", "arn:aws:ec2:*::image/*",
        "arn:aws:rds:*:*:*snapshot:awsbackup:*", "arn:aws:fsx:*:*:backup/*",
        "arn:aws:redshift*:*:*:snapshot*",
        f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/*",
    ])], False, ()),
    ("NotResource leaves something out", [deny(NotResource="arn:aws:ec2:*")], False, ()),
    ("complements may add up", [deny(NotResource="arn:aws:ec2:*"), deny(Resource="arn:aws:ec2:*")], None, ()),
    ("a variable in the resource", [deny(Resource="arn:aws:backup:${aws:RequestedRegion}:*")], None, ()),
    ("two statements: disjoint exceptions", [but(A), but(B)], True, ()),
    ("two statements: a common exception", [but(A, B), but(B)], True, (B,)),
    ("two statements: a role within a pattern", [but(role("*"), operator="ArnNotLike"), but(A)], True, (A,)),
    ("the same, the other way", [but(A), but(role("*"), operator="ArnNotLike")], True, (A,)),
    ("two crossing patterns", [but(role("a*")), but(role("*z"))], True, (None,)),
    ("two patterns apart", [but(role("a*")), but(role("b*"))], True, ()),
    ("an unknown exception and a known one",
     [when("StringNotLike", "aws:userId", "A:*"), but(A)], True, (None,)),
    ("an unknown exception and none", [when("StringNotLike", "aws:userId", "A:*"), deny()], True, ()),
    ("a session within its role",
     [but(A), deny(NotPrincipal={"AWS": session("a/s")})], True, (session("a/s"),)),
    ("a session of another role", [but(A), deny(NotPrincipal={"AWS": session("b/s")})], True, ()),
    ("an exception denied elsewhere", [but(A, B), only(A)], True, (B,)),
    ("an exception denied by pattern", [but(A, B), but(role("*"), operator="ArnLike")], True, ()),
    ("a pattern denied in part stays", [but(role("*")), only(A)], True, (role("*"),)),
    ("an exception whose string may lie in several accounts stays", [
        but("arn:aws:*::222222222222:*", operator="StringNotLike"), only("222222222222"),
    ], True, ("arn:aws:*::222222222222:*",)),
    ("an exception of a denied account goes", [
        but("arn:aws:iam::222222222222:role/a"), only("222222222222"),
    ], True, ()),
    ("aws:PrincipalArn never shows a session, so that none is spared by it", [
        but(A), deny(Principal={"AWS": A}, Condition={"StringNotLike": {"aws:PrincipalArn": session("a/*")}}),
    ], True, ()),
    ("all but a session by its ARN is everybody", [but(session("a/s"))], True, ()),
    ("all but a session by string, too", [but(session("a/s"), operator="StringNotEquals")], True, ()),
    ("only a session by its ARN is nobody", [but(session("a/*"), operator="ArnLike")], False, ()),
    ("all but a role and a session", [but(A, session("a/*"))], True, (A,)),
    ("outside the vault's account, by variable", [
        when("StringNotEquals", "aws:PrincipalAccount", "${aws:ResourceAccount}"),
    ], False, ()),
    ("in the vault's account, by variable", [
        when("StringEquals", "aws:PrincipalAccount", "${aws:ResourceAccount}"),
    ], True, ()),
    ("in the vault's organisation, by variable", [
        when("StringEquals", "aws:ResourceOrgID", "${aws:PrincipalOrgID}"),
    ], True, ()),
    ("an exception denied without multi-factor stays", [but(A), MFA], True, (A,)),
    ("an exception that an open Deny may hit", [but(A), OPEN], None, ()),
    ("an open Deny on somebody else",
     [but(A), deny(Principal={"AWS": B}, Condition=OPEN["Condition"])], True, (A,)),
    ("an open Deny that spares it, too", [but(A), deny(Condition={
        "StringEquals": {"aws:ResourceTag/x": "y"}, "ArnNotLike": {"aws:PrincipalArn": A},
    })], True, (A,)),
    ("an exception that a user id's Deny may hit",
     [but(A), when("StringLike", "aws:userId", "A:*")], None, ()),
    ("an unknown exception that an open Deny may hit",
     [when("StringNotLike", "aws:userId", "A:*"), OPEN], None, ()),
    ("every ARN, of which a part is denied", [but(A, B), but("*", operator="StringLike"), only(A)], True, ()),
    ("an open Deny where nobody is left", [deny(), OPEN], True, ()),
    ("all kinds of principals one by one", [
        only(ROOT.replace("root", "user/u")), but(ROOT, USER, operator="ArnLike"),
        but(role("*"), FEDERATED, operator="StringLike"),
    ], True, ()),
    ("all kinds but one",
     [but(ROOT, USER, operator="ArnLike"), but(role("*"), operator="StringLike")], False, ()),
    ("all kinds, one open", [
        but(ROOT, USER, FEDERATED, operator="ArnLike"),
        deny(Condition={"ArnLike": {"aws:PrincipalArn": role("*")},
              "StringEquals": {"aws:ResourceTag/x": "y"}}),
    ], None, ()),
    ("with and without multi-factor", [MFA, when("Bool", "aws:MultiFactorAuthPresent", "true")], None, ()),
    ("exceptions under complementary conditions", [
        but(A), MFA, when("Bool", "aws:MultiFactorAuthPresent", "true"),
    ], None, ()),
    ("two conditions that have nothing to do with each other", [
        MFA, when("NotIpAddress", "aws:SourceIp", "203.0.113.0/24"),
    ], False, ()),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "statements", "denied", "exceptions"), ROWS, ids=[row[0] for row in ROWS])
def test_deletion(
    rule: str,
    statements: list[dict[str, Any]],
    denied: bool | None,  # noqa: FBT001 - a row of the table
    exceptions: tuple[str | None, ...],
) -> None:
    found = ask(*statements)
    assert (found.denied, found.exceptions) == (denied, exceptions), rule
    assert found.because


@pytest.mark.parametrize(
    "action", ["backup:PutBackupVaultAccessPolicy", "backup:DeleteBackupVaultAccessPolicy"]
)
def test_the_policy_itself_is_an_action_on_the_vault(action: str) -> None:
    def found(resource: str) -> bool | None:
        return ask(deny(Action=action, Resource=resource), action=action).denied

    assert found("*") is True
    assert found(VAULT) is True
    assert found("arn:aws:backup:*:*:backup-vault:*") is True
    assert found(VAULT + "-other") is False
    assert found("arn:aws:backup:*:*:recovery-point:*") is False


def test_without_the_organisation_a_clause_on_it_is_unknown() -> None:
    assert ask(when("StringNotEquals", "aws:PrincipalOrgID", "o-ours"), context=Context()).denied is None


def test_the_reason_names_statements() -> None:
    assert ask(deny(Sid="NoDeletion")).because == "denied by statement 1 (NoDeletion)"
    assert "statement 1, statement 2, statement 3 …" in ask(*[deny()] * 4).because
    assert "multifactor" in ask(MFA).because
    assert "names only some" in ask(only(A)).because


def test_another_partition() -> None:
    vault = VAULT.replace("arn:aws:", "arn:aws-us-gov:")
    document = parse({"Statement": deny(Resource="arn:aws-us-gov:*", Condition={"ArnLike": {
        "aws:PrincipalArn": f"arn:aws-us-gov:*::{ACCOUNT}:*"}})})  # fmt: skip
    assert denied_to_all(document, action=DELETE, resource=vault, vault_account=ACCOUNT).denied is True
