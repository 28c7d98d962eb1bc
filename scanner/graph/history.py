"""Where the usable recovery points of a resource are, and where there may be others.

Ruling 10: the locations are the vaults of the resource's own account and Region, the vaults that a copy
action or copy job of the resource names, and every other scanned vault that lists a recovery point of the
resource. Copy jobs are listed for 30 days, recovery points until they are deleted. A gap in a vault that
nothing names has no effect. A restore-access vault is no location: it gives access to another vault, and
whether that vault still holds the backup is unknown. A resource that is backed up through an instance or a
stack has their recovery points, too (ruling 3).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from operator import itemgetter

from scanner.graph.control_plane import ControlPlane
from scanner.graph.coverage import Coverage, Doubt
from scanner.graph.cross_shard import NO_ROWS, CrossShardRows
from scanner.graph.recovery_points import HeldPoints, NewestPoint, newest_by_place, newest_of
from scanner.model.inventory import BackupPlan, JobKind, RecoveryPoint, Resource, ShardInventory, Vault
from scanner.model.known import Gap, Known, Reading, Unread
from scanner.model.names import AccountId, Arn, RegionName, Shard
from scanner.protection.lifecycle import point_age_hours, point_usable


@dataclass(frozen=True, slots=True)
class LocationDoubt:
    """Why a vault that lists a recovery point may not hold it (ruling 10), and the missing read."""

    because: str
    gap: Gap | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupLocation:
    """A vault that holds a usable recovery point of a resource, with the newest one.

    `vault` None: it was not listed. `newest` None: there is only a point without a status or date, which may
    be usable; then `age_hours` is None, too. The newest may be temporary: `newest_lasting` is the newest that
    is not, None if no such point is certain; `lasting` are the newest points under each key that are not
    temporary. `doubt`: why the vault may hold no backup.
    """

    arn: Arn
    account: AccountId
    region: RegionName
    vault: Vault | None
    newest: RecoveryPoint | None
    age_hours: float | None
    newest_lasting: RecoveryPoint | None
    newest_lasting_age_hours: float | None
    lasting: tuple[NewestPoint, ...]
    doubt: LocationDoubt | None = None


@dataclass(frozen=True, slots=True)
class Unseen:
    """Why there may be other or newer recovery points. `own`: in the resource's shard.

    `vault`: the only vault that they can be in; empty: any. `listed`: it is about a listed point. `anywhere`:
    what is listed in the resource's shard may be in any other.
    """

    because: str
    gap: Gap | None
    own: bool
    vault: str = ""
    listed: bool = False
    anywhere: bool = False


@dataclass(frozen=True, slots=True)
class BackupLocations:
    """The vaults that hold a resource's recovery points, by ARN, and why there may be others.

    `copies_in`: the other account-Regions in which copies are, may be, or were in the last 30 days.
    `doubtful`: vaults of the own account and Region that list a recovery point and may not hold it.
    `unread_rules`: why copies may be in any other account-Region.
    """

    places: tuple[BackupLocation, ...]
    unseen: tuple[Unseen, ...]
    copies_in: tuple[Shard, ...] = ()
    doubtful: tuple[BackupLocation, ...] = ()
    unread_rules: tuple[Unseen, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether there is certainly no other location, and no newer usable point in one of these."""
        return not self.unseen


@dataclass(frozen=True, slots=True)
class _CopyVaults:
    """The vaults that copy actions of a coverage name: the certain ones, and the possible ones with a doubt.

    `unread`: why copy actions that were not read may name others.
    """

    certain: frozenset[Arn]
    possible: Mapping[Arn, Doubt]
    unread: tuple[Unseen, ...]


class History:
    """The backup locations of one shard's resources."""

    def __init__(
        self,
        inventory: ShardInventory,
        plane: ControlPlane,
        as_of: datetime,
        cross_shard_rows: CrossShardRows = NO_ROWS,
    ) -> None:
        self._shard = inventory.shard
        self._plane = plane
        self._as_of = as_of
        self._cross_shard = cross_shard_rows
        self._vaults = {vault.arn: vault for vault in inventory.vaults}
        self._vaults_read = vaults_read(inventory)
        self._plans = {plan.arn: plan for plan in inventory.plans}
        self._points = newest_by_place(inventory.recovery_points)
        self._copied_to = _copied_to(inventory, cross_shard_rows)
        self._unnamed_destinations = {
            job.resource for job in inventory.jobs if job.kind is JobKind.COPY and not job.destination_vault
        }
        self._unread_here = tuple(_unread_here(inventory))
        self._unread_jobs = tuple(_unread_jobs(inventory))
        # By the id of the coverage, which many resources share; the entry keeps the coverage alive.
        self._copy_vaults_of: dict[int, tuple[Coverage, _CopyVaults]] = {}
        self._unread_vaults: dict[Arn, Unseen | None] = {}

    def backup_locations(self, resource: Resource, coverage: Coverage) -> BackupLocations:
        """Return where the usable recovery points of a resource are."""
        arns = counted_arns(resource, coverage)
        named = self._copy_vaults(coverage)
        far = {vault for arn in arns for vault in self._copied_to.get(arn, ())}
        far = (far | named.certain) - self._vaults.keys()
        # What is unread in the own account and Region is noted once for the shard (`_unread_here`).
        listed = [*self._here(arns), *self._there(arns)]
        places = [(place, held) for place, held in listed if place.doubt is None]
        unread = {vault: why for vault in sorted(far) if (why := self._unread_there(vault)) is not None}
        unseen = [
            *self._unread_here,
            *self._unread_jobs,
            *named.unread,
            *unread.values(),
            *self._possible_vaults(named.possible, far),
            *self._of_open_parents(coverage),
            *(_unnamed_destination(arn) for arn in arns if arn in self._unnamed_destinations),
            *(_uncertain(point, own=self._is_here(point)) for point in _uncertain_points(places)),
            *(_uncertain(point, own=False) for point in _uncertain_lasting_points(places)),
            *self._doubtful([place for place, _ in listed]),
        ]
        copies_in = {Shard(place.account, place.region) for place, _ in listed}
        copies_in |= self._copied_into(arns, (*unread, *named.possible))
        return BackupLocations(
            places=tuple(place for place, _ in sorted(places, key=_by_vault)),
            unseen=tuple(unseen),
            copies_in=tuple(sorted(copies_in - {self._shard})),
            doubtful=tuple(place for place, _ in listed if place.doubt is not None and self._is_own(place)),
            unread_rules=named.unread,
        )

    def _copied_into(self, arns: tuple[str, ...], others: Iterable[Arn]) -> set[Shard]:
        """Return where copies certainly were or may be: one that is deleted by now may have been restored."""
        jobs = (vault for arn in arns for vault in self._copied_to.get(arn, ()))
        seen = (self._plane.destination(vault) for vault in (*jobs, *others))
        return {
            Shard(destination.account, destination.region)
            for destination in seen
            if destination.exists.value is not False
        }

    def _here(self, arns: tuple[str, ...]) -> "Iterator[tuple[BackupLocation, HeldPoints]]":
        by_arn = [self._points[arn] for arn in arns if arn in self._points]
        if len(by_arn) == 1:
            for vault, held in sorted(by_arn[0].items(), key=itemgetter(0)):
                yield self._place_here(vault, held), held
            return
        for vault in sorted({vault for vaults in by_arn for vault in vaults}):
            held = newest_of(vaults[vault] for vaults in by_arn if vault in vaults)
            yield self._place_here(vault, held), held

    def _place_here(self, arn: Arn, held: HeldPoints) -> BackupLocation:
        vault = self._vaults.get(arn)
        place = self._place(arn, self._shard.account, self._shard.region, vault, held)
        return replace(place, doubt=doubt_of(arn, vault, self._vaults_read))

    def _there(self, arns: tuple[str, ...]) -> "Iterator[tuple[BackupLocation, HeldPoints]]":
        by_arn = [self._cross_shard.points[arn] for arn in arns if arn in self._cross_shard.points]
        for vault in {vault for vaults in by_arn for vault in vaults}:
            held = newest_of(vaults[vault] for vaults in by_arn if vault in vaults)
            seen = self._plane.destination(vault)
            place = self._place(vault, seen.account, seen.region, seen.vault, held)
            listed = Known(None) if seen.gap is None else Unread(seen.gap)
            yield replace(place, doubt=doubt_of(vault, seen.vault, listed)), held

    def _doubtful(self, listed: Iterable[BackupLocation]) -> Iterator[Unseen]:
        """Yield the vaults that list a backup and may not hold it. Recency still counts what they list."""
        for place in listed:
            if place.doubt is not None:
                own = self._is_own(place) and place.age_hours is None
                yield Unseen(place.doubt.because, place.doubt.gap, own=own, anywhere=True)

    def _is_own(self, place: BackupLocation) -> bool:
        return (place.account, place.region) == (self._shard.account, self._shard.region)

    def _place(
        self, arn: Arn, account: AccountId, region: RegionName, vault: Vault | None, held: HeldPoints
    ) -> BackupLocation:
        newest, newest_lasting = held.newest, held.newest_lasting
        age = None if newest is None else point_age_hours(newest, self._as_of)
        return BackupLocation(
            arn=arn,
            account=account,
            region=region,
            vault=vault,
            newest=newest,
            age_hours=age,
            newest_lasting=newest_lasting,
            newest_lasting_age_hours=age
            if newest_lasting is newest or newest_lasting is None
            else point_age_hours(newest_lasting, self._as_of),
            lasting=held.lasting,
        )

    def _unread_there(self, arn: Arn) -> Unseen | None:
        if arn not in self._unread_vaults:
            self._unread_vaults[arn] = self._unread_vault_reason(arn)
        return self._unread_vaults[arn]

    def _unread_vault_reason(self, arn: Arn) -> Unseen | None:
        """Return why a vault of another account or Region may hold points that were not read."""
        seen = self._plane.destination(arn)
        if seen.vault is None:
            if seen.exists.value is False:
                return None
            return Unseen(
                f"a copy may be in {arn}, but {seen.exists.because}", seen.gap, own=False, vault=arn
            )
        if isinstance(seen.vault.recovery_points_read, Unread):
            because = f"a copy may be in {arn}, whose recovery points were not read"
            return Unseen(because, seen.vault.recovery_points_read.gap, own=False, vault=arn)
        return None

    def _possible_vaults(self, possible: Mapping[Arn, Doubt], certain: set[Arn]) -> Iterator[Unseen]:
        """Yield the unread vaults that only count if a plan covers the resource, which is unknown."""
        for vault in sorted(possible.keys() - certain - self._vaults.keys()):
            doubt = possible[vault]
            if self._unread_there(vault) is not None:
                because = f"a copy may be in {vault}, but whether it counts is unknown: {doubt.because}"
                yield Unseen(because, doubt.gap, own=False, vault=vault)

    def _of_open_parents(self, coverage: Coverage) -> Iterator[Unseen]:
        for arn in coverage.open_parents:
            because = f"whether backups of {arn} count for it is unknown"
            if arn in self._points:
                yield Unseen(because, None, own=True)
            elif arn in self._cross_shard.points:
                yield Unseen(because, None, own=False)

    def _is_here(self, point: RecoveryPoint) -> bool:
        return (point.account, point.region) == (self._shard.account, self._shard.region)

    def _copy_vaults(self, coverage: Coverage) -> _CopyVaults:
        """Return the vaults that copy actions of the covering rules name, and of rules that may cover."""
        if (cached := self._copy_vaults_of.get(id(coverage))) is None:
            cached = self._copy_vaults_of[id(coverage)] = (coverage, self._vaults_of_copies(coverage))
        return cached[1]

    def _vaults_of_copies(self, coverage: Coverage) -> _CopyVaults:
        certain = frozenset(copy.destination for way in coverage.ways for copy in way.rule.copies)
        possible: dict[Arn, Doubt] = {}
        unread: dict[Unseen, None] = {}
        for doubt in coverage.doubts:
            destinations = _destinations(self._plans.get(Arn(doubt.plan)))
            if destinations is None:
                because = f"a copy may be in an unknown vault: {doubt.because}"
                unread[Unseen(because, doubt.gap, own=False)] = None
            for destination in destinations or ():
                possible.setdefault(destination, doubt)
        return _CopyVaults(certain, possible, tuple(unread))


def counted_arns(resource: Resource, coverage: Coverage) -> tuple[str, ...]:
    """Return the ARNs whose backups count for a resource: its own, and those of what contains it."""
    parents = {way.parent_arn for way in coverage.ways if way.parent_arn is not None}
    return (resource.arn, *sorted(parents))


def _destinations(plan: BackupPlan | None) -> tuple[Arn, ...] | None:
    """Return the vaults that a plan copies into; None: its rules were not read."""
    if plan is None or isinstance(plan.rules, Unread):
        return None
    return tuple(copy.destination for rule in plan.rules.value for copy in rule.copies)


def _copied_to(inventory: ShardInventory, cross_shard_rows: CrossShardRows) -> Mapping[str, set[Arn]]:
    """Return the vaults that copy jobs name, by the copied resource."""
    vaults_by_resource = {resource: set(vaults) for resource, vaults in cross_shard_rows.copied_to.items()}
    for job in inventory.jobs:
        if job.kind is JobKind.COPY and job.resource and job.destination_vault:
            vaults_by_resource.setdefault(job.resource, set()).add(Arn(job.destination_vault))
    return vaults_by_resource


def vaults_read(inventory: ShardInventory) -> Reading[None]:
    """Return whether the vaults of a shard were listed completely."""
    return inventory.lists.get("backup:ListBackupVaults", Known(None))


def doubt_of(arn: str, vault: Vault | None, vaults: Reading[None]) -> LocationDoubt | None:
    """Return why a vault that lists a recovery point may hold no backup; None: it does hold it.

    Only ListBackupVaults reports the type of a vault.
    """
    if vault is not None:
        if not vault.restore_access:
            return None
        return LocationDoubt(
            f"{arn} gives access to another vault, and whether a backup is there is unknown", None
        )
    if isinstance(vaults, Unread):
        because = f"whether {arn} holds backups, or only gives access to another vault, was not read"
        return LocationDoubt(because, vaults.gap)
    return None


def _unread_here(inventory: ShardInventory) -> Iterator[Unseen]:
    """Yield why the vaults of the shard, or their recovery points, were not read."""
    because = "a newer recovery point may be in a vault that was not read"
    if isinstance(vaults := vaults_read(inventory), Unread):
        yield Unseen(because, vaults.gap, own=True)
    for vault in inventory.vaults:
        if isinstance(vault.recovery_points_read, Unread):
            yield Unseen(because, vault.recovery_points_read.gap, own=True, vault=vault.arn)


def _unread_jobs(inventory: ShardInventory) -> Iterator[Unseen]:
    reading = inventory.lists.get("backup:ListCopyJobs", Known(None))
    if isinstance(reading, Unread):
        because = "a copy may be in a vault that only a copy job names, but the copy jobs were not read"
        yield Unseen(because, reading.gap, own=False)


def _unnamed_destination(arn: str) -> Unseen:
    return Unseen(f"a copy job of {arn} does not name its destination vault", None, own=False)


def _uncertain_points(places: Iterable[tuple[BackupLocation, HeldPoints]]) -> Iterator[RecoveryPoint]:
    return (held.uncertain for _, held in places if held.uncertain is not None)


def _uncertain_lasting_points(places: Iterable[tuple[BackupLocation, HeldPoints]]) -> Iterator[RecoveryPoint]:
    """Yield the points that may last and be the newest, if a temporary point is newer still."""
    return (held.may_last for _, held in places if held.may_last not in (None, held.uncertain))


def _uncertain(point: RecoveryPoint, *, own: bool) -> Unseen:
    because = f"AWS does not report the status or date of {point.arn}"
    if point.status is not None and point_usable(point) is None:
        because = f"{point.arn} has the status {point.status}, which AWS does not document"
    return Unseen(because, None, own, listed=True)


def _by_vault(location_and_points: tuple[BackupLocation, HeldPoints]) -> Arn:
    return location_and_points[0].arn
