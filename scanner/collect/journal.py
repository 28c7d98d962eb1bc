"""The journal of a collection: its request, and the shards that were read to the end.

`SCAN_DIR/journal.jsonl` is described in docs/journal.md. `--resume` uses it; it is not part of the evidence.
Shards whose lines cannot be parsed are read again.
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
from scanner.model.inventory import Account
from scanner.model.known import EvidenceRef
from scanner.model.manifest import CollectedReads, Excluded, Scope, ShardRecord
from scanner.model.names import ORG, AccountId, RegionName, Shard
from scanner.storage.bounded import check_regular, read_regular
from scanner.storage.files import parts_of, remove_folders, write_atomically

NAME: Final = "journal.jsonl"

Finished = Callable[[ShardRecord], None]
"""Called from several threads for each shard whose evidence and journal line are written."""
_PATTERNS: Final = (".*.part", "evidence/*.part", "evidence/*/*.part", "inventory/*.part", "facts/*.part")

_REPLACED: Final = ("facts", "findings")
"""Folders that a new evaluation replaces as a whole."""
SCHEMA: Final = "vaultproof/journal/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedScope:
    """The options that determine what is read.

    `external_id`: whether there was one; its value is not recorded. `reads`: what is collected; None:
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
    """The first line. `home` is the Region for calls that are not bound to one."""

    scan_id: str
    tool_version: str
    started_at: datetime
    as_of: datetime | None
    caller_arn: str
    caller_account: AccountId
    home: RegionName
    requested: RequestedScope


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalState:
    """The content of a journal. `scope` None: the collection had not resolved it yet.

    `keys`: those that a finished shard names and another shard owns. `finished_at`: when everything was read;
    None: something is left to read. `size`: the bytes of the valid lines.
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
        check_regular(folder, ("evidence", NAME))
        content = read_regular(folder / NAME)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as problem:
        raise BundleError(f"{folder / NAME} cannot be read: {problem.strerror}.") from problem
    lines = _lines(content)
    first = next(lines, None)
    if first is None or first.text("schema") != SCHEMA:
        raise BundleError(f"{folder / NAME} is not a journal of this version ({SCHEMA}): start a new scan.")
    finished: dict[Shard, ShardRecord] = {}
    keys: dict[Shard, tuple[str, ...]] = {}
    state = JournalState(
        header=parse_header(first), finished=finished, keys=keys, size=content.index(b"\n") + 1
    )
    with contextlib.suppress(BundleError):  # the first invalid line ends the journal
        for line in lines:
            state = replace(_after(state, line, finished, keys), size=content.index(b"\n", state.size) + 1)
    return state


def checked_against_files(state: JournalState, folder: Path) -> JournalState:
    """Leave out the shards whose file is gone, or is not the one that was finished; remove the latter.

    A file that was extended before the journal recorded that is cut back to the length in the journal.
    """
    intact = {shard: record for shard, record in state.finished.items() if _is_whole(folder, record)}
    for shard in state.finished.keys() - intact.keys():
        (folder / state.finished[shard].file).unlink(missing_ok=True)
    # A file that was changed is worth nothing: without it the scan is
    # not finished, whatever the journal says.
    is_complete = len(intact) == len(state.finished)
    return replace(state, finished=intact, finished_at=state.finished_at if is_complete else None)


class Journal:
    """A journal that is being written; safe for threads. A lock admits one process at a time.

    OutputError: a line cannot be written. UsageError: another process uses the folder.
    """

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self._path, self._stream = path, stream
        self._lock = threading.Lock()
        self.finished: Finished = lambda _record: None
        self._size = stream.seek(0, os.SEEK_END)

    @classmethod
    def create(cls, folder: Path, header: Header) -> Self:
        """Create a journal in `folder`, replacing an existing one."""
        if (folder / NAME).exists():
            _locked(folder).close()  # refused while another process uses it
        # In one step, so that no journal lacks its first line.
        write_atomically(folder / NAME, _encoded(header_document(header)))
        return cls(folder / NAME, _locked(folder))

    @classmethod
    def reopen(cls, folder: Path) -> "tuple[Self, JournalState]":
        """Continue the journal of `folder`, and return its state. UsageError: there is none."""
        stream = _locked(folder)
        try:
            state = read_journal(folder)
            assert state is not None  # nosec B101 # noqa: S101 -- it was opened in the line above
            # Lines after a torn one would never be read, because the first invalid line ends the journal.
            stream.truncate(state.size)
        except BaseException:
            stream.close()
            raise
        return cls(folder / NAME, stream), state

    def begin(self, scope: Scope, accounts: tuple[Account, ...], records: tuple[ShardRecord, ...]) -> None:
        """Record the scope, and the shards that were read before it was known."""
        resolved = {
            "scope": scope_document(scope),
            "accounts": [account_document(account) for account in accounts],
        }
        self._append(resolved, *({"shard": shard_document(record)} for record in records))

    def note(self, record: ShardRecord, keys: tuple[str, ...] = ()) -> None:
        """Record that a shard was read to the end. `keys`: those it names that another shard owns."""
        named = {"keys": list(keys)} if keys else {}
        self._append({"shard": shard_document(record), **named})
        # Only now, as the line is on disk: the receiver may pass the evidence on.
        self.finished(record)

    def end(self, at: datetime) -> None:
        """Record that everything was read."""
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
            # A thread that was abandoned at Ctrl-C may end later. Its shard is read again.
            if self._stream.closed:
                return
            try:
                _write_whole(self._stream, data)
            except OSError as problem:
                with contextlib.suppress(OSError):  # remove a partial line, which would corrupt the next one
                    self._stream.truncate(self._size)
                    self._stream.seek(self._size)
                raise OutputError(f"{self._path} could not be written: {problem.strerror}.") from problem
            self._size += len(data)


def _locked(folder: Path) -> BinaryIO:
    check_regular(folder, ("evidence", NAME))
    try:
        # Without a buffer: what was written must survive the end of this process.
        stream = (folder / NAME).open("r+b", buffering=0)
    except (FileNotFoundError, NotADirectoryError) as problem:
        raise UsageError(
            f"There is no scan to resume in {folder}: {NAME} is missing. "
            "Start with --out instead of --resume, and with the options of the scope."
        ) from problem
    except IsADirectoryError as problem:
        raise BundleError(f"{folder / NAME} is a folder, and not the journal of a scan.") from problem
    except OSError as problem:
        raise OutputError(f"{folder / NAME} cannot be opened: {problem.strerror}.") from problem
    try:
        # A lock of this kind ends with the process, however that ends.
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as problem:
        stream.close()
        raise UsageError(f"Another audit is running in {folder}. Wait for it, or stop it first.") from problem
    except OSError:
        pass  # a file system without locks
    return stream


def _write_whole(stream: BinaryIO, data: bytes) -> None:
    """Write all data and sync it to disk: on a nearly full disk, a single write may be partial."""
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
    """Truncate a file to the bytes of its record if they match. OSError: the file is not accessible."""
    if not 0 < record.bytes < path.stat().st_size:
        return False
    with path.open("r+b") as file:
        if hashlib.sha256(file.read(record.bytes)).hexdigest() != record.sha256:
            return False
        file.truncate(record.bytes)
    return True


def _lines(content: bytes) -> Iterator[Shape]:
    """Yield the complete lines; one that was being written when the machine stopped is ignored."""
    *complete, _torn = content.split(b"\n")
    for number, line in enumerate(complete, start=1):
        try:
            document = orjson.loads(line)
        except orjson.JSONDecodeError:
            return
        if not isinstance(document, dict):
            return
        yield Shape(document, NAME.removesuffix(".jsonl"), EvidenceRef(NAME, number))


def _after(
    state: JournalState, line: Shape, finished: dict[Shard, ShardRecord], keys: dict[Shard, tuple[str, ...]]
) -> JournalState:
    """Return the state after a line; shards are added to `finished` and `keys`. BundleError: invalid line."""
    if (shard := line.child("shard")) is not None:
        record = parse_record(shard)
        finished[Shard(record.account, record.region)] = record
        keys[Shard(record.account, record.region)] = line.texts("keys")
        # A line after the end: the scan was resumed, because a file was missing.
        return replace(state, finished_at=None)
    if (scope := line.child("scope")) is not None:
        accounts = tuple(parse_account(account) for account in line.children("accounts"))
        return replace(state, scope=parse_scope(scope), accounts=accounts)
    return replace(state, finished_at=line.instant("finished_at"))


def _encoded(document: Mapping[str, Any]) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)


def remove_parts(folder: Path) -> None:
    """Remove unfinished files and folders. OutputError: one cannot be removed."""
    for path in chain.from_iterable(folder.glob(pattern) for pattern in _PATTERNS):
        _remove(path)
    for path in chain.from_iterable(parts_of(folder / name) for name in _REPLACED):
        with _removing(path):
            remove_folders(path)


def remove_unfinished(folder: Path, finished: Iterable[Shard]) -> None:
    """Remove the evidence of shards that will be read again. OutputError: a file cannot be removed.

    A Region that turns out to be disabled will have no evidence.
    """
    stems = {shard_stem(shard) for shard in finished}
    for path in chain.from_iterable(folder.glob(f"evidence/*/*{suffix}") for suffix in SUFFIXES):
        if str(path.relative_to(folder)).removesuffix(".gz").removesuffix(".jsonl") not in stems:
            _remove(path)


def remove_organization(folder: Path) -> None:
    """Remove the organisation's evidence, which the new scan may not have. OutputError as above."""
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
    """Parse the first line. BundleError: it is not a header."""
    started, caller, request = (
        line.instant("started_at"),
        line.need_child("caller"),
        line.need_child("request"),
    )
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
        requested=RequestedScope(
            organization=request.flag("organization") or False,
            accounts=request.texts("accounts"),
            organizational_units=request.texts("organizational_units"),
            regions=request.texts("regions"),
            excluded=parse_excluded(request),
            role_name=request.need("role_name"),
            external_id=request.flag("external_id") or False,
            session_name=request.need("session_name"),
            duration_seconds=request.integer("duration_seconds") or 0,
            reads=parse_reads(request),
        ),
    )


def header_document(header: Header) -> dict[str, Any]:
    """Return the first line as a document."""
    request = header.requested
    return {
        "schema": SCHEMA,
        "scan_id": header.scan_id,
        "tool": {"name": "vaultproof", "version": header.tool_version},
        "started_at": rfc3339(header.started_at),
        "as_of": rfc3339(header.as_of),
        "caller": {"arn": header.caller_arn, "account": header.caller_account},
        "home": header.home,
        "request": {
            "organization": request.organization,
            "accounts": list(request.accounts),
            "organizational_units": list(request.organizational_units),
            "regions": list(request.regions),
            "excluded": excluded_documents(request.excluded),
            "role_name": request.role_name,
            "external_id": request.external_id,
            "session_name": request.session_name,
            "duration_seconds": request.duration_seconds,
            **reads_document(request.reads),
        },
    }
