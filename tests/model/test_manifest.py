"""Which accounts were read at all, and how much of a scope."""

from datetime import UTC, datetime

import pytest

from scanner.model.inventory import ShardStatus
from scanner.model.manifest import (
    Excluded,
    Manifest,
    ReadShare,
    Scope,
    ShardRecord,
    read_share,
    unread_accounts,
)
from scanner.model.names import AWS_GLOBAL, ORG, AccountId, RegionName

READ, UNREAD = AccountId("111111111111"), AccountId("222222222222")
REGIONS = (RegionName("eu-west-1"), RegionName("us-east-1"))


def record(
    status: ShardStatus, region: str = "us-east-1", calls: int = 9, errors: int = 0, account: str = UNREAD
) -> ShardRecord:
    return ShardRecord(
        account=AccountId(account), region=RegionName(region), status=status, calls=calls, errors=errors
    )


def manifest(*records: ShardRecord, excluded: tuple[Excluded, ...] = ()) -> Manifest:
    return Manifest(
        evaluated_as_of=datetime(2026, 11, 22, tzinfo=UTC),
        scope=Scope(accounts=(READ, UNREAD), regions=REGIONS, excluded=excluded),
        accounts=(),
        shards=(record(ShardStatus.COMPLETE, account=READ), record(ShardStatus.COMPLETE, ORG), *records),
    )


@pytest.mark.parametrize(
    ("records", "is_read"),
    [
        ((), False),
        ((record(ShardStatus.FAILED),), False),
        ((record(ShardStatus.PARTIAL, calls=9, errors=9),), False),  # every call was refused
        ((record(ShardStatus.PARTIAL, AWS_GLOBAL, calls=9, errors=8),), False),  # who am I, and no more
        ((record(ShardStatus.FAILED), record(ShardStatus.PARTIAL, "eu-west-1", errors=8)), True),
        ((record(ShardStatus.COMPLETE),), True),
        ((record(ShardStatus.PARTIAL, calls=0),), True),  # another program did not count
        ((record(ShardStatus.SKIPPED, calls=0),), True),
    ],
)
def test_an_account_is_read_when_one_of_its_regions_is(
    records: tuple[ShardRecord, ...], *, is_read: bool
) -> None:
    assert unread_accounts(manifest(*records)) == (() if is_read else (UNREAD,))


def test_an_account_that_is_left_out_is_not_missing() -> None:
    assert unread_accounts(manifest(excluded=(Excluded(UNREAD, "a sandbox"),))) == ()


def test_regions_that_are_not_enabled_do_not_count() -> None:
    half = [ShardStatus.COMPLETE, ShardStatus.FAILED, ShardStatus.SKIPPED, ShardStatus.SKIPPED]
    assert (read_share(half), read_share(half).is_minor) == (ReadShare(1, 2), False)
    assert read_share([*half, ShardStatus.MISSING]).is_minor
    assert not read_share([]).is_minor
