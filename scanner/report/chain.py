"""The chain that protects a resource, as far as the details of its findings tell it.

Details are JSON as controls left them (`covered_by`, `rules`, `copies`, `newest_recovery_point`,
`newest_recovery_points`), written by this program or by another: every field may be missing, and a
list that may be incomplete ends with null (catalogue, ruling 2). What is missing is said, never guessed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from scanner.model.ternary import Ternary
from scanner.report.words import days, hours, place, short_name

Details = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyLink:
    """A copy action of a covering rule, as it fares for this resource."""

    destination: str
    kind: str  # copy_action or air_gapped_target
    reach: str  # "another Region", "another account" …
    holds: Ternary
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleLink:
    """A covering rule, the vault that it fills, and its copy actions."""

    rule: str
    name: str
    via: str
    schedule: str
    retention: str
    vault: str
    newest: str  # the newest usable recovery point in that vault; empty: not told
    copies: tuple[CopyLink, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """What protects one resource.

    `covered` is None when it is not known; `told` is False when no control asked about its rules, so that
    nothing can be said.
    """

    told: bool
    covered: Ternary
    rules: tuple[RuleLink, ...]
    more_rules: bool  # there may be rules that could not be read
    more_copies: bool
    newest: str  # when the newest usable recovery point was made, and how old it is; empty: not told
    newest_age: str
    newest_exists: Ternary


def chain(details: Iterable[Details]) -> Chain:
    """Tell the chain from the details of all findings about one resource."""
    merged: dict[str, Any] = {}
    for each in details:
        for key, content in each.items():
            merged.setdefault(key, content)
    covered_by, more = _known(merged.get("covered_by"))
    rules, more_rules = _known(merged.get("rules"))
    copies, more_copies = _known(merged.get("copies"))
    links = _links(covered_by, rules, copies, _newest_by_vault(merged))
    incomplete = more or more_rules
    told = "covered_by" in merged or "rules" in merged
    point = merged.get("newest_recovery_point")
    newest = point if isinstance(point, Mapping) else {}
    exists = newest.get("exists")
    return Chain(
        told=told,
        covered=True if links else None if incomplete or not told else False,
        rules=links,
        more_rules=incomplete,
        more_copies=more_copies,
        newest=_age(newest),
        newest_age=hours(newest.get("age_hours")),
        newest_exists=exists if isinstance(exists, bool) else None,
    )


def _known(content: object) -> tuple[list[Details], bool]:
    """Give the known members of a list, and whether there may be more."""
    if not isinstance(content, list | tuple):
        return [], False
    members = [member for member in content if isinstance(member, Mapping)]
    return members, len(members) < len(content)


def _links(
    covered_by: list[Details], rules: list[Details], copies: list[Details], newest: Mapping[str, str]
) -> tuple[RuleLink, ...]:
    terms = {str(rule.get("rule")): rule for rule in rules}
    # A rule may cover in several ways: the first, which is the direct one, stands for it.
    through = {str(cover.get("rule")): _via(cover) for cover in reversed(covered_by)}
    return tuple(
        _rule_link(rule, terms.get(rule, {}), through.get(rule, ""), copies, newest)
        for rule in sorted({*through, *terms})
    )


def _via(cover: Details) -> str:
    parent = cover.get("parent")
    via = str(cover.get("via") or "selection")
    return f"the {via} {short_name(str(parent)).rpartition('/')[2]}" if parent else f"a {via}"


def _rule_link(
    rule: str, terms: Details, via: str, copies: list[Details], newest: Mapping[str, str]
) -> RuleLink:
    vault = str(terms.get("vault") or "")
    return RuleLink(
        rule=rule,
        name=str(terms.get("name") or short_name(rule)),
        via=via,
        schedule=_schedule(terms),
        retention=days(terms.get("retention_days")) if terms else "",
        vault=vault,
        newest=newest.get(vault, ""),
        copies=tuple(_copy_link(copy) for copy in copies if str(copy.get("rule")) == rule),
    )


def _schedule(terms: Details) -> str:
    words = [str(terms[key]) for key in ("schedule", "timezone") if terms.get(key)]
    return " ".join(words) + (", continuous" if terms.get("continuous") else "")


def _copy_link(copy: Details) -> CopyLink:
    destination = str(copy.get("destination") or "")
    reach = [
        word
        for key, word in (("cross_account", "another account"), ("cross_region", "another Region"))
        if copy.get(key)
    ]
    effective = copy.get("effective")
    return CopyLink(
        destination=destination,
        kind=str(copy.get("kind") or "copy_action"),
        reach=" and ".join(reach) or place(destination),
        holds=effective if isinstance(effective, bool) else None,
        why=str(copy.get("reason") or ""),
    )


def _newest_by_vault(merged: Details) -> dict[str, str]:
    points, _ = _known(merged.get("newest_recovery_points"))
    return {short_name(str(point.get("vault"))): _age(point) for point in points}


def _age(point: Details) -> str:
    created, age = point.get("created_at"), point.get("age_hours")
    return f"{created} ({hours(age)} old)" if isinstance(age, int | float) else str(created or "")
