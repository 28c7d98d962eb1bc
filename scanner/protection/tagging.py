"""The AWS CLI command that sets a tag on a resource, by its type (AWS CLI Command Reference)."""

import json
import re
import shlex
from collections.abc import Iterable
from typing import Final

from scanner.model.inventory import Resource

_PLAIN: Final = re.compile(r"[\w.@+-]+(?:[/:][\w.@+-]+)*", re.ASCII)
"""Keys and values that the CLI's short form takes as they are."""

_LONGEST: Final = (128, 256)
"""Characters of a tag's key and value (AWS General Reference, "Tag naming limits")."""

_OWN_CALLS: Final = {
    "RDS": "aws rds add-tags-to-resource --resource-name",
    "Aurora": "aws rds add-tags-to-resource --resource-name",
    "DocumentDB": "aws docdb add-tags-to-resource --resource-name",
    "Neptune": "aws neptune add-tags-to-resource --resource-name",
    "Storage Gateway": "aws storagegateway add-tags-to-resource --resource-arn",
    "VirtualMachine": "aws backup-gateway tag-resource --resource-arn",
    "Timestream": "aws timestream-write tag-resource --resource-arn",
}
"""Calls that take a list of keys and values. Of the other types the tagging API sets the tags."""

_MAPPED: Final = {
    "DSQL": "aws dsql tag-resource --resource-arn",
    "SAP HANA on Amazon EC2": "aws ssm-sap tag-resource --resource-arn",
    "EKS": "aws eks tag-resource --resource-arn",
}
"""Calls that take a mapping from keys to values."""


def tagging_command(resource: Resource, tags: Iterable[tuple[str, str]]) -> str:
    """Return the command that adds tags to a resource; empty: AWS takes no such tag, or it is a stack.

    The tags of a CloudFormation stack are part of an update of the stack.
    """
    wanted = tuple(tags)
    if not wanted or resource.type == "CloudFormation" or not all(map(_is_possible, wanted)):
        return ""
    region = f" --region {shlex.quote(resource.region)}"
    if resource.type in ("EBS", "EC2"):
        name = shlex.quote(resource.arn.rpartition("/")[2])
        return f"aws ec2 create-tags --resources {name} --tags {_pairs(wanted)}{region}"
    arn = shlex.quote(resource.arn)
    if (call := _OWN_CALLS.get(resource.type)) is not None:
        return f"{call} {arn} --tags {_pairs(wanted)}{region}"
    if (call := _MAPPED.get(resource.type)) is not None:
        return f"{call} {arn} --tags {_mapping(wanted)}{region}"
    if resource.type == "Redshift Serverless":
        listed = _pairs(wanted, key="key", value="value")
        return f"aws redshift-serverless tag-resource --resource-arn {arn} --tags {listed}{region}"
    call = "aws resourcegroupstaggingapi tag-resources --resource-arn-list"
    return f"{call} {arn} --tags {_mapping(wanted)}{region}"


def _is_possible(tag: tuple[str, str]) -> bool:
    return all(len(text) <= most for text, most in zip(tag, _LONGEST, strict=True)) and bool(tag[0])


def _pairs(tags: tuple[tuple[str, str], ...], key: str = "Key", value: str = "Value") -> str:
    if all(_PLAIN.fullmatch(text) for tag in tags for text in tag):
        return " ".join(f"{key}={name},{value}={content}" for name, content in tags)
    return shlex.quote(json.dumps([{key: name, value: content} for name, content in tags]))


def _mapping(tags: tuple[tuple[str, str], ...]) -> str:
    if all(_PLAIN.fullmatch(text) for tag in tags for text in tag):
        return ",".join(f"{key}={value}" for key, value in tags)
    return shlex.quote(json.dumps(dict(tags)))
