"""Wildcards against a plain recursive matcher, and patterns that punish a backtracking one."""

import itertools
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.protection.policy.match import (
    arn_covers,
    arn_overlaps,
    arn_part,
    covers,
    is_account_id,
    is_no_principal,
    overlaps,
)

GLOBS = st.text("ab*?", max_size=5)
WORDS = ["".join(word) for size in range(7) for word in itertools.product("ab", repeat=size)]


@cache
def plainly(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return plainly(pattern[1:], text) or (bool(text) and plainly(pattern, text[1:]))
    return bool(text) and pattern[0] in ("?", text[0]) and plainly(pattern[1:], text[1:])


@given(GLOBS, st.sampled_from(WORDS))
def test_a_literal_is_covered_exactly_when_it_matches(pattern: str, word: str) -> None:
    assert covers(pattern, word) is plainly(pattern, word)


@given(GLOBS, GLOBS)
def test_what_a_pattern_covers_it_matches_throughout(pattern: str, cell: str) -> None:
    if covers(pattern, cell):
        assert all(plainly(pattern, word) for word in WORDS if plainly(cell, word))


@given(st.text("ab*?", max_size=3), st.text("ab*?", max_size=3))
def test_patterns_overlap_exactly_when_a_word_matches_both(one: str, other: str) -> None:
    assert overlaps(one, other) is any(plainly(one, word) and plainly(other, word) for word in WORDS)


@pytest.mark.parametrize(
    ("pattern", "cell", "expected"),
    [
        ("*", "arn:aws:iam::1:role/x", True),
        ("a*", "a*", True),
        ("a*", "ab*", True),
        ("ab*", "a*", False),
        ("a?", "a*", False),
        ("a?", "a?", True),
        ("*b*", "a?b?", True),
        ("a*a", "a", False),
        ("*b?b*", "aabaa", False),
        ("?b*?b*", "ab", False),  # no letter is taken twice
        ("?b*?b*", "abcb", True),
        ("a*?b*cd", "acbcd", True),
        ("a*?c*cd", "abcd", False),
    ],
)
def test_covers(pattern: str, cell: str, *, expected: bool) -> None:
    assert covers(pattern, cell) is expected


def test_a_wildcard_of_an_arn_operator_stays_in_its_part() -> None:
    arn = "arn:aws:iam::111122223333:role/x"
    assert covers("arn:*:role/x", arn)
    assert arn_covers("arn:*:role/x", arn) is None
    assert arn_covers("arn:aws:*::111122223333:role/*", arn) is True
    assert arn_covers("arn:aws:iam::11*:role/x", arn) is True
    assert arn_overlaps("arn:aws:iam::2*:role/x", arn) is False
    assert arn_covers("*", arn) is True


def test_parts_of_an_arn() -> None:
    assert arn_part("arn:aws-cn:backup:cn-north-1:111122223333:backup-vault:a:b", 5) == "backup-vault:a:b"
    assert not arn_part("arn:aws:short", 1)
    assert not arn_part("nra:aws:iam::1:root", 1)


@pytest.mark.parametrize("text", ["", "11112222333", "1111222233334", "11112222333x", "١١١١٢٢٢٢٣٣٣٣"])
def test_what_is_no_account_id(text: str) -> None:
    assert not is_account_id(text)


def test_a_literal_star_in_a_name_is_nobody_and_in_a_path_may_be_somebody() -> None:
    assert is_no_principal("arn:aws:iam::111122223333:role/backup-*")
    assert is_no_principal("arn:aws:iam::*:role/backup")
    assert not is_no_principal("arn:aws:iam::111122223333:role/te*am/backup")


def test_many_stars_end_without_backtracking() -> None:
    assert not covers("a*" * 1000 + "b", "a" * 2000)
    assert covers("a*" * 1000 + "b", "a" * 2000 + "b")
    assert not covers("*?a?" * 300 + "b", "a" * 2000)
    assert overlaps("*a" * 1000, "*b" * 500 + "*a")
