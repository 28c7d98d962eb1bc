"""The AWS CLI command that sets a tag on a resource, by its type (AWS CLI Command Reference)."""

import json
import re
import shlex
from collections.abc import Iterable
from typing import Final

from scanner.model.inventory import Resource
from scanner.model.resource_types import TAGGING_API, TYPE_BY_NAME, TagSyntax

_PLAIN: Final = re.compile(r"[\w.@+-]+(?:[/:][\w.@+-]+)*", re.ASCII)
"""Keys and values that need no quoting in the CLI's shorthand syntax."""

_LONGEST: Final = (128, 256)
"""Characters of a tag's key and value (AWS General Reference, "Tag naming limits")."""


def tagging_command(resource: Resource, tags: Iterable[tuple[str, str]]) -> str:
    """Return the command that adds tags to a resource; empty: there is none, or AWS forbids such a tag."""
    pairs = tuple(tags)
    kind = TYPE_BY_NAME.get(resource.type)
    command = kind.tag_command if kind else TAGGING_API
    if command is None or not pairs or not all(map(_is_allowed, pairs)):
        return ""
    # Commands of a service take an id (EC2) or an ARN; the tagging API takes ARNs only.
    target = resource.arn.rpartition("/")[2] if command.takes_id else resource.arn
    arguments = f"{shlex.quote(target)} --tags {_tags_argument(pairs, command.syntax)}"
    return f"{command.command} {arguments} --region {shlex.quote(resource.region)}"


def _tags_argument(tags: tuple[tuple[str, str], ...], syntax: TagSyntax) -> str:
    match syntax:
        case TagSyntax.PAIRS:
            return _pairs(tags)
        case TagSyntax.LOWERCASE_PAIRS:
            return _pairs(tags, key="key", value="value")
        case TagSyntax.MAP:
            return _mapping(tags)


def _is_allowed(tag: tuple[str, str]) -> bool:
    return all(len(text) <= most for text, most in zip(tag, _LONGEST, strict=True)) and bool(tag[0])


def _pairs(tags: tuple[tuple[str, str], ...], key: str = "Key", value: str = "Value") -> str:
    if all(_PLAIN.fullmatch(text) for tag in tags for text in tag):
        return " ".join(f"{key}={name},{value}={content}" for name, content in tags)
    # The CLI splits its shorthand syntax at commas and equals signs: other texts are written as JSON.
    return shlex.quote(json.dumps([{key: name, value: content} for name, content in tags]))


def _mapping(tags: tuple[tuple[str, str], ...]) -> str:
    if all(_PLAIN.fullmatch(text) for tag in tags for text in tag):
        return ",".join(f"{key}={value}" for key, value in tags)
    return shlex.quote(json.dumps(dict(tags)))
