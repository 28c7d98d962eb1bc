"""Keys of another account or Region than what names them: a second pass asks their owner (ruling 17).

AWS KMS gives the policy of a key to the owner's account only (API reference, "GetKeyPolicy"), and what names
a key is read in another account-Region. So the owner is asked once all account-Regions are through. What it
answers goes to the end of its evidence file of the key's Region, in the order of the keys' ARNs.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from scanner.evidence.reader import read_lines
from scanner.model.inventory import ShardStatus
from scanner.model.manifest import Scope, ShardRecord
from scanner.model.names import Shard, parse_arn
from scanner.services.base import objects, text

KeysByShard = Mapping[Shard, tuple[str, ...]]


def keys_elsewhere(named: Iterable[str], shard: Shard, scope: Scope) -> tuple[str, ...]:
    """Return those of the keys that a shard names that another account-Region of the scope owns, sorted."""
    return tuple(sorted(name for name in named if _is_elsewhere(_owner(name), shard, scope)))


def _is_elsewhere(owner: Shard | None, shard: Shard, scope: Scope) -> bool:
    return (
        owner is not None
        and owner != shard
        and owner.account in scope.accounts
        and owner.region in scope.regions
    )


def _owner(name: str) -> Shard | None:
    arn = parse_arn(name)
    # None: a key id or an alias, which can only be of the account-Region that names it.
    return None if arn is None else Shard(arn.account, arn.region)


def by_owner(named: KeysByShard) -> Mapping[Shard, tuple[str, ...]]:
    """Return the keys by the account-Region that owns them; `named`: by the one that names them."""
    owned: dict[Shard, set[str]] = {}
    for names in named.values():
        for name in names:
            if (owner := _owner(name)) is not None:
                owned.setdefault(owner, set()).add(name)
    return {owner: tuple(sorted(owned[owner])) for owner in sorted(owned)}


def can_be_asked(record: ShardRecord | None) -> bool:
    """Return whether an owner was read in the first pass; accounts that could not be entered are skipped."""
    return record is not None and bool(record.file) and record.status is not ShardStatus.FAILED


@dataclass(frozen=True, slots=True)
class OwnerEvidence:
    """The keys in an owner's evidence file: the aliases, and the described keys."""

    aliases: Mapping[str, str]  # the key id by the alias's name
    requested: frozenset[str]

    def not_asked(self, names: Iterable[str], shard: Shard) -> tuple[str, ...]:
        """Return the keys that were not described in the owner's account yet, under any name."""
        # Only own keys: replicas of a multi-Region key have the same id (AWS
        # KMS Developer Guide, "Multi-Region keys").
        described = {self._bare(name) for name in self.requested if _owner(name) in (None, shard)}
        return tuple(name for name in names if self._bare(name) not in described)

    def _bare(self, name: str) -> str:
        arn = parse_arn(name)
        bare = name if arn is None else arn.resource.removeprefix("key/")
        return self.aliases.get(bare) or bare


def owner_evidence(folder: Path, file: str) -> OwnerEvidence:
    """Return the keys and aliases in an evidence file. BundleError: it is unreadable."""
    aliases: dict[str, str] = {}
    described: set[str] = set()
    for line in read_lines(folder, file):
        if line.name == "kms:DescribeKey":
            described.add(str(line.parameters.get("KeyId")))
        elif line.name == "kms:ListAliases" and line.response is not None:
            for row in objects(line.response, "Aliases"):
                aliases[text(row, "AliasName")] = text(row, "TargetKeyId")
    return OwnerEvidence(aliases, frozenset(described))
