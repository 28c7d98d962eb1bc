"""What a type can: copies that it supports, cold storage, continuous backups; each with reads left out."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tests.contract.world import FAIL, NOT_APPLICABLE, PASS, UNKNOWN, Truth
from tests.fakes.bundles import (
    ACCOUNT,
    FAR,
    OTHER,
    REGION,
    BundleBuilder,
    Lines,
    ShardScript,
    copy_to,
    instance_arn,
    plan_arn,
    rule,
    table_arn,
    vault_arn,
    volume_arn,
    without,
)

SUPPORTED: Final = "copy-supported"
COLD: Final = "rule-lifecycle-supported"
CONTINUOUS: Final = "resource-continuous-backup"

P, F, N, U = PASS, FAIL, NOT_APPLICABLE, UNKNOWN


def database_arn(name: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:rds:{REGION}:{account}:db:{name}"


VOLUME, PLAIN, SOLD, TABLE, DATABASE = "volume", "plain", "sold", "table", "database"


def arns(account: str) -> Mapping[str, str]:
    return {
        VOLUME: volume_arn("vol-1", account),
        PLAIN: instance_arn("i-plain", account),
        SOLD: instance_arn("i-sold", account),
        TABLE: table_arn("t-1", account),
        DATABASE: database_arn("db", account),
    }


# (what a rule covers; whether a copy to another Region is supported, one to another account, cold storage)
# of an account whose tables have advanced features, basic ones, and untold ones
COVERED: Final[tuple[tuple[tuple[str, ...], str, str, str], ...]] = (
    ((VOLUME,), "PPP", "PPP", "PPP"),
    ((PLAIN,), "PPP", "PPP", "FFF"),
    ((SOLD,), "PPP", "FFF", "FFF"),
    ((TABLE,), "PFU", "PFU", "PFU"),
    ((DATABASE,), "PPP", "PPP", "FFF"),
    ((VOLUME, TABLE), "PFU", "PFU", "PPP"),
    ((SOLD, TABLE), "PFU", "FFF", "PFU"),
    ((DATABASE, TABLE), "PFU", "PFU", "PFU"),
    ((), "NNN", "NNN", "NNN"),
)
SETTINGS: Final = ("520000000001", "520000000002", "520000000003")
UNREAD: Final = "520000000004"
VERDICT: Final = {"P": P, "F": F, "N": N, "U": U}


def kinds(bundle: BundleBuilder) -> Truth:
    truth = Truth()
    for column, account in enumerate(SETTINGS):
        shard = _account(bundle, account)
        if column == len(SETTINGS) - 1:
            shard.call("backup:DescribeRegionSettings", error="AccessDeniedException")
        else:
            shard.settings(managed=column == 0)
        for number, (covered, *columns) in enumerate(COVERED):
            verdicts = [VERDICT[letters[column]] for letters in columns]
            truth |= _asked(shard, f"p{number}", covered, verdicts)
    return truth | _kinds_unread(bundle)


def _account(bundle: BundleBuilder, account: str) -> ShardScript:
    bundle.shard(account, FAR).vault("far")
    bundle.shard(OTHER).vault("away")
    shard = bundle.shard(account, page=3).vault("main").volume("vol-1").instance("i-plain")
    shard.instance("i-sold", ProductCodes=[{"ProductCodeId": "x", "ProductCodeType": "marketplace"}])
    database = {"DBInstanceIdentifier": "db", "Engine": "mysql", "DBInstanceStatus": "available"}
    row = {**database, "DBInstanceArn": database_arn("db", account), "TagList": [], "StorageEncrypted": False}
    return shard.table("t-1").listed("rds:DescribeDBInstances", row)


def _asked(shard: ShardScript, plan: str, covered: Sequence[str], verdicts: Sequence[str]) -> Truth:
    """Ask of a plan with one rule that moves to cold storage and copies to a Region and to an account."""
    account = shard.account
    region, other = vault_arn("far", account, FAR), vault_arn("away", OTHER)
    archived = {"MoveToColdStorageAfterDays": 30, "OptInToArchiveForSupportedResources": True}
    lifecycle = {**archived, "DeleteAfterDays": 365}
    terms = rule(Lifecycle=lifecycle, CopyActions=[copy_to(region, 35), copy_to(other, 35)])
    named = [arns(account)[name] for name in covered] or [volume_arn("vol-gone", account)]
    shard.plan(plan, rules=[terms], selections=[{"Resources": named}])
    subject = f"{plan_arn(plan, account)}#rule-daily"
    near, far, cold = verdicts
    return {
        (SUPPORTED, f"{subject}->{region}"): near,
        (SUPPORTED, f"{subject}->{other}"): far,
        (COLD, subject): cold,
    }


def _kinds_unread(bundle: BundleBuilder) -> Truth:
    """The databases are not listed: what is known to be covered decides where it can."""
    shard = _account(bundle, UNREAD).settings(managed=False)
    truth = Truth()
    for name, covered, verdicts in (
        ("known", (VOLUME,), (P, P, P)),
        ("table-and-unseen", (TABLE, DATABASE), (F, F, U)),
        ("volume-and-unseen", (VOLUME, DATABASE), (U, U, P)),
        ("unseen", (DATABASE,), (U, U, U)),
    ):
        truth |= _asked(shard, name, covered, verdicts)
    return truth


def without_databases(lines: Lines) -> Lines:
    stem = f"evidence/{UNREAD}/{REGION}"
    return lines | without({stem: lines[stem]}, "rds:DescribeDBInstances")


Cell = tuple[str, tuple[dict[str, Any], ...], str]
ALWAYS: Final[dict[str, Any]] = {"EnableContinuousBackup": True}
# (name, the rules that cover it, the verdict)
DATABASES: Final[tuple[Cell, ...]] = (
    ("always", (ALWAYS,), P),
    ("snapshots", ({},), F),
    ("both", ({}, ALWAYS), P),
    ("switched-off", ({"EnableContinuousBackup": False},), F),
    ("uncovered", (), F),
)
# (account, the operation left out, verdicts on databases that are backed up always, by snapshots, not)
BLIND: Final = (
    ("530000000001", "ListBackupPlans", (U, U, U)),
    ("530000000002", "GetBackupPlan", (U, U, F)),
    ("530000000003", "GetBackupSelection", (U, U, U)),
    ("530000000004", "ListRecoveryPointsByBackupVault", (P, F, F)),
)


def continuous(bundle: BundleBuilder) -> Truth:
    shard = bundle.shard(page=3).vault("main").volume("vol-1")
    truth = _databases(shard, DATABASES)
    for account, _, verdicts in BLIND:
        always, snapshots, uncovered = verdicts
        rows: list[Cell] = [("always", (ALWAYS,), always), ("snapshots", ({},), snapshots)]
        there = bundle.shard(account).vault("main")
        truth |= _databases(there, [*rows, ("uncovered", (), uncovered)])
    shard.plan("volumes", rules=[rule(**ALWAYS)], selections=[{"Resources": [volume_arn("vol-1")]}])
    return truth | {(CONTINUOUS, volume_arn("vol-1")): N}


def _databases(shard: ShardScript, cells: Sequence[Cell]) -> Truth:
    truth = Truth()
    for name, terms, verdict in cells:
        arn = database_arn(name, shard.account)
        told = {"DBInstanceIdentifier": name, "DBInstanceArn": arn, "Engine": "postgres", "TagList": []}
        shard.listed("rds:DescribeDBInstances", {**told, "DBInstanceStatus": "available"})
        truth[CONTINUOUS, arn] = verdict
        if terms:
            rules = [rule(f"r{number}", **more) for number, more in enumerate(terms)]
            shard.plan(name, rules=rules, selections=[{"Resources": [arn]}])
    return truth


def blind(lines: Lines) -> Lines:
    """Leave out what the accounts of BLIND did not read."""
    left = dict(lines)
    for account, operation, _ in BLIND:
        stem = f"evidence/{account}/{REGION}"
        left[stem] = without({stem: lines[stem]}, f"backup:{operation}")[stem]
    return left
