"""Where the backups of a resource take refuge: usable recovery points, and copies that can arrive.

A refuge is a place where a backup lies, or where an effective copy will lie (catalogue, rulings 4 and 10).
Resources whose refuges are alike share them: what is asked of these is asked once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from scanner.graph.control_plane import ControlPlane
from scanner.graph.coverage import CopyOfResource, Coverage
from scanner.graph.history import BackupLocation, BackupLocations
from scanner.graph.recovery_points import NewestPoint
from scanner.model.inventory import KeyKind, RecoveryPoint, Resource, Vault
from scanner.model.names import AccountId, Arn, RegionName, Shard, parse_arn
from scanner.model.reading import Gap
from scanner.model.ternary import Ternary, any_of
from scanner.protection.key_kinds import ReferencedKey, ResourceKeys

Doubt = tuple[str, Gap | None]
"""Why something is not known, and the read that is missing, where one is."""


# Which keys are lost together (catalogue, ruling 6 and `survives-key-loss`).
#
# A key is lost with every key of the same account and Region, and with its multi-Region replicas, which are
# the same key: they lie in the Regions of one account and share an id that begins with `mrk-` (AWS KMS
# Developer Guide, "Multi-Region keys in AWS KMS").
@dataclass(frozen=True, slots=True)
class KeyPlace:
    """A key: where it lies, and its id; `region` is that of the replica which is used.

    `id` empty: only an alias of it is known. `account` empty: whose it is is not known, only that it lies
    in this Region, as the key of everything in it does. `elsewhere`: the Regions of its other replicas;
    None: not known.
    """

    account: AccountId
    region: RegionName
    id: str
    elsewhere: frozenset[RegionName] | None = frozenset()


Keys = tuple[KeyPlace, ...]
_MULTI_REGION: Final = "mrk-"
_MANAGED_ALIAS: Final = "alias/aws/"


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivingCopy:
    """A place of a backup. `lies`: a usable recovery point is there, or a copy can arrive.

    `planned`: it is a copy that can arrive, rather than a recovery point. `keys` are those that the backup
    needs; empty: none, or one that AWS owns; None: not known. `vault` None: it was not seen. `doubt`: why
    it is not known whether it `lies`.
    """

    arn: Arn
    account: AccountId
    region: RegionName
    vault: Vault | None
    lies: Ternary
    planned: bool
    keys: Keys | None
    doubt: Doubt = ("", None)

    @property
    def name(self) -> str:
        """Name the vault as people do: its own name, its account and its Region."""
        own = self.arn.partition(":backup-vault:")[2] or self.arn
        return f"{own} in {self.account}/{self.region}"

    @property
    def what(self) -> str:
        """Say what is there, or will be."""
        if self.planned:
            return f"a copy into {self.name} {'can' if self.lies else 'may'} succeed"
        return f"a usable backup {'is' if self.lies else 'may be'} in {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupsOfResource:
    """What is to be survived for: the resource's place and keys, and its refuges.

    `keys` are the resource's own; empty: none, or one that AWS owns; None: not known. `doubts`: why there
    may be refuges that were not seen, `unseen` among them: why there may be recovery points.
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
    """Gives the refuges of one shard's resources."""

    def __init__(self, shard: Shard, plane: ControlPlane) -> None:
        self._shard = shard
        self._plane = plane
        self._planned: dict[int, tuple[tuple[CopyOfResource, ...], tuple[SurvivingCopy, ...]]] = {}
        self._arriving: dict[int, tuple[CopyOfResource, SurvivingCopy]] = {}
        self._lying: dict[object, SurvivingCopy] = {}
        self._keys: dict[tuple[str, Shard], KeyPlace] = {}
        self._held: dict[object, BackupsOfResource] = {}
        self._own: dict[int, tuple[ResourceKeys, Keys | None]] = {}

    def held(self, resource: Resource, backed: BackupState) -> BackupsOfResource:
        """Give what holds a resource's backups; resources whose refuges are alike share one object."""
        own = self._keys_of(backed.keys)
        lying = tuple(
            [
                self._place(place, one, own, backed.managed)
                for place in backed.backup_locations.places
                for one in place.lasting
            ]
        )
        planned = self._copies(backed.copy_outcomes)
        unseen, doubts = backed.backup_locations.unseen, backed.coverage.doubts
        # By ids of what is kept alive here.
        alike = (tuple(map(id, lying)), id(planned), id(own), resource.region, unseen, doubts)
        if (known := self._held.get(alike)) is None:
            missing = tuple((one.because, one.gap) for one in unseen)
            known = self._held[alike] = BackupsOfResource(
                account=resource.account,
                region=resource.region,
                keys=own,
                surviving_copies=(*lying, *planned),
                doubts=(*missing, *((doubt.because, doubt.gap) for doubt in doubts)),
                unseen=missing,
            )
        return known

    def _keys_of(self, keys: ResourceKeys) -> Keys | None:
        """Give the keys that a resource is lost with; those that are encrypted alike share them."""
        if keys.encrypted is None or keys.keys is None:
            return None
        if (known := self._own.get(id(keys))) is None:
            named = () if keys.encrypted is False else keys.keys
            own = (self._key(key.name, self._shard) for key in named if key.kind is not KeyKind.AWS_OWNED)
            known = self._own[id(keys)] = (keys, tuple(own))
        return known[1]

    def _key(self, name: str, shard: Shard) -> KeyPlace:
        if (known := self._keys.get((name, shard))) is None:
            known = self._keys[name, shard] = key_place(name, shard, self._plane.replicas(name, shard))
        return known

    def _place(
        self, place: BackupLocation, one: NewestPoint, own: Keys | None, managed: Ternary
    ) -> SurvivingCopy:
        """Give the refuge of what is kept in a place under one key; a temporary point is none (ruling 7)."""
        point = one.newest or one.untold
        about = point and (point.encrypted, point.key, point.source_vault is None)
        alike = (place.arn, one.newest is None, about, own if point and point.key is None else None, managed)
        if (known := self._lying.get(alike)) is None:
            known = self._lying[alike] = self._refuge(place, one, own, managed=managed)
        return known

    def _refuge(
        self, place: BackupLocation, one: NewestPoint, own: Keys | None, *, managed: Ternary
    ) -> SurvivingCopy:
        lies, because = _lies(place, one)
        point = one.newest or one.untold
        return SurvivingCopy(
            arn=place.arn,
            account=place.account,
            region=place.region,
            vault=place.vault,
            lies=lies,
            planned=False,
            keys=None if point is None else self._point_keys(place, point, own, managed=managed),
            doubt=(because, None),
        )

    def _point_keys(
        self, place: BackupLocation, point: RecoveryPoint, own: Keys | None, *, managed: Ternary
    ) -> Keys | None:
        """Give the key of a recovery point; where its list leaves it out, that which encrypts such points.

        A vault's key encrypts types that are fully managed, copies that arrive in it, and all that lies
        in a logically air-gapped one; else the backup needs the resource's own key (facts 5).
        """
        shard = Shard(place.account, place.region)
        if point.key is not None:
            key = self._plane.key(point.key, shard)
            return () if key.kind is KeyKind.AWS_OWNED else (self._key(key.name, shard),)
        if point.encrypted is False:
            return ()
        arrived = shard != self._shard or point.source_vault is not None
        if arrived:
            return None if place.vault is None else self._vault_keys(place.vault)
        return self.keys_of_new_backup(place.vault, own, managed=managed)

    def keys_of_new_backup(self, vault: Vault | None, own: Keys | None, *, managed: Ternary) -> Keys | None:
        """Give the keys that encrypt a backup which is made in a vault of the resource's own shard."""
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
        """Give the refuges that copies make; resources whose copies fare alike share one tuple of fates."""
        if (known := self._planned.get(id(copy_outcomes))) is None:
            known = self._planned[id(copy_outcomes)] = (copy_outcomes, tuple(map(self._copy, copy_outcomes)))
        return known[1]

    def _copy(self, fate: CopyOfResource) -> SurvivingCopy:
        if (known := self._arriving.get(id(fate))) is None:
            known = self._arriving[id(fate)] = (fate, self._arrived(fate))
        return known[1]

    def _arrived(self, fate: CopyOfResource) -> SurvivingCopy:
        """A copy that arrives is encrypted under the key of the vault that it arrives in."""
        there = fate.destination
        return SurvivingCopy(
            arn=there.arn,
            account=there.account,
            region=there.region,
            vault=there.vault,
            lies=fate.verdict.value,
            planned=True,
            keys=self._one(there.key, Shard(there.account, there.region)),
            doubt=(
                f"whether a copy into {there.arn} can succeed is unknown: {fate.verdict.because}",
                fate.gap,
            ),
        )


def _lies(place: BackupLocation, one: NewestPoint) -> tuple[Ternary, str]:
    """Check whether a backup lies in a place for sure, and why not, or why that is not known."""
    if one.newest is None:
        return None, f"whether a usable backup is in {place.arn} is unknown"
    return True, ""


def key_place(name: str, shard: Shard, replicas: Iterable[str] | None) -> KeyPlace:
    """Place a key as something in a shard names it: an ARN, or an id or alias of the shard's own.

    `replicas`: the ARNs of the multi-Region key's primary and replicas; None: they were not read.
    """
    arn = parse_arn(name)
    account, region, bare = (
        (shard.account, shard.region, name) if arn is None else (arn.account, arn.region, arn.resource)
    )
    key_id = bare.removeprefix("key/")
    if key_id.startswith("alias/"):
        managed = key_id.startswith(_MANAGED_ALIAS)  # no AWS managed key has replicas
        return KeyPlace(account, region, "", frozenset() if managed else None)
    if not key_id.startswith(_MULTI_REGION):
        return KeyPlace(account, region, key_id)
    if replicas is None:
        return KeyPlace(account, region, key_id, None)
    regions = {parts.region for replica in replicas if (parts := parse_arn(replica)) is not None}
    return KeyPlace(account, region, key_id, frozenset(regions - {region}))


def lost_together(key: KeyPlace, own: Iterable[KeyPlace]) -> Ternary:
    """Check whether a key is lost where all of `own` are, each with all of its account and Region."""
    return any_of(_lost_with(key, other) for other in own)


def _lost_with(key: KeyPlace, other: KeyPlace) -> Ternary:
    if key.account and other.account and key.account != other.account:
        return False
    lost = True if key.account and other.account else None
    if key.region == other.region or (key.id == other.id and key.id.startswith(_MULTI_REGION)):
        return lost
    if key.elsewhere is None:
        return None
    # Its replica in the other's Region goes with all keys there, and is the same key.
    return lost if other.region in key.elsewhere else False
