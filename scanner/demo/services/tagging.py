"""What the Resource Groups Tagging API says of the simulated services' resources."""

from collections.abc import Mapping
from typing import Any

from scanner.demo.resource import Tags, tag_list
from scanner.demo.services.stock import Document, stock_of
from scanner.demo.wire.call import Call


def tagged_resources(call: Call) -> list[Document]:
    """What is tagged in the call's account and Region, and not kept out by its filters."""
    tags = stock_of(call.account, call.region).tags
    return [
        {"ResourceARN": arn, "Tags": tag_list(own)}
        for arn, own in tags.items()
        if _is_wanted(call.parameters, arn, own)
    ]


def _is_wanted(filters: Mapping[str, Any], arn: str, tags: Tags) -> bool:
    kinds, named = filters.get("ResourceTypeFilters"), filters.get("ResourceARNList")
    return (
        (not named or arn in named)
        and (not kinds or any(_is_of_kind(arn, kind) for kind in kinds))
        and all(_has_tag(tags, criterion) for criterion in filters.get("TagFilters", ()))
    )


def _is_of_kind(arn: str, kind: str) -> bool:
    """Whether the ARN is of a type such as `fsx` or `fsx:file-system`."""
    service, _, resource = kind.partition(":")
    parts = arn.split(":", 5)
    return parts[2] == service and parts[5].startswith(resource)


def _has_tag(tags: Tags, wanted: Mapping[str, Any]) -> bool:
    values = wanted.get("Values")
    return wanted["Key"] in tags and (not values or tags[wanted["Key"]] in values)
