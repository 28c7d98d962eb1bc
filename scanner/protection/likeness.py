"""Which resources a shard's selections cannot tell apart: each selection says the same of all of them."""

from collections.abc import Hashable, Iterable

from scanner.model.inventory import Resource, SelectionTerms
from scanner.model.reading import Known
from scanner.protection.capabilities import restore_test_leftover
from scanner.protection.tag_conditions import TAG_KEY
from scanner.protection.wildcards import wildcard


class Likeness:
    """All that these selections look at of a resource."""

    def __init__(self, selections: Iterable[SelectionTerms]) -> None:
        terms = tuple(selections)
        entries = {entry for each in terms for entry in (*each.resources, *each.not_resources)}
        clauses = (one for each in terms for one in (*each.list_of_tags, *each.conditions))
        self._exact = frozenset(entry for entry in entries if "*" not in entry)
        self._patterns = tuple(sorted(entries - self._exact))
        self._keys = tuple(sorted({clause.key.removeprefix(TAG_KEY) for clause in clauses}))
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
            kind,
            arn if arn in self._exact else "",
            tuple(wildcard(pattern, arn) for pattern in patterns),
            tuple(map(tags.value.get, self._keys)) if isinstance(tags, Known) else tags.gap,
            restore_test_leftover(resource),
        )

    def _undecided(self, kind: str) -> Iterable[str]:
        """Give the patterns of which the beginning of an ARN does not tell whether they match."""
        for pattern in self._patterns:
            head = pattern.partition("*")[0]
            never = not (kind.startswith(head) or head.startswith(kind))
            always = pattern.endswith("*") and wildcard(pattern, kind)
            if not (never or always):
                yield pattern


def _beginning(arn: str) -> str:
    """Give an ARN up to its name: `arn:aws:ec2:eu-west-1:111111111111:volume/`, `arn:aws:s3:::`."""
    *fields, resource = arn.split(":", 5)
    end = next((at for at, char in enumerate(resource) if char in "/:"), -1)
    return f"{':'.join(fields)}:{resource[: end + 1]}"
