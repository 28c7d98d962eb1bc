"""Files from a folder into a bucket: whole, encrypted, with checksums, and the manifest last.

An object of S3 appears whole or not at all (S3 user guide, "Amazon S3 data consistency model"): that of one
request when it has been answered, that of many parts when they are completed. The manifest tells of all
others, and goes when they have arrived, so that whoever finds one finds the scan.
"""

import base64
import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final

from botocore.exceptions import BotoCoreError, ClientError

from scanner.errors import OutputError, UsageError
from scanner.storage.place import Place
from scanner.storage.s3 import CONNECTIONS, Means, code_of, open_s3, telling

LAST: Final = "manifest.json"

_MIB: Final = 1 << 20
_ONE_REQUEST: Final = 64 * _MIB
_PART: Final = 16 * _MIB
_MOST_PARTS: Final = 10_000  # S3 user guide, "Amazon S3 multipart upload limits"
_NOT_THERE: Final = frozenset(("404", "NoSuchKey", "NotFound"))
_TYPES: Final = {
    ".csv": "text/csv; charset=utf-8",
    ".gz": "application/gzip",
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".md": "text/markdown; charset=utf-8",
    ".parquet": "application/vnd.apache.parquet",
    ".pdf": "application/pdf",
    ".sarif": "application/sarif+json",
    ".sha256": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".xml": "application/xml",
}


@dataclass(frozen=True, slots=True)
class Sizes:
    """Files larger than `one_request` bytes go in parts of `part` bytes. S3 takes no part below 5 MiB."""

    one_request: int = _ONE_REQUEST
    part: int = _PART


def check_place(place: Place, means: Means) -> None:
    """See early whether a scan can go to a place; what the caller may not ask is seen when it goes there.

    Raises:
        UsageError: a scan lies there.
        OutputError, CredentialsError, EndpointError: as `telling`.
    """
    client = open_s3(means)
    with telling(place, means, writes=True):
        try:
            client.head_bucket(Bucket=place.bucket, **means.owner)
            client.head_object(Bucket=place.bucket, Key=place.key(LAST), **means.owner)
        except ClientError as problem:
            _look_at(problem, place)
            return
    raise UsageError(f"{place} holds a scan already: name another place with --out.")


def _look_at(problem: ClientError, place: Place) -> None:
    code = code_of(problem)
    if code in _NOT_THERE and problem.operation_name == "HeadBucket":
        raise OutputError(f"There is no bucket {place.bucket}: make it, or name another one.")
    if code not in _NOT_THERE and code not in ("403", "AccessDenied", "Forbidden"):
        raise problem


def upload(
    folder: Path, place: Place, means: Means, names: Iterable[str] | None = None, sizes: Sizes | None = None
) -> tuple[str, ...]:
    """Put files of a folder into a bucket, and give their names. `names` None: all there are.

    Raises:
        OutputError, CredentialsError, EndpointError: as `telling`. What had arrived by then stays.
    """
    found = tuple(sorted(files_of(folder) if names is None else names))
    sender = _Sender(open_s3(means), folder, place, means, sizes or Sizes())
    before = [name for name in found if name != LAST]
    with telling(place, means, writes=True), ThreadPoolExecutor(CONNECTIONS) as pool:
        try:
            list(pool.map(sender.send, before))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
        if LAST in found:
            sender.send(LAST)
    return found


def content_type(name: str) -> str:
    """Return the media type of a file by its name."""
    return _TYPES.get(PurePosixPath(name).suffix, "application/octet-stream")


def files_of(folder: Path) -> Iterator[str]:
    """Name the files of a folder and those below it, less what is hidden or half written."""
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith(".") or part.endswith(".part") for part in parts)
        if path.is_file() and not path.is_symlink() and not hidden:
            yield "/".join(parts)


class _Sender:
    """Sends one file after the other; several threads may share it."""

    def __init__(self, client: Any, folder: Path, place: Place, means: Means, sizes: Sizes) -> None:  # noqa: ANN401 -- a client
        self._client, self._folder, self._place = client, folder, place
        self._means, self._sizes = means, sizes

    def send(self, name: str) -> None:
        """Send one file."""
        path = self._folder / name
        where = {"Bucket": self._place.bucket, "Key": self._place.key(name), **self._means.owner}
        made = {**self._means.encryption, "ContentType": content_type(name)}
        try:
            with path.open("rb") as file:
                size = path.stat().st_size
                if size <= self._sizes.one_request:
                    checksum = _checksums(iter(lambda: file.read(_MIB), b""))
                    file.seek(0)
                    self._client.put_object(Body=file, **checksum, **where, **made)
                else:
                    self._in_parts(file, size, where, made)
        except OSError as problem:
            raise OutputError(f"{path} could not be read: {problem.strerror or problem}.") from problem

    def _in_parts(self, file: BinaryIO, size: int, where: dict[str, str], made: dict[str, str]) -> None:
        begun = self._client.create_multipart_upload(ChecksumAlgorithm="SHA256", **where, **made)
        whole = {**where, "UploadId": begun["UploadId"]}
        try:
            parts = list(self._parts(file, size, whole))
            self._client.complete_multipart_upload(MultipartUpload={"Parts": parts}, **whole)
        except BaseException:
            with suppress(ClientError, BotoCoreError):  # the first error is the one to tell
                self._client.abort_multipart_upload(**whole)
            raise

    def _parts(self, file: BinaryIO, size: int, whole: dict[str, str]) -> Iterator[dict[str, Any]]:
        length = max(self._sizes.part, -(-size // _MOST_PARTS))
        pieces = iter(lambda: file.read(length), b"")
        for number, piece in enumerate(pieces, start=1):
            checksum = _checksums((piece,))
            answer = self._client.upload_part(Body=piece, PartNumber=number, **checksum, **whole)
            told = checksum["ChecksumSHA256"]
            yield {"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": told}


def _checksums(pieces: Iterable[bytes]) -> dict[str, str]:
    """Give the parameters with which S3 takes the bytes only as they were when we read them."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    told = base64.b64encode(digest.digest()).decode()
    return {"ChecksumAlgorithm": "SHA256", "ChecksumSHA256": told}
