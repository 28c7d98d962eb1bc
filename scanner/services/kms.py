"""AWS KMS: aliases, and the keys that something recorded in the same shard names.

AWS managed: DescribeKey has KeyManager AWS, or ListAliases maps an `alias/aws/...` to it. Customer managed:
KeyManager CUSTOMER. Otherwise unknown (catalogue, ruling 6).
"""

from collections.abc import Iterable, Mapping, MutableMapping
from typing import Final

from scanner.evidence.answers import Answer, Answers
from scanner.evidence.shape import Shape
from scanner.model.inventory import Key, KeyKind
from scanner.model.names import Shard, parse_arn, partition_of
from scanner.model.reading import Gap, GapKind, Known, Reading, Unread
from scanner.services.base import Gaps, Operation, objects, rows, text
from scanner.services.caller import Caller

_DESCRIBE: Final = "kms:DescribeKey"
_ALIASES: Final = "kms:ListAliases"
_MANAGED_ALIAS: Final = "alias/aws/"
_MULTI_REGION: Final = "MultiRegionConfiguration"
_MANAGERS: Final = {"AWS": KeyKind.AWS_MANAGED, "CUSTOMER": KeyKind.CUSTOMER_MANAGED}

OPERATIONS: Final = (
    Operation(
        "kms",
        "ListAliases",
        "kms:ListAliases",
        page=100,
        optional="it is a gap of every key named by alias",
        own=("Aliases[].AliasArn",),
    ),
    Operation("kms", "DescribeKey", "kms:DescribeKey", per="key", same=(("KeyId", "KeyMetadata.Arn"),)),
    Operation("kms", "GetKeyPolicy", "kms:GetKeyPolicy", after=("kms:DescribeKey",), per="key"),
)


def collect_aliases(caller: Caller, *, found: MutableMapping[str, str]) -> None:
    """Record the account's aliases; put the key id that each leads to into `found`."""
    for answer in caller.pages("kms", "ListAliases"):
        for row in objects(answer, "Aliases"):
            found[text(row, "AliasName")] = text(row, "TargetKeyId")


def collect_keys(caller: Caller, named: Iterable[str], *, aliases: Mapping[str, str], partition: str) -> None:
    """Record the keys `named` (ARNs, ids, aliases), each once, and the policies of customers' own keys.

    Keys of another account are described here, by ARN: that account's own shard may not name them.
    Keys of another Region cannot be described here.
    """
    keys = {_arn(name, aliases, partition, caller.shard) for name in named}
    caller.each((key for key in sorted(keys) if _belongs_here(key, caller.shard)), _describe)


def _arn(name: str, aliases: Mapping[str, str], partition: str, shard: Shard) -> str:
    """Return the ARN of a key by any of its names; an alias without a target stays as it is."""
    arn = parse_arn(name)
    if arn is not None and (arn.account, arn.region) != (shard.account, shard.region):
        return name
    identity = name if arn is None else arn.resource.removeprefix("key/")
    if identity.startswith("alias/"):
        identity = aliases.get(identity) or ""
    if not identity:
        return name
    return f"arn:{partition}:kms:{shard.region}:{shard.account}:key/{identity}"


def _belongs_here(key: str, shard: Shard) -> bool:
    arn = parse_arn(key)
    return arn is None or arn.region == shard.region


def _describe(caller: Caller, key: str) -> tuple[str, ...]:
    answer = caller.call("kms", "DescribeKey", KeyId=key) or {}
    arn = text(answer, "KeyMetadata", "Arn")
    owner = parse_arn(arn)
    own = owner is not None and owner.account == caller.shard.account
    # AWS KMS returns the policy of a key to its own account only (API reference, "GetKeyPolicy").
    if own and text(answer, "KeyMetadata", "KeyManager") == "CUSTOMER":
        caller.call("kms", "GetKeyPolicy", KeyId=arn, PolicyName="default")
    return ()


_Identity = tuple[str, str, str]
"""A key: its account, its Region, and its id or `alias/...`."""


def parse_keys(answers: Answers, gaps: Gaps, names: Iterable[str]) -> Mapping[str, Key]:
    """Parse the keys that resources and vaults of the shard name, and all others that it described, by name.

    Other accounts may name a key of this shard that nothing in it names (catalogue, ruling 17). A key of
    another account or Region is left to its own shard, unless it was described here too; a refusal of it here
    is a gap only where no other shard described it.
    """
    described = _Keys(answers)
    keys: dict[str, Key] = {}
    named = set(names)
    for name in sorted(named | described.described_arns(besides=named)):
        is_own = _belongs_to(name, answers.shard)
        if not is_own and not described.mentions(name):
            continue
        keys[name] = key = described.key(name)
        if is_own and isinstance(key.kind, Unread):
            gaps.note(key.kind.gap)
        if is_own and isinstance(key.policy, Unread) and key.policy.gap.kind is not GapKind.NEVER_ASKED:
            gaps.note(key.policy.gap)
    return keys


def parse_key_aliases(answers: Answers) -> Mapping[str, str]:
    """Parse the aliases that a shard lists or that were described in it: the key's ARN by the alias's ARN."""
    shard = answers.shard
    place = (partition_of(shard.region), shard.account, shard.region)
    aliases: dict[str, str] = {}
    for answer in answers.every(_DESCRIBE):
        asked, key = answer.parameters.get("KeyId"), _answered_key(answer)
        if isinstance(asked, str) and key is not None and bare_name(asked).startswith("alias/"):
            aliases[_key_arn(place[0], *_identity(asked, shard))] = key
    for row, _ in rows(answers, _ALIASES, "Aliases"):
        if key_id := row.text("TargetKeyId"):
            aliases[_key_arn(*place, row.need("AliasName"))] = _key_arn(*place, key_id)
    return aliases


def _belongs_to(name: str, shard: Shard) -> bool:
    account, region, _ = _identity(name, shard)
    return (account, region) == (shard.account, shard.region)


def _identity(name: str, shard: Shard) -> _Identity:
    """Return whose key a name means, in which Region, and its key id or `alias/...`.

    A name without an ARN means one of the shard's own account and Region.
    """
    parts = parse_arn(name)
    if parts is None:
        return shard.account, shard.region, name.removeprefix("key/")
    return parts.account, parts.region, parts.resource.removeprefix("key/")


def bare_name(name: str) -> str:
    """Return the part of a key's ARN that names it: a key id, or `alias/...`."""
    parts = parse_arn(name)
    return name if parts is None else parts.resource.removeprefix("key/")


class _Keys:
    """The KMS answers of a shard, by the key that each is about; aliases are those of the shard's account."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._described = _by_key(answers, _DESCRIBE)
        self._policies = _by_key(answers, "kms:GetKeyPolicy")
        self._aliases = {
            alias.need("AliasName"): alias.text("TargetKeyId") or ""
            for alias, _ in rows(answers, _ALIASES, "Aliases")
        }
        self._managed = {
            key_id for alias, key_id in self._aliases.items() if alias.startswith(_MANAGED_ALIAS)
        }

    def mentions(self, name: str) -> bool:
        """Check whether some answer, a refusal too, is about the key of that name."""
        return self._identity(name) in self._described

    def described_arns(self, besides: Iterable[str]) -> set[str]:
        """Return the ARNs of the keys that were described here, less those that `besides` names."""
        named = {self._identity(name) for name in besides}
        partition = partition_of(self._answers.shard.region)
        return {
            _key_arn(partition, *identity)
            for identity in self._described.keys() - named
            if not identity[2].startswith("alias/")
        }

    def _identity(self, name: str) -> _Identity:
        """Return the key that a name means; the shard's own aliases are followed."""
        shard = self._answers.shard
        account, region, bare = _identity(name, shard)
        if (account, region) == (shard.account, shard.region):
            bare = self._aliases.get(bare) or bare
        return account, region, bare

    def key(self, name: str) -> Key:
        """Return a key as far as it was described."""
        identity = self._identity(name)
        answer = self._described.get(identity)
        metadata = _metadata(answer)
        shard = self._answers.shard
        return Key(
            id=name,
            account=shard.account,
            region=shard.region,
            kind=self._kind(name, identity, answer, metadata),
            arn=(metadata.text("Arn") if metadata else None) or (name if parse_arn(name) else None),
            state=metadata.text("KeyState") if metadata else None,
            multi_region=metadata.flag("MultiRegion") if metadata else None,
            policy=self._policy(name, identity),
            enabled=metadata.flag("Enabled") if metadata else None,
            deletion_at=metadata.instant("DeletionDate") if metadata else None,
            primary=_primary(metadata),
            replicas=_replicas(metadata),
            refs=answer.refs if answer else (),
        )

    def _kind(
        self, name: str, identity: _Identity, answer: Answer | None, metadata: Shape | None
    ) -> Reading[KeyKind]:
        manager = metadata.text("KeyManager") if metadata else None
        if answer is not None and manager in _MANAGERS:
            return Known(_MANAGERS[manager], answer.refs)
        is_own = identity[:2] == (self._answers.shard.account, self._answers.shard.region)
        if (is_own and identity[2] in self._managed) or bare_name(name).startswith(_MANAGED_ALIAS):
            return Known(KeyKind.AWS_MANAGED)
        return Unread(self._gap(_DESCRIBE, name, answer))

    def _policy(self, name: str, identity: _Identity) -> Reading[str]:
        answer = self._policies.get(identity)
        pages = answer.pages if answer is not None else ()
        text = next((text for page in pages if (text := page.text("Policy")) is not None), None)
        if answer is not None and text is not None:
            return Known(text, answer.refs)
        return Unread(self._gap("kms:GetKeyPolicy", name, answer))

    def _gap(self, operation: str, name: str, answer: Answer | None) -> Gap:
        refused = answer.gap if answer is not None else None
        return refused or self._answers.gap(operation, name, GapKind.NEVER_ASKED)


def _primary(metadata: Shape | None) -> str | None:
    """Return the primary key of a multi-Region key, itself or another."""
    configuration = metadata.child(_MULTI_REGION) if metadata else None
    primary = configuration.child("PrimaryKey") if configuration else None
    return primary.text("Arn") if primary else None


def _replicas(metadata: Shape | None) -> tuple[str, ...]:
    configuration = metadata.child(_MULTI_REGION) if metadata else None
    replicas = configuration.children("ReplicaKeys") if configuration else ()
    return tuple(sorted(replica.need("Arn") for replica in replicas))


def _by_key(answers: Answers, operation: str) -> dict[_Identity, Answer]:
    """Index answers by the key that was requested, and by the one that was returned.

    A key may have been requested by its id, its ARN and its aliases: an answer counts more than a refusal.
    """
    found: dict[_Identity, Answer] = {}
    for answer in answers.every(operation):
        for name in (answer.parameters.get("KeyId"), _answered_key(answer)):
            if not isinstance(name, str):
                continue
            identity = _identity(name, answers.shard)
            if answer.gap is None or identity not in found:
                found[identity] = answer
    return found


def _answered_key(answer: Answer) -> str | None:
    """Return the ARN of the key that an answer describes; its bare id where the answer has no more."""
    metadata = _metadata(answer)
    return (metadata.text("Arn") or metadata.text("KeyId")) if metadata else None


def _key_arn(partition: str, account: str, region: str, bare: str) -> str:
    resource = bare if bare.startswith("alias/") else f"key/{bare}"
    return f"arn:{partition}:kms:{region}:{account}:{resource}"


def _metadata(answer: Answer | None) -> Shape | None:
    pages = answer.pages if answer is not None else ()
    return next((child for page in pages if (child := page.child("KeyMetadata"))), None)
