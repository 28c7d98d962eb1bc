"""The fact table `resource`: one row a resource, with what covers it and where its copies go."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from scanner.facts.notes import Notes, instant_text
from scanner.facts.past import Past
from scanner.facts.resource_copies import Copies
from scanner.facts.resource_places import place_columns
from scanner.facts.resource_regard import RegardTable
from scanner.facts.resource_resilience import SurvivalTable
from scanner.facts.resource_schedule import Schedules, SchedulesOfRules, continuous_supported
from scanner.facts.rule import rule_terms
from scanner.graph.coverage import Coverage, CoveringRule
from scanner.graph.refuges import Backed
from scanner.graph.resilience import Loss
from scanner.graph.shard_graph import ShardGraph
from scanner.model.facts import (
    CoveredBy,
    Reference,
    ResourceFacts,
    RuleTerms,
    Tag,
)
from scanner.model.inventory import RegionSettings, Resource
from scanner.model.reading import Known, Reading, Unread
from scanner.model.ternary import Answer, Ternary, conjunction, negate
from scanner.protection.backup_content import left_out
from scanner.protection.capabilities import (
    can_be_backed_up,
    capability_of,
    incremental_of,
    restore_test_leftover,
    skipped_state,
)

R = TypeVar("R")

_OF_COVERAGE: Final = (
    "covered",
    "covered_by",
    "rules",
    "left_out",
    "longest_wait_hours",
    "skipped_starts",
    "several_continuous_rules",
    "copies",
)
"""The columns that a doubt whether a rule covers the resource keeps open."""


class ResourceTable:
    """Makes the rows of one shard's resources; gathers the gaps that kept something open."""

    def __init__(self, graph: ShardGraph, past: Past, as_of: datetime) -> None:
        self._graph = graph
        self._as_of = as_of
        self._past = past
        # Many resources share one coverage, which the graph keeps alive.
        self._covered: dict[int, _Covered] = {}
        self._schedules = SchedulesOfRules(as_of)
        self._copies = Copies(graph)
        self._regards = RegardTable(graph)
        self._survivals = SurvivalTable(graph, as_of)

    def row(self, resource: Resource) -> tuple[ResourceFacts, Notes]:
        """Make the row of one resource."""
        notes = Notes()
        notes.evidence("", resource.refs)
        coverage = self._graph.coverage(resource)
        fates = self._graph.copies(resource, coverage)
        copied = self._copies.of(fates)
        keys = self._graph.keys(resource)
        row = capability_of(resource, self._graph.inventory.settings)
        assessable, not_applicable = _assessable(resource, notes)
        if row is None:
            because = "the Region settings, which determine what is supported for its type, were not read"
            settings = self._graph.inventory.settings
            notes.unknown(
                "air_gap_supported", because, settings.gap if isinstance(settings, Unread) else None
            )
        whereabouts = self._past.history.whereabouts(resource, coverage)
        jobs = self._past.table.columns(resource, coverage, whereabouts.copies_in, notes)
        places = place_columns(whereabouts, self._graph.inventory.shard, notes)
        if keys.kind is None:
            notes.unknown("key_kind", "who manages its key is unknown", keys.first_gap)
        covered = self._covered_of(coverage)
        copied.note(notes)
        covered.schedules.note(notes)
        _note_doubts(coverage, notes)
        managed = None if row is None else row.fully_managed
        backed = Backed(keys, whereabouts, coverage, fates, managed)
        survivals = self._survivals.of(resource, backed)
        survivals.note(notes)
        survived = survivals.losses
        regarded = self._regards.columns(resource, coverage, notes)
        notes.share(covered.references)
        facts = ResourceFacts(
            subject=resource.arn,
            subject_type=resource.type,
            account=resource.account,
            region=resource.region,
            name=resource.name,
            not_applicable_because=not_applicable,
            capability=resource.capability if row is None else row.key,
            state=resource.state,
            assessable=assessable,
            unsupported_kind=resource.unsupported_kind,
            tags=_tags(resource, notes),
            versioned=_versioned(resource, notes),
            created_at=instant_text(resource.created_at),
            encrypted=keys.encrypted,
            key_kind=None if keys.kind is None else keys.kind.value,
            covered=coverage.covered,
            covered_by=covered.by,
            rules=covered.rules,
            left_out=_incomplete(
                left_out(resource, (way.plan for way in coverage.ways if way.parent is None)), coverage
            ),
            longest_wait_hours=covered.schedules.waits,
            skipped_starts=_incomplete(covered.schedules.skips, coverage),
            several_continuous_rules=covered.schedules.several_continuous,
            incremental=_incremental(resource, self._graph.inventory.settings, notes),
            continuous_supported=continuous_supported(resource, row),
            copies=_incomplete(copied.copies, coverage),
            copy_links=_incomplete(copied.links, coverage),
            newest_recovery_points=places.newest_recovery_points,
            newest_recovery_point=places.newest_recovery_point,
            places=places.places,
            air_gap_supported=None if row is None else row.air_gapped,
            backup_jobs=jobs.backup_jobs,
            copy_jobs=jobs.copy_jobs,
            restores=jobs.restores,
            type_restores=jobs.type_restores,
            survives_region_loss=survived[Loss.REGION].survived,
            survives_region_loss_because=survived[Loss.REGION].because,
            survives_account_compromise=survived[Loss.ACCOUNT].survived,
            survives_account_compromise_because=survived[Loss.ACCOUNT].because,
            survives_key_loss=survived[Loss.KEY].survived,
            survives_key_loss_because=survived[Loss.KEY].because,
            survives_vault_loss=survived[Loss.VAULT].survived,
            survives_vault_loss_because=survived[Loss.VAULT].because,
            survives_backup_account_loss=survived[Loss.BACKUP_ACCOUNT].survived,
            survives_backup_account_loss_because=survived[Loss.BACKUP_ACCOUNT].because,
            three_two_one_one_zero=self._survivals.three_two_one_one_zero(survivals, backed, jobs, notes),
            opt_in_decides=regarded.opt_in_decides,
            opted_in=regarded.opted_in,
            opt_in_reason=regarded.opt_in_reason,
            passed_over=regarded.passed_over,
            near_misses=regarded.near_misses,
            nearest=regarded.nearest,
            remedy=regarded.remedy,
            selections_asked=regarded.selections_asked,
            uncertain=tuple(sorted({doubt.name for doubt in coverage.doubts})),
            not_known=notes.not_known,
            evidence=notes.references,
        )
        return facts, notes

    def _covered_of(self, coverage: Coverage) -> "_Covered":
        if (known := self._covered.get(id(coverage))) is None:
            terms = (rule_terms(covering.plan, covering.rule, self._as_of) for covering in coverage.rules)
            known = self._covered[id(coverage)] = _Covered(
                by=_incomplete(map(_covered_by, coverage.ways), coverage),
                rules=_incomplete(terms, coverage),
                schedules=self._schedules.of(coverage),
                references=_coverage_references(coverage),
            )
        return known


@dataclass(frozen=True, slots=True)
class _Covered:
    """The columns of coverage, and the evidence that they rest on."""

    by: tuple[CoveredBy | None, ...]
    rules: tuple[RuleTerms | None, ...]
    schedules: Schedules
    references: tuple[Reference, ...]


def _incomplete(rows: Iterable[R], coverage: Coverage) -> tuple[R | None, ...]:
    return (*rows, None) if coverage.doubts else tuple(rows)


def _covered_by(covering: CoveringRule) -> CoveredBy:
    parent = None if covering.parent is None else covering.parent.arn
    return CoveredBy(covering.subject, covering.via, parent)


def _coverage_references(coverage: Coverage) -> tuple[Reference, ...]:
    """Give the evidence that the columns of coverage rest on, each line once a column."""
    references = (
        Reference(column, ref.file, ref.line)
        for covering in coverage.ways
        for column in ("covered_by", "covered", "rules", "copies")
        for ref in covering.refs
    )
    return tuple(dict.fromkeys(references))


def _note_doubts(coverage: Coverage, notes: Notes) -> None:
    for doubt in coverage.doubts:
        for column in _OF_COVERAGE:
            notes.unknown(column, doubt.because, doubt.gap)


def _tags(resource: Resource, notes: Notes) -> tuple[Tag, ...] | None:
    if isinstance(resource.tags, Unread):
        notes.unknown("tags", "its tags were not read", resource.tags.gap)
        return None
    return tuple(Tag(key, value) for key, value in sorted(resource.tags.value.items()))


def _incremental(resource: Resource, settings: Reading[RegionSettings], notes: Notes) -> str | None:
    incremental = incremental_of(resource, settings)
    if incremental is None:
        gap = settings.gap if isinstance(settings, Unread) else None
        because = "whether its backups are incremental is unknown: AWS does not document it"
        if resource.type == "DynamoDB":
            because = "whether the Region opts in to incremental backups of DynamoDB is unknown"
        notes.unknown("incremental", because, gap)
    return incremental


def _versioned(resource: Resource, notes: Notes) -> Ternary:
    if resource.versioned is None:
        return True
    if isinstance(resource.versioned, Known):
        return resource.versioned.value
    notes.unknown("versioned", "the versioning of the bucket was not read", resource.versioned.gap)
    return None


def _assessable(resource: Resource, notes: Notes) -> tuple[Ternary, str]:
    """Return whether the resource is judged at all, and if not, why (rulings 5 and 19)."""
    kind = can_be_backed_up(resource)
    if kind.value is False:
        return False, f"{kind.because[:1].upper()}{kind.because[1:]}. Protect its data in another way."
    if restore_test_leftover(resource):
        return False, "A restore test created this resource; ordinary backup plans ignore it."
    skipped = skipped_state(resource)
    if skipped is None:
        gap = resource.encryption.gap if isinstance(resource.encryption, Unread) else None
        notes.unknown("assessable", "its state was not read", gap)
    if skipped:
        return False, f"AWS Backup does not back up resources in this state ({resource.state})."
    if kind.value is None:
        notes.unknown("assessable", kind.because)
        notes.unknown("unsupported_kind", kind.because)
    return conjunction((kind, Answer(negate(skipped)))).value, ""
