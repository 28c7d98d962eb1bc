"""Patterns of selections, row by row (facts 3.1)."""

import pytest

from scanner.protection.tag_conditions import could_match, wildcard


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        pytest.param("a*b*b*c", "abc", False, id="no letter is taken twice"),
        pytest.param("a*b*b*c", "abbc", True, id="letters side by side"),
        pytest.param("a*b*c*d", "acbd", False, id="parts come in their order"),
        pytest.param("ab*ba", "aba", False, id="head and tail do not overlap"),
        pytest.param("ab*ba", "abba", True, id="a star may stand for nothing"),
        pytest.param("ab", "abc", False, id="without a star all of it is meant"),
        pytest.param("a?c", "abc", False, id="a question mark is no wildcard"),
        pytest.param("A*", "abc", False, id="case matters"),
        pytest.param("*", "", True, id="a star alone matches everything"),
    ],
)
def test_wildcard(pattern: str, text: str, *, expected: bool) -> None:
    assert wildcard(pattern, text) is expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*", True),
        ("arn:aws:ec2:*:*:volume/*", True),
        ("arn:aws:ec2:*:*:volume/vol-1", True),
        ("arn:aws:ec2:eu-west-1:111111111111:vol*", True),
        ("arn:aws:ec2:*:*:instance/*", False),
        ("arn:aws:ec2:*", True),
        ("arn:aws:ec2", False),
        ("arn:aws:rds:*:*:volume/*", False),
        ("*volume*", True),
    ],
)
def test_patterns_that_could_match_a_volume(pattern: str, *, expected: bool) -> None:
    assert could_match(pattern, "ec2", "volume/") is expected
