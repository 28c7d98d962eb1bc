"""Which keys are lost together (catalogue, ruling 6 and `survives-key-loss`).

A key is lost with every key of the same account and Region, and with its multi-Region replicas, which are
the same key: they lie in the Regions of one account and share an id that begins with `mrk-` (AWS KMS
Developer Guide, "Multi-Region keys in AWS KMS").
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from scanner.model.names import AccountId, RegionName, Shard, parse_arn
from scanner.model.ternary import Ternary, any_of

_MULTI_REGION: Final = "mrk-"
_MANAGED_ALIAS: Final = "alias/aws/"


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
    """Whether a key is lost where all of `own` are, each with all of its account and Region."""
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
