"""Which resource types AWS Backup supports in a Region, and which services need not be asked there.

A call to an endpoint that does not exist would be tried again and again and end as a gap. A service is
left out only where AWS Backup's own answer leaves its type out and botocore does not know the service in
the Region either.
"""

from collections.abc import Collection
from functools import cache
from typing import Final

from botocore.session import Session

from scanner.collect.calls import Caller
from scanner.collect.operations import Operation
from scanner.model.names import RegionName, partition_of
from scanner.model.supported import is_unsupported

OPERATIONS: Final = (Operation("backup", "GetSupportedResourceTypes", "backup:GetSupportedResourceTypes"),)


def supported_types(caller: Caller) -> tuple[str, ...]:
    """Record what AWS Backup supports in the Region; nothing when it does not tell."""
    answer = caller.call("backup", "GetSupportedResourceTypes") or {}
    return tuple(kind for kind in answer.get("ResourceTypes") or () if isinstance(kind, str))


def is_left_out(service: str, region: RegionName, types: Collection[str]) -> bool:
    """Whether a service (boto3's client name) is not to be asked in a Region."""
    return is_unsupported(service, types) and region not in _regions(service, partition_of(region))


@cache
def _regions(service: str, partition: str) -> frozenset[str]:
    """Give the Regions in which botocore's data knows a service; of a young one it may know none."""
    return frozenset(Session().get_available_regions(service, partition_name=partition))
