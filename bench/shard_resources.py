"""Made-up resources of a shard, as an account has them: volumes at instances, databases, tables, buckets."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Final

from scanner.model.inventory import Encryption, Resource
from scanner.model.known import EvidenceRef, Gap, GapKind, Known, Unread
from scanner.model.names import Arn, RegionName, Shard

REGIONS: Final = tuple(
    RegionName(f"{area}-{place}")
    for area in ("eu-west", "us-east", "us-west", "eu-central", "ap-southeast")
    for place in (1, 2)
)
_OTHERS: Final = ("EC2", "RDS", "DynamoDB", "S3", "EC2", "DynamoDB", "RDS", "EC2", "S3", "CloudFormation")
_MIX: Final = tuple(kind for rarer in _OTHERS for kind in ("EBS", rarer))
_ENVIRONMENTS: Final = ("prod", "test", "prod", "dev")
_TIERS: Final = ("gold", "silver", "none")
_TEAMS: Final = 17
_KEYS: Final = (0, 0, 0, 1, None)
_ENCRYPTED: Final = ("EBS", "RDS", "EC2")


def resources(shard: Shard, number: int, size: int, refs: tuple[EvidenceRef, ...]) -> tuple[Resource, ...]:
    """Make `size` resources of a shard, sorted by their ARNs as the parser gives them."""
    chance = Random(number)
    unsorted = (_resource(shard, chance, place, _MIX[place % len(_MIX)], refs) for place in range(size))
    ordered = tuple(sorted(unsorted, key=lambda resource: resource.arn))
    return ordered if number % 50 != 30 else tuple(_untold(resource) for resource in ordered)  # noqa: PLR2004 -- now and then


def volumes(shard: Shard, size: int, refs: tuple[EvidenceRef, ...]) -> tuple[Resource, ...]:
    """Make `size` volumes of a shard, and no instances."""
    chance = Random(0)
    return tuple(_resource(shard, chance, place, "EBS", refs) for place in range(size))


def _untold(resource: Resource) -> Resource:
    """Take the tags of a bucket away: they were not read."""
    if resource.type != "S3":
        return resource
    shard = Shard(resource.account, resource.region)
    return replace(resource, tags=Unread(ungranted(shard, "s3:GetBucketTagging", resource.name)))


def ungranted(shard: Shard, operation: str, about: str = "") -> Gap:
    """Make the gap of a read that was refused."""
    return Gap(shard.account, shard.region, operation, about, GapKind.REFUSED, "AccessDenied")


def _resource(shard: Shard, chance: Random, place: int, kind: str, refs: tuple[EvidenceRef, ...]) -> Resource:
    arn = _ARNS[kind](shard, place)
    return Resource(
        arn=arn,
        type=kind,
        capability=kind,
        account=shard.account,
        region=shard.region,
        name=arn.rpartition("/")[2],
        state=_STATES.get(kind),
        tags=Known(_tags(chance, place, kind), refs),
        encryption=Known(_encryption(shard, chance, kind), refs),
        attached_to=tuple(_attachment(shard, place, kind)),
        stack=_ARNS["CloudFormation"](shard, 19) if chance.random() < 0.05 else None,  # noqa: PLR2004 -- few
        versioned=Known(value=True, refs=refs) if kind == "S3" else None,
        refs=refs,
    )


def _attachment(shard: Shard, place: int, kind: str) -> Iterator[Arn]:
    """Every second volume is attached to the instance before or after it."""
    if kind == "EBS" and place % 20 in (0, 2, 8, 10, 14):
        yield _ARNS["EC2"](shard, place + (1 if place % 20 != 2 else -1))  # noqa: PLR2004 -- as the mix has it


def _tags(chance: Random, place: int, kind: str) -> dict[str, str]:
    return {
        "Name": f"{kind}-{place}",
        "env": chance.choice(_ENVIRONMENTS),
        "tier": chance.choice(_TIERS),
        "team": f"team-{place % _TEAMS}",
        "cost-center": f"{chance.randrange(4000, 4050)}",
    }


def _encryption(shard: Shard, chance: Random, kind: str) -> Encryption:
    """Encrypt most with the account's own key, the others with AWS's managed one or not at all."""
    if kind not in _ENCRYPTED:
        return Encryption(encrypted=True)
    if (key := chance.choice(_KEYS)) is None:
        return Encryption(encrypted=False)
    return Encryption(True, (f"arn:aws:kms:{shard.region}:{shard.account}:key/{key}",))  # noqa: FBT003 -- a row


def _arn(service: str, prefix: str) -> Callable[[Shard, int], Arn]:
    def arn_of(shard: Shard, place: int) -> Arn:
        return Arn(f"arn:aws:{service}:{shard.region}:{shard.account}:{prefix}{place:017x}")

    return arn_of


def _bucket(shard: Shard, place: int) -> Arn:
    return Arn(f"arn:aws:s3:::bucket-{shard.account}-{shard.region}-{place}")


_ARNS: Final[dict[str, Callable[[Shard, int], Arn]]] = {
    "EBS": _arn("ec2", "volume/vol-"),
    "EC2": _arn("ec2", "instance/i-"),
    "RDS": _arn("rds", "db:database-"),
    "DynamoDB": _arn("dynamodb", "table/table-"),
    "S3": _bucket,
    "CloudFormation": _arn("cloudformation", "stack/stack/"),
}
_STATES: Final = {
    "EBS": "in-use",
    "EC2": "running",
    "RDS": "available",
    "DynamoDB": "ACTIVE",
    "CloudFormation": "CREATE_COMPLETE",
}
