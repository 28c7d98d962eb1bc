"""KMS keys: DescribeKey, ListAliases and GetKeyPolicy, looked up by whatever name a resource gives.

AWS managed: DescribeKey says KeyManager AWS, or ListAliases maps an `alias/aws/...` to it. Customer
managed: KeyManager CUSTOMER. Otherwise unknown (catalogue, ruling 6).
"""

from collections.abc import Iterable, Mapping
from typing import Final

from scanner.evidence.answers import Answer, Answers
from scanner.evidence.shape import Shape
from scanner.inventory.gaps import Gaps, rows
from scanner.model.inventory import Key, KeyKind
from scanner.model.names import Shard, parse_arn
from scanner.model.reading import Gap, GapKind, Known, Reading, Unread

_MANAGED_ALIAS: Final = "alias/aws/"
_MULTI_REGION: Final = "MultiRegionConfiguration"
_MANAGERS: Final = {"AWS": KeyKind.AWS_MANAGED, "CUSTOMER": KeyKind.CUSTOMER_MANAGED}


def parse_keys(answers: Answers, gaps: Gaps, names: Iterable[str]) -> Mapping[str, Key]:
    """Parse the keys that resources and vaults of the shard name, by that name.

    A key of another account or Region is left to its own shard, unless it was described here too.
    """
    book = _KeyBook(answers)
    keys: dict[str, Key] = {}
    for name in sorted(set(names)):
        if _belongs_to(name, answers.shard) or (not _is_alias(name) and book.describes(name)):
            keys[name] = key = book.key(name)
            if isinstance(key.kind, Unread):
                gaps.note(key.kind.gap)
            if isinstance(key.policy, Unread) and key.policy.gap.kind is not GapKind.NEVER_ASKED:
                gaps.note(key.policy.gap)
    return keys


def _belongs_to(name: str, shard: Shard) -> bool:
    parts = parse_arn(name)
    return parts is None or (parts.account, parts.region) == (shard.account, shard.region)


def _is_alias(name: str) -> bool:
    """Whether it is an alias, which means another key in every account and Region."""
    return bare_name(name).startswith("alias/")


def bare_name(name: str) -> str:
    """Strip a key's ARN to what stands in it: a key id, or `alias/...`."""
    parts = parse_arn(name)
    return name if parts is None else parts.resource.removeprefix("key/")


class _KeyBook:
    """The KMS answers of a shard, by key id and by alias."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._described = _by_key_id(answers, "kms:DescribeKey")
        self._policies = _by_key_id(answers, "kms:GetKeyPolicy")
        self._aliases = {
            alias.need("AliasName"): alias.text("TargetKeyId") or ""
            for alias, _ in rows(answers, "kms:ListAliases", "Aliases")
        }
        self._managed = {
            key_id for alias, key_id in self._aliases.items() if alias.startswith(_MANAGED_ALIAS)
        }

    def describes(self, name: str) -> bool:
        return bare_name(name) in self._described

    def key(self, name: str) -> Key:
        bare = bare_name(name)
        bare = self._aliases.get(bare) or bare
        answer = self._described.get(bare)
        metadata = _metadata(answer)
        shard = self._answers.shard
        return Key(
            id=name,
            account=shard.account,
            region=shard.region,
            kind=self._kind(name, bare, answer, metadata),
            arn=(metadata.text("Arn") if metadata else None) or (name if parse_arn(name) else None),
            state=metadata.text("KeyState") if metadata else None,
            multi_region=metadata.flag("MultiRegion") if metadata else None,
            policy=self._policy(name, bare),
            enabled=metadata.flag("Enabled") if metadata else None,
            deletion_at=metadata.instant("DeletionDate") if metadata else None,
            primary=_primary(metadata),
            replicas=_replicas(metadata),
            refs=answer.refs if answer else (),
        )

    def _kind(self, name: str, bare: str, answer: Answer | None, metadata: Shape | None) -> Reading[KeyKind]:
        manager = metadata.text("KeyManager") if metadata else None
        if answer is not None and manager in _MANAGERS:
            return Known(_MANAGERS[manager], answer.refs)
        if bare in self._managed or bare_name(name).startswith(_MANAGED_ALIAS):
            return Known(KeyKind.AWS_MANAGED)
        return Unread(self._gap("kms:DescribeKey", name, answer))

    def _policy(self, name: str, bare: str) -> Reading[str]:
        answer = self._policies.get(bare)
        text = next((t for page in answer.pages if (t := page.text("Policy"))), None) if answer else None
        if answer is not None and text is not None:
            return Known(text, answer.refs)
        return Unread(self._gap("kms:GetKeyPolicy", name, answer))

    def _gap(self, operation: str, name: str, answer: Answer | None) -> Gap:
        refused = answer.gap if answer is not None else None
        return refused or self._answers.gap(operation, name, GapKind.NEVER_ASKED)


def _primary(metadata: Shape | None) -> str | None:
    """Give the primary key of a multi-Region key, itself or another."""
    configuration = metadata.child(_MULTI_REGION) if metadata else None
    primary = configuration.child("PrimaryKey") if configuration else None
    return primary.text("Arn") if primary else None


def _replicas(metadata: Shape | None) -> tuple[str, ...]:
    configuration = metadata.child(_MULTI_REGION) if metadata else None
    replicas = configuration.children("ReplicaKeys") if configuration else ()
    return tuple(sorted(replica.need("Arn") for replica in replicas))


def _by_key_id(answers: Answers, operation: str) -> dict[str, Answer]:
    """Index answers by the key id that was asked for, and by the one that was answered.

    A key may have been asked for by its id, its ARN and its aliases: what was answered beats a refusal.
    """
    found: dict[str, Answer] = {}
    for answer in answers.every(operation):
        asked = answer.parameters.get("KeyId")
        metadata = _metadata(answer)
        for name in (asked, metadata.text("KeyId") if metadata else None):
            if isinstance(name, str) and (answer.gap is None or bare_name(name) not in found):
                found[bare_name(name)] = answer
    return found


def _metadata(answer: Answer | None) -> Shape | None:
    pages = answer.pages if answer is not None else ()
    return next((child for page in pages if (child := page.child("KeyMetadata"))), None)
