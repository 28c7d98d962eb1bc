"""Entries of Resources that almost match the ARN of a resource (facts 3.1: exact, or with `*`).

A plan selects resources of its own account and Region only, so an ARN of another one selects nothing.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from scanner.model.names import ArnParts, parse_arn
from scanner.protection.near_tags import Difference, Nearness, shown
from scanner.protection.tag_conditions import wildcard

_SEPARATORS: Final = "/:-_."
_FIELDS: Final = ("partition", "region", "account")
_NAMES: Final = {"partition": "partition", "region": "Region", "account": "account"}

NearEntries = tuple[tuple[str, Difference], ...]
"""Entries of Resources with their difference from an ARN that they almost match."""


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
