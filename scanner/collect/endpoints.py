"""The services that have an endpoint in a Region, according to botocore; others are not called there.

Calls to an endpoint that does not exist would be retried many times and end as a gap. A service is omitted
only if AWS Backup's own answer omits its type and botocore has no endpoint of the service in the Region.
"""

import gzip
import threading
from collections.abc import Callable, Collection
from functools import cache
from pathlib import Path
from typing import Any, Final

import orjson
from botocore.loaders import JSONFileLoader, Loader, create_loader
from botocore.session import Session

from scanner.model.names import RegionName, partition_of
from scanner.services.supported import TYPE_OF_SERVICE, is_unsupported

_UNPACKERS: Final[dict[str, Callable[[bytes], bytes]]] = {".json": bytes, ".json.gz": gzip.decompress}
"""The files that botocore looks for, in its order."""


def is_doubtful(service: str, region: RegionName) -> bool:
    """Return whether AWS Backup's answer decides if a service (boto3's client name) is called in a Region."""
    return service in TYPE_OF_SERVICE and region not in _regions(service, partition_of(region))


def is_left_out(service: str, region: RegionName, types: Collection[str]) -> bool:
    """Return whether a service is not called in a Region. `types`: those that AWS Backup supports there."""
    # botocore's data may lack a new Region, so it never decides alone.
    return is_doubtful(service, region) and is_unsupported(service, types)


def _regions(service: str, partition: str) -> frozenset[str]:
    """Return the Regions of a service in botocore's data, which may have none for a new service."""
    with _lock:  # many shards start at once, and the data is large
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


# The service descriptions that botocore ships, read once in a process.
#
# They hold the operations and shapes of each service, its endpoint rules, and the Regions of AWS.
@cache
def model_loader(data_path: str | None) -> Loader:
    """Return the loader that all sessions of this process share; `data_path` is that of AWS_DATA_PATH."""
    loader = create_loader(data_path)
    loader.file_loader = FastFiles()
    return loader


class FastFiles(JSONFileLoader):
    """botocore's reader of JSON files, with a parser that takes half of the time."""

    def load_file(self, file_path: str) -> Any:  # noqa: ANN401 -- whatever a file holds
        """Return what a file holds (named without its extension); None: there is no such file."""
        for extension, unpack in _UNPACKERS.items():
            file = Path(file_path + extension)
            if file.is_file():
                try:
                    return orjson.loads(unpack(file.read_bytes()))
                except orjson.JSONDecodeError:
                    break  # botocore's parser accepts more, or has an error of its own
        return super().load_file(file_path)
