"""A scan from a bucket into a folder, so that it can be read like any other."""

from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from scanner.errors import BundleError
from scanner.storage.files import write_atomically
from scanner.storage.place import Place
from scanner.storage.s3 import CONNECTIONS, Means, open_s3, telling

_CHUNK = 1 << 20


def download(place: Place, folder: Path, means: Means, without: Collection[str] = ()) -> int:
    """Fetch what lies at a place into a folder, and count it. `without`: folders that stay there.

    Raises:
        BundleError: nothing lies there, it may not be read, or a key is no name of a file.
        OutputError: the folder cannot be written to.
        CredentialsError, EndpointError: as `telling`.
    """
    client = open_s3(means)
    with telling(place, means, writes=False), ThreadPoolExecutor(CONNECTIONS) as pool:
        names = [name for name in _names(client, place, means) if name.partition("/")[0] not in without]
        list(pool.map(lambda name: _fetch(client, place, means, folder, name), names))
    if not names:
        raise BundleError(f"{place} holds no scan: check the name.")
    return len(names)


def _names(client: Any, place: Place, means: Means) -> Iterator[str]:  # noqa: ANN401 -- a client
    prefix = place.key("")
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket=place.bucket, Prefix=prefix, **means.owner
    )
    for page in pages:
        for each in page.get("Contents", ()):
            name = each["Key"].removeprefix(prefix)
            if name and not name.endswith("/"):  # what consoles make to show a folder
                yield _safe(name, place)


def _safe(name: str, place: Place) -> str:
    """Refuse names that would leave the folder: a bucket may hold any key."""
    parts = name.split("/")
    if any(part in ("", ".", "..") or "\\" in part or "\0" in part for part in parts):
        raise BundleError(f"{place} holds {name[:80]!r}, which is no name of a file of a scan.")
    return name


def _fetch(client: Any, place: Place, means: Means, folder: Path, name: str) -> None:  # noqa: ANN401 -- a client
    where = {"Bucket": place.bucket, "Key": place.key(name), **means.owner}
    body = client.get_object(ChecksumMode="ENABLED", **where)["Body"]
    write_atomically(folder / name, body.iter_chunks(_CHUNK))
