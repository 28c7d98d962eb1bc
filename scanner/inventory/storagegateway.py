"""Volumes of Storage Gateway: ListVolumes names them, a description for each gateway tells the rest."""

from collections.abc import Iterator, Mapping
from typing import Final

from scanner.evidence.shape import Shape
from scanner.inventory.ec2 import STACK_TAG
from scanner.inventory.gaps import rows
from scanner.inventory.sources import Sources
from scanner.model.inventory import Encryption, Resource
from scanner.model.names import Arn
from scanner.model.reading import EvidenceRef, Gap, GapKind, Known, Reading, Unread

_DESCRIPTIONS: Final[Mapping[str, str]] = {
    "storagegateway:DescribeCachediSCSIVolumes": "CachediSCSIVolumes",
    "storagegateway:DescribeStorediSCSIVolumes": "StorediSCSIVolumes",
}
_CACHED, _STORED = _DESCRIPTIONS
_DETACHED: Final = "DETACHED"

_Description = tuple[Shape, EvidenceRef]


def parse_storagegateway(sources: Sources) -> Iterator[Resource]:
    """Parse volumes. One whose description is missing is of unknown key, and of unknown state if attached."""
    volumes = {
        row.need("VolumeARN"): (row, ref)
        for row, ref in rows(sources.answers, "storagegateway:ListVolumes", "VolumeInfos")
    }
    described = {
        row.need("VolumeARN"): (row, ref)
        for operation, key in _DESCRIPTIONS.items()
        for row, ref in rows(sources.answers, operation, key)
    }
    for arn, (row, ref) in sorted(volumes.items()):
        yield _volume(sources, row, ref, described.get(arn))


def _volume(sources: Sources, row: Shape, ref: EvidenceRef, told: _Description | None) -> Resource:
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
        state=_state(row, told),
        tags=tags,
        encryption=_encryption(sources, row, told),
        created_at=told[0].instant("CreatedDate") if told else None,
        stack=tags.value.get(STACK_TAG) if isinstance(tags, Known) else None,
        refs=(ref, *([told[1]] if told else ())),
    )


def _state(row: Shape, told: _Description | None) -> str | None:
    """Give DETACHED where either says so, else the volume's status, which only a description tells."""
    attachments = {
        row.text("VolumeAttachmentStatus"),
        told[0].text("VolumeAttachmentStatus") if told else None,
    }
    if _DETACHED in attachments:
        return _DETACHED
    return told[0].text("VolumeStatus") if told else None


def _encryption(sources: Sources, row: Shape, told: _Description | None) -> Reading[Encryption]:
    """Read a volume's key: without one, Amazon S3's own keys encrypt it (user guide, "Encryption")."""
    if told is None:
        gap = _missing(sources, row)
        sources.gaps.note(gap)
        return Unread(gap)
    key = told[0].text("KMSKey")
    return Known(Encryption(encrypted=True, keys=(key,) if key else ()), (told[1],))


def _missing(sources: Sources, row: Shape) -> Gap:
    """Give the refusal of a description that was asked for, else that nobody asked."""
    arn = row.need("VolumeARN")
    for operation in _DESCRIPTIONS:
        for answer in sources.answers.every(operation):
            if answer.gap is not None and arn in (answer.parameters.get("VolumeARNs") or ()):
                return answer.gap
    is_stored = (row.text("VolumeType") or "").upper().startswith("STORED")
    return sources.answers.gap(_STORED if is_stored else _CACHED, arn, GapKind.NEVER_ASKED)
