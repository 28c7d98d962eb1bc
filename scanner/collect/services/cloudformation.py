"""AWS CloudFormation: stacks, without what they were given and what they give."""

from typing import Final

from scanner.collect.calls import Caller
from scanner.collect.operations import Operation

OPERATIONS: Final = (
    Operation(
        "cloudformation",
        "DescribeStacks",
        "cloudformation:DescribeStacks",
        # Parameters are where passwords are handed over, outputs where they come back.
        secrets=("Stacks[].Parameters", "Stacks[].Outputs"),
        # Asked for no stack in particular, it needs leave to list them (API reference, "DescribeStacks").
        also=("cloudformation:ListStacks",),
        own=("Stacks[].StackId",),
    ),
)


def collect(caller: Caller) -> set[str]:
    """Record stacks; they name no keys."""
    for _ in caller.pages("cloudformation", "DescribeStacks"):
        pass
    return set()
