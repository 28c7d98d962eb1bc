"""Which resources a backup selection can select at all: asked before each of them is asked exactly.

A selection is a question to every resource of its account and Region; in a large shard almost every
answer is no. This index gives a superset of those for which `selects` is not false: by the literal
beginning of an ARN pattern, by a tag that must be there, and always those whose tags were not read.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import Final

from scanner.model.inventory import Resource, SelectionTerms, TagCondition
from scanner.model.reading import Known

_TAG_KEY: Final = "aws:ResourceTag/"


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
