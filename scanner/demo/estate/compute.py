"""EC2 instances with their volumes, and volumes that stand alone."""

from collections.abc import Sequence
from typing import Any

from moto.ec2.models import ec2_backends

from scanner.demo.estate.site import Resource, Site, Tags, tag_list

_IMAGE = "ami-12c6146b"  # one that moto knows


def volume(site: Site, name: str, tags: Tags, key: str | None = None, size: int = 100) -> Resource:
    """A volume that stands alone; `key` None leaves it unencrypted. `size` in GiB."""
    encryption: dict[str, Any] = {"Encrypted": True, "KmsKeyId": key} if key else {"Encrypted": False}
    answer = site.do(
        "ec2",
        "CreateVolume",
        AvailabilityZone=f"{site.region}a",
        Size=size,
        VolumeType="gp3",
        TagSpecifications=_tagged("volume", name, tags),
        **encryption,
    )
    return _volume(site, answer["VolumeId"], name, key)


def instance(
    site: Site, name: str, tags: Tags, keys: Sequence[str | None] = (None,)
) -> tuple[Resource, tuple[Resource, ...]]:
    """A running instance with one volume for each of `keys` (the first is the root), and those volumes."""
    answer = site.do(
        "ec2",
        "RunInstances",
        ImageId=_IMAGE,
        InstanceType="m6i.large",
        MinCount=1,
        MaxCount=1,
        BlockDeviceMappings=[_disk(number, key) for number, key in enumerate(keys)],
        TagSpecifications=_tagged("instance", name, tags),
    )
    instance_id = answer["Instances"][0]["InstanceId"]
    arn = site.arn("ec2", f"instance/{instance_id}")
    resource = Resource(arn, "EC2", name, site.account, site.region, keys[0])
    return resource, tuple(_attached(site, instance_id, name, keys))


def launch_from_marketplace(site: Site, resource: Resource) -> None:
    """Add the product code of an AWS Marketplace image to the instance, which moto does not support."""
    backend = ec2_backends[site.account][site.region]
    code: Any = {"ProductCodeId": "aw0evgkw8e5c1q413zgy5pjce", "ProductCodeType": "marketplace"}
    backend.get_instance(resource.arn.rpartition("/")[2]).product_codes = [code]


def boot_from_instance_store(site: Site, resource: Resource) -> None:
    """Make the instance's root device an instance store, which moto has no request for."""
    backend = ec2_backends[site.account][site.region]
    backend.get_instance(resource.arn.rpartition("/")[2]).root_device_type = "instance-store"


def stop(site: Site, resource: Resource) -> None:
    """Stop an instance: its volumes still hold data."""
    site.do("ec2", "StopInstances", InstanceIds=[resource.arn.rpartition("/")[2]])


def terminate(site: Site, resource: Resource) -> None:
    """Terminate an instance: EC2 lists it for about an hour more."""
    site.do("ec2", "TerminateInstances", InstanceIds=[resource.arn.rpartition("/")[2]])


def _attached(site: Site, instance_id: str, name: str, keys: Sequence[str | None]) -> list[Resource]:
    """The instance's volumes in the order of its disks; each gets a Name, as the console would give it."""
    filters = [{"Name": "attachment.instance-id", "Values": [instance_id]}]
    volumes = site.do("ec2", "DescribeVolumes", Filters=filters)["Volumes"]
    volumes.sort(key=lambda volume: str(volume["Attachments"][0]["Device"]))
    resources = []
    for number, (described, key) in enumerate(zip(volumes, keys, strict=True)):
        disk = f"{name}-disk-{number}"
        site.do("ec2", "CreateTags", Resources=[described["VolumeId"]], Tags=tag_list({"Name": disk}))
        resources.append(_volume(site, described["VolumeId"], disk, key))
    return resources


def _volume(site: Site, volume_id: str, name: str, key: str | None) -> Resource:
    return Resource(site.arn("ec2", f"volume/{volume_id}"), "EBS", name, site.account, site.region, key)


def _disk(number: int, key: str | None) -> dict[str, Any]:
    encryption: dict[str, Any] = {"Encrypted": True, "KmsKeyId": key} if key else {"Encrypted": False}
    return {
        "DeviceName": f"/dev/sd{'abcdef'[number]}1",
        "Ebs": {"VolumeSize": 50, "VolumeType": "gp3", "DeleteOnTermination": True, **encryption},
    }


def _tagged(kind: str, name: str, tags: Tags) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": tag_list({"Name": name, **tags})}]
