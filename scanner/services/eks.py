"""Amazon EKS: clusters. ListClusters returns names, DescribeCluster describes a cluster with its tags."""

from collections.abc import Iterable, Iterator
from typing import Final

from scanner.evidence.answers import Answer
from scanner.evidence.shape import Shape
from scanner.model.inventory import Encryption, Resource, Tags
from scanner.model.known import EvidenceRef, Known, Reading
from scanner.model.names import Arn
from scanner.services.base import Operation, objects, text
from scanner.services.caller import Caller
from scanner.services.sources import Sources
from scanner.services.tagging import STACK_TAG, tag_map

OPERATIONS: Final = (
    Operation("eks", "ListClusters", "eks:ListClusters", page=100),
    Operation(
        "eks",
        "DescribeCluster",
        "eks:DescribeCluster",
        # A connector's activation code is a secret; certificates are public, but no control needs them.
        secrets=("cluster.connectorConfig", "cluster.certificateAuthority"),
        after=("eks:ListClusters",),
        per="cluster",
        own=("cluster.arn",),
    ),
)


def collect(caller: Caller) -> set[str]:
    """Record clusters with their descriptions; return the keys that they name."""
    names: dict[str, None] = {}
    for answer in caller.pages("eks", "ListClusters"):
        names |= dict.fromkeys(name for name in answer.get("clusters") or () if isinstance(name, str))
    return caller.each(names, _describe)


def _describe(caller: Caller, name: str) -> Iterable[str]:
    cluster = (caller.call("eks", "DescribeCluster", name=name) or {}).get("cluster")
    # A cluster names a key only for the envelope encryption of its secrets (EKS user guide).
    keys = {text(row, "provider", "keyArn") for row in objects(cluster, "encryptionConfig")}
    return keys - {""}


def parse(sources: Sources) -> Iterator[Resource]:
    """Parse clusters. Without DescribeCluster, the state and the key are unknown."""
    names = {
        name: page.ref
        for answer in sources.answers.every("eks:ListClusters")
        for page in answer.pages
        for name in page.texts("clusters")
    }
    for name, ref in sorted(names.items()):
        yield _cluster(sources, name, ref, sources.answers.one("eks:DescribeCluster", name=name))


def _cluster(sources: Sources, name: str, ref: EvidenceRef, answer: Answer) -> Resource:
    described = next((page.need_child("cluster") for page in answer.pages), None)
    arn = (described.text("arn") if described else None) or sources.arn("eks", f"cluster/{name}")
    tags = _tags(sources, arn, described, answer)
    return Resource(
        arn=Arn(arn),
        type="EKS",
        capability="EKS",
        account=sources.shard.account,
        region=sources.shard.region,
        name=name,
        state=described.text("status") if described else None,
        tags=tags,
        encryption=sources.gaps.reading(_encryption(described), answer),
        created_at=described.instant("createdAt") if described else None,
        stack=tags.value.get(STACK_TAG) if isinstance(tags, Known) else None,
        refs=(ref, *answer.refs),
    )


def _tags(sources: Sources, arn: str, described: Shape | None, answer: Answer) -> Reading[Tags]:
    # DescribeCluster returns the tags as well; without it, the tagging API does.
    if described is not None and answer.gap is None:
        return Known(tag_map(described, "tags"), answer.refs)
    return sources.tags(arn, "eks:cluster", "eks:ListTagsForResource", resourceArn=arn)


def _encryption(cluster: Shape | None) -> Encryption:
    """Parse a cluster's key; without one, EKS encrypts with an AWS owned key (EKS user guide)."""
    providers = [
        provider
        for configuration in (cluster.children("encryptionConfig") if cluster else ())
        if (provider := configuration.child("provider"))
    ]
    keys = tuple(key for provider in providers if (key := provider.text("keyArn")))
    return Encryption(encrypted=True, keys=keys)
