"""Scans in S3: uploaded with the manifest last, downloaded, listed below a prefix; errors as one sentence."""

import base64
import hashlib
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final

import boto3
from botocore import exceptions as aws
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from scanner.errors import (
    BundleError,
    CredentialsError,
    EndpointError,
    OutputError,
    UsageError,
    VaultproofError,
)
from scanner.storage.files import write_atomically
from scanner.storage.place import Place

ATTEMPTS: Final = 5
"""How often a request is sent at most; botocore waits longer before each, 20 seconds at most."""

CONNECTIONS: Final = 8
"""Files that are on their way at once."""

_CONFIG: Final = Config(
    retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
    connect_timeout=10,
    read_timeout=60,
    max_pool_connections=CONNECTIONS,
    user_agent_extra="vaultproof",
)
_LOG_IN: Final = "Log in again (`aws sso login`, new keys), or name another profile (AWS_PROFILE)."

_EXPIRED: Final = frozenset(
    (
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidToken",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
    )
)

_ELSEWHERE: Final = frozenset(
    (
        "301",
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraintException",
        "PermanentRedirect",
        "TemporaryRedirect",
    )
)
_REFUSED: Final = frozenset(("403", "AccessDenied", "AllAccessDisabled", "AccountProblem", "Forbidden"))

_CREDENTIALS: Final = (
    aws.NoCredentialsError,
    aws.PartialCredentialsError,
    aws.ProfileNotFound,
    aws.CredentialRetrievalError,
    aws.TokenRetrievalError,
    aws.SSOError,
    aws.LoginError,
)
_CHUNK = 1 << 20
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

_JUDGED: Final = "findings.json"
"""What an evaluated scan has, and a bundle of evidence has not."""
_MISSING: Final = frozenset(("404", "NoSuchKey", "NotFound"))


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Options:
    """How a bucket is spoken to.

    `kms_key`: the key that encrypts (an id, ARN or alias); empty: S3's own (SSE-S3). `bucket_owner`: the
    account that must own the bucket; empty: whoever does. `profile`: None for the one of the environment.
    """

    kms_key: str = ""
    bucket_owner: str = ""
    profile: str | None = None

    @property
    def owner(self) -> dict[str, str]:
        """Give the parameter that makes S3 refuse when somebody else owns the bucket."""
        return {"ExpectedBucketOwner": self.bucket_owner} if self.bucket_owner else {}

    @property
    def encryption(self) -> dict[str, str]:
        """Give the parameters of server-side encryption."""
        if not self.kms_key:
            return {"ServerSideEncryption": "AES256"}
        return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.kms_key}


def open_s3(means: S3Options) -> Any:  # noqa: ANN401 -- boto3 makes the class of a client at run time
    """Make a client. CredentialsError: there is no such profile."""
    try:
        return boto3.Session(profile_name=means.profile).client("s3", config=_CONFIG)
    except _CREDENTIALS as problem:
        raise CredentialsError(f"The credentials cannot be used: {problem}. {_LOG_IN}") from problem


@contextmanager
def translated_errors(place: Place, means: S3Options, *, writes: bool) -> Iterator[None]:
    """Turn what AWS says into one of our errors, with advice.

    Raises:
        CredentialsError: there are none, or they have expired.
        EndpointError: S3 does not answer.
        OutputError, or BundleError when it is read: the bucket is not there, is somebody else's, or refuses.
    """
    try:
        yield
    except aws.ClientError as problem:
        raise _told(problem, place, means, writes=writes) from problem
    except _CREDENTIALS as problem:
        raise CredentialsError(
            f"The credentials cannot be used for {place}: {problem}. {_LOG_IN}"
        ) from problem
    except (aws.HTTPClientError, aws.ConnectionError) as problem:
        raise EndpointError(f"S3 does not answer for {place}: {problem}. Check the network.") from problem
    except aws.BotoCoreError as problem:
        raise _kind(writes)(f"{place}: {problem}.") from problem


def code_of(problem: aws.ClientError) -> str:
    """Give AWS's word for an error; of an answer without a body, the number of its HTTP status."""
    return str(problem.response.get("Error", {}).get("Code", ""))


def _kind(writes: bool) -> type[VaultproofError]:  # noqa: FBT001 -- the one thing that it asks
    return OutputError if writes else BundleError


def _told(problem: aws.ClientError, place: Place, means: S3Options, *, writes: bool) -> VaultproofError:
    code, kind = code_of(problem), _kind(writes)
    message = str(problem.response.get("Error", {}).get("Message") or code)
    if code in _EXPIRED:
        return CredentialsError(f"AWS does not take the credentials ({code}: {message}). {_LOG_IN}")
    if code == "NoSuchBucket":
        return kind(f"There is no bucket {place.bucket}: make it, or name another one.")
    if code in _ELSEWHERE:
        return kind(f"{place.bucket} lies in another Region ({code}): set AWS_REGION to the bucket's own.")
    if code in _REFUSED or code.startswith("KMS."):
        return kind(f"{place} refuses ({code}: {message}). {_needed(place, means, writes=writes)}")
    return kind(f"{place}: {code}: {message}.")


def _needed(place: Place, means: S3Options, *, writes: bool) -> str:
    actions = "s3:PutObject" if writes else "s3:GetObject and s3:ListBucket"
    keyed = f" and kms:GenerateDataKey and kms:Decrypt on {means.kms_key}" if means.kms_key and writes else ""
    owned = f", and that account {means.bucket_owner} owns the bucket" if means.bucket_owner else ""
    return f"It takes {actions} on {place}{keyed}{owned} (docs/permissions.md)."


def download(place: Place, folder: Path, means: S3Options, without: Collection[str] = ()) -> int:
    """Fetch what lies at a place into a folder, and count it. `without`: folders that stay there.

    Raises:
        BundleError: nothing lies there, it may not be read, or a key is no name of a file.
        OutputError: the folder cannot be written to.
        CredentialsError, EndpointError: as `translated_errors`.
    """
    client = open_s3(means)
    with translated_errors(place, means, writes=False), ThreadPoolExecutor(CONNECTIONS) as pool:
        names = [name for name in _names(client, place, means) if name.partition("/")[0] not in without]
        list(pool.map(lambda name: _fetch(client, place, means, folder, name), names))
    if not names:
        raise BundleError(f"{place} holds no scan: check the name.")
    return len(names)


def _names(client: Any, place: Place, means: S3Options) -> Iterator[str]:  # noqa: ANN401 -- a client
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


def _fetch(client: Any, place: Place, means: S3Options, folder: Path, name: str) -> None:  # noqa: ANN401 -- a client
    where = {"Bucket": place.bucket, "Key": place.key(name), **means.owner}
    body = client.get_object(ChecksumMode="ENABLED", **where)["Body"]
    write_atomically(folder / name, body.iter_chunks(_CHUNK))


# Files from a folder into a bucket: whole, encrypted, with checksums, and the manifest last.
#
# An object of S3 appears whole or not at all (S3 user guide, "Amazon S3 data consistency model"): that of
# one request when it has been answered, that of many parts when they are completed. The manifest tells of
# all others, and goes when they have arrived, so that whoever finds one finds the scan.
@dataclass(frozen=True, slots=True)
class Sizes:
    """Files larger than `one_request` bytes go in parts of `part` bytes. S3 takes no part below 5 MiB."""

    one_request: int = _ONE_REQUEST
    part: int = _PART


def check_place(place: Place, means: S3Options) -> None:
    """See early whether a scan can go to a place; what the caller may not ask is seen when it goes there.

    Raises:
        UsageError: a scan lies there.
        OutputError, CredentialsError, EndpointError: as `translated_errors`.
    """
    client = open_s3(means)
    with translated_errors(place, means, writes=True):
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
    folder: Path,
    place: Place,
    means: S3Options,
    names: Iterable[str] | None = None,
    sizes: Sizes | None = None,
) -> tuple[str, ...]:
    """Put files of a folder into a bucket, and give their names. `names` None: all there are.

    Raises:
        OutputError, CredentialsError, EndpointError: as `translated_errors`. What had arrived by then stays.
    """
    found = tuple(sorted(files_of(folder) if names is None else names))
    sender = _Sender(open_s3(means), folder, place, means, sizes or Sizes())
    before = [name for name in found if name != LAST]
    with translated_errors(place, means, writes=True), ThreadPoolExecutor(CONNECTIONS) as pool:
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

    def __init__(self, client: Any, folder: Path, place: Place, means: S3Options, sizes: Sizes) -> None:  # noqa: ANN401 -- a client
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


def judged_scans(parent: Place, means: S3Options) -> list[Place]:
    """Return the evaluated scans directly below a prefix, those written last first.

    Raises:
        BundleError, CredentialsError, EndpointError: as `translated_errors`.
    """
    client = open_s3(means)
    with translated_errors(parent, means, writes=False), ThreadPoolExecutor(CONNECTIONS) as pool:
        places = list(_children(client, parent, means))
        written = list(pool.map(lambda place: _written_at(client, place, means), places))
    dated = [(at, place) for at, place in zip(written, places, strict=True) if at is not None]
    return [place for _, place in sorted(dated, key=lambda each: (each[0], each[1].prefix), reverse=True)]


def _children(client: Any, parent: Place, means: S3Options) -> Iterator[Place]:  # noqa: ANN401 -- a client
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket=parent.bucket, Prefix=parent.key(""), Delimiter="/", **means.owner
    )
    for page in pages:
        for each in page.get("CommonPrefixes", ()):
            yield Place(parent.bucket, each["Prefix"].rstrip("/"))


def _written_at(client: Any, place: Place, means: S3Options) -> datetime | None:  # noqa: ANN401 -- a client
    """Return when a scan was evaluated; None: there is none."""
    try:
        answer = client.head_object(Bucket=place.bucket, Key=place.key(_JUDGED), **means.owner)
    except ClientError as problem:
        if code_of(problem) in _MISSING:
            return None
        raise
    written: datetime = answer["LastModified"]
    return written
