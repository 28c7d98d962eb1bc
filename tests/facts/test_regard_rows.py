"""Why nothing covers a resource: who passes it over, and where the opt-in decides."""

from pathlib import Path
from typing import Any, Final

import pytest

from scanner.graph.selection_results import MAX_PASSED_OVER
from scanner.model.facts import ResourceFacts
from tests.fakes.bundles import (
    ACCOUNT,
    MANAGEMENT,
    REGION,
    BundleBuilder,
    facts_of,
    plan_arn,
    refuse,
    rule,
    table_arn,
    volume_arn,
)

VOLUME, TABLE = volume_arn("vol-1"), table_arn("t")
BACKUP: Final = {"ConditionType": "STRINGEQUALS", "ConditionKey": "backup", "ConditionValue": "yes"}
PROD: Final = {"ConditionKey": "aws:ResourceTag/stage", "ConditionValue": "prod"}
OFF = f"account {ACCOUNT} is not opted in to EBS in this Region"


@pytest.fixture
def bundle(tmp_path: Path) -> BundleBuilder:
    built = BundleBuilder(tmp_path)
    built.account()
    built.organization(ACCOUNT, MANAGEMENT)
    built.shard().volume("vol-1", {"backup": "yes", "stage": "dev"})
    return built


def row(bundle: BundleBuilder, *refused: str, arn: str = VOLUME) -> ResourceFacts:
    lines = bundle.lines()
    for operation in refused:
        lines = refuse(lines, operation)
    found = facts_of(bundle.write(lines))["resource"][arn]
    assert isinstance(found, ResourceFacts)
    return found


def passed(found: ResourceFacts) -> list[tuple[str, str] | None]:
    return [None if one is None else (one.selection, one.because) for one in found.passed_over]


def planned(bundle: BundleBuilder, *terms: dict[str, Any], plan: str = "p", rules: int = 1) -> None:
    bundle.shard().plan(plan, rules=[rule()] * rules, selections=list(terms))


@pytest.mark.parametrize(
    ("terms", "opt_in", "because"),
    [
        (
            {"Resources": ["*"], "Conditions": {"StringEquals": [PROD]}},
            {},
            "the condition StringEquals aws:ResourceTag/stage=prod is not met",
        ),
        ({"ListOfTags": [BACKUP], "NotResources": [VOLUME]}, {}, f"NotResources contains {VOLUME}"),
        ({"ListOfTags": [BACKUP]}, {"EBS": False}, OFF),
        ({}, {"EBS": False}, OFF),
    ],
)
def test_the_clause_that_takes_it_away(
    bundle: BundleBuilder, terms: dict[str, Any], opt_in: dict[str, bool], because: str
) -> None:
    bundle.shard().settings(**opt_in)
    planned(bundle, {"Resources": [table_arn("other")]}, terms)
    found = row(bundle)
    assert (found.covered, found.selections_asked) == (False, 2)
    assert passed(found) == [(f"{plan_arn('p')}#s2", because)]
    assert (found.passed_over[0] and found.passed_over[0].plan_name, found.name) == ("p", "vol-1")


def test_a_plan_without_rules_passes_over_what_it_selects(bundle: BundleBuilder) -> None:
    planned(bundle, {"Resources": [VOLUME]}, rules=0)
    assert passed(row(bundle)) == [(f"{plan_arn('p')}#s1", "its plan has no rule")]


def test_nothing_passes_over_what_is_covered_or_what_nobody_reaches(bundle: BundleBuilder) -> None:
    planned(bundle, {"Resources": [VOLUME]}, {"NotResources": [VOLUME]})
    bundle.shard().table("t")
    assert passed(row(bundle)) == []
    planned(bundle, {"Resources": [VOLUME]}, plan="q")
    assert (row(bundle).covered, row(bundle, arn=TABLE).covered) == (True, True)


def test_the_list_ends_with_null_where_there_are_more(bundle: BundleBuilder) -> None:
    planned(bundle, *({"NotResources": [VOLUME]} for _ in range(MAX_PASSED_OVER)))
    assert len(passed(row(bundle))) == MAX_PASSED_OVER
    planned(bundle, {"NotResources": [VOLUME]}, plan="q")
    assert len(passed(row(bundle))) == MAX_PASSED_OVER + 1
    assert passed(row(bundle))[-1] is None


@pytest.mark.parametrize(
    ("refused", "asked"),
    [
        ("backup:ListBackupPlans", None),
        ("backup:ListBackupSelections", None),
        ("backup:GetBackupSelection", 1),
        ("backup:GetBackupPlan", 1),
    ],
)
def test_what_was_not_read_may_pass_it_over(bundle: BundleBuilder, refused: str, asked: int | None) -> None:
    planned(bundle, {"Resources": [VOLUME]})
    found = row(bundle, refused)
    assert (found.covered, found.selections_asked) == (None, asked)
    assert passed(found) == [None]
    reasons = {note.about: note.reason for note in found.not_known}
    assert refused in reasons["passed_over"]
    assert ("selections_asked" in reasons) is (asked is None)


def test_unread_tags_leave_open_who_reaches_it(bundle: BundleBuilder) -> None:
    bundle.shard().table("t", {"backup": "yes"})
    planned(bundle, {"ListOfTags": [BACKUP], "NotResources": [TABLE]})
    found = row(bundle, "resourcegroupstaggingapi:GetResources", arn=TABLE)
    assert (found.covered, passed(found)) == (False, [None])
    assert (found.opt_in_decides, found.opted_in) == (False, True)


# Where the opt-in decides (facts 3.3, rulings 3 and 5)


@pytest.mark.parametrize(
    ("terms", "decides"),
    [
        ({"Resources": ["*"]}, True),
        ({"ListOfTags": [BACKUP]}, True),
        ({}, True),
        ({"Resources": [VOLUME]}, False),
        ({"Resources": ["arn:aws:ec2:*:*:volume/*"]}, False),
        ({"Resources": ["*"], "NotResources": [VOLUME]}, False),
        ({"Resources": ["*"], "Conditions": {"StringEquals": [PROD]}}, False),
        ({"Resources": ["arn:aws:ec2:*:*:vol*"]}, None),
    ],
)
@pytest.mark.parametrize("on", [True, False])
def test_the_opt_in_decides_where_nothing_names_the_type(
    bundle: BundleBuilder, terms: dict[str, Any], *, decides: bool | None, on: bool
) -> None:
    bundle.shard().settings(EBS=on)
    planned(bundle, terms)
    found = row(bundle)
    assert (found.opt_in_decides, found.opted_in) == (decides, on)
    assert bool(found.opt_in_reason) is not on


@pytest.mark.parametrize(
    ("own", "managements", "expected"),
    [
        (True, True, True),
        (True, False, False),
        (False, True, False),
        (True, None, None),
        (False, None, False),
    ],
)
def test_the_management_accounts_opt_in_counts_for_an_organizations_plan(
    bundle: BundleBuilder, *, own: bool, managements: bool | None, expected: bool | None
) -> None:
    """Ruling 3: here an own plan and an Organizations plan both reach the volume."""
    bundle.shard().settings(EBS=own)
    planned(bundle, {"Resources": ["*"]})
    planned(bundle, {"Resources": ["*"]}, plan="orgs/p")
    if managements is not None:
        bundle.shard(MANAGEMENT, REGION).settings(EBS=managements)
    found = row(bundle)
    assert (found.opt_in_decides, found.opted_in) == (True, expected)
    assert ("management" in found.opt_in_reason) is (own and not managements)


@pytest.mark.parametrize("on", [True, False])
def test_plans_that_were_not_read_leave_the_opt_in_open_unless_both_say_the_same(
    bundle: BundleBuilder, *, on: bool
) -> None:
    bundle.shard().settings(EBS=True)
    bundle.shard(MANAGEMENT, REGION).settings(EBS=on)
    found = row(bundle, "backup:ListBackupPlans")
    assert (found.opt_in_decides, found.opted_in) == (None, True if on else None)


def test_settings_that_were_not_read(bundle: BundleBuilder) -> None:
    planned(bundle, {"Resources": ["*"]})
    found = row(bundle, "backup:DescribeRegionSettings")
    assert (found.opt_in_decides, found.opted_in) == (True, None)
    assert found.opt_in_reason == (
        f"the opt-in settings of account {ACCOUNT} were not read (selection s1 of plan p)"
    )
    assert any("DescribeRegionSettings" in n.reason for n in found.not_known if n.about == "opted_in")
