"""File systems, volumes, machines and stacks, out of answers as their services give them."""

from typing import Any, Final

import pytest

from scanner.model.inventory import Encryption
from scanner.model.known import GapKind
from tests.fakes.bundles import ACCOUNT, ShardScript, pairs, parsed
from tests.fakes.readings import (
    HOSTILE,
    KEY,
    LONG,
    MADE,
    encryption_of,
    here,
    missing,
    only,
    shard,
    tagged,
    tags_of,
)

# FSx

FILE_SYSTEM: Final = {
    "OwnerId": ACCOUNT,
    "CreationTime": MADE,
    "FileSystemId": "fs-0123456789abcdef0",
    "FileSystemType": "WINDOWS",
    "Lifecycle": "AVAILABLE",
    "StorageCapacity": 32,
    "KmsKeyId": KEY,
    "ResourceARN": here("fsx", "file-system/fs-0123456789abcdef0"),
    "Tags": pairs({"Name": HOSTILE, **LONG}),
    "WindowsConfiguration": {"ThroughputCapacity": 32},
}
ONTAP: Final = {
    "FileSystemId": "fs-ontap",
    "FileSystemType": "ONTAP",
    "KmsKeyId": KEY,
    "Lifecycle": "AVAILABLE",
    "OntapConfiguration": {"HAPairs": 1},
}


def volume(name: str = "fsvol-1", kind: str | None = "RW", **more: Any) -> dict[str, Any]:
    return {
        "FileSystemId": "fs-ontap",
        "VolumeId": name,
        "VolumeType": "ONTAP",
        "Lifecycle": "CREATED",
        "Name": "vol1",
        "CreationTime": MADE,
        "OntapConfiguration": {} if kind is None else {"OntapVolumeType": kind},
        "ResourceARN": here("fsx", f"volume/fs-ontap/{name}"),
        **more,
    }


def fsx(*systems: dict[str, Any], volumes: tuple[dict[str, Any], ...] = ()) -> ShardScript:
    script = shard().listed("fsx:DescribeFileSystems", *systems)
    return script.listed("fsx:DescribeVolumes", *volumes)


def test_a_file_system() -> None:
    system = only(fsx(FILE_SYSTEM))
    assert (system.type, system.capability, system.state) == ("FSx", "FSx_WINDOWS", "AVAILABLE")
    assert system.arn == FILE_SYSTEM["ResourceARN"]
    assert system.name == HOSTILE
    assert tags_of(system) == {"Name": HOSTILE, **LONG}
    assert encryption_of(system) == Encryption(encrypted=True, keys=(KEY,))
    assert system.created_at is not None


@pytest.mark.parametrize("kind", ["LUSTRE", "OPENZFS", "FLAVOUR_OF_TOMORROW"])
def test_the_flavours_that_are_file_systems(kind: str) -> None:
    system = only(fsx({"FileSystemId": "fs-1", "FileSystemType": kind}))
    assert (system.capability, system.type) == (f"FSx_{kind}", "FSx")
    assert system.arn == here("fsx", "file-system/fs-1")
    assert (system.name, system.state, tags_of(system)) == ("fs-1", None, {})


def test_the_volumes_of_ontap_are_the_resources() -> None:
    volumes = (
        volume(Tags=pairs({"a": "b"})),
        volume("fsvol-zfs", None, VolumeType="OPENZFS", OntapConfiguration=None),
    )
    found = only(fsx(ONTAP, volumes=volumes))
    assert (found.arn, found.capability) == (here("fsx", "volume/fs-ontap/fsvol-1"), "FSx_ONTAP")
    assert (found.name, found.state, tags_of(found)) == ("vol1", "CREATED", {"a": "b"})
    assert encryption_of(found) == Encryption(encrypted=True, keys=(KEY,))


def test_a_volume_of_a_kind_that_is_not_told_is_judged() -> None:
    bare = {"VolumeId": "fsvol-1", "FileSystemId": "fs-ontap"}
    assert only(fsx(ONTAP, volumes=(bare,))).arn == here("fsx", "volume/fs-ontap/fsvol-1")
    assert only(fsx(ONTAP, volumes=(volume(kind=None),))).capability == "FSx_ONTAP"


def test_a_volume_whose_file_system_was_not_read_has_no_known_key() -> None:
    found = parsed(fsx(volumes=(volume(),)))
    assert encryption_of(found.resources[0]) == "fsx:DescribeFileSystems"
    assert missing(found) == [("fsx:DescribeFileSystems", "fs-ontap", GapKind.NEVER_ASKED)]
    refused = shard().call("fsx:DescribeFileSystems", error="AccessDeniedException")
    found = parsed(refused.listed("fsx:DescribeVolumes", volume()))
    assert missing(found) == [("fsx:DescribeFileSystems", "", GapKind.REFUSED)]


# Storage Gateway

GATEWAY: Final = here("storagegateway", "gateway/sgw-12A3456B")
SGW_VOLUME: Final = f"{GATEWAY}/volume/vol-1122AABB"
CACHED, STORED = "storagegateway:DescribeCachediSCSIVolumes", "storagegateway:DescribeStorediSCSIVolumes"


def gateway(kind: str = "CACHED", **more: Any) -> ShardScript:
    row = {
        "VolumeARN": SGW_VOLUME,
        "VolumeId": "vol-1122AABB",
        "GatewayARN": GATEWAY,
        "GatewayId": "sgw-12A3456B",
        "VolumeType": kind,
        "VolumeSizeInBytes": 1099511627776,
        "VolumeAttachmentStatus": "ATTACHED",
        **more,
    }
    return shard().listed("storagegateway:ListVolumes", row)


def described(script: ShardScript, operation: str = CACHED, **more: Any) -> ShardScript:
    row = {"VolumeARN": SGW_VOLUME, "VolumeStatus": "AVAILABLE", "CreatedDate": MADE, **more}
    return script.call(
        operation, {operation.removeprefix("storagegateway:Describe"): [row]}, VolumeARNs=[SGW_VOLUME]
    )


@pytest.mark.parametrize("operation", [CACHED, STORED])
def test_a_volume_of_a_gateway(operation: str) -> None:
    found = only(tagged(described(gateway(), operation, KMSKey=KEY), SGW_VOLUME, LONG))
    assert (found.type, found.capability, found.arn) == ("Storage Gateway", "StorageGateway", SGW_VOLUME)
    assert (found.name, found.state, tags_of(found)) == ("vol-1122AABB", "AVAILABLE", LONG)
    assert encryption_of(found) == Encryption(encrypted=True, keys=(KEY,))
    assert found.created_at is not None


def test_a_volume_without_a_key_is_under_keys_of_amazon() -> None:
    assert encryption_of(only(described(gateway()))) == Encryption(encrypted=True)


@pytest.mark.parametrize(("kind", "operation"), [("CACHED iSCSI", CACHED), ("STORED", STORED), ("", CACHED)])
def test_a_volume_whose_description_was_never_asked(kind: str, operation: str) -> None:
    found = parsed(gateway(kind))
    assert found.resources[0].state is None
    assert missing(found) == [(operation, SGW_VOLUME, GapKind.NEVER_ASKED)]


def test_a_volume_whose_description_was_refused() -> None:
    others = [f"{GATEWAY}/volume/vol-0", SGW_VOLUME]
    found = parsed(gateway().call(CACHED, error="InvalidGatewayRequestException", VolumeARNs=others))
    assert found.resources[0].state is None
    assert encryption_of(found.resources[0]) == CACHED
    assert [(gap.kind, gap.code) for gap in found.gaps] == [
        (GapKind.FAILED, "InvalidGatewayRequestException")
    ]


def test_a_detached_volume_is_told_by_the_list() -> None:
    assert only(gateway(VolumeAttachmentStatus="DETACHED")).state == "DETACHED"
    assert only(described(gateway(), VolumeAttachmentStatus="DETACHED")).state == "DETACHED"


# Virtual machines

MACHINE: Final = here("backup-gateway", "vm/vm-0A1B2C3D")
HYPERVISOR: Final = here("backup-gateway", "hypervisor/hype-0A1B2C3D")


def machine(**more: Any) -> ShardScript:
    row = {"ResourceArn": MACHINE, "Name": HOSTILE, "HypervisorId": "hype-0A1B2C3D", "Path": "/dc/vm", **more}
    return shard().listed("backup-gateway:ListVirtualMachines", row)


def hypervisors(script: ShardScript, *rows: dict[str, str]) -> ShardScript:
    return script.call("backup-gateway:ListHypervisors", {"Hypervisors": list(rows)})


def test_a_virtual_machine() -> None:
    script = hypervisors(machine(), {"HypervisorArn": HYPERVISOR, "State": "OFFLINE"})
    found = parsed(tagged(script, MACHINE, LONG))
    (one,) = found.resources
    assert (one.type, one.capability, one.arn) == ("VirtualMachine", "VirtualMachine", MACHINE)
    assert (one.name, one.state, tags_of(one)) == (HOSTILE, "OFFLINE", LONG)
    assert encryption_of(one) == Encryption(encrypted=None)
    assert found.gaps == ()


@pytest.mark.parametrize("named", ["hype-0A1B2C3D", HYPERVISOR])
def test_a_hypervisor_is_named_by_id_or_arn(named: str) -> None:
    script = hypervisors(machine(HypervisorId=named), {"HypervisorArn": HYPERVISOR, "State": "ONLINE"})
    assert only(script).state == "ONLINE"


@pytest.mark.parametrize(
    ("error", "kind"), [("AccessDeniedException", GapKind.REFUSED), ("", GapKind.NEVER_ASKED)]
)
def test_hypervisors_that_were_not_read_are_missed_where_there_are_machines(
    error: str, kind: GapKind
) -> None:
    script = machine(Name=None)
    if error:
        script.call("backup-gateway:ListHypervisors", error=error)
    found = parsed(script)
    assert (found.resources[0].name, found.resources[0].state) == ("vm-0A1B2C3D", None)
    assert missing(found) == [("backup-gateway:ListHypervisors", "", kind)]
    assert parsed(shard()).gaps == ()


# CloudFormation


def test_stacks_and_what_they_are_part_of() -> None:
    root, nested = (here("cloudformation", f"stack/{name}/4f2c-11f0") for name in ("root", "root-Nested"))
    rows = (
        {
            "StackId": root,
            "StackName": "root",
            "StackStatus": "UPDATE_ROLLBACK_COMPLETE",
            "CreationTime": MADE,
            "Tags": pairs(LONG),
            "NotificationARNs": [],
        },
        {"StackId": nested, "StackName": "root-Nested", "ParentId": root, "RootId": root},
    )
    found = {
        str(one.arn): one for one in parsed(shard().listed("cloudformation:DescribeStacks", *rows)).resources
    }
    assert [(one.type, one.capability) for one in found.values()] == [
        ("CloudFormation", "CloudFormation")
    ] * 2
    assert (found[root].name, found[root].state) == ("root", "UPDATE_ROLLBACK_COMPLETE")
    assert (found[root].attached_to, found[nested].attached_to) == ((), (root,))
    assert (tags_of(found[root]), tags_of(found[nested])) == (LONG, {})
    assert encryption_of(found[root]) == Encryption(encrypted=True)
