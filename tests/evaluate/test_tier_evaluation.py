"""Judging with tiers and overrides, against an oracle that judges every world of every row by itself."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.evaluate.controls.cases import built
from scanner.evaluate.database import Limits
from scanner.evaluate.decisions.tiers import Tiering
from scanner.evaluate.decisions.waivers import WaiverRule, Waivers
from scanner.evaluate.engine import evaluate
from scanner.model.control import Control
from scanner.model.decisions import Match, Tier, Tiers, Waiver
from scanner.model.facts import RecoveryPointFacts, ResourceFacts, VaultFacts
from scanner.model.finding import Finding, Severity, Status
from scanner.storage.parquet import arrow_table
from tests.evaluate.conftest import AS_OF

UNITS = {"111111111111": ("r-1", "ou-a"), "222222222222": ("r-1", "ou-b")}
CRITICAL = Match(tags=(("tier", ("critical", "gold*")),))


def length(name: str = "length", subject: str = "resource", population: str = "true") -> Control:
    """Ask how long names are."""
    return Control(
        id=name,
        title="Names are long enough",
        severity=Severity.HIGH,
        subject=subject,
        population=population,
        require="length(name) >= $least AND length(name) <= $most",
        reason="The name has {length(name)} letters, not {$least} to {$most}.",
        parameters={"least": 2, "most": 9},
    )


def tier(name: str, match: Match, **values: Any) -> Tier:
    return Tier(name, match, {"length": values} if values else {})


Tags = Sequence[tuple[str, str]] | None


def row(number: int, tags: Tags, name: str = "abc", **given: Any) -> ResourceFacts:
    listed = None if tags is None else [{"key": key, "value": value} for key, value in tags]
    values = {
        "subject": f"arn:{number:04}",
        "subject_type": "EBS",
        "account": "111111111111",
        "region": "eu-west-1",
        "name": name,
        "tags": listed,
        **given,
    }
    made = built(ResourceFacts, values, ("row",))
    assert isinstance(made, ResourceFacts)
    return made


def judge(rows: Sequence[Any], tiers: Tiers, *controls: Control, **options: Any) -> list[Finding]:
    asked = controls or (length(),)
    tables = {asked[0].subject: arrow_table(asked[0].subject, rows), **options.pop("tables", {})}
    tiering = Tiering(tiers, options.pop("units", UNITS), options.pop("units_unread", ""))
    return list(evaluate(tables, asked, as_of=AS_OF, tiering=tiering, **options))


def told(finding: Finding) -> tuple[str, object, object]:
    return (
        finding.status.value,
        finding.details.get("tier", "absent"),
        finding.details.get("parameters", "absent"),
    )


def test_the_first_tier_counts_and_overrides_come_after_it_in_their_order() -> None:
    tiers = Tiers(
        (tier("critical", CRITICAL, least=4), tier("wide", Match(types=("E*",)), least=1, most=5)),
        (
            Tier("", Match(regions=("eu-*",)), {"length": {"most": 8}}),
            Tier("", Match(accounts=("111111111111",)), {"length": {"most": 7}}),
        ),
    )
    first, second = judge([row(1, [("tier", "gold-1")]), row(2, [("tier", "low")])], tiers)
    assert told(first) == ("fail", "critical", {"least": 4, "most": 7})
    assert told(second) == ("pass", "wide", {"least": 1, "most": 7})
    assert first.reason == "The name has 3 letters, not 4 to 7."


def test_audit_yaml_counts_over_the_default_and_a_tier_over_audit_yaml() -> None:
    tiers = Tiers((tier("critical", CRITICAL, least=4),))
    rows = [row(1, [("tier", "critical")]), row(2, [])]
    found = judge(rows, tiers, parameters={"length": {"least": 1, "most": 2}})
    assert told(found[0]) == ("fail", "critical", {"least": 4, "most": 2})
    assert told(found[1]) == ("fail", "", "absent")


def test_a_tier_that_sets_nothing_of_a_control_is_told_all_the_same() -> None:
    (found,) = judge([row(1, [("tier", "critical")])], Tiers((tier("critical", CRITICAL),)))
    assert told(found) == ("pass", "critical", "absent")


def test_with_overrides_alone_there_is_no_word_of_tiers() -> None:
    found = judge([row(1, [])], Tiers((), (tier("", Match(types=("EBS",)), least=1),)))
    assert told(found[0]) == ("pass", "absent", {"least": 1, "most": 9})


def test_answers_that_differ_are_not_known_and_say_what_was_not_read() -> None:
    note = {"about": "tags", "reason": "Its tags were not read: AccessDenied."}
    (found,) = judge([row(1, None, not_known=[note])], Tiers((tier("critical", CRITICAL, least=4),)))
    assert told(found) == ("unknown", None, None)
    assert found.reason == (
        "Could not determine which tier applies. Its tags were not read: AccessDenied. "
        "In tier critical (least 4, most 9) it fails; without a tier (least 2, most 9) it passes."
    )
    assert found.details["possible"] == [
        {"tier": "critical", "parameters": {"least": 4, "most": 9}, "status": "fail"},
        {"tier": "", "parameters": {"least": 2, "most": 9}, "status": "pass"},
    ]


@pytest.mark.parametrize(("name", "status"), [("abcde", "pass"), ("a", "fail")])
def test_answers_that_are_the_same_count(name: str, status: str) -> None:
    (found,) = judge([row(1, None, name)], Tiers((tier("critical", CRITICAL, least=4),)))
    assert told(found) == (status, None, None)
    assert found.reason.endswith(
        "The result is the same whichever tier applies, which could not be determined. "
        "Its tags were not read."
    )


def test_tiers_that_set_the_same_leave_the_answer_as_it_is() -> None:
    (found,) = judge([row(1, None)], Tiers((tier("critical", CRITICAL, least=2),)))
    assert told(found) == ("pass", None, {"least": 2, "most": 9})
    assert "whichever" not in found.reason


def test_a_unit_that_is_not_known_is_named() -> None:
    tiers = Tiers((tier("unit", Match(organizational_units=("ou-a",)), least=4),))
    rows = [row(1, [], account=account) for account in (*UNITS, "333333333333")]
    found = judge(rows, tiers, units_unread="AccessDenied.")
    assert [told(each)[:2] for each in found] == [("fail", "unit"), ("pass", ""), ("unknown", None)]
    assert "The organizational unit of account 333333333333 is unknown. AccessDenied." in found[2].reason


def test_a_subject_that_no_set_asks_is_not_asked() -> None:
    control = length(population="length(name) > $least")
    tiers = Tiers((tier("critical", CRITICAL, least=4),))
    (found,) = judge([row(1, None, "a", not_applicable_because="It is a leftover.")], tiers, control)
    assert found.status is Status.NOT_APPLICABLE
    (found,) = judge([row(1, None, "abc")], tiers, control)
    assert found.status is Status.UNKNOWN
    assert "In tier critical (least 4, most 9) it does not apply" in found.reason


def test_an_answer_that_is_unknown_for_one_set_is_unknown() -> None:
    control = replace(length(), require="covered OR length(name) >= $least")
    tiers = Tiers((tier("critical", CRITICAL, least=9),))
    (found,) = judge([row(1, None, covered=None)], tiers, control)
    assert found.status is Status.UNKNOWN


def test_too_many_possible_sets_are_unknown() -> None:
    overrides = tuple(
        Tier("", Match(tags=((f"key-{at}", ("x",)),)), {"length": {"least": at}}) for at in range(70)
    )
    (found,) = judge([row(1, None)], Tiers((), overrides))
    assert found.status is Status.UNKNOWN
    assert found.reason == "More than 64 sets of parameters may apply. Its tags were not read."


def test_a_recovery_point_has_the_tier_of_what_it_is_a_backup_of() -> None:
    points = [
        built(
            RecoveryPointFacts,
            {"subject": f"point-{at}", "resource": arn, "resource_type": "EBS", "name": "abc"},
            ("row",),
        )
        for at, arn in enumerate(("arn:0001", "arn:0002", "arn:0003", "arn:gone"))
    ]
    rows = [row(1, [("tier", "critical")]), row(2, []), row(3, None)]
    tiers = Tiers((tier("critical", replace(CRITICAL, types=("EBS",)), least=4),))
    found = judge(
        points, tiers, length(subject="recovery_point"), tables={"resource": arrow_table("resource", rows)}
    )
    assert [told(each)[:2] for each in found] == [
        ("fail", "critical"),
        ("pass", ""),
        ("unknown", None),
        ("unknown", None),
    ]
    assert "the resource is not in the inventory" in found[3].reason


def test_tags_do_not_concern_what_has_none() -> None:
    vault = built(VaultFacts, {"subject": "arn:vault", "subject_type": "vault", "name": "abc"}, ("row",))
    named = tier("vaults", Match(subjects=("arn:v*",)), least=4)
    tiers = Tiers((tier("critical", CRITICAL, least=9), named))
    (found,) = judge([vault], tiers, length(subject="vault"))
    assert told(found) == ("fail", "vaults", {"least": 4, "most": 9})


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [("arn:x_y%z", True), ("arn:*", True), ("arn:x_*z", True), ("arn:__y%*", False), ("a%*", False)],
)
def test_only_a_star_is_special_in_a_pattern(pattern: str, *, matches: bool) -> None:
    tiers = Tiers((tier("named", Match(subjects=(pattern,))),))
    (found,) = judge([row(1, [], subject="arn:x_y%z")], tiers)
    assert (found.details["tier"] == "named") is matches


def test_a_control_that_breaks_is_in_error_for_itself_alone() -> None:
    broken = replace(length("broken"), require="CAST(name AS INTEGER) >= $least")
    tiers = Tiers((Tier("critical", CRITICAL, {"broken": {"least": 4}, "length": {"least": 4}}),))
    rows = [row(1, [("tier", "critical")]), row(2, None), row(3, [])]
    found = judge(rows, tiers, broken, length())
    assert [each.status.value for each in found] == ["error"] * 3 + ["fail", "unknown", "pass"]


def test_a_waiver_covers_what_fails_in_a_tier() -> None:
    waivers = Waivers([WaiverRule("length", "*", Waiver("w", "o", "a", "r", "2030-01-01"))], AS_OF)
    rows = [row(1, [("tier", "critical")]), row(2, None)]
    found = judge(rows, Tiers((tier("critical", CRITICAL, least=4),)), waivers=waivers)
    assert [each.status for each in found] == [Status.WAIVED, Status.UNKNOWN]


def test_a_table_of_many_rows_in_files_is_judged_alike(tmp_path: Path) -> None:
    ways: tuple[Tags, ...] = ([("tier", "critical")], [], None)
    rows = [row(at, ways[at % 3], "abcde"[: at % 6]) for at in range(60)]
    tiers = Tiers((tier("critical", CRITICAL, least=4),), (tier("", Match(subjects=("*1",)), most=4),))
    table = arrow_table("resource", rows)
    for number, start in enumerate((0, 25)):
        pq.write_table(table.slice(start, 25 if not number else 35), tmp_path / f"{number}.parquet")
    stored = {"resource": ds.dataset(tmp_path, format="parquet")}
    found = list(
        evaluate(stored, [length()], as_of=AS_OF, tiering=Tiering(tiers, UNITS), limits=Limits(rows=10))
    )
    assert [each.document() for each in found] == [each.document() for each in judge(rows, tiers)]
    assert {each.status.value for each in found} == {"pass", "fail", "unknown"}


# The oracle: every world of a row, judged alone.

VALUES = ("critical", "gold", "low")
KEYS = ("tier", "env")
World = tuple[Mapping[str, str], tuple[str, ...]]


def worlds(tags: Tags, account: str) -> Iterator[World]:
    """Give all tags and units that a row may have."""
    units = [UNITS[account]] if account in UNITS else [("r-1", "ou-a"), ("r-1", "ou-b")]
    found = [dict(tags)] if tags is not None else []
    if tags is None:
        every = product((None, *VALUES), repeat=len(KEYS))
        found += [{key: value for key, value in zip(KEYS, values, strict=True) if value} for values in every]
    yield from product(found, units)


def holds(match: Match, place: tuple[str, str, str], world: World) -> bool:
    account, region, subject = place
    tags, units = world
    if match.accounts and account not in match.accounts:
        return False
    if match.regions and region not in match.regions:
        return False
    if match.subjects and subject not in match.subjects:
        return False
    if match.organizational_units and not set(units) & set(match.organizational_units):
        return False
    return all(tags.get(key) in values for key, values in match.tags)


def outcome(tiers: Tiers, size: int, place: tuple[str, str, str], world: World) -> tuple[str, str]:
    """Give tier and status in one world."""
    values = {"least": 2, "most": 9}
    name = ""
    for each in tiers.tiers:
        if holds(each.match, place, world):
            name = each.name
            values.update(each.parameters.get("length", {}))
            break
    for each in tiers.overrides:
        if holds(each.match, place, world):
            values.update(each.parameters.get("length", {}))
    return name, "pass" if values["least"] <= size <= values["most"] else "fail"


def some(values: Sequence[str], least: int = 0) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), min_size=least, max_size=2, unique=True).map(tuple)


ACCOUNTS = (*UNITS, "333333333333")
MATCHES = st.builds(
    Match,
    tags=st.dictionaries(st.sampled_from(KEYS), some(VALUES, 1)).map(lambda found: tuple(found.items())),
    accounts=some(ACCOUNTS),
    organizational_units=some(("ou-a", "ou-b")),
    regions=some(("eu-west-1", "eu-central-1")),
    subjects=some(("arn:0000", "arn:0001")),
)
SETTINGS = st.dictionaries(st.sampled_from(("least", "most")), st.integers(0, 4))
RULES = st.lists(st.tuples(MATCHES, SETTINGS), max_size=3)
TAGS = st.one_of(
    st.none(),
    st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES)).map(lambda found: [*found.items()]),
)
ROWS = st.lists(
    st.tuples(
        TAGS, st.integers(0, 4), st.sampled_from(ACCOUNTS), st.sampled_from(("eu-west-1", "eu-central-1"))
    ),
    max_size=5,
)


@settings(deadline=None, max_examples=25)
@given(ROWS, RULES, RULES)
def test_no_world_contradicts_an_answer(given_rows: list[Any], named: list[Any], others: list[Any]) -> None:
    tiers = Tiers(
        tuple(tier(f"tier-{at}", match, **values) for at, (match, values) in enumerate(named)),
        tuple(tier("", match, **values) for match, values in others),
    )
    rows = [
        row(number, tags, "x" * size, account=account, region=region)
        for number, (tags, size, account, region) in enumerate(given_rows)
    ]
    found = {each.subject: each for each in judge(rows, tiers)}
    assert len(found) == len(rows)
    for made, (tags, size, account, region) in zip(rows, given_rows, strict=True):
        finding = found[made.subject]
        place = (account, region, made.subject)
        possible = {outcome(tiers, size, place, world) for world in worlds(tags, account)}
        answers = {status for _, status in possible}
        names = {name for name, _ in possible}
        is_known = tags is not None and account in UNITS
        if is_known:
            assert {finding.status.value} == answers
        elif finding.status is not Status.UNKNOWN:
            assert answers == {finding.status.value}
        if tiers.tiers and (is_known or finding.details["tier"] is not None):
            assert {finding.details["tier"]} == names
