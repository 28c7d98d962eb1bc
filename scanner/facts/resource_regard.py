"""Columns of the table `resource`: selections that leave it out or come near, and the opt-in."""

from dataclasses import dataclass

from scanner.facts.notes import Notes
from scanner.graph.coverage import Coverage
from scanner.graph.near_misses import NearMisses, nearest_in_words, remedy
from scanner.graph.regards import Regards
from scanner.graph.shard_graph import ShardGraph
from scanner.model.facts import NearMiss, PassedOver, Remedy
from scanner.model.inventory import Resource
from scanner.model.ternary import Ternary


@dataclass(frozen=True, slots=True)
class RegardColumns:
    """What the selections of its account and Region make of a resource."""

    opt_in_decides: Ternary
    opted_in: Ternary
    opt_in_reason: str
    passed_over: tuple[PassedOver | None, ...]
    near_misses: tuple[NearMiss, ...]
    nearest: str
    remedy: Remedy
    selections_asked: int | None


class RegardTable:
    """Makes the columns of one shard's resources."""

    def __init__(self, graph: ShardGraph) -> None:
        self._regards = Regards(graph)
        self._near_misses = NearMisses(graph)

    def columns(self, resource: Resource, coverage: Coverage, notes: Notes) -> RegardColumns:
        """Build the columns of one resource. What a rule covers is passed over by none (ruling 3)."""
        likeness = self._regards.likeness(resource)
        regard = self._regards.of_likeness(resource, likeness)
        near = self._near_misses.of(resource, likeness) if coverage.covered is False else ()
        uncovered = coverage.covered is not True
        for each in (*regard.opens, *self._regards.asked_open):
            if uncovered or each.column != "passed_over":
                notes.unknown(each.column, each.because, each.gap)
        for column in ("opt_in_decides", "opted_in"):
            notes.evidence(column, regard.settings_refs)
        return RegardColumns(
            opt_in_decides=regard.opt_in_decides,
            opted_in=regard.opted_in,
            opt_in_reason=regard.opt_in_reason,
            passed_over=regard.passed_over if uncovered else (),
            near_misses=tuple(candidate.fact for candidate in near),
            nearest=nearest_in_words(near),
            remedy=remedy(near, resource),
            selections_asked=self._regards.asked,
        )
