"""Amazon Redshift Serverless: namespaces. Their tags come from the tagging API."""

from typing import Final

from scanner.collect.calls import Caller
from scanner.collect.fields import texts
from scanner.collect.operations import Operation

OPERATIONS: Final = (
    Operation(
        "redshift-serverless",
        "ListNamespaces",
        "redshift-serverless:ListNamespaces",
        page=100,
        own=("namespaces[].namespaceArn",),
    ),
)

_AWS_OWNED: Final = "AWS_OWNED_KMS_KEY"  # stands where a key would: nobody can ask for that one


def collect(caller: Caller) -> set[str]:
    """Record namespaces; give the keys that were named."""
    named = texts(caller.pages("redshift-serverless", "ListNamespaces"), "namespaces", "kmsKeyId")
    return set(named) - {_AWS_OWNED}
