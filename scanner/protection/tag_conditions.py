"""What ListOfTags and Conditions say of a resource's tags (AWS Backup API, BackupSelection; facts 3.1).

Names of operators, keys and values are case sensitive. A tag that is missing equals nothing, and differs
from everything: the conditions with Not keep the untagged resource.
"""

from typing import Final

from scanner.model.inventory import TagCondition, Tags
from scanner.model.ternary import Ternary
from scanner.protection.wildcards import wildcard

TAG_KEY: Final = "aws:ResourceTag/"
EQUALS: Final = "StringEquals"


def listed_tag_holds(wanted: TagCondition, tags: Tags | None) -> Ternary:
    """Whether an entry of ListOfTags holds: equality alone, its key with the prefix or without."""
    if wanted.operator != EQUALS or tags is None:
        return None
    return tags.get(wanted.key.removeprefix(TAG_KEY)) == wanted.value


def condition_holds(condition: TagCondition, tags: Tags | None) -> Ternary:
    """Whether an entry of Conditions holds. Its key is `aws:ResourceTag/KEY`.

    Any other key that begins with `aws:` is no tag, and its value is not known. Without a prefix it may be
    read as a tag or as a key that nothing has: the answer holds where both say the same.
    """
    if tags is None:
        return None
    if condition.key.startswith(TAG_KEY):
        return _holds(condition, tags.get(condition.key.removeprefix(TAG_KEY)))
    if condition.key.startswith("aws:"):
        return None
    as_tag, as_nothing = _holds(condition, tags.get(condition.key)), _holds(condition, None)
    return as_tag if as_tag is as_nothing else None


def _holds(condition: TagCondition, value: str | None) -> Ternary:
    """Whether a condition holds for a tag's value; None: there is no such tag. An odd operator: not known."""
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
    """Whether a condition says which resources are left out."""
    return condition.operator in ("StringNotEquals", "StringNotLike")


def clause(condition: TagCondition) -> str:
    """Name a condition for people."""
    return f"{condition.operator} {condition.key}={condition.value}"
