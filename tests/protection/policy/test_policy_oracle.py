"""The answers against a slow, plain evaluator of single requests, written from the IAM User Guide.

The evaluator knows one principal, one request, one action; it enumerates everybody of a small world.
A True must hold for all of them, a False for none; what is excepted must really be let through.
"""

import fnmatch
import itertools
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.protection.policy import (
    Context,
    Document,
    admits_account,
    admits_external_principals,
    denied_to_all,
    parse,
)

OWN, MEMBER, PARTNER = "111111111111", "222222222222", "333333333333"
STRANGERS = ("555555555555", "777777777777")
ORGANIZATIONS: dict[str, tuple[str | None, ...]] = {
    OWN: ("o-ours",),
    MEMBER: ("o-ours",),
    **dict.fromkeys((PARTNER, *STRANGERS), (None, "o-partner", "o-third")),
}
# A path may hold colons, so that StringLike on an ARN, unlike ArnLike, lets strangers slip in.
CRAFTED = f"role/::{MEMBER}:/a"
IDS = {"role/a": "AROAONE:s", "user/u": "AIDAOTHER"}
NAMES = ("root", "user/u", "role/a", "role/ab", "role/b", "role/t/a", CRAFTED)
COPY, DELETE = "backup:CopyIntoBackupVault", "backup:DeleteRecoveryPoint"
VAULT = f"arn:aws:backup:eu-west-1:{OWN}:backup-vault:main"
POINTS = (
    f"arn:aws:backup:eu-west-1:{OWN}:recovery-point:1",
    "arn:aws:ec2:eu-west-1::snapshot/snap-1",
    f"arn:aws:rds:eu-west-1:{OWN}:snapshot:awsbackup:job-1",
)
Request = dict[str, Any]


def arns(account: str) -> list[str]:
    iam = [f"arn:aws:iam::{account}:{name}" for name in NAMES]
    return [*iam, f"arn:aws:sts::{account}:federated-user/f"]


def requests(account: str, action: str, resources: tuple[str, ...]) -> Iterator[Request]:
    """All requests of everybody in an account."""
    facts = itertools.product(
        arns(account), ORGANIZATIONS[account], (None, "false", "true"), ("x", "y"), resources
    )
    for arn, organization, mfa, tag, resource in facts:
        keys = {
            "aws:PrincipalArn": [arn],
            "aws:PrincipalAccount": [account],
            "aws:PrincipalOrgID": [organization] if organization else [],
            "aws:PrincipalOrgPaths": [f"{organization}/r-1/ou-1/"] if organization else [],
            "aws:MultiFactorAuthPresent": [mfa] if mfa else [],
            "aws:userid": [IDS.get(arn.rpartition(":")[2], "AIDATHIRD")],
            "aws:ResourceTag/t": [tag],
            "aws:ResourceAccount": [OWN],
            "aws:ResourceOrgID": ["o-ours"],
            "aws:SecureTransport": ["true"],
            "aws:SourceAccount": [],  # people have none of these
            "aws:SourceOrgID": [],
            "aws:CurrentTime": ["2026-11-23"],
        }
        yield {"arn": arn, "account": account, "action": action, "resource": resource, "keys": keys}


@cache
def same(pattern: str, text: str) -> bool:
    return re.fullmatch(fnmatch.translate(pattern.replace("[", "[[]")), text) is not None


def same_arn(pattern: str, text: str) -> bool:
    mine, theirs = pattern.split(":", 5), text.split(":", 5)
    return pattern == "*" or (
        len(mine) == len(theirs) and all(same(one, other) for one, other in zip(mine, theirs, strict=True))
    )


def listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def names(principal: Any, request: Request, *, negated: bool) -> bool:
    if principal == "*":
        return True
    for entry in listed(principal["AWS"]):
        account, _, name = entry.removeprefix("arn:aws:iam::").partition(":")
        if account == request["account"] and name in ("", "root"):
            # In NotPrincipal the account leaves out its root user alone.
            if not negated or request["arn"].endswith(":root"):
                return True
        elif entry in ("*", request["arn"]):
            return True
    return False


def filled(value: str, request: Request) -> str:
    """Replace the policy variables; keys that are compared here never lack their value."""
    for name in re.findall(r"\$\{(.*?)\}", value):
        value = value.replace("${" + name + "}", (request["keys"][name] or ["?"])[0])
    return value


def holds(operator: str, wanted: list[str], found: list[str]) -> bool:
    quantifier, _, name = operator.rpartition(":")
    if name == "Null":
        return (wanted[0] == "true") is (not found)
    negated = "Not" in name
    if not found:
        if quantifier:
            return quantifier == "ForAllValues"
        return negated or name.endswith("IfExists")

    def one(value: str) -> bool:
        kind = name.removesuffix("IfExists").replace("Not", "")
        if kind.startswith("Arn"):
            return any(same_arn(want, value) for want in wanted) is not negated
        if kind == "StringLike":
            return any(same(want, value) for want in wanted) is not negated
        if kind.startswith("Date"):
            return any((value < want) is (kind == "DateLessThan") for want in wanted)
        return (value in wanted) is not negated

    return all(map(one, found)) if quantifier == "ForAllValues" else any(map(one, found))


def applies(statement: dict[str, Any], request: Request) -> bool:
    for element, value, match in (
        ("Action", request["action"].lower(), lambda pattern, text: same(pattern.lower(), text)),
        ("Resource", request["resource"], same),
    ):
        positive = element in statement
        patterns = listed(statement[element if positive else f"Not{element}"])
        if any(match(pattern, value) for pattern in patterns) is not positive:
            return False
    negated = "NotPrincipal" in statement
    if names(statement["NotPrincipal" if negated else "Principal"], request, negated=negated) is negated:
        return False
    return all(
        holds(operator, [filled(value, request) for value in listed(wanted)], request["keys"][key])
        for operator, block in statement.get("Condition", {}).items()
        for key, wanted in block.items()
    )


def denied(statements: list[dict[str, Any]], request: Request) -> bool:
    return any(one["Effect"] == "Deny" and applies(one, request) for one in statements)


def allowed(statements: list[dict[str, Any]], request: Request) -> bool:
    return not denied(statements, request) and any(
        one["Effect"] == "Allow" and applies(one, request) for one in statements
    )


def few(*values: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True)


ACCOUNTS = (OWN, MEMBER, PARTNER)
WHOLE = [*ACCOUNTS, *(f"arn:aws:iam::{account}:root" for account in ACCOUNTS)]
SINGLE = [f"arn:aws:iam::{account}:{name}" for account in ACCOUNTS for name in ("role/a", "user/u")]
GLOBS = [
    f"arn:aws:iam::{OWN}:role/*",
    "arn:aws:iam::*:role/a*",
    "arn:aws:*",
    f"arn:aws:*::{MEMBER}:*",
    "*",
    "*b",
]
PRINCIPAL = st.just("*") | st.builds(lambda texts: {"AWS": texts}, few(*WHOLE, *SINGLE, "*"))
LEFT_OUT = st.builds(lambda texts: {"AWS": texts}, few(*WHOLE, *SINGLE))
STRING = ["StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIfExists"]
SETS = [
    "ForAnyValue:StringLike",
    "ForAllValues:StringLike",
    "ForAnyValue:StringNotLike",
    "ForAllValues:StringNotLike",
]


def clause(operators: list[str], key: str, *values: str) -> st.SearchStrategy[tuple[str, str, list[str]]]:
    return st.tuples(st.sampled_from(operators), st.just(key), few(*values))


CLAUSES = st.one_of(
    clause(["ArnEquals", "ArnNotEquals", "ArnLike", "ArnNotLike", "ArnNotLikeIfExists"], "aws:PrincipalArn",
           *[one for one in GLOBS if one.count(":") > 4], *SINGLE),
    clause(["StringLike", "StringNotLike", "StringNotEquals"], "aws:PrincipalArn", *GLOBS, *SINGLE),
    clause(STRING, "aws:PrincipalAccount", *ACCOUNTS, "5*", "*"),
    clause(STRING, "aws:PrincipalOrgID", "o-ours", "o-partner", "o-*"),
    clause(SETS, "aws:PrincipalOrgPaths", "o-ours/*", "o-partner/*", "o-ours/r-2/*"),
    clause(["Bool", "BoolIfExists"], "aws:MultiFactorAuthPresent", "true", "false"),
    clause(["StringLike", "StringNotLike"], "aws:userid", "AROAONE:*", "AIDAOTHER"),
    clause(["StringEquals", "StringNotEquals"], "aws:ResourceTag/t", "x"),
    clause(["StringEquals", "StringNotEquals"], "aws:PrincipalAccount", "${aws:ResourceAccount}", PARTNER),
    clause(["StringEquals", "StringNotEquals"], "aws:ResourceOrgID", "${aws:PrincipalOrgID}", "o-ours"),
    clause([*STRING, "Null"], "aws:SourceAccount", "true", MEMBER, PARTNER),
    clause(STRING[:3], "aws:SourceOrgID", "o-ours", "o-partner"),
    clause(["DateLessThan", "DateGreaterThan"], "aws:CurrentTime", "2020-01-01", "2026-11-01"),
    st.tuples(st.just("Null"), st.sampled_from(["aws:PrincipalOrgID", "aws:PrincipalArn"]),
              st.sampled_from([["true"], ["false"]])),
)  # fmt: skip


@st.composite
def statements_of(draw: st.DrawFn, effects: tuple[str, ...], actions: list[str], resources: list[str]) -> Any:
    statement: dict[str, Any] = {"Effect": draw(st.sampled_from(effects))}
    leaves_out = draw(st.integers(0, 5)) == 0
    statement["NotPrincipal" if leaves_out else "Principal"] = draw(LEFT_OUT if leaves_out else PRINCIPAL)
    negated = draw(st.integers(0, 9)) == 0
    statement["NotAction" if negated else "Action"] = draw(st.sampled_from(actions))
    negated = draw(st.integers(0, 9)) == 0
    statement["NotResource" if negated else "Resource"] = draw(st.sampled_from(resources))
    condition: dict[str, dict[str, list[str]]] = {}
    for operator, key, values in draw(st.lists(CLAUSES, max_size=2)):
        condition.setdefault(operator, {})[key] = values
    return {**statement, **({"Condition": condition} if condition else {})}


def policies(effects: tuple[str, ...], actions: list[str], resources: list[str]) -> Any:
    return st.lists(statements_of(effects, actions, resources), min_size=1, max_size=3)


def document(statements: list[dict[str, Any]]) -> Document:
    return parse({"Version": "2012-10-17", "Statement": statements})


NOW = datetime(2026, 11, 23, tzinfo=UTC)
OURS = Context(
    organization_id="o-ours",
    organization_path="o-ours/r-1/ou-1/",
    resource_organization_id="o-ours",
    as_of=NOW,
)
BOTH = ("Allow", "Deny")
COPY_ACTIONS = [COPY, COPY, "backup:*", "backup:Delete*"]
VAULTS = ["*", "*", VAULT, "arn:aws:backup:*:*:backup-vault:m*", "arn:aws:ec2:*"]


@given(policies(BOTH, COPY_ACTIONS, VAULTS))
@settings(max_examples=150, deadline=None)
def test_an_account_is_admitted_when_everybody_in_it_is(statements: list[dict[str, Any]]) -> None:
    answer = admits_account(document(statements), account=MEMBER, action=COPY, resource=VAULT, context=OURS)
    found = {allowed(statements, request) for request in requests(MEMBER, COPY, (VAULT,))}
    assert answer.value is None or found == {answer.value}


@given(policies(BOTH, [COPY], VAULTS))
@settings(max_examples=100, deadline=None)
def test_knowing_less_never_turns_an_answer_round(statements: list[dict[str, Any]]) -> None:
    policy = document(statements)

    def ask(context: Context) -> bool | None:
        return admits_account(policy, account=MEMBER, action=COPY, resource=VAULT, context=context).value

    full = ask(OURS)
    assert ask(Context(organization_id="o-ours")) in (None, full)
    assert ask(Context()) in (None, full)


@given(statements=policies(BOTH, [COPY, COPY, "backup:*"], ["*", "*", VAULT]), known=st.booleans())
@settings(max_examples=60, deadline=None)
def test_outside_is_admitted_when_somebody_there_is(statements: list[dict[str, Any]], *, known: bool) -> None:
    answer = admits_external_principals(
        document(statements),
        organization_id="o-ours" if known else None,
        member_accounts=frozenset((OWN, MEMBER)) if known else None,
        vault_account=OWN,
        context=Context(as_of=NOW),
    )
    others = [
        request
        for account in (PARTNER, *STRANGERS)
        for action in (COPY, "backup:Delete", "other:Z")
        for request in requests(account, action, (VAULT, "arn:aws:x:::y"))
    ]
    if answer.value is not None:
        assert any(allowed(statements, request) for request in others) is answer.value


DELETE_ACTIONS = [DELETE, DELETE, DELETE, "backup:*", "backup:Copy*"]
POINT_PATTERNS = ["*", "*", "*", "arn:aws:*", "arn:aws:ec2:*", "arn:aws:backup:*"]


@given(policies(("Deny",), DELETE_ACTIONS, POINT_PATTERNS))
@settings(max_examples=150, deadline=None)
def test_everybody_but_the_exceptions_is_denied(statements: list[dict[str, Any]]) -> None:
    denial = denied_to_all(
        document(statements),
        action=DELETE,
        resource=VAULT,
        vault_account=OWN,
        context=OURS,
    )
    through = {request["arn"] for request in requests(OWN, DELETE, POINTS) if not denied(statements, request)}
    if denial.denied is False:
        assert through
    elif denial.denied and None not in denial.exceptions:
        patterns = [str(one) for one in denial.exceptions]
        assert all(any(same(pattern, arn) for pattern in patterns) for arn in through)
        assert {one for one in patterns if one in arns(OWN)} <= through
    assert denial.denied or denial.exceptions == ()


# What concerns all principals of an account alike must be decided, and rightly: unknown is no way out.
ALIKE = st.one_of(
    clause(STRING, "aws:PrincipalAccount", *ACCOUNTS, "5*", "2*", "*", "${aws:ResourceAccount}"),
    clause(STRING, "aws:PrincipalOrgID", "o-ours", "o-partner", "o-*", "${aws:ResourceOrgID}"),
    clause(SETS, "aws:PrincipalOrgPaths", "o-ours/*", "o-partner/*", "o-ours/r-1/ou-1/", "o-ours/r-2/*"),
    clause(["Bool", "BoolIfExists"], "aws:SecureTransport", "true", "false"),
    clause(["StringEquals", "StringNotEquals"], "aws:ResourceAccount", OWN, MEMBER),
    clause(["DateLessThan", "DateGreaterThan"], "aws:CurrentTime", "2020-01-01", "2026-11-01"),
    st.tuples(st.just("Null"), st.sampled_from(["aws:PrincipalOrgID", "aws:PrincipalArn"]),
              st.sampled_from([["true"], ["false"]])),
)  # fmt: skip


@st.composite
def alike(draw: st.DrawFn) -> list[dict[str, Any]]:
    statements = []
    for _ in range(draw(st.integers(1, 4))):
        condition: dict[str, dict[str, list[str]]] = {}
        for operator, key, values in draw(st.lists(ALIKE, max_size=3)):
            condition.setdefault(operator, {})[key] = values
        statements.append(
            {
                "Effect": draw(st.sampled_from(BOTH)),
                "Principal": draw(st.just("*") | st.builds(lambda texts: {"AWS": texts}, few(*WHOLE))),
                draw(st.sampled_from(["Action", "NotAction"])): draw(
                    few(COPY, "BACKUP:copy*", "backup:Del*")
                ),
                draw(st.sampled_from(["Resource", "NotResource"])): draw(few("*", VAULT, VAULT + "2", "x*")),
                "Condition": condition,
            }
        )
    return statements


@given(alike())
@settings(max_examples=150, deadline=None)
def test_what_concerns_everybody_of_an_account_alike_is_decided(statements: list[dict[str, Any]]) -> None:
    for account in (OWN, MEMBER):
        answer = admits_account(
            document(statements), account=account, action=COPY, resource=VAULT, context=OURS
        )
        found = {allowed(statements, request) for request in requests(account, COPY, (VAULT,))}
        assert found == {answer.value}


@given(alike())
@settings(max_examples=60, deadline=None)
def test_whom_an_account_alike_denies_is_decided(statements: list[dict[str, Any]]) -> None:
    policy = [{**one, "Effect": "Deny", "Resource": "*"} for one in statements if "Resource" in one]
    action = "backup:CopyIntoBackupVault"
    denial = denied_to_all(document(policy), action=action, resource=VAULT, vault_account=OWN, context=OURS)
    found = {denied(policy, request) for request in requests(OWN, action, (VAULT,))}
    assert (denial.denied, denial.exceptions) == (found.pop(), ())
