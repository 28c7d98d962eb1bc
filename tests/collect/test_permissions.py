"""The policies allow what is declared and nothing else; every action is the one that AWS asks for."""

import json
import re
from typing import Any

import pytest
from moto.iam.policy_validation import IAMPolicyDocumentValidator, IAMTrustPolicyDocumentValidator

from scanner.collect.permissions import (
    MANAGED_POLICY_LIMIT,
    Part,
    is_asked_of_members,
    policy_document,
    role_arn,
    size,
    statements,
    trust_document,
)
from scanner.demo.server.authorization import actions_of, reference
from scanner.demo.wire.call import Call
from scanner.services.base import Operation
from scanner.services.catalogue import OPERATIONS

ACTIONS = sorted({action for operation in OPERATIONS.values() for action in operation.actions})
READING = re.compile(r"(Describe|Get|List)[A-Za-z]+")
REVIEWED_READS = {"sts:AssumeRole": "gives credentials of the role alone, which can only read"}
"""Actions whose level or name is not that of a read, and why they are there all the same."""

DATA = re.compile(
    r"dynamodb:(BatchGetItem|GetItem|GetRecords|PartiQLSelect|Query|Scan)"
    r"|ec2:(GetConsoleOutput|GetConsoleScreenshot|GetPasswordData)"
    r"|ebs:.*|elasticfilesystem:Client.*|kms:(Decrypt|GenerateDataKey|ReEncrypt|Sign).*"
    r"|rds:(DownloadCompleteDBLogFile|DownloadDBLogFilePortion)|rds-data:.*|redshift-data:.*"
    r"|redshift(-serverless)?:GetC(lusterC)?redentials.*|s3:GetObject.*|s3:ListBucket(Versions)?"
    r"|secretsmanager:Get.*|ssm:GetParameter.*|storagegateway:DescribeChapCredentials"
    r"|timestream:Select|backup:GetRecoveryPointRestoreMetadata|cloudformation:GetTemplate"
)
"""Actions that read data, secrets, or what may hold them, though AWS may count them among the reads."""


def document(part: Part) -> dict[str, Any]:
    return policy_document(statements(part, role_arn("VaultproofReadOnly")))


def allowed(part: Part) -> set[str]:
    return {action for one in document(part)["Statement"] for action in one["Action"]}


@pytest.mark.parametrize("key", OPERATIONS)
def test_the_declared_action_is_the_one_that_aws_asks_for(key: str) -> None:
    assert key in reference(), (
        "take its row from the Service Authorization Reference: scanner/demo/actions.json"
    )
    asked = Call("111111111111", "", "eu-west-1", OPERATIONS[key].service, OPERATIONS[key].name, {})
    assert OPERATIONS[key].actions == actions_of(asked)


@pytest.mark.parametrize("action", ACTIONS)
def test_no_action_changes_anything_or_reads_data(action: str) -> None:
    levels = {row["level"] for row in reference().values() if row["action"] == action}
    assert not DATA.fullmatch(action)
    if action not in REVIEWED_READS:
        assert levels <= {"List", "Read"}
        assert READING.fullmatch(action.partition(":")[2])


@pytest.mark.parametrize(
    "action",
    [
        "dynamodb:Scan",
        "kms:Decrypt",
        "rds-data:ExecuteStatement",
        "redshift-serverless:GetCredentials",
        "redshift:GetClusterCredentials",
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:ListBucket",
        "secretsmanager:GetSecretValue",
        "ssm:GetParameters",
    ],
)
def test_the_list_of_data_reads_knows_them(action: str) -> None:
    assert DATA.fullmatch(action)


def test_together_the_parts_allow_everything_declared_and_nothing_else() -> None:
    needed = {action for action in ACTIONS if action != "sts:GetCallerIdentity"}
    assert allowed(Part.CALLER) == needed
    once = {action for one in OPERATIONS.values() if not is_asked_of_members(one) for action in one.actions}
    assert allowed(Part.MEMBER) == needed - once - {"sts:AssumeRole"}
    assert {"organizations:ListAccounts", "backup:DescribeGlobalSettings"} <= once


def test_only_the_role_may_be_assumed() -> None:
    *read, assume = document(Part.CALLER)["Statement"]
    assert assume["Resource"] == "arn:aws:iam::*:role/VaultproofReadOnly"
    assert assume["Action"] == ["sts:AssumeRole"]
    assert {one["Resource"] for one in read} == {"*"}
    assert role_arn("R", "aws-cn") == "arn:aws-cn:iam::*:role/R"


def test_without_roles_to_assume_there_is_no_statement_of_it() -> None:
    volumes = Operation("ec2", "DescribeVolumes", "ec2:DescribeVolumes")
    assert [one.sid for one in statements(Part.CALLER, "", [volumes])] == ["ReadEc2"]


@pytest.mark.parametrize("part", Part)
def test_a_policy_is_one_that_iam_takes(part: Part) -> None:
    granted = document(part)
    IAMPolicyDocumentValidator(json.dumps(granted)).validate()
    assert size(granted) <= MANAGED_POLICY_LIMIT, "split it into several managed policies"
    sids = [one["Sid"] for one in granted["Statement"]]
    assert len(sids) == len(set(sids))
    for one in granted["Statement"]:
        assert set(one) == {"Sid", "Effect", "Action", "Resource"}
        assert re.fullmatch(r"[A-Za-z0-9]+", one["Sid"])
        assert one["Effect"] == "Allow"
        assert one["Action"] == sorted(set(one["Action"]))
        assert len({action.partition(":")[0] for action in one["Action"]}) == 1
        assert all(re.fullmatch(r"[a-z0-9-]+:[A-Za-z0-9]+", action) for action in one["Action"])


def test_the_size_is_counted_as_iam_counts() -> None:
    assert size({"Version": "2012 10 17"}) == len('{"Version":"20121017"}')


def test_whom_the_role_trusts() -> None:
    open_to_all = trust_document("111111111111", None)
    IAMTrustPolicyDocumentValidator(json.dumps(open_to_all)).validate()
    assert "Condition" not in open_to_all["Statement"][0]
    (named,) = trust_document("arn:aws:iam::111111111111:role/Audit", "x-1")["Statement"]
    assert named["Principal"] == {"AWS": "arn:aws:iam::111111111111:role/Audit"}
    assert named["Condition"] == {"StringEquals": {"sts:ExternalId": "x-1"}}
