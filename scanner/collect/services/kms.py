"""AWS KMS: aliases, and the keys that something recorded in the same shard names."""

from collections.abc import Iterable, Mapping, MutableMapping
from typing import Final

from scanner.collect.calls import Caller
from scanner.collect.fields import rows, text
from scanner.collect.operations import Operation
from scanner.model.names import Shard, parse_arn

OPERATIONS: Final = (
    Operation("kms", "ListAliases", "kms:ListAliases", page=100, own=("Aliases[].AliasArn",)),
    Operation("kms", "DescribeKey", "kms:DescribeKey", same=(("KeyId", "KeyMetadata.Arn"),)),
    Operation("kms", "GetKeyPolicy", "kms:GetKeyPolicy", after=("kms:DescribeKey",)),
)


def aliases(caller: Caller, *, found: MutableMapping[str, str]) -> None:
    """Record the account's aliases; put the key id that each leads to into `found`."""
    for answer in caller.pages("kms", "ListAliases"):
        for row in rows(answer, "Aliases"):
            found[text(row, "AliasName")] = text(row, "TargetKeyId")


def collect(caller: Caller, named: Iterable[str], *, aliases: Mapping[str, str], partition: str) -> None:
    """Record the keys `named` (ARNs, ids, aliases), each once, and the policies of customers' own keys.

    Keys of another account are asked for here, by ARN: that account's own shard need not know of them.
    Keys of another Region cannot be asked for here.
    """
    keys = {_arn(name, aliases, partition, caller.shard) for name in named}
    caller.each((key for key in sorted(keys) if _belongs_here(key, caller.shard)), _describe)


def _arn(name: str, aliases: Mapping[str, str], partition: str, shard: Shard) -> str:
    """Bring a key's names together into its ARN; an alias that leads nowhere stays as it is."""
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
    # AWS KMS tells the policy of a key to its own account alone (API reference, "GetKeyPolicy").
    if own and text(answer, "KeyMetadata", "KeyManager") == "CUSTOMER":
        caller.call("kms", "GetKeyPolicy", KeyId=arn, PolicyName="default")
    return ()
