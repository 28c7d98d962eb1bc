"""How close a selection comes, clause by clause: the documented comparisons, told as differences."""

from typing import Final

import pytest

from scanner.model.inventory import RegionSettings, SelectionTerms
from scanner.model.known import Known
from scanner.protection.near_misses import NearArns, NearMiss, near_miss
from scanner.protection.near_tags import shown
from scanner.protection.selection import OptIn
from tests.fakes.bundles import ACCOUNT, OTHER, volume_arn
from tests.fakes.models import condition, resource, terms

VOLUME: Final = volume_arn("vol-1")
ON = OptIn(Known(RegionSettings({"EBS": True}, {})), "account 1")
OFF = OptIn(Known(RegionSettings({"EBS": False}, {})), "account 1")
BACKUP: Final = {"Backup": "daily"}
LISTED: Final = terms(tags=BACKUP)
CONDITION: Final = terms(("*",), conditions=(condition("StringEquals", "aws:ResourceTag/Backup", "daily"),))


def miss(asked: SelectionTerms, tags: dict[str, str] | None, opt_in: OptIn = ON) -> NearMiss:
    found = near_miss(asked, resource(VOLUME, tags=tags), opt_in, NearArns(asked.resources).of(VOLUME))
    assert found is not None
    return found


@pytest.mark.parametrize("asked", [LISTED, CONDITION], ids=["ListOfTags", "Conditions"])
@pytest.mark.parametrize(
    ("tags", "nearness", "words"),
    [
        ({"backup": "daily"}, "spelling", "the key differs in case"),
        ({"Backup": "Daily"}, "spelling", "the value differs in case"),
        (
            {"Backup": "daily "},
            "spelling",
            'has Backup="daily ": the value differs in leading or trailing whitespace',
        ),
        ({" Backup": "daily"}, "spelling", "the key differs in leading or trailing whitespace"),
        ({"BACKUP": "DAILY"}, "spelling", "the key differs in case and the value differs"),
        ({"Backup": "daily\u200b"}, "spelling", "invisible or look-alike characters (U+200B)"),
        ({"Backup": "d\u0430ily"}, "spelling", "U+0430"),
        ({"Backup": "weekly"}, "other_value", "the resource has Backup=weekly"),
        ({"backup": "weekly"}, "other_value", "and the key differs in case"),
        ({"Name": "web"}, "missing_tag", "the resource has no tag Backup"),
        ({}, "missing_tag", "requires the tag Backup=daily"),
    ],
)
def test_what_differs_in_a_tag_and_the_tag_that_helps(
    asked: SelectionTerms, tags: dict[str, str], nearness: str, words: str
) -> None:
    found = miss(asked, tags)
    assert (found.nearness, found.tags, found.opt_in) == (nearness, (("Backup", "daily"),), False)
    assert words in found.because


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (volume_arn("VOL-1"), "differs from arn:aws:ec2"),
        (
            volume_arn("vol-1", region="us-east-1"),
            "names the Region us-east-1 (the resource is in eu-west-1)",
        ),
        (volume_arn("vol-1", OTHER), f"names the account {OTHER}"),
        (VOLUME.replace("arn:aws:", "arn:aws-cn:"), "names the partition aws-cn"),
        (volume_arn("*", region="us-east-1"), "names the Region us-east-1"),
        (volume_arn("VOL*"), "in case"),
        (volume_arn(""), "without a * at the end"),
        (volume_arn("vol"), "without a * at the end"),
        (f"{VOLUME} ", "has leading or trailing whitespace"),
    ],
)
def test_an_arn_that_almost_matches(entry: str, words: str) -> None:
    found = miss(terms((entry,)), {})
    assert (found.nearness, found.tags) == ("arn", ())
    assert words in found.because


@pytest.mark.parametrize(
    "entry", [volume_arn("vol-2"), volume_arn("vol-10"), "arn:aws:rds:*:*:db:*", "web-*"]
)
def test_an_arn_of_something_else_is_far_away(entry: str) -> None:
    assert near_miss(terms((entry,)), resource(VOLUME, tags={}), ON, NearArns([entry]).of(VOLUME)) is None


def test_what_excludes() -> None:
    found = miss(terms(tags=BACKUP, excluded=(VOLUME,)), BACKUP)
    assert (found.nearness, found.because, found.tags) == (
        "excluded",
        f"excludes it with the NotResources entry {VOLUME}",
        (),
    )
    negative = condition("StringNotEquals", "aws:ResourceTag/stage", "test")
    found = miss(terms(tags=BACKUP, conditions=(negative,)), {**BACKUP, "stage": "test"})
    assert (found.nearness, found.tags) == ("excluded", ())
    assert "excludes resources with the tag stage=test" in found.because


def test_the_opt_in() -> None:
    assert miss(LISTED, BACKUP, OFF).nearness == "opt_in"
    found = miss(LISTED, {"backup": "daily"}, OFF)
    assert (found.nearness, found.tags, found.opt_in) == ("spelling", (("Backup", "daily"),), True)


def test_tags_are_proposed_only_where_the_selection_then_selects() -> None:
    prod = condition("StringEquals", "aws:ResourceTag/stage", "prod")
    both = miss(terms(tags=BACKUP, conditions=(prod,)), {})
    assert both.tags == (("stage", "prod"), ("Backup", "daily"))
    pattern = condition("StringLike", "aws:ResourceTag/stage", "prod-*")
    assert miss(terms(tags=BACKUP, conditions=(pattern,)), {}).tags == ()
    assert miss(terms(tags=BACKUP, excluded=(VOLUME,)), {}).tags == ()
    like = miss(terms(("*",), conditions=(pattern,)), {"stage": "Prod-1"})
    assert (like.nearness, like.tags) == ("spelling", ())


def test_a_selection_that_selects_or_may_select_is_no_near_miss() -> None:
    assert near_miss(LISTED, resource(VOLUME, tags=BACKUP), ON, ()) is None
    assert near_miss(LISTED, resource(VOLUME), ON, ()) is None


def test_hostile_texts_are_short_and_show_what_is_hidden() -> None:
    assert len(shown("x" * 5_000)) <= 80
    assert shown("a\u202eb\n") == "a\u2039U+202E\u203ab\u2039U+000A\u203a"
    assert (shown(""), shown(" a")) == ('""', '" a"')
    assert ACCOUNT in miss(terms((volume_arn("VOL-1"),)), {}).because
