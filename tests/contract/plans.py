"""Rulings 3, 5 and 8: how often a plan starts, who covers whom, and in which states that is asked."""

from typing import Any, Final

from tests.contract.world import (
    FAIL,
    FREQUENT,
    IN_PLAN,
    NOT_APPLICABLE,
    PASS,
    UNKNOWN,
    Truth,
    with_organization,
)
from tests.fakes.bundles import (
    ACCOUNT,
    FAR,
    MANAGEMENT,
    REGION,
    BundleBuilder,
    Lines,
    instance_arn,
    plan_arn,
    rule,
    table_arn,
    volume_arn,
)

P, F, N, U = PASS, FAIL, NOT_APPLICABLE, UNKNOWN
Rule = dict[str, Any]


def at(schedule: str, days: int | None = 35, **more: Any) -> Rule:
    return rule(days=days, ScheduleExpression=schedule, **more)


DAILY, WEEKDAYS = "cron(0 5 ? * * *)", "cron(0 5 ? * MON-FRI *)"

# (rules, by default, with max_interval_hours 72 and min_retention_days 7)
PLANS: Final[tuple[tuple[tuple[Rule, ...], str, str], ...]] = (
    ((at(DAILY),), P, P),
    ((at(DAILY, 34),), F, P),
    ((at(DAILY, None),), P, P),
    ((at(DAILY, -1),), P, P),
    (({**at(DAILY), "ScheduleExpression": None},), P, P),
    ((at("0 5 ? * * *"),), P, P),
    ((at(WEEKDAYS),), F, P),
    ((at(WEEKDAYS), at("cron(0 5 ? * SAT,SUN *)")), F, P),
    ((at(DAILY, 7), at("cron(0 5 1 * ? *)", 365)), F, P),
    ((at("cron(0 0/12 * * ? *)"),), P, P),
    ((at("cron(0 5 */2 * ? *)"),), F, P),
    ((at("cron(0 5 * JAN-NOV ? *)"),), F, F),
    ((at("cron(0 0 31 2 ? *)"),), F, F),
    ((at("cron(0 5 * * ? 2020)"),), F, F),
    ((at(DAILY, ScheduleExpressionTimezone="Europe/Berlin"),), P, P),
    ((at("cron(0 5 L * ? *)"),), F, F),
)


def frequencies(column: int) -> Any:
    def build(bundle: BundleBuilder) -> Truth:
        script, truth = bundle.shard(page=4), Truth()
        script.vault("main")
        for number, (rules, *expected) in enumerate(PLANS):
            named = [{**one, "RuleId": f"r{at}"} for at, one in enumerate(rules)]
            script.plan(f"p{number}", rules=named)
            truth[FREQUENT, plan_arn(f"p{number}")] = expected[column]
        return truth

    return build


STACK: Final = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/app/1"
GONE: Final = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/app/0"
LEFTOVER: Final = "awsbackup-restore-test"


def attached(*instances: str, state: str = "attached") -> dict[str, Any]:
    return {"Attachments": [{"InstanceId": one, "State": state} for one in instances]}


# Resources that the plan names, and those that it does not: (kind, name, row, status, not inherited)
NAMED: Final[tuple[tuple[str, str, dict[str, Any], str, str], ...]] = (
    ("instance", "i-1", {}, P, P),
    ("instance", "i-stopped", {"State": {"Name": "stopped"}}, P, P),
    ("instance", "i-gone", {"State": {"Name": "terminated"}}, N, N),
    ("volume", "v-own", attached("i-2"), P, P),
    ("volume", "v-deleting", {"State": "deleting"}, N, N),
    ("table", "t-1", {}, P, P),
    ("table", "t-deleting", {"TableStatus": "DELETING"}, N, N),
)
UNNAMED: Final[tuple[tuple[str, str, dict[str, Any], str, str], ...]] = (
    ("instance", "i-2", {}, F, F),
    ("volume", "v-of-1", attached("i-1"), P, F),
    ("volume", "v-of-stopped", attached("i-stopped"), P, F),
    ("volume", "v-of-2", attached("i-2"), F, F),
    ("volume", "v-of-both", attached("i-2", "i-1"), P, F),
    ("volume", "v-detached", attached("i-1", state="detached"), F, F),
    ("volume", "v-of-stack", {"tags": {"aws:cloudformation:stack-id": STACK}}, P, F),
    ("volume", "v-left-behind", {"tags": {"aws:cloudformation:stack-id": GONE}}, F, F),
    ("volume", "v-leftover", {"tags": {LEFTOVER: "x"}}, N, N),
    ("table", f"{LEFTOVER}-t", {}, N, N),
    ("table", f"my-{LEFTOVER}", {}, F, F),
)
ARNS: Final = {"instance": instance_arn, "volume": volume_arn, "table": table_arn}


def states(*, inherited: bool) -> Any:
    def build(bundle: BundleBuilder) -> Truth:
        script, truth = bundle.shard(page=3), Truth()
        script.vault("main").point("main", volume_arn("known-from-a-point-only"))
        for kind, name, row, with_it, without_it in (*NAMED, *UNNAMED):
            getattr(script, kind)(name, **row)
            truth[IN_PLAN, ARNS[kind](name)] = with_it if inherited else without_it
        script.listed("rds:DescribeDBInstances", *_database("member", "au"), *_database("alone"))
        truth[IN_PLAN, f"arn:aws:rds:{REGION}:{ACCOUNT}:db:alone"] = F
        script.listed(
            "cloudformation:DescribeStacks",
            {"StackId": STACK, "StackName": "app", "StackStatus": "UPDATE_COMPLETE"},
        )
        truth[IN_PLAN, STACK] = P
        resources = [ARNS[kind](name) for kind, name, *_ in NAMED]
        script.plan("p", rules=[rule()], selections=[{"Resources": [*resources, STACK, GONE]}])
        return truth

    return build


def _database(name: str, cluster: str | None = None) -> list[dict[str, Any]]:
    arn = f"arn:aws:rds:{REGION}:{ACCOUNT}:db:{name}"
    told = {
        "DBInstanceIdentifier": name,
        "DBInstanceArn": arn,
        "DBInstanceStatus": "stopped",
        "Engine": "mysql",
    }
    return [{**told, **({"DBClusterIdentifier": cluster} if cluster else {})}]


MEMBERS: Final = {"by-tag": "410000000001", "by-arn": "410000000002", "far": "410000000003"}
BY_TAG: Final = {"ConditionType": "STRINGEQUALS", "ConditionKey": "backup", "ConditionValue": "yes"}


def organization_plans(bundle: BundleBuilder) -> Truth:
    """Ruling 3: for an Organizations plan the management account's opt-in of that Region decides."""
    truth: Truth = {}
    bundle.shard(MANAGEMENT).settings(EBS=False, DynamoDB=True)
    bundle.shard(MANAGEMENT, FAR).call("backup:DescribeRegionSettings", error="AccessDeniedException")
    cases: tuple[tuple[str, str, dict[str, Any], dict[str, bool], str, str], ...] = (
        ("by-tag", REGION, {"ListOfTags": [BY_TAG]}, {"EBS": True, "DynamoDB": False}, F, P),
        ("by-arn", REGION, {"Resources": ["arn:aws:ec2:*:*:volume/*"]}, {"EBS": False}, P, F),
        ("far", FAR, {"ListOfTags": [BY_TAG]}, {}, U, U),
    )
    for name, region, terms, own, volume, table in cases:
        account, plan = MEMBERS[name], f"orgs/{name}"
        script = bundle.shard(account, region).settings(**own).vault("main")
        script.volume("v", {"backup": "yes"}).table("t", {"backup": "yes"})
        script.plan(plan, rules=[rule()], selections=[terms])
        truth[IN_PLAN, volume_arn("v", account, region)] = volume
        truth[IN_PLAN, table_arn("t", account, region)] = table
        truth[FREQUENT, plan_arn(plan, account, region)] = P
    return truth


def in_organization(lines: Lines) -> Lines:
    return with_organization(lines, dict.fromkeys((MANAGEMENT, *MEMBERS.values()), "ACTIVE"))
