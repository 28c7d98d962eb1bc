"""The control plane: the vaults, keys and settings of all shards, which copies refer to across shards.

It is a few tables by name, thousands of entries even in a huge organisation, and every process that judges
shards has it whole. The graph of the organisation is built later, from the judged scan (`protection_graph`).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from scanner.model.inventory import (
    Key,
    KeyKind,
    Organization,
    RegionSettings,
    ShardInventory,
    ShardStatus,
    Vault,
)
from scanner.model.known import ENTRY, NOT_ENABLED, Answer, Gap, GapKind, Known, Reading, Ternary, Unread
from scanner.model.manifest import CollectedReads, named_left_out
from scanner.model.names import AccountId, Arn, Shard, parse_arn, partition_of, vault_arn
from scanner.protection.destination import Destination
from scanner.protection.key_kinds import ReferencedKey, referenced_key

T = TypeVar("T")

_VAULT_NAME: Final = "backup-vault:"
_REPORTED_KEY_KINDS: Final = {
    "AWS_OWNED_KMS_KEY": KeyKind.AWS_OWNED,
    "CUSTOMER_MANAGED_KMS_KEY": KeyKind.CUSTOMER_MANAGED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardSummary:
    """What a shard contributes to the control plane: small, no matter how many resources it has."""

    shard: Shard
    status: ShardStatus
    vaults: tuple[Vault, ...]
    vaults_read: Reading[None]
    keys: Mapping[str, Key]
    key_aliases: Mapping[str, str]  # the ARN of a key by the ARN of its alias
    settings: Reading[RegionSettings]
    targets: frozenset[Arn]  # vaults that a rule targets or copies into
    unread_plans: Gap | None  # a read without which more targets may exist


def summarise(inventory: ShardInventory) -> ShardSummary:
    """Return the part of a shard that the control plane needs."""
    skipped = Gap(inventory.shard.account, inventory.shard.region, "", "", GapKind.NEVER_ASKED)
    return ShardSummary(
        shard=inventory.shard,
        status=inventory.status,
        vaults=inventory.vaults,
        vaults_read=inventory.lists.get("backup:ListBackupVaults", Unread(skipped)),
        keys=inventory.keys,
        key_aliases=inventory.key_aliases,
        settings=inventory.settings,
        targets=frozenset(_targets(inventory)),
        unread_plans=_unread_plans(inventory),
    )


def _targets(inventory: ShardInventory) -> Iterator[Arn]:
    for plan in inventory.plans:
        for rule in plan.rules.value if isinstance(plan.rules, Known) else ():
            yield vault_arn(partition_of(inventory.shard.region), inventory.shard, rule.target_vault)
            yield from (copy.destination for copy in rule.copies)


def _unread_plans(inventory: ShardInventory) -> Gap | None:
    if inventory.status is ShardStatus.SKIPPED:
        return None
    readings = (inventory.lists["backup:ListBackupPlans"], *(plan.rules for plan in inventory.plans))
    return next((reading.gap for reading in readings if isinstance(reading, Unread)), None)


class ControlPlane:
    """The organisation and the summaries of all shards."""

    def __init__(
        self,
        organization: Organization,
        summaries: Iterable[ShardSummary],
        reads: CollectedReads | None = None,
    ) -> None:
        """Index the summaries. `reads`: what the scan collected; None: everything."""
        self.organization = organization
        self._reads = reads
        self.known_members = _known_members(organization)
        self._shards = {summary.shard: summary for summary in summaries}
        self._vaults: dict[Arn, Vault] = {}
        self._read_keys: dict[str, Key] = {}  # by ARN
        self._multi_region_keys: dict[str, Key] = {}  # by what `_multi_region` names them
        self._targets: set[Arn] = set()  # vaults that a rule of any shard targets or copies into
        self._destinations: dict[Arn, Destination] = {}
        self._keys: dict[tuple[Shard, str], ReferencedKey] = {}
        self._aliases: dict[str, str] = {}
        self._unread_plans: Gap | None = None  # one is enough to leave every untargeted vault unknown
        for summary in self._shards.values():
            self._unread_plans = self._unread_plans or summary.unread_plans
            self._add(summary)

    def _add(self, summary: ShardSummary) -> None:
        self._vaults.update((vault.arn, vault) for vault in summary.vaults)
        self._targets |= summary.targets
        self._aliases.update(summary.key_aliases)
        for key in summary.keys.values():
            for name in {key.id, key.arn or key.id}:
                if parse_arn(name) is not None:  # a bare id means something in its own shard only
                    self._read_keys[name] = _merged_key(self._read_keys.get(name), key) or key
            replica = _multi_region(key.arn or key.id, key.account)
            if replica is not None and isinstance(key.kind, Known):
                self._multi_region_keys[replica] = key

    def destination(self, arn: Arn) -> Destination:
        """Return a copy's destination vault, as far as it was read."""
        if (destination := self._destinations.get(arn)) is None:
            destination = self._destinations[arn] = self._destination(arn)
        return destination

    def _destination(self, arn: Arn) -> Destination:
        parts = parse_arn(arn)
        if parts is None:
            exists = Answer(None, f"{arn} is not the ARN of a vault")
            parts = parse_arn(f"arn:::::{arn}")
        else:
            exists = Answer(value=True)
        if parts is None:  # pragma: no cover -- an ARN was just made of it
            raise AssertionError
        vault = self._vaults.get(arn)
        gap = None
        if vault is not None:
            exists, gap = self._present(vault)
        elif exists.value:
            exists, gap = self._absent(Shard(parts.account, parts.region))
        return Destination(
            arn=arn,
            account=parts.account,
            region=parts.region,
            name=parts.resource.removeprefix(_VAULT_NAME),
            exists=exists,
            vault=vault,
            key=None if vault is None else self.vault_key(vault),
            gap=gap,
        )

    def _present(self, vault: Vault) -> tuple[Answer, Gap | None]:
        """Check whether a vault that was listed exists; unknown in a shard whose scan failed."""
        summary = self._shards.get(Shard(vault.account, vault.region))
        if summary is None or summary.status is not ShardStatus.FAILED:
            return _existing_vault(vault), None
        because = f"the scan of {vault.account}/{vault.region} failed"
        return Answer(None, because), summary.vaults_read.gap if isinstance(
            summary.vaults_read, Unread
        ) else None

    def _absent(self, shard: Shard) -> tuple[Answer, Gap | None]:
        """Check whether a vault that was not listed may exist."""
        summary = self._shards.get(shard)
        if summary is None:
            because = f"{shard.account}/{shard.region} is outside the scope of the scan"
            return Answer(None, because), _outside_scope(shard, "backup:ListBackupVaults")
        if summary.status is ShardStatus.SKIPPED:
            because = f"Region {shard.region} is not enabled for account {shard.account}"
            gap = _outside_scope(shard, "backup:ListBackupVaults")
            return Answer(None, because), replace(gap, code=NOT_ENABLED)
        if isinstance(summary.vaults_read, Unread):
            because = f"the vaults of {shard.account}/{shard.region} were not read"
            return Answer(None, because), summary.vaults_read.gap
        because = f"{shard.account}/{shard.region} has no vault with that name"
        return Answer(value=False, because=because), None

    def vault_key(self, vault: Vault) -> ReferencedKey | None:
        """Return a vault's key; EncryptionKeyType gives its kind if KMS does not (ruling 6)."""
        reported_kind = _REPORTED_KEY_KINDS.get(vault.key_type or "")
        if vault.key is None:
            if reported_kind is None:
                return None
            return ReferencedKey(
                name="",
                account=vault.account,
                kind=reported_kind,
                kind_gap=None,
                policy=None,
                policy_gap=None,
            )
        key = self.key(vault.key, Shard(vault.account, vault.region))
        return (
            key
            if key.kind is not None or reported_kind is None
            else replace(key, kind=reported_kind, kind_gap=None)
        )

    def key(self, name: str, shard: Shard) -> ReferencedKey:
        """Return a key that something in a shard refers to, whichever shard described it."""
        if (cached := self._keys.get((shard, name))) is None:
            cached = self._keys[shard, name] = self._key(name, shard)
        return cached

    def _key(self, name: str, shard: Shard) -> ReferencedKey:
        description = self._described_key(name, shard)
        referenced = referenced_key(
            name, shard.account, description, self._unread_at_owner("kms:DescribeKey", name, shard)
        )
        if referenced.policy_gap is not None and referenced.policy_gap.kind is GapKind.NEVER_ASKED:
            gap = self._unread_at_owner("kms:GetKeyPolicy", referenced.name, shard)
            referenced = replace(referenced, policy_gap=gap)
        return referenced

    def _unread_at_owner(self, operation: str, name: str, shard: Shard) -> Gap:
        """Return why a key that `shard` refers to was not read in its own account."""
        arn = parse_arn(name)
        owner = shard if arn is None else Shard(arn.account, arn.region)
        summary = self._shards.get(owner)
        if summary is None:
            return Gap(owner.account, owner.region, operation, name, GapKind.OUT_OF_SCOPE)
        unread = summary.vaults_read
        if isinstance(unread, Unread) and unread.gap.operation in ENTRY:
            return unread.gap
        return self._never_asked(owner, operation, name)

    def _never_asked(self, shard: Shard, operation: str, about: str) -> Gap:
        gap = Gap(shard.account, shard.region, operation, about, GapKind.NEVER_ASKED)
        return named_left_out(gap, self._reads)

    def described_key(self, vault: Vault) -> Key | None:
        """Return a vault's key as KMS described it, in whichever shard; None: it was not read."""
        return self._described_key(vault.key, Shard(vault.account, vault.region)) if vault.key else None

    def replicas(self, name: str, shard: Shard) -> tuple[str, ...] | None:
        """Return the ARNs of a multi-Region key and its replicas; empty: it has none; None: not read."""
        node = _multi_region(name, shard.account)
        seen = self._multi_region_keys.get(node) if node else None
        keys = [key for key in (self._described_key(name, shard), seen) if key is not None]
        described = next((key for key in keys if key.primary is not None), None)
        if described is not None and described.primary is not None:
            return (described.primary, *described.replicas)
        return () if any(key.multi_region is False for key in keys) else None

    def _described_key(self, name: str, shard: Shard) -> Key | None:
        summary = self._shards.get(shard)
        own = summary.keys.get(name) if summary else None
        arn = own.arn if own and own.arn else name
        key = _merged_key(own, self._read_keys.get(self._aliases.get(arn, arn)))
        return self._as_replica(key, name, shard)

    def _as_replica(self, key: Key | None, name: str, shard: Shard) -> Key | None:
        """Add what any replica of a multi-Region key shows: who manages it. Policy and state are its own."""
        node = _multi_region(name, shard.account)
        replica = self._multi_region_keys.get(node) if node else None
        if replica is None or (key is not None and isinstance(key.kind, Known)):
            return key
        if key is not None:
            return replace(key, kind=replica.kind)
        unread = self._never_asked(shard, "kms:GetKeyPolicy", name)
        return Key(
            id=name,
            account=shard.account,
            region=shard.region,
            kind=replica.kind,
            arn=name if parse_arn(name) else None,
            state=None,
            multi_region=True,
            policy=Unread(unread),
            refs=replica.refs,
        )

    def settings(self, shard: Shard) -> Reading[RegionSettings]:
        """Return the Region settings of a shard; a gap if it is outside the scope."""
        if (summary := self._shards.get(shard)) is not None:
            return summary.settings
        return Unread(_outside_scope(shard, "backup:DescribeRegionSettings"))

    def targeted(self, vault: Vault) -> tuple[Ternary, Gap | None]:
        """Check whether a rule of any scanned account targets a vault; with the missing read if unknown."""
        if vault.arn in self._targets:
            return True, None
        return (False, None) if self._unread_plans is None else (None, self._unread_plans)


def _outside_scope(shard: Shard, operation: str) -> Gap:
    return Gap(shard.account, shard.region, operation, "", GapKind.OUT_OF_SCOPE)


def _existing_vault(vault: Vault) -> Answer:
    """Return that a vault exists; AWS does not document whether one whose creation failed accepts copies."""
    if vault.state == "FAILED":
        return Answer(None, f"the creation of the vault {vault.name} failed")
    return Answer(value=True, because=f"{vault.account}/{vault.region} has the vault {vault.name}")


def _multi_region(name: str, account: AccountId) -> str | None:
    """Return the name that all replicas of a multi-Region key share by their id; None: no such key."""
    arn = parse_arn(name)
    bare = name if arn is None else arn.resource.removeprefix("key/")
    owner = arn.account if arn else account
    return f"{owner}/{bare}" if bare.startswith("mrk-") else None


def _known_members(organization: Organization) -> frozenset[AccountId]:
    """Return the accounts that certainly belong to the organisation, with its management account (ruling 15).

    If the list of members was not read, the scanned accounts may belong to other organisations.
    """
    manager = organization.management_account
    own = {manager.value} if isinstance(manager, Known) and manager.value else set()
    return frozenset(own | set(organization.accounts) if isinstance(organization.members, Known) else own)


def _merged_key(first: Key | None, second: Key | None) -> Key | None:
    """Merge two shards' descriptions of one key: either may lack its kind or policy."""
    if first is None or second is None:
        return first or second
    return replace(
        first,
        arn=first.arn or second.arn,
        state=first.state or second.state,
        enabled=second.enabled if first.enabled is None else first.enabled,
        deletion_at=first.deletion_at or second.deletion_at,
        primary=first.primary or second.primary,
        replicas=first.replicas or second.replicas,
        kind=_first_read(first.kind, second.kind),
        policy=_first_read(first.policy, second.policy),
    )


def _first_read(reading: Reading[T], fallback: Reading[T]) -> Reading[T]:
    """Return the reading that is known; if neither is, the one that was at least tried."""
    if isinstance(reading, Known) or isinstance(fallback, Known):
        return reading if isinstance(reading, Known) else fallback
    return fallback if reading.gap.kind is GapKind.NEVER_ASKED else reading
