"""The scans that are next to each other below one prefix of a bucket."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, Final

from botocore.exceptions import ClientError

from scanner.storage.place import Place
from scanner.storage.s3 import CONNECTIONS, Means, code_of, open_s3, telling

_JUDGED: Final = "findings.json"
"""What an evaluated scan has, and a bundle of evidence has not."""

_MISSING: Final = frozenset(("404", "NoSuchKey", "NotFound"))


def judged_scans(parent: Place, means: Means) -> list[Place]:
    """Return the evaluated scans directly below a prefix, those written last first.

    Raises:
        BundleError, CredentialsError, EndpointError: as `telling`.
    """
    client = open_s3(means)
    with telling(parent, means, writes=False), ThreadPoolExecutor(CONNECTIONS) as pool:
        places = list(_children(client, parent, means))
        written = list(pool.map(lambda place: _written_at(client, place, means), places))
    dated = [(at, place) for at, place in zip(written, places, strict=True) if at is not None]
    return [place for _, place in sorted(dated, key=lambda each: (each[0], each[1].prefix), reverse=True)]


def _children(client: Any, parent: Place, means: Means) -> Iterator[Place]:  # noqa: ANN401 -- a client
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket=parent.bucket, Prefix=parent.key(""), Delimiter="/", **means.owner
    )
    for page in pages:
        for each in page.get("CommonPrefixes", ()):
            yield Place(parent.bucket, each["Prefix"].rstrip("/"))


def _written_at(client: Any, place: Place, means: Means) -> datetime | None:  # noqa: ANN401 -- a client
    """Return when a scan was evaluated; None: there is none."""
    try:
        answer = client.head_object(Bucket=place.bucket, Key=place.key(_JUDGED), **means.owner)
    except ClientError as problem:
        if code_of(problem) in _MISSING:
            return None
        raise
    written: datetime = answer["LastModified"]
    return written
