"""AWS Storage Gateway: volumes, and their descriptions, gateway by gateway."""

from collections.abc import Iterable
from typing import Final

from scanner.collect.calls import Caller
from scanner.collect.fields import rows, text
from scanner.collect.operations import Operation

_PAGE: Final = 100

OPERATIONS: Final = (
    Operation(
        "storagegateway", "ListVolumes", "storagegateway:ListVolumes", _PAGE, own=("VolumeInfos[].VolumeARN",)
    ),
    Operation(
        "storagegateway",
        "DescribeCachediSCSIVolumes",
        "storagegateway:DescribeCachediSCSIVolumes",
        after=("storagegateway:ListVolumes",),
        own=("CachediSCSIVolumes[].VolumeARN",),
    ),
    Operation(
        "storagegateway",
        "DescribeStorediSCSIVolumes",
        "storagegateway:DescribeStorediSCSIVolumes",
        after=("storagegateway:ListVolumes",),
        own=("StorediSCSIVolumes[].VolumeARN",),
    ),
)

_KINDS: Final = {
    "CACHED": ("DescribeCachediSCSIVolumes", "CachediSCSIVolumes"),
    "STORED": ("DescribeStorediSCSIVolumes", "StorediSCSIVolumes"),
}


def collect(caller: Caller) -> set[str]:
    """Record volumes with their descriptions; give the keys that were named."""
    volumes: dict[str, list[tuple[str, str]]] = {}
    for answer in caller.pages("storagegateway", "ListVolumes"):
        for row in rows(answer, "VolumeInfos"):
            if arn := text(row, "VolumeARN"):
                volumes.setdefault(arn.partition("/volume/")[0], []).append((text(row, "VolumeType"), arn))
    return caller.each(volumes, lambda own, gateway: _describe(own, volumes[gateway]))


def _describe(caller: Caller, volumes: Iterable[tuple[str, str]]) -> set[str]:
    """Describe the volumes of one gateway together: a call takes those of one gateway only."""
    keys: set[str] = set()
    for kind, (operation, key) in _KINDS.items():
        arns = [arn for told, arn in volumes if told.upper().startswith(kind)]
        if arns:
            answer = caller.call("storagegateway", operation, VolumeARNs=arns)
            keys.update(text(row, "KMSKey") for row in rows(answer, key))
    return keys - {""}
