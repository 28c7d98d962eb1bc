"""Amazon Redshift Serverless: namespaces. Their tags come from the tagging API."""

from collections.abc import Iterator
from typing import Final

from scanner.evidence.shape import Shape
from scanner.model.inventory import Encryption, Resource
from scanner.model.known import EvidenceRef, Known
from scanner.model.names import Arn
from scanner.services.base import Operation, distinct, rows, texts
from scanner.services.caller import Caller
from scanner.services.sources import Sources
from scanner.services.tagging import STACK_TAG

OPERATIONS: Final = (
    Operation(
        "redshift-serverless",
        "ListNamespaces",
        "redshift-serverless:ListNamespaces",
        page=100,
        own=("namespaces[].namespaceArn",),
        identity=("namespaces[].namespaceArn",),
    ),
)

_AWS_OWNED: Final = "AWS_OWNED_KMS_KEY"  # a value instead of a key, which cannot be described


def collect(caller: Caller) -> set[str]:
    """Record namespaces; return the keys that they name."""
    named = texts(caller.pages("redshift-serverless", "ListNamespaces"), "namespaces", "kmsKeyId")
    return set(named) - {_AWS_OWNED}


def parse(sources: Sources) -> Iterator[Resource]:
    """Parse namespaces."""
    namespaces = distinct(
        rows(sources.answers, "redshift-serverless:ListNamespaces", "namespaces"), "namespaceArn"
    )
    for _, (row, ref) in sorted(namespaces.items()):
        yield _namespace(sources, row, ref)


def _namespace(sources: Sources, row: Shape, ref: EvidenceRef) -> Resource:
    arn = row.need("namespaceArn")
    tags = sources.tags(
        arn, "redshift-serverless:namespace", "redshift-serverless:ListTagsForResource", resourceArn=arn
    )
    return Resource(
        arn=Arn(arn),
        type="Redshift Serverless",
        capability="RedshiftServerless",
        account=sources.shard.account,
        region=sources.shard.region,
        name=row.text("namespaceName") or arn.rpartition("/")[2],
        state=row.text("status"),
        tags=tags,
        encryption=Known(_serverless_encryption(row), (ref,)),
        created_at=row.instant("creationDate"),
        stack=tags.value.get(STACK_TAG) if isinstance(tags, Known) else None,
        refs=(ref,),
    )


def _serverless_encryption(row: Shape) -> Encryption:
    """Parse a namespace's key: each is encrypted, with an AWS owned key unless another is named."""
    key = row.text("kmsKeyId")
    return Encryption(encrypted=True, keys=() if key in (None, "", _AWS_OWNED) else (key or "",))
