"""AWS CloudFormation: stacks with their parameters and outputs, and what they made."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scanner.demo.resource import Resource, tag_list
from scanner.demo.services.simulation import Operation, Service, not_found
from scanner.demo.services.stock import Document, Sketch, Stock, now, unique_id
from scanner.demo.wire.paging import Pages

_INVALID = "ValidationError"
_STACKS, _MADE = "cloudformation.stack", "cloudformation.resource"


@dataclass(frozen=True, slots=True)
class Texts:
    """What the owner of a stack wrote into it."""

    description: str = ""
    parameters: Mapping[str, str] | None = None
    outputs: Mapping[str, str] | None = None
    resolved: Mapping[str, str] | None = None
    """Parameters that name an SSM parameter, whose value the API returns next to it."""


def stack(
    stock: Stock, sketch: Sketch, texts: Texts | None = None, parent: Resource | None = None
) -> Resource:
    """A stack, nested where it has a `parent`. What AWS Backup keeps of it is under the vault's key."""
    arn = stock.arn("cloudformation", f"stack/{sketch.name}/{unique_id()}")
    written = texts or Texts()
    document = {
        "StackId": arn,
        "StackName": sketch.name,
        "Description": written.description or None,
        "Parameters": _pairs("Parameter", written.parameters) + _resolved(written),
        "CreationTime": now(),
        "StackStatus": sketch.state or "CREATE_COMPLETE",
        "DisableRollback": False,
        # Outputs and parameters often contain secrets: a scan must not record them.
        "Outputs": _pairs("Output", written.outputs),
        "Tags": tag_list(sketch.tags),
        "EnableTerminationProtection": False,
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
        "ParentId": parent.arn if parent else None,
        # Nested stacks are listed like others, and only ParentId and RootId show what they are.
        "RootId": parent.arn if parent else None,
    }
    stock.add(_STACKS, document, arn, sketch.tags)
    if parent:
        holds(stock, parent, "AWS::CloudFormation::Stack", sketch.name.partition("-")[2].title(), arn)
    return stock.resource(arn, "CloudFormation", sketch, managed=True)


def holds(stock: Stock, owner: Resource, kind: str, logical: str, physical: str) -> None:
    """Let a stack have made a resource: its type, its name in the template, its name in its service."""
    document = {
        "StackName": owner.name,
        "StackId": owner.arn,
        "LogicalResourceId": "".join(filter(str.isalnum, logical)),
        "PhysicalResourceId": physical,
        "ResourceType": kind,
        "Timestamp": now(),
        "ResourceStatus": "CREATE_COMPLETE",
        "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
    }
    stock.add(_MADE, document)


def _pairs(what: str, values: Mapping[str, str] | None) -> list[Document]:
    return [{f"{what}Key": key, f"{what}Value": value} for key, value in (values or {}).items()]


def _resolved(written: Texts) -> list[Document]:
    return [
        {"ParameterKey": key, "ParameterValue": f"/shop/{key}", "ResolvedValue": value}
        for key, value in (written.resolved or {}).items()
    ]


def _find(stock: Stock, name: str) -> Document:
    """A stack by its name or id; a deleted one by its id only."""
    for entry in stock.of(_STACKS):
        if name == entry["StackId"] or (
            name == entry["StackName"] and entry["StackStatus"] != "DELETE_COMPLETE"
        ):
            return entry
    raise not_found(_INVALID, f"Stack with id {name}")


def _describe(stock: Stock, parameters: Mapping[str, Any]) -> Document:
    name = parameters.get("StackName")
    if name:
        return {"Stacks": [_find(stock, name)]}
    # Deleted stacks are described by id only (API reference, DescribeStacks).
    return {"Stacks": [entry for entry in stock.of(_STACKS) if entry["StackStatus"] != "DELETE_COMPLETE"]}


def _resources(stock: Stock, parameters: Mapping[str, Any]) -> Document:
    """DescribeStackResources: up to a hundred, in no pages."""
    if not parameters.get("StackName"):
        raise not_found(_INVALID, "StackName or PhysicalResourceId, which must be given, and")
    owner = _find(stock, parameters["StackName"])["StackId"]
    return {"StackResources": [entry for entry in stock.of(_MADE) if entry["StackId"] == owner]}


def _summaries(stock: Stock, parameters: Mapping[str, Any]) -> Document:
    """ListStackResources: the same under slightly other keys, in pages."""
    resources = _resources(stock, parameters)["StackResources"]
    return {
        "StackResourceSummaries": [
            {**entry, "LastUpdatedTimestamp": entry["Timestamp"]} for entry in resources
        ]
    }


def _pages(items: str) -> Pages:
    return Pages(items, limit="", size=2, invalid=_INVALID)


SERVICE = Service(
    "cloudformation",
    _INVALID,
    {
        "DescribeStacks": Operation(_describe, _pages("Stacks")),
        "DescribeStackResources": Operation(_resources),
        "ListStackResources": Operation(_summaries, _pages("StackResourceSummaries")),
    },
)
