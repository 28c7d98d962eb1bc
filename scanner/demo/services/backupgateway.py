"""AWS Backup gateway: hypervisors on the customer's own premises, and their virtual machines."""

from collections.abc import Mapping
from typing import Any

from scanner.demo.resource import Resource, tag_list
from scanner.demo.services.simulation import Operation, Service, listing, not_found
from scanner.demo.services.stock import Document, Sketch, Stock, identifier
from scanner.demo.wire.paging import Pages

_INVALID = "ValidationException"
_HYPERVISORS, _MACHINES = "backup-gateway.hypervisor", "backup-gateway.vm"


def hypervisor(stock: Stock, name: str, state: str = "ONLINE") -> str:
    """A hypervisor that a gateway is connected to. Its ARN."""
    arn = stock.arn("backup-gateway", f"hypervisor/{identifier('hype-', 8)}")
    # Hypervisors are not backed up themselves, but their state decides whether machines can be.
    document = {"Host": f"{name}.corp.example.com", "HypervisorArn": arn, "Name": name, "State": state}
    stock.add(_HYPERVISORS, document)
    return arn


def virtual_machine(stock: Stock, hypervisor_arn: str, sketch: Sketch) -> Resource:
    """A virtual machine; AWS Backup encrypts what it takes of it under the vault's key."""
    arn = stock.arn("backup-gateway", f"vm/{identifier('vm-', 8)}")
    document = {
        "HostName": "esx-1",
        "HypervisorId": hypervisor_arn.rpartition("/")[2],
        "Name": sketch.name,
        "Path": f"/Datacenter/vm/{sketch.name}",
        "ResourceArn": arn,
    }
    stock.add(_MACHINES, document, arn, sketch.tags)
    # AWS Backup fully manages machines, so the vault's key encrypts their backups.
    return stock.resource(arn, "VirtualMachine", sketch, managed=True)


def _list(stock: Stock, parameters: Mapping[str, Any]) -> Document:
    hypervisor_arn = parameters.get("HypervisorArn")
    machines = stock.of(_MACHINES)
    if hypervisor_arn:
        # Without the parameter the call lists the machines of all hypervisors.
        machines = [
            machine for machine in machines if machine["HypervisorId"] == hypervisor_arn.rpartition("/")[2]
        ]
    return {"VirtualMachines": machines}


def _get(stock: Stock, parameters: Mapping[str, Any]) -> Document:
    return {"VirtualMachine": _machine(stock, parameters["ResourceArn"])}


def _tags(stock: Stock, parameters: Mapping[str, Any]) -> Document:
    arn = _machine(stock, parameters["ResourceArn"])["ResourceArn"]
    return {"ResourceArn": arn, "Tags": tag_list(stock.tags.get(arn, {}))}


def _machine(stock: Stock, arn: str) -> Document:
    for machine in stock.of(_MACHINES):
        if machine["ResourceArn"] == arn:
            return machine
    raise not_found("ResourceNotFoundException", f"Resource {arn}")


def _pages(items: str) -> Pages:
    return Pages(items, size=2, invalid=_INVALID)


SERVICE = Service(
    "backup-gateway",
    _INVALID,
    {
        "ListHypervisors": Operation(
            listing(_HYPERVISORS, "Hypervisors"), Pages("Hypervisors", size=1, invalid=_INVALID)
        ),
        "ListVirtualMachines": Operation(_list, _pages("VirtualMachines")),
        "GetVirtualMachine": Operation(_get),
        "ListTagsForResource": Operation(_tags),
    },
)
