"""Aurora DSQL: ListClusters names clusters, GetCluster describes each, tags included."""

from collections.abc import Iterator
from typing import Final

from scanner.evidence.answers import Answer
from scanner.evidence.shape import Shape
from scanner.inventory.ec2 import STACK_TAG
from scanner.inventory.gaps import rows
from scanner.inventory.sources import Sources
from scanner.inventory.tags import tag_map
from scanner.model.inventory import Encryption, Resource, Tags
from scanner.model.names import Arn
from scanner.model.reading import EvidenceRef, Known, Reading

_AWS_OWNED: Final = "AWS_OWNED_KMS_KEY"


def parse_dsql(sources: Sources) -> Iterator[Resource]:
    """Parse clusters. One whose GetCluster is missing is of unknown state and key."""
    listed = {
        row.need("identifier"): (row, ref)
        for row, ref in rows(sources.answers, "dsql:ListClusters", "clusters")
    }
    for identifier, (row, ref) in sorted(listed.items()):
        answer = sources.answers.one("dsql:GetCluster", identifier=identifier)
        yield _cluster(sources, row, ref, answer)


def _cluster(sources: Sources, row: Shape, ref: EvidenceRef, answer: Answer) -> Resource:
    identifier = row.need("identifier")
    told = next(iter(answer.pages), None)
    arn = row.text("arn") or sources.arn("dsql", f"cluster/{identifier}")
    tags = _tags(sources, arn, told, answer)
    named = tags.value if isinstance(tags, Known) else {}
    return Resource(
        arn=Arn(arn),
        type="DSQL",
        capability="DSQL",
        account=sources.shard.account,
        region=sources.shard.region,
        name=named.get("Name") or identifier,
        state=told.text("status") if told else None,
        tags=tags,
        encryption=sources.gaps.reading(_encryption(told), answer),
        created_at=told.instant("creationTime") if told else None,
        stack=named.get(STACK_TAG),
        refs=(ref, *answer.refs),
    )


def _tags(sources: Sources, arn: str, told: Shape | None, answer: Answer) -> Reading[Tags]:
    if told is not None and answer.gap is None:
        return Known(tag_map(told, "tags"), answer.refs)
    return sources.tags(arn, "dsql:cluster", "dsql:ListTagsForResource", resourceArn=arn)


def _encryption(told: Shape | None) -> Encryption:
    """Read a cluster's encryption; one that is not told is not known."""
    details = told.child("encryptionDetails") if told else None
    kind = details.text("encryptionType") if details else None
    key = details.text("kmsKeyArn") if details else None
    if kind == _AWS_OWNED:
        return Encryption(encrypted=True)
    return Encryption(encrypted=True if key else None, keys=(key,) if key else ())
