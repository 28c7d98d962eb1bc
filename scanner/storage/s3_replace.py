"""Replacing the evaluation of a scan in S3: its manifest goes first, so that no part of it is read."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from botocore.exceptions import ClientError

from scanner.errors import OutputError
from scanner.storage.place import Place
from scanner.storage.s3 import LAST, S3Options, code_of, object_names, open_s3, translated_errors, with_owner

_BATCH: Final = 1_000  # keys of a DeleteObjects request
_UNREADABLE: Final = frozenset(("403", "404", "AccessDenied", "Forbidden", "NoSuchKey", "NotFound"))


@dataclass(frozen=True, slots=True)
class Contents:
    """What is at a location already, as far as the caller may ask."""

    has_manifest: bool
    has_evidence: bool


def contents_of(place: Place, options: S3Options) -> Contents:
    """Return what is at a location. What the caller may not read does not count as there.

    Raises:
        OutputError, CredentialsError, EndpointError: as `translated_errors`.
    """
    options = with_owner(options)
    client = open_s3(options)
    with translated_errors(place, options, writes=True):
        return Contents(
            has_manifest=_answers(
                lambda: client.head_object(Bucket=place.bucket, Key=place.key(LAST), **options.owner)
            ),
            has_evidence=_answers(
                lambda: client.list_objects_v2(
                    Bucket=place.bucket, Prefix=place.key("evidence/"), MaxKeys=1, **options.owner
                ),
                key="Contents",
            ),
        )


def _answers(call: Callable[[], Any], key: str = "ContentLength") -> bool:
    """Check whether a call has an answer with a key that is not empty."""
    try:
        return bool(call().get(key))
    except ClientError as problem:
        if code_of(problem) in _UNREADABLE:
            return False
        raise


@dataclass(frozen=True, slots=True)
class Replacement:
    """An evaluation that replaces one in S3.

    `manifest`: what takes the place of its manifest until the new one is uploaded; None: nothing. `is_part`:
    whether a file is part of an evaluation, by its name.
    """

    manifest: bytes | None
    is_part: Callable[[str], bool]

    def remove_earlier(self, place: Place, options: S3Options, new: frozenset[str]) -> None:
        """Remove the earlier evaluation, its manifest first; files in `new` are overwritten later.

        Raises:
            OutputError, CredentialsError, EndpointError: as `translated_errors`.
        """
        options = with_owner(options)
        client = open_s3(options)
        target = {"Bucket": place.bucket, **options.owner}
        with translated_errors(place, options, writes=True):
            if self.manifest is None:
                # First: without a manifest, the rest is no scan, even if the program ends here.
                client.delete_object(Key=place.key(LAST), **target)
            else:
                attributes = {**options.encryption, "ContentType": "application/json"}
                client.put_object(Key=place.key(LAST), Body=self.manifest, **target, **attributes)
            stale = (
                name
                for name in object_names(client, place, options)
                if self.is_part(name) and name not in new
            )
            for keys in _batches(place.key(name) for name in stale):
                objects = [{"Key": key} for key in keys]
                # With Quiet, the answer has only the keys that were not
                # deleted (API reference, "DeleteObjects").
                answer = client.delete_objects(Delete={"Objects": objects, "Quiet": True}, **target)
                _raise_if_kept(answer.get("Errors", ()))


def _raise_if_kept(errors: Sequence[Mapping[str, str]]) -> None:
    """Raise OutputError if objects could not be deleted: S3 says so in an answer without an error."""
    if errors:
        first = errors[0]
        raise OutputError(
            f"{len(errors):,} objects of the earlier evaluation could not be deleted, {first['Key']} first "
            f"({first.get('Code')}: {first.get('Message')}). Required: s3:DeleteObject (docs/permissions.md)."
        )


def _batches(keys: Iterator[str]) -> Iterator[list[str]]:
    while batch := list(islice(keys, _BATCH)):
        yield batch
