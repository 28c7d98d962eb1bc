"""Where a resource's usable recovery points lie, and what may lie where nobody looked.

Ruling 10: the places are the vaults of the resource's own account and Region, those that a copy action or a
copy job of the resource names, and every other scanned vault that lists a recovery point of the resource:
copy jobs are listed for 30 days, recovery points until they are deleted. A gap in a vault that nothing names
changes nothing. What a restore-access vault lists is no place: it gives access to another vault, and whether
that still holds the backup is not known.
What is backed up through an instance or a stack has the recovery points of that, too (ruling 3).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from operator import itemgetter

from scanner.graph.control_plane import ControlPlane
from scanner.graph.coverage import Coverage, Doubt
from scanner.graph.cross_shard import NOTHING, CrossShardRows
from scanner.graph.recovery_points import HeldPoints, NewestPoint, newest_by_place, newest_of
from scanner.model.inventory import BackupPlan, JobKind, RecoveryPoint, Resource, ShardInventory, Vault
from scanner.model.names import AccountId, Arn, RegionName, Shard
from scanner.model.reading import Gap, Known, Reading, Unread
from scanner.protection.lifecycle import point_age_hours, point_usable


@dataclass(frozen=True, slots=True)
class LocationDoubt:
    """Why a vault that lists a recovery point may hold no backup (ruling 10), and the missing read."""

    because: str
    gap: Gap | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupLocation:
    """A vault in which a usable recovery point of a resource lies, and the newest one.

    `vault` None: it was not listed. `newest` None: there is only a point of untold status or date, which may
    be a usable one; `age_hours` is None with it. The newest may be temporary: `stays` is the newest that
    lasts, None where none does for sure; `lasting` are those that last, the newest under each key.
    `doubt`: why the vault may hold no backup.
    """

    arn: Arn
    account: AccountId
    region: RegionName
    vault: Vault | None
    newest: RecoveryPoint | None
    age_hours: float | None
    stays: RecoveryPoint | None
    stays_age_hours: float | None
    lasting: tuple[NewestPoint, ...]
    doubt: LocationDoubt | None = None


@dataclass(frozen=True, slots=True)
class Unseen:
    """Why there may be recovery points that were not seen, or newer ones. `own`: in the resource's shard.

    `vault`: the only vault that they can be in; empty: any. `listed`: it is about a point that is listed.
    `anywhere`: what is listed in the resource's shard may be in any other.
    """

    because: str
    gap: Gap | None
    own: bool
    vault: str = ""
    listed: bool = False
    anywhere: bool = False


@dataclass(frozen=True, slots=True)
class BackupLocations:
    """The places of a resource's recovery points, by the vault's ARN, and what keeps them from being all.

    `copies_in`: the other account-Regions in which copies lie, may lie, or lay within 30 days. `doubtful`:
    vaults of the own account and Region that list a recovery point and may not hold it.
    """

    places: tuple[BackupLocation, ...]
    unseen: tuple[Unseen, ...]
    copies_in: tuple[Shard, ...] = ()
    doubtful: tuple[BackupLocation, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether there is no other place, and no newer usable point in one of these."""
        return not self.unseen


@dataclass(frozen=True, slots=True)
class _Named:
    """The vaults that copy actions name: for sure, and perhaps (with why that is not known).

    `unread`: why copy actions that nobody read may name others.
    """

    sure: frozenset[Arn]
    perhaps: Mapping[Arn, Doubt]
    unread: tuple[Unseen, ...]


class History:
    """Answers for the resources of one shard."""

    def __init__(
        self,
        inventory: ShardInventory,
        plane: ControlPlane,
        as_of: datetime,
        elsewhere: CrossShardRows = NOTHING,
    ) -> None:
        self._shard = inventory.shard
        self._plane = plane
        self._as_of = as_of
        self._cross_shard = elsewhere
        self._vaults = {vault.arn: vault for vault in inventory.vaults}
        self._vaults_read = vaults_read(inventory)
        self._plans = {plan.arn: plan for plan in inventory.plans}
        self._points = newest_by_place(inventory.recovery_points)
        self._copied_to = _copied_to(inventory, elsewhere)
        self._copied_to_untold = {
            job.resource for job in inventory.jobs if job.kind is JobKind.COPY and not job.destination_vault
        }
        self._unread_here = tuple(_unread_here(inventory))
        self._unread_jobs = tuple(_unread_jobs(inventory))
        # Many resources share one coverage; it is kept alive beside what was made of it.
        self._named: dict[int, tuple[Coverage, _Named]] = {}
        self._unread_far: dict[Arn, Unseen | None] = {}

    def backup_locations(self, resource: Resource, coverage: Coverage) -> BackupLocations:
        """Give the places of a resource's usable recovery points."""
        arns = counting(resource, coverage)
        named = self._named_by(coverage)
        far = {vault for arn in arns for vault in self._copied_to.get(arn, ())}
        far = (far | named.sure) - self._vaults.keys()
        listed = [*self._here(arns), *self._there(arns)]
        places = [(place, held) for place, held in listed if place.doubt is None]
        unread = {vault: why for vault in sorted(far) if (why := self._unread_there(vault)) is not None}
        unseen = [
            *self._unread_here,
            *self._unread_jobs,
            *named.unread,
            *unread.values(),
            *self._perhaps(named.perhaps, far),
            *self._of_open_parents(coverage),
            *(_untold_destination(arn) for arn in arns if arn in self._copied_to_untold),
            *(_untold(point, own=self._is_here(point)) for point in _untold_points(places)),
            *(_untold(point, own=False) for point in _lasting_untold(places)),
            *self._doubtful([place for place, _ in listed]),
        ]
        copies_in = {Shard(place.account, place.region) for place, _ in listed}
        copies_in |= self._copied_into(arns, (*unread, *named.perhaps))
        return BackupLocations(
            places=tuple(place for place, _ in sorted(places, key=_by_vault)),
            unseen=tuple(unseen),
            copies_in=tuple(sorted(copies_in - {self._shard})),
            doubtful=tuple(place for place, _ in listed if place.doubt is not None and self._is_own(place)),
        )

    def _copied_into(self, arns: tuple[str, ...], others: Iterable[Arn]) -> set[Shard]:
        """Give where copies lay for sure, or may lie: one that is gone by now may have been restored."""
        jobs = (vault for arn in arns for vault in self._copied_to.get(arn, ()))
        seen = (self._plane.destination(vault) for vault in (*jobs, *others))
        return {Shard(each.account, each.region) for each in seen if each.exists.value is not False}

    def _here(self, arns: tuple[str, ...]) -> "Iterator[tuple[BackupLocation, HeldPoints]]":
        found = [self._points[arn] for arn in arns if arn in self._points]
        if len(found) == 1:
            for vault, held in sorted(found[0].items(), key=itemgetter(0)):
                yield self._place_here(vault, held), held
            return
        for vault in sorted({vault for vaults in found for vault in vaults}):
            held = newest_of(vaults[vault] for vaults in found if vault in vaults)
            yield self._place_here(vault, held), held

    def _place_here(self, arn: Arn, held: HeldPoints) -> BackupLocation:
        vault = self._vaults.get(arn)
        place = self._place(arn, self._shard.account, self._shard.region, vault, held)
        return replace(place, doubt=doubt_of(arn, vault, self._vaults_read))

    def _there(self, arns: tuple[str, ...]) -> "Iterator[tuple[BackupLocation, HeldPoints]]":
        found = [self._cross_shard.points[arn] for arn in arns if arn in self._cross_shard.points]
        for vault in {vault for vaults in found for vault in vaults}:
            held = newest_of(vaults[vault] for vaults in found if vault in vaults)
            seen = self._plane.destination(vault)
            place = self._place(vault, seen.account, seen.region, seen.vault, held)
            listed = Known(None) if seen.gap is None else Unread(seen.gap)
            yield replace(place, doubt=doubt_of(vault, seen.vault, listed)), held

    def _doubtful(self, listed: Iterable[BackupLocation]) -> Iterator[Unseen]:
        """Say which vaults list a backup that they may not hold. For recency they are places of their own."""
        for place in listed:
            if place.doubt is not None:
                own = self._is_own(place) and place.age_hours is None
                yield Unseen(place.doubt.because, place.doubt.gap, own=own, anywhere=True)

    def _is_own(self, place: BackupLocation) -> bool:
        return (place.account, place.region) == (self._shard.account, self._shard.region)

    def _place(
        self, arn: Arn, account: AccountId, region: RegionName, vault: Vault | None, held: HeldPoints
    ) -> BackupLocation:
        newest, stays = held.newest, held.stays
        age = None if newest is None else point_age_hours(newest, self._as_of)
        return BackupLocation(
            arn=arn,
            account=account,
            region=region,
            vault=vault,
            newest=newest,
            age_hours=age,
            stays=stays,
            stays_age_hours=age if stays is newest or stays is None else point_age_hours(stays, self._as_of),
            lasting=held.lasting,
        )

    def _unread_there(self, arn: Arn) -> Unseen | None:
        if arn not in self._unread_far:
            self._unread_far[arn] = self._ask_there(arn)
        return self._unread_far[arn]

    def _ask_there(self, arn: Arn) -> Unseen | None:
        """Say why a vault of another account or Region may hold what was not seen."""
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

    def _perhaps(self, perhaps: Mapping[Arn, Doubt], sure: set[Arn]) -> Iterator[Unseen]:
        """Say which unread vaults count only if a plan covers the resource, of which that is not known."""
        for vault in sorted(perhaps.keys() - sure - self._vaults.keys()):
            doubt = perhaps[vault]
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

    def _named_by(self, coverage: Coverage) -> _Named:
        """Give the vaults that the copy actions of the covering rules name, and of those that may cover."""
        if (known := self._named.get(id(coverage))) is None:
            known = self._named[id(coverage)] = (coverage, self._name(coverage))
        return known[1]

    def _name(self, coverage: Coverage) -> _Named:
        sure = frozenset(copy.destination for way in coverage.ways for copy in way.rule.copies)
        perhaps: dict[Arn, Doubt] = {}
        unread: dict[Unseen, None] = {}
        for doubt in coverage.doubts:
            destinations = _destinations(self._plans.get(Arn(doubt.plan)))
            if destinations is None:
                because = f"a copy may be in an unknown vault: {doubt.because}"
                unread[Unseen(because, doubt.gap, own=False)] = None
            for destination in destinations or ():
                perhaps.setdefault(destination, doubt)
        return _Named(sure, perhaps, tuple(unread))


def counting(resource: Resource, coverage: Coverage) -> tuple[str, ...]:
    """Give the ARNs whose backups count for a resource: its own, and what it is backed up through."""
    parents = {way.parent_arn for way in coverage.ways if way.parent_arn is not None}
    return (resource.arn, *sorted(parents))


def _destinations(plan: BackupPlan | None) -> tuple[Arn, ...] | None:
    """Give the vaults that a plan copies into; None when its rules were not read."""
    if plan is None or isinstance(plan.rules, Unread):
        return None
    return tuple(copy.destination for rule in plan.rules.value for copy in rule.copies)


def _copied_to(inventory: ShardInventory, elsewhere: CrossShardRows) -> Mapping[str, set[Arn]]:
    """Give the vaults that copy jobs name, by the resource that is copied."""
    found = {resource: set(vaults) for resource, vaults in elsewhere.copied_to.items()}
    for job in inventory.jobs:
        if job.kind is JobKind.COPY and job.resource and job.destination_vault:
            found.setdefault(job.resource, set()).add(Arn(job.destination_vault))
    return found


def vaults_read(inventory: ShardInventory) -> Reading[None]:
    """Say whether the vaults of a shard were listed to the end."""
    return inventory.lists.get("backup:ListBackupVaults", Known(None))


def doubt_of(arn: str, vault: Vault | None, vaults: Reading[None]) -> LocationDoubt | None:
    """Say why a vault that lists a recovery point may hold no backup; None: it is no restore-access vault.

    Only ListBackupVaults names the type of a vault.
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
    """Say which vaults of the shard were not read."""
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


def _untold_destination(arn: str) -> Unseen:
    return Unseen(f"a copy job of {arn} does not name its destination vault", None, own=False)


def _untold_points(places: Iterable[tuple[BackupLocation, HeldPoints]]) -> Iterator[RecoveryPoint]:
    return (held.untold for _, held in places if held.untold is not None)


def _lasting_untold(places: Iterable[tuple[BackupLocation, HeldPoints]]) -> Iterator[RecoveryPoint]:
    """Give what may last and be the newest that does, where a temporary point is newer still."""
    return (held.may_stay for _, held in places if held.may_stay not in (None, held.untold))


def _untold(point: RecoveryPoint, *, own: bool) -> Unseen:
    because = f"AWS does not report the status or date of {point.arn}"
    if point.status is not None and point_usable(point) is None:
        because = f"{point.arn} has the status {point.status}, which AWS does not document"
    return Unseen(because, None, own, listed=True)


def _by_vault(found: tuple[BackupLocation, HeldPoints]) -> Arn:
    return found[0].arn
