"""What shards put aside for each other comes back whole, whatever the order of the shards."""

import tracemalloc
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from scanner.graph.cross_shard import (
    CrossShardRows,
    home_of,
    load_spilled_rows,
    spilled_existing_resources,
    spilled_rows,
)
from scanner.model.inventory import RecoveryPoint, RegionSettings, ShardInventory, ShardStatus
from scanner.model.known import Known
from scanner.model.names import AccountId, Arn, Shard
from scanner.storage.scratch import Spool
from tests.fakes.bundles import (
    ACCOUNT,
    AS_OF,
    FAR,
    OTHER,
    REGION,
    BundleBuilder,
    inventories_of,
    stamp,
    vault_arn,
    volume_arn,
)
from tests.fakes.models import point

VOLUME = volume_arn("vol-1")


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (VOLUME, f"{ACCOUNT}/{REGION}"),
        ("arn:aws:s3:::data", "arn:aws:s3:::data"),
        (f"arn:aws:rds:{FAR}:{OTHER}:db:one", f"{OTHER}/{FAR}"),
        ("no ARN", "no ARN"),
        ("", ""),
    ],
)
def test_what_a_resource_is_at_home_in(resource: str, expected: str) -> None:
    assert home_of(resource) == expected


def read_back(inventories: Iterable[ShardInventory], home: ShardInventory) -> CrossShardRows:
    with Spool() as spool:
        for inventory in inventories:
            spool.put(spilled_rows(inventory))
            spool.put(spilled_existing_resources(inventory))
        return replace(load_spilled_rows(home, spool.of), recall=lambda _: ())


def test_points_and_jobs_come_back_from_the_disk_as_they_were(tmp_path: Path) -> None:
    built = BundleBuilder(tmp_path)
    built.shard().volume("vol-1")
    away = built.shard(OTHER, FAR).vault("away")
    for hours in (9, 5, 29):
        away.point(
            "away", VOLUME, hours_ago=hours, EncryptionKeyArn="k", CalculatedLifecycle={"DeleteAt": stamp(-9)}
        )
    fields = {"SourceResourceArn": VOLUME, "CreationDate": stamp(3), "CompletionDate": stamp(2.5)}
    away.listed("backup:ListRestoreJobs", {"RestoreJobId": "r", "Status": "COMPLETED", **fields})
    third = vault_arn("third", OTHER, REGION)
    away.listed(
        "backup:ListCopyJobs", {"CopyJobId": "c", "ResourceArn": VOLUME, "DestinationBackupVaultArn": third}
    )
    home, far = (
        next(one for one in inventories_of(built.write()) if (one.shard.account, one.shard.region) == place)
        for place in ((ACCOUNT, REGION), (OTHER, FAR))
    )
    expected = CrossShardRows(
        points={VOLUME: read_back([far], home).points[VOLUME]},
        copied_to={VOLUME: frozenset({Arn(third)})},
        restores=tuple(job for job in far.jobs if job.id == "r"),
        recall=read_back([], home).recall,
    )
    for order in ([home, far], [far, home]):
        found = read_back(order, home)
        assert (found.points, found.copied_to, found.restores) == (
            expected.points,
            expected.copied_to,
            expected.restores,
        )
    (held,) = read_back([far], home).points[VOLUME].values()
    newest = min(far.recovery_points, key=lambda each: AS_OF - (each.created_at or AS_OF))
    assert held.newest == newest
    assert read_back([far], far).points == {}


def test_what_is_put_aside_does_not_grow_with_the_recovery_points() -> None:
    """Thirty times as many points of as many resources: the same rows, and no more memory while reading."""
    few, many = (list(spilled_rows(_central(per_resource=count))) for count in (1, 30))
    assert len(few) == len(many) == 50
    with Spool() as spool:
        peaks = []
        for shards in (20, 200):
            tracemalloc.start()
            for number in range(shards):
                spool.put(spilled_rows(_central(per_resource=1, number=number)))
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] < 2 * peaks[0]


def _central(per_resource: int, number: int = 0) -> ShardInventory:
    """Give a shard that holds copies of fifty volumes of another account."""
    return ShardInventory(
        shard=Shard(AccountId(f"{number:012}"), point().region),
        status=ShardStatus.COMPLETE,
        lists={},
        settings=Known(RegionSettings({}, {})),
        recovery_points=tuple(_copy(volume, age) for volume in range(50) for age in range(per_resource)),
    )


def _copy(volume: int, age: int) -> RecoveryPoint:
    return point(
        arn=Arn(f"arn:aws:backup:{REGION}:{OTHER}:recovery-point:{volume}-{age}"),
        resource=volume_arn(f"vol-{volume}", "333333333333"),
        created_at=AS_OF - timedelta(days=age),
    )
