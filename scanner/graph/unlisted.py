"""What backs resources up and was not listed: instances that volumes name, stacks that resources name."""

from collections.abc import Iterator
from typing import Final

from scanner.model.inventory import Resource, ShardInventory
from scanner.model.names import Arn, parse_arn
from scanner.model.reading import Gap, GapKind, Known, Unread

STACK: Final = "CloudFormation"


def unlisted_instances(inventory: ShardInventory) -> Iterator[Resource]:
    """Give the instances that volumes name and that are not listed since the list was not read to the end."""
    instances = inventory.lists.get("ec2:DescribeInstances")
    if not isinstance(instances, Unread):
        return
    listed = {resource.arn for resource in inventory.resources}
    parents = {parent for resource in inventory.resources for parent in resource.attached_to}
    named = {parent for parent in parents if not _is_stack(parent)}
    for arn in sorted(named - listed):
        yield Resource(
            arn=arn,
            type="EC2",
            capability="EC2",
            account=inventory.shard.account,
            region=inventory.shard.region,
            name=arn.rpartition("/")[2],
            state=None,
            tags=instances,
            encryption=instances,
        )


def unlisted_stacks(inventory: ShardInventory) -> Iterator[Resource]:
    """Give the CloudFormation stacks that resources name in their tag, and that may be there unlisted.

    So do nested stacks, and recovery points. Where the list was read to the end, a stack that is not in it
    is gone, and what it left behind is not backed up with it.
    """
    shard = inventory.shard
    if isinstance(inventory.lists.get("cloudformation:DescribeStacks"), Known):
        return
    listed = {resource.arn for resource in inventory.resources}
    named = {arn for resource in inventory.resources for arn in stack_of(resource)}
    named |= {arn for resource in inventory.resources for arn in resource.attached_to if _is_stack(arn)}
    named |= {Arn(point.resource) for point in inventory.recovery_points if _is_stack(point.resource)}
    for arn in sorted(named - listed):
        gap = Gap(shard.account, shard.region, "cloudformation:DescribeStacks", arn, GapKind.NEVER_ASKED)
        yield Resource(
            arn=arn,
            type=STACK,
            capability=STACK,
            account=shard.account,
            region=shard.region,
            name=arn.split("/")[1] if "/" in arn else arn,
            state=None,
            tags=Unread(gap),
            encryption=Unread(gap),
        )


def stack_of(resource: Resource) -> tuple[Arn, ...]:
    """Give the ARN of the stack that made a resource, where its tag names one."""
    return (Arn(resource.stack),) if resource.stack and _is_stack(resource.stack) else ()


def _is_stack(arn: str) -> bool:
    parts = parse_arn(arn)
    return parts is not None and parts.service == "cloudformation"
