"""How close a backup selection comes to a resource that it does not select, and what would close the gap.

This answers the most common question about AWS Backup: why is a tagged resource not backed up? Tags are
proposed only if the selection, evaluated again with them, selects the resource. An entry of Resources names
an ARN exactly or with `*` (facts 3.1); a plan selects resources of its own account and Region only, so an ARN
of another one selects nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from scanner.model.inventory import Resource, SelectionTerms, TagCondition, Tags
from scanner.model.known import Known
from scanner.model.names import ArnParts, parse_arn
from scanner.protection.near_tags import RANKS, Difference, Nearness, shown, tag_difference, tag_key
from scanner.protection.selection import ClauseResults, OptIn, clause_results
from scanner.protection.tag_conditions import EQUALS, TAG_KEY, condition_holds, listed_tag_holds, wildcard

_SEPARATORS: Final = "/:-_."
_FIELDS: Final = ("partition", "region", "account")
_NAMES: Final = {"partition": "partition", "region": "Region", "account": "account"}

NearEntries = tuple[tuple[str, Difference], ...]
"""Entries of Resources with their difference from an ARN that they almost match."""
_REQUIRES_A_TAG: Final = ("StringEquals", "StringLike")


class NearArns:
    """The Resources entries of a shard's selections, indexed to find those that almost match an ARN."""

    def __init__(self, entries: Iterable[str]) -> None:
        """Index the entries: those without `*` by the resource they name, the others as patterns."""
        self._exact: dict[str, list[str]] = {}
        self._beginnings: set[str] = set()
        self._patterns: list[tuple[str, str]] = []
        self._of_kind: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for entry in dict.fromkeys(entries):
            parts = parse_arn(entry.strip())
            if parts is None:
                continue
            if "*" in entry:
                self._patterns.append((entry, _name(parts)))
            else:
                self._exact.setdefault(_name(parts), []).append(entry)
                self._beginnings.add(entry)

    def of(self, arn: str) -> NearEntries:
        """Return the entries that almost match an ARN, with their differences."""
        parts = parse_arn(arn)
        if parts is None:
            return ()
        return tuple(dict.fromkeys(self._near(arn, parts)))

    def _near(self, arn: str, parts: ArnParts) -> Iterator[tuple[str, Difference]]:
        # These name the same service and resource, but differ in case, Region, account or partition.
        for entry in self._exact.get(_name(parts), ()):
            if entry != arn:
                yield entry, _difference(entry, arn, parts)
        for end in _ends(arn, parts):
            if arn[:end] in self._beginnings:
                because = f"lists {shown(arn[:end])} without a * at the end"
                yield arn[:end], Difference(Nearness.ARN, because)
        for entry, relaxed in self._candidates(parts):
            if wildcard(relaxed, _name(parts)) and not wildcard(entry, arn):
                yield entry, _difference(entry, arn, parts)

    def _candidates(self, parts: ArnParts) -> list[tuple[str, str]]:
        """Return the patterns that may match ARNs of this service and type, by their literal beginning."""
        kind = (parts.service, parts.resource.partition("/")[0] if "/" in parts.resource else "")
        if (candidates := self._of_kind.get(kind)) is None:
            begins = f"{parts.service}:{kind[1]}".casefold()
            candidates = self._of_kind[kind] = [
                (entry, relaxed)
                for entry, relaxed in self._patterns
                if (head := relaxed.partition("*")[0]).startswith(begins) or begins.startswith(head)
            ]
        return candidates


def _name(parts: ArnParts) -> str:
    """Return the service and resource of an ARN, without Region and account, in one case."""
    return f"{parts.service}:{parts.resource}".casefold().strip()


def _ends(arn: str, parts: ArnParts) -> Iterator[int]:
    """Yield where an ARN may have been cut off: around the separators of its resource part."""
    start = len(arn) - len(parts.resource)
    for place in range(start, len(arn)):
        if arn[place] in _SEPARATORS:
            if place > start:
                yield place
            if place + 1 < len(arn):
                yield place + 1


def _difference(entry: str, arn: str, actual: ArnParts) -> Difference:
    named = parse_arn(entry.strip())
    words = [] if named is None else list(_other_fields(named, actual))
    if not words and entry != entry.strip():
        words = ["has leading or trailing whitespace"]
    if not words:
        words = [f"differs from {shown(arn)} in case"]
    return Difference(Nearness.ARN, f"lists {shown(entry)}, which {' and '.join(words)}")


def _other_fields(named: ArnParts, actual: ArnParts) -> Iterator[str]:
    for field in _FIELDS:
        wanted, own = getattr(named, field), getattr(actual, field)
        if not wildcard(wanted, own):
            has = f"the resource is in {own}" if own else "the resource's ARN has none"
            yield f"names the {_NAMES[field]} {shown(wanted)} ({has})"


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A selection that does not select a resource, and the closest clause of it.

    `tags`: the tags with which it would select the resource; empty: tags alone do not help. `opt_in`: whether
    the service opt-in has to be switched on as well.
    """

    nearness: Nearness
    because: str
    tags: tuple[tuple[str, str], ...] = ()
    opt_in: bool = False

    @property
    def rank(self) -> int:
        """The position in the order of nearness: 0 is the closest."""
        return RANKS[self.nearness]


def near_miss(
    terms: SelectionTerms, resource: Resource, opt_in: OptIn, near_arns: NearEntries
) -> NearMiss | None:
    """Return how close a selection comes; None: it selects the resource, may select it, or nothing is close.

    `near_arns`: the entries of any selection that almost match the ARN (`NearArns.of`).
    """
    results = clause_results(terms, resource, opt_in)
    if results is not None and results.verdict.value is not False:
        return None
    if not isinstance(resource.tags, Known):
        differences = tuple(_of_arns(terms, near_arns)) if results is None else ()
    elif results is None:
        differences = (*_of_arns(terms, near_arns), *_of_listed_tags(terms, resource.tags.value))
    else:
        differences = tuple(_of_reached(terms, resource, results, resource.tags.value))
    nearest = min(differences, key=lambda pair: RANKS[pair[0].nearness], default=None)
    if nearest is None:
        return None
    difference, clause = nearest
    return _with_remedy(NearMiss(difference.nearness, difference.because), clause, (terms, resource, opt_in))


_TagDifference = tuple[Difference, TagCondition | None]
"""A difference, and the tag clause that caused it, if one did."""


def _of_arns(terms: SelectionTerms, near_arns: NearEntries) -> Iterator[_TagDifference]:
    entries = frozenset(terms.resources)
    yield from ((difference, None) for entry, difference in near_arns if entry in entries)


def _of_listed_tags(terms: SelectionTerms, tags: Tags) -> Iterator[_TagDifference]:
    for clause in terms.list_of_tags:
        if clause.operator == EQUALS and listed_tag_holds(clause, tags) is False:
            yield tag_difference(clause, tags), clause


def _of_reached(
    terms: SelectionTerms, resource: Resource, results: ClauseResults, tags: Tags
) -> Iterator[_TagDifference]:
    """Yield why a selection whose Resources or ListOfTags match does not select the resource."""
    if results.not_excluded.value is False:
        excluding = next((entry for entry in terms.not_resources if wildcard(entry, resource.arn)), None)
        if excluding is not None:
            yield (
                Difference(Nearness.EXCLUDED, f"excludes it with the NotResources entry {shown(excluding)}"),
                None,
            )
            return
        failing = [condition for condition in terms.conditions if condition_holds(condition, tags) is False]
        for clause in failing[:1]:
            difference = tag_difference(clause, tags)
            yield difference, clause
    elif results.opt_in.value is False:
        yield Difference(Nearness.OPT_IN, f"matches it, but {results.opt_in.because}"), None


def _with_remedy(
    miss: NearMiss, clause: TagCondition | None, question: tuple[SelectionTerms, Resource, OptIn]
) -> NearMiss:
    """Add the missing tags, if the selection selects the resource with them."""
    terms, resource, opt_in = question
    if miss.nearness is Nearness.OPT_IN:
        return replace(miss, opt_in=True)
    wanted = _wanted(terms, clause)
    if clause is None or not wanted or not isinstance(resource.tags, Known):
        return miss
    # The selection is evaluated again, because the added tags may break another condition of it.
    tags = resource.tags.value
    tagged = replace(resource, tags=replace(resource.tags, value={**tags, **wanted}))
    results = clause_results(terms, tagged, opt_in)
    if (
        results is None
        or not (results.matched.value and results.not_excluded.value)
        or results.opt_in.value is None
    ):
        return miss
    missing = tuple((key, value) for key, value in wanted.items() if tags.get(key) != value)
    return replace(miss, tags=missing, opt_in=not results.opt_in.value)


def _wanted(terms: SelectionTerms, clause: TagCondition | None) -> dict[str, str]:
    """Return the tags that a ListOfTags clause and all conditions require, as far as they name a value."""
    listed = [clause] if clause is not None and clause in terms.list_of_tags else []
    return {
        tag_key(condition): condition.value for condition in (*_requiring_a_value(terms.conditions), *listed)
    }


def _requiring_a_value(conditions: Iterable[TagCondition]) -> Iterator[TagCondition]:
    for condition in conditions:
        if (
            condition.operator in _REQUIRES_A_TAG
            and "*" not in condition.value
            and condition.key.startswith(TAG_KEY)
        ):
            yield condition
