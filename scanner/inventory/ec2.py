"""EC2 instances and EBS volumes: DescribeInstances, DescribeVolumes."""

from collections.abc import Iterator, Mapping
from typing import Final

from scanner.evidence.answers import Answers
from scanner.evidence.shape import Shape
from scanner.inventory.gaps import rows
from scanner.inventory.tags import tag_pairs
from scanner.model.inventory import Encryption, Resource
from scanner.model.names import Arn
from scanner.model.reading import EvidenceRef, GapKind, Known, Reading, Unread

_ATTACHED: Final = {"attaching", "attached", "busy"}
STACK_TAG: Final = "aws:cloudformation:stack-id"


def parse_ec2(answers: Answers, lists: Mapping[str, Reading[None]], partition: str) -> Iterator[Resource]:
    """Parse instances and volumes. An instance is encrypted as its volumes are."""
    volumes = {
        row.need("VolumeId"): (row, ref) for row, ref in rows(answers, "ec2:DescribeVolumes", "Volumes")
    }
    prefix = f"arn:{partition}:ec2:{answers.shard.region}:{answers.shard.account}"
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
        ids = attached.get(instance_id, set()) | _mapped_volumes(row)
        encryption = _instance_encryption(answers, ids, shapes, lists["ec2:DescribeVolumes"])
        yield _instance(answers, row, ref, prefix, encryption)


def _volume(answers: Answers, row: Shape, ref: EvidenceRef, prefix: str) -> Resource:
    volume_id = row.need("VolumeId")
    tags = tag_pairs(row, "Tags")
    key = row.text("KmsKeyId")
    attached_to = tuple(
        Arn(f"{prefix}:instance/{attachment.need('InstanceId')}")
        for attachment in row.children("Attachments")
        if _holds(attachment, row) and attachment.text("InstanceId")
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
        attached_to=attached_to,
        stack=tags.get(STACK_TAG),
        refs=(ref,),
    )


def _holds(attachment: Shape, volume: Shape) -> bool:
    """Whether an attachment holds; one without a state does where the volume is in use."""
    state = attachment.text("State")
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
        product_codes=tuple(
            code.need("ProductCodeId")
            for code in row.children("ProductCodes")
            if code.text("ProductCodeType") == "marketplace"
        ),
        unsupported_kind="instance_store" if row.text("RootDeviceType") == "instance-store" else "",
        stack=tags.get(STACK_TAG),
        refs=(ref,),
    )


def _is_windows(row: Shape) -> bool:
    """Check whether an instance runs Windows. The model spells it Windows, the answers have windows."""
    return (row.text("Platform") or row.text("PlatformDetails") or "").lower().startswith("windows")


def _volumes_by_instance(volumes: Mapping[str, Shape]) -> Mapping[str, set[str]]:
    """Tell by instance id which volumes name the instance, in whatever state of attachment."""
    found: dict[str, set[str]] = {}
    for volume_id, volume in volumes.items():
        for attachment in volume.children("Attachments"):
            if instance_id := attachment.text("InstanceId"):
                found.setdefault(instance_id, set()).add(volume_id)
    return found


def _mapped_volumes(instance: Shape) -> set[str]:
    """Give the ids of the volumes that an instance names itself."""
    return {
        ebs.need("VolumeId")
        for mapping in instance.children("BlockDeviceMappings")
        if (ebs := mapping.child("Ebs"))
    }


def _instance_encryption(
    answers: Answers, ids: set[str], volumes: Mapping[str, Shape], volumes_read: Reading[None]
) -> Reading[Encryption]:
    """Join the encryption of an instance's volumes: one key in the way is a key in the way."""
    if isinstance(volumes_read, Unread):
        return volumes_read
    if not ids <= volumes.keys():
        missing = " ".join(sorted(ids - volumes.keys()))
        return Unread(answers.gap("ec2:DescribeVolumes", missing, GapKind.NEVER_ASKED))
    attached = [volumes[volume_id] for volume_id in sorted(ids)]
    flags = [volume.flag("Encrypted") for volume in attached]
    encrypted = None if None in flags else any(flags)
    keys = {volume.text("KmsKeyId") for volume in attached if volume.flag("Encrypted")}
    # One key that is not told keeps the answer open, whatever the keys of the other volumes are.
    told = () if None in keys else tuple(sorted(key for key in keys if key))
    return Known(Encryption(encrypted, told), tuple(volume.ref for volume in attached))
