"""Which tiers and overrides may hold, against an oracle that tries every world."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.evaluate.decisions.tiers import (
    MAX_CHOICES,
    Condition,
    Location,
    Signatures,
    Tiering,
    choices,
    conditions,
)
from scanner.model.decisions import Match, Tier, Tiers

UNITS = {"111111111111": ("r-1", "ou-a"), "222222222222": ("r-1",)}
HERE = Location("111111111111", "eu-west-1", ("EBS",))
CONTROL = "a-control"
LETTERS = st.sampled_from("tf?")


def letter(match: Match, place: Location = HERE, letters: str = "") -> str:
    signature, _ = Signatures(Tiering(Tiers((Tier("a", match),)), UNITS)).of(place, letters)
    return {(): "f", ((0, True),): "t", ((0, False),): "?"}[signature]


@pytest.mark.parametrize(
    ("account", "expected"), [("111111111111", "t"), ("222222222222", "f"), ("333333333333", "?")]
)
def test_an_account_whose_unit_is_not_known_may_lie_below_it(account: str, expected: str) -> None:
    assert letter(Match(organizational_units=("ou-a",)), HERE._replace(account=account)) == expected
    assert letter(Match(organizational_units=("ou-b", "ou-a")), HERE._replace(account=account)) == expected


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        (Match(accounts=("1111*",)), "t"),
        (Match(accounts=("1111",)), "f"),
        (Match(regions=("us-*", "eu-*")), "t"),
        (Match(types=("RDS",)), "f"),
        (Match(types=("EBS",), regions=("us-*",)), "f"),
    ],
)
def test_the_place_decides(match: Match, expected: str) -> None:
    assert letter(match) == expected


def test_a_recovery_point_has_the_type_of_what_it_is_a_backup_of_too() -> None:
    place = HERE._replace(types=("recovery_point", "EBS"))
    assert letter(Match(types=("EBS",)), place) == letter(Match(types=("recovery_*",)), place) == "t"


@pytest.mark.parametrize(
    ("letters", "expected"),
    [("tt", "t"), ("t?", "?"), ("?t", "?"), ("f?", "f"), ("?f", "f"), ("ff", "f")],
)
def test_all_that_a_match_asks_must_hold(letters: str, expected: str) -> None:
    assert letter(Match(tags=(("a", ("1",)), ("b", ("2",)))), HERE, letters) == expected


def test_what_is_known_not_to_match_decides_over_what_is_not_known() -> None:
    match = Match(tags=(("a", ("1",)),), organizational_units=("ou-a",), regions=("us-*",))
    assert letter(match, HERE._replace(account="333333333333"), "?") == "f"


def test_a_unit_in_doubt_is_told() -> None:
    signatures = Signatures(Tiering(Tiers((Tier("a", Match(organizational_units=("ou-a",))),)), UNITS))
    assert signatures.of(HERE._replace(account="333333333333"), "") == (((0, False),), True)
    assert signatures.of(HERE, "") == (((0, True),), False)


def test_each_condition_is_asked_once() -> None:
    asked = Match(tags=(("a", ("1",)),), subjects=("x",))
    assert conditions([asked, asked, Match(regions=("x",)), Match(tags=(("a", ("2",)),))]) == (
        Condition("a", ("1",)),
        Condition("", ("x",)),
        Condition("a", ("2",)),
    )


@given(st.lists(LETTERS, min_size=2, max_size=2), st.lists(LETTERS, min_size=3, max_size=3))
def test_choices_are_what_some_world_gives(first: list[str], later: list[str]) -> None:
    tiers = Tiers(
        tuple(Tier(f"tier-{at}", Match(), {CONTROL: {"a": at}}) for at in range(len(first))),
        tuple(Tier("", Match(), {CONTROL: {"b" if at else "a": 10 + at}}) for at in range(len(later))),
    )
    worlds = set()
    for world in product("tf", repeat=5):
        if any(known not in ("?", letter) for known, letter in zip(first + later, world, strict=True)):
            continue
        tier = next((at for at in range(2) if world[at] == "t"), None)
        values: dict[str, int] = {} if tier is None else {"a": tier}
        for at in range(3):
            if world[2 + at] == "t":
                values["b" if at else "a"] = 10 + at
        worlds.add(("" if tier is None else f"tier-{tier}", tuple(sorted(values.items()))))
    signature = tuple((at, each == "t") for at, each in enumerate(first + later) if each != "f")
    found = choices(tiers, CONTROL, signature)
    assert {(each.tier, tuple(sorted(each.parameters.items()))) for each in found} == worlds
    assert len(found) == len(worlds)


def test_what_is_set_for_another_control_makes_no_choice() -> None:
    tiers = Tiers((), (Tier("", Match(), {"another": {"a": 1}}),))
    assert [dict(each.parameters) for each in choices(tiers, CONTROL, ((0, False),))] == [{}]


def test_too_many_choices_are_told_as_not_known() -> None:
    overrides = tuple(Tier("", Match(), {CONTROL: {f"p{at}": at}}) for at in range(7))
    assert 2 ** len(overrides) > MAX_CHOICES
    assert choices(Tiers((), overrides), CONTROL, tuple((at, False) for at in range(7))) == ()
