"""Amazon EFS: file systems."""

from typing import Final

from scanner.collect.calls import Caller
from scanner.collect.fields import texts
from scanner.collect.operations import Operation

OPERATIONS: Final = (
    Operation(
        "efs",
        "DescribeFileSystems",
        "elasticfilesystem:DescribeFileSystems",
        page=100,
        own=("FileSystems[].FileSystemArn",),
    ),
)


def collect(caller: Caller) -> set[str]:
    """Record file systems; give the keys that were named."""
    return set(texts(caller.pages("efs", "DescribeFileSystems"), "FileSystems", "KmsKeyId"))
