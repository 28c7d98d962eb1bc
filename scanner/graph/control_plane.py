"""The control plane: what reaches beyond a shard, of all shards together.

    shard -targets-> vault      shard -copies into-> vault      vault -encrypted under-> key

Thousands of nodes even in a huge organisation. A vault that a copy names and that no shard has is a
node too, marked unseen.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import networkx as nx

from scanner.model.inventory import (
    Key,
    KeyKind,
    Organization,
    RegionSettings,
    ShardInventory,
    ShardStatus,
    Vault,
)
from scanner.model.names import Arn, Shard, parse_arn, partition_of, vault_arn
from scanner.model.reading import Gap, GapKind, Known, Reading, Unread
from scanner.model.ternary import Answer, Ternary
from scanner.protection.copies import Destination
from scanner.protection.keys import KeyOf, key_of

_VAULT_NAME: Final = "backup-vault:"
_TOLD_KINDS: Final = {
    "AWS_OWNED_KMS_KEY": KeyKind.AWS_OWNED,
    "CUSTOMER_MANAGED_KMS_KEY": KeyKind.CUSTOMER_MANAGED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardSummary:
    """What a shard contributes to the control plane: small, however many resources it has."""

    shard: Shard
    status: ShardStatus
    vaults: tuple[Vault, ...]
    vaults_read: Reading[None]
    keys: Mapping[str, Key]
    settings: Reading[RegionSettings]
    targets: frozenset[Arn]  # vaults that a rule targets or copies into
    unread_plans: Gap | None  # a read without which more targets may exist


def summarise(inventory: ShardInventory) -> ShardSummary:
    """Reduce a shard to what the control plane needs of it."""
    skipped = Gap(inventory.shard.account, inventory.shard.region, "", "", GapKind.NEVER_ASKED)
    return ShardSummary(
        shard=inventory.shard,
        status=inventory.status,
        vaults=inventory.vaults,
        vaults_read=inventory.lists.get("backup:ListBackupVaults", Unread(skipped)),
        keys=inventory.keys,
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
    """The organisation and all shards' summaries, ready to be asked."""

    def __init__(self, organization: Organization, summaries: Iterable[ShardSummary]) -> None:
        self.organization = organization
        self._shards = {summary.shard: summary for summary in summaries}
        self._graph: nx.DiGraph[tuple[str, Any]] = nx.DiGraph()
        self._destinations: dict[Arn, Destination] = {}
        self._keys: dict[tuple[Shard, str], KeyOf] = {}
        self._unread_plans: Gap | None = None  # the first one: any of them keeps every vault's answer open
        for summary in self._shards.values():
            self._unread_plans = self._unread_plans or summary.unread_plans
            self._add(summary)

    def _add(self, summary: ShardSummary) -> None:
        for vault in summary.vaults:
            self._graph.add_node(("vault", vault.arn), vault=vault, shard=summary.shard)
            if vault.key:
                self._graph.add_edge(("vault", vault.arn), ("key", vault.key), relation="encrypted under")
        for key in summary.keys.values():
            for name in {key.id, key.arn or key.id}:
                if parse_arn(name) is not None:  # a bare id means something in its own shard only
                    self._graph.add_node(("key", name), key=_joined(self._seen_key(name), key))
        for arn in summary.targets:
            self._graph.add_edge(("shard", summary.shard), ("vault", arn), relation="targets")

    def destination(self, arn: Arn) -> Destination:
        """Give a copy's destination vault as far as it was seen."""
        if (known := self._destinations.get(arn)) is None:
            known = self._destinations[arn] = self._destination(arn)
        return known

    def _destination(self, arn: Arn) -> Destination:
        parts = parse_arn(arn)
        if parts is None:
            exists = Answer(None, f"{arn} is no ARN of a vault")
            parts = parse_arn(f"arn:::::{arn}")
        else:
            exists = Answer(value=True)
        if parts is None:  # pragma: no cover -- an ARN was just made of it
            raise AssertionError
        vault: Vault | None = self._graph.nodes.get(("vault", arn), {}).get("vault")
        gap = None
        if vault is None and exists.value:
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

    def _absent(self, shard: Shard) -> tuple[Answer, Gap | None]:
        """Say whether a vault that was not seen does not exist, or may."""
        summary = self._shards.get(shard)
        if summary is None:
            return Answer(None, f"{shard.account}/{shard.region} lies outside the scope of the scan"), None
        if summary.status is ShardStatus.SKIPPED:
            return Answer(None, f"account {shard.account} has not enabled {shard.region}"), None
        if isinstance(summary.vaults_read, Unread):
            because = f"the vaults of {shard.account}/{shard.region} were not read"
            return Answer(None, because), summary.vaults_read.gap
        return Answer(value=False, because=f"{shard.account}/{shard.region} has no vault of that name"), None

    def vault_key(self, vault: Vault) -> KeyOf | None:
        """Give a vault's key; EncryptionKeyType tells its kind where KMS does not (ruling 6)."""
        told = _TOLD_KINDS.get(vault.key_type or "")
        if vault.key is None:
            if told is None:
                return None
            return KeyOf(
                name="", account=vault.account, kind=told, kind_gap=None, policy=None, policy_gap=None
            )
        key = self.key(vault.key, Shard(vault.account, vault.region))
        return key if key.kind is not None or told is None else replace(key, kind=told, kind_gap=None)

    def key(self, name: str, shard: Shard) -> KeyOf:
        """Give a key as something in a shard names it, wherever it was described."""
        if (known := self._keys.get((shard, name))) is None:
            known = self._keys[shard, name] = self._key(name, shard)
        return known

    def _key(self, name: str, shard: Shard) -> KeyOf:
        summary = self._shards.get(shard)
        own = summary.keys.get(name) if summary else None
        key = _joined(own, self._seen_key(own.arn if own and own.arn else name))
        missing = Gap(shard.account, shard.region, "kms:DescribeKey", name, GapKind.NEVER_ASKED)
        return key_of(name, shard.account, key, missing)

    def _seen_key(self, name: str) -> Key | None:
        key: Key | None = self._graph.nodes.get(("key", name), {}).get("key")
        return key

    def settings(self, shard: Shard) -> Reading[RegionSettings]:
        """Give the Region settings of a shard; a gap where it was not scanned."""
        if (summary := self._shards.get(shard)) is not None:
            return summary.settings
        gap = Gap(shard.account, shard.region, "backup:DescribeRegionSettings", "", GapKind.NEVER_ASKED)
        return Unread(gap)

    def targeted(self, vault: Vault) -> tuple[Ternary, Gap | None]:
        """Whether a rule of any scanned account targets a vault; the gap that keeps it open."""
        node = ("vault", vault.arn)
        if node in self._graph and any(True for _ in self._graph.predecessors(node)):
            return True, None
        return (False, None) if self._unread_plans is None else (None, self._unread_plans)


def _joined(key: Key | None, other: Key | None) -> Key | None:
    """Join what two shards say of one key: its kind may be read from here, its policy from its account."""
    if key is None or other is None:
        return key or other
    return replace(
        key,
        arn=key.arn or other.arn,
        state=key.state or other.state,
        enabled=other.enabled if key.enabled is None else key.enabled,
        deletion_at=key.deletion_at or other.deletion_at,
        primary=key.primary or other.primary,
        replicas=key.replicas or other.replicas,
        kind=other.kind if isinstance(key.kind, Unread) else key.kind,
        policy=other.policy if isinstance(key.policy, Unread) else key.policy,
    )
