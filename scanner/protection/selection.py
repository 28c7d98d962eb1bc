"""Whom a backup selection selects (AWS Backup developer guide, "Assigning resources"; facts 3).

    base     = everything, when Resources and ListOfTags are both empty; else Resources or ListOfTags
    selected = base, and every condition holds, and no NotResources entry matches, and the opt-in decides

Names, operators, keys and values are case sensitive. `*` stands for any run of characters.
"""

from dataclasses import dataclass
from typing import Final

from scanner.model.inventory import RegionSettings, Resource, SelectionTerms, TagCondition, Tags
from scanner.model.names import parse_arn
from scanner.model.reading import Known, Reading
from scanner.model.ternary import Answer, Ternary, conjunction, negate
from scanner.protection.capabilities import capability_of, opt_in_always, restore_test_leftover

_TAG_KEY: Final = "aws:ResourceTag/"
_FIELD: Final = "\0"  # stands for any run of characters without a colon


@dataclass(frozen=True, slots=True)
class OptIn:
    """The Region settings whose opt-in decides, and the name of the account that they belong to."""

    settings: Reading[RegionSettings]
    whose: str


def selects(terms: SelectionTerms, resource: Resource, opt_in: OptIn) -> Answer:
    """Say whether a selection with these terms selects a resource of its own account and Region."""
    tags = resource.tags.value if isinstance(resource.tags, Known) else None
    matched = tuple(entry for entry in terms.resources if wildcard(entry, resource.arn))
    based = _based(terms, matched, tags)
    if based.value is False:  # the most frequent answer by far: each selection is asked of each resource
        return based
    verdict = conjunction(
        (
            based,
            _excluded(terms, resource),
            *(_condition(condition, tags) for condition in terms.conditions),
            _no_leftover(resource),
            _opted_in(resource, matched, opt_in),
        )
    )
    return based if verdict.value else verdict


def _based(terms: SelectionTerms, matched: tuple[str, ...], tags: Tags | None) -> Answer:
    """Whether Resources or ListOfTags reach the resource; both empty reach everything."""
    if matched or not (terms.resources or terms.list_of_tags):
        reach = f"Resources holds {matched[0]}" if matched else "it names everything"
        return Answer(value=True, because=reach)
    tagged: Ternary = False
    for wanted in terms.list_of_tags:
        holds = _holds(wanted, tags)
        if holds is True:
            return Answer(value=True, because=f"ListOfTags holds {wanted.key}={wanted.value}")
        tagged = None if holds is None else tagged
    if tagged is None:
        return Answer(None, "the resource's tags were not read")
    return Answer(value=False, because="neither Resources nor ListOfTags names it")


def _excluded(terms: SelectionTerms, resource: Resource) -> Answer:
    entry = next((entry for entry in terms.not_resources if wildcard(entry, resource.arn)), None)
    return Answer(entry is None, f"NotResources holds {entry}" if entry else "")


def _condition(condition: TagCondition, tags: Tags | None) -> Answer:
    holds = _holds(condition, tags)
    clause = f"the condition {condition.operator} {condition.key}={condition.value}"
    return Answer(holds, f"{clause} does not hold" if holds is False else f"{clause} cannot be told")


def _holds(condition: TagCondition, tags: Tags | None) -> Ternary:
    """Whether a tag condition holds. A tag that is missing equals nothing, and differs from everything."""
    if tags is None:
        return None
    prefixed = condition.key.startswith(_TAG_KEY)
    if not prefixed and condition.key.startswith("aws:") and condition.key not in tags:
        return None  # another condition key than a tag's: its value is not known
    value = tags.get(condition.key.removeprefix(_TAG_KEY))
    equals = value == condition.value
    like = value is not None and wildcard(condition.value, value)
    answers = {
        "StringEquals": equals,
        "StringNotEquals": not equals,
        "StringLike": like,
        "StringNotLike": not like,
    }
    return answers.get(condition.operator)


def _no_leftover(resource: Resource) -> Answer:
    return Answer(
        True if (leftover := restore_test_leftover(resource)) is None else negate(leftover),
        "ordinary plans ignore what a restore test made",
    )


def _opted_in(resource: Resource, matched: tuple[str, ...], opt_in: OptIn) -> Answer:
    """Apply the Region's opt-in, which does not count where a type or ARN is named (facts 3.3)."""
    named = any(_names_type(entry) for entry in matched)
    if named and not opt_in_always(resource.type):
        return Answer(value=True)
    if not isinstance(opt_in.settings, Known):
        return Answer(None, f"the opt-in settings of {opt_in.whose} were not read")
    row = capability_of(resource, opt_in.settings)
    key = row.opt_in_key if row is not None else resource.type
    preference = opt_in.settings.value.opt_in.get(key)
    if preference is None:
        return Answer(None, f"the Region settings of {opt_in.whose} do not tell its opt-in to {key}")
    return Answer(preference, f"{opt_in.whose} is not opted in to {key} in this Region")


def _names_type(entry: str) -> bool:
    """Whether an entry names a type or an ARN, not everything or a whole service (`arn:aws:ec2:*`)."""
    parts = parse_arn(entry)
    if parts is None:
        return False
    return parts.service == "s3" or not parts.resource.startswith("*")


def could_select(terms: SelectionTerms, service: str, type_prefix: str) -> bool:
    """Whether a selection could select resources of a type that nobody listed.

    `service` and `type_prefix` are those of the type's ARNs: `ec2` and `volume/`.
    """
    if terms.list_of_tags or not terms.resources:
        return True
    arns = f"arn:{_FIELD}:{service}:{_FIELD}:{_FIELD}:{type_prefix}{_FIELD}"
    return any(_overlap(entry, arns) for entry in terms.resources)


def _overlap(pattern: str, arns: str) -> bool:
    """Whether a pattern matches one of the ARNs. `reached`: places in `arns` after what was read so far."""
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
