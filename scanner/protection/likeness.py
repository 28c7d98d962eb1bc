"""Which resources a shard's selections cannot tell apart: each selection says the same of all of them."""

from collections.abc import Hashable, Iterable

from scanner.model.inventory import Resource, SelectionTerms, TagCondition, Tags
from scanner.model.reading import Known
from scanner.protection.capabilities import restore_test_leftover
from scanner.protection.tag_conditions import TAG_KEY
from scanner.protection.wildcards import wildcard


class Likeness:
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
