"""Roles that AWS Backup can assume, what selections and plans take, policies that reach accounts."""

import json
from typing import Any, Final

from tests.contract.world import FAIL, PASS, UNKNOWN, Truth
from tests.fakes.bundles import ACCOUNT, MANAGEMENT, REGION, BundleBuilder, Lines, plan_arn, rule, volume_arn

ROLE: Final = "selection-role-usable"
PROTECTS: Final = "plan-protects-something"
MATCHES: Final = "selection-matches-resources"
REACHED: Final = "account-backup-policy"

P, F, U = PASS, FAIL, UNKNOWN
BACKUP: Final = {"Service": "backup.amazonaws.com"}


def trust(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def lets(
    principal: Any = None, action: Any = "sts:AssumeRole", effect: str = "Allow", **more: Any
) -> dict[str, Any]:
    return {
        "Effect": effect,
        "Principal": BACKUP if principal is None else principal,
        "Action": action,
        **more,
    }


# (name, trust policy, verdict)
NO_POLICIES: Final = ("<html><body>Try later.</body></html>", "[]", "35", "", '"text"', "null")
"""Texts that are no policy: an error page, JSON of another kind, nothing."""

ROLES: Final[tuple[tuple[str, Any, str], ...]] = (
    *((f"no-policy-{number}", text, U) for number, text in enumerate(NO_POLICIES)),
    ("a-list", [trust(lets())], U),
    ("a-number", 35, U),
    ("plain", trust(lets()), P),
    ("several", trust(lets({"Service": ["ec2.amazonaws.com", "backup.amazonaws.com"]})), P),
    ("second-statement", trust(lets({"Service": "ec2.amazonaws.com"}), lets()), P),
    ("ec2", trust(lets({"Service": "ec2.amazonaws.com"})), F),
    ("account", trust(lets({"AWS": f"arn:aws:iam::{ACCOUNT}:root"})), F),
    ("all-of-sts", trust(lets(action="sts:*")), P),
    ("case", trust(lets(action="STS:assumerole")), P),
    ("tag-session", trust(lets(action=["sts:TagSession", "sts:AssumeRole"])), P),
    ("only-tag-session", trust(lets(action="sts:TagSession")), F),
    ("saml", trust(lets(action="sts:AssumeRoleWithSAML")), F),
    ("denied", trust(lets(), lets(effect="Deny")), F),
    ("denied-to-others", trust(lets(), lets({"Service": "ec2.amazonaws.com"}, effect="Deny")), P),
    ("nobody", trust(), F),
    ("single", {"Version": "2012-10-17", "Statement": lets()}, P),
)


def role_arn(name: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:iam::{account}:role/service-role/{name}"


def roles(bundle: BundleBuilder) -> Truth:
    shard, truth = bundle.shard().vault("main"), Truth()
    bundle.account().page = 3
    names = [*(name for name, *_ in ROLES), "gone"]
    for name, text, _ in ROLES:
        row = {"RoleName": name, "Path": "/service-role/", "Arn": role_arn(name)}
        bundle.account().listed("iam:ListRoles", {**row, "AssumeRolePolicyDocument": text})
    selections = [{"Resources": ["*"], "IamRoleArn": role_arn(name)} for name in names]
    shard.plan("p", rules=[rule()], selections=selections)
    for number, verdict in enumerate((*(verdict for *_, verdict in ROLES), F), start=1):
        truth[ROLE, f"{plan_arn('p')}#s{number}"] = verdict
    return truth | _roles_unread(bundle)


def _roles_unread(bundle: BundleBuilder) -> Truth:
    truth = Truth()
    for account, refused in (("430000000001", True), ("430000000002", False)):
        script = bundle.account(account)
        row = {"RoleName": "seen", "Path": "/service-role/", "Arn": role_arn("seen", account)}
        cut = {
            "Roles": [{**row, "AssumeRolePolicyDocument": trust(lets())}],
            "IsTruncated": True,
            "Marker": "m",
        }
        if refused:
            script.call("iam:ListRoles", error="AccessDenied")
        else:
            script.call("iam:ListRoles", cut)
        selections = [
            {"Resources": ["*"], "IamRoleArn": role_arn(name, account)} for name in ("seen", "unseen")
        ]
        bundle.shard(account).plan("p", rules=[rule()], selections=selections)
        truth[ROLE, f"{plan_arn('p', account)}#s1"] = U if refused else P
        truth[ROLE, f"{plan_arn('p', account)}#s2"] = U
    return truth


TAGGED: Final = {
    "ListOfTags": [{"ConditionType": "STRINGEQUALS", "ConditionKey": "k", "ConditionValue": "v"}]
}
NAMED: Final = {"Resources": [volume_arn("vol-1")]}
NOTHING: Final = {"Resources": [volume_arn("vol-gone")]}
TABLES: Final = {"Resources": ["arn:aws:dynamodb:*:*:table/*"]}
FAR: Final = {"Resources": ["arn:aws:ec2:us-east-1:*:volume/*"]}
# (name, the selections, what each of them matches, whether the plan protects something)
PLANS: Final[tuple[tuple[str, tuple[dict[str, Any], ...], tuple[str, ...], str], ...]] = (
    ("named", (NAMED,), (P,), P),
    ("tagged", (TAGGED,), (P,), P),
    ("everything", ({"Resources": ["*"]},), (P,), P),
    ("empty", (), (), F),
    ("gone", (NOTHING,), (F,), F),
    ("far", (FAR,), (F,), F),
    ("one-of-two", (NOTHING, NAMED), (F, P), P),
    ("excluded", ({**NAMED, "NotResources": [volume_arn("vol-1")]},), (F,), F),
    ("no-tables", (TABLES,), (F,), F),
    ("skipped", ({"Resources": [volume_arn("vol-deleting")]},), (F,), F),
)
# (account, the operation left out, verdicts on its plans `named` and `tables`, and on their selections)
BLIND: Final = (
    ("440000000001", "DescribeVolumes", (U, F), (U, F)),
    ("440000000002", "ListTables", (P, U), (P, U)),
    ("440000000003", "GetBackupSelection", (U, U), (U, U)),
    ("440000000004", "ListBackupSelections", (U, U), ()),
    ("440000000005", "GetBackupPlan", (U, U), (P, F)),
    ("440000000006", "DescribeRegionSettings", (P, F), (P, F)),
)


def plans(bundle: BundleBuilder) -> Truth:
    shard, truth = bundle.shard().vault("main").volume("vol-1", {"k": "v"}), Truth()
    shard.volume("vol-deleting", State="deleting")
    for name, selections, matches, protects in PLANS:
        shard.plan(name, rules=[rule()], selections=selections)
        truth[PROTECTS, plan_arn(name)] = protects
        truth |= {(MATCHES, f"{plan_arn(name)}#s{at}"): v for at, v in enumerate(matches, start=1)}
    return truth | _plans_unread(bundle)


def _plans_unread(bundle: BundleBuilder) -> Truth:
    truth = Truth()
    for account, _, protects, matches in BLIND:
        script = bundle.shard(account).vault("main").volume("vol-1")
        script.plan("named", rules=[rule()], selections=[{"Resources": [volume_arn("vol-1", account)]}])
        script.plan("tables", rules=[rule()], selections=[TABLES])
        plans = [plan_arn(name, account) for name in ("named", "tables")]
        truth |= {(PROTECTS, plan): verdict for plan, verdict in zip(plans, protects, strict=True)}
        truth |= {(MATCHES, f"{plan}#s1"): verdict for plan, verdict in zip(plans, matches, strict=False)}
    return truth


def blind(lines: Lines) -> Lines:
    left = dict(lines)
    for account, operation, *_ in BLIND:
        stem = f"evidence/{account}/{REGION}"
        left[stem] = [line for line in lines[stem] if line["operation"] != operation]
        assert left[stem] != lines[stem]
    return left


DAILY: Final = {
    "regions": [REGION],
    "rules": {"r": {"schedule_expression": "cron(0 5 ? * * *)", "target_backup_vault_name": "main"}},
    "selections": {
        "tags": {"t": {"iam_role_arn": "arn:aws:iam::$account:role/b", "tag_key": "k", "tag_value": ["v"]}}
    },
}
CONTENT: Final = json.dumps({"plans": {"daily": DAILY}})
# (account, what DescribeEffectivePolicy says: the content, or an error's code; the verdict)
REACHES: Final = (
    ("450000000001", CONTENT, "", P),
    ("450000000002", "", "EffectivePolicyNotFoundException", F),
    ("450000000003", "", "AccessDeniedException", U),
    ("450000000004", "", "", U),
    ("450000000005", json.dumps({"plans": {}}), "", F),
    ("450000000007", "{}", "", F),
    ("450000000008", json.dumps({"plans": ["daily"]}), "", U),
    ("450000000009", json.dumps({"plans": {"daily": 35}}), "", U),
    ("450000000010", json.dumps({"Statement": []}), "", U),
    *((f"45000000002{number}", text, "", U) for number, text in enumerate(NO_POLICIES)),
    ("450000000030", None, "", U),
)
SUSPENDED: Final = "450000000006"
NEVER_ASKED: Final = "450000000004"


def policies(bundle: BundleBuilder) -> Truth:
    truth = Truth()
    org = bundle.organization(MANAGEMENT, *(account for account, *_ in REACHES))
    org.listed("organizations:ListAccounts", {"Id": SUSPENDED, "Name": "x", "Status": "SUSPENDED"})
    for account, content, error, verdict in REACHES:
        bundle.shard(account)
        told: dict[str, Any] = {"PolicyType": "BACKUP_POLICY", "TargetId": account}
        if error:
            org.call("organizations:DescribeEffectivePolicy", error=error, **told)
        elif account != NEVER_ASKED:
            policy = {"PolicyContent": content, "TargetId": account, "PolicyType": "BACKUP_POLICY"}
            org.call("organizations:DescribeEffectivePolicy", {"EffectivePolicy": policy}, **told)
        truth[REACHED, f"aws:account:{account}"] = verdict
    bundle.manifest["scope"]["excluded"] = [{"account": SUSPENDED, "reason": "SUSPENDED"}]
    return truth
