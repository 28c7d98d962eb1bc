"""The copies of a resource that may survive a loss: usable recovery points, and copies that can succeed.

A copy is a usable recovery point in a vault, or one that an effective copy action will create (catalogue,
rulings 4 and 10). Resources with equal copies share one object, so that each is evaluated once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from scanner.graph.control_plane import ControlPlane
from scanner.graph.coverage import CopyOfResource, Coverage
from scanner.graph.history import BackupLocation, BackupLocations
from scanner.graph.recovery_points import NewestPoint
from scanner.model.inventory import KeyKind, RecoveryPoint, Resource, Vault
from scanner.model.known import Gap, Ternary, any_of
from scanner.model.names import AccountId, Arn, RegionName, Shard, parse_arn
from scanner.protection.key_kinds import ReferencedKey, ResourceKeys

Doubt = tuple[str, Gap | None]
"""Why something is unknown, and the missing read, if there is one."""


# Which keys are lost together (catalogue, ruling 6 and `survives-key-loss`).
#
# A key is lost with every key of the same account and Region, and with its multi-Region replicas, which are
# the same key: they are in Regions of one account and share an id that begins with `mrk-` (AWS KMS Developer
# Guide, "Multi-Region keys in AWS KMS").
@dataclass(frozen=True, slots=True)
class KeyLocation:
    """The location and id of a key; `region` is that of the replica in use.

    `id` empty: only an alias of it is known. `account` empty: only its Region is known, which is that of the
    resource it encrypts. `replica_regions`: the Regions of its other replicas; None: not known.
    """

    account: AccountId
    region: RegionName
    id: str
    replica_regions: frozenset[RegionName] | None = frozenset()


Keys = tuple[KeyLocation, ...]
_MULTI_REGION: Final = "mrk-"
_MANAGED_ALIAS: Final = "alias/aws/"


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivingCopy:
    """A copy in a vault. `exists`: a usable recovery point is there, or a copy action can succeed.

    `planned`: it is the copy of a copy action, not yet a recovery point. `keys`: the keys that it needs;
    empty: none, or one that AWS owns; None: not known. `vault` None: it was not read. `doubt`: why it is
    unknown whether it `exists`.
    """

    arn: Arn
    account: AccountId
    region: RegionName
    vault: Vault | None
    exists: Ternary
    planned: bool
    keys: Keys | None
    doubt: Doubt = ("", None)

    @property
    def name(self) -> str:
        """The vault as text for a message: its name, account and Region."""
        own = self.arn.partition(":backup-vault:")[2] or self.arn
        return f"{own} in {self.account}/{self.region}"

    @property
    def what(self) -> str:
        """What exists, or will exist, as a clause."""
        if self.planned:
            return f"a copy into {self.name} {'can' if self.exists else 'may'} succeed"
        return f"a usable backup {'is' if self.exists else 'may be'} in {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupsOfResource:
    """The location and keys of a resource, and its copies.

    `keys` are the resource's own; empty: none, or one that AWS owns; None: not known. `doubts`: why there may
    be other copies, including `unseen`: why there may be other recovery points.
    """

    account: AccountId
    region: RegionName
    keys: Keys | None
    surviving_copies: tuple[SurvivingCopy, ...]
    doubts: tuple[Doubt, ...] = ()
    unseen: tuple[Doubt, ...] = ()


@dataclass(frozen=True, slots=True)
class BackupState:
    """How a resource is backed up. `managed`: whether AWS Backup fully manages its type."""

    keys: ResourceKeys
    backup_locations: BackupLocations
    coverage: Coverage
    copy_outcomes: tuple[CopyOfResource, ...]
    managed: Ternary


class SurvivingCopies:
    """Finds the copies of one shard's resources."""

    def __init__(self, shard: Shard, plane: ControlPlane) -> None:
        self._shard = shard
        self._plane = plane
        self._planned: dict[int, tuple[tuple[CopyOfResource, ...], tuple[SurvivingCopy, ...]]] = {}
        self._planned_copies: dict[int, tuple[CopyOfResource, SurvivingCopy]] = {}
        self._existing: dict[object, SurvivingCopy] = {}
        self._keys: dict[tuple[str, Shard], KeyLocation] = {}
        self._backups: dict[object, BackupsOfResource] = {}
        self._own_keys: dict[int, tuple[ResourceKeys, Keys | None]] = {}

    def backups_of(self, resource: Resource, backed: BackupState) -> BackupsOfResource:
        """Return the backups of a resource; resources with equal copies share one object."""
        own = self._keys_of(backed.keys)
        existing = tuple(
            [
                self._copy_in(place, points, own, backed.managed)
                for place in backed.backup_locations.places
                for points in place.lasting
            ]
        )
        planned = self._copies(backed.copy_outcomes)
        unseen, doubts = backed.backup_locations.unseen, backed.coverage.doubts
        # By the ids of objects that this instance keeps alive.
        key = (tuple(map(id, existing)), id(planned), id(own), resource.region, unseen, doubts)
        if (shared := self._backups.get(key)) is None:
            missing = tuple((points.because, points.gap) for points in unseen)
            shared = self._backups[key] = BackupsOfResource(
                account=resource.account,
                region=resource.region,
                keys=own,
                surviving_copies=(*existing, *planned),
                doubts=(*missing, *((doubt.because, doubt.gap) for doubt in doubts)),
                unseen=missing,
            )
        return shared

    def _keys_of(self, keys: ResourceKeys) -> Keys | None:
        """Return the keys without which a resource is lost; resources with equal encryption share them."""
        if keys.encrypted is None or keys.keys is None:
            return None
        if (cached := self._own_keys.get(id(keys))) is None:
            named = () if keys.encrypted is False else keys.keys
            own = (self._key(key.name, self._shard) for key in named if key.kind is not KeyKind.AWS_OWNED)
            cached = self._own_keys[id(keys)] = (keys, tuple(own))
        return cached[1]

    def _key(self, name: str, shard: Shard) -> KeyLocation:
        if (location := self._keys.get((name, shard))) is None:
            location = self._keys[name, shard] = key_location(name, shard, self._plane.replicas(name, shard))
        return location

    def _copy_in(
        self, place: BackupLocation, points: NewestPoint, own: Keys | None, managed: Ternary
    ) -> SurvivingCopy:
        """Return the copy that a vault holds under one key; a temporary point is none (ruling 7)."""
        point = points.newest or points.uncertain
        about = point and (point.encrypted, point.key, point.source_vault is None)
        key = (place.arn, points.newest is None, about, own if point and point.key is None else None, managed)
        if (copy := self._existing.get(key)) is None:
            copy = self._existing[key] = self._existing_copy(place, points, own, managed=managed)
        return copy

    def _existing_copy(
        self, place: BackupLocation, points: NewestPoint, own: Keys | None, *, managed: Ternary
    ) -> SurvivingCopy:
        exists, because = _exists_in(place, points)
        point = points.newest or points.uncertain
        return SurvivingCopy(
            arn=place.arn,
            account=place.account,
            region=place.region,
            vault=place.vault,
            exists=exists,
            planned=False,
            keys=None if point is None else self._point_keys(place, point, own, managed=managed),
            doubt=(because, None),
        )

    def _point_keys(
        self, place: BackupLocation, point: RecoveryPoint, own: Keys | None, *, managed: Ternary
    ) -> Keys | None:
        """Return the key of a recovery point, or the key that encrypts such points if its list has none.

        A vault's key encrypts fully managed types, copies into the vault, and everything in a logically
        air-gapped vault; any other backup needs the resource's own key (facts 5).
        """
        shard = Shard(place.account, place.region)
        if point.key is not None:
            key = self._plane.key(point.key, shard)
            return () if key.kind is KeyKind.AWS_OWNED else (self._key(key.name, shard),)
        if point.encrypted is False:
            return ()
        # A copy is encrypted with the key of its vault, whatever encrypted the original (facts 5).
        arrived = shard != self._shard or point.source_vault is not None
        if arrived:
            return None if place.vault is None else self._vault_keys(place.vault)
        return self.keys_of_new_backup(place.vault, own, managed=managed)

    def keys_of_new_backup(self, vault: Vault | None, own: Keys | None, *, managed: Ternary) -> Keys | None:
        """Return the keys that encrypt a new backup in a vault of the resource's own shard."""
        # Fully managed types are encrypted with the vault's key, others with the resource's own (AWS Backup
        # developer guide, "Encryption for backups").
        by_vault = None if vault is None else self._vault_keys(vault)
        if managed or (vault is not None and vault.air_gapped):
            return by_vault
        return own if managed is False or own == by_vault else None

    def _vault_keys(self, vault: Vault) -> Keys | None:
        return self._one(self._plane.vault_key(vault), Shard(vault.account, vault.region))

    def _one(self, key: ReferencedKey | None, shard: Shard) -> Keys | None:
        if key is None:
            return None
        return () if key.kind is KeyKind.AWS_OWNED else (self._key(key.name, shard),)

    def _copies(self, copy_outcomes: tuple[CopyOfResource, ...]) -> tuple[SurvivingCopy, ...]:
        """Return the copies that copy actions make; equal outcomes share one tuple."""
        if (cached := self._planned.get(id(copy_outcomes))) is None:
            cached = self._planned[id(copy_outcomes)] = (copy_outcomes, tuple(map(self._copy, copy_outcomes)))
        return cached[1]

    def _copy(self, outcome: CopyOfResource) -> SurvivingCopy:
        if (cached := self._planned_copies.get(id(outcome))) is None:
            cached = self._planned_copies[id(outcome)] = (outcome, self._planned_copy(outcome))
        return cached[1]

    def _planned_copy(self, outcome: CopyOfResource) -> SurvivingCopy:
        """Build the copy that a copy action makes, which the key of the destination vault encrypts."""
        there = outcome.destination
        return SurvivingCopy(
            arn=there.arn,
            account=there.account,
            region=there.region,
            vault=there.vault,
            exists=outcome.verdict.value,
            planned=True,
            keys=self._one(there.key, Shard(there.account, there.region)),
            doubt=(
                f"whether a copy into {there.arn} can succeed is unknown: {outcome.verdict.because}",
                outcome.gap,
            ),
        )


def _exists_in(place: BackupLocation, points: NewestPoint) -> tuple[Ternary, str]:
    """Check whether a vault certainly holds a usable backup, and why that is unknown."""
    if points.newest is None:
        return None, f"whether a usable backup is in {place.arn} is unknown"
    return True, ""


def key_location(name: str, shard: Shard, replicas: Iterable[str] | None) -> KeyLocation:
    """Return where a key is: an ARN, or an id or alias in the shard's own account and Region.

    `replicas`: the ARNs of the multi-Region key's primary and replicas; None: they were not read.
    """
    arn = parse_arn(name)
    account, region, bare = (
        (shard.account, shard.region, name) if arn is None else (arn.account, arn.region, arn.resource)
    )
    key_id = bare.removeprefix("key/")
    if key_id.startswith("alias/"):
        managed = key_id.startswith(_MANAGED_ALIAS)  # no AWS managed key has replicas
        return KeyLocation(account, region, "", frozenset() if managed else None)
    if not key_id.startswith(_MULTI_REGION):
        return KeyLocation(account, region, key_id)
    if replicas is None:
        return KeyLocation(account, region, key_id, None)
    regions = {parts.region for replica in replicas if (parts := parse_arn(replica)) is not None}
    return KeyLocation(account, region, key_id, frozenset(regions - {region}))


def lost_together(key: KeyLocation, own: Iterable[KeyLocation]) -> Ternary:
    """Check whether a key is lost if all keys in the accounts and Regions of `own` are."""
    return any_of(_lost_with(key, lost_key) for lost_key in own)


def _lost_with(key: KeyLocation, lost_key: KeyLocation) -> Ternary:
    if key.account and lost_key.account and key.account != lost_key.account:
        return False
    lost = True if key.account and lost_key.account else None
    if key.region == lost_key.region or (key.id == lost_key.id and key.id.startswith(_MULTI_REGION)):
        return lost
    if key.replica_regions is None:
        return None
    # Its replica in that Region is lost with all keys there, and it is the same key.
    return lost if lost_key.region in key.replica_regions else False
