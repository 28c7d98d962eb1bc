"""The Resource Groups Tagging API: tags of what does not list its own, and a second view of what exists."""

from typing import Final

from scanner.collect.calls import Caller
from scanner.collect.operations import Operation

OPERATIONS: Final = (Operation("resourcegroupstaggingapi", "GetResources", "tag:GetResources", page=100),)


def collect(caller: Caller) -> None:
    """Record every resource that is or was tagged, of whatever type: the inventory is held against it."""
    for _ in caller.pages("resourcegroupstaggingapi", "GetResources"):
        pass
