"""Amazon EFS: file systems."""

from collections.abc import Iterator
from typing import Final

from scanner.model.inventory import Encryption, Resource
from scanner.model.known import Known
from scanner.model.names import Arn
from scanner.services.base import Operation, distinct, rows, texts, used_size
from scanner.services.caller import Caller
from scanner.services.sources import Sources
from scanner.services.tagging import STACK_TAG, tag_pairs

OPERATIONS: Final = (
    Operation(
        "efs",
        "DescribeFileSystems",
        "elasticfilesystem:DescribeFileSystems",
        page=100,
        own=("FileSystems[].FileSystemArn",),
        identity=("FileSystems[].FileSystemId",),
    ),
)


def collect(caller: Caller) -> set[str]:
    """Record file systems; return the keys that they name."""
    return set(texts(caller.pages("efs", "DescribeFileSystems"), "FileSystems", "KmsKeyId"))


def parse(sources: Sources) -> Iterator[Resource]:
    """Parse file systems."""
    shard = sources.shard
    systems = distinct(rows(sources.answers, "efs:DescribeFileSystems", "FileSystems"), "FileSystemId")
    for system_id, (row, ref) in sorted(systems.items()):
        tags = tag_pairs(row, "Tags")
        key, measured = row.text("KmsKeyId"), row.child("SizeInBytes")
        yield Resource(
            arn=Arn(
                # The ARN is optional in the model.
                row.text("FileSystemArn") or sources.arn("elasticfilesystem", f"file-system/{system_id}")
            ),
            type="EFS",
            capability="EFS",
            account=shard.account,
            region=shard.region,
            name=row.text("Name") or system_id,
            state=row.text("LifeCycleState"),
            tags=Known(tags, (ref,)),
            encryption=Known(Encryption(row.flag("Encrypted"), (key,) if key else ()), (ref,)),
            created_at=row.instant("CreationTime"),
            size=used_size(measured, "Value") if measured else None,
            stack=tags.get(STACK_TAG),
            refs=(ref,),
        )
