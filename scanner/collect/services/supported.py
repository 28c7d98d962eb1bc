"""Which resource types AWS Backup supports in a Region, and which services need not be asked there.

A call to an endpoint that does not exist would be tried again and again and end as a gap. A service is
left out only where AWS Backup's own answer leaves its type out and botocore does not know the service in
the Region either.
"""

import threading
from collections.abc import Collection
from functools import cache
from typing import Final

from botocore.session import Session

from scanner.collect.calls import Caller
from scanner.collect.models import model_loader
from scanner.collect.operations import Operation
from scanner.model.names import RegionName, partition_of
from scanner.model.supported import TYPE_OF_SERVICE, is_unsupported

OPERATIONS: Final = (Operation("backup", "GetSupportedResourceTypes", "backup:GetSupportedResourceTypes"),)


def supported_types(caller: Caller) -> tuple[str, ...]:
    """Record what AWS Backup supports in the Region; nothing when it does not tell."""
    answer = caller.call("backup", "GetSupportedResourceTypes") or {}
    return tuple(kind for kind in answer.get("ResourceTypes") or () if isinstance(kind, str))


def is_doubtful(service: str, region: RegionName) -> bool:
    """Whether it takes AWS Backup's answer to know that a service is to be asked in a Region."""
    return service in TYPE_OF_SERVICE and region not in _regions(service, partition_of(region))


def is_left_out(service: str, region: RegionName, types: Collection[str]) -> bool:
    """Whether a service (boto3's client name) is not to be asked in a Region."""
    return is_doubtful(service, region) and is_unsupported(service, types)


def _regions(service: str, partition: str) -> frozenset[str]:
    """Give the Regions in which botocore's data knows a service; of a young one it may know none."""
    with _lock:  # many shards begin at once, and the data is large
        return _read_regions(service, partition)


_lock: Final = threading.Lock()


@cache
def _read_regions(service: str, partition: str) -> frozenset[str]:
    return frozenset(_session().get_available_regions(service, partition_name=partition))


@cache
def _session() -> Session:
    session = Session()
    session.register_component("data_loader", model_loader(session.get_config_variable("data_path")))
    return session
