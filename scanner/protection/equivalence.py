"""Groups of resources that every backup selection of a shard treats alike, and an index of candidates."""

from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Iterable, Sequence
from typing import Final

from scanner.model.inventory import Resource, SelectionTerms, TagCondition, Tags
from scanner.model.known import Known
from scanner.protection.capabilities import restore_test_leftover
from scanner.protection.tag_conditions import TAG_KEY, wildcard

_TAG_KEY: Final = "aws:ResourceTag/"


class SelectionGrouping:
    """Groups resources by all properties that the selections of a shard look at."""

    def __init__(self, selections: Iterable[SelectionTerms]) -> None:
        terms = tuple(selections)
        entries = {entry for selection in terms for entry in (*selection.resources, *selection.not_resources)}
        clauses = [
            clause for selection in terms for clause in (*selection.list_of_tags, *selection.conditions)
        ]
        self._exact = frozenset(entry for entry in entries if "*" not in entry)
        self._patterns = tuple(sorted(entries - self._exact))
        self._keys = {
            key: _TagValues([clause for clause in clauses if clause.key.removeprefix(TAG_KEY) == key])
            for key in sorted({clause.key.removeprefix(TAG_KEY) for clause in clauses})
        }
        self._of_kind: dict[str, tuple[str, ...]] = {}

    def key(self, resource: Resource) -> Hashable:
        """Return the same value for all resources that every selection treats alike."""
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
        return tuple([values.of(tags[key]) if key in tags else None for key, values in self._keys.items()])

    def _undecided(self, kind: str) -> Iterable[str]:
        """Yield the patterns that some ARNs with this beginning match and others do not."""
        for pattern in self._patterns:
            head = pattern.partition("*")[0]
            never = not (kind.startswith(head) or head.startswith(kind))
            always = pattern.endswith("*") and wildcard(pattern, kind)
            if not (never or always):
                yield pattern


class _TagValues:
    """Groups the values of one tag by what the clauses on that tag look at."""

    def __init__(self, clauses: Iterable[TagCondition]) -> None:
        tag_clauses = tuple(clauses)
        self._values = frozenset(clause.value for clause in tag_clauses)
        self._patterns = tuple(
            {clause.value for clause in tag_clauses if "Like" in clause.operator and "*" in clause.value}
        )
        self._known: dict[str, Hashable] = {}

    def of(self, value: str) -> Hashable:
        """Return the same value for all tag values that every clause treats alike."""
        if (group := self._known.get(value)) is None:
            matches = tuple([wildcard(pattern, value) for pattern in self._patterns])
            group = self._known[value] = (value if value in self._values else "", matches)
        return group


def _beginning(arn: str) -> str:
    """Return an ARN up to its name: `arn:aws:ec2:eu-west-1:111111111111:volume/`, `arn:aws:s3:::`."""
    *fields, resource = arn.split(":", 5)
    end = next((at for at, char in enumerate(resource) if char in "/:"), -1)
    return f"{':'.join(fields)}:{resource[: end + 1]}"


# Evaluating every selection for every resource of a large shard is slow, and almost every answer is no.
# This index returns a superset of the resources for which `selects` is not false: by the literal beginning
# of an ARN pattern, by a required tag, and always those whose tags were not read.
class Candidates:
    """The resources of one shard, by ARN and by tag."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._resources = sorted(resources, key=lambda resource: resource.arn)
        self._arns = [resource.arn for resource in self._resources]
        self._tagged: dict[tuple[str, str], list[int]] = {}
        self._tags_unread: list[int] = []
        for position, resource in enumerate(self._resources):
            if not isinstance(resource.tags, Known):
                self._tags_unread.append(position)
                continue
            for tag in resource.tags.value.items():
                self._tagged.setdefault(tag, []).append(position)

    def of(self, terms: SelectionTerms) -> Sequence[Resource]:
        """Return, ordered by ARN, all resources for which `selects(terms, …)` may not be false."""
        positions = self._narrowed(terms, self._named(terms))
        if positions is None:
            return self._resources
        return [self._resources[position] for position in sorted(positions)]

    def _named(self, terms: SelectionTerms) -> set[int] | None:
        """Return the positions that Resources or ListOfTags may match; None: all of them."""
        if not (terms.resources or terms.list_of_tags):
            return None
        positions: set[int] = set()
        for entry in terms.resources:
            if entry.startswith("*"):  # no literal beginning to search by
                return None
            positions.update(self._beginning(entry))
        for wanted in terms.list_of_tags:
            if (tagged := self._holding(wanted)) is None:
                return None
            positions |= tagged
        return positions

    def _narrowed(self, terms: SelectionTerms, positions: set[int] | None) -> set[int] | None:
        """Keep only the positions that every StringEquals condition can hold for."""
        for condition in terms.conditions:
            tagged = self._holding(condition)
            if tagged is not None:
                positions = tagged if positions is None else positions & tagged
        return positions

    def _beginning(self, pattern: str) -> range:
        """Return the positions of the ARNs that begin as a pattern does, up to its first `*`."""
        # The ARNs are sorted, so those with a common prefix are neighbours.
        prefix, star, _ = pattern.partition("*")
        length = len(prefix) if star else None
        start = bisect_left(self._arns, prefix)
        return range(start, bisect_right(self._arns, prefix, lo=start, key=lambda arn: arn[:length]))

    def _holding(self, wanted: TagCondition) -> set[int] | None:
        """Return the positions that may have the tag; None if the clause is not a plain equality of a tag."""
        key = wanted.key.removeprefix(_TAG_KEY)
        is_tag = wanted.key != key or not key.startswith("aws:")
        if wanted.operator != "StringEquals" or not is_tag:
            return None
        return {*self._tagged.get((key, wanted.value), ()), *self._tags_unread}
