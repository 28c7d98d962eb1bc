"""Amazon FSx: DescribeFileSystems, and of ONTAP, whose volumes are the unit of backup, DescribeVolumes.

An ONTAP file system is no resource of its own; neither are volumes of OpenZFS, which are backed up with
their file system. File systems and volumes that FSx cannot back up are listed as such: ONTAP volumes that
mirror or cache another one, and Lustre file systems that are scratch or linked to a data repository
(FSx for ONTAP user guide, "Protecting your data with volume backups"; FSx API reference, "CreateBackup").
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from scanner.evidence.shape import Shape
from scanner.inventory.ec2 import STACK_TAG
from scanner.inventory.gaps import rows
from scanner.inventory.sources import Sources
from scanner.inventory.tags import tag_pairs
from scanner.model.inventory import Encryption, Resource
from scanner.model.names import Arn
from scanner.model.reading import EvidenceRef, GapKind, Known, Reading, Unread

FILE_SYSTEMS: Final = "fsx:DescribeFileSystems"
VOLUMES: Final = "fsx:DescribeVolumes"
_ONTAP: Final = "ONTAP"
_MIRRORS: Final = {"DP": "ontap_data_protection", "LS": "ontap_load_sharing"}

_Rows = Mapping[str, tuple[Shape, EvidenceRef]]


def parse_fsx(sources: Sources) -> Iterator[Resource]:
    """Parse file systems, and the volumes of ONTAP."""
    systems = {row.need("FileSystemId"): (row, ref) for row, ref in _listed(sources, FILE_SYSTEMS)}
    for system_id, (row, ref) in sorted(systems.items()):
        if not is_ontap(row):
            arn = row.text("ResourceARN") or sources.arn("fsx", f"file-system/{system_id}")
            system = _resource(sources, row, ref, (arn, _flavour(row)), _encryption(row, ref))
            yield replace(system, unsupported_kind=_unsupported_lustre(row))
    volumes = {row.need("VolumeId"): (row, ref) for row, ref in _listed(sources, VOLUMES)}
    for volume_id, (row, ref) in sorted(volumes.items()):
        if _is_ontap_volume(row):
            system_id = row.text("FileSystemId") or ""
            arn = row.text("ResourceARN") or sources.arn("fsx", f"volume/{system_id}/{volume_id}")
            encryption = _parents_encryption(sources, system_id, systems)
            volume = _resource(sources, row, ref, (arn, "FSx_ONTAP"), encryption)
            yield replace(volume, unsupported_kind=_unsupported_volume(row))


def is_ontap(system: Shape) -> bool:
    """Whether a file system is one of ONTAP, whose volumes are listed elsewhere."""
    return system.text("FileSystemType") == _ONTAP or system.child("OntapConfiguration") is not None


def _listed(sources: Sources, operation: str) -> Iterator[tuple[Shape, EvidenceRef]]:
    key = "FileSystems" if operation == FILE_SYSTEMS else "Volumes"
    yield from rows(sources.answers, operation, key)


def _flavour(row: Shape) -> str:
    return f"FSx_{row.text('FileSystemType') or ''}".rstrip("_")


def _is_ontap_volume(volume: Shape) -> bool:
    """Check whether a volume is one of ONTAP: by its type, and without one by its configuration."""
    if volume.text("VolumeType") not in (_ONTAP, None):
        return False
    return volume.child("OntapConfiguration") is not None or volume.child("OpenZFSConfiguration") is None


def _unsupported_volume(volume: Shape) -> str:
    """Return which kind that FSx cannot back up an ONTAP volume is. Without a type it is RW, the default."""
    ontap = volume.child("OntapConfiguration")
    if ontap is None:
        return ""
    if ontap.text("FlexCacheEndpointType") == "CACHE":
        return "ontap_flexcache"
    return _MIRRORS.get(ontap.text("OntapVolumeType") or "", "")


def _unsupported_lustre(system: Shape) -> str:
    """Return which kind that FSx cannot back up a Lustre file system is."""
    lustre = system.child("LustreConfiguration")
    if lustre is None:
        return ""
    if (lustre.text("DeploymentType") or "").startswith("SCRATCH"):
        return "lustre_scratch"
    return "lustre_data_repository" if lustre.child("DataRepositoryConfiguration") is not None else ""


def _encryption(system: Shape, ref: EvidenceRef) -> Reading[Encryption]:
    """Read a file system's encryption: FSx encrypts all of them (FSx user guides, "Data encryption")."""
    key = system.text("KmsKeyId")
    return Known(Encryption(encrypted=True, keys=(key,) if key else ()), (ref,))


def _parents_encryption(sources: Sources, system_id: str, systems: _Rows) -> Reading[Encryption]:
    """Read a volume's encryption, which is that of its file system."""
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
