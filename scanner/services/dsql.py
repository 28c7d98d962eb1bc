"""Aurora DSQL: clusters. ListClusters returns ids, GetCluster describes a cluster with its tags."""

from collections.abc import Iterable, Iterator
from typing import Final

from scanner.evidence.answers import Answer
from scanner.evidence.shape import Shape
from scanner.model.inventory import Encryption, Resource, Tags
from scanner.model.known import EvidenceRef, Known, Reading
from scanner.model.names import Arn
from scanner.services.base import Operation, distinct, rows, text, texts
from scanner.services.caller import Caller
from scanner.services.sources import Sources
from scanner.services.tagging import STACK_TAG, tag_map

_AWS_OWNED: Final = "AWS_OWNED_KMS_KEY"

OPERATIONS: Final = (
    Operation(
        "dsql",
        "ListClusters",
        "dsql:ListClusters",
        page=100,
        own=("clusters[].arn",),
        identity=("clusters[].identifier",),
    ),
    Operation(
        "dsql", "GetCluster", "dsql:GetCluster", after=("dsql:ListClusters",), per="cluster", own=("arn",)
    ),
)


def collect(caller: Caller) -> set[str]:
    """Record clusters with their descriptions; return the keys that they name."""
    return caller.each(texts(caller.pages("dsql", "ListClusters"), "clusters", "identifier"), _describe)


def _describe(caller: Caller, identifier: str) -> Iterable[str]:
    answer = caller.call("dsql", "GetCluster", identifier=identifier) or {}
    key = text(answer, "encryptionDetails", "kmsKeyArn")
    return (key,) if key else ()


def parse(sources: Sources) -> Iterator[Resource]:
    """Parse clusters. Without GetCluster, the state and the key are unknown."""
    listed = distinct(rows(sources.answers, "dsql:ListClusters", "clusters"), "identifier")
    for identifier, (row, ref) in sorted(listed.items()):
        answer = sources.answers.one("dsql:GetCluster", identifier=identifier)
        yield _cluster(sources, row, ref, answer)


def _cluster(sources: Sources, row: Shape, ref: EvidenceRef, answer: Answer) -> Resource:
    identifier = row.need("identifier")
    described = next(iter(answer.pages), None)
    arn = row.text("arn") or sources.arn("dsql", f"cluster/{identifier}")
    tags = _tags(sources, arn, described, answer)
    named = tags.value if isinstance(tags, Known) else {}
    return Resource(
        arn=Arn(arn),
        type="DSQL",
        capability="DSQL",
        account=sources.shard.account,
        region=sources.shard.region,
        name=named.get("Name") or identifier,
        state=described.text("status") if described else None,
        tags=tags,
        encryption=sources.gaps.reading(_encryption(described), answer),
        created_at=described.instant("creationTime") if described else None,
        stack=named.get(STACK_TAG),
        refs=(ref, *answer.refs),
    )


def _tags(sources: Sources, arn: str, described: Shape | None, answer: Answer) -> Reading[Tags]:
    # GetCluster returns the tags as well; without it, the tagging API does.
    if described is not None and answer.gap is None:
        return Known(tag_map(described, "tags"), answer.refs)
    return sources.tags(arn, "dsql:cluster", "dsql:ListTagsForResource", resourceArn=arn)


def _encryption(described: Shape | None) -> Encryption:
    """Parse a cluster's encryption; without a description it is not known."""
    details = described.child("encryptionDetails") if described else None
    kind = details.text("encryptionType") if details else None
    key = details.text("kmsKeyArn") if details else None
    if kind == _AWS_OWNED:
        return Encryption(encrypted=True)
    # With neither a type nor a key the answer is incomplete, so that encryption is unknown.
    return Encryption(encrypted=True if key else None, keys=(key,) if key else ())
