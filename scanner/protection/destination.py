"""Where a copy starts, where it goes, and what a link between the two is."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from scanner.model.inventory import BackupRule, KeyKind, RegionSettings, Vault
from scanner.model.names import AccountId, Arn, RegionName, Shard
from scanner.model.reading import EvidenceRef, Gap, Reading
from scanner.model.ternary import Answer, Ternary
from scanner.protection.key_kinds import KeyOf

EFS_VAULT: Final = "aws/efs/automatic-backup-vault"
RESERVED_VAULTS: Final = ("Default", EFS_VAULT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A destination vault as far as it was seen. `vault` is None where it is absent or was not seen."""

    arn: Arn
    account: AccountId
    region: RegionName
    name: str
    exists: Answer
    vault: Vault | None
    key: KeyOf | None  # of the vault's key; None: the vault was not seen, or AWS does not tell its key
    gap: Gap | None  # the read that keeps `exists` open

    @property
    def reserved(self) -> bool:
        """Whether it is a vault that AWS keeps for its own use, closed to copies from other accounts."""
        return self.name in RESERVED_VAULTS

    @property
    def air_gapped(self) -> Ternary:
        """Whether it is logically air-gapped; None when the vault was not seen."""
        return None if self.vault is None else self.vault.air_gapped

    @property
    def key_kind(self) -> KeyKind | None:
        """Who manages the vault's key; None when that is not known."""
        return None if self.key is None else self.key.kind

    @property
    def takes_any_type(self) -> Ternary:
        """Whether its key lets types in that AWS Backup does not fully manage, across accounts.

        The key must be customer managed; a logically air-gapped vault's is that or owned by AWS, and in
        nobody's way (AWS Backup developer guide, "Logically air-gapped vault").
        """
        if self.air_gapped:
            return True
        return None if self.key_kind is None else self.key_kind is KeyKind.CUSTOMER_MANAGED

    @property
    def refs(self) -> tuple[EvidenceRef, ...]:
        """Give the evidence that the vault is there."""
        return () if self.vault is None else self.vault.refs


@dataclass(frozen=True, slots=True)
class Source:
    """The source side of a copy: the shard it starts from and that shard's Region settings.

    `as_of`: the clock that conditions on time are held against; None: there is none.
    """

    shard: Shard
    settings: Reading[RegionSettings]
    ou_path: str | None
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """One link of the chain. `gap`: the read that keeps it open, where there is one.

    `notes`: sentences on what AWS documents about such copies, which decide nothing; `continuous_notes`:
    those that only hold for a continuous rule.
    """

    name: str
    answer: Answer
    gap: Gap | None = None
    refs: tuple[EvidenceRef, ...] = ()  # what it rests on
    notes: tuple[str, ...] = ()
    continuous_notes: tuple[str, ...] = ()

    def notes_of(self, rule: BackupRule) -> tuple[str, ...]:
        """Return the notes on copies that a rule makes."""
        return (*self.continuous_notes, *self.notes) if rule.continuous else self.notes


def crosses_accounts(source: Source, destination: Destination) -> bool:
    """Whether a copy leaves its account."""
    return source.shard.account != destination.account
