"""The service descriptions that botocore ships, read once in a process.

They hold the operations and shapes of each service, its endpoint rules, and the Regions of AWS.
"""

import gzip
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

import orjson
from botocore.loaders import JSONFileLoader, Loader, create_loader

_UNPACKERS: Final[dict[str, Callable[[bytes], bytes]]] = {".json": bytes, ".json.gz": gzip.decompress}
"""The files that botocore looks for, in its order."""


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
