"""Destinations of scans and reports: a folder, or a bucket by way of a temporary folder."""

import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Final

from scanner.cli.logs import say
from scanner.cli.options import Target
from scanner.errors import UsageError
from scanner.evidence.manifest import NAME as MANIFEST
from scanner.settings.settings import Settings
from scanner.storage.place import Place, is_place, place_of

if TYPE_CHECKING:
    from scanner.storage.s3 import S3Options
    from scanner.storage.s3_replace import Replacement

_STANDARD_OUTPUT: Final = "-"
_UNREAD: Final = ("evidence",)
"""The folder that no report uses. Explanations need the protection groups, which are in the inventory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A folder to write to, and the S3 location to upload it to; `place` None: no upload.

    `bucket_owner`: also that of a bucket that is read, unless the scan is written to another bucket.
    """

    folder: Path | None
    place: Place | None = None
    kms_key: str = ""
    bucket_owner: str = ""
    profile: str | None = None


def destination_of(
    target: Target, settings: Settings, profile: str | None = None, source: str = ""
) -> Destination:
    """Return the destination of `--out`, or that of audit.yaml. `source`: the scan that is read, if any.

    Raises:
        UsageError: the destination is not valid, or an option for S3 is used with folders alone.
    """
    out = dated(target.out or settings.outputs.directory, datetime.now(UTC))
    outputs = settings.outputs
    kms_key, owner = target.kms_key or outputs.kms_key, target.bucket_owner or outputs.bucket_owner
    # Checked here, as S3 would only answer that access is denied.
    if owner and not (len(owner) == len("123456789012") and owner.isdecimal()):
        raise UsageError(f"--bucket-owner {owner}: an account id has 12 digits.")
    if out is None or not is_place(out):
        # Only the option: audit.yaml may have a key for the scans that do go to S3.
        if target.kms_key:
            raise UsageError("--sse-kms-key requires --out s3://BUCKET/PREFIX.")
        read = (source, *(target.since or (settings.since or "",)))
        if target.bucket_owner and not any(map(is_place, read)):
            raise UsageError("--bucket-owner requires an s3://BUCKET/PREFIX to read or to write.")
        return Destination(folder=None if out is None else Path(out), bucket_owner=owner or "")
    return Destination(
        folder=None, place=place_of(out), kms_key=kms_key or "", bucket_owner=owner or "", profile=profile
    )


def dated(out: str | None, now: datetime) -> str | None:
    """Replace `{date}` (2026-11-30) and `{time}` (20261130T054000Z) in `--out` with the time in UTC.

    UsageError: there is another name in braces.
    """
    if out is None:
        return None
    filled = out.replace("{date}", f"{now:%Y-%m-%d}").replace("{time}", f"{now:%Y%m%dT%H%M%SZ}")
    if out == _STANDARD_OUTPUT:
        raise UsageError(
            "--out - is not a folder: reports are files. Name a folder, or ./- if it is called so."
        )
    if unknown := re.search(r"\{\w*\}", filled):
        raise UsageError(f"--out {out}: {unknown[0]} is not known; use {{date}} or {{time}}.")
    return filled


def look_ahead(destination: Destination) -> None:
    """Check before a scan whether its destination is usable, as far as the caller's permissions allow."""
    if destination.place is not None:
        from scanner.storage.s3 import check_place  # noqa: PLC0415 -- loads the AWS client

        if problem := check_place(destination.place, means_of(destination)):
            # A note, not an error: the check itself may be refused where writing is allowed.
            say(f"note: {problem}")


def temporary() -> Path:
    """Create a folder for files that will be uploaded to S3."""
    return Path(tempfile.mkdtemp(prefix="vaultproof-"))


def shown_at(destination: Destination, folder: Path) -> Callable[[Path], str]:
    """Return a function from a file in the folder to its final path or S3 URL."""
    place = destination.place
    if place is None:
        return str
    return lambda path: f"{place}/{path.relative_to(folder).as_posix()}"


@contextmanager
def published(
    destination: Destination,
    folder: Path,
    names: Iterable[str] | None = None,
    *,
    keep: bool = False,
    replacement: "Replacement | None" = None,
) -> Iterator[None]:
    """Upload a folder's files (`names` None: all) when the block succeeds, and remove the folder.

    If the upload fails, the folder is kept and the error names it. With `keep`, it is kept in any case.
    `replacement`: removes an earlier evaluation before. Without an S3 location, nothing happens.
    """
    yield
    if destination.place is None:
        return
    from scanner.storage.s3 import files_of, upload, with_owner  # noqa: PLC0415 -- loads the AWS client

    names = tuple(files_of(folder) if names is None else names)
    options = means_of(destination)
    try:
        # The owner is looked up only for the upload: a wrong bucket must not receive evidence.
        options = with_owner(options)
        if replacement is not None:
            replacement.remove_earlier(destination.place, options, frozenset(names))
        sent = upload(folder, destination.place, options, names)
    # BaseException: evidence of a scan that took hours is kept at Ctrl-C, too.
    except BaseException as problem:
        advice = _advice(problem, destination.place, options, folder)
        problem.add_note(f"Nothing is lost: the files are in {folder}. {advice}")
        raise
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)
    say(f"{len(sent):,} files were written to {destination.place}.")


def _advice(problem: BaseException, place: Place, options: "S3Options", folder: Path) -> str:
    """Return how to upload a folder by hand: as the upload does, encrypted, and with the manifest last.

    Where S3 denied access and the owner of the bucket is given, the bucket may be a stranger's. The command
    line of AWS does not check owners, so it must not be used then.
    """
    from scanner.storage.s3 import is_refused  # noqa: PLC0415 -- loads the AWS client

    if options.bucket_owner and is_refused(problem):
        return f"Check that account {options.bucket_owner} owns bucket {place.bucket} before you upload them."
    key = options.kms_key
    encryption = f" --sse aws:kms --sse-kms-key-id {quote(key)}" if key else " --sse AES256"
    copy = f"aws s3 cp --recursive {quote(str(folder))} {quote(str(place))}{encryption}"
    if not (folder / MANIFEST).exists():
        return f"Upload them with: {copy}"
    manifest = f"{quote(str(folder / MANIFEST))} {quote(f'{place}/{MANIFEST}')}"
    last = f"aws s3 cp {manifest}{encryption}"
    return f"Upload them, the manifest last, with: {copy} --exclude {MANIFEST} && {last}"


@contextmanager
def fetched(source: str, destination: Destination, *, whole: bool) -> Iterator[Path]:
    """Yield a scan's folder. A scan in S3 is downloaded to a temporary one, which is removed afterwards.

    `whole`: including the evidence, which reports do not use.
    """
    if not is_place(source):
        yield Path(source)
        return
    from scanner.storage.s3 import download  # noqa: PLC0415 -- loads the AWS client

    place, folder = place_of(source), temporary()
    try:
        download(place, folder, means_for(place, destination), () if whole else _UNREAD)
        yield folder
    except BaseException as problem:
        if not any(str(folder) in note for note in getattr(problem, "__notes__", ())):  # `published` kept it
            shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


def means_for(place: Place, destination: Destination) -> "S3Options":
    """Return the S3 options to read a location that may be in another bucket than the destination."""
    goal = destination.place
    # The owner of another bucket says nothing about this one.
    owner = destination.bucket_owner if goal is None or goal.bucket == place.bucket else ""
    return means_of(Destination(folder=None, bucket_owner=owner, profile=destination.profile))


def means_of(destination: Destination) -> "S3Options":
    """Return the S3 options of a destination."""
    from scanner.storage.s3 import S3Options  # noqa: PLC0415 -- loads the AWS client

    return S3Options(
        kms_key=destination.kms_key, bucket_owner=destination.bucket_owner, profile=destination.profile
    )
