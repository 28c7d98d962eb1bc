"""Permissions as the simulation enforces them: default deny, explicit deny, wildcards, trust."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.iam.models import Role, User, iam_backends

from scanner.demo.serve import Demo
from scanner.demo.server import authorization
from scanner.demo.server.authorization import AUDITOR, actions_of, enforced
from scanner.demo.story.accounts import DEVELOPMENT, IRELAND, MANAGEMENT, PRODUCTION, READABLE, VIRGINIA
from scanner.demo.wire.call import Call

ALLOW = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def role(demo: Demo, account: str = DEVELOPMENT) -> Role:
    (found,) = [one for one in iam_backends[account]["aws"].get_roles() if one.name == demo.role_name]
    return found


@contextmanager
def holding(principal: Role | User, *statements: dict[str, Any]) -> Iterator[None]:
    """Give a principal these statements as an inline policy, and no other policy."""
    kept = principal.managed_policies, principal.policies
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    principal.managed_policies, principal.policies = {}, {"only": json.dumps(document)}
    with enforced():
        yield
    principal.managed_policies, principal.policies = kept


def code(client: Any, operation: str, **parameters: Any) -> str:
    try:
        client._make_api_call(operation, parameters)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


@pytest.mark.parametrize(
    ("statements", "allowed"),
    [
        ([], False),
        ([{**ALLOW, "Action": "backup:ListBackupVaults"}], True),
        ([{**ALLOW, "Action": ["ec2:*", "BACKUP:listbackup*"]}], True),
        ([{**ALLOW, "Action": "backup:ListBackupVault?"}], True),
        ([{**ALLOW, "Action": "backup:ListBackupVault"}], False),
        ([{**ALLOW, "Action": "backup.ListBackupVaults"}], False),
        ([ALLOW, {**ALLOW, "Effect": "Deny", "Action": "backup:*"}], False),
        ([ALLOW, {**ALLOW, "Effect": "Deny", "Action": "s3:*"}], True),
        ([{"Effect": "Allow", "NotAction": "backup:Delete*", "Resource": "*"}], True),
        ([{"Effect": "Allow", "NotAction": "backup:*", "Resource": "*"}], False),
        ([{**ALLOW, "Resource": "arn:aws:backup:*:*:backup-vault:x"}], False),
        ([{**ALLOW, "Condition": {"Bool": {"aws:SecureTransport": "true"}}}], False),
    ],
)
def test_what_is_allowed(
    demo: Demo,
    walker: Any,
    statements: list[dict[str, Any]],
    allowed: bool,  # noqa: FBT001 -- a case
) -> None:
    backup = walker.client(DEVELOPMENT, "backup", IRELAND)
    with holding(role(demo), *statements):
        assert code(backup, "ListBackupVaults") == ("" if allowed else "AccessDeniedException")


@pytest.mark.parametrize(
    ("service", "operation", "expected"),
    [
        ("ec2", "DescribeVolumes", "UnauthorizedOperation"),
        ("rds", "DescribeDBClusters", "AccessDenied"),
        ("s3", "ListBuckets", "AccessDenied"),
        ("efs", "DescribeFileSystems", "AccessDeniedException"),
        ("resourcegroupstaggingapi", "GetResources", "AccessDeniedException"),
        ("sts", "GetCallerIdentity", ""),
    ],
)
def test_each_service_refuses_in_its_own_words(
    demo: Demo, walker: Any, service: str, operation: str, expected: str
) -> None:
    client = walker.client(DEVELOPMENT, service, IRELAND)
    with holding(role(demo), {**ALLOW, "Effect": "Deny"}):
        assert code(client, operation) == expected
    assert code(client, operation) == ""  # nothing is enforced any more


def test_a_refusal_names_the_action_rather_than_the_operation(demo: Demo, walker: Any) -> None:
    s3 = walker.client(DEVELOPMENT, "s3", IRELAND)
    with holding(role(demo)), pytest.raises(ClientError, match="to perform: s3:ListAllMyBuckets because"):
        s3.list_buckets()


def test_all_stacks_need_the_leave_to_list_them(demo: Demo, walker: Any) -> None:
    stacks = walker.client(DEVELOPMENT, "cloudformation", IRELAND)
    with holding(role(demo), {**ALLOW, "Action": "cloudformation:DescribeStacks"}):
        with pytest.raises(ClientError, match="to perform: cloudformation:ListStacks because"):
            stacks.describe_stacks()
        assert code(stacks, "DescribeStacks", StackName="none") != "AccessDenied"


def test_an_operation_that_the_table_does_not_know_is_refused(demo: Demo, walker: Any) -> None:
    ec2 = walker.client(DEVELOPMENT, "ec2", IRELAND)
    with holding(role(demo), ALLOW):
        assert code(ec2, "DescribeKeyPairs") == "UnauthorizedOperation"
    assert actions_of(Call(DEVELOPMENT, "", IRELAND, "ec2", "DescribeKeyPairs", {})) == ()


@pytest.fixture
def auditor(demo: Demo) -> User:
    assert demo.management_account == MANAGEMENT
    (found,) = [one for one in iam_backends[MANAGEMENT]["aws"].users.values() if one.name == AUDITOR]
    return found


def assume(walker: Any, role_name: str, **parameters: Any) -> str:
    sts = walker.client(MANAGEMENT, "sts", VIRGINIA)
    arn = f"arn:aws:iam::{DEVELOPMENT}:role/{role_name}"
    return code(sts, "AssumeRole", RoleArn=arn, RoleSessionName="audit", **parameters)


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ("*", ""),
        ("arn:aws:iam::*:role/VaultproofReadOnly", ""),
        (f"arn:aws:iam::{PRODUCTION}:role/VaultproofReadOnly", "AccessDenied"),
        ("arn:aws:iam::*:role/vaultproofreadonly", "AccessDenied"),
    ],
)
def test_a_role_needs_the_permission_of_who_assumes_it(
    demo: Demo, walker: Any, auditor: User, resource: str, expected: str
) -> None:
    with holding(auditor, {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": resource}):
        assert assume(walker, demo.role_name) == expected


HOME = {"AWS": MANAGEMENT}
AWAY = {"AWS": f"arn:aws:iam::{PRODUCTION}:root"}
NAMED = {"StringEquals": {"sts:ExternalId": "x-1"}}


@pytest.mark.parametrize(
    ("trust", "external_id", "expected"),
    [
        ({"Principal": HOME}, None, ""),
        ({"Principal": {"AWS": [*AWAY.values(), f"arn:aws:iam::{MANAGEMENT}:user/auditor"]}}, None, ""),
        ({"Principal": "*"}, None, ""),
        ({"Principal": AWAY}, None, "AccessDenied"),
        ({"Principal": {"Service": "backup.amazonaws.com"}}, None, "AccessDenied"),
        ({"Principal": HOME, "Condition": NAMED}, "x-1", ""),
        ({"Principal": HOME, "Condition": NAMED}, "x-2", "AccessDenied"),
        ({"Principal": HOME, "Condition": NAMED}, None, "AccessDenied"),
        ({"Principal": HOME, "Condition": {"Bool": {"aws:SecureTransport": "true"}}}, None, "AccessDenied"),
    ],
)
def test_a_role_is_assumed_by_whom_it_trusts(
    demo: Demo, walker: Any, trust: dict[str, Any], external_id: str | None, expected: str
) -> None:
    trusting = role(demo)
    kept = trusting.assume_role_policy_document
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", **trust}
    trusting.assume_role_policy_document = json.dumps({"Statement": [statement]})
    given = {} if external_id is None else {"ExternalId": external_id}
    with enforced():
        assert assume(walker, demo.role_name, **given) == expected
    trusting.assume_role_policy_document = kept


def test_every_readable_account_has_the_printed_policy(demo: Demo) -> None:
    documents = set()
    for account in READABLE:
        (policy,) = role(demo, account).managed_policies.values()
        documents.add(policy.versions[0].document)
    assert len(documents) == 1


def test_who_is_neither_role_nor_user_is_allowed_nothing() -> None:
    assert authorization._statements_of(MANAGEMENT, f"arn:aws:iam::{MANAGEMENT}:root") == ()
