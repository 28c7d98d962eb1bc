"""Scans in S3: upload with the manifest last, download, and listing below a prefix."""

import base64
import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
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
"""Attempts per request; botocore waits longer before each, up to 20 seconds."""

CONNECTIONS: Final = 8
"""Files transferred at once."""

_CONFIG: Final = Config(
    retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
    connect_timeout=10,
    read_timeout=60,
    max_pool_connections=CONNECTIONS,
    user_agent_extra="vaultproof",
)
_NO_REGION: Final = "us-east-1"  # for STS where no Region is configured: any one answers
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

_WRONG_REGION: Final = frozenset(
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
_CHECKSUMS: Final = "reports.sha256"
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
"""A file that an evaluated scan has, and a bundle of evidence has not."""
_MISSING: Final = frozenset(("404", "NoSuchKey", "NotFound"))


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Options:
    """Encryption, expected owner and credentials for requests to a bucket.

    `kms_key`: an id, ARN or alias; empty: SSE-S3. `bucket_owner`: the account that must own the bucket;
    empty: that of the credentials (`with_owner`). `profile`: None: the profile of the environment.
    """

    kms_key: str = ""
    bucket_owner: str = ""
    profile: str | None = None
    is_own_account: bool = False  # whether `bucket_owner` is the default of `with_owner`

    @property
    def owner(self) -> dict[str, str]:
        """The parameter with which S3 refuses a bucket of another account."""
        return {"ExpectedBucketOwner": self.bucket_owner} if self.bucket_owner else {}

    @property
    def encryption(self) -> dict[str, str]:
        """The parameters of server-side encryption."""
        if not self.kms_key:
            return {"ServerSideEncryption": "AES256"}
        return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.kms_key}


def open_s3(options: S3Options) -> Any:  # noqa: ANN401 -- boto3 makes the class of a client at run time
    """Create a client that makes no call without an expected owner. CredentialsError: no such profile."""
    try:
        client = boto3.Session(profile_name=options.profile).client("s3", config=_CONFIG)
    except _CREDENTIALS as problem:
        raise CredentialsError(f"The credentials cannot be used: {problem}. {_LOG_IN}") from problem
    # A hook, because a forgotten parameter would not show until a bucket is another account's.
    client.meta.events.register("before-call.s3", _refuse_without_owner)
    return client


def _refuse_without_owner(params: Mapping[str, Any], **_event: object) -> None:
    """Raise ValueError, a mistake in this program, if a request does not name the owner of its bucket."""
    if not params["headers"].get("x-amz-expected-bucket-owner"):
        raise ValueError(f"a request to S3 names no owner of the bucket: {params['url_path']}")


def with_owner(options: S3Options) -> S3Options:
    """Return options that name the owner of the bucket: without a name, the account of the credentials.

    A bucket of the expected name may belong to another account, which would receive or forge a scan.

    Raises:
        CredentialsError: there are none, or AWS does not say which account they belong to.
        EndpointError: STS does not answer.
    """
    if options.bucket_owner:
        return options
    name_it = "or name the account that owns the bucket with --bucket-owner"
    try:
        session = boto3.Session(profile_name=options.profile)
        sts = session.client("sts", region_name=session.region_name or _NO_REGION, config=_CONFIG)
        account = str(sts.get_caller_identity()["Account"])
    except aws.ClientError as problem:
        advice = _LOG_IN if code_of(problem) in _EXPIRED else f"Allow the call, {name_it}."
        raise CredentialsError(
            f"AWS refused sts:GetCallerIdentity ({code_of(problem)}). {advice}"
        ) from problem
    except _CREDENTIALS as problem:
        raise CredentialsError(f"The credentials cannot be used: {problem}. {_LOG_IN}") from problem
    except aws.BotoCoreError as problem:
        raise EndpointError(
            f"STS does not answer, so that the owner of the bucket is not known: {problem}. Check the "
            f"network, {name_it}."
        ) from problem
    return replace(options, bucket_owner=account, is_own_account=True)


@contextmanager
def translated_errors(place: Place, options: S3Options, *, writes: bool) -> Iterator[None]:
    """Turn AWS errors inside the block into errors of this program, with advice.

    Raises:
        CredentialsError: there are none, or they have expired.
        EndpointError: S3 does not answer.
        OutputError (when writing) or BundleError (when reading): the bucket does not exist, belongs to
            another
            account, or refuses access.
    """
    try:
        yield
    except aws.ClientError as problem:
        raise _error_for(problem, place, options, writes=writes) from problem
    except _CREDENTIALS as problem:
        raise CredentialsError(
            f"The credentials cannot be used for {place}: {problem}. {_LOG_IN}"
        ) from problem
    except (aws.HTTPClientError, aws.ConnectionError) as problem:
        raise EndpointError(f"S3 does not answer for {place}: {problem}. Check the network.") from problem
    except aws.BotoCoreError as problem:
        raise _error_class(writes)(f"{place}: {problem}.") from problem


def code_of(problem: aws.ClientError) -> str:
    """Return the error code; for a response without a body, this is the HTTP status."""
    return str(problem.response.get("Error", {}).get("Code", ""))


def is_refused(problem: BaseException) -> bool:
    """Check whether S3 denied access, or a bucket that belongs to another account than expected."""
    cause = problem.__cause__
    return isinstance(cause, aws.ClientError) and code_of(cause) in _REFUSED


def _error_class(writes: bool) -> type[VaultproofError]:  # noqa: FBT001 -- its only parameter
    return OutputError if writes else BundleError


def _error_for(
    problem: aws.ClientError, place: Place, options: S3Options, *, writes: bool
) -> VaultproofError:
    code, kind = code_of(problem), _error_class(writes)
    message = str(problem.response.get("Error", {}).get("Message") or code)
    if code in _EXPIRED:
        return CredentialsError(f"AWS rejected the credentials ({code}: {message}). {_LOG_IN}")
    if code == "NoSuchBucket":
        return kind(f"Bucket {place.bucket} does not exist: create it, or name another one.")
    if code in _WRONG_REGION:
        return kind(f"Bucket {place.bucket} is in another Region ({code}): set AWS_REGION to that Region.")
    # S3 passes on errors of AWS KMS with this prefix (KMS.DisabledException).
    if code in _REFUSED or code.startswith("KMS."):
        required = _required_permissions(place, options, writes=writes, operation=problem.operation_name)
        return kind(f"Access to {place} was denied ({code}: {message}). {required}")
    return kind(f"{place}: {code}: {message}.")


def _required_permissions(
    place: Place, options: S3Options, *, writes: bool, operation: str = "PutObject"
) -> str:
    actions = "s3:PutObject" if writes else "s3:GetObject and s3:ListBucket"
    if writes and operation.startswith("DeleteObject"):
        actions = "s3:DeleteObject"
    keyed = (
        f" and kms:GenerateDataKey and kms:Decrypt on {options.kms_key}" if options.kms_key and writes else ""
    )
    owned = f"; the bucket must belong to account {options.bucket_owner}" if options.bucket_owner else ""
    if options.is_own_account:
        owned += ", that of the credentials, unless --bucket-owner names another one"
    return f"Required: {actions} on {place}{keyed}{owned} (docs/permissions.md)."


def download(place: Place, folder: Path, options: S3Options, without: Collection[str] = ()) -> int:
    """Download all files below a location, less the folders `without`, and return their number.

    Raises:
        BundleError: there is no scan, it cannot be read, or a key is not a valid file name.
        OutputError: the folder is not writable.
        CredentialsError, EndpointError: as `translated_errors`.
    """
    options = with_owner(options)
    client = open_s3(options)
    with translated_errors(place, options, writes=False), ThreadPoolExecutor(CONNECTIONS) as pool:
        names = [
            name for name in object_names(client, place, options) if name.partition("/")[0] not in without
        ]
        list(pool.map(lambda name: _fetch(client, place, options, folder, name), names))
    if not names:
        raise BundleError(f"There is no scan at {place}: check the name.")
    return len(names)


def download_files(place: Place, folder: Path, options: S3Options, names: Collection[str]) -> frozenset[str]:
    """Download files with these names, and return those that exist.

    Raises:
        BundleError, OutputError, CredentialsError, EndpointError: as `download`.
    """
    options = with_owner(options)
    client = open_s3(options)

    def fetch(name: str) -> bool:
        try:
            _fetch(client, place, options, folder, _safe(name, place))
        except ClientError as problem:
            if code_of(problem) in _NOT_THERE:
                return False
            raise
        return True

    with translated_errors(place, options, writes=False), ThreadPoolExecutor(CONNECTIONS) as pool:
        exist = list(pool.map(fetch, names))
    return frozenset(name for name, is_there in zip(names, exist, strict=True) if is_there)


def object_names(client: Any, place: Place, options: S3Options) -> Iterator[str]:  # noqa: ANN401 -- a client
    """Yield the names of all files below a location. BundleError: a key is not a valid file name."""
    prefix = place.key("")
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket=place.bucket, Prefix=prefix, **options.owner
    )
    for page in pages:
        for listed in page.get("Contents", ()):
            name = listed["Key"].removeprefix(prefix)
            if name and not name.endswith("/"):  # the S3 console creates such objects to show a folder
                yield _safe(name, place)


def _safe(name: str, place: Place) -> str:
    """Return the name, and refuse one that would leave the folder: a bucket may contain any key."""
    parts = name.split("/")
    if any(part in ("", ".", "..") or "\\" in part or "\0" in part for part in parts):
        raise BundleError(f"{place} contains {name[:80]!r}, which is not a valid file name of a scan.")
    return name


def _fetch(client: Any, place: Place, options: S3Options, folder: Path, name: str) -> None:  # noqa: ANN401 -- a client
    body = client.get_object(
        ChecksumMode="ENABLED", Bucket=place.bucket, Key=place.key(name), **options.owner
    )["Body"]
    write_atomically(folder / name, body.iter_chunks(_CHUNK))


# Files are uploaded encrypted, with checksums, and the manifest last.
#
# S3 never shows a part of an object (S3 user guide, "Amazon S3 data consistency model"). Since the manifest
# lists all other files and is uploaded when they have arrived, a scan with a manifest is complete.
@dataclass(frozen=True, slots=True)
class Sizes:
    """Files larger than `one_request` bytes are uploaded in parts of `part` bytes (at least 5 MiB)."""

    one_request: int = _ONE_REQUEST
    part: int = _PART


def check_place(place: Place, options: S3Options) -> str:
    """Check early whether a scan can be written to a location, as far as the caller may ask.

    Returns a note if S3 refuses to say and the owner was not named; otherwise an empty text.

    Raises:
        UsageError: a scan is there already.
        OutputError, CredentialsError, EndpointError: as `translated_errors`.
    """
    options = with_owner(options)
    client = open_s3(options)
    with translated_errors(place, options, writes=True):
        try:
            client.head_bucket(Bucket=place.bucket, **options.owner)
            client.head_object(Bucket=place.bucket, Key=place.key(LAST), **options.owner)
        except ClientError as problem:
            _raise_unless_free(problem, place)
            return _refusal(problem, place, options)
    raise UsageError(f"There is a scan at {place} already: name another location with --out.")


def _raise_unless_free(problem: ClientError, place: Place) -> None:
    code = code_of(problem)
    if code in _NOT_THERE and problem.operation_name == "HeadBucket":
        raise OutputError(f"Bucket {place.bucket} does not exist: create it, or name another one.")
    # Without s3:ListBucket, S3 answers 403 for an object that does not exist (API reference, "HeadObject").
    if code not in _NOT_THERE and code not in ("403", "AccessDenied", "Forbidden"):
        raise problem


def _refusal(problem: ClientError, place: Place, options: S3Options) -> str:
    """Return a note on a refusal: a missing permission, or a bucket of another account."""
    if code_of(problem) in _NOT_THERE or not options.is_own_account:
        return ""
    required = _required_permissions(place, options, writes=True)
    return f"Whether {place} can be written is not known before the scan ends: S3 refuses to say. {required}"


def upload(
    folder: Path,
    place: Place,
    options: S3Options,
    selected: Iterable[str] | None = None,
    sizes: Sizes | None = None,
) -> tuple[str, ...]:
    """Upload files of a folder (`selected`, or all), and return their names.

    The manifest is last, and before it the checksums of the reports, which it names.

    Raises:
        OutputError, CredentialsError, EndpointError: as `translated_errors`. Files uploaded before stay.
    """
    names = tuple(sorted(files_of(folder) if selected is None else selected))
    options = with_owner(options)
    sender = _Sender(open_s3(options), folder, place, options, sizes or Sizes())
    # The manifest after the checksums of the reports, because it names them.
    late = sorted((name for name in names if _is_late(name)), key=lambda name: name == LAST)
    with translated_errors(place, options, writes=True), ThreadPoolExecutor(CONNECTIONS) as pool:
        try:
            list(pool.map(sender.send, (name for name in names if name not in late)))
        # Otherwise the pool would upload all other files before it ends.
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
        for name in late:
            sender.send(name)
    return names


def _is_late(name: str) -> bool:
    """Check whether a file names others, so that it is uploaded after them."""
    return name == LAST or PurePosixPath(name).name == _CHECKSUMS


def content_type(name: str) -> str:
    """Return the media type of a file by its name."""
    return _TYPES.get(PurePosixPath(name).suffix, "application/octet-stream")


def files_of(folder: Path) -> Iterator[str]:
    """Yield the names of the files in and below a folder, without hidden and unfinished ones."""
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith(".") or part.endswith(".part") for part in parts)
        if path.is_file() and not path.is_symlink() and not hidden:
            yield "/".join(parts)


class _Sender:
    """Uploader for the files of one folder; threads may share it."""

    def __init__(self, client: Any, folder: Path, place: Place, options: S3Options, sizes: Sizes) -> None:  # noqa: ANN401 -- a client
        self._client, self._folder, self._place = client, folder, place
        self._means, self._sizes = options, sizes

    def send(self, name: str) -> None:
        """Upload one file."""
        path = self._folder / name
        target = {"Bucket": self._place.bucket, "Key": self._place.key(name), **self._means.owner}
        attributes = {**self._means.encryption, "ContentType": content_type(name)}
        try:
            with path.open("rb") as file:
                size = path.stat().st_size
                if size <= self._sizes.one_request:
                    # Read twice, so that no file is in memory as a whole.
                    checksum = _checksums(iter(lambda: file.read(_MIB), b""))
                    file.seek(0)
                    self._client.put_object(Body=file, **checksum, **target, **attributes)
                else:
                    self._in_parts(file, size, target, attributes)
        except OSError as problem:
            raise OutputError(f"{path} cannot be read: {problem.strerror or problem}.") from problem

    def _in_parts(
        self, file: BinaryIO, size: int, target: dict[str, str], attributes: dict[str, str]
    ) -> None:
        begun = self._client.create_multipart_upload(ChecksumAlgorithm="SHA256", **target, **attributes)
        multipart = {**target, "UploadId": begun["UploadId"]}
        try:
            parts = list(self._parts(file, size, multipart))
            self._client.complete_multipart_upload(MultipartUpload={"Parts": parts}, **multipart)
        except BaseException:
            with suppress(ClientError, BotoCoreError):  # the first error is the one to report
                # S3 stores, and charges for, the parts of an upload that is neither completed nor aborted.
                self._client.abort_multipart_upload(**multipart)
            raise

    def _parts(self, file: BinaryIO, size: int, multipart: dict[str, str]) -> Iterator[dict[str, Any]]:
        # Larger parts where a file would have more of them than S3 allows.
        length = max(self._sizes.part, -(-size // _MOST_PARTS))
        pieces = iter(lambda: file.read(length), b"")
        for number, piece in enumerate(pieces, start=1):
            checksum = _checksums((piece,))
            answer = self._client.upload_part(Body=piece, PartNumber=number, **checksum, **multipart)
            digest = checksum["ChecksumSHA256"]
            yield {"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": digest}


def _checksums(pieces: Iterable[bytes]) -> dict[str, str]:
    """Return the parameters with which S3 refuses bytes that changed on the way."""
    sha256 = hashlib.sha256()
    for piece in pieces:
        sha256.update(piece)
    digest = base64.b64encode(sha256.digest()).decode()
    return {"ChecksumAlgorithm": "SHA256", "ChecksumSHA256": digest}


def has_scan(place: Place, options: S3Options) -> bool:
    """Check whether a location has a manifest itself. BundleError and others: as `judged_scans`."""
    options = with_owner(options)
    client = open_s3(options)
    with translated_errors(place, options, writes=False):
        # HEAD of a missing file is denied where a condition limits ListBucket to a prefix.
        answer = client.list_objects_v2(
            Bucket=place.bucket, Prefix=place.key(LAST), MaxKeys=1, **options.owner
        )
        return any(entry["Key"] == place.key(LAST) for entry in answer.get("Contents", ()))


def is_empty(place: Place, options: S3Options) -> bool:
    """Check whether a prefix has no object. BundleError and others: as `judged_scans`."""
    options = with_owner(options)
    client = open_s3(options)
    with translated_errors(place, options, writes=False):
        answer = client.list_objects_v2(Bucket=place.bucket, Prefix=place.key(""), MaxKeys=1, **options.owner)
        return not answer.get("Contents")


def judged_scans(parent: Place, options: S3Options) -> list[Place]:
    """Return the evaluated scans directly below a prefix, newest first.

    Raises:
        BundleError, CredentialsError, EndpointError: as `translated_errors`.
    """
    options = with_owner(options)
    client = open_s3(options)
    with translated_errors(parent, options, writes=False), ThreadPoolExecutor(CONNECTIONS) as pool:
        places = list(_children(client, parent, options))
        written = list(pool.map(lambda place: _written_at(client, place, options), places))
    dated = [(at, place) for at, place in zip(written, places, strict=True) if at is not None]
    return [place for _, place in sorted(dated, key=lambda scan: (scan[0], scan[1].prefix), reverse=True)]


def _children(client: Any, parent: Place, options: S3Options) -> Iterator[Place]:  # noqa: ANN401 -- a client
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket=parent.bucket, Prefix=parent.key(""), Delimiter="/", **options.owner
    )
    for page in pages:
        for listed in page.get("CommonPrefixes", ()):
            yield Place(parent.bucket, listed["Prefix"].rstrip("/"))


def _written_at(client: Any, place: Place, options: S3Options) -> datetime | None:  # noqa: ANN401 -- a client
    """Return when a scan was evaluated; None: it was not."""
    try:
        answer = client.head_object(Bucket=place.bucket, Key=place.key(_JUDGED), **options.owner)
    except ClientError as problem:
        if code_of(problem) in _MISSING:
            return None
        raise
    written: datetime = answer["LastModified"]
    return written
