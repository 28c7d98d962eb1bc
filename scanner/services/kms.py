"""AWS KMS: aliases, and the keys that recorded answers of the shard name.

A key is AWS managed if DescribeKey returns KeyManager AWS, or ListAliases maps an `alias/aws/...` to it. It
is customer managed if KeyManager is CUSTOMER. Otherwise its kind is unknown (catalogue, ruling 6).
"""

from collections.abc import Iterable, Mapping, MutableMapping
from typing import Final

from scanner.evidence.answers import Answer, Answers
from scanner.evidence.shape import Shape
from scanner.model.inventory import Key, KeyKind
from scanner.model.known import Gap, GapKind, Known, Reading, Unread
from scanner.model.names import Shard, parse_arn, partition_of
from scanner.services.base import Gaps, Operation, objects, rows, text
from scanner.services.caller import Caller

_DESCRIBE: Final = "kms:DescribeKey"
_ALIASES: Final = "kms:ListAliases"
# AWS reserves this prefix for the keys that it manages (AWS KMS Developer Guide, "Aliases").
_MANAGED_ALIAS: Final = "alias/aws/"
_MULTI_REGION: Final = "MultiRegionConfiguration"
_MANAGERS: Final = {"AWS": KeyKind.AWS_MANAGED, "CUSTOMER": KeyKind.CUSTOMER_MANAGED}

OPERATIONS: Final = (
    Operation(
        "kms",
        "ListAliases",
        "kms:ListAliases",
        # The largest page (API reference, "ListAliases").
        page=100,
        optional="it is a gap of every key named by alias",
        own=("Aliases[].AliasArn",),
        identity=("Aliases[].AliasName",),
    ),
    Operation(
        "kms",
        "DescribeKey",
        "kms:DescribeKey",
        per="key",
        same=(("KeyId", "KeyMetadata.Arn"),),
    ),
    Operation("kms", "GetKeyPolicy", "kms:GetKeyPolicy", after=("kms:DescribeKey",), per="key"),
)


def collect_aliases(caller: Caller, *, targets: MutableMapping[str, str]) -> None:
    """Record the account's aliases, and add the key id behind each to `targets`."""
    for answer in caller.pages("kms", "ListAliases"):
        for row in objects(answer, "Aliases"):
            targets[text(row, "AliasName")] = text(row, "TargetKeyId")


def collect_keys(caller: Caller, named: Iterable[str], *, aliases: Mapping[str, str], partition: str) -> None:
    """Record the keys `named` (ARNs, ids, aliases) once each, and the policies of customer managed keys.

    Keys of another account are described here by ARN, since that account's own shard may not name them. Keys
    of another Region cannot be described here.
    """
    # By ARN, because answers name one key by its id, its ARN and its aliases.
    keys = {_arn(name, aliases, partition, caller.shard) for name in named}
    caller.each((key for key in sorted(keys) if _is_in_region(key, caller.shard)), _describe)


def _arn(name: str, aliases: Mapping[str, str], partition: str, shard: Shard) -> str:
    """Return the ARN of a key from any of its names; an alias without a target is returned unchanged."""
    arn = parse_arn(name)
    # Already complete, and aliases of another account or Region are not listed here.
    if arn is not None and (arn.account, arn.region) != (shard.account, shard.region):
        return name
    identity = name if arn is None else arn.resource.removeprefix("key/")
    if identity.startswith("alias/"):
        identity = aliases.get(identity) or ""
    if not identity:
        return name
    return f"arn:{partition}:kms:{shard.region}:{shard.account}:key/{identity}"


def _is_in_region(key: str, shard: Shard) -> bool:
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
    """Parse the keys that the shard's resources and vaults name, and all other keys it described, by name.

    Other accounts may name a key of this shard that nothing in it names (catalogue, ruling 17). Keys of
    another account or Region are parsed only if they were described here; a refusal is not noted as a gap,
    since the key's own shard may have described it.
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
        # Only policies of customer managed keys are requested: one that never was is no gap.
        if is_own and isinstance(key.policy, Unread) and key.policy.gap.kind is not GapKind.NEVER_ASKED:
            gaps.note(key.policy.gap)
    return keys


def parse_key_aliases(answers: Answers) -> Mapping[str, str]:
    """Parse the aliases that a shard lists or describes: from the alias's ARN to the key's ARN."""
    shard = answers.shard
    place = (partition_of(shard.region), shard.account, shard.region)
    aliases: dict[str, str] = {}
    for answer in answers.every(_DESCRIBE):
        requested, key = answer.parameters.get("KeyId"), _answered_key(answer)
        if isinstance(requested, str) and key is not None and bare_name(requested).startswith("alias/"):
            aliases[_key_arn(place[0], *_identity(requested, shard))] = key
    for row, _ in rows(answers, _ALIASES, "Aliases"):
        if key_id := row.text("TargetKeyId"):
            aliases[_key_arn(*place, row.need("AliasName"))] = _key_arn(*place, key_id)
    return aliases


def _belongs_to(name: str, shard: Shard) -> bool:
    account, region, _ = _identity(name, shard)
    return (account, region) == (shard.account, shard.region)


def _identity(name: str, shard: Shard) -> _Identity:
    """Return the account, the Region, and the key id or `alias/...` of a name.

    A name without an ARN is one of the shard's own account and Region.
    """
    parts = parse_arn(name)
    if parts is None:
        return shard.account, shard.region, name.removeprefix("key/")
    return parts.account, parts.region, parts.resource.removeprefix("key/")


def bare_name(name: str) -> str:
    """Return the key id or `alias/...` from a key's ARN."""
    parts = parse_arn(name)
    return name if parts is None else parts.resource.removeprefix("key/")


class _Keys:
    """The KMS answers of a shard, by key; aliases of the shard's account are resolved."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._described = _by_key(answers, _DESCRIBE)
        self._policies = _by_key(answers, "kms:GetKeyPolicy")
        self._aliases = {
            alias.need("AliasName"): alias.text("TargetKeyId") or ""
            for alias, _ in rows(answers, _ALIASES, "Aliases")
        }
        # AWS managed keys are the targets of the reserved aliases alias/aws/...; DescribeKey may be refused
        # for them.
        self._managed = {
            key_id for alias, key_id in self._aliases.items() if alias.startswith(_MANAGED_ALIAS)
        }

    def mentions(self, name: str) -> bool:
        """Return whether an answer, also a refusal, is about the key of that name."""
        return self._identity(name) in self._described

    def described_arns(self, besides: Iterable[str]) -> set[str]:
        """Return the ARNs of the described keys, without those that `besides` names."""
        named = {self._identity(name) for name in besides}
        partition = partition_of(self._answers.shard.region)
        return {
            _key_arn(partition, *identity)
            for identity in self._described.keys() - named
            if not identity[2].startswith("alias/")
        }

    def _identity(self, name: str) -> _Identity:
        """Return the key of a name, after resolving the shard's own aliases."""
        shard = self._answers.shard
        account, region, bare = _identity(name, shard)
        # Aliases of other accounts and Regions are not listed here.
        if (account, region) == (shard.account, shard.region):
            bare = self._aliases.get(bare) or bare
        return account, region, bare

    def key(self, name: str) -> Key:
        """Return a key with all that its answers describe."""
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
        # The aliases are the second source, because `EncryptionKeyType` has no value for AWS managed keys.
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
    """Return the ARN of a multi-Region key's primary key, which may be the key itself."""
    configuration = metadata.child(_MULTI_REGION) if metadata else None
    primary = configuration.child("PrimaryKey") if configuration else None
    return primary.text("Arn") if primary else None


def _replicas(metadata: Shape | None) -> tuple[str, ...]:
    configuration = metadata.child(_MULTI_REGION) if metadata else None
    replicas = configuration.children("ReplicaKeys") if configuration else ()
    return tuple(sorted(replica.need("Arn") for replica in replicas))


def _by_key(answers: Answers, operation: str) -> dict[_Identity, Answer]:
    """Index answers by the key of the request, and by the key of the answer.

    Requests may have named a key by its id, its ARN and its aliases. An answer takes precedence over a
    refusal.
    """
    by_key: dict[_Identity, Answer] = {}
    for answer in answers.every(operation):
        for name in (answer.parameters.get("KeyId"), _answered_key(answer)):
            if not isinstance(name, str):
                continue
            identity = _identity(name, answers.shard)
            if answer.gap is None or identity not in by_key:
                by_key[identity] = answer
    return by_key


def _answered_key(answer: Answer) -> str | None:
    """Return the ARN of the key that an answer describes, or its bare id if the ARN is missing."""
    metadata = _metadata(answer)
    return (metadata.text("Arn") or metadata.text("KeyId")) if metadata else None


def _key_arn(partition: str, account: str, region: str, bare: str) -> str:
    resource = bare if bare.startswith("alias/") else f"key/{bare}"
    return f"arn:{partition}:kms:{region}:{account}:{resource}"


def _metadata(answer: Answer | None) -> Shape | None:
    pages = answer.pages if answer is not None else ()
    return next((child for page in pages if (child := page.child("KeyMetadata"))), None)
