"""Tags that the service's own list leaves out: from the tagging API, or from a call for each resource.

GetResources returns only what is or was tagged: read to the end, it says that what it leaves out has
no tags (facts 1.2); it never proves an inventory complete.
"""

from collections.abc import Mapping

from scanner.evidence.answers import Answer, Answers
from scanner.evidence.shape import Shape
from scanner.inventory.gaps import Gaps, rows
from scanner.model.inventory import Tags
from scanner.model.names import Arn
from scanner.model.reading import EvidenceRef, GapKind, Known, Reading, Unread

_GET_RESOURCES = "resourcegroupstaggingapi:GetResources"
_NARROWING = ("TagFilters", "ResourceARNList", "ExcludeCompliantResources")


class TaggingAnswers:
    """What the tagging API says of a shard, ready to be asked for one resource."""

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
        """Give a resource's tags; `kind` is its type as the API's filter spells it (`dynamodb:table`)."""
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
    """Whether a call was to list all tagged resources of a type: no filter but one for it or its service."""
    if any(parameters.get(narrowing) for narrowing in _NARROWING):
        return False
    types = parameters.get("ResourceTypeFilters") or []
    return not types or (isinstance(types, list) and not {kind, kind.partition(":")[0]}.isdisjoint(types))


def own_tags(answer: Answer, otherwise: Reading[Tags], gaps: Gaps) -> Reading[Tags]:
    """Give the tags of a call for one resource, where it was made; else those of the tagging API."""
    if answer.gap is None:
        pairs = {key: value for page in answer.pages for key, value in _told(page).items()}
        return Known(pairs, answer.refs)
    match otherwise:
        case Known():
            return otherwise
        case Unread(gap):
            # The call for the one resource was refused: that is the better thing to say.
            gap = gap if answer.gap.kind is GapKind.NEVER_ASKED else answer.gap
            gaps.note(gap)
            return Unread(gap)


def _told(page: Shape) -> Tags:
    """Read the tags of an answer, under whatever name its service gives them: pairs, or an object."""
    for key in ("Tags", "TagSet", "tags"):
        if isinstance(page.data.get(key), dict):
            return tag_map(page, key)
        if page.data.get(key) is not None:
            return tag_pairs(page, key)
    return {}


def tag_map(row: Shape, key: str) -> Tags:
    """Read an object of tags. A tag without a value has the empty one."""
    tags = row.child(key)
    return {} if tags is None else {name: tags.text(name) or "" for name in tags.data}


def tag_pairs(row: Shape, key: str) -> Tags:
    """Read a list of {Key, Value} pairs, spelt either way. A tag without a value has the empty one."""
    return {
        tag.text("Key") or tag.text("key") or "": tag.text("Value") or tag.text("value") or ""
        for tag in row.children(key)
    }
