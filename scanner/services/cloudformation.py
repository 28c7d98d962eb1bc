"""AWS CloudFormation: stacks. A nested stack is backed up with its parent."""

from collections.abc import Iterator
from typing import Final

from scanner.evidence.shape import Shape
from scanner.model.inventory import Encryption, Resource
from scanner.model.known import EvidenceRef, Known
from scanner.model.names import Arn
from scanner.services.base import Operation, distinct, rows
from scanner.services.caller import Caller
from scanner.services.sources import Sources
from scanner.services.tagging import STACK_TAG, tag_pairs

OPERATIONS: Final = (
    Operation(
        "cloudformation",
        "DescribeStacks",
        "cloudformation:DescribeStacks",
        # Parameters and outputs may contain passwords.
        secrets=("Stacks[].Parameters", "Stacks[].Outputs"),
        # A call without a stack name also needs the permission to list stacks (API reference,
        # "DescribeStacks").
        also=("cloudformation:ListStacks",),
        own=("Stacks[].StackId",),
        identity=("Stacks[].StackId",),
    ),
)


def collect(caller: Caller) -> set[str]:
    """Record stacks; they name no keys."""
    for _ in caller.pages("cloudformation", "DescribeStacks"):
        pass
    return set()


def parse(sources: Sources) -> Iterator[Resource]:
    """Parse stacks, nested ones included."""
    stacks = distinct(rows(sources.answers, "cloudformation:DescribeStacks", "Stacks"), "StackId")
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
        # CloudFormation encrypts its data with an AWS owned key (user guide, "Data protection").
        encryption=Known(Encryption(encrypted=True), (ref,)),
        created_at=row.instant("CreationTime"),
        # A nested stack is a resource of its parent, which is backed up with it.
        attached_to=(Arn(parent),) if parent else (),
        stack=tags.get(STACK_TAG),
        refs=(ref,),
    )
