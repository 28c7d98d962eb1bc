"""Which services have an endpoint in a Region, by botocore's data: the others are not called there.

A call to an endpoint that does not exist would be retried again and again and end as a gap. A service is
left out only where AWS Backup's own answer leaves its type out and botocore does not know the service in the
Region either.
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
