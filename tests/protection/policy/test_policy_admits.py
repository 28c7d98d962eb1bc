"""May an account as a whole, or a service, do something? Each row names the rule it shows."""

from typing import Any

import pytest

from scanner.protection.policy import (
    SOURCE_KEY_ACTIONS,
    Answer,
    Context,
    admits_account,
    admits_service,
    key_allows_account,
    parse,
)

VAULT = "arn:aws:backup:eu-west-1:111111111111:backup-vault:main"
SOURCE = "222222222222"
ROOT = f"arn:aws:iam::{SOURCE}:root"
ROLE = f"arn:aws:iam::{SOURCE}:role/backup"
KNOWN = Context(organization_id="o-ours", organization_path="o-ours/r-1/ou-1/ou-2/")
HALF_KNOWN = Context(organization_id="o-ours")
UNKNOWN = Context()


def statement(**changes: Any) -> dict[str, Any]:
    base = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "backup:CopyIntoBackupVault",
        "Resource": "*",
    }
    merged = {**base, **changes}
    for name in ("Principal", "Action", "Resource"):
        if f"Not{name}" in changes:
            del merged[name]
    return merged


def when(operator: str, key: str, *values: str, **changes: Any) -> dict[str, Any]:
    return statement(Condition={operator: {key: list(values)}}, **changes)


def ask(*statements: dict[str, Any], context: Context = KNOWN) -> Answer:
    return admits_account(
        parse({"Version": "2012-10-17", "Statement": list(statements)}),
        account=SOURCE,
        action="backup:CopyIntoBackupVault",
        resource=VAULT,
        context=context,
    )


ROWS: list[tuple[str, list[dict[str, Any]], bool | None]] = [
    ("default deny", [], False),
    ("everyone", [statement()], True),
    ("everyone, as AWS", [statement(Principal={"AWS": "*"})], True),
    ("root ARN stands for the account", [statement(Principal={"AWS": ROOT})], True),
    ("bare account id", [statement(Principal={"AWS": ["333333333333", SOURCE]})], True),
    ("another account", [statement(Principal={"AWS": "333333333333"})], False),
    ("a role is only some principals", [statement(Principal={"AWS": ROLE})], None),
    ("a session is only some",
     [statement(Principal={"AWS": f"arn:aws:sts::{SOURCE}:assumed-role/r/s"})], None),
    ("a role of another account", [statement(Principal={"AWS": "arn:aws:iam::333333333333:role/r"})], False),
    ("a unique id may be anybody's", [statement(Principal={"AWS": "AROAEXAMPLE"})], None),
    ("federated principals may be the account's", [statement(Principal={"Federated": "*"})], None),
    ("a service is no principal of the account",
     [statement(Principal={"Service": "backup.amazonaws.com"})], False),
    ("NotPrincipal of others", [statement(NotPrincipal={"AWS": "333333333333"})], True),
    ("NotPrincipal of the account itself is open", [statement(NotPrincipal={"AWS": ROOT})], None),
    ("NotPrincipal of a role leaves the others", [statement(NotPrincipal={"AWS": ROLE})], None),
    ("NotPrincipal of everyone is nobody", [statement(NotPrincipal="*")], False),
    ("NotPrincipal of an unknown id", [statement(NotPrincipal={"AWS": "AIDAEXAMPLE"})], None),
    ("another action", [statement(Action="backup:StartBackupJob")], False),
    ("actions mind no case", [statement(Action="BACKUP:copyintobackupvault")], True),
    ("wildcards in actions", [statement(Action="backup:Copy?nto*")], True),
    ("NotAction of others", [statement(NotAction="backup:Delete*")], True),
    ("NotAction of it", [statement(NotAction=["backup:Copy*"])], False),
    ("the vault's ARN", [statement(Resource=VAULT)], True),
    ("another vault", [statement(Resource=VAULT + "2")], False),
    ("wildcards in resources", [statement(Resource="arn:aws:backup:*:111111111111:backup-vault:m?in")], True),
    ("NotResource of it", [statement(NotResource=VAULT)], False),
    ("NotResource of others", [statement(NotResource="arn:aws:s3:::*")], True),
    ("a variable in the resource",
     [statement(Resource="arn:aws:backup:*:*:backup-vault:${aws:PrincipalTag/v}")], None),
    ("the organisation", [when("StringEquals", "aws:PrincipalOrgID", "o-ours")], True),
    ("keys mind no case", [when("StringEquals", "AWS:principalorgid", "o-ours")], True),
    ("values do", [when("StringEquals", "aws:PrincipalOrgID", "O-ours")], False),
    ("another organisation", [when("StringEquals", "aws:PrincipalOrgID", "o-other")], False),
    ("an OU above", [when("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", "o-ours/r-1/ou-1/*")], True),
    ("the OU itself",
     [when("ForAnyValue:StringEquals", "aws:PrincipalOrgPaths", "o-ours/r-1/ou-1/ou-2/")], True),
    ("another OU", [when("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", "o-ours/r-1/ou-9/*")], False),
    ("the account by key", [when("StringEquals", "aws:PrincipalAccount", SOURCE)], True),
    ("only some roles", [when("ArnLike", "aws:PrincipalArn", f"arn:aws:iam::{SOURCE}:role/backup-*")], None),
    ("all roles are not the account", [when("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:role/*")], None),
    ("any ARN", [when("ArnLike", "aws:PrincipalArn", f"arn:aws:*::{SOURCE}:*")], True),
    ("the root user alone", [when("StringEquals", "aws:PrincipalArn", ROOT)], None),
    ("roles of another account",
     [when("ArnLike", "aws:PrincipalArn", "arn:aws:iam::333333333333:role/*")], False),
    ("present on every principal", [when("Null", "aws:PrincipalArn", "false")], True),
    ("a tag", [when("StringEquals", "aws:PrincipalTag/team", "backup")], None),
    ("a service's own call is unknown", [when("StringEquals", "aws:SourceAccount", SOURCE)], None),
    ("TLS is always there", [when("Bool", "aws:SecureTransport", "true")], True),
    ("multi-factor is not", [when("Bool", "aws:MultiFactorAuthPresent", "true")], None),
    ("a service principal is not asking", [when("Bool", "aws:PrincipalIsAWSService", "true")], False),
    ("a key nobody knows", [when("StringEquals", "backup:Something", "x")], None),
    ("conditions are ANDed: one fails", [
        statement(Condition={"StringEquals": {"backup:X": "x", "aws:PrincipalOrgID": "o-other"}}),
    ], False),
    ("conditions are ANDed: one is open", [
        statement(Condition={"StringEquals": {"aws:PrincipalOrgID": "o-ours"}, "Bool": {"backup:X": "true"}}),
    ], None),
    ("one statement of two suffices", [statement(Principal={"AWS": ROLE}), statement()], True),
    ("a Deny wins", [statement(), statement(Effect="Deny")], False),
    ("a Deny wins wherever it stands", [statement(Effect="Deny"), statement()], False),
    ("a Deny on the root ARN is on the account",
     [statement(), statement(Effect="Deny", Principal={"AWS": ROOT})], False),
    ("a Deny on a role leaves others",
     [statement(), statement(Effect="Deny", Principal={"AWS": ROLE})], None),
    ("a Deny on others", [statement(), statement(Effect="Deny", Principal={"AWS": "333333333333"})], True),
    ("a Deny on another action", [statement(), statement(Effect="Deny", Action="backup:Delete*")], True),
    ("a Deny on outsiders", [
        statement(), when("StringNotEquals", "aws:PrincipalOrgID", "o-ours", Effect="Deny"),
    ], True),
    ("a Deny on other organisations' members", [
        statement(), when("StringNotEquals", "aws:PrincipalOrgID", "o-other", Effect="Deny"),
    ], False),
    ("a Deny under an open condition", [
        statement(), when("StringEquals", "aws:ResourceTag/x", "y", Effect="Deny"),
    ], None),
    ("a Deny without TLS", [statement(), when("Bool", "aws:SecureTransport", "false", Effect="Deny")], True),
    ("a Deny of all but a role",
     [statement(), when("ArnNotLike", "aws:PrincipalArn", ROLE, Effect="Deny")], None),
    ("an open Deny over nothing allowed", [when("StringEquals", "backup:X", "y", Effect="Deny")], False),
    ("a sure Deny over an open Allow", [when("Bool", "backup:X", "true"), statement(Effect="Deny")], False),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "statements", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_account(rule: str, statements: list[dict[str, Any]], expected: bool | None) -> None:  # noqa: FBT001 - a row of the table
    answer = ask(*statements)
    assert answer.value is expected, rule
    assert answer.because


@pytest.mark.parametrize(
    ("context", "operator", "key", "value", "expected"),
    [
        (UNKNOWN, "StringEquals", "aws:PrincipalOrgID", "o-ours", None),
        (UNKNOWN, "StringNotEquals", "aws:PrincipalOrgID", "o-ours", None),
        (UNKNOWN, "StringEquals", "aws:PrincipalOrgID", "no-organisation", False),
        (UNKNOWN, "ForAnyValue:StringLike", "aws:PrincipalOrgPaths", "o-ours/*", None),
        (HALF_KNOWN, "ForAnyValue:StringLike", "aws:PrincipalOrgPaths", "o-ours/*", True),
        (HALF_KNOWN, "ForAnyValue:StringLike", "aws:PrincipalOrgPaths", "o-ours/r-1/*", None),
        (HALF_KNOWN, "ForAnyValue:StringLike", "aws:PrincipalOrgPaths", "o-other/*", False),
        (Context(region="eu-west-1"), "StringEquals", "aws:RequestedRegion", "eu-west-1", True),
        (Context(region="eu-west-1"), "StringEquals", "aws:RequestedRegion", "us-east-1", False),
        (UNKNOWN, "StringEquals", "aws:RequestedRegion", "eu-west-1", None),
        (Context(extra=(("aws:PrincipalOrgID", ()),)), "StringEquals", "aws:PrincipalOrgID", "o-ours", False),
        (Context(extra=(("Backup:X", ("y",)),)), "StringEquals", "backup:x", "y", True),
    ],
)
def test_what_is_known_of_the_account_decides(
    context: Context, operator: str, key: str, value: str, *, expected: bool | None
) -> None:
    assert ask(when(operator, key, value), context=context).value is expected


def test_the_reason_names_the_statement_and_the_clause() -> None:
    assert ask(statement(Sid="Share")).because == "statement 1 (Share) allows account 222222222222"
    assert "StringEquals backup:x" in ask(when("StringEquals", "backup:X", "y")).because
    assert "statement 2 (No)" in ask(statement(), statement(Effect="Deny", Sid="No")).because


def test_the_partition_is_that_of_the_vault() -> None:
    document = parse({"Statement": when("ArnLike", "aws:PrincipalArn", f"arn:aws-cn:*::{SOURCE}:*")})
    vault = VAULT.replace("arn:aws:", "arn:aws-cn:")
    answer = admits_account(
        document, account=SOURCE, action="backup:CopyIntoBackupVault", resource=vault, context=UNKNOWN
    )
    assert answer.value is True


KEY = "arn:aws:kms:eu-west-1:111111111111:key/1"
USE = statement(
    Principal={"AWS": ROOT},
    Action=["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
)
GRANT = when(
    "Bool",
    "kms:GrantIsForAWSResource",
    "true",
    Principal={"AWS": ROOT},
    Action=["kms:CreateGrant", "kms:ListGrants"],
)
ALL = statement(Principal={"AWS": ROOT}, Action="kms:*")


def via(operator: str, *values: str, **changes: Any) -> dict[str, Any]:
    return when(operator, "kms:ViaService", *values, **{"Action": "kms:*", **changes})


def of_key(*statements: dict[str, Any], services: tuple[str, ...] = ("ec2",)) -> Answer:
    return key_allows_account(
        parse({"Statement": list(statements)}),
        account=SOURCE,
        key_account="111111111111",
        context=Context(organization_id="o-ours", region="eu-west-1"),
        services=services,
    )


EC2, RDS = "ec2.eu-west-1.amazonaws.com", "rds.eu-west-1.amazonaws.com"
KEY_ROWS: list[tuple[str, list[dict[str, Any]], bool | None]] = [
    ("the documented pair of statements", [USE, GRANT], True),
    ("use without grants", [USE], False),
    ("grants without use", [GRANT], False),
    ("everything", [ALL], True),
    ("the key's own account only", [statement(Principal={"AWS": "111111111111"}, Action="kms:*")], False),
    ("a role of the account", [statement(Principal={"AWS": ROLE}, Action="kms:*")], None),
    ("the grant key is absent elsewhere",
     [when("Bool", "kms:GrantIsForAWSResource", "true", Action="kms:*")], False),
    ("unless the key may be absent",
     [when("BoolIfExists", "kms:GrantIsForAWSResource", "true", Action="kms:*")], True),
    ("a Deny of grants to others", [
        ALL, when("Bool", "kms:GrantIsForAWSResource", "false", Effect="Deny", Action="kms:CreateGrant"),
    ], True),
    ("the caller's account", [when("StringEquals", "kms:CallerAccount", SOURCE, Action="kms:*")], True),
    ("another caller's account",
     [when("StringEquals", "kms:CallerAccount", "111111111111", Action="kms:*")], False),
    ("the organisation", [when("StringEquals", "aws:PrincipalOrgID", "o-ours", Action="kms:*")], True),
    ("through the owning service", [via("StringEquals", EC2, RDS)], True),
    ("through services of any Region", [via("StringLike", "ec2.*.amazonaws.com")], True),
    ("through another service of AWS Backup", [via("StringEquals", RDS)], None),
    ("through the service in another Region", [via("StringEquals", "ec2.us-east-1.amazonaws.com")], False),
    ("through a service that AWS Backup never uses",
     [via("StringEquals", "lambda.eu-west-1.amazonaws.com")], False),
    ("a Deny through such a service", [
        ALL, via("StringEquals", "lambda.eu-west-1.amazonaws.com", Effect="Deny"),
    ], True),
    ("a Deny through all but the owning one", [ALL, via("StringNotEquals", EC2, Effect="Deny")], True),
    ("a Deny through all but another", [ALL, via("StringNotEquals", RDS, Effect="Deny")], None),
    ("a Deny of the owning service", [ALL, via("StringEquals", EC2, Effect="Deny")], False),
    ("Null on the service", [via("Null", "false")], None),
    ("no such operator", [via("StringIs", EC2)], None),
    ("an encryption context",
     [when("StringEquals", "kms:EncryptionContext:aws:ebs:id", "v", Action="kms:*")], None),
    ("one key by name, asked without", [statement(Resource=KEY, Action="kms:*")], None),
    ("keys of another account", [statement(Resource=KEY.replace("1" * 12, "3" * 12), Action="kms:*")], False),
    ("a Deny of one action", [ALL, statement(Effect="Deny", Action="kms:Decrypt")], False),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "statements", "expected"), KEY_ROWS, ids=[row[0] for row in KEY_ROWS])
def test_key(rule: str, statements: list[dict[str, Any]], expected: bool | None) -> None:  # noqa: FBT001 - a row of the table
    answer = of_key(*statements)
    assert answer.value is expected, rule
    assert answer.because


def test_a_key_by_its_arn() -> None:
    for resource, expected in ((KEY, True), (KEY + "2", False)):
        answer = key_allows_account(
            parse({"Statement": statement(Resource=resource, Action="kms:*")}),
            account=SOURCE,
            key_account="111111111111",
            context=UNKNOWN,
            key_arn=KEY,
        )
        assert answer.value is expected


def test_without_services_any_service_clause_is_unknown() -> None:
    assert of_key(via("StringEquals", EC2, RDS), services=()).value is None


def test_the_reason_names_the_action_and_no_action_is_no_question() -> None:
    assert of_key(USE).because.startswith("kms:CreateGrant: ")
    asked = key_allows_account(
        parse({"Statement": ALL}), account=SOURCE, key_account="1" * 12, actions=(), context=UNKNOWN
    )
    assert asked.value is None
    assert "kms:Decrypt" in SOURCE_KEY_ACTIONS


TRUST_ROWS: list[tuple[dict[str, Any], bool | None]] = [
    ({"Principal": {"Service": "backup.amazonaws.com"}}, True),
    ({"Principal": {"Service": ["ec2.amazonaws.com", "backup.amazonaws.com"]}}, True),
    ({"Principal": {"Service": "ec2.amazonaws.com"}}, False),
    ({"Principal": {"AWS": "111111111111"}}, False),
    ({"Principal": "*"}, True),
    ({"NotPrincipal": {"Service": "backup.amazonaws.com"}}, False),
    ({"Principal": "*", "Action": "sts:TagSession"}, False),
    ({"Principal": "*", "Condition": {"StringEquals": {"aws:SourceAccount": "111111111111"}}}, None),
    ({"Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-ours"}}}, False),
    ({"Principal": "*", "Condition": {"Bool": {"aws:PrincipalIsAWSService": "true"}}}, True),
    ({"Principal": "*", "Condition": {"StringEquals": {"backup:Known": "yes"}}}, True),
]


@pytest.mark.parametrize(("parts", "expected"), TRUST_ROWS)
def test_a_trust_policy(parts: dict[str, Any], *, expected: bool | None) -> None:
    document = parse({"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", **parts}})
    answer = admits_service(
        document,
        service="backup.amazonaws.com",
        action="sts:AssumeRole",
        resource="arn:aws:iam::111111111111:role/r",
        context=Context(extra=(("backup:Known", ("yes",)),)),
    )
    assert answer.value is expected


OWN, FOREIGN = "111111111111", "999999999999"
GUARD_ROWS: list[tuple[str, str, str | list[str], bool | None]] = [
    *((operator, "aws:SourceAccount", OWN, True) for operator in (
        "StringEquals", "StringLike", "StringEqualsIfExists", "StringEqualsIgnoreCase",
        "ForAnyValue:StringEquals", "ForAllValues:StringEquals", "NumericEquals",
    )),
    *((operator, "aws:SourceAccount", FOREIGN, False) for operator in (
        "StringEquals", "StringLike", "StringEqualsIfExists", "ForAnyValue:StringEquals",
        "ForAllValues:StringEquals",
    )),
    ("StringEquals", "AWS:sourceaccount", OWN, True),
    ("StringEquals", "aws:SourceAccount", [FOREIGN, OWN], True),
    ("StringLike", "aws:SourceAccount", "1111*", True),
    ("StringNotEquals", "aws:SourceAccount", FOREIGN, True),
    ("StringNotEquals", "aws:SourceAccount", OWN, False),
    ("StringEquals", "aws:SourceAccount", "${aws:ResourceAccount}", True),
    ("StringEquals", "aws:SourceAccount", "${aws:PrincipalTag/team}", None),
    ("Null", "aws:SourceAccount", "false", True),
    *((operator, "aws:SourceArn", f"arn:aws:backup:*:{OWN}:*", True) for operator in (
        "ArnLike", "ArnEquals", "StringLike", "ArnLikeIfExists", "ForAnyValue:ArnLike",
    )),
    *((operator, "aws:SourceArn", f"arn:aws:backup:*:{FOREIGN}:*", False) for operator in (
        "ArnLike", "ArnEquals", "StringLike", "ArnLikeIfExists", "ForAnyValue:ArnLike",
    )),
    ("ArnLike", "aws:SourceArn", f"arn:aws:backup:eu-west-1:{OWN}:*", True),
    ("ArnLike", "aws:SourceArn", f"arn:aws:backup:us-east-1:{OWN}:*", False),
    ("ArnLike", "aws:SourceArn", f"arn:aws:*:*:{OWN}:*", True),
    ("ArnLike", "aws:SourceArn", [f"arn:aws:backup:*:{FOREIGN}:*", f"arn:aws:backup:*:{OWN}:*"], True),
    ("StringEquals", "aws:SourceArn", f"arn:aws:backup:*:{OWN}:*", False),  # StringEquals knows no wildcards
    # Which ARN AWS Backup calls with is not documented.
    ("ArnLike", "aws:SourceArn", f"arn:aws:backup:*:{OWN}:backup-vault:*", None),
    ("ArnEquals", "aws:SourceArn", f"arn:aws:backup:eu-west-1:{OWN}:backup-plan:p", None),
    ("ArnLike", "aws:SourceArn", f"arn:aws:backup::{OWN}:*", None),
    ("ArnLike", "aws:SourceArn", f"arn:aws:ec2:*:{OWN}:*", None),
    ("ArnNotLike", "aws:SourceArn", f"arn:aws:backup:*:{OWN}:*", None),
    ("ArnNotLike", "aws:SourceArn", f"arn:aws:*:*:{OWN}:*", False),
    ("StringNotLike", "aws:SourceArn", f"arn:aws:backup:*:{FOREIGN}:*", True),
    ("StringLike", "aws:SourceArn", f"arn:aws:backup:*:{OWN}:backup-vault:*", None),
    ("StringLike", "aws:SourceArn", "arn:aws:backup:*", True),
    ("StringEquals", "aws:SourceOrgID", "o-ours", True),
    ("StringEquals", "aws:SourceOrgID", "o-other", False),
    ("ForAnyValue:StringLike", "aws:SourceOrgPaths", "o-ours/r-1/*", True),
    ("StringEquals", "aws:SourceVpc", "vpc-1", None),
    ("StringEquals", "sts:ExternalId", "x", None),
    ("StringEquals", "aws:RequestedRegion", "eu-west-1", None),
]  # fmt: skip


@pytest.mark.parametrize(("operator", "key", "value", "expected"), GUARD_ROWS)
def test_a_trust_policy_with_a_guard_against_the_confused_deputy(
    operator: str, key: str, value: str | list[str], *, expected: bool | None
) -> None:
    """AWS Backup developer guide, "Cross-service confused deputy prevention"."""
    guarded = statement(
        Principal={"Service": "backup.amazonaws.com"},
        Action="sts:AssumeRole",
        Condition={operator: {key: value}},
    )
    del guarded["Resource"]
    assert backup_may_assume(guarded).value is expected


def test_both_guards_of_one_statement_must_hold() -> None:
    def guarded(account: str, arn_account: str, effect: str = "Allow") -> dict[str, Any]:
        return {
            "Effect": effect,
            "Principal": {"Service": "backup.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": account},
                "ArnLike": {"aws:SourceArn": f"arn:aws:backup:*:{arn_account}:*"},
            },
        }

    assert backup_may_assume(guarded(OWN, OWN)).value is True
    assert backup_may_assume(guarded(OWN, FOREIGN)).value is False
    assert backup_may_assume(guarded(FOREIGN, OWN)).value is False
    assert backup_may_assume(guarded(OWN, OWN), guarded(OWN, OWN, "Deny")).value is None
    assert backup_may_assume(guarded(OWN, OWN), guarded(FOREIGN, OWN, "Deny")).value is True


def backup_may_assume(*statements: dict[str, Any]) -> Answer:
    return admits_service(
        parse({"Version": "2012-10-17", "Statement": list(statements)}),
        service="backup.amazonaws.com",
        action="sts:AssumeRole",
        resource=f"arn:aws:iam::{OWN}:role/r",
        context=Context(organization_id="o-ours", organization_path="o-ours/r-1/ou-1/", region="eu-west-1"),
        account=OWN,
    )
