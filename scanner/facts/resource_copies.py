"""The columns of a resource's copies: how each fares, and the chain that decides it, link by link.

Resources that fare alike share one tuple of fates (ShardGraph.copies), and so the columns made of it. Others
share single fates, and single links: each of them is told once.
"""

from dataclasses import dataclass

from scanner.facts.notes import Notes
from scanner.graph.coverage import CopyOfResource
from scanner.graph.shard_graph import ShardGraph
from scanner.model.facts import CopyLink, CopyLinks, Reference, ResourceCopy
from scanner.model.reading import Gap
from scanner.model.sentences import sentence
from scanner.protection.copies import Link, crosses_accounts, notes_of
from scanner.protection.region_routes import distance_km


@dataclass(frozen=True, slots=True)
class Copied:
    """The columns that resources which fare alike share. `doubts`: why verdicts are open, and the gap."""

    copies: tuple[ResourceCopy, ...]
    links: tuple[CopyLinks, ...]
    doubts: tuple[tuple[str, Gap | None], ...]

    def note(self, notes: Notes) -> None:
        """Note why it is not known whether copies arrive, or how far away."""
        for because, gap in self.doubts:
            notes.unknown("copies", because, gap)
        for region in dict.fromkeys(
            copy.destination_region for copy in self.copies if copy.distance_km is None
        ):
            notes.unknown(
                "copies.distance_km",
                f"the distance to {region} is unknown: AWS publishes no location for one of the two Regions",
            )


class Copies:
    """Makes the columns of copies for one shard's resources."""

    def __init__(self, graph: ShardGraph) -> None:
        self._graph = graph
        # By ids: whatever was told is kept alive beside what is told of it.
        self._known: dict[int, tuple[tuple[CopyOfResource, ...], Copied]] = {}
        self._fates: dict[int, tuple[CopyOfResource, ResourceCopy, CopyLinks]] = {}
        self._links: dict[int, tuple[Link, CopyLink]] = {}

    def of(self, fates: tuple[CopyOfResource, ...]) -> Copied:
        """Give the columns of a resource whose copies fare like this."""
        if (known := self._known.get(id(fates))) is None:
            doubts = (
                (f"copy to {fate.destination.arn}: {fate.verdict.because}", fate.gap)
                for fate in fates
                if fate.verdict.value is None
            )
            told = [self._told(fate) for fate in fates]
            copies, links = (copy for _, copy, _ in told), (links for _, _, links in told)
            copied = Copied(tuple(copies), tuple(links), tuple(doubts))
            known = self._known[id(fates)] = (fates, copied)
        return known[1]

    def _told(self, fate: CopyOfResource) -> tuple[CopyOfResource, ResourceCopy, CopyLinks]:
        if (known := self._fates.get(id(fate))) is None:
            known = self._fates[id(fate)] = (fate, self._copy(fate), self._chain(fate))
        return known

    def _chain(self, fate: CopyOfResource) -> CopyLinks:
        return CopyLinks(
            copy_action=fate.subject,
            destination=fate.destination.arn,
            effective=fate.verdict.value,
            links=tuple(map(self._link, fate.links)),
        )

    def _link(self, link: Link) -> CopyLink:
        if (known := self._links.get(id(link))) is None:
            known = self._links[id(link)] = (link, _link(link))
        return known[1]

    def _copy(self, fate: CopyOfResource) -> ResourceCopy:
        destination = fate.destination
        source = self._graph.source
        return ResourceCopy(
            copy_action=fate.subject,
            rule=fate.covering.subject,
            kind="air_gapped_target" if fate.copy.air_gapped else "copy_action",
            destination=destination.arn,
            destination_account=destination.account,
            destination_region=destination.region,
            cross_region=destination.region != source.shard.region,
            distance_km=distance_km(source.shard.region, destination.region),
            cross_account=crosses_accounts(source, destination),
            effective=fate.verdict.value,
            reason="" if fate.verdict.value else fate.verdict.because,
            copied_as="snapshot" if fate.covering.rule.continuous else "",
            air_gapped=destination.air_gapped,
            notes=notes_of(fate.links, fate.covering.rule),
        )


def _link(link: Link) -> CopyLink:
    """Tell a link, with the read that keeps it open and the evidence that it rests on."""
    reason = sentence(link.answer.because)
    if link.answer.value is None and link.gap is not None:
        reason = f"{reason.rstrip('.')}: {link.gap.sentence()}" if reason else link.gap.sentence()
    evidence = tuple(Reference(link.name, ref.file, ref.line) for ref in link.refs)
    return CopyLink(name=link.name, holds=link.answer.value, reason=reason, evidence=evidence)
