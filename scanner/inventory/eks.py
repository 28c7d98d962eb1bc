"""Amazon EKS: ListClusters names clusters, DescribeCluster describes each, tags included."""

from collections.abc import Iterator

from scanner.evidence.answers import Answer
from scanner.evidence.shape import Shape
from scanner.inventory.ec2 import STACK_TAG
from scanner.inventory.sources import Sources
from scanner.inventory.tags import tag_map
from scanner.model.inventory import Encryption, Resource, Tags
from scanner.model.names import Arn
from scanner.model.reading import EvidenceRef, Known, Reading


def parse_eks(sources: Sources) -> Iterator[Resource]:
    """Parse clusters. One whose DescribeCluster is missing is of unknown state and key."""
    names = {
        name: page.ref
        for answer in sources.answers.every("eks:ListClusters")
        for page in answer.pages
        for name in page.texts("clusters")
    }
    for name, ref in sorted(names.items()):
        yield _cluster(sources, name, ref, sources.answers.one("eks:DescribeCluster", name=name))


def _cluster(sources: Sources, name: str, ref: EvidenceRef, answer: Answer) -> Resource:
    told = next((page.need_child("cluster") for page in answer.pages), None)
    arn = (told.text("arn") if told else None) or sources.arn("eks", f"cluster/{name}")
    tags = _tags(sources, arn, told, answer)
    return Resource(
        arn=Arn(arn),
        type="EKS",
        capability="EKS",
        account=sources.shard.account,
        region=sources.shard.region,
        name=name,
        state=told.text("status") if told else None,
        tags=tags,
        encryption=sources.gaps.reading(_encryption(told), answer),
        created_at=told.instant("createdAt") if told else None,
        stack=tags.value.get(STACK_TAG) if isinstance(tags, Known) else None,
        refs=(ref, *answer.refs),
    )


def _tags(sources: Sources, arn: str, told: Shape | None, answer: Answer) -> Reading[Tags]:
    if told is not None and answer.gap is None:
        return Known(tag_map(told, "tags"), answer.refs)
    return sources.tags(arn, "eks:cluster", "eks:ListTagsForResource", resourceArn=arn)


def _encryption(cluster: Shape | None) -> Encryption:
    """Read a cluster's key: without one, its state lies under a key that AWS owns (EKS user guide)."""
    providers = [
        provider
        for configuration in (cluster.children("encryptionConfig") if cluster else ())
        if (provider := configuration.child("provider"))
    ]
    keys = tuple(key for provider in providers if (key := provider.text("keyArn")))
    return Encryption(encrypted=True, keys=keys)
