"""The Resource Groups Tagging API: tags that a service's list omits, and a second source of resources.

GetResources returns only resources that have or had tags. If it was read to the end, all others have no tags
(API reference, "GetResources"). It never proves that an inventory is complete.
"""

from collections.abc import Mapping
from typing import Final

from scanner.evidence.answers import Answer, Answers
from scanner.evidence.shape import Shape
from scanner.model.inventory import Tags
from scanner.model.known import EvidenceRef, GapKind, Known, Reading, Unread
from scanner.model.names import Arn
from scanner.services.base import Gaps, Operation, rows
from scanner.services.caller import Caller

_GET_RESOURCES = "resourcegroupstaggingapi:GetResources"
_FILTERS = ("TagFilters", "ResourceARNList", "ExcludeCompliantResources")

OPERATIONS: Final = (
    Operation(
        "resourcegroupstaggingapi",
        "GetResources",
        "tag:GetResources",
        page=100,
        optional="it is a gap of every resource whose own list has no tags",
        identity=("ResourceTagMappingList[].ResourceARN",),
    ),
)

STACK_TAG: Final = "aws:cloudformation:stack-id"
"""The tag that CloudFormation sets on the resources of a stack."""


def collect(caller: Caller) -> None:
    """Record all resources that have or had tags, of every type; the inventory is compared with them."""
    for _ in caller.pages("resourcegroupstaggingapi", "GetResources"):
        pass


class TaggingAnswers:
    """The tagging API's answers of a shard, by resource."""

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
        """Return the tags of a resource; `kind` is its type in the API's filter (`dynamodb:table`)."""
        if (tagged := self._tags.get(arn)) is not None:
            tags, ref = tagged
            return Known(tags, (ref,))
        last_refused: Answer | None = None
        for answer in self._answers.every(_GET_RESOURCES):
            if not _covers(answer.parameters, kind):
                continue
            if answer.gap is None:
                # GetResources returns only resources that have or had tags, so this one has none.
                return Known({}, answer.refs[-1:])
            last_refused = answer
        gap = last_refused.gap if last_refused is not None else None
        return Unread(gap or self._answers.gap(_GET_RESOURCES, "", GapKind.NEVER_ASKED))


def _covers(parameters: Mapping[str, object], kind: str) -> bool:
    """Return whether a call lists all tagged resources of a type: it filters by type or service only."""
    # Such a call leaves out tagged resources, so that it proves nothing about one that is missing.
    if any(parameters.get(name) for name in _FILTERS):
        return False
    types = parameters.get("ResourceTypeFilters") or []
    return not types or (isinstance(types, list) and not {kind, kind.partition(":")[0]}.isdisjoint(types))


def own_tags(answer: Answer, otherwise: Reading[Tags], gaps: Gaps) -> Reading[Tags]:
    """Return the tags from the call for one resource if it was made, or else those of the tagging API."""
    if answer.gap is None:
        pairs = {key: value for page in answer.pages for key, value in _tags_of(page).items()}
        return Known(pairs, answer.refs)
    match otherwise:
        case Known():
            return otherwise
        case Unread(gap):
            # The refusal of the call for this resource is the more precise gap.
            gap = gap if answer.gap.kind is GapKind.NEVER_ASKED else answer.gap
            gaps.note(gap)
            return Unread(gap)


def _tags_of(page: Shape) -> Tags:
    """Parse the tags of an answer, a list of pairs or an object, under whichever name the service uses."""
    for key in ("Tags", "TagSet", "tags"):
        if isinstance(page.data.get(key), dict):
            return tag_map(page, key)
        if page.data.get(key) is not None:
            return tag_pairs(page, key)
    return {}


def tag_map(row: Shape, key: str) -> Tags:
    """Parse an object of tags. A missing value becomes empty."""
    tags = row.child(key)
    return {} if tags is None else {name: tags.text(name) or "" for name in tags.data}


def tag_pairs(row: Shape, key: str) -> Tags:
    """Parse a list of {Key, Value} pairs, in upper or lower case. A missing value becomes empty."""
    return {
        # The case of the member names differs between services.
        tag.text("Key") or tag.text("key") or "": tag.text("Value") or tag.text("value") or ""
        for tag in row.children(key)
    }
