"""What resources and plans say of schedules: waits, continuous rules, overlaps (rulings 8 and 12)."""

from pathlib import Path
from typing import Any

import pytest

from scanner.model.facts import PlanFacts, ResourceFacts, RuleOverlap, SkippedStart
from scanner.model.known import Ternary
from tests.fakes.bundles import (
    BundleBuilder,
    facts_of,
    instance_arn,
    plan_arn,
    refuse,
    rule,
    table_arn,
    volume_arn,
    without,
)

NAMED = [{"Resources": [volume_arn("vol-1")]}]
TAGGED = [{"ListOfTags": [{"ConditionType": "STRINGEQUALS", "ConditionKey": "a", "ConditionValue": "b"}]}]


def at(name: str, hours: str, days: int | None = 35, **more: Any) -> dict[str, Any]:
    return rule(name, days=days, ScheduleExpression=f"cron(0 {hours} ? * * *)", **more)


@pytest.fixture
def bundle(tmp_path: Path) -> BundleBuilder:
    built = BundleBuilder(tmp_path)
    built.shard().vault("main").volume("vol-1")
    return built


def resource(bundle: BundleBuilder, arn: str = volume_arn("vol-1"), refused: str = "") -> ResourceFacts:
    lines = refuse(bundle.lines(), refused) if refused else bundle.lines()
    found = facts_of(bundle.write(lines))["resource"][arn]
    assert isinstance(found, ResourceFacts)
    return found


def plan(bundle: BundleBuilder, lines: Any = None) -> PlanFacts:
    found = facts_of(bundle.write(lines))["plan"][plan_arn("p")]
    assert isinstance(found, PlanFacts)
    return found


def test_the_wait_is_that_of_all_covering_rules_together(bundle: BundleBuilder) -> None:
    bundle.shard().plan("p", rules=[at("morning", "5")], selections=NAMED)
    bundle.shard().plan("q", rules=[at("evening", "15")], selections=NAMED)
    bundle.shard().plan("r", rules=[at("noon", "10")])
    assert resource(bundle).longest_wait_hours == (14.0,)


def test_nothing_that_covers_never_starts(bundle: BundleBuilder) -> None:
    assert resource(bundle).longest_wait_hours == (999_999.0,)


def test_rules_that_may_cover_can_only_shorten_the_wait(bundle: BundleBuilder) -> None:
    bundle.shard().plan("p", rules=[at("morning", "5")], selections=NAMED)
    found = resource(bundle, refused="backup:ListBackupPlans")
    assert (found.longest_wait_hours, found.several_continuous_rules) == ((999_999.0, None), None)
    bundle.shard().table("t", {"a": "b"}).plan("q", rules=[at("tagged", "15")], selections=TAGGED)
    bundle.shard().plan("s", rules=[at("named", "6")], selections=[{"Resources": [table_arn("t")]}, *TAGGED])
    found = resource(bundle, table_arn("t"), "resourcegroupstaggingapi:GetResources")
    assert found.longest_wait_hours == (24.0, None)
    assert {"longest_wait_hours", "several_continuous_rules"} <= {note.about for note in found.not_known}


def test_an_unknown_time_zone_leaves_the_wait_open(bundle: BundleBuilder) -> None:
    strange = at("strange", "15", ScheduleExpressionTimezone="Mars/Olympus")
    bundle.shard().plan("p", rules=[at("morning", "5"), strange], selections=NAMED)
    found = resource(bundle)
    assert found.longest_wait_hours == (24.0, None)
    assert "longest_wait_hours" in {note.about for note in found.not_known}


def nightly(name: str, zone: str = "Europe/Berlin") -> dict[str, Any]:
    return rule(name, ScheduleExpression="cron(30 2 ? * * *)", ScheduleExpressionTimezone=zone)


def test_the_start_that_daylight_saving_skips_is_named(bundle: BundleBuilder) -> None:
    bundle.shard().plan("p", rules=[nightly("nightly")], selections=NAMED)
    found = resource(bundle)
    assert found.longest_wait_hours == (48.0,)
    assert found.skipped_starts == (SkippedStart("nightly", "2027-03-28T02:30", "Europe/Berlin"),)
    (terms,) = plan(bundle).rules
    assert terms is not None
    assert (terms.max_gap_hours, terms.skipped_start) == (48.0, "2027-03-28T02:30")


def test_a_skipped_start_that_lengthens_no_wait_is_not_named(bundle: BundleBuilder) -> None:
    bundle.shard().plan("p", rules=[nightly("nightly"), at("hourly", "*")], selections=NAMED)
    found = resource(bundle)
    assert (found.longest_wait_hours, found.skipped_starts) == ((1.0,), ())


def test_a_form_that_aws_does_not_document_leaves_the_wait_open(bundle: BundleBuilder) -> None:
    odd = rule("odd", ScheduleExpression="cron(0 5 L-3W * ? *)")
    bundle.shard().plan("p", rules=[odd], selections=NAMED)
    found = resource(bundle)
    assert found.longest_wait_hours == (999_999.0, None)
    (terms,) = plan(bundle).rules
    assert terms is not None
    assert terms.max_gap_hours is None
    notes = {note.about: note.reason for note in found.not_known}
    assert {"longest_wait_hours", "rules.max_gap_hours"} <= set(notes)
    assert 'day of month "L-3W"' in notes["longest_wait_hours"]


def test_why_a_rule_starts_less_than_twice(bundle: BundleBuilder) -> None:
    bundle.shard().plan("p", rules=[rule(ScheduleExpression="cron(0 5 31 2 ? *)")], selections=NAMED)
    (terms,) = resource(bundle).rules
    assert terms is not None
    assert terms.seldom_because == "the day that it names never occurs"


@pytest.mark.parametrize(
    ("first", "second", "several"), [(True, True, True), (True, False, False), (False, False, False)]
)
def test_continuous_rules_are_counted(
    bundle: BundleBuilder,
    first: bool,  # noqa: FBT001 -- a row
    second: bool,  # noqa: FBT001 -- a row
    several: bool,  # noqa: FBT001 -- a row
) -> None:
    rules = [rule("a", EnableContinuousBackup=first), rule("b", EnableContinuousBackup=second)]
    bundle.shard().plan("p", rules=rules, selections=NAMED)
    assert resource(bundle).several_continuous_rules is several
    bundle.shard().plan("q", rules=[rule("c")], selections=NAMED)
    spoilt = without(bundle.lines(), "backup:GetBackupSelection", SelectionId="s1", BackupPlanId="q")
    found = facts_of(bundle.write(spoilt))["resource"][volume_arn("vol-1")]
    assert isinstance(found, ResourceFacts)
    assert found.several_continuous_rules is (True if several else None)


def test_which_types_have_continuous_backups(bundle: BundleBuilder) -> None:
    bundle.account().bucket("logs")
    bundle.shard().bucket_details("logs").table("t").instance("i-1")
    bundle.shard().call("backup:DescribeRegionSettings", error="AccessDeniedException")
    facts = facts_of(bundle.write())["resource"]
    result = {arn: getattr(facts[arn], "continuous_supported", None) for arn in facts}
    assert result == {
        "arn:aws:s3:::logs": True,
        table_arn("t"): False,  # with its advanced features or without
        instance_arn("i-1"): False,
        volume_arn("vol-1"): False,
    }


HOUR = {"StartWindowMinutes": 60}
BOTH = RuleOverlap(longer="b", longer_days=365, shorter="a", shorter_days=35, certain=True)


@pytest.mark.parametrize(
    ("one", "other", "overlaps"),
    [
        (at("a", "5"), at("b", "6", 365), (BOTH,)),
        (at("b", "6", 365), at("a", "5"), (BOTH,)),
        (at("a", "5"), at("b", "6", 35), ()),
        (at("a", "5"), at("b", "13", 365), ()),
        (at("a", "5", **HOUR), at("b", "6", 365), ()),
        (at("a", "5"), at("b", "6", 365, ScheduleExpressionTimezone="Mars/Olympus"), None),
    ],
)
def test_overlaps(
    bundle: BundleBuilder,
    one: dict[str, Any],
    other: dict[str, Any],
    overlaps: tuple[RuleOverlap, ...] | None,
) -> None:
    bundle.shard().plan("p", rules=[one, other], selections=NAMED)
    found = plan(bundle)
    if overlaps is None:
        assert [each and each.certain for each in found.overlapping_rules] == [None]
        assert {note.about for note in found.not_known} == {"overlapping_rules", "rules.max_gap_hours"}
    else:
        assert found.overlapping_rules == overlaps
    assert found.covers_resources is True


@pytest.mark.parametrize(
    ("selections", "refused", "covers"),
    [
        (NAMED, "", True),
        ([], "", False),
        ([{"Resources": [volume_arn("vol-9")]}], "", False),
        ([{"Resources": [volume_arn("vol-9")]}], "ec2:DescribeVolumes", None),
        (NAMED, "backup:GetBackupSelection", None),
    ],
)
def test_ruling_12_overlap_asks_plans_that_cover_something(
    bundle: BundleBuilder, selections: list[dict[str, Any]], refused: str, covers: Ternary
) -> None:
    bundle.shard().plan("p", rules=[rule()], selections=selections)
    lines = refuse(bundle.lines(), refused) if refused else bundle.lines()
    assert plan(bundle, lines).covers_resources is covers


def test_a_plan_whose_rules_were_not_read(bundle: BundleBuilder) -> None:
    bundle.shard().plan("p", rules=[rule()], selections=NAMED)
    found = plan(bundle, refuse(bundle.lines(), "backup:GetBackupPlan"))
    assert (found.overlapping_rules, found.covers_resources, found.rules) == ((None,), None, (None,))


def test_a_plan_without_rules_covers_nothing(bundle: BundleBuilder) -> None:
    bundle.shard().plan("p", selections=NAMED)
    found = plan(bundle)
    assert (found.overlapping_rules, found.covers_resources) == ((), False)
