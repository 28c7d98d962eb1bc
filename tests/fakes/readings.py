"""Short ways to ask what was read of a resource, and values that nobody would choose."""

from typing import Final

from scanner.model.inventory import Encryption, Resource, ShardInventory
from scanner.model.known import GapKind, Known
from tests.fakes.bundles import ACCOUNT, REGION, ShardScript, key_arn, pairs, parsed

HOSTILE: Final = "名前 \u202e<script>alert(1)</script>\x00 '; DROP TABLE; \U0001f4a9"
LONG: Final = {"note": "x" * 5000, HOSTILE: HOSTILE}
KEY: Final = key_arn("k")
MADE: Final = "2026-01-02T03:04:05Z"
GET_RESOURCES: Final = "resourcegroupstaggingapi:GetResources"


def shard(region: str = REGION) -> ShardScript:
    return ShardScript(ACCOUNT, region)


def here(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def tagged(script: ShardScript, arn: str, tags: dict[str, str]) -> ShardScript:
    return script.listed(GET_RESOURCES, {"ResourceARN": arn, "Tags": pairs(tags)})


def only(script: ShardScript) -> Resource:
    (resource,) = parsed(script).resources
    return resource


def tags_of(resource: Resource) -> dict[str, str] | GapKind:
    return dict(resource.tags.value) if isinstance(resource.tags, Known) else resource.tags.gap.kind


def encryption_of(resource: Resource) -> Encryption | str:
    told = resource.encryption
    return told.value if isinstance(told, Known) else told.gap.operation


def missing(inventory: ShardInventory) -> list[tuple[str, str, GapKind]]:
    return [(gap.operation, gap.about, gap.kind) for gap in inventory.gaps]
