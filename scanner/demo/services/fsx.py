"""Amazon FSx: file systems of four kinds, and the volumes of those that have volumes."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal

from scanner.demo.resource import Resource, tag_list
from scanner.demo.services.simulation import Operation, Service, not_found
from scanner.demo.services.stock import Document, Sketch, Stock, identifier, now, unique_id, wanted
from scanner.demo.wire.paging import Pages

_INVALID = "BadRequest"
_FILE_SYSTEMS, _VOLUMES = "fsx.file-system", "fsx.volume"
_FILTERS: Mapping[str, Callable[[Document], str]] = {
    "file-system-id": lambda volume: str(volume["FileSystemId"]),
    "storage-virtual-machine-id": lambda volume: str(volume["OntapConfiguration"]["StorageVirtualMachineId"]),
}

Kind = Literal["WINDOWS", "LUSTRE", "OPENZFS", "ONTAP"]
_CONFIGURATIONS: Mapping[str, Mapping[str, Any]] = {
    "WINDOWS": {
        "WindowsConfiguration": {
            "DeploymentType": "MULTI_AZ_1",
            "ThroughputCapacity": 32,
            "AutomaticBackupRetentionDays": 0,
            "CopyTagsToBackups": True,
        }
    },
    "LUSTRE": {"LustreConfiguration": {"DeploymentType": "PERSISTENT_2", "MountName": "fsx"}},
    "OPENZFS": {"OpenZFSConfiguration": {"DeploymentType": "SINGLE_AZ_HA_2", "ThroughputCapacity": 160}},
    "ONTAP": {"OntapConfiguration": {"DeploymentType": "MULTI_AZ_1", "ThroughputCapacity": 128}},
}


def file_system(stock: Stock, sketch: Sketch, kind: Kind) -> Resource:
    """A file system. FSx encrypts every one, under the key `aws/fsx` where no other was named."""
    file_system_id = identifier("fs-")
    arn = stock.arn("fsx", f"file-system/{file_system_id}")
    named = {"Name": sketch.name, **sketch.tags}
    document = {
        "OwnerId": stock.account,
        "CreationTime": now(),
        "FileSystemId": file_system_id,
        "FileSystemType": kind,
        "Lifecycle": sketch.state or "AVAILABLE",
        "StorageCapacity": 1200,
        "StorageType": "SSD",
        "VpcId": "vpc-0a1b2c3d4e5f60718",
        "SubnetIds": ["subnet-0a1b2c3d4e5f60718"],
        "DNSName": f"{file_system_id}.fsx.{stock.region}.amazonaws.com",
        # A volume has no key of its own: its file system's key encrypts it.
        "KmsKeyId": sketch.key,
        "ResourceARN": arn,
        "Tags": tag_list(named),
        **{field: dict(values) for field, values in _CONFIGURATIONS[kind].items()},
    }
    stock.add(_FILE_SYSTEMS, document, arn, named)
    return stock.resource(arn, "FSx", sketch)


def tell_password(stock: Stock, resource: Resource, password: str) -> None:
    """Let the description of an ONTAP file system hold its password, as the API's model allows."""
    for document in stock.of(_FILE_SYSTEMS):
        if document["ResourceARN"] == resource.arn:
            document["OntapConfiguration"]["FsxAdminPassword"] = password


def tell_change(stock: Stock, resource: Resource, password: str) -> None:
    """Let a file system or volume show a pending change of its file system's password."""
    change = {
        "AdministrativeActionType": "FILE_SYSTEM_UPDATE",
        "RequestTime": now(),
        "Status": "PENDING",
        "TargetFileSystemValues": {"OntapConfiguration": {"FsxAdminPassword": password}},
    }
    for document in (*stock.of(_FILE_SYSTEMS), *stock.of(_VOLUMES)):
        if document["ResourceARN"] == resource.arn:
            document["AdministrativeActions"] = [change]


def ontap_volume(stock: Stock, parent: Resource, sketch: Sketch, style: str = "RW") -> Resource:
    """A volume of an ONTAP file system, which is what AWS Backup backs up; `style` DP is a mirror."""
    configuration = {
        "JunctionPath": f"/{sketch.name}" if style == "RW" else None,
        "SizeInMegabytes": 102_400,
        "StorageVirtualMachineId": f"svm-{parent.arn[-17:]}",
        "StorageVirtualMachineRoot": False,
        "OntapVolumeType": style,
        "UUID": unique_id(),
        "VolumeStyle": "FLEXVOL",
    }
    present = {field: value for field, value in configuration.items() if value is not None}
    # FSx leaves out the junction path of a volume that is not mounted.
    return _volume(stock, parent, sketch, VolumeType="ONTAP", OntapConfiguration=present)


def openzfs_volume(stock: Stock, parent: Resource, sketch: Sketch) -> Resource:
    """A volume of an OpenZFS file system, which is backed up with its file system, not by itself."""
    configuration = {"VolumePath": f"/fsx/{sketch.name}", "DataCompressionType": "ZSTD", "ReadOnly": False}
    return _volume(stock, parent, sketch, VolumeType="OPENZFS", OpenZFSConfiguration=configuration)


def _volume(stock: Stock, parent: Resource, sketch: Sketch, **more: object) -> Resource:
    file_system_id = parent.arn.rpartition("/")[2]
    volume_id = identifier("fsvol-")
    arn = stock.arn("fsx", f"volume/{file_system_id}/{volume_id}")
    document = {
        "CreationTime": now(),
        "FileSystemId": file_system_id,
        "Lifecycle": sketch.state or "AVAILABLE",
        "Name": sketch.name,
        "ResourceARN": arn,
        "Tags": tag_list(sketch.tags),
        "VolumeId": volume_id,
        **more,
    }
    stock.add(_VOLUMES, document, arn, sketch.tags)
    return stock.resource(arn, "FSx", replace(sketch, key=parent.key))


def _describe_file_systems(stock: Stock, parameters: Mapping[str, Any]) -> Document:
    requested = parameters.get("FileSystemIds")
    systems, missing = wanted(stock.of(_FILE_SYSTEMS), "FileSystemId", requested)
    if missing:
        raise not_found("FileSystemNotFound", f"File system '{missing[0]}'")
    return {"FileSystems": systems}


def _describe_volumes(stock: Stock, parameters: Mapping[str, Any]) -> Document:
    volumes, missing = wanted(stock.of(_VOLUMES), "VolumeId", parameters.get("VolumeIds"))
    if missing:
        raise not_found("VolumeNotFound", f"Volume '{missing[0]}'")
    for criterion in parameters.get("Filters", ()):
        # Several filters are combined by AND, their values by OR (API reference, VolumeFilter).
        value_of, allowed = _FILTERS[criterion["Name"]], criterion.get("Values", [])
        volumes = [
            volume for volume in volumes if _has(volume, criterion["Name"]) and value_of(volume) in allowed
        ]
    return {"Volumes": volumes}


def _has(volume: Document, name: str) -> bool:
    # OpenZFS volumes belong to no storage virtual machine.
    return name == "file-system-id" or "OntapConfiguration" in volume


def _pages(items: str, size: int = 3) -> Pages:
    return Pages(items, size=size, invalid=_INVALID)


SERVICE = Service(
    "fsx",
    _INVALID,
    {
        "DescribeFileSystems": Operation(_describe_file_systems, _pages("FileSystems")),
        "DescribeVolumes": Operation(_describe_volumes, _pages("Volumes", 2)),
    },
)
