"""Amazon FSx: file systems, and the volumes of those of ONTAP."""

from collections.abc import Mapping
from typing import Any, Final

from scanner.collect.calls import Caller
from scanner.collect.fields import rows, text
from scanner.collect.operations import Operation

_PAGE: Final = 50  # the longest list of an answer (API reference, "DescribeFileSystems")

OPERATIONS: Final = (
    Operation(
        "fsx",
        "DescribeFileSystems",
        "fsx:DescribeFileSystems",
        _PAGE,
        # Administrative actions repeat whole file systems within file systems, passwords included.
        secrets=("FileSystems[].OntapConfiguration.FsxAdminPassword", "FileSystems[].AdministrativeActions"),
        own=("FileSystems[].ResourceARN",),
    ),
    Operation(
        "fsx",
        "DescribeVolumes",
        "fsx:DescribeVolumes",
        _PAGE,
        secrets=("Volumes[].AdministrativeActions",),
        after=("fsx:DescribeFileSystems",),
        own=("Volumes[].ResourceARN",),
    ),
)


def collect(caller: Caller) -> set[str]:
    """Record file systems, and volumes where there may be some of ONTAP; give the keys that were named."""
    keys: set[str] = set()
    has_ontap = False
    for answer in caller.pages("fsx", "DescribeFileSystems"):
        keys.update(_keys(answer))
        has_ontap |= any(text(row, "FileSystemType") == "ONTAP" for row in rows(answer, "FileSystems"))
    if has_ontap or "fsx:DescribeFileSystems" in caller.failures:
        for _ in caller.pages("fsx", "DescribeVolumes"):
            pass
    return keys


def _keys(answer: Mapping[str, Any]) -> set[str]:
    return {text(row, "KmsKeyId") for row in rows(answer, "FileSystems")} - {""}
