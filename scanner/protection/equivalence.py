"""Which resources a shard's selections cannot tell apart: each selection says the same of all of them."""

from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Iterable, Sequence
from typing import Final

from scanner.model.inventory import Resource, SelectionTerms, TagCondition, Tags
from scanner.model.reading import Known
from scanner.protection.capabilities import restore_test_leftover
from scanner.protection.tag_conditions import TAG_KEY, wildcard

_TAG_KEY: Final = "aws:ResourceTag/"


class EquivalenceClass:
    """All that these selections look at of a resource: what they ask, not what it is called."""

    def __init__(self, selections: Iterable[SelectionTerms]) -> None:
        terms = tuple(selections)
        entries = {entry for each in terms for entry in (*each.resources, *each.not_resources)}
        clauses = [one for each in terms for one in (*each.list_of_tags, *each.conditions)]
        self._exact = frozenset(entry for entry in entries if "*" not in entry)
        self._patterns = tuple(sorted(entries - self._exact))
        self._keys = {
            key: _Asked([one for one in clauses if one.key.removeprefix(TAG_KEY) == key])
            for key in sorted({one.key.removeprefix(TAG_KEY) for one in clauses})
        }
        self._of_kind: dict[str, tuple[str, ...]] = {}

    def of(self, resource: Resource) -> Hashable:
        """Give what is equal for resources that every selection answers alike."""
        arn, tags = resource.arn, resource.tags
        kind = _beginning(arn)
        patterns = self._of_kind.get(kind)
        if patterns is None:
            patterns = self._of_kind[kind] = tuple(self._undecided(kind))
        return (
            resource.type,
            resource.capability,
            resource.unsupported_kind,
            kind,
            arn if arn in self._exact else "",
            tuple([wildcard(pattern, arn) for pattern in patterns]),
            self._tagged(tags.value) if isinstance(tags, Known) else tags.gap,
            restore_test_leftover(resource),
        )

    def _tagged(self, tags: Tags) -> Hashable:
        return tuple([asked.of(tags[key]) if key in tags else None for key, asked in self._keys.items()])

    def _undecided(self, kind: str) -> Iterable[str]:
        """Give the patterns of which the beginning of an ARN does not tell whether they match."""
        for pattern in self._patterns:
            head = pattern.partition("*")[0]
            never = not (kind.startswith(head) or head.startswith(kind))
            always = pattern.endswith("*") and wildcard(pattern, kind)
            if not (never or always):
                yield pattern


class _Asked:
    """What the clauses about one tag ask of its value."""

    def __init__(self, clauses: Iterable[TagCondition]) -> None:
        asked = tuple(clauses)
        self._values = frozenset(one.value for one in asked)
        self._patterns = tuple({one.value for one in asked if "Like" in one.operator and "*" in one.value})
        self._known: dict[str, Hashable] = {}

    def of(self, value: str) -> Hashable:
        """Give what is equal for values that every clause answers alike."""
        if (known := self._known.get(value)) is None:
            matches = tuple([wildcard(pattern, value) for pattern in self._patterns])
            known = self._known[value] = (value if value in self._values else "", matches)
        return known


def _beginning(arn: str) -> str:
    """Give an ARN up to its name: `arn:aws:ec2:eu-west-1:111111111111:volume/`, `arn:aws:s3:::`."""
    *fields, resource = arn.split(":", 5)
    end = next((at for at, char in enumerate(resource) if char in "/:"), -1)
    return f"{':'.join(fields)}:{resource[: end + 1]}"


# Which resources a backup selection can select at all: asked before each of them is asked exactly.
#
# A selection is a question to every resource of its account and Region; in a large shard almost every
# answer is no. This index gives a superset of those for which `selects` is not false: by the literal
# beginning of an ARN pattern, by a tag that must be there, and always those whose tags were not read.
class Candidates:
    """The resources of one shard, by ARN and by tag."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._resources = sorted(resources, key=lambda resource: resource.arn)
        self._arns = [resource.arn for resource in self._resources]
        self._tagged: dict[tuple[str, str], list[int]] = {}
        self._tags_unread: list[int] = []
        for place, resource in enumerate(self._resources):
            if not isinstance(resource.tags, Known):
                self._tags_unread.append(place)
                continue
            for tag in resource.tags.value.items():
                self._tagged.setdefault(tag, []).append(place)

    def of(self, terms: SelectionTerms) -> Sequence[Resource]:
        """Give, in the order of their ARNs, all resources for which `selects(terms, …)` may not be false."""
        places = self._narrowed(terms, self._named(terms))
        if places is None:
            return self._resources
        return [self._resources[place] for place in sorted(places)]

    def _named(self, terms: SelectionTerms) -> set[int] | None:
        """Give what Resources or ListOfTags reach; None: everything."""
        if not (terms.resources or terms.list_of_tags):
            return None
        places: set[int] = set()
        for entry in terms.resources:
            if entry.startswith("*"):
                return None
            places.update(self._beginning(entry))
        for wanted in terms.list_of_tags:
            if (tagged := self._holding(wanted)) is None:
                return None
            places |= tagged
        return places

    def _narrowed(self, terms: SelectionTerms, places: set[int] | None) -> set[int] | None:
        """Keep those that a condition of equality can hold for."""
        for condition in terms.conditions:
            tagged = self._holding(condition)
            if tagged is not None:
                places = tagged if places is None else places & tagged
        return places

    def _beginning(self, pattern: str) -> range:
        """Give the places of the ARNs that begin as a pattern does, up to its first `*`."""
        prefix, star, _ = pattern.partition("*")
        length = len(prefix) if star else None
        start = bisect_left(self._arns, prefix)
        return range(start, bisect_right(self._arns, prefix, lo=start, key=lambda arn: arn[:length]))

    def _holding(self, wanted: TagCondition) -> set[int] | None:
        """Give those that may have the tag; None where the clause asks for anything but equality."""
        key = wanted.key.removeprefix(_TAG_KEY)
        is_tag = wanted.key != key or not key.startswith("aws:")
        if wanted.operator != "StringEquals" or not is_tag:
            return None
        return {*self._tagged.get((key, wanted.value), ()), *self._tags_unread}
