"""The fact table `resource`: a row for each resource, with its coverage, backups and copies."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, TypeVar

from scanner.facts.notes import Notes, instant_text, local_text
from scanner.facts.resource_jobs import HistoryColumns, ShardHistory
from scanner.facts.resource_resilience import Survivals, SurvivalTable
from scanner.facts.rule import rule_terms
from scanner.graph.coverage import CopyOfResource, Coverage, CoveringRule
from scanner.graph.history import BackupLocation, BackupLocations
from scanner.graph.near_misses import NearMisses, nearest_text, remedy
from scanner.graph.resilience import Loss
from scanner.graph.selection_results import SelectionResults
from scanner.graph.shard_graph import ShardGraph
from scanner.graph.surviving_copies import BackupState
from scanner.model.facts import (
    BackupPlace,
    CopyLink,
    CopyLinks,
    CoveredBy,
    NearMiss,
    NewestRecoveryPoint,
    PassedOver,
    PlaceRecoveryPoint,
    Reference,
    Remedy,
    ResourceCopy,
    ResourceFacts,
    RuleTerms,
    SkippedStart,
    Tag,
)
from scanner.model.inventory import BackupRule, RecoveryPoint, RegionSettings, Resource, Size
from scanner.model.known import Answer, Gap, Known, Reading, Ternary, Unread, conjunction, negate
from scanner.model.names import Shard
from scanner.model.protection import ProtectionGroup
from scanner.model.text import sentence
from scanner.protection.capabilities import (
    Capability,
    can_be_backed_up,
    capability,
    capability_of,
    incremental_of,
    left_out,
    restore_test_leftover,
    skipped_state,
)
from scanner.protection.copies import Link, crosses_accounts, notes_of
from scanner.protection.key_kinds import ResourceKeys
from scanner.protection.region_routes import distance_km
from scanner.protection.timetable import longest_wait

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
"""The columns that are unknown if a rule may cover the resource."""
_RECENCY = ("newest_recovery_points", "newest_recovery_point")


class ResourceTable:
    """Builds the rows of one shard's resources, and groups the resources by how they are protected."""

    def __init__(self, graph: ShardGraph, past: ShardHistory, as_of: datetime) -> None:
        self._graph = graph
        self._as_of = as_of
        self._past = past
        # By the id of the coverage, which many resources share and the graph keeps alive.
        self._covered: dict[int, _CoverageColumns] = {}
        self._schedules = SchedulesOfRules(as_of)
        self._copies = Copies(graph)
        self._selection_results = SelectionTable(graph)
        self._survivals = SurvivalTable(graph, as_of)

    @property
    def groups(self) -> Iterable[ProtectionGroup]:
        """The resources whose rows were built, grouped by how they are protected."""
        return self._survivals.groups.rows()

    def row(self, resource: Resource) -> tuple[ResourceFacts, Notes]:
        """Build the row of one resource."""
        notes = Notes()
        notes.evidence("", resource.refs)
        coverage = self._graph.coverage(resource)
        copy_outcomes = self._graph.copies(resource, coverage)
        copied = self._copies.of(copy_outcomes)
        keys = self._graph.keys(resource)
        assessable, not_applicable = _assessable(resource, notes)
        type_capability = self._capability(resource, notes)
        backup_locations = self._past.history.backup_locations(resource, coverage)
        jobs = self._past.table.columns(resource, coverage, backup_locations, notes)
        places = place_columns(backup_locations, self._graph.inventory.shard, notes)
        if keys.kind is None:
            notes.unknown("key_kind", "who manages its key is unknown", keys.first_gap)
        coverage_columns = self._coverage_columns(coverage)
        copied.note(notes)
        coverage_columns.schedules.note(notes)
        _note_doubts(coverage, notes)
        managed = None if type_capability is None else type_capability.fully_managed
        backed = BackupState(keys, backup_locations, coverage, copy_outcomes, managed)
        survivals = self._survivals.of(resource, backed)
        survivals.note(notes)
        selection_columns = self._selection_results.columns(resource, coverage, notes)
        notes.share(coverage_columns.references)
        parts = _Parts(
            coverage=coverage,
            coverage_columns=coverage_columns,
            selection_columns=selection_columns,
            copied=copied,
            keys=keys,
            capability=type_capability,
            places=places,
            jobs=jobs,
            backed=backed,
            survivals=survivals,
            assessable=assessable,
            not_applicable_because=not_applicable,
        )
        return self._facts(resource, parts, notes), notes

    def _capability(self, resource: Resource, notes: Notes) -> Capability | None:
        settings = self._graph.inventory.settings
        type_capability = capability_of(resource, settings)
        if type_capability is None:
            because = "the Region settings, which determine what is supported for its type, were not read"
            notes.unknown(
                "air_gap_supported", because, settings.gap if isinstance(settings, Unread) else None
            )
        return type_capability

    def _facts(self, resource: Resource, parts: "_Parts", notes: Notes) -> ResourceFacts:
        """Return the row itself, column by column; `_tags` and some others add their notes."""
        coverage, schedules, losses = parts.coverage, parts.coverage_columns.schedules, parts.survivals.losses
        type_capability, selections = parts.capability, parts.selection_columns
        size = _size(resource, notes)
        return ResourceFacts(
            subject=resource.arn,
            subject_type=resource.type,
            account=resource.account,
            region=resource.region,
            name=resource.name,
            not_applicable_because=parts.not_applicable_because,
            capability=resource.capability if type_capability is None else type_capability.key,
            state=resource.state,
            assessable=parts.assessable,
            unsupported_kind=resource.unsupported_kind,
            tags=_tags(resource, notes),
            versioned=_versioned(resource, notes),
            created_at=instant_text(resource.created_at),
            size_gib=None if size is None else size.gib,
            size_kind=None if size is None else size.kind.value,
            encrypted=parts.keys.encrypted,
            key_kind=None if parts.keys.kind is None else parts.keys.kind.value,
            covered=coverage.covered,
            covered_by=parts.coverage_columns.by,
            rules=parts.coverage_columns.rules,
            left_out=_incomplete(
                left_out(resource, (way.plan for way in coverage.ways if way.parent is None)), coverage
            ),
            longest_wait_hours=schedules.waits,
            skipped_starts=_incomplete(schedules.skips, coverage),
            several_continuous_rules=schedules.several_continuous,
            incremental=_incremental(resource, self._graph.inventory.settings, notes),
            continuous_supported=continuous_supported(resource, type_capability),
            copies=_incomplete(parts.copied.copies, coverage),
            copy_links=_incomplete(parts.copied.links, coverage),
            newest_recovery_points=parts.places.newest_recovery_points,
            newest_recovery_point=parts.places.newest_recovery_point,
            places=parts.places.places,
            air_gap_supported=None if type_capability is None else type_capability.air_gapped,
            backup_jobs=parts.jobs.backup_jobs,
            copy_jobs=parts.jobs.copy_jobs,
            restores=parts.jobs.restores,
            type_restores=parts.jobs.type_restores,
            survives_region_loss=losses[Loss.REGION].survived,
            survives_region_loss_because=losses[Loss.REGION].because,
            survives_account_compromise=losses[Loss.ACCOUNT].survived,
            survives_account_compromise_because=losses[Loss.ACCOUNT].because,
            survives_key_loss=losses[Loss.KEY].survived,
            survives_key_loss_because=losses[Loss.KEY].because,
            survives_vault_loss=losses[Loss.VAULT].survived,
            survives_vault_loss_because=losses[Loss.VAULT].because,
            survives_backup_account_loss=losses[Loss.BACKUP_ACCOUNT].survived,
            survives_backup_account_loss_because=losses[Loss.BACKUP_ACCOUNT].because,
            three_two_one_one_zero=self._survivals.three_two_one_one_zero(
                parts.survivals, parts.backed, parts.jobs, notes
            ),
            opt_in_decides=selections.opt_in_decides,
            opted_in=selections.opted_in,
            opt_in_reason=selections.opt_in_reason,
            passed_over=selections.passed_over,
            near_misses=selections.near_misses,
            nearest=selections.nearest,
            remedy=selections.remedy,
            selections_asked=selections.selections_asked,
            uncertain=tuple(sorted({doubt.name for doubt in coverage.doubts})),
            not_known=notes.not_known,
            evidence=notes.references,
        )

    def _coverage_columns(self, coverage: Coverage) -> "_CoverageColumns":
        if (columns := self._covered.get(id(coverage))) is None:
            terms = (rule_terms(covering.plan, covering.rule, self._as_of) for covering in coverage.rules)
            columns = self._covered[id(coverage)] = _CoverageColumns(
                by=_incomplete(map(_covered_by, coverage.ways), coverage),
                rules=_incomplete(terms, coverage),
                schedules=self._schedules.of(coverage),
                references=_coverage_references(coverage),
            )
        return columns


# The longest gap between backups and the continuous rules depend on the covering rules alone, so these
# columns are computed once for all resources that the same rules cover.
@dataclass(frozen=True, slots=True)
class Schedules:
    """The schedule of all covering rules together. `doubts`: why the gap between backups may be shorter."""

    waits: tuple[float | None, ...]
    skips: tuple[SkippedStart, ...]
    several_continuous: Ternary
    doubts: tuple[str, ...]

    def note(self, notes: Notes) -> None:
        """Note why the gap may be shorter than that between the known starts."""
        for because in self.doubts:
            notes.unknown("longest_wait_hours", because)
            notes.unknown("rules.max_gap_hours", because)


@dataclass(frozen=True, slots=True)
class _Parts:
    """The parts of a row: what the graph says of a resource, and the groups of columns made of it."""

    coverage: Coverage
    coverage_columns: "_CoverageColumns"
    selection_columns: "SelectionColumns"
    copied: "CopyColumns"
    keys: ResourceKeys
    capability: Capability | None
    places: "PlaceColumns"
    jobs: HistoryColumns
    backed: BackupState
    survivals: Survivals
    assessable: Ternary
    not_applicable_because: str


@dataclass(frozen=True, slots=True)
class _CoverageColumns:
    """The columns of a coverage, and their evidence."""

    by: tuple[CoveredBy | None, ...]
    rules: tuple[RuleTerms | None, ...]
    schedules: Schedules
    references: tuple[Reference, ...]


def _incomplete(rows: Iterable[R], coverage: Coverage) -> tuple[R | None, ...]:
    # A trailing None means that the list may be longer, so controls never pass or fail on its absence.
    return (*rows, None) if coverage.doubts else tuple(rows)


def _covered_by(covering: CoveringRule) -> CoveredBy:
    parent = None if covering.parent is None else covering.parent.arn
    return CoveredBy(covering.subject, covering.via, parent)


def _coverage_references(coverage: Coverage) -> tuple[Reference, ...]:
    """Return the evidence of the coverage columns, each line once for each column."""
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


def _size(resource: Resource, notes: Notes) -> Size | None:
    if isinstance(resource.size, Known):
        return resource.size.value
    because = "its service reports no size" if resource.size is None else "its size was not read"
    notes.unknown("size_gib", because, None if resource.size is None else resource.size.gap)
    return None


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
    # None: not a bucket. AWS Backup requires versioning of S3 buckets only (guide, "Amazon S3 backups").
    if resource.versioned is None:
        return True
    if isinstance(resource.versioned, Known):
        return resource.versioned.value
    notes.unknown("versioned", "the versioning of the bucket was not read", resource.versioned.gap)
    return None


def _assessable(resource: Resource, notes: Notes) -> tuple[Ternary, str]:
    """Return whether controls assess the resource at all, and if not, why (rulings 5 and 19)."""
    kind = can_be_backed_up(resource)
    if kind.value is False:
        return False, f"{kind.because[:1].upper()}{kind.because[1:]}. Protect its data in another way."
    if restore_test_leftover(resource):
        return False, "A restore test created this resource; ordinary backup plans ignore it."
    skipped = skipped_state(resource)
    if skipped is None:
        gap = resource.encryption.gap if isinstance(resource.encryption, Unread) else None
        because = f"its state, {resource.state}, is not one that AWS documents"
        notes.unknown("assessable", because if resource.state else "its state was not read", gap)
    if skipped:
        return False, f"AWS Backup does not back up resources in this state ({resource.state})."
    if kind.value is None:
        notes.unknown("assessable", kind.because)
        notes.unknown("unsupported_kind", kind.because)
    return conjunction((kind, Answer(negate(skipped)))).value, ""


# Resources whose copies have equal outcomes share one tuple of outcomes (ShardGraph.copies), and so the
# columns built from it. Other resources share single outcomes and links, which are also converted once.
@dataclass(frozen=True, slots=True)
class CopyColumns:
    """The columns of copies. `doubts`: why verdicts are unknown, with the missing reads."""

    copies: tuple[ResourceCopy, ...]
    links: tuple[CopyLinks, ...]
    doubts: tuple[tuple[str, Gap | None], ...]

    def note(self, notes: Notes) -> None:
        """Note why it is unknown whether copies can succeed, or how far away they are."""
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
    """Builds the columns of copies for one shard's resources."""

    def __init__(self, graph: ShardGraph) -> None:
        self._graph = graph
        # By ids of objects that the entries keep alive.
        self._known: dict[int, tuple[tuple[CopyOfResource, ...], CopyColumns]] = {}
        self._copy_outcomes: dict[int, tuple[CopyOfResource, ResourceCopy, CopyLinks]] = {}
        self._links: dict[int, tuple[Link, CopyLink]] = {}

    def of(self, copy_outcomes: tuple[CopyOfResource, ...]) -> CopyColumns:
        """Return the columns of a resource whose copies have these outcomes."""
        if (cached := self._known.get(id(copy_outcomes))) is None:
            doubts = (
                (f"copy to {outcome.destination.arn}: {outcome.verdict.because}", outcome.gap)
                for outcome in copy_outcomes
                if outcome.verdict.value is None
            )
            columns = [self._columns_of(outcome) for outcome in copy_outcomes]
            copies, links = (copy for _, copy, _ in columns), (links for _, _, links in columns)
            copied = CopyColumns(tuple(copies), tuple(links), tuple(doubts))
            cached = self._known[id(copy_outcomes)] = (copy_outcomes, copied)
        return cached[1]

    def _columns_of(self, outcome: CopyOfResource) -> tuple[CopyOfResource, ResourceCopy, CopyLinks]:
        if (cached := self._copy_outcomes.get(id(outcome))) is None:
            cached = self._copy_outcomes[id(outcome)] = (outcome, self._copy(outcome), self._chain(outcome))
        return cached

    def _chain(self, outcome: CopyOfResource) -> CopyLinks:
        return CopyLinks(
            copy_action=outcome.subject,
            destination=outcome.destination.arn,
            effective=outcome.verdict.value,
            links=tuple(map(self._link, outcome.links)),
        )

    def _link(self, link: Link) -> CopyLink:
        if (cached := self._links.get(id(link))) is None:
            cached = self._links[id(link)] = (link, _link(link))
        return cached[1]

    def _copy(self, outcome: CopyOfResource) -> ResourceCopy:
        destination = outcome.destination
        source = self._graph.source
        return ResourceCopy(
            copy_action=outcome.subject,
            rule=outcome.covering.subject,
            kind="air_gapped_target" if outcome.copy.air_gapped else "copy_action",
            destination=destination.arn,
            destination_account=destination.account,
            destination_region=destination.region,
            cross_region=destination.region != source.shard.region,
            distance_km=distance_km(source.shard.region, destination.region),
            cross_account=crosses_accounts(source, destination),
            effective=outcome.verdict.value,
            reason="" if outcome.verdict.value else outcome.verdict.because,
            copied_as="snapshot" if outcome.covering.rule.continuous else "",
            air_gapped=destination.air_gapped,
            notes=notes_of(outcome.links, outcome.covering.rule),
        )


def _link(link: Link) -> CopyLink:
    """Build a link with its evidence, and with the missing read in its reason."""
    reason = sentence(link.answer.because)
    if link.answer.value is None and link.gap is not None:
        reason = f"{reason.rstrip('.')}: {link.gap.sentence()}" if reason else link.gap.sentence()
    evidence = tuple(Reference(link.name, ref.file, ref.line) for ref in link.refs)
    return CopyLink(name=link.name, holds=link.answer.value, reason=reason, evidence=evidence)


@dataclass(frozen=True, slots=True)
class PlaceColumns:
    """The columns of recovery points: the newest in the own account and Region, and all locations."""

    newest_recovery_points: tuple[PlaceRecoveryPoint | None, ...]
    newest_recovery_point: NewestRecoveryPoint
    places: tuple[BackupPlace | None, ...]


def place_columns(backup_locations: BackupLocations, shard: Shard, notes: Notes) -> PlaceColumns:
    """Build the columns of one resource of a shard; a list that may be incomplete ends with None."""
    here: list[PlaceRecoveryPoint] = []
    places: list[BackupPlace] = []
    for location in backup_locations.places:
        if location.newest_lasting is not None and location.newest_lasting_age_hours is not None:
            places.append(_place(location, location.newest_lasting, location.newest_lasting_age_hours))
            notes.evidence("places", location.newest_lasting.refs)
        if location.newest is None or location.age_hours is None:
            continue
        if (location.account, location.region) == (shard.account, shard.region):
            here.append(_recent(location.newest, location.age_hours))
            notes.evidence("newest_recovery_points", location.newest.refs)
    for unseen in backup_locations.unseen:
        for column in ("places", *_RECENCY) if unseen.own else ("places",):
            notes.unknown(column, unseen.because, unseen.gap)
    for location in backup_locations.doubtful:
        if location.newest is None or location.age_hours is None or location.doubt is None:
            continue
        # `absent=None`: it may not exist, so no check passes or fails because of it.
        here.append(replace(_recent(location.newest, location.age_hours), absent=None))
        for column in _RECENCY:
            notes.unknown(column, location.doubt.because, location.doubt.gap)
    recent = (*here, None) if any(unseen.own for unseen in backup_locations.unseen) else tuple(here)
    return PlaceColumns(
        newest_recovery_points=recent,
        newest_recovery_point=_newest(recent),
        places=tuple(places) if backup_locations.complete else (*places, None),
    )


def _place(location: BackupLocation, newest: RecoveryPoint, age: float) -> BackupPlace:
    return BackupPlace(
        arn=newest.arn,
        vault=location.arn,
        vault_name=location.arn.partition(":backup-vault:")[2],
        account=location.account,
        region=location.region,
        created_at=instant_text(newest.created_at),
        age_hours=round(age, 4),
        continuous=newest.continuous,
        air_gapped=_air_gapped(location),
        key=newest.key,
    )


def _air_gapped(location: BackupLocation) -> Ternary:
    return None if location.vault is None else location.vault.air_gapped


def _recent(newest: RecoveryPoint, age: float) -> PlaceRecoveryPoint:
    return PlaceRecoveryPoint(newest.arn, newest.vault, instant_text(newest.created_at) or "", round(age, 4))


def _newest(places: Iterable[PlaceRecoveryPoint | None]) -> NewestRecoveryPoint:
    places = tuple(places)
    # An entry in a vault that may be a restore-access vault may not exist, so it does not count here.
    certain = [location for location in places if location is not None and location.absent is not None]
    if not certain:
        return NewestRecoveryPoint(None if places else False, None, None, None, None)
    newest = min(certain, key=lambda location: (location.age_hours, location.arn))
    return NewestRecoveryPoint(
        exists=True,
        arn=newest.arn,
        vault=newest.vault,
        created_at=newest.created_at,
        age_hours=newest.age_hours,
    )


@dataclass(frozen=True, slots=True)
class SelectionColumns:
    """The results of the selections in its account and Region for a resource."""

    opt_in_decides: Ternary
    opted_in: Ternary
    opt_in_reason: str
    passed_over: tuple[PassedOver | None, ...]
    near_misses: tuple[NearMiss, ...]
    nearest: str
    remedy: Remedy
    selections_asked: int | None


class SelectionTable:
    """Builds the selection columns of one shard's resources."""

    def __init__(self, graph: ShardGraph) -> None:
        self._selection_results = SelectionResults(graph)
        self._near_misses = NearMisses(graph)

    def columns(self, resource: Resource, coverage: Coverage, notes: Notes) -> SelectionColumns:
        """Build the columns of one resource; no selection passes over a covered one (ruling 3)."""
        group = self._selection_results.group(resource)
        results = self._selection_results.of_group(resource, group)
        near = self._near_misses.of(resource, group) if coverage.covered is False else ()
        uncovered = coverage.covered is not True
        for unknown in (*results.unknown, *self._selection_results.unknown_count):
            # A covered resource may be excluded by other selections, which is usual and no problem.
            if uncovered or unknown.column != "passed_over":
                notes.unknown(unknown.column, unknown.because, unknown.gap)
        for column in ("opt_in_decides", "opted_in"):
            notes.evidence(column, results.settings_refs)
        return SelectionColumns(
            opt_in_decides=results.opt_in_decides,
            opted_in=results.opted_in,
            opt_in_reason=results.opt_in_reason,
            passed_over=results.passed_over if uncovered else (),
            near_misses=tuple(candidate.fact for candidate in near),
            nearest=nearest_text(near),
            remedy=remedy(near, resource),
            selections_asked=self._selection_results.selection_count,
        )


class SchedulesOfRules:
    """Builds the schedule columns once for each set of covering rules."""

    def __init__(self, as_of: datetime) -> None:
        self._as_of = as_of
        self._known: dict[tuple[tuple[str, ...], bool], Schedules] = {}

    def of(self, coverage: Coverage) -> Schedules:
        """Return the schedule columns of a coverage."""
        rules = coverage.rules
        group = (tuple(covering.subject for covering in rules), bool(coverage.doubts))
        if (schedules := self._known.get(group)) is None:
            backup_rules = tuple(covering.rule for covering in rules)
            schedules = self._known[group] = _schedules(
                backup_rules, self._as_of, complete=not coverage.doubts
            )
        return schedules


def _schedules(rules: tuple[BackupRule, ...], as_of: datetime, *, complete: bool) -> Schedules:
    wait = longest_wait(rules, as_of)
    several = sum(rule.continuous for rule in rules) > 1
    return Schedules(
        waits=(wait.hours,) if complete and not wait.doubts else (wait.hours, None),
        skips=tuple(
            SkippedStart(skip.rule.name, local_text(skip.start), skip.rule.timezone) for skip in wait.skips
        ),
        several_continuous=several if several or complete else None,
        doubts=wait.doubts,
    )


def continuous_supported(resource: Resource, row: Capability | None) -> Ternary:
    """Check whether AWS Backup supports continuous backups of a resource's type; `row`: its capabilities.

    No DynamoDB table supports them, whichever features the Region settings give it.
    """
    if row is None and resource.capability == "DynamoDB":
        row = capability("DynamoDB_BASIC")
    return None if row is None else row.continuous
