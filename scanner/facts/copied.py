"""The columns of a copy action that tell, for each resource that its rule covers, how its copy fares.

What is alike in all that the copy depends on is told once: a rule may cover a shard's every volume.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from scanner.facts.notes import Notes
from scanner.graph.coverage import Doubt, likeness_of
from scanner.graph.shard_graph import ShardGraph
from scanner.model.facts import CoveredKey, CoveredSupport, KeyInTheWay, SharedKey
from scanner.model.inventory import BackupRule, Resource
from scanner.model.reading import Gap
from scanner.model.ternary import Answer, Ternary, conjunction
from scanner.protection.capabilities import Capability, capability_of
from scanner.protection.copies import Destination, Link, notes_of
from scanner.protection.key_kinds import ResourceKeys

_SUPPORT = frozenset(
    (
        "destination takes copies",
        "type can be copied",
        "type can be air-gapped",
        "image may leave the account",
    )
)


@dataclass(frozen=True, slots=True)
class RuleReach:
    """The resources that a rule backs up. `doubt` says why it may back up others too; None: it does not."""

    resources: tuple[Resource, ...]
    doubt: Doubt | None

    @property
    def reaches_any(self) -> Ternary:
        """Whether the rule backs up at least one resource."""
        if self.resources:
            return True
        return False if self.doubt is None else None


@dataclass(frozen=True, slots=True)
class CopiedColumns:
    """The columns, each with one entry a covered resource; one None ends those that are incomplete."""

    keys: tuple[CoveredKey | None, ...]
    shared: tuple[SharedKey | None, ...]
    supported: tuple[CoveredSupport | None, ...]
    blocked: tuple[KeyInTheWay, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Alike:
    """What holds of all resources that are alike."""

    capability: str
    row: Capability | None
    keys: ResourceKeys
    key: str
    blocked_by: str  # the key that is in the way; empty: none
    supported: Answer
    supported_gap: Gap | None
    shared: Answer
    shared_gap: Gap | None
    notes: tuple[str, ...]


def copied_columns(  # noqa: PLR0913, PLR0917 -- a copy action is this much
    graph: ShardGraph,
    reach: RuleReach,
    rule: BackupRule,
    destination: Destination,
    of_action: Iterable[Link],
    notes: Notes,
) -> CopiedColumns:
    """Make the columns of one copy action of a rule. `of_action`: the links that no resource changes."""
    closed = tuple(link for link in of_action if link.name in _SUPPORT)
    alike: dict[tuple[object, ...], _Alike] = {}
    told: list[tuple[Resource, _Alike]] = []
    for resource in reach.resources:
        likeness = likeness_of(resource)
        if (known := alike.get(likeness)) is None:
            known = alike[likeness] = _told(graph, resource, rule, destination, closed)
        told.append((resource, known))
    across = graph.crosses_accounts(destination)
    _note(told, across, notes)
    end = _end(reach.doubt, notes)
    return CopiedColumns(
        keys=(*(_key(resource, each) for resource, each in told), *end),
        shared=(*(_shared(resource, each) for resource, each in told), *end) if across else (),
        supported=(*(_supported(resource, each) for resource, each in told), *end),
        blocked=tuple(
            KeyInTheWay(resource=resource.arn, key=each.blocked_by)
            for resource, each in told
            if each.blocked_by
        ),
    )


def _end(doubt: Doubt | None, notes: Notes) -> tuple[None, ...]:
    if doubt is None:
        return ()
    for column in ("covers_resources", "covered_keys", "blocked", "source_keys_shared", "supported"):
        notes.unknown(column, doubt.because, doubt.gap)
    return (None,)


def _told(
    graph: ShardGraph,
    resource: Resource,
    rule: BackupRule,
    destination: Destination,
    closed: tuple[Link, ...],
) -> _Alike:
    links = (*closed, *graph.fates.links_of_resource(resource, destination))
    keys = graph.keys(resource)
    row = capability_of(resource, graph.inventory.settings)
    by_name = {link.name: link for link in links}
    way, shared = by_name.get("no AWS managed key in the way"), by_name.get("source key shared")
    supported, gap = _joined(link for link in links if link.name in _SUPPORT)
    return _Alike(
        capability=resource.capability if row is None else row.key,
        row=row,
        keys=keys,
        key=", ".join(key.name for key in keys.keys or ()),
        blocked_by=_blocking_key(row, keys, destination) if way and way.answer.value is False else "",
        supported=supported,
        supported_gap=gap,
        shared=shared.answer if shared else Answer(value=True, because="the copy stays in its account"),
        shared_gap=shared.gap if shared else None,
        notes=notes_of(links, rule),
    )


def _joined(links: Iterable[Link]) -> tuple[Answer, Gap | None]:
    each = tuple(links)
    verdict = conjunction(link.answer for link in each)
    if verdict.value:
        return each[0].answer, None
    return verdict, next((link.gap for link in each if link.answer == verdict), None)


def _blocking_key(row: Capability | None, keys: ResourceKeys, destination: Destination) -> str:
    own = () if row is not None and row.fully_managed else keys.aws_managed
    return ", ".join(own) or (destination.key.name if destination.key else "") or destination.arn


def _key(resource: Resource, alike: _Alike) -> CoveredKey:
    return CoveredKey(
        resource=resource.arn,
        capability=alike.capability,
        fully_managed=None if alike.row is None else alike.row.fully_managed,
        encrypted=alike.keys.encrypted,
        key=alike.key,
        key_kind=None if alike.keys.kind is None else alike.keys.kind.value,
    )


def _shared(resource: Resource, alike: _Alike) -> SharedKey:
    return SharedKey(
        resource=resource.arn, key=alike.key, shared=alike.shared.value, reason=alike.shared.because
    )


def _supported(resource: Resource, alike: _Alike) -> CoveredSupport:
    return CoveredSupport(
        resource=resource.arn,
        capability=alike.capability,
        supported=alike.supported.value,
        reason=alike.supported.because,
        notes=alike.notes,
    )


def _note(told: Iterable[tuple[Resource, _Alike]], across: bool, notes: Notes) -> None:  # noqa: FBT001 -- a fact
    """Note the evidence, and for what is alike once why something of it is not known."""
    noted = set()
    for resource, alike in told:
        notes.evidence("covered_keys", resource.refs)
        if id(alike) in noted:
            continue
        noted.add(id(alike))
        what = f"of {resource.arn}"
        if alike.row is None:
            because = f"the Region settings do not report what is supported for {resource.arn}"
            notes.unknown("covered_keys", because)
        if alike.keys.kind is None:
            because = f"who manages the key {what} is unknown"
            notes.unknown("covered_keys", because, alike.keys.first_gap)
        if alike.supported.value is None:
            notes.unknown("supported", f"{what}: {alike.supported.because}", alike.supported_gap)
        if across and alike.shared.value is None:
            notes.unknown("source_keys_shared", f"{what}: {alike.shared.because}", alike.shared_gap)
