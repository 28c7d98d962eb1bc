import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.model.known import Answer, Ternary, all_of, any_of, conjunction, negate
from scanner.model.names import parse_arn, partition_of

answers = st.lists(st.sampled_from([True, False, None]), max_size=6)


def worlds(open_answers: list[Ternary]) -> list[list[bool]]:
    """All ways in which what is not known could turn out."""
    found: list[list[bool]] = [[]]
    for answer in open_answers:
        found = [
            [*world, each] for world in found for each in ((True, False) if answer is None else (answer,))
        ]
    return found


@given(answers)
def test_an_answer_is_known_just_when_all_worlds_agree(drawn: list[Ternary]) -> None:
    for joined, plain in ((all_of(drawn), all), (any_of(drawn), any)):
        possible = {plain(world) for world in worlds(drawn)}
        assert joined is (possible.pop() if len(possible) == 1 else None)


@given(answers)
def test_conjunction_is_all_of_and_says_what_decided(drawn: list[Ternary]) -> None:
    found = conjunction(Answer(value, str(number)) for number, value in enumerate(drawn))
    assert found.value is all_of(drawn)
    if found.value is not True:
        assert found.because == str(drawn.index(found.value))


@given(answers)
def test_de_morgan(drawn: list[Ternary]) -> None:
    assert negate(all_of(drawn)) is any_of(map(negate, drawn))


def test_nothing_at_all() -> None:
    assert all_of([]) is True
    assert any_of([]) is False


@pytest.mark.parametrize("text", ["", "arn", "arn:aws:s3", "x:aws:s3:::b", "arn:aws:ec2:*"])
def test_what_is_no_arn(text: str) -> None:
    assert parse_arn(text) is None


def test_the_resource_of_an_arn_keeps_its_colons() -> None:
    parts = parse_arn("arn:aws-cn:rds:cn-north-1:111111111111:cluster:a:b")
    assert parts is not None
    assert (parts.partition, parts.service, parts.region, parts.account) == (
        "aws-cn",
        "rds",
        "cn-north-1",
        "111111111111",
    )
    assert parts.resource == "cluster:a:b"


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        ("eu-west-1", "aws"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-west-1", "aws-us-gov"),
        ("eusc-de-east-1", "aws-eusc"),
        ("us-iso-east-1", "aws-iso"),
        ("us-isob-east-1", "aws-iso-b"),
    ],
)
def test_partitions(region: str, partition: str) -> None:
    assert partition_of(region) == partition
