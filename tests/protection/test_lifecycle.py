from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.model.facts import FOREVER_DAYS
from scanner.model.inventory import Lifecycle
from scanner.model.names import Arn
from scanner.protection.lifecycle import (
    copy_retention_days,
    lock_admits,
    lock_mode,
    point_age_hours,
    point_retention_days,
    point_usable,
    retention_days,
)
from tests.fakes.bundles import ACCOUNT, AS_OF, REGION, vault_arn
from tests.fakes.models import copy, point, rule, vault

CONTINUOUS = Arn(f"arn:aws:backup:{REGION}:{ACCOUNT}:recovery-point:continuous:bucket-1")
AIR_GAPPED = "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"


# Ruling 7, retention: the given days, else the difference of the dates, else forever
@pytest.mark.parametrize(
    ("fields", "days"),
    [
        ({"delete_after_days": 35}, 35),
        ({"delete_after_days": 35, "delete_at": AS_OF + timedelta(days=7)}, 35),
        ({"delete_after_days": -1}, FOREVER_DAYS),
        ({"delete_after_days": 0}, 0),
        ({"delete_at": AS_OF + timedelta(days=35)}, 35),
        ({"delete_at": AS_OF + timedelta(days=34, seconds=1)}, 35),
        ({"delete_at": AS_OF + timedelta(days=35, seconds=1)}, 36),
        ({"delete_at": AS_OF + timedelta(days=35, microseconds=1)}, 36),
        ({"delete_at": AS_OF - timedelta(days=1)}, 0),
        ({"delete_at": AS_OF + timedelta(days=35), "created_at": None}, None),
        ({}, FOREVER_DAYS),
        ({"created_at": None}, FOREVER_DAYS),
        ({"arn": CONTINUOUS}, None),
        ({"arn": CONTINUOUS, "delete_after_days": 35}, 35),
        ({"arn": CONTINUOUS, "delete_at": AS_OF + timedelta(days=14)}, 14),
    ],
)
def test_how_long_a_recovery_point_is_kept(fields: dict[str, Any], days: int | None) -> None:
    assert point_retention_days(point(**fields)) == days


@pytest.mark.parametrize(
    ("status", "usable"),
    [
        ("COMPLETED", True),
        ("AVAILABLE", True),
        ("PARTIAL", False),
        ("EXPIRED", False),
        ("DELETING", False),
        ("STOPPED", False),
        ("CREATING", False),
        ("SOMETHING_NEW", None),
        (None, None),
    ],
)
def test_which_recovery_points_are_usable(status: str | None, usable: bool | None) -> None:  # noqa: FBT001 -- a row
    assert point_usable(point(status=status)) is usable


@pytest.mark.parametrize(
    ("fields", "age"),
    [
        ({"created_at": AS_OF - timedelta(hours=30)}, 30.0),
        ({"created_at": AS_OF}, 0.0),
        ({"created_at": AS_OF + timedelta(hours=3)}, 0.0),
        ({"created_at": None}, None),
        ({"arn": CONTINUOUS, "status": "AVAILABLE", "created_at": AS_OF - timedelta(days=300)}, 0.0),
        ({"arn": CONTINUOUS, "status": "AVAILABLE", "created_at": None}, 0.0),
        ({"arn": CONTINUOUS, "status": "STOPPED", "created_at": AS_OF - timedelta(hours=30)}, 30.0),
        ({"status": "AVAILABLE", "created_at": AS_OF - timedelta(hours=30)}, 30.0),
    ],
)
def test_ages(fields: dict[str, Any], age: float | None) -> None:
    assert point_age_hours(point(**fields), AS_OF) == age


@pytest.mark.parametrize(
    ("of_rule", "of_copy", "days"),
    [
        (35, 365, 365),
        (35, 7, 7),
        (35, None, 35),
        (None, None, FOREVER_DAYS),
        (None, 90, 90),
    ],
)
def test_a_copy_without_an_end_follows_its_source(
    of_rule: int | None, of_copy: int | None, days: int
) -> None:
    assert copy_retention_days(rule(of_rule), copy(vault_arn("far"), of_copy)) == days


def test_a_rule_without_an_end_keeps_for_ever() -> None:
    assert retention_days(Lifecycle()) == FOREVER_DAYS
    assert retention_days(Lifecycle(1)) == 1


# Facts 5, lock reading
@pytest.mark.parametrize(
    ("fields", "mode"),
    [
        ({}, "none"),
        ({"lock_date": AS_OF - timedelta(days=1)}, "none"),
        ({"locked": None}, None),
        ({"locked": None, "lock_date": AS_OF - timedelta(days=1)}, None),
        ({"locked": None, "type": AIR_GAPPED}, "compliance"),
        ({"locked": True}, "governance"),
        ({"locked": True, "lock_date": AS_OF + timedelta(seconds=1)}, "governance"),
        ({"locked": True, "lock_date": AS_OF}, "compliance"),
        ({"locked": True, "lock_date": AS_OF - timedelta(days=1)}, "compliance"),
        ({"type": AIR_GAPPED}, "compliance"),
        ({"type": AIR_GAPPED, "locked": True, "lock_date": AS_OF + timedelta(days=1)}, "compliance"),
        ({"type": "RESTORE_ACCESS_BACKUP_VAULT"}, "none"),
    ],
)
def test_lock_modes(fields: dict[str, Any], mode: str | None) -> None:
    assert lock_mode(vault(**fields), AS_OF) == mode


def test_a_later_clock_reads_the_same_lock_as_compliance() -> None:
    locked = vault(locked=True, lock_date=AS_OF + timedelta(days=3))
    clocks: tuple[datetime, ...] = (AS_OF, AS_OF + timedelta(days=3))
    assert [lock_mode(locked, clock) for clock in clocks] == ["governance", "compliance"]


@pytest.mark.parametrize(
    ("fields", "days", "admitted"),
    [
        ({"min_retention_days": 90}, 1, True),  # not locked
        ({"locked": True}, 1, True),
        ({"locked": None}, 1, True),
        ({"locked": None, "min_retention_days": 90}, 90, True),
        ({"locked": None, "min_retention_days": 90}, 89, None),
        ({"locked": True}, FOREVER_DAYS, True),
        ({"locked": True, "min_retention_days": 30}, 29, False),
        ({"locked": True, "min_retention_days": 30}, 30, True),
        ({"locked": True, "max_retention_days": 30}, 30, True),
        ({"locked": True, "max_retention_days": 30}, 31, False),
        ({"locked": True, "max_retention_days": 36500}, FOREVER_DAYS, False),
        ({"locked": True, "min_retention_days": 7, "max_retention_days": 30}, 7, True),
        ({"type": AIR_GAPPED, "min_retention_days": 7, "max_retention_days": 30}, 6, False),
        ({"type": AIR_GAPPED, "min_retention_days": 7, "max_retention_days": 30}, FOREVER_DAYS, False),
        ({"type": AIR_GAPPED, "min_retention_days": 7, "max_retention_days": 30}, 30, True),
        ({"type": AIR_GAPPED}, 6, False),  # AWS makes none with less than 7 days, and none without a maximum
        ({"type": AIR_GAPPED}, 7, True),
        ({"type": AIR_GAPPED}, FOREVER_DAYS, False),
        ({"locked": True, "min_retention_days": 0}, 0, True),
    ],
)
def test_what_a_lock_lets_in(fields: dict[str, Any], days: int, admitted: bool | None) -> None:  # noqa: FBT001 -- a row
    answer = lock_admits(vault(**fields), days)
    assert answer.value is admitted
    assert bool(answer.because) is (admitted is not True)


# Plain readings of retention

few_days = st.none() | st.integers(0, 60)


@given(st.integers(0, 40 * 24 * 3600), st.sampled_from([0, 1, 999_999]))
def test_ruling_7_days_are_counted_until_the_end_is_reached(seconds: int, microseconds: int) -> None:
    end = AS_OF + timedelta(seconds=seconds, microseconds=microseconds)
    days = 0
    while AS_OF + timedelta(days=days) < end:
        days += 1
    assert point_retention_days(point(delete_at=end)) == days


@given(few_days, few_days)
def test_a_copy_is_kept_by_its_own_lifecycle_or_its_rules(of_rule: int | None, of_copy: int | None) -> None:
    result = [days for days in (of_copy, of_rule, FOREVER_DAYS) if days is not None]
    assert copy_retention_days(rule(of_rule), copy(vault_arn("far"), of_copy)) == result[0]


@given(
    st.sampled_from([True, False, None]),
    few_days,
    few_days,
    st.integers(0, 61) | st.just(FOREVER_DAYS),
    st.sampled_from(["BACKUP_VAULT", AIR_GAPPED]),
)
def test_locks_agree_with_a_plain_reading(
    locked: bool | None,  # noqa: FBT001 -- drawn
    least: int | None,
    most: int | None,
    days: int,
    kind: str,
) -> None:
    floor, ceiling = (7, 36_500) if kind == AIR_GAPPED else (0, FOREVER_DAYS)
    taken = days >= (least or floor)
    taken = taken and days <= (ceiling if most is None or (kind == AIR_GAPPED and not most) else most)
    expected: bool | None = taken
    if kind != AIR_GAPPED and locked is not True:
        expected = True if locked is False or taken else None
    fields: dict[str, Any] = {
        "min_retention_days": least,
        "max_retention_days": most,
        "locked": locked,
        "type": kind,
    }
    assert lock_admits(vault(**fields), days).value is expected


@pytest.mark.parametrize(
    ("days", "because"),
    [
        (6, "its retention of 6 days is below the lock's minimum of 7 days"),
        (31, "its retention of 31 days is above the lock's maximum of 30 days"),
        (FOREVER_DAYS, "a retention without expiry is above the lock's maximum of 30 days"),
        (7, ""),
        (30, ""),
    ],
)
def test_a_lock_says_what_it_does_not_let_in(days: int, because: str) -> None:
    answer = lock_admits(vault(locked=True, min_retention_days=7, max_retention_days=30), days)
    assert answer.because == because
    assert answer.value is (not because)
