"""Each read refused, never asked or half read, in turn: what it turns, and what it leaves alone."""

from collections.abc import Callable, Mapping
from typing import Final

from tests.contract.world import (
    ASSESSED,
    CROSS_ACCOUNT,
    CROSS_REGION,
    ENCRYPTED,
    EXISTS,
    FAIL,
    FREQUENT,
    IN_PLAN,
    KEPT,
    KEY,
    LOCKED,
    NOT_APPLICABLE,
    PASS,
    RECENT,
    UNDELETABLE,
    UNKNOWN,
    Truth,
    deny,
    policy,
    with_organization,
)
from tests.fakes.bundles import (
    FAR,
    MANAGEMENT,
    REGION,
    BundleBuilder,
    Line,
    Lines,
    copy_to,
    key_arn,
    plan_arn,
    refused,
    rule,
    table_arn,
    vault_arn,
    volume_arn,
)

Spoil = Callable[[list[Line]], list[Line]]
Changes = Mapping[tuple[str, str], str | None]
"""What turns, by control and short name of the subject. None: there is no such subject any more."""


def refuse(operation: str, word: str = "") -> Spoil:
    return lambda lines: [refused(line) if _is(line, operation, word) else line for line in lines]


def drop(operation: str, word: str = "") -> Spoil:
    return lambda lines: [line for line in lines if not _is(line, operation, word)]


def last_page_lost(operation: str) -> Spoil:
    """Name a next page in the answer that no line gives."""

    def spoil(lines: list[Line]) -> list[Line]:
        return [
            {**line, "response": {**line["response"], "NextToken": "lost"}} if _is(line, operation) else line
            for line in lines
        ]

    return spoil


def both(*spoils: Spoil) -> Spoil:
    def spoil(lines: list[Line]) -> list[Line]:
        for one in spoils:
            lines = one(lines)
        return lines

    return spoil


def narrowed(operation: str) -> Spoil:
    """Say that a list was asked with a filter: it says what there is, never that there is no more."""
    only = {"Filters": [{"Name": "tag:x", "Values": ["y"]}]}
    return lambda lines: [{**line, "parameters": only} if _is(line, operation) else line for line in lines]


def harmless(operation: str) -> Spoil:
    said = {"DryRun": False, "MaxResults": 7}
    return lambda lines: [{**line, "parameters": said} if _is(line, operation) else line for line in lines]


def repeated(at: str, *, allowed: bool) -> Spoil:
    """Add a second answer for the vault's policy: another policy, or a refusal."""
    response = {"response": {"Policy": policy(deny("backup:DeleteRecoveryPoint"))}}

    def spoil(lines: list[Line]) -> list[Line]:
        mine = next(line for line in lines if _is(line, "GetBackupVaultAccessPolicy", "main"))
        other = {**mine, **response, "at": at} if allowed else {**refused(mine), "at": at}
        return [other, *lines]

    return spoil


def supporting(*types: str) -> Spoil:
    """Add what AWS Backup says it supports in the Region."""
    line = {
        "service": "backup",
        "operation": "GetSupportedResourceTypes",
        "parameters": {},
        "at": "2026-11-22T17:00:00Z",
        "response": {"ResourceTypes": list(types)},
    }
    return lambda lines: [*lines, line]


def _is(line: Line, operation: str, word: str = "") -> bool:
    return bool(line["operation"] == operation and word in str(line["parameters"]))


UNCOVERED: Final = (IN_PLAN, CROSS_REGION, CROSS_ACCOUNT)
ALL_OPEN: Final = {(control, name): UNKNOWN for control in UNCOVERED for name in ("v1", "v2", "tb")}
NO_COPY: Final = {(EXISTS, "copy"): None, (KEY, "copy"): None, (LOCKED, "far"): UNKNOWN}
PLAN_UNREAD: Final = {(control, name): UNKNOWN for control in UNCOVERED for name in ("v1", "tb")}
S1_UNREAD: Final = {(control, name): UNKNOWN for control in UNCOVERED for name in ("v1", "v2")} | {
    (CROSS_ACCOUNT, "tb"): UNKNOWN
}
NO_POINTS: Final = {
    **{(RECENT, name): UNKNOWN for name in ("v1", "v2", "tb")},
    **{(control, name): None for control in (ENCRYPTED, KEPT) for name in ("p1", "p2")},
}
NO_VOLUMES: Final = {
    (control, name): None
    for control in (IN_PLAN, RECENT, CROSS_REGION, CROSS_ACCOUNT)
    for name in ("v1", "v2")
}
FAR_UNSEEN: Final = {
    (EXISTS, "copy"): UNKNOWN,
    (CROSS_REGION, "v1"): UNKNOWN,
    (CROSS_REGION, "tb"): UNKNOWN,
    (UNDELETABLE, "far"): None,
    (LOCKED, "far"): None,
    (ASSESSED, "near-region"): PASS,
    (ASSESSED, "far-region"): FAIL,
}
NOTHING: Final = {(ASSESSED, "near-region"): PASS}

# (what is spoilt, in which Region, what it changes); the near Region is then not assessed, unless said.
CELLS: Final[tuple[tuple[Spoil, str, Changes], ...]] = (
    (lambda lines: lines, REGION, NOTHING),
    (refuse("ListBackupPlans"), REGION, {**ALL_OPEN, **NO_COPY, (FREQUENT, "plan"): None}),
    (refuse("GetBackupPlan"), REGION, {**PLAN_UNREAD, **NO_COPY, (FREQUENT, "plan"): UNKNOWN}),
    (drop("GetBackupPlan"), REGION, {**PLAN_UNREAD, **NO_COPY, (FREQUENT, "plan"): UNKNOWN}),
    (refuse("ListBackupSelections"), REGION, ALL_OPEN),
    (refuse("GetBackupSelection", "s1"), REGION, S1_UNREAD),
    (drop("GetBackupSelection", "s1"), REGION, S1_UNREAD),
    (
        last_page_lost("ListBackupSelections"),
        REGION,
        {(IN_PLAN, "v2"): UNKNOWN, (CROSS_REGION, "v2"): UNKNOWN}
        | {(CROSS_ACCOUNT, name): UNKNOWN for name in ("v1", "v2", "tb")},
    ),
    (
        last_page_lost("ListBackupPlans"),
        REGION,
        {(IN_PLAN, "v2"): UNKNOWN, (CROSS_REGION, "v2"): UNKNOWN}
        | {(CROSS_ACCOUNT, name): UNKNOWN for name in ("v1", "v2", "tb")},
    ),
    (
        both(
            refuse("ListBackupVaults"),
            drop("GetBackupVaultAccessPolicy"),
            drop("ListRecoveryPointsByBackupVault"),
        ),
        REGION,
        {**NO_POINTS, (UNDELETABLE, "main"): None, (LOCKED, "main"): None},
    ),
    (refuse("ListRecoveryPointsByBackupVault"), REGION, NO_POINTS),
    (drop("ListRecoveryPointsByBackupVault"), REGION, NO_POINTS),
    (last_page_lost("ListRecoveryPointsByBackupVault"), REGION, {(RECENT, "v2"): UNKNOWN}),
    (refuse("GetBackupVaultAccessPolicy"), REGION, {(UNDELETABLE, "main"): UNKNOWN}),
    (drop("GetBackupVaultAccessPolicy"), REGION, {(UNDELETABLE, "main"): UNKNOWN}),
    (refuse("DescribeRegionSettings"), REGION, {(control, "tb"): UNKNOWN for control in UNCOVERED}),
    (refuse("DescribeVolumes"), REGION, NO_VOLUMES),
    (drop("DescribeVolumes"), REGION, NO_VOLUMES),
    (narrowed("DescribeVolumes"), REGION, {}),
    (harmless("DescribeVolumes"), REGION, NOTHING),
    (repeated("2026-11-22T17:59:00Z", allowed=False), REGION, NOTHING),
    (repeated("2026-11-22T17:59:00Z", allowed=True), REGION, {**NOTHING, (UNDELETABLE, "main"): FAIL}),
    (repeated("2026-11-22T01:00:00Z", allowed=True), REGION, NOTHING),
    (refuse("DescribeStacks"), REGION, {}),
    (drop("ListNamespaces"), REGION, {}),
    (both(drop("DescribeClusters"), supporting("EBS", "EC2", "DynamoDB")), REGION, NOTHING),
    (both(refuse("DescribeClusters"), supporting("EBS", "EC2", "DynamoDB")), REGION, {}),
    (both(drop("DescribeClusters"), supporting("EBS", "EC2", "DynamoDB", "Redshift")), REGION, {}),
    (supporting("EBS", "Tomorrow"), REGION, NOTHING),
    (both(refuse("ListBackupVaults"), drop("GetBackupVaultAccessPolicy")), FAR, FAR_UNSEEN),
    (lambda _: [], FAR, FAR_UNSEEN),  # the shard is missing
)


def build(bundle: BundleBuilder) -> Truth:
    truth: Truth = {}
    for number, (_, _, changes) in enumerate(CELLS):
        expected, names = _cell(bundle, account_of(number))
        turned = {(control, names[name]): status for (control, name), status in changes.items()}
        turned.setdefault((ASSESSED, names["near-region"]), FAIL)
        truth |= {subject: status for subject, status in (expected | turned).items() if status is not None}
    return truth


def account_of(number: int) -> str:
    return f"{310000000000 + number}"


def spoil(lines: Lines) -> Lines:
    for number, (one, region, _) in enumerate(CELLS):
        stem = f"evidence/{account_of(number)}/{region}"
        left = one(lines[stem])
        lines = {key: value for key, value in lines.items() if key != stem} | ({stem: left} if left else {})
    members = {MANAGEMENT: "ACTIVE"} | {account_of(number): "ACTIVE" for number in range(len(CELLS))}
    return with_organization(lines, members)


def _cell(bundle: BundleBuilder, account: str) -> tuple[dict[tuple[str, str], str | None], dict[str, str]]:
    """A table by tag and a volume by ARN are backed up and copied to the far Region; v2 is not."""
    far = vault_arn("far", account, FAR)
    names = {
        "v1": volume_arn("v1", account),
        "v2": volume_arn("v2", account),
        "tb": table_arn("tb", account),
        "plan": plan_arn("p", account),
        "main": vault_arn("main", account),
        "far": far,
        "copy": f"{plan_arn('p', account)}#rule-daily->{far}",
        "p1": f"arn:aws:ec2:{REGION}::snapshot/snap-{account}",
        "p2": f"arn:aws:backup:{REGION}:{account}:recovery-point:tb",
        "near-region": f"aws:account-region:{account}/{REGION}",
        "far-region": f"aws:account-region:{account}/{FAR}",
    }
    tags = {"ConditionType": "STRINGEQUALS", "ConditionKey": "backup", "ConditionValue": "yes"}
    script = bundle.shard(account, page=100)
    script.key("k1").vault("main", key=key_arn("k1", account), policy=policy(deny()), Locked=True)
    script.volume("v1").volume("v2").table("tb", {"backup": "yes"})
    script.point("main", names["v1"], arn=names["p1"]).point("main", names["tb"], arn=names["p2"])
    script.plan(
        "p",
        rules=[rule(CopyActions=[copy_to(far, 35)])],
        selections=[{"Resources": [names["v1"]]}, {"ListOfTags": [tags]}],
    )
    bundle.shard(account, FAR).vault("far", policy=policy(deny()), Locked=True, MinRetentionDays=7)
    return {(control, names[name]): status for (control, name), status in HAPPY.items()}, names


HAPPY: Final[Changes] = {
    (IN_PLAN, "v1"): PASS,
    (IN_PLAN, "v2"): FAIL,
    (IN_PLAN, "tb"): PASS,
    (RECENT, "v1"): PASS,
    (RECENT, "v2"): FAIL,
    (RECENT, "tb"): PASS,
    (FREQUENT, "plan"): PASS,
    (UNDELETABLE, "main"): PASS,
    (UNDELETABLE, "far"): PASS,
    (LOCKED, "main"): PASS,
    (LOCKED, "far"): PASS,
    (ENCRYPTED, "p1"): PASS,
    (ENCRYPTED, "p2"): PASS,
    (KEPT, "p1"): PASS,
    (KEPT, "p2"): PASS,
    (CROSS_REGION, "v1"): PASS,
    (CROSS_REGION, "v2"): NOT_APPLICABLE,
    (CROSS_REGION, "tb"): PASS,
    (CROSS_ACCOUNT, "v1"): FAIL,
    (CROSS_ACCOUNT, "v2"): NOT_APPLICABLE,
    (CROSS_ACCOUNT, "tb"): FAIL,
    (EXISTS, "copy"): PASS,
    (KEY, "copy"): NOT_APPLICABLE,
    (ASSESSED, "far-region"): PASS,
}
