"""CloudFormation stacks: DescribeStacks. A nested stack is backed up with the stack that it is part of."""

from collections.abc import Iterator

from scanner.evidence.shape import Shape
from scanner.inventory.ec2 import STACK_TAG
from scanner.inventory.gaps import rows
from scanner.inventory.sources import Sources
from scanner.inventory.tags import tag_pairs
from scanner.model.inventory import Encryption, Resource
from scanner.model.names import Arn
from scanner.model.reading import EvidenceRef, Known


def parse_cloudformation(sources: Sources) -> Iterator[Resource]:
    """Parse stacks, nested ones included."""
    stacks = {
        row.need("StackId"): (row, ref)
        for row, ref in rows(sources.answers, "cloudformation:DescribeStacks", "Stacks")
    }
    for _, (row, ref) in sorted(stacks.items()):
        yield _stack(sources, row, ref)


def _stack(sources: Sources, row: Shape, ref: EvidenceRef) -> Resource:
    arn, parent, tags = row.need("StackId"), row.text("ParentId"), tag_pairs(row, "Tags")
    return Resource(
        arn=Arn(arn),
        type="CloudFormation",
        capability="CloudFormation",
        account=sources.shard.account,
        region=sources.shard.region,
        name=row.text("StackName") or arn,
        state=row.text("StackStatus"),
        tags=Known(tags, (ref,)),
        # What CloudFormation keeps of a stack lies under a key that AWS owns (user guide, "Data protection").
        encryption=Known(Encryption(encrypted=True), (ref,)),
        created_at=row.instant("CreationTime"),
        attached_to=(Arn(parent),) if parent else (),
        stack=tags.get(STACK_TAG),
        refs=(ref,),
    )
