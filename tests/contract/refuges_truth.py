"""What is left after the loss of a Region, an account or a key; and 3-2-1-1-0."""

from collections.abc import Mapping
from typing import Any, Final

from tests.contract.world import FAIL, NOT_APPLICABLE, PASS, RECENT, UNKNOWN, Truth, allow, policy
from tests.fakes.bundles import (
    ACCOUNT,
    FAR,
    MANAGEMENT,
    OTHER,
    REGION,
    BundleBuilder,
    Lines,
    admits,
    copy_to,
    key_arn,
    rule,
    shares_key,
    stamp,
    vault_arn,
    volume_arn,
)

REGION_LOSS: Final = "survives-region-loss"
COMPROMISE: Final = "survives-account-compromise"
KEY_LOSS: Final = "survives-key-loss"
THREE_TWO_ONE: Final = "three-two-one-one-zero"

P, F, N, U = PASS, FAIL, NOT_APPLICABLE, UNKNOWN
COMPLIANCE: Final[dict[str, Any]] = {
    "Locked": True,
    "LockDate": stamp(48),
    "MinRetentionDays": 1,
    "MaxRetentionDays": 400,
}
GRACE: Final = COMPLIANCE | {"LockDate": stamp(-48)}
GOVERNANCE: Final = {"Locked": True, "MinRetentionDays": 1, "MaxRetentionDays": 400}
AIR_GAPPED: Final = COMPLIANCE | {"VaultType": "LOGICALLY_AIR_GAPPED_BACKUP_VAULT", "MinRetentionDays": 7}
RESTORE_ACCESS: Final = {"VaultType": "RESTORE_ACCESS_BACKUP_VAULT"}
ROOT: Final = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
DELETES: Final = policy(allow(ROOT, ["backup:CopyIntoBackupVault", "backup:DeleteRecoveryPoint"]))
UNSEEN: Final = vault_arn("any", "555555555555", FAR)
GONE: Final = vault_arn("gone", region=FAR)

# vault: (account, Region, what the list tells, its policy)
VAULTS: Final[Mapping[str, tuple[str, str, Mapping[str, Any], str | None]]] = {
    "main": (ACCOUNT, REGION, {}, None),
    "graced": (ACCOUNT, REGION, GRACE, None),
    "governed": (ACCOUNT, REGION, GOVERNANCE, None),
    "sealed": (ACCOUNT, REGION, COMPLIANCE, None),
    "gapped": (ACCOUNT, REGION, AIR_GAPPED, None),
    "far": (ACCOUNT, FAR, {}, None),
    "far-sealed": (ACCOUNT, FAR, COMPLIANCE, None),
    "away": (OTHER, REGION, {}, admits(ACCOUNT)),
    "away-open": (OTHER, REGION, {}, DELETES),
    "away-closed": (OTHER, REGION, {}, None),
    "both": (OTHER, FAR, {}, admits(ACCOUNT)),
    "both-sealed": (OTHER, FAR, COMPLIANCE, admits(ACCOUNT)),
    "access": (ACCOUNT, REGION, RESTORE_ACCESS, None),
    "away-access": (OTHER, REGION, RESTORE_ACCESS, None),
}


def at(name: str) -> str:
    account, region, *_ = VAULTS[name]
    return vault_arn(name, account, region)


# (name, where recovery points of it lie, where its rule copies to, Region loss, account compromise, key loss)
REFUGES: Final[tuple[tuple[str, tuple[str, ...], tuple[str, ...], str, str, str], ...]] = (
    ("nothing", (), (), F, F, F),
    ("main", ("main",), (), F, F, F),
    ("graced", ("graced",), (), F, F, F),
    ("governed", ("governed",), (), F, F, F),
    ("sealed", ("sealed",), (), F, P, F),
    ("gapped", ("gapped",), (), F, P, F),
    ("far", ("far",), ("far",), P, F, P),
    ("aims-far", (), ("far",), P, F, P),
    ("aims-far-sealed", ("main",), ("far-sealed",), P, P, P),
    ("aims-near", ("main",), ("sealed",), F, P, F),
    ("away", ("away",), ("away",), F, P, P),
    ("aims-away", (), ("away",), F, P, P),
    ("away-open", ("away-open",), ("away-open",), F, F, P),
    ("away-closed", ("away-closed",), ("away-closed",), F, P, P),
    ("aims-away-closed", (), ("away-closed",), F, F, F),
    ("both", (), ("both",), P, P, P),
    ("gone", (), (GONE,), F, F, F),
    ("unseen", (), (UNSEEN,), U, U, U),
    ("unseen-and-both", (), (UNSEEN, "both"), P, P, P),
    # No copy action names the vault, and job lists forget: ruling 10
    ("far-unnamed", ("far",), (), P, F, P),
    ("away-unnamed", ("main", "away"), (), F, P, P),
    ("access", ("access",), (), U, U, U),
    ("away-access", ("main", "away-access"), (), U, U, U),
    ("access-and-far", ("access", "far"), (), P, U, P),
)
# (name in REFUGES, recent, in an air-gapped vault)
LISTED: Final = (
    ("main", P, F),
    ("access", U, U),
    ("away-access", P, U),
    ("away-unnamed", P, F),
    ("gapped", P, P),
)


def refuges(bundle: BundleBuilder) -> Truth:
    bundle.organization(MANAGEMENT, ACCOUNT, OTHER, "555555555555")
    bundle.shard(MANAGEMENT)
    for account in (ACCOUNT, OTHER):
        for region in (REGION, FAR):
            bundle.shard(account, region).key("k", policy=shares_key(ACCOUNT, OTHER))
    for name, (account, region, row, text) in VAULTS.items():
        bundle.shard(account, region).vault(name, policy=text, key=key_arn("k", account, region), **row)
    shard, truth = bundle.shard(), Truth()
    for name, points, copies, *verdicts in REFUGES:
        arn = volume_arn(f"vol-{name}")
        shard.volume(f"vol-{name}", Encrypted=True, KmsKeyId=key_arn("k"))
        actions = [copy_to(at(vault) if vault in VAULTS else vault) for vault in copies]
        shard.plan(name, rules=[rule(CopyActions=actions)], selections=[{"Resources": [arn]}])
        for vault in points:
            account, region, *_ = VAULTS[vault]
            own = f"arn:aws:backup:{region}:{account}:recovery-point:{name}"
            key = key_arn("k", account, region)
            bundle.shard(account, region).point(vault, arn, arn=own, EncryptionKeyArn=key)
        truth |= dict(zip(((c, arn) for c in (REGION_LOSS, COMPROMISE, KEY_LOSS)), verdicts, strict=True))
    for name, recent, gapped in LISTED:
        arn = volume_arn(f"vol-{name}")
        truth |= {(RECENT, arn): recent, ("resource-in-air-gapped-vault", arn): gapped}
    shard.volume("vol-uncovered")
    for control in (REGION_LOSS, COMPROMISE, KEY_LOSS, THREE_TWO_ONE):
        truth[control, volume_arn("vol-uncovered")] = N
    return truth


# What is different from a volume for which everything holds, and the verdict on 3-2-1-1-0
CHANGES: Final[tuple[tuple[str, str], ...]] = (
    ("nothing", P),
    ("no-point-here", F),
    ("no-point-there", F),
    ("point-there-partial", F),
    ("not-sealed", F),
    ("in-own-account", F),
    ("in-own-region", F),
    ("backup-failed", F),
    ("backup-failed-before", P),
    ("copy-failed", F),
    ("restore-failed", F),
    ("restore-not-validated", F),
    ("no-restore", F),
    ("restores-refused", U),
    ("restores-refused-and-not-sealed", F),
    ("copies-refused", U),
    ("backups-refused", U),
    ("points-refused", U),
)
SOURCE: Final = {name: f"42000000{number:04d}" for number, (name, _) in enumerate(CHANGES)}


def three_two_one(bundle: BundleBuilder) -> Truth:
    """Ask of one volume in each account."""
    bundle.organization(MANAGEMENT, OTHER, *SOURCE.values())
    bundle.shard(MANAGEMENT)
    sources = json_roots(SOURCE.values())
    for region in (REGION, FAR):
        away = bundle.shard(OTHER, region).key("k", policy=shares_key(OTHER))
        away.vault("open", policy=sources, key=key_arn("k", OTHER, region))
        away.vault("sealed", policy=sources, key=key_arn("k", OTHER, region), **COMPLIANCE)
    truth = Truth()
    for change, verdict in CHANGES:
        account = SOURCE[change]
        _volume(bundle, change, account)
        truth[THREE_TWO_ONE, volume_arn("vol-1", account)] = verdict
    return truth


def json_roots(accounts: Any) -> str:
    return policy(allow({"AWS": [f"arn:aws:iam::{account}:root" for account in accounts]}))


def _volume(bundle: BundleBuilder, change: str, account: str) -> None:
    volume = volume_arn("vol-1", account)
    region = REGION if change == "in-own-region" else FAR
    owner = account if change == "in-own-account" else OTHER
    vault = "open" if change.endswith("not-sealed") else "sealed"
    shard = bundle.shard(account).vault("main").volume("vol-1")
    if owner == account:
        bundle.shard(account, region).vault("sealed", **COMPLIANCE)
    to = vault_arn(vault, owner, region)
    shard.plan("p", rules=[rule(CopyActions=[copy_to(to)])], selections=[{"Resources": [volume]}])
    if change != "no-point-here":
        shard.point("main", volume, arn=f"arn:aws:ec2:{REGION}::snapshot/{account}")
    if change != "no-point-there":
        status = "PARTIAL" if change == "point-there-partial" else "COMPLETED"
        there = f"arn:aws:ec2:{region}::snapshot/{account}-copy"
        bundle.shard(owner, region).point(vault, volume, arn=there, Status=status)
    _jobs(bundle, change, account, to)


def _jobs(bundle: BundleBuilder, change: str, account: str, to: str) -> None:
    volume, shard = volume_arn("vol-1", account), bundle.shard(account)
    told = {"ResourceArn": volume, "ResourceType": "EBS"}
    newest = "FAILED" if change == "backup-failed" else "COMPLETED"
    before = "FAILED" if change == "backup-failed-before" else "COMPLETED"
    for state, hours in ((newest, 5), (before, 29)):
        job = {"BackupJobId": f"b{hours}", "State": state, "CreationDate": stamp(hours)}
        shard.listed("backup:ListBackupJobs", told | job)
    copied = {
        "CopyJobId": "c1",
        "State": "FAILED" if change == "copy-failed" else "COMPLETED",
        "CreationDate": stamp(4),
        "DestinationBackupVaultArn": to,
        "CreatedBy": {"BackupPlanArn": f"arn:aws:backup:{REGION}:{account}:backup-plan:p"},
    }
    copied["CreatedBy"] |= {"BackupPlanId": "p", "BackupRuleId": "rule-daily"}  # type: ignore[operator]
    shard.listed("backup:ListCopyJobs", told | copied)
    restored: dict[str, Any] = {"RestoreJobId": "r1", "SourceResourceArn": volume, "ResourceType": "EBS"}
    restored |= {"Status": "FAILED" if change == "restore-failed" else "COMPLETED", "CreationDate": stamp(99)}
    restored |= {"CompletionDate": stamp(98), "RecoveryPointArn": f"arn:aws:ec2:{REGION}::snapshot/{account}"}
    if change == "restore-not-validated":
        restored["ValidationStatus"] = "FAILED"
    if change != "no-restore":
        shard.listed("backup:ListRestoreJobs", restored)
    described: dict[str, Any] = {"ResourceArn": volume, "ResourceType": "EBS"}
    if restored["Status"] == "COMPLETED" and change != "no-restore":
        described |= {"LatestRestoreJobCreationDate": stamp(99), "LatestRestoreExecutionTimeMinutes": 60}
    shard.call("backup:DescribeProtectedResource", described, ResourceArn=volume)


REFUSED: Final = {
    "restores-refused": ("ListRestoreJobs", "DescribeProtectedResource"),
    "restores-refused-and-not-sealed": ("ListRestoreJobs", "DescribeProtectedResource"),
    "copies-refused": ("ListCopyJobs",),
    "backups-refused": ("ListBackupJobs",),
    "points-refused": ("ListRecoveryPointsByBackupVault",),
}


def refuse(lines: Lines) -> Lines:
    """Leave out what some accounts did not read."""
    left = dict(lines)
    for change, operations in REFUSED.items():
        stem = f"evidence/{SOURCE[change]}/{REGION}"
        left[stem] = [line for line in lines[stem] if line["operation"] not in operations]
        assert left[stem] != lines[stem]
    return left
