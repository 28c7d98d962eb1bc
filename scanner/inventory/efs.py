"""EFS file systems: DescribeFileSystems."""

from collections.abc import Iterator

from scanner.evidence.answers import Answers
from scanner.inventory.ec2 import STACK_TAG
from scanner.inventory.gaps import rows
from scanner.inventory.tags import tag_pairs
from scanner.model.inventory import Encryption, Resource
from scanner.model.names import Arn
from scanner.model.reading import Known


def parse_efs(answers: Answers, partition: str) -> Iterator[Resource]:
    """Parse file systems."""
    shard = answers.shard
    systems = {
        row.need("FileSystemId"): (row, ref)
        for row, ref in rows(answers, "efs:DescribeFileSystems", "FileSystems")
    }
    for system_id, (row, ref) in sorted(systems.items()):
        made_arn = f"arn:{partition}:elasticfilesystem:{shard.region}:{shard.account}:file-system/{system_id}"
        tags = tag_pairs(row, "Tags")
        key = row.text("KmsKeyId")
        yield Resource(
            arn=Arn(row.text("FileSystemArn") or made_arn),
            type="EFS",
            capability="EFS",
            account=shard.account,
            region=shard.region,
            name=row.text("Name") or system_id,
            state=row.text("LifeCycleState"),
            tags=Known(tags, (ref,)),
            encryption=Known(Encryption(row.flag("Encrypted"), (key,) if key else ()), (ref,)),
            created_at=row.instant("CreationTime"),
            stack=tags.get(STACK_TAG),
            refs=(ref,),
        )
