"""The Resource Groups Tagging API: tags that a service's own list leaves out; a second source of resources.

GetResources returns only what is or was tagged: read to the end, it shows that what it leaves out has no tags
(facts 1.2); it never proves an inventory complete.
"""

from collections.abc import Mapping
from typing import Final

from scanner.evidence.answers import Answer, Answers
from scanner.evidence.shape import Shape
from scanner.model.inventory import Tags
from scanner.model.names import Arn
from scanner.model.reading import EvidenceRef, GapKind, Known, Reading, Unread
from scanner.services.base import Gaps, Operation, rows
from scanner.services.caller import Caller

_GET_RESOURCES = "resourcegroupstaggingapi:GetResources"
_NARROWING = ("TagFilters", "ResourceARNList", "ExcludeCompliantResources")

OPERATIONS: Final = (
    Operation(
        "resourcegroupstaggingapi",
        "GetResources",
        "tag:GetResources",
        page=100,
        optional="it is a gap of every resource whose own list has no tags",
    ),
)

STACK_TAG: Final = "aws:cloudformation:stack-id"
"""The tag that CloudFormation sets on what a stack made."""


def collect(caller: Caller) -> None:
    """Record every resource that is or was tagged, of whatever type: the inventory is compared with it."""
    for _ in caller.pages("resourcegroupstaggingapi", "GetResources"):
        pass


class TaggingAnswers:
    """What the tagging API returned in a shard, by resource."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._tags: dict[str, tuple[Tags, EvidenceRef]] = {
            row.need("ResourceARN"): (tag_pairs(row, "Tags"), ref)
            for row, ref in rows(answers, _GET_RESOURCES, "ResourceTagMappingList")
        }

    @property
    def arns(self) -> tuple[Arn, ...]:
        """All ARNs that the tagging API listed, sorted."""
        return tuple(Arn(arn) for arn in sorted(self._tags))

    def of(self, arn: str, kind: str) -> Reading[Tags]:
        """Return a resource's tags; `kind` is its type as the API's filter spells it (`dynamodb:table`)."""
        if (found := self._tags.get(arn)) is not None:
            tags, ref = found
            return Known(tags, (ref,))
        best: Answer | None = None
        for answer in self._answers.every(_GET_RESOURCES):
            if not _covers(answer.parameters, kind):
                continue
            if answer.gap is None:
                return Known({}, answer.refs[-1:])
            best = answer
        gap = best.gap if best is not None else None
        return Unread(gap or self._answers.gap(_GET_RESOURCES, "", GapKind.NEVER_ASKED))


def _covers(parameters: Mapping[str, object], kind: str) -> bool:
    """Check whether a call lists all tagged resources of a type: its only filter is the type or service."""
    if any(parameters.get(narrowing) for narrowing in _NARROWING):
        return False
    types = parameters.get("ResourceTypeFilters") or []
    return not types or (isinstance(types, list) and not {kind, kind.partition(":")[0]}.isdisjoint(types))


def own_tags(answer: Answer, otherwise: Reading[Tags], gaps: Gaps) -> Reading[Tags]:
    """Return the tags from the call for one resource, where it was made; else those of the tagging API."""
    if answer.gap is None:
        pairs = {key: value for page in answer.pages for key, value in _tags_of(page).items()}
        return Known(pairs, answer.refs)
    match otherwise:
        case Known():
            return otherwise
        case Unread(gap):
            # A refusal of the call for this resource is the more precise gap.
            gap = gap if answer.gap.kind is GapKind.NEVER_ASKED else answer.gap
            gaps.note(gap)
            return Unread(gap)


def _tags_of(page: Shape) -> Tags:
    """Parse the tags of an answer, by whatever name its service has for them: pairs, or an object."""
    for key in ("Tags", "TagSet", "tags"):
        if isinstance(page.data.get(key), dict):
            return tag_map(page, key)
        if page.data.get(key) is not None:
            return tag_pairs(page, key)
    return {}


def tag_map(row: Shape, key: str) -> Tags:
    """Parse an object of tags. A tag without a value has the empty one."""
    tags = row.child(key)
    return {} if tags is None else {name: tags.text(name) or "" for name in tags.data}


def tag_pairs(row: Shape, key: str) -> Tags:
    """Parse a list of {Key, Value} pairs, spelt either way. A tag without a value has the empty one."""
    return {
        tag.text("Key") or tag.text("key") or "": tag.text("Value") or tag.text("value") or ""
        for tag in row.children(key)
    }
