"""AWS Backup gateway: VMware virtual machines, and the hypervisors that run them."""

from typing import Final

from scanner.collect.calls import Caller
from scanner.collect.fields import rows
from scanner.collect.operations import Operation

# How much comes at once is left to the service: its model names no largest page.
OPERATIONS: Final = (
    Operation(
        "backup-gateway",
        "ListVirtualMachines",
        "backup-gateway:ListVirtualMachines",
        own=("VirtualMachines[].ResourceArn",),
    ),
    Operation(
        "backup-gateway",
        "ListHypervisors",
        "backup-gateway:ListHypervisors",
        after=("backup-gateway:ListVirtualMachines",),
        own=("Hypervisors[].HypervisorArn",),
    ),
)


def collect(caller: Caller) -> set[str]:
    """Record virtual machines, and hypervisors where there are any; backups are under the vault's key."""
    has_machines = False
    for answer in caller.pages("backup-gateway", "ListVirtualMachines"):
        has_machines |= any(True for _ in rows(answer, "VirtualMachines"))
    if has_machines:
        for _ in caller.pages("backup-gateway", "ListHypervisors"):
            pass
    return set()
