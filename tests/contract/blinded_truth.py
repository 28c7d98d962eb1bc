"""Refuges of which one read is missing: what decides all the same, and what is then not known.

Each cell is a source account, whose volume is backed up and copied to another account and Region, and the
account that the copies go to. Beside the copies there may be a recovery point there, or a closed vault.
"""

from dataclasses import dataclass
from typing import Any, Final

from tests.contract.refuges_truth import COMPLIANCE, COMPROMISE, KEY_LOSS, REGION_LOSS
from tests.contract.world import FAIL, PASS, UNKNOWN, Truth
from tests.fakes.bundles import (
    FAR,
    MANAGEMENT,
    REGION,
    BundleBuilder,
    Lines,
    ShardScript,
    admits,
    copy_to,
    key_arn,
    refuse,
    rule,
    shares_key,
    vault_arn,
    volume_arn,
    without,
)

P, F, U = PASS, FAIL, UNKNOWN
LOSSES: Final = (REGION_LOSS, COMPROMISE, KEY_LOSS)


@dataclass(frozen=True, slots=True)
class Cell:
    """`unread`: an operation of the source or, after `far `, of the destination; `there`: what the vault is.

    Verdicts on the loss of the Region, of the account and of the key.
    """

    unread: str
    verdicts: tuple[str, str, str]
    there: tuple[str, ...] = ("open", "sealed")


CELLS: Final = (
    Cell("", (P, P, P)),
    Cell("", (F, F, F), there=("closed",)),
    Cell("", (P, P, P), there=("closed", "point")),
    Cell("", (P, P, P), there=("open",)),
    # The copy decides, whatever else there may be.
    Cell("backup:ListRecoveryPointsByBackupVault", (P, P, P)),
    Cell("backup:ListCopyJobs", (P, P, P)),
    Cell("backup:ListBackupJobs", (P, P, P)),
    Cell("backup:ListBackupVaults", (P, P, P)),
    Cell("far backup:ListRecoveryPointsByBackupVault", (P, P, P)),
    # Whether the copy arrives is not known.
    Cell("kms:GetKeyPolicy", (U, U, U)),
    Cell("kms:DescribeKey", (U, U, U)),
    Cell("backup:GetBackupPlan", (U, U, U)),
    Cell("backup:GetBackupSelection", (U, U, U)),
    Cell("backup:ListBackupPlans", (U, U, U)),
    Cell("far backup:ListBackupVaults", (U, U, U)),
    Cell("far backup:GetBackupVaultAccessPolicy", (U, U, U)),
    Cell("far kms:DescribeKey", (U, U, U)),
    # A recovery point that lies there decides, whether copies still arrive or not.
    Cell("far backup:GetBackupVaultAccessPolicy", (P, P, P), there=("sealed", "point")),
    Cell("far backup:GetBackupVaultAccessPolicy", (P, U, P), there=("point",)),
    Cell("far kms:DescribeKey", (P, P, P), there=("closed", "point")),
    Cell("kms:GetKeyPolicy", (P, P, P), there=("open", "point")),
    # The vault is closed to copies: only what lies there could help.
    Cell("far backup:ListRecoveryPointsByBackupVault", (U, U, U), there=("closed",)),
    Cell("far backup:ListBackupVaults", (U, U, U), there=("closed",)),
    Cell("backup:ListBackupJobs", (F, F, F), there=("closed",)),
)


def source_of(number: int) -> str:
    return f"{540000000000 + number}"


def destination_of(number: int) -> str:
    return f"{550000000000 + number}"


def refuges(bundle: BundleBuilder) -> Truth:
    numbers = range(len(CELLS))
    bundle.organization(MANAGEMENT, *map(source_of, numbers), *map(destination_of, numbers))
    bundle.shard(MANAGEMENT)
    truth = Truth()
    for number, cell in enumerate(CELLS):
        source, owner = source_of(number), destination_of(number)
        _source(bundle.shard(source), vault_arn("far", owner, FAR))
        _destination(bundle.shard(owner, FAR), cell, volume_arn("vol-1", source))
        arn = volume_arn("vol-1", source)
        truth |= {(control, arn): verdict for control, verdict in zip(LOSSES, cell.verdicts, strict=True)}
    return truth


def _source(shard: ShardScript, to: str) -> None:
    arn, account = volume_arn("vol-1", shard.account), shard.account
    own = key_arn("own", account)
    shard.key("own", policy=shares_key(account, to.split(":")[4]))
    shard.vault("main").volume("vol-1", Encrypted=True, KmsKeyId=own)
    shard.point("main", arn, arn=f"arn:aws:ec2:{REGION}::snapshot/{account}", EncryptionKeyArn=own)
    shard.plan("p", rules=[rule(CopyActions=[copy_to(to, 35)])], selections=[{"Resources": [arn]}])


def _destination(shard: ShardScript, cell: Cell, resource: str) -> None:
    account = shard.account
    source = resource.split(":")[4]
    lock: dict[str, Any] = COMPLIANCE if "sealed" in cell.there else {}
    key = key_arn("k", account, FAR)
    closed = "closed" in cell.there
    shard.key("k").vault("far", policy=None if closed else admits(source), key=key, **lock)
    if "point" in cell.there:
        shard.point("far", resource, arn=f"arn:aws:ec2:{FAR}::snapshot/{account}", EncryptionKeyArn=key)


def blind(lines: Lines) -> Lines:
    """Leave the reads out, or refuse them, in turn."""
    left = dict(lines)
    for number, cell in enumerate(CELLS):
        if cell.unread:
            name = cell.unread.removeprefix("far ")
            near, far = f"{source_of(number)}/{REGION}", f"{destination_of(number)}/{FAR}"
            stem = f"evidence/{near if name == cell.unread else far}"
            spoil = refuse if number % 2 else without
            left[stem] = spoil({stem: left[stem]}, name)[stem]
    return left
