"""A prefix of a bucket used as a folder, through which steps exchange files.

Each request names the account that must own the bucket. S3 verifies the SHA-256 of what is uploaded, botocore
that of what is downloaded. Objects are encrypted as configured in the deployment.
"""

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import orjson
from botocore.exceptions import ClientError

from scanner.errors import BundleError, OutputError
from scanner.storage.files import write_atomically
from scanner.storage.place import Place
from scanner.storage.s3 import CONNECTIONS, S3Options, code_of, content_type, translated_errors

OPENED: Final = "opened.jsonl"
"""The journal of the scan after Open: the scope, and the organization's evidence."""

ACCOUNTS: Final = "accounts.json"
"""The items of the map that collects: `[{"account": ID}, ...]`."""

BATCHES: Final = "batches.json"
"""The items of the map that judges: `[{"batch": 0}, ...]`."""

PLAN: Final = "plan.json"
"""The accounts of each batch, and the evidence files that Gather has rewritten."""

PLANE: Final = "plane.jsonl.gz"
"""The control plane of all account-Regions."""

MANIFEST: Final = "manifest.json"
"""The manifest of the evidence. Gather writes it last: if it exists, Gather is done."""
ORGANIZATION: Final = "evidence/org.jsonl.gz"
_CHUNK: Final = 1 << 20
# HEAD has no body, so that botocore uses the HTTP status as the code.
_NOT_THERE: Final = frozenset(("404", "NoSuchKey", "NotFound"))
_IS_THERE: Final = frozenset(("412", "PreconditionFailed"))
_CONFLICT: Final = frozenset(("409", "ConditionalRequestConflict"))


def account_journal(account: str) -> str:
    """Return the name of the journal lines of an account."""
    return f"journal/{account}.jsonl"


def account_state(account: str) -> str:
    """Return the name of the progress of an account: its rounds, and its records once it is done."""
    return f"accounts/{account}.json"


def account_plane(account: str) -> str:
    """Return the name of an account's part of the control plane."""
    return f"plane/{account}.jsonl.gz"


def rewritten(file: str) -> str:
    """Return the name of an evidence file that Gather rewrote, with the answers of key owners at its end."""
    return f"rewritten/{file}"


def batch_notes(batch: int) -> str:
    """Return the name of the results of a batch. Written last: if it exists, the batch is judged."""
    return f"judged/{batch}/notes.json"


def batch_folder(batch: int) -> str:
    """Return the name of the folder for a batch's parts of the inventory."""
    return f"judged/{batch}"


class Workspace:
    """The objects below a place, by their names relative to it. Thread-safe.

    Raises:
        BundleError, OutputError: the bucket refuses, does not exist, or belongs to another account.
        CredentialsError, EndpointError: as `storage.s3.telling`.
    """

    def __init__(self, client: Any, place: Place, means: S3Options) -> None:  # noqa: ANN401 -- a client
        self._client, self.place, self._means = client, place, means

    def at(self, place: Place) -> "Workspace":
        """Return the workspace of another place, with the same client."""
        return Workspace(self._client, place, self._means)

    def names(self, prefix: str = "") -> Mapping[str, int]:
        """Return the names of the objects that begin with `prefix`, and their sizes in bytes."""
        start = self.place.key("")
        with translated_errors(self.place, self._means, writes=False):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.place.bucket, Prefix=start + prefix, **self._means.owner
            )
            return {
                row["Key"].removeprefix(start): row["Size"]
                for page in pages
                for row in page.get("Contents", ())
            }

    def read(self, name: str) -> bytes | None:
        """Return an object's bytes; None: there is none of that name."""
        pieces = self._pieces(name)
        return None if pieces is None else b"".join(pieces)

    def read_json(self, name: str) -> Any:  # noqa: ANN401 -- JSON of any shape; None: there is no such object
        """Read a JSON object; None: there is none. BundleError: it is not JSON."""
        content = self.read(name)
        try:
            return None if content is None else orjson.loads(content)
        except orjson.JSONDecodeError as problem:
            raise BundleError(f"{self.place}/{name} is not JSON: start the scan again.") from problem

    def fetch(self, name: str, path: Path) -> bool:
        """Write an object to a file. Return whether there was one."""
        pieces = self._pieces(name)
        if pieces is None:
            return False
        with translated_errors(self.place, self._means, writes=False):
            write_atomically(path, pieces)
        return True

    def fetch_all(self, names: Iterable[str], folder: Path) -> None:
        """Write objects to files of the same names. BundleError: one is missing."""

        def fetch(name: str) -> None:
            if not self.fetch(name, folder / checked(name)):
                raise BundleError(f"{self.place}/{name} is missing: start the scan again.")

        _in_parallel(fetch, names)

    def write(self, name: str, content: bytes) -> None:
        """Write an object, replacing an existing one."""
        self._put(name, content, hashlib.sha256(content).digest(), {})

    def write_json(self, name: str, document: object) -> None:
        """Write a JSON object."""
        self.write(name, orjson.dumps(document))

    def write_file(self, name: str, path: Path) -> None:
        """Write a file, replacing an existing object."""
        self._put_file(name, path, {})

    def write_files(self, folder: Path, names: Iterable[str]) -> None:
        """Write files under their names below `folder`."""
        _in_parallel(lambda name: self.write_file(name, folder / name), names)

    def keep_files(self, folder: Path, names: Iterable[str]) -> None:
        """Write files that do not exist yet. OutputError: one exists with other content.

        S3 itself refuses to overwrite (If-None-Match), so no retry creates a second version.
        """
        _in_parallel(lambda name: self._keep_file(folder / name, name), names)

    def keep_copies(self, source: "Workspace", names: Mapping[str, str], prefix: str = "") -> None:
        """Copy objects of `source` that do not exist here yet, within S3. `names`: with their SHA-256.

        `prefix`: of their names in `source`.
        """
        # One list, so that a repeated step does not send a copy request for every object.
        there = self.names()

        def keep(name: str) -> None:
            if name in there or not self._copy(source, prefix + name, name):
                self._check_same(name, bytes.fromhex(names[name]))

        _in_parallel(keep, names)

    def _copy(self, source: "Workspace", origin_name: str, name: str) -> bool:
        """Copy an object. Return False if it already exists."""
        # ExpectedSourceBucketOwner: the owner of the bucket that is copied from.
        owner = {
            f"ExpectedSource{key.removeprefix('Expected')}": value for key, value in self._means.owner.items()
        }
        origin = {"Bucket": source.place.bucket, "Key": source.place.key(origin_name)}

        def copy() -> None:
            self._client.copy_object(
                CopySource=origin, ChecksumAlgorithm="SHA256", IfNoneMatch="*", **owner, **self._made(name)
            )

        return self._is_new(copy)

    def _keep_file(self, path: Path, name: str) -> None:
        if not self._is_new(lambda: self._put_file(name, path, {"IfNoneMatch": "*"})):
            self._check_same(name, _digest(path))

    def _is_new(self, write: Callable[[], None]) -> bool:
        """Write, unless the object exists. Return whether it was written."""
        with translated_errors(self.place, self._means, writes=True):
            try:
                write()
            except ClientError as problem:
                if code_of(problem) in _IS_THERE:
                    return False
                if code_of(problem) in _CONFLICT:  # another request is writing the same object
                    raise OutputError(
                        f"{self.place} is being written by another execution: run this step again."
                    ) from problem
                raise
        return True

    def _check_same(self, name: str, digest: bytes) -> None:
        """Check that the existing object has this content. OutputError: it has not."""
        with translated_errors(self.place, self._means, writes=True):
            head = self._client.head_object(ChecksumMode="ENABLED", **self._where(name))
        # Every object of a scan was written with this checksum.
        if head.get("ChecksumSHA256", "") != base64.b64encode(digest).decode():
            raise OutputError(
                f"{self.place}/{name} already exists with other content: a scan is written once. "
                "Start another scan, with another id."
            )

    def _put_file(self, name: str, path: Path, more: Mapping[str, str]) -> None:
        digest = _digest(path)
        with path.open("rb") as file:
            self._put(name, file, digest, more)

    def _put(self, name: str, body: object, digest: bytes, more: Mapping[str, str]) -> None:
        checksum = {"ChecksumAlgorithm": "SHA256", "ChecksumSHA256": base64.b64encode(digest).decode()}

        def put() -> None:
            self._client.put_object(Body=body, **checksum, **more, **self._made(name))

        # Conditional writes are inside `_is_new`, which needs the code that S3 returned.
        if more:
            put()
            return
        with translated_errors(self.place, self._means, writes=True):
            put()

    def _pieces(self, name: str) -> Iterator[bytes] | None:
        with translated_errors(self.place, self._means, writes=False):
            try:
                # With the mode, botocore verifies the checksum while the body is read.
                answer = self._client.get_object(ChecksumMode="ENABLED", **self._where(name))
            except ClientError as problem:
                if code_of(problem) in _NOT_THERE:
                    return None
                raise
            pieces: Iterator[bytes] = answer["Body"].iter_chunks(_CHUNK)
            return pieces

    def _where(self, name: str) -> dict[str, str]:
        return {"Bucket": self.place.bucket, "Key": self.place.key(name), **self._means.owner}

    def _made(self, name: str) -> dict[str, str]:
        return {**self._where(name), **self._means.encryption, "ContentType": content_type(name)}


def checked(name: str) -> str:
    """Return a name that stays within a folder. BundleError: it does not."""
    if any(part in ("", ".", "..") or "\\" in part or "\0" in part for part in name.split("/")):
        raise BundleError(f"{name[:80]!r} is not the name of a file of a scan: the work bucket was changed.")
    return name


def _in_parallel(work: Callable[[str], None], names: Iterable[str]) -> None:
    """Call `work` for each name, a few at a time. The first error is raised, and the rest is cancelled."""
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        try:
            # A list, since an error is only raised when its result is requested.
            list(pool.map(work, names))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _digest(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as problem:
        raise OutputError(f"{path} could not be read: {problem.strerror or problem}.") from problem
