"""Facts 3.1, 3.3 and 7: what a selection is worth as a whole, the opt-in behind it, its role, its policy."""

import json
from typing import Any, Final

from tests.contract.selections import tagged
from tests.contract.world import FAIL, NOT_APPLICABLE, PASS, UNKNOWN, Truth, with_organization
from tests.fakes.bundles import (
    MANAGEMENT,
    REGION,
    BundleBuilder,
    Line,
    Lines,
    plan_arn,
    refused,
    rule,
    table_arn,
    volume_arn,
)

OPTED_IN: Final = "resource-opted-in"
PROTECTS: Final = "plan-protects-something"
MATCHES: Final = "selection-matches-resources"
ROLE: Final = "selection-role-usable"
POLICY: Final = "account-backup-policy"

PROD: Final = {"ConditionKey": "aws:ResourceTag/stage", "ConditionValue": "prod"}
EBS_OFF: Final = {"EBS": False}

# What is asked of: a volume {backup: yes}, a volume that is being deleted, an Aurora cluster without tags.
# selection, opt-in (None: refused), resource-opted-in of volume and cluster, whether it selects anything
CELLS: Final[tuple[tuple[dict[str, Any], dict[str, bool] | None, tuple[str, str], str], ...]] = (
    ({"Resources": ["*"]}, {}, (PASS, PASS), PASS),
    ({"Resources": ["*"]}, EBS_OFF, (FAIL, PASS), PASS),
    ({"Resources": ["*"]}, {"EBS": False, "Aurora": False, "DynamoDB": False}, (FAIL, FAIL), FAIL),
    ({"ListOfTags": [tagged("backup", "yes")]}, EBS_OFF, (FAIL, NOT_APPLICABLE), FAIL),
    ({"ListOfTags": [tagged("backup", "no")]}, EBS_OFF, (NOT_APPLICABLE, NOT_APPLICABLE), FAIL),
    ({"Resources": ["{volume}"]}, EBS_OFF, (NOT_APPLICABLE, NOT_APPLICABLE), PASS),
    ({"Resources": ["{cluster}"]}, {"Aurora": False}, (NOT_APPLICABLE, FAIL), FAIL),
    ({"Resources": ["{cluster}"]}, {}, (NOT_APPLICABLE, PASS), PASS),
    ({"Resources": ["arn:aws:ec2:*"]}, EBS_OFF, (FAIL, NOT_APPLICABLE), FAIL),
    ({"Resources": ["arn:aws:ec2:*:*:volume/*"]}, EBS_OFF, (NOT_APPLICABLE, NOT_APPLICABLE), PASS),
    ({"NotResources": ["{volume}", "{cluster}"]}, {}, (NOT_APPLICABLE, NOT_APPLICABLE), PASS),
    (
        {"Conditions": {"StringEquals": [PROD]}},
        EBS_OFF,
        (NOT_APPLICABLE, NOT_APPLICABLE),
        FAIL,
    ),
    ({"Resources": ["{gone}"]}, {}, (NOT_APPLICABLE, NOT_APPLICABLE), FAIL),
    ({"Resources": ["{deleting}"]}, {}, (NOT_APPLICABLE, NOT_APPLICABLE), FAIL),
    ({"Resources": ["*"]}, None, (UNKNOWN, UNKNOWN), UNKNOWN),
    ({"Resources": ["{volume}"]}, None, (NOT_APPLICABLE, NOT_APPLICABLE), PASS),
)

TRUSTED: Final = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "backup.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
NOT_TRUSTED: Final = json.loads(json.dumps(TRUSTED).replace("backup.amazonaws.com", "ec2.amazonaws.com"))
# what IAM answers of the role (None: it was refused), and what is to be said of the selection
ROLES: Final[tuple[tuple[dict[str, Any] | str | None, str], ...]] = (
    (TRUSTED, PASS),
    (NOT_TRUSTED, FAIL),
    ("NoSuchEntity", FAIL),
    (None, UNKNOWN),
)
DAILY: Final = json.dumps({"plans": {"daily": {}}})
# what Organizations answers of the effective policy (None: it was refused)
POLICIES: Final[tuple[tuple[str | None, str], ...]] = (
    (DAILY, PASS),
    ("", FAIL),
    ('{"plans": {}}', FAIL),
    (None, UNKNOWN),
)


def build(bundle: BundleBuilder) -> Truth:
    truth: Truth = {}
    for number, (terms, opt_in, opted, selects) in enumerate(CELLS):
        account = f"{320000000000 + number}"
        names = _resources(bundle, account, opt_in)
        filled = {key: _filled(entry, names) for key, entry in terms.items()}
        bundle.shard(account).plan("p", rules=[rule()], selections=[filled]).plan("empty", rules=[rule()])
        truth[OPTED_IN, names["volume"]], truth[OPTED_IN, names["cluster"]] = opted
        truth[OPTED_IN, names["deleting"]] = NOT_APPLICABLE
        truth[PROTECTS, plan_arn("p", account)] = selects
        truth[PROTECTS, plan_arn("empty", account)] = FAIL
        truth[MATCHES, f"{plan_arn('p', account)}#s1"] = selects
        truth[ROLE, f"{plan_arn('p', account)}#s1"] = FAIL  # it names no role
    for number, (answer, status) in enumerate(ROLES):
        truth[ROLE, _role(bundle, f"{330000000000 + number}", answer)] = status
    for number, (_, status) in enumerate(POLICIES):
        account = f"{340000000000 + number}"
        bundle.shard(account)
        truth[POLICY, f"aws:account:{account}"] = status
    return truth


def _resources(bundle: BundleBuilder, account: str, opt_in: dict[str, bool] | None) -> dict[str, str]:
    script = bundle.shard(account).volume("v", {"backup": "yes"}).volume("d", State="deleting").table("t")
    cluster = f"arn:aws:rds:{REGION}:{account}:cluster:c"
    told = {"DBClusterArn": cluster, "Status": "available", "Engine": "aurora-mysql", "TagList": []}
    script.listed("rds:DescribeDBClusters", told)
    if opt_in is None:
        script.call("backup:DescribeRegionSettings", error="AccessDeniedException")
    else:
        script.settings(**opt_in)
    return {
        "volume": volume_arn("v", account),
        "deleting": volume_arn("d", account),
        "gone": volume_arn("gone", account),
        "table": table_arn("t", account),
        "cluster": cluster,
    }


def _filled(entry: object, names: dict[str, str]) -> object:
    if not isinstance(entry, list):
        return entry
    return [names.get(one.strip("{}"), one) if isinstance(one, str) else one for one in entry]


def _role(bundle: BundleBuilder, account: str, answer: dict[str, Any] | str | None) -> str:
    """Let a selection name a role; give the selection."""
    arn = f"arn:aws:iam::{account}:role/service-role/Backup"
    script = bundle.account(account)
    if isinstance(answer, dict):
        role = {
            "Arn": arn,
            "RoleName": "Backup",
            "Path": "/service-role/",
            "AssumeRolePolicyDocument": answer,
        }
        script.call("iam:GetRole", {"Role": role}, RoleName="Backup")
    else:
        script.call("iam:GetRole", error=answer or "AccessDenied", RoleName="Backup")
        script.call("iam:ListRoles", error=answer or "AccessDenied")
    selection = {"Resources": ["*"], "IamRoleArn": arn}
    bundle.shard(account).plan("p", rules=[rule()], selections=[selection])
    return f"{plan_arn('p', account)}#s1"


def spoil(lines: Lines) -> Lines:
    """Add the organisation, whose management account was told what policy each member has."""
    told = with_organization(lines, {MANAGEMENT: "ACTIVE"})
    answers = [_policy(f"{340000000000 + number}", text) for number, (text, _) in enumerate(POLICIES)]
    return {**told, "evidence/org": [*told["evidence/org"], *answers]}


def _policy(account: str, content: str | None) -> Line:
    line: Line = {
        "service": "organizations",
        "operation": "DescribeEffectivePolicy",
        "parameters": {"PolicyType": "BACKUP_POLICY", "TargetId": account},
        "at": "2026-11-22T17:00:00.000Z",
        "response": {"EffectivePolicy": {"PolicyContent": content, "TargetId": account}},
    }
    if content is None:
        return refused(line)
    if content:
        return line
    error = {"code": "EffectivePolicyNotFoundException", "message": "no", "status": 400}
    return {key: value for key, value in line.items() if key != "response"} | {"error": error}
