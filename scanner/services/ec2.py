"""Amazon EC2: Regions, instances and EBS volumes."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from scanner.evidence.answers import Answers
from scanner.evidence.shape import Shape
from scanner.model.inventory import Encryption, Resource, Size
from scanner.model.known import EvidenceRef, GapKind, Known, Reading, Unread
from scanner.model.names import Arn, RegionName, partition_of
from scanner.services.base import (
    GIB,
    CallScope,
    Operation,
    distinct,
    objects,
    provisioned_size,
    rows,
    text,
    texts,
    total_size,
)
from scanner.services.caller import Caller
from scanner.services.sources import Sources
from scanner.services.tagging import STACK_TAG, tag_pairs

# Without a page size, EC2 is slower and throttles earlier (EC2 Developer Guide, "Request throttling").
_PAGE: Final = 1000

OPERATIONS: Final = (
    Operation(
        "ec2",
        "DescribeRegions",
        "ec2:DescribeRegions",
        scope=CallScope.ACCOUNT,
        optional="without it, every Region of the scan is read",
        identity=("Regions[].RegionName",),
    ),
    Operation(
        "ec2",
        "DescribeInstances",
        "ec2:DescribeInstances",
        _PAGE,
        secrets=("Reservations[].Instances[].UserData",),
        own=("Reservations[].OwnerId",),
        identity=("Reservations[].Instances[].InstanceId",),
    ),
    Operation(
        "ec2",
        "DescribeVolumes",
        "ec2:DescribeVolumes",
        _PAGE,
        identity=("Volumes[].VolumeId",),
    ),
)

# Other values: opted-in, and opt-in-not-required for Regions that
# every account has (API reference, "Region").
_NOT_ENABLED: Final = "not-opted-in"


def regions(caller: Caller) -> dict[RegionName, bool] | None:
    """Return by Region whether the account has enabled it; None if the call failed."""
    # Without AllRegions, the answer omits Regions that the account has not enabled.
    answer = caller.call("ec2", "DescribeRegions", AllRegions=True)
    return None if answer is None else enabled(answer)


def enabled(answer: Mapping[str, Any]) -> dict[RegionName, bool]:
    """Return by Region whether the account has enabled it, from an answer of DescribeRegions."""
    return {
        RegionName(name): row.get("OptInStatus") != _NOT_ENABLED
        for row in objects(answer, "Regions")
        if (name := text(row, "RegionName"))
    }


def collect(caller: Caller) -> set[str]:
    """Record instances and volumes; return the keys that they name."""
    for _ in caller.pages("ec2", "DescribeInstances"):
        pass
    return set(texts(caller.pages("ec2", "DescribeVolumes"), "Volumes", "KmsKeyId"))


# `busy`: the volume is to be detached, but the instance still uses it.
_ATTACHED: Final = frozenset({"attaching", "attached", "busy"})
_DETACHED: Final = frozenset({"detaching", "detached"})
_UNSUPPORTED_ROOTS: Final = {"ebs": "", "instance-store": "instance_store"}
_MARKETPLACE: Final = "marketplace"
_PRODUCT_CODES: Final = frozenset({"devpay", _MARKETPLACE})


def parse(sources: Sources) -> Iterator[Resource]:
    """Parse instances and volumes. The encryption of an instance is that of its volumes."""
    answers, lists = sources.answers, sources.lists
    volumes = distinct(rows(answers, "ec2:DescribeVolumes", "Volumes"), "VolumeId")
    prefix = f"arn:{partition_of(answers.shard.region)}:ec2:{answers.shard.region}:{answers.shard.account}"
    for _, (row, ref) in sorted(volumes.items()):
        yield _volume(answers, row, ref, prefix)
    instances = {
        row.need("InstanceId"): (row, ref)
        for reservation, ref in rows(answers, "ec2:DescribeInstances", "Reservations")
        for row in reservation.children("Instances")
    }
    shapes = {volume_id: row for volume_id, (row, _) in volumes.items()}
    attached = _volumes_by_instance(shapes)
    for instance_id, (row, ref) in sorted(instances.items()):
        # Either list may be the older one, so both count: the volumes'
        # attachments and the instance's mappings.
        ids = attached.get(instance_id, set()) | _mapped_volumes(row)
        volumes_read = lists["ec2:DescribeVolumes"]
        encryption = _instance_encryption(answers, ids, shapes, volumes_read)
        instance = _instance(answers, row, ref, prefix, encryption)
        yield replace(instance, size=_instance_size(encryption, ids, shapes))


def _volume(answers: Answers, row: Shape, ref: EvidenceRef, prefix: str) -> Resource:
    volume_id = row.need("VolumeId")
    tags = tag_pairs(row, "Tags")
    key = row.text("KmsKeyId")
    attached_to = tuple(
        Arn(f"{prefix}:instance/{attachment.need('InstanceId')}")
        for attachment in row.children("Attachments")
        if _is_attached(attachment, row) and attachment.text("InstanceId")
    )
    return Resource(
        arn=Arn(f"{prefix}:volume/{volume_id}"),
        type="EBS",
        capability="EBS",
        account=answers.shard.account,
        region=answers.shard.region,
        name=tags.get("Name") or volume_id,
        state=row.text("State"),
        tags=Known(tags, (ref,)),
        encryption=Known(Encryption(row.flag("Encrypted"), (key,) if key else ()), (ref,)),
        created_at=row.instant("CreateTime"),
        size=provisioned_size(row, "Size", GIB),
        attached_to=attached_to,
        stack=tags.get(STACK_TAG),
        refs=(ref,),
    )


def _is_attached(attachment: Shape, volume: Shape) -> bool:
    """Return whether a volume is attached; an attachment without a state is if the volume is in use."""
    state = attachment.word("State", _ATTACHED | _DETACHED)
    return volume.text("State") == "in-use" if state is None else state in _ATTACHED


def _instance(
    answers: Answers, row: Shape, ref: EvidenceRef, prefix: str, encryption: Reading[Encryption]
) -> Resource:
    instance_id = row.need("InstanceId")
    tags = tag_pairs(row, "Tags")
    state = row.child("State")
    return Resource(
        arn=Arn(f"{prefix}:instance/{instance_id}"),
        type="EC2",
        capability="EC2",
        account=answers.shard.account,
        region=answers.shard.region,
        name=tags.get("Name") or instance_id,
        state=None if state is None else state.text("Name"),
        tags=Known(tags, (ref,)),
        encryption=encryption,
        created_at=row.instant("LaunchTime"),
        windows=_is_windows(row),
        # Images with such a code cannot be copied to another account (AWS Backup Developer Guide).
        product_codes=tuple(
            code.need("ProductCodeId")
            for code in row.children("ProductCodes")
            if code.word("ProductCodeType", _PRODUCT_CODES) == _MARKETPLACE
        ),
        # EC2 always returns the type; where another program omits it, it
        # is the usual one (docs/assumptions.md).
        unsupported_kind=_UNSUPPORTED_ROOTS.get(row.text("RootDeviceType") or "ebs"),
        stack=tags.get(STACK_TAG),
        refs=(ref,),
    )


def _is_windows(row: Shape) -> bool:
    """Return whether an instance runs Windows: `Windows` in the API model, `windows` in answers."""
    return (row.text("Platform") or row.text("PlatformDetails") or "").lower().startswith("windows")


def _volumes_by_instance(volumes: Mapping[str, Shape]) -> Mapping[str, set[str]]:
    """Return the ids of volumes with an attachment to an instance, in any state, by instance id."""
    by_instance: dict[str, set[str]] = {}
    for volume_id, volume in volumes.items():
        for attachment in volume.children("Attachments"):
            if instance_id := attachment.text("InstanceId"):
                by_instance.setdefault(instance_id, set()).add(volume_id)
    return by_instance


def _mapped_volumes(instance: Shape) -> set[str]:
    """Return the ids of the volumes in an instance's block device mappings."""
    return {
        ebs.need("VolumeId")
        for mapping in instance.children("BlockDeviceMappings")
        if (ebs := mapping.child("Ebs"))
    }


def _instance_encryption(
    answers: Answers, ids: set[str], volumes: Mapping[str, Shape], volumes_read: Reading[None]
) -> Reading[Encryption]:
    """Combine the encryption of an instance's volumes, all of which are required."""
    if isinstance(volumes_read, Unread):
        return volumes_read
    if not ids <= volumes.keys():
        # A volume may have been attached between the two calls: its encryption is unknown, not absent.
        missing = " ".join(sorted(ids - volumes.keys()))
        return Unread(answers.gap("ec2:DescribeVolumes", missing, GapKind.NEVER_ASKED))
    attached = [volumes[volume_id] for volume_id in sorted(ids)]
    flags = [volume.flag("Encrypted") for volume in attached]
    encrypted = None if None in flags else any(flags)
    keys = {volume.text("KmsKeyId") for volume in attached if volume.flag("Encrypted")}
    # If the key of one volume is missing, the keys of the instance are unknown.
    named = () if None in keys else tuple(sorted(key for key in keys if key))
    return Known(Encryption(encrypted, named), tuple(volume.ref for volume in attached))


def _instance_size(
    encryption: Reading[Encryption], ids: set[str], volumes: Mapping[str, Shape]
) -> Reading[Size] | None:
    """Return the size of an instance's volumes, which were read wherever their encryption was."""
    if isinstance(encryption, Unread):
        return encryption
    return total_size(provisioned_size(volumes[volume_id], "Size", GIB) for volume_id in sorted(ids))
