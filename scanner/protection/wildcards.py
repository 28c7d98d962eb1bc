"""Patterns in which `*` stands for any run of characters (AWS Backup, "Assigning resources"; facts 3.1)."""

from typing import Final

_FIELD: Final = "\0"  # stands for any run of characters without a colon


def wildcard(pattern: str, text: str) -> bool:
    """Match a whole text against a pattern in which `*` stands for any run of characters. Linear."""
    head, *rest = pattern.split("*")
    if not rest:
        return pattern == text
    *middle, tail = rest
    if not text.startswith(head) or len(text) < len(head) + len(tail) or not text.endswith(tail):
        return False
    position, end = len(head), len(text) - len(tail)
    for part in middle:
        found = text.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True


def could_match(pattern: str, service: str, type_prefix: str) -> bool:
    """Whether a pattern matches an ARN of a service and a type: `ec2` and `volume/`."""
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
    """Add the places after a field that may be empty."""
    return places | {place + 1 for place in places if arns[place : place + 1] == _FIELD}
