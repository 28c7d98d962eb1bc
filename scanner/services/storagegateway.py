"""AWS Storage Gateway: volumes. ListVolumes returns ARNs, a call per gateway and type describes them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from scanner.evidence.shape import Shape
from scanner.model.inventory import Encryption, Resource
from scanner.model.known import EvidenceRef, Gap, GapKind, Known, Reading, Unread
from scanner.model.names import Arn
from scanner.services.base import Operation, distinct, objects, provisioned_size, rows, text
from scanner.services.caller import Caller
from scanner.services.sources import Sources
from scanner.services.tagging import STACK_TAG

_PAGE: Final = 100

_DESCRIPTIONS: Final[Mapping[str, str]] = {
    "storagegateway:DescribeCachediSCSIVolumes": "CachediSCSIVolumes",
    "storagegateway:DescribeStorediSCSIVolumes": "StorediSCSIVolumes",
}
_CACHED, _STORED = _DESCRIPTIONS
_DETACHED: Final = "DETACHED"
_Description = tuple[Shape, EvidenceRef]

OPERATIONS: Final = (
    Operation(
        "storagegateway",
        "ListVolumes",
        "storagegateway:ListVolumes",
        _PAGE,
        own=("VolumeInfos[].VolumeARN",),
        identity=("VolumeInfos[].VolumeARN",),
    ),
    Operation(
        "storagegateway",
        "DescribeCachediSCSIVolumes",
        "storagegateway:DescribeCachediSCSIVolumes",
        after=("storagegateway:ListVolumes",),
        per="batch of cached volumes",
        own=("CachediSCSIVolumes[].VolumeARN",),
        identity=("CachediSCSIVolumes[].VolumeARN",),
    ),
    Operation(
        "storagegateway",
        "DescribeStorediSCSIVolumes",
        "storagegateway:DescribeStorediSCSIVolumes",
        after=("storagegateway:ListVolumes",),
        per="batch of stored volumes",
        own=("StorediSCSIVolumes[].VolumeARN",),
        identity=("StorediSCSIVolumes[].VolumeARN",),
    ),
)

_KINDS: Final = {
    "CACHED": ("DescribeCachediSCSIVolumes", "CachediSCSIVolumes"),
    "STORED": ("DescribeStorediSCSIVolumes", "StorediSCSIVolumes"),
}


def collect(caller: Caller) -> set[str]:
    """Record volumes with their descriptions; return the keys that they name."""
    volumes: dict[str, list[tuple[str, str]]] = {}
    for answer in caller.pages("storagegateway", "ListVolumes"):
        for row in objects(answer, "VolumeInfos"):
            if arn := text(row, "VolumeARN"):
                # The ARN of a volume begins with that of its gateway.
                volumes.setdefault(arn.partition("/volume/")[0], []).append((text(row, "VolumeType"), arn))
    return caller.each(volumes, lambda own, gateway: _describe(own, volumes[gateway]))


def _describe(caller: Caller, volumes: Iterable[tuple[str, str]]) -> set[str]:
    """Record the descriptions of one gateway's volumes: a call accepts those of a single gateway."""
    keys: set[str] = set()
    for kind, (operation, key) in _KINDS.items():
        # `STORED` in the API model, `STORED iSCSI` in answers.
        arns = [arn for volume_type, arn in volumes if volume_type.upper().startswith(kind)]
        if arns:
            answer = caller.call("storagegateway", operation, VolumeARNs=arns)
            keys.update(text(row, "KMSKey") for row in objects(answer, key))
    return keys - {""}


def parse(sources: Sources) -> Iterator[Resource]:
    """Parse volumes. Without a description, the key is unknown, and the state too if it is attached."""
    volumes = distinct(rows(sources.answers, "storagegateway:ListVolumes", "VolumeInfos"), "VolumeARN")
    described = {
        row.need("VolumeARN"): (row, ref)
        for operation, key in _DESCRIPTIONS.items()
        for row, ref in rows(sources.answers, operation, key)
    }
    for arn, (row, ref) in sorted(volumes.items()):
        yield _volume(sources, row, ref, described.get(arn))


def _volume(sources: Sources, row: Shape, ref: EvidenceRef, described: _Description | None) -> Resource:
    arn = row.need("VolumeARN")
    tags = sources.tags(
        arn, "storagegateway:gateway/volume", "storagegateway:ListTagsForResource", ResourceARN=arn
    )
    return Resource(
        arn=Arn(arn),
        type="Storage Gateway",
        capability="StorageGateway",
        account=sources.shard.account,
        region=sources.shard.region,
        name=row.text("VolumeId") or arn.rpartition("/")[2],
        state=_state(row, described),
        tags=tags,
        encryption=_encryption(sources, row, described),
        created_at=described[0].instant("CreatedDate") if described else None,
        size=provisioned_size(row, "VolumeSizeInBytes", 1),
        stack=tags.value.get(STACK_TAG) if isinstance(tags, Known) else None,
        refs=(ref, *([described[1]] if described else ())),
    )


def _state(row: Shape, described: _Description | None) -> str | None:
    """Return DETACHED if the list or the description says so, or else the described status."""
    # The list and the description may be of different times: a detached volume is not backed up.
    attachments = {
        row.text("VolumeAttachmentStatus"),
        described[0].text("VolumeAttachmentStatus") if described else None,
    }
    if _DETACHED in attachments:
        return _DETACHED
    return described[0].text("VolumeStatus") if described else None


def _encryption(sources: Sources, row: Shape, described: _Description | None) -> Reading[Encryption]:
    """Parse a volume's key; without one, keys of Amazon S3 encrypt it (user guide, "Encryption")."""
    if described is None:
        gap = _missing(sources, row)
        sources.gaps.note(gap)
        return Unread(gap)
    key = described[0].text("KMSKey")
    return Known(Encryption(encrypted=True, keys=(key,) if key else ()), (described[1],))


def _missing(sources: Sources, row: Shape) -> Gap:
    """Return the gap of a volume's description: its refusal, or that it was never called."""
    arn = row.need("VolumeARN")
    for operation in _DESCRIPTIONS:
        for answer in sources.answers.every(operation):
            # One call describes many volumes, so its refusal is that of each of them.
            if answer.gap is not None and arn in (answer.parameters.get("VolumeARNs") or ()):
                return answer.gap
    is_stored = (row.text("VolumeType") or "").upper().startswith("STORED")
    return sources.answers.gap(_STORED if is_stored else _CACHED, arn, GapKind.NEVER_ASKED)
