"""How close a backup selection comes to a resource that it does not select, and what would close the gap.

The answer to the commonest question about AWS Backup: the resource is tagged, and nothing backs it up. Tags
are proposed only where the selection, asked again with them, selects the resource.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from scanner.model.inventory import Resource, SelectionTerms, TagCondition, Tags
from scanner.model.reading import Known
from scanner.protection.near_arns import Near
from scanner.protection.near_tags import RANKS, Difference, Nearness, key_of, shown, tag_difference
from scanner.protection.opt_in import OptIn
from scanner.protection.selection import Reach, reach_of
from scanner.protection.tag_conditions import EQUALS, TAG_KEY, condition_holds, listed_tag_holds, wildcard

_AS_A_TAG: Final = ("StringEquals", "StringLike")


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A selection that does not select a resource, and the closest clause of it.

    `tags`: those with which it would select the resource; empty: tags alone do not help. `opt_in`: whether
    the opt-in has to be switched on for that, too.
    """

    nearness: Nearness
    because: str
    tags: tuple[tuple[str, str], ...] = ()
    opt_in: bool = False

    @property
    def rank(self) -> int:
        """Return the place in the order of nearness: 0 is the closest."""
        return RANKS[self.nearness]


def near_miss(terms: SelectionTerms, resource: Resource, opt_in: OptIn, near_arns: Near) -> NearMiss | None:
    """Return how close a selection comes; None: it selects the resource, may select it, or is far away.

    `near_arns`: the entries of any selection that almost match the ARN (`NearArns.of`).
    """
    reach = reach_of(terms, resource, opt_in)
    if reach is not None and reach.verdict.value is not False:
        return None
    if not isinstance(resource.tags, Known):
        differences = tuple(_of_arns(terms, near_arns)) if reach is None else ()
    elif reach is None:
        differences = (*_of_arns(terms, near_arns), *_of_listed_tags(terms, resource.tags.value))
    else:
        differences = tuple(_of_reached(terms, resource, reach, resource.tags.value))
    nearest = min(differences, key=lambda each: RANKS[each[0].nearness], default=None)
    if nearest is None:
        return None
    found, clause = nearest
    return _with_remedy(NearMiss(found.nearness, found.because), clause, (terms, resource, opt_in))


_Found = tuple[Difference, TagCondition | None]
"""A difference, and the clause about tags that it is about."""


def _of_arns(terms: SelectionTerms, near_arns: Near) -> Iterator[_Found]:
    entries = frozenset(terms.resources)
    yield from ((found, None) for entry, found in near_arns if entry in entries)


def _of_listed_tags(terms: SelectionTerms, tags: Tags) -> Iterator[_Found]:
    for clause in terms.list_of_tags:
        if clause.operator == EQUALS and listed_tag_holds(clause, tags) is False:
            yield tag_difference(clause, tags), clause


def _of_reached(terms: SelectionTerms, resource: Resource, reach: Reach, tags: Tags) -> Iterator[_Found]:
    """Return why a selection whose Resources or ListOfTags match leaves the resource out."""
    if reach.kept.value is False:
        excluding = next((entry for entry in terms.not_resources if wildcard(entry, resource.arn)), None)
        if excluding is not None:
            yield (
                Difference(Nearness.EXCLUDED, f"excludes it with the NotResources entry {shown(excluding)}"),
                None,
            )
            return
        failing = [each for each in terms.conditions if condition_holds(each, tags) is False]
        for clause in failing[:1]:
            found = tag_difference(clause, tags)
            yield found, clause
    elif reach.opt_in.value is False:
        yield Difference(Nearness.OPT_IN, f"matches it, but {reach.opt_in.because}"), None


def _with_remedy(
    miss: NearMiss, clause: TagCondition | None, asked: tuple[SelectionTerms, Resource, OptIn]
) -> NearMiss:
    """Add the tags with which the selection selects the resource, when it then does."""
    terms, resource, opt_in = asked
    if miss.nearness is Nearness.OPT_IN:
        return replace(miss, opt_in=True)
    wanted = _wanted(terms, clause)
    if clause is None or not wanted or not isinstance(resource.tags, Known):
        return miss
    tags = resource.tags.value
    tagged = replace(resource, tags=replace(resource.tags, value={**tags, **wanted}))
    reach = reach_of(terms, tagged, opt_in)
    if reach is None or not (reach.reached.value and reach.kept.value) or reach.opt_in.value is None:
        return miss
    missing = tuple((key, value) for key, value in wanted.items() if tags.get(key) != value)
    return replace(miss, tags=missing, opt_in=not reach.opt_in.value)


def _wanted(terms: SelectionTerms, clause: TagCondition | None) -> dict[str, str]:
    """Return the tags that a clause of ListOfTags and all conditions ask for, as far as they name a value."""
    listed = [clause] if clause is not None and clause in terms.list_of_tags else []
    return {key_of(each): each.value for each in (*_named(terms.conditions), *listed)}


def _named(conditions: Iterable[TagCondition]) -> Iterator[TagCondition]:
    for each in conditions:
        if each.operator in _AS_A_TAG and "*" not in each.value and each.key.startswith(TAG_KEY):
            yield each
