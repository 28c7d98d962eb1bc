"""Tiers and overrides against an oracle that goes row by row and tries every world."""

from itertools import product
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.evaluate.tiers import MAX_CHOICES, Match, Rule, choices, signature_sql

UNITS = {"111111111111": ("r-1", "ou-a"), "222222222222": ("r-1",)}
LETTERS = st.sampled_from("tf?")


def letter(match: Match, tags: Any, account: str = "111111111111", *, tagged: bool = True) -> str:
    """Match one row of a table. `tags`: pairs, None among them where the list is incomplete."""
    listed = None if tags is None else [tag and {"key": tag[0], "value": tag[1]} for tag in tags]
    sql = signature_sql([Rule("", match)], UNITS, tagged=tagged)
    column = "CAST($tags AS STRUCT(key VARCHAR, value VARCHAR)[])"
    row = f"SELECT {column} AS tags, $account AS account, 'EBS' AS subject_type, 'eu-west-1' AS region"
    with duckdb.connect(":memory:") as connection:
        found = connection.execute(
            f"SELECT {sql} FROM ({row}, 'arn:x_y%z' AS subject)",  # noqa: S608 -- a test's own row
            {"tags": listed, "account": account},
        ).fetchone()
    assert found is not None
    return str(found[0])


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (None, "?"),
        ([], "f"),
        ([None], "?"),
        ([("tier", "critical")], "t"),
        ([("tier", "critical"), None], "t"),
        ([("tier", "low"), None], "f"),
        ([("tier", None)], "?"),
        ([("Tier", "critical")], "f"),
        ([("other", "critical")], "f"),
    ],
)
def test_tags_match_in_three_values(tags: Any, expected: str) -> None:
    assert letter(Match(tags=(("tier", ("crit*", "high")),)), tags) == expected


@pytest.mark.parametrize(
    ("account", "expected"), [("111111111111", "t"), ("222222222222", "f"), ("333333333333", "?")]
)
def test_an_account_whose_unit_is_not_known_may_lie_below_it(account: str, expected: str) -> None:
    assert letter(Match(organizational_units=("ou-a",)), [], account) == expected


def test_what_is_known_not_to_match_decides_over_what_is_not_known() -> None:
    assert letter(Match(tags=(("tier", ("critical",)),), regions=("us-*",)), None) == "f"


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("arn:x_y%z", "t"), ("arn:*", "t"), ("arn:x_*z", "t"), ("arn:__y%*", "f"), ("a%*", "f"), ("arn", "f")],
)
def test_only_a_star_is_special_in_a_pattern(pattern: str, expected: str) -> None:
    assert letter(Match(subjects=(pattern,)), []) == expected


def test_tags_and_types_do_not_concern_what_has_none() -> None:
    assert letter(Match(types=("EBS",)), [], tagged=False) == "f"
    assert letter(Match(accounts=("1111*",)), [], tagged=False) == "t"


@given(st.lists(LETTERS, min_size=2, max_size=2), st.lists(LETTERS, min_size=3, max_size=3))
def test_choices_are_what_some_world_gives(first: list[str], later: list[str]) -> None:
    tiers = tuple(Rule(f"tier-{at}", Match(), {"a": at}) for at in range(len(first)))
    overrides = tuple(Rule("", Match(), {"b" if at else "a": 10 + at}) for at in range(len(later)))
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
    found = choices(tiers, overrides, "".join(first + later))
    assert {(each.tier, tuple(sorted(each.parameters.items()))) for each in found} == worlds
    assert len(found) == len(worlds)


def test_too_many_choices_are_told_as_not_known() -> None:
    overrides = tuple(Rule("", Match(), {f"p{at}": at}) for at in range(7))
    assert 2 ** len(overrides) > MAX_CHOICES
    assert choices((), overrides, "?" * 7) == ()
