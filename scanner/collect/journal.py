"""The journal of a collection: its request, and the shards that are complete.

`SCAN_DIR/journal.jsonl`, described in docs/journal.md. It is what `--resume` goes by, and no part of the
evidence. Whatever of it cannot be read is taken as not written: its shards are asked again.
"""

import contextlib
import fcntl
import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

import orjson

from scanner.errors import BundleError, OutputError, UsageError
from scanner.evidence.bundle import file_sha256
from scanner.evidence.manifest import (
    account_document,
    excluded_documents,
    parse_account,
    parse_excluded,
    parse_reads,
    parse_record,
    parse_scope,
    reads_document,
    rfc3339,
    scope_document,
    shard_document,
)
from scanner.evidence.reader import SUFFIXES, shard_stem
from scanner.evidence.shape import Shape
from scanner.model.collected import CollectedReads
from scanner.model.inventory import Account
from scanner.model.manifest import Excluded, Scope, ShardRecord
from scanner.model.names import ORG, AccountId, RegionName, Shard
from scanner.model.reading import EvidenceRef
from scanner.storage.files import parts_of, remove_folders, write_atomically

NAME: Final = "journal.jsonl"

Finished = Callable[[ShardRecord], None]
"""Called for each shard whose evidence and journal line are written; from several threads."""
_PATTERNS: Final = (".*.part", "evidence/*.part", "evidence/*/*.part", "inventory/*.part", "facts/*.part")

_REPLACED: Final = ("facts", "findings")
"""Folders that a new evaluation replaces as a whole."""
SCHEMA: Final = "vaultproof/journal/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedScope:
    """The options that decide what is read.

    `external_id`: whether there was one; it is not written down. `reads`: what is collected; None:
    everything.
    """

    organization: bool
    accounts: tuple[str, ...]
    organizational_units: tuple[str, ...]
    regions: tuple[str, ...]
    excluded: tuple[Excluded, ...]
    role_name: str
    external_id: bool
    session_name: str
    duration_seconds: int
    reads: CollectedReads | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The first line. `home` is the Region of the calls that need none."""

    scan_id: str
    tool_version: str
    started_at: datetime
    as_of: datetime | None
    caller_arn: str
    caller_account: AccountId
    home: RegionName
    asked: RequestedScope


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalState:
    """The content of a journal. `scope` None: the collection had not resolved it yet.

    `keys`: those that a finished shard names and that another one owns. `finished_at` is when all was read;
    None: something is left to be read. `size`: the bytes that count.
    """

    header: Header
    scope: Scope | None = None
    accounts: tuple[Account, ...] = ()
    finished: Mapping[Shard, ShardRecord] = field(default_factory=dict)
    keys: Mapping[Shard, tuple[str, ...]] = field(default_factory=dict)
    finished_at: datetime | None = None
    size: int = 0


def read_journal(folder: Path) -> JournalState | None:
    """Read the journal of a scan folder; None when it has none. BundleError: it is none of this version's."""
    try:
        content = (folder / NAME).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as problem:
        raise BundleError(f"{folder / NAME} cannot be read: {problem.strerror}.") from problem
    lines = _lines(content)
    first = next(lines, None)
    if first is None or first.text("schema") != SCHEMA:
        raise BundleError(f"{folder / NAME} is no journal of this version ({SCHEMA}): start a new scan.")
    finished: dict[Shard, ShardRecord] = {}
    keys: dict[Shard, tuple[str, ...]] = {}
    past = JournalState(
        header=parse_header(first), finished=finished, keys=keys, size=content.index(b"\n") + 1
    )
    with contextlib.suppress(BundleError):  # a line that is not as it should be ends what counts
        for line in lines:
            past = replace(_after(past, line, finished, keys), size=content.index(b"\n", past.size) + 1)
    return past


def held_against_files(past: JournalState, folder: Path) -> JournalState:
    """Leave out the shards whose file is gone, or is not the one that was finished; remove the latter.

    A file that was extended before the journal recorded that is cut back to the length in the journal.
    """
    kept = {shard: record for shard, record in past.finished.items() if _is_whole(folder, record)}
    for shard in past.finished.keys() - kept.keys():
        (folder / past.finished[shard].file).unlink(missing_ok=True)
    whole = len(kept) == len(past.finished)
    return replace(past, finished=kept, finished_at=past.finished_at if whole else None)


class Journal:
    """A journal that is being written; safe for threads. One process at a time: it holds a lock.

    OutputError: a line cannot be written. UsageError: another process uses the folder.
    """

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self._path, self._stream = path, stream
        self._lock = threading.Lock()
        self.finished: Finished = lambda _record: None
        self._size = stream.seek(0, os.SEEK_END)

    @classmethod
    def create(cls, folder: Path, header: Header) -> Self:
        """Begin a journal in `folder`, in place of one that may be there."""
        if (folder / NAME).exists():
            _locked(folder).close()  # refused while another process uses it
        write_atomically(folder / NAME, _encoded(header_document(header)))
        return cls(folder / NAME, _locked(folder))

    @classmethod
    def reopen(cls, folder: Path) -> "tuple[Self, JournalState]":
        """Reopen the journal of `folder`, and return its content. UsageError: there is none."""
        stream = _locked(folder)
        try:
            past = read_journal(folder)
            assert past is not None  # noqa: S101 -- it was opened in the line above
            stream.truncate(past.size)
        except BaseException:
            stream.close()
            raise
        return cls(folder / NAME, stream), past

    def begin(self, scope: Scope, accounts: tuple[Account, ...], records: tuple[ShardRecord, ...]) -> None:
        """Write down the scope, and the shards that were read before it was known."""
        resolved = {
            "scope": scope_document(scope),
            "accounts": [account_document(account) for account in accounts],
        }
        self._append(resolved, *({"shard": shard_document(record)} for record in records))

    def note(self, record: ShardRecord, keys: tuple[str, ...] = ()) -> None:
        """Write down that a shard was read to its end. `keys`: those that it names and another shard owns."""
        named = {"keys": list(keys)} if keys else {}
        self._append({"shard": shard_document(record), **named})
        self.finished(record)

    def end(self, at: datetime) -> None:
        """Write down that all was read."""
        self._append({"finished_at": rfc3339(at)})

    def close(self) -> None:
        """Close the file; later records are ignored."""
        with self._lock:
            self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _append(self, *documents: Mapping[str, Any]) -> None:
        data = b"".join(map(_encoded, documents))
        with self._lock:
            if self._stream.closed:
                return
            try:
                _write_whole(self._stream, data)
            except OSError as problem:
                with contextlib.suppress(OSError):  # half a line would spoil the next one
                    self._stream.truncate(self._size)
                    self._stream.seek(self._size)
                raise OutputError(f"{self._path} could not be written: {problem.strerror}.") from problem
            self._size += len(data)


def _locked(folder: Path) -> BinaryIO:
    try:
        stream = (folder / NAME).open("r+b", buffering=0)
    except (FileNotFoundError, NotADirectoryError) as problem:
        raise UsageError(
            f"Nothing was begun in {folder}: there is no {NAME}. "
            "Start with --out instead of --resume, and with the options of the scope."
        ) from problem
    except OSError as problem:
        raise OutputError(f"{folder / NAME} cannot be opened: {problem.strerror}.") from problem
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as problem:
        stream.close()
        raise UsageError(f"Another audit is at work in {folder}. Wait for it, or end it first.") from problem
    except OSError:
        pass  # a file system without locks
    return stream


def _write_whole(stream: BinaryIO, data: bytes) -> None:
    """Write until all is taken, and bring it to the disk: a file that is nearly full takes less."""
    while data:
        data = data[stream.write(data) :]
    os.fsync(stream.fileno())


def _is_whole(folder: Path, record: ShardRecord) -> bool:
    if not record.file:
        return False
    path = folder / record.file
    try:
        return file_sha256(path) == record.sha256 or _is_cut_back(path, record)
    except (BundleError, OSError):
        return False


def _is_cut_back(path: Path, record: ShardRecord) -> bool:
    """Cut a file back to the bytes of its record, if these are at its beginning. OSError."""
    if not 0 < record.bytes < path.stat().st_size:
        return False
    with path.open("r+b") as file:
        if hashlib.sha256(file.read(record.bytes)).hexdigest() != record.sha256:
            return False
        file.truncate(record.bytes)
    return True


def _lines(content: bytes) -> Iterator[Shape]:
    """Yield the complete lines: the last one may have been cut when the machine stopped."""
    *whole, _torn = content.split(b"\n")
    for number, line in enumerate(whole, start=1):
        try:
            document = orjson.loads(line)
        except orjson.JSONDecodeError:
            return
        if not isinstance(document, dict):
            return
        yield Shape(document, NAME.removesuffix(".jsonl"), EvidenceRef(NAME, number))


def _after(
    past: JournalState, line: Shape, finished: dict[Shard, ShardRecord], keys: dict[Shard, tuple[str, ...]]
) -> JournalState:
    """Return what is known after a line, shards put into `finished` and `keys`. BundleError: not ours."""
    if (shard := line.child("shard")) is not None:
        record = parse_record(shard)
        finished[Shard(record.account, record.region)] = record
        keys[Shard(record.account, record.region)] = line.texts("keys")
        return replace(past, finished_at=None)
    if (scope := line.child("scope")) is not None:
        accounts = tuple(parse_account(account) for account in line.children("accounts"))
        return replace(past, scope=parse_scope(scope), accounts=accounts)
    return replace(past, finished_at=line.instant("finished_at"))


def _encoded(document: Mapping[str, Any]) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)


def remove_parts(folder: Path) -> None:
    """Remove the files and folders that were being written. OutputError: one cannot be removed."""
    for path in chain.from_iterable(folder.glob(pattern) for pattern in _PATTERNS):
        _remove(path)
    for path in chain.from_iterable(parts_of(folder / name) for name in _REPLACED):
        with _removing(path):
            remove_folders(path)


def remove_unfinished(folder: Path, finished: Iterable[Shard]) -> None:
    """Remove the evidence of shards that are asked again. OutputError as above.

    A Region that turns out not to be enabled will have none.
    """
    kept = {shard_stem(shard) for shard in finished}
    for path in chain.from_iterable(folder.glob(f"evidence/*/*{suffix}") for suffix in SUFFIXES):
        if str(path.relative_to(folder)).removesuffix(".gz").removesuffix(".jsonl") not in kept:
            _remove(path)


def remove_organization(folder: Path) -> None:
    """Remove the organization's evidence: a scan that starts again may have none. OutputError as above."""
    stem = shard_stem(Shard(AccountId(""), ORG))
    for suffix in SUFFIXES:
        _remove(folder / (stem + suffix))


def _remove(path: Path) -> None:
    with _removing(path):
        path.unlink(missing_ok=True)


@contextmanager
def _removing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise OutputError(f"{path} cannot be removed: {problem.strerror}. Remove it yourself.") from problem


def parse_header(line: Shape) -> Header:
    """Read the first line. BundleError: it is none."""
    started, caller, asked = line.instant("started_at"), line.need_child("caller"), line.need_child("request")
    if started is None:
        raise BundleError(f"{line.ref.file}: 'started_at' is missing: start a new scan.")
    return Header(
        scan_id=line.need("scan_id"),
        tool_version=line.need_child("tool").text("version") or "",
        started_at=started,
        as_of=line.instant("as_of"),
        caller_arn=caller.text("arn") or "",
        caller_account=AccountId(caller.need("account")),
        home=RegionName(line.need("home")),
        asked=RequestedScope(
            organization=asked.flag("organization") or False,
            accounts=asked.texts("accounts"),
            organizational_units=asked.texts("organizational_units"),
            regions=asked.texts("regions"),
            excluded=parse_excluded(asked),
            role_name=asked.need("role_name"),
            external_id=asked.flag("external_id") or False,
            session_name=asked.need("session_name"),
            duration_seconds=asked.integer("duration_seconds") or 0,
            reads=parse_reads(asked),
        ),
    )


def header_document(header: Header) -> dict[str, Any]:
    """Return the first line."""
    asked = header.asked
    return {
        "schema": SCHEMA,
        "scan_id": header.scan_id,
        "tool": {"name": "vaultproof", "version": header.tool_version},
        "started_at": rfc3339(header.started_at),
        "as_of": rfc3339(header.as_of),
        "caller": {"arn": header.caller_arn, "account": header.caller_account},
        "home": header.home,
        "request": {
            "organization": asked.organization,
            "accounts": list(asked.accounts),
            "organizational_units": list(asked.organizational_units),
            "regions": list(asked.regions),
            "excluded": excluded_documents(asked.excluded),
            "role_name": asked.role_name,
            "external_id": asked.external_id,
            "session_name": asked.session_name,
            "duration_seconds": asked.duration_seconds,
            **reads_document(asked.reads),
        },
    }
