"""Whether ListOfTags and Conditions hold for a resource's tags (AWS Backup API, BackupSelection; facts 3.1).

Names of operators, keys and values are case sensitive. A missing tag equals no value and differs from every
value, so a negative condition holds for a resource without the tag.
"""

from typing import Final

from scanner.model.inventory import TagCondition, Tags
from scanner.model.known import Ternary

_FIELD: Final = "\0"  # any characters but a colon
TAG_KEY: Final = "aws:ResourceTag/"
EQUALS: Final = "StringEquals"


def wildcard(pattern: str, text: str) -> bool:
    """Check whether a whole text matches a pattern with `*` wildcards, in linear time."""
    head, *rest = pattern.split("*")
    if not rest:
        return pattern == text
    *middle, tail = rest
    if not text.startswith(head) or len(text) < len(head) + len(tail) or not text.endswith(tail):
        return False
    position, end = len(head), len(text) - len(tail)
    for part in middle:
        at = text.find(part, position, end)
        if at < 0:
            return False
        position = at + len(part)
    return True


def could_match(pattern: str, service: str, type_prefix: str) -> bool:
    """Check whether a pattern matches an ARN of a service and a type: `ec2` and `volume/`."""
    # `reached` are the positions in the form of an ARN that some ARN can be at, after each character.
    arns = f"arn:{_FIELD}:{service}:{_FIELD}:{_FIELD}:{type_prefix}{_FIELD}"
    reached = _skip_fields({0}, arns)
    for char in pattern:
        if char == "*":
            reached = set(range(min(reached), len(arns) + 1))
            continue
        stay = {place for place in reached if arns[place : place + 1] == _FIELD and char != ":"}
        step = {place + 1 for place in reached if arns[place : place + 1] == char}
        reached = _skip_fields(stay | step, arns)
        if not reached:
            return False
    return len(arns) in reached


def _skip_fields(places: set[int], arns: str) -> set[int]:
    """Add the positions after a field, which may be empty."""
    return places | {place + 1 for place in places if arns[place : place + 1] == _FIELD}


def listed_tag_holds(wanted: TagCondition, tags: Tags | None) -> Ternary:
    """Check whether an entry of ListOfTags holds: an equality, with or without the key's prefix."""
    if wanted.operator != EQUALS or tags is None:
        return None
    return tags.get(wanted.key.removeprefix(TAG_KEY)) == wanted.value


def condition_holds(condition: TagCondition, tags: Tags | None) -> Ternary:
    """Check whether an entry of Conditions holds. Its key is `aws:ResourceTag/KEY`.

    Any other key that begins with `aws:` is no tag, and its value is not known. A key without a prefix may be
    a tag or a key that no resource has, which AWS does not document: the answer is known if both agree.
    """
    if tags is None:
        return None
    if condition.key.startswith(TAG_KEY):
        return _holds(condition, tags.get(condition.key.removeprefix(TAG_KEY)))
    if condition.key.startswith("aws:"):
        return None
    as_tag, as_missing = _holds(condition, tags.get(condition.key)), _holds(condition, None)
    return as_tag if as_tag is as_missing else None


def _holds(condition: TagCondition, value: str | None) -> Ternary:
    """Check whether a condition holds for a value (None: no such tag); None if the operator is unknown."""
    match condition.operator:
        case "StringEquals":
            return value == condition.value
        case "StringNotEquals":
            return value != condition.value
        case "StringLike":
            return value is not None and wildcard(condition.value, value)
        case "StringNotLike":
            return value is None or not wildcard(condition.value, value)
    return None


def is_negative(condition: TagCondition) -> bool:
    """Check whether a condition excludes resources with a tag."""
    return condition.operator in ("StringNotEquals", "StringNotLike")


def condition_text(condition: TagCondition) -> str:
    """Return a condition as text for a message."""
    return f"{condition.operator} {condition.key}={condition.value}"
