"""The source and the destination of a copy, and the links of the chain between them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from scanner.model.inventory import BackupRule, KeyKind, RegionSettings, Vault
from scanner.model.known import Answer, EvidenceRef, Gap, Reading, Ternary
from scanner.model.names import AccountId, Arn, RegionName, Shard
from scanner.protection.key_kinds import ReferencedKey

EFS_VAULT: Final = "aws/efs/automatic-backup-vault"
RESERVED_VAULTS: Final = ("Default", EFS_VAULT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A destination vault, as far as it was read. `vault` is None if it does not exist or was not read."""

    arn: Arn
    account: AccountId
    region: RegionName
    name: str
    exists: Answer
    vault: Vault | None
    key: ReferencedKey | None  # None: the vault was not read, or AWS does not report its key
    gap: Gap | None  # the missing read that leaves `exists` unknown

    @property
    def reserved(self) -> bool:
        """Whether AWS reserves the vault, which then accepts no copies from other accounts."""
        return self.name in RESERVED_VAULTS

    @property
    def air_gapped(self) -> Ternary:
        """Whether it is logically air-gapped; None: the vault was not read."""
        return None if self.vault is None else self.vault.air_gapped

    @property
    def key_kind(self) -> KeyKind | None:
        """Who manages the vault's key; None: not known."""
        return None if self.key is None else self.key.kind

    @property
    def key_admits_any_type(self) -> Ternary:
        """Whether the key allows copies from another account of types that AWS Backup does not fully manage.

        The key must be customer managed. A logically air-gapped vault's key never prevents a copy, whether it
        is customer managed or owned by AWS (AWS Backup developer guide, "Logically air-gapped vault").
        """
        if self.air_gapped:
            return True
        return None if self.key_kind is None else self.key_kind is KeyKind.CUSTOMER_MANAGED

    @property
    def refs(self) -> tuple[EvidenceRef, ...]:
        """The evidence of the vault."""
        return () if self.vault is None else self.vault.refs


@dataclass(frozen=True, slots=True)
class Source:
    """The source of a copy: its shard and that shard's Region settings.

    `as_of`: the time for which conditions on time are evaluated; None: they are not evaluated.
    """

    shard: Shard
    settings: Reading[RegionSettings]
    ou_path: str | None
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """One link of the chain. `gap`: the missing read that leaves the answer unknown, if there is one.

    `notes`: what AWS documents about such copies, which does not affect the answer; `continuous_notes`: notes
    that apply to a continuous rule only.
    """

    name: str
    answer: Answer
    gap: Gap | None = None
    refs: tuple[EvidenceRef, ...] = ()
    notes: tuple[str, ...] = ()
    continuous_notes: tuple[str, ...] = ()

    def notes_of(self, rule: BackupRule) -> tuple[str, ...]:
        """Return the notes that apply to copies made by a rule."""
        return (*self.continuous_notes, *self.notes) if rule.continuous else self.notes


def crosses_accounts(source: Source, destination: Destination) -> bool:
    """Check whether a copy leaves its account."""
    return source.shard.account != destination.account
