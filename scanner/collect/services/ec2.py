"""Amazon EC2: Regions, instances and volumes."""

from collections.abc import Mapping
from typing import Any, Final

from scanner.collect.calls import Caller
from scanner.collect.fields import rows, text, texts
from scanner.collect.operations import Operation
from scanner.model.names import RegionName

# Without a page size EC2 answers more slowly and throttles sooner (facts 10.2).
_PAGE: Final = 1000

OPERATIONS: Final = (
    Operation("ec2", "DescribeRegions", "ec2:DescribeRegions"),
    Operation(
        "ec2",
        "DescribeInstances",
        "ec2:DescribeInstances",
        _PAGE,
        secrets=("Reservations[].Instances[].UserData",),
        own=("Reservations[].OwnerId",),
    ),
    Operation("ec2", "DescribeVolumes", "ec2:DescribeVolumes", _PAGE),
)

_NOT_ENABLED: Final = "not-opted-in"


def regions(caller: Caller) -> dict[RegionName, bool] | None:
    """Say of each Region whether the account has enabled it; None when AWS does not tell."""
    answer = caller.call("ec2", "DescribeRegions", AllRegions=True)
    return None if answer is None else enabled(answer)


def enabled(answer: Mapping[str, Any]) -> dict[RegionName, bool]:
    """Say of each Region of an answer of DescribeRegions whether the account has enabled it."""
    return {
        RegionName(name): row.get("OptInStatus") != _NOT_ENABLED
        for row in rows(answer, "Regions")
        if (name := text(row, "RegionName"))
    }


def collect(caller: Caller) -> set[str]:
    """Record instances and volumes; give the keys that were named."""
    for _ in caller.pages("ec2", "DescribeInstances"):
        pass
    return set(texts(caller.pages("ec2", "DescribeVolumes"), "Volumes", "KmsKeyId"))
