"""Which services have an endpoint in a Region, by botocore's data: the others are not called there.

A call to an endpoint that does not exist would be retried again and again and end as a gap. A service is
left out only where AWS Backup's own answer leaves its type out and botocore does not know the service in the
Region either.
"""

import threading
from collections.abc import Collection
from functools import cache
from typing import Final

from botocore.session import Session

from scanner.collect.models import model_loader
from scanner.model.names import RegionName, partition_of
from scanner.services.supported import TYPE_OF_SERVICE, is_unsupported


def is_doubtful(service: str, region: RegionName) -> bool:
    """Check whether AWS Backup's answer decides if a service (boto3's client name) is called in a Region."""
    return service in TYPE_OF_SERVICE and region not in _regions(service, partition_of(region))


def is_left_out(service: str, region: RegionName, types: Collection[str]) -> bool:
    """Check whether a service is not called in a Region. `types`: what AWS Backup supports there."""
    return is_doubtful(service, region) and is_unsupported(service, types)


def _regions(service: str, partition: str) -> frozenset[str]:
    """Return the Regions in which botocore's data knows a service; of a new one it may know none."""
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
