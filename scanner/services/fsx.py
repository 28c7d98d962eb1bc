"""Amazon FSx: file systems, and the volumes of ONTAP, which are its unit of backup.

ONTAP file systems and OpenZFS volumes are not resources; OpenZFS volumes are backed up with their file
system. File systems and volumes that FSx cannot back up have an `unsupported_kind`: ONTAP volumes that mirror
or cache another one, and Lustre file systems that are scratch or linked to a data repository (FSx for ONTAP
user guide, "Protecting your data with volume backups"; FSx API reference, "CreateBackup").
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from scanner.evidence.answers import Answers
from scanner.evidence.shape import Shape
from scanner.model.inventory import Encryption, Resource, Size
from scanner.model.known import EvidenceRef, GapKind, Known, Reading, Unread
from scanner.model.names import Arn
from scanner.services.base import GIB, MIB, Operation, distinct, objects, provisioned_size, rows, text
from scanner.services.caller import Caller
from scanner.services.sources import Sources
from scanner.services.tagging import STACK_TAG, tag_pairs

_PAGE: Final = 50  # the largest page (API reference, "DescribeFileSystems")

FILE_SYSTEMS: Final = "fsx:DescribeFileSystems"
VOLUMES: Final = "fsx:DescribeVolumes"
_ONTAP: Final = "ONTAP"
_SYSTEM_TYPES: Final = ("WINDOWS", "LUSTRE", "OPENZFS", _ONTAP)
_VOLUME_TYPES: Final = {"RW": "", "DP": "ontap_data_protection", "LS": "ontap_load_sharing"}
_Rows = Mapping[str, tuple[Shape, EvidenceRef]]

OPERATIONS: Final = (
    Operation(
        "fsx",
        "DescribeFileSystems",
        "fsx:DescribeFileSystems",
        _PAGE,
        # Administrative actions contain whole file systems, including their passwords.
        secrets=("FileSystems[].OntapConfiguration.FsxAdminPassword", "FileSystems[].AdministrativeActions"),
        own=("FileSystems[].ResourceARN",),
        identity=("FileSystems[].FileSystemId",),
    ),
    Operation(
        "fsx",
        "DescribeVolumes",
        "fsx:DescribeVolumes",
        _PAGE,
        secrets=("Volumes[].AdministrativeActions",),
        after=("fsx:DescribeFileSystems",),
        condition="account-Region that has ONTAP file systems",
        own=("Volumes[].ResourceARN",),
        identity=("Volumes[].VolumeId",),
    ),
)


def collect(caller: Caller) -> set[str]:
    """Record file systems, and volumes if there may be an ONTAP one; return the keys that they name."""
    keys: set[str] = set()
    has_ontap = False
    for answer in caller.pages("fsx", "DescribeFileSystems"):
        keys.update(_keys(answer))
        has_ontap |= any(text(row, "FileSystemType") == "ONTAP" for row in objects(answer, "FileSystems"))
    # If the list failed, there may be ONTAP file systems on the pages that are missing.
    if has_ontap or "fsx:DescribeFileSystems" in caller.failures:
        for _ in caller.pages("fsx", "DescribeVolumes"):
            pass
    return keys


def _keys(answer: Mapping[str, Any]) -> set[str]:
    return {text(row, "KmsKeyId") for row in objects(answer, "FileSystems")} - {""}


def parse(sources: Sources) -> Iterator[Resource]:
    """Parse file systems, and the volumes of ONTAP."""
    systems = distinct(_listed(sources, FILE_SYSTEMS), "FileSystemId")
    for system_id, (row, ref) in sorted(systems.items()):
        if not is_ontap(row):
            arn = row.text("ResourceARN") or sources.arn("fsx", f"file-system/{system_id}")
            system = _resource(sources, row, ref, (arn, _flavour(row)), _encryption(row, ref))
            # Absent with the storage class Intelligent-Tiering, which has no capacity.
            size = provisioned_size(row, "StorageCapacity", GIB)
            yield replace(system, unsupported_kind=_unsupported_system(row), size=size)
    volumes = distinct(_listed(sources, VOLUMES), "VolumeId")
    # OpenZFS volumes are in the same list, but are backed up with their file system.
    for volume_id, (row, ref) in sorted(volumes.items()):
        if _is_ontap_volume(row):
            system_id = row.text("FileSystemId") or ""
            arn = row.text("ResourceARN") or sources.arn("fsx", f"volume/{system_id}/{volume_id}")
            encryption = _parents_encryption(sources, system_id, systems)
            volume = _resource(sources, row, ref, (arn, "FSx_ONTAP"), encryption)
            yield replace(volume, unsupported_kind=_unsupported_volume(row), size=_volume_size(row))


def is_ontap(system: Shape) -> bool:
    """Return whether a file system is ONTAP; its volumes are listed separately."""
    return system.text("FileSystemType") == _ONTAP or system.child("OntapConfiguration") is not None


def _listed(sources: Sources, operation: str) -> Iterator[tuple[Shape, EvidenceRef]]:
    key = "FileSystems" if operation == FILE_SYSTEMS else "Volumes"
    yield from rows(sources.answers, operation, key)


def _flavour(row: Shape) -> str:
    return f"FSx_{row.text('FileSystemType') or ''}".rstrip("_")


def _is_ontap_volume(volume: Shape) -> bool:
    """Return whether a volume is ONTAP, by its type or, without one, by its configuration."""
    if volume.word("VolumeType", {_ONTAP, "OPENZFS"}) not in (_ONTAP, None):
        return False
    return volume.child("OntapConfiguration") is not None or volume.child("OpenZFSConfiguration") is None


def _volume_size(volume: Shape) -> Known[Size] | None:
    """Return the size of an ONTAP volume; FSx returns it in bytes, earlier versions in megabytes only."""
    ontap = volume.child("OntapConfiguration")
    if ontap is None:
        return None
    size = provisioned_size(ontap, "SizeInBytes", 1)
    return size if size is not None else provisioned_size(ontap, "SizeInMegabytes", MIB)


def _unsupported_volume(volume: Shape) -> str | None:
    """Return why FSx cannot back up an ONTAP volume (a kind), or empty; None: its type is not documented.

    The default type is RW.
    """
    ontap = volume.child("OntapConfiguration")
    if ontap is None:
        return ""
    if ontap.text("FlexCacheEndpointType") == "CACHE":
        return "ontap_flexcache"
    # NONE and ORIGIN are ordinary volumes. What a value of a later version means is unknown.
    if ontap.text("FlexCacheEndpointType") not in (None, "NONE", "ORIGIN"):
        return None
    return _VOLUME_TYPES.get(ontap.text("OntapVolumeType") or "RW")


def _unsupported_system(system: Shape) -> str | None:
    """Return why FSx cannot back up a file system (a kind), or empty; None: its type is not documented."""
    if system.text("FileSystemType") not in (None, *_SYSTEM_TYPES):
        return None
    lustre = system.child("LustreConfiguration")
    if lustre is None:
        return ""
    deployment = lustre.text("DeploymentType") or ""
    if deployment.startswith("SCRATCH"):
        return "lustre_scratch"
    # The documented types are SCRATCH_1, SCRATCH_2, PERSISTENT_1 and PERSISTENT_2.
    if deployment and not deployment.startswith("PERSISTENT"):
        return None
    return "lustre_data_repository" if lustre.child("DataRepositoryConfiguration") is not None else ""


def _encryption(system: Shape, ref: EvidenceRef) -> Reading[Encryption]:
    """Return a file system's encryption: FSx encrypts all of them (FSx user guides, "Data encryption")."""
    key = system.text("KmsKeyId")
    return Known(Encryption(encrypted=True, keys=(key,) if key else ()), (ref,))


def _parents_encryption(sources: Sources, system_id: str, systems: _Rows) -> Reading[Encryption]:
    """Return a volume's encryption, which is that of its file system."""
    if system_id in systems:
        return _encryption(*systems[system_id])
    listed = sources.lists[FILE_SYSTEMS]
    if isinstance(listed, Unread):
        return listed
    gap = sources.answers.gap(FILE_SYSTEMS, system_id, GapKind.NEVER_ASKED)
    sources.gaps.note(gap)
    return Unread(gap)


def _resource(
    sources: Sources, row: Shape, ref: EvidenceRef, named: tuple[str, str], encryption: Reading[Encryption]
) -> Resource:
    arn, capability = named
    tags = tag_pairs(row, "Tags")
    return Resource(
        arn=Arn(arn),
        type="FSx",
        capability=capability,
        account=sources.shard.account,
        region=sources.shard.region,
        name=tags.get("Name") or row.text("Name") or arn.rpartition("/")[2],
        state=row.text("Lifecycle"),
        tags=Known(tags, (ref,)),
        encryption=encryption,
        created_at=row.instant("CreationTime"),
        stack=tags.get(STACK_TAG),
        refs=(ref,),
    )


def implied_list(name: str, answers: Answers, lists: Mapping[str, Reading[None]]) -> Reading[None] | None:
    """Return that there are no ONTAP volumes if no file system is ONTAP."""
    systems = lists.get(FILE_SYSTEMS)
    if name != VOLUMES or systems is None or isinstance(systems, Unread):
        return None
    return None if any(is_ontap(row) for row, _ in rows(answers, FILE_SYSTEMS, "FileSystems")) else systems
