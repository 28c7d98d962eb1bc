"""What the table `rule` says of rules and their copy actions: schedules, cold storage, targets, locks."""

from pathlib import Path
from typing import Any

import pytest

from scanner.model.facts import FOREVER_DAYS, RuleFacts
from scanner.model.known import Ternary
from tests.fakes.bundles import (
    FAR,
    OTHER,
    BundleBuilder,
    copy_to,
    facts_of,
    plan_arn,
    refuse,
    rule,
    vault_arn,
    volume_arn,
    without,
)

PLAN = plan_arn("p")
RULE = f"{PLAN}#rule-daily"


@pytest.fixture
def bundle(tmp_path: Path) -> BundleBuilder:
    built = BundleBuilder(tmp_path)
    built.shard().vault("main").volume("vol-1").volume("vol-2")
    return built


ARCHIVE = {"OptInToArchiveForSupportedResources": True}


def planned(bundle: BundleBuilder, **terms: Any) -> BundleBuilder:
    selection = {"Resources": [volume_arn("vol-1")]}
    bundle.shard().plan("p", rules=[rule(**terms)], selections=[selection])
    return bundle


def row(bundle: BundleBuilder, subject: str = RULE, *refused: str) -> RuleFacts:
    lines = bundle.lines()
    for operation in refused:
        lines = refuse(lines, operation)
    found = facts_of(bundle.write(lines))["rule"][subject]
    assert isinstance(found, RuleFacts)
    return found


@pytest.mark.parametrize(
    ("schedule", "valid", "soon", "next_start"),
    [
        ("cron(0 5 ? * * *)", True, True, "2026-11-23T05:00"),
        ("cron(0 5 ? * * 2020)", True, False, ""),
        ("cron(0 5 25 12 ? 2027)", True, False, "2027-12-25T05:00"),  # in 398 days
        ("rate(1 day)", False, False, ""),
        ("", True, True, "2026-11-23T05:00"),
    ],
)
def test_schedules(bundle: BundleBuilder, schedule: str, valid: bool, soon: bool, next_start: str) -> None:  # noqa: FBT001 -- a row
    found = row(planned(bundle, ScheduleExpression=schedule or None))
    assert (found.schedule_valid, found.starts_within_a_year, found.next_start) == (valid, soon, next_start)
    assert (found.kind, found.subject_type, found.target) == ("rule", "rule", vault_arn("main"))
    assert found.covers_resources is True


def test_a_form_that_aws_does_not_document_is_not_known_to_start(bundle: BundleBuilder) -> None:
    found = row(planned(bundle, ScheduleExpression="cron(0 5 ? * MON#2,TUE *)"))
    assert (found.schedule_valid, found.starts_within_a_year, found.next_start) == (None, None, None)
    assert {note.about for note in found.not_known} == {
        "schedule_valid",
        "max_gap_hours",
        "starts_within_a_year",
        "next_start",
    }
    assert 'day of week "MON#2,TUE"' in found.schedule_reason


def test_a_start_that_daylight_saving_skips_is_none(bundle: BundleBuilder) -> None:
    terms = {"ScheduleExpressionTimezone": "Europe/Berlin"}
    found = row(planned(bundle, ScheduleExpression="cron(30 2 28 3 ? 2027)", **terms))
    assert (found.schedule_valid, found.starts_within_a_year, found.next_start) == (True, False, "")
    assert found.schedule_reason == "daylight saving in Europe/Berlin skips 2027-03-28T02:30"


def test_cold_storage_names_what_is_covered(bundle: BundleBuilder) -> None:
    lifecycle = {"DeleteAfterDays": 365, "MoveToColdStorageAfterDays": 30}
    opted_in = lifecycle | {"OptInToArchiveForSupportedResources": True}
    found = row(planned(bundle, Lifecycle=opted_in))
    assert (found.moves_to_cold, found.cold_after_days, found.retention_days) == (True, 30, 365)
    result = [(each.resource, each.cold) for each in found.covered_types if each is not None]
    assert result == [(volume_arn("vol-1"), True)]
    assert found.archive_opt_in is True
    warm = row(planned(BundleBuilder(bundle.folder / "warm"), Lifecycle={}))
    assert (warm.moves_to_cold, warm.cold_after_days, warm.covered_types) == (False, 0, ())
    assert (warm.retention_days, warm.keeps_forever) == (FOREVER_DAYS, True)


@pytest.mark.parametrize(
    ("opt_in", "cold"),
    [({}, False), ({"OptInToArchiveForSupportedResources": False}, False), (ARCHIVE, True)],
)
def test_ruling_20_ebs_goes_to_cold_storage_by_opt_in_only(
    bundle: BundleBuilder,
    opt_in: dict[str, bool],
    cold: bool,  # noqa: FBT001 -- a row
) -> None:
    lifecycle = {"DeleteAfterDays": 365, "MoveToColdStorageAfterDays": 30} | opt_in
    copy = {"DestinationBackupVaultArn": vault_arn("main", region=FAR), "Lifecycle": lifecycle}
    planned(bundle, Lifecycle=lifecycle, CopyActions=[copy])
    for subject in (RULE, f"{RULE}->{vault_arn('main', region=FAR)}"):
        (result,) = row(bundle, subject).covered_types
        assert result is not None
        assert (result.cold, result.needs_archive_opt_in) == (cold, not cold)


def test_what_may_be_covered_too_ends_the_list(bundle: BundleBuilder) -> None:
    planned(bundle, Lifecycle={"DeleteAfterDays": 365, "MoveToColdStorageAfterDays": 30})
    found = row(bundle, RULE, "ec2:DescribeVolumes")
    assert (found.covers_resources, found.covered_types) == (None, (None,))
    assert {note.about for note in found.not_known} == {"covers_resources", "covered_types"}


@pytest.mark.parametrize(
    ("vault", "refused", "exists", "within"),
    [
        ("main", "", True, True),
        ("gone", "", False, True),
        ("main", "backup:ListBackupVaults", None, None),
    ],
)
def test_targets(bundle: BundleBuilder, vault: str, refused: str, exists: Ternary, within: Ternary) -> None:
    found = row(planned(bundle, vault=vault), RULE, *filter(None, [refused]))
    assert (found.target_exists, found.within_lock) == (exists, within)


@pytest.mark.parametrize(
    ("lock", "days", "within"),
    [
        ({"Locked": True, "MinRetentionDays": 7, "MaxRetentionDays": 100}, 35, True),
        ({"Locked": True, "MinRetentionDays": 36}, 35, False),
        ({"Locked": True, "MaxRetentionDays": 34}, 35, False),
        ({"Locked": True, "MaxRetentionDays": 34}, None, False),
        ({"Locked": False, "MaxRetentionDays": 34}, 35, True),
        ({"Locked": None, "MaxRetentionDays": 34}, 35, None),
    ],
)
def test_locks(bundle: BundleBuilder, lock: dict[str, Any], days: int | None, within: Ternary) -> None:
    bundle.shard().vault("locked", **lock)
    found = row(planned(bundle, vault="locked", days=days))
    assert found.within_lock is within
    assert bool(found.lock_reason) is (within is not True)


def test_copy_actions_have_rows_of_their_own(bundle: BundleBuilder) -> None:
    there, far = vault_arn("there", OTHER), vault_arn("far", region=FAR)
    bundle.shard(region=FAR).vault("far", Locked=True, MinRetentionDays=100)
    planned(bundle, CopyActions=[copy_to(there, 90), copy_to(far, 90)])
    outside = row(bundle, f"{RULE}->{there}")
    assert (outside.kind, outside.subject_type, outside.retention_days) == ("copy_action", "copy_action", 90)
    assert (outside.target_exists, outside.within_lock) == (None, None)
    assert row(bundle, f"{RULE}->{far}").within_lock is False


def test_a_plan_that_was_not_read_has_no_rules(bundle: BundleBuilder) -> None:
    planned(bundle)
    assert facts_of(bundle.write(without(bundle.lines(), "backup:GetBackupPlan"))).get("rule", {}) == {}
