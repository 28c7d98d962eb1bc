"""The sections `tiers` and `overrides`: both ways of writing, and what is wrong with them."""

from pathlib import Path

import pytest

from scanner.errors import ConfigurationError
from scanner.model.decisions import Match
from scanner.settings.settings import Settings, load_settings

HINT = "(put what applies to everything into `parameters`)"


def load(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "audit.yaml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file)


def mistakes(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, text)
    return [str(each).replace(f"{tmp_path / 'audit.yaml'}:", "") for each in caught.value.mistakes]


def test_a_mapping_by_name_is_a_list_in_the_order_of_the_file(tmp_path: Path) -> None:
    by_name = "tiers:\n  z: {match: {types: EBS}}\n  a: {match: {types: [RDS]}, parameters: {x: {y: 1}}}\n"
    listed = (
        "tiers:\n  - {name: z, match: {types: [EBS]}}\n"
        "  - {name: a, match: {types: RDS}, parameters: {x: {y: 1}}}\n"
    )
    found = load(tmp_path, by_name)
    assert [each.name for each in found.tiers] == ["z", "a"]
    assert found.model_dump() == load(tmp_path, listed).model_dump()


def test_a_match_says_all_that_it_may(tmp_path: Path) -> None:
    text = (
        "overrides:\n"
        "  - match:\n"
        "      tags: {tier: [critical, ''], 'a key': ' spaced '}\n"
        "      types: Storage Gateway\n"
        "      accounts: [012345678901, '1111*', '*']\n"
        "      organizational_units: r-ab12\n"
        "      regions: [eu-west-1, 'eu-*', aws-global]\n"
        "      subjects: ['arn:*']\n"
        "    parameters: {x: {y: 1}}\n"
    )
    (override,) = load(tmp_path, text).overrides
    tier = override.tier({"x": {"y": 1}})
    assert (tier.name, tier.parameters) == ("", {"x": {"y": 1}})
    assert tier.match == Match(
        tags=(("tier", ("critical", "")), ("a key", (" spaced ",))),
        types=("Storage Gateway",),
        accounts=("012345678901", "1111*", "*"),
        organizational_units=("r-ab12",),
        regions=("eu-west-1", "eu-*", "aws-global"),
        subjects=("arn:*",),
    )


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("tiers:\n  a:\n    match: {}", f"3: tiers.a.match: must have at least one criterion {HINT}"),
        (
            "overrides:\n  - match: {}\n    parameters: {x: {y: 1}}",
            f"2: overrides.0.match: must have at least one criterion {HINT}",
        ),
        ("tiers:\n  a: {}", "2: tiers.a.match is missing"),
        ("tiers:\n  - match: {types: EBS}", "2: tiers.0.name is missing"),
        ("tiers:\n  a: 3", "2: tiers.a: must be a mapping, not 3"),
        ("tiers: 3", "1: tiers: must be a list, not 3"),
        (
            "tiers:\n  - {name: a, match: {types: EBS}}\n  - {name: a, match: {types: RDS}}",
            "3: the tier a occurs twice (choose another name)",
        ),
        (
            "tiers:\n  not known: {match: {types: EBS}}",
            (
                '2: tiers.not known.name: must be written as AWS writes it, not "not known" '
                "(of letters, digits, `.`, `_` and `-`)"
            ),
        ),
        (
            "tiers:\n  a: {name: b, match: {types: EBS}}",
            '2: tiers.a.name: must be text, not ["a","b"] (of letters, digits, `.`, `_` and `-`)',
        ),
        (
            "tiers:\n  a:\n    match: {tag: {}}",
            "3: unknown key tiers.a.match.tag (did you mean tags?)",
        ),
        (
            "tiers:\n  a:\n    match:\n      types: []",
            "4: tiers.a.match.types: must not be empty, not []",
        ),
        (
            "tiers:\n  a:\n    match:\n      accounts: ['1111']",
            (
                '4: tiers.a.match.accounts.0: must be written as AWS writes it, not "1111" '
                "(an account id has twelve digits)"
            ),
        ),
        (
            "tiers:\n  a:\n    match:\n      regions: [EU]",
            '4: tiers.a.match.regions.0: must be written as AWS writes it, not "EU" (like eu-west-1)',
        ),
        (
            "tiers:\n  a:\n    match:\n      tags: {tier: [1]}",
            (
                "4: tiers.a.match.tags.tier.0: must be text, not 1 "
                "(values are text: put quotes around a number)"
            ),
        ),
        (
            "overrides:\n  - match: {types: EBS}\n    parameters: {}",
            "3: overrides.0.parameters: must not be empty, not {}",
        ),
        (
            "overrides:\n  - match: {types: EBS}\n    parameters: {x: 3}",
            "3: overrides.0.parameters.x: must be a mapping, not 3",
        ),
    ],
)
def test_a_mistake_says_where_what_and_what_to_do(tmp_path: Path, text: str, mistake: str) -> None:
    assert mistakes(tmp_path, text) == [mistake]


def test_an_empty_list_is_not_taken_for_everything(tmp_path: Path) -> None:
    text = "tiers:\n  a: {match: {tags: {}, accounts: [], types: EBS}}\n"
    assert len(mistakes(tmp_path, text)) == 2
