"""The files of one account in the work bucket: its journal, its state, its evidence."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from scanner.collect.journal import NAME as JOURNAL
from scanner.collect.journal import JournalState, read_journal
from scanner.distributed import workspace
from scanner.distributed.workspace import Workspace
from scanner.errors import BundleError
from scanner.evidence.manifest import parse_record, shard_document
from scanner.evidence.shape import Shape
from scanner.model.known import EvidenceRef
from scanner.model.manifest import ShardRecord
from scanner.model.names import AccountId, Shard


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The progress of an account. `finished`: shards before the last round; `stale`: rounds without any.

    `records`: those of all its shards, once it is `done`. `failure`: why it could not be read.
    """

    rounds: int = 0
    finished: int = 0
    stale: int = 0
    done: bool = False
    failure: str = ""
    records: tuple[ShardRecord, ...] = field(default=())


def read_state(work: Workspace, account: AccountId) -> State:
    """Read the progress of an account; nothing was done where there is no such file."""
    document = work.read_json(workspace.account_state(account))
    return State() if document is None else parse_state(document, account)


def parse_state(document: Any, account: AccountId) -> State:  # noqa: ANN401 -- JSON
    """Parse the result of `write_state`. BundleError: it is malformed."""
    if not isinstance(document, dict):
        raise BundleError(f"{workspace.account_state(account)} is malformed: start the scan again.")
    line = Shape(document, workspace.account_state(account), EvidenceRef(workspace.account_state(account), 1))
    return State(
        rounds=line.integer("rounds") or 0,
        finished=line.integer("finished") or 0,
        stale=line.integer("stale") or 0,
        done=line.flag("done") or False,
        failure=line.text("failure") or "",
        records=tuple(parse_record(record) for record in line.children("records")),
    )


def write_state(work: Workspace, account: AccountId, state: State) -> None:
    """Write the progress of an account."""
    document = {
        "rounds": state.rounds,
        "finished": state.finished,
        "stale": state.stale,
        "done": state.done,
        "failure": state.failure,
        "records": [shard_document(record) for record in state.records],
    }
    work.write_json(workspace.account_state(account), document)


class AccountJournal:
    """The journal of an opened scan in a folder, with the lines of one account. New lines are uploaded."""

    def __init__(self, work: Workspace, account: AccountId, folder: Path) -> None:
        self._work, self._account, self._folder = work, account, folder
        self._lock = Lock()
        opened = work.read(workspace.OPENED)
        if opened is None:
            raise BundleError(
                f"{work.place} has no {workspace.OPENED}: the scan was not opened, or its files expired."
            )
        # What follows the lines of Open belongs to the account, and is all that is uploaded.
        self._opened = len(opened)
        own = work.read(workspace.account_journal(account)) or b""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / JOURNAL).write_bytes(opened + own)

    def past(self) -> JournalState:
        """Read the journal."""
        past = read_journal(self._folder)
        if past is None:
            raise BundleError(
                f"{self._work.place}/{workspace.OPENED} is not a journal: start the scan again."
            )
        return past

    def upload(self, record: ShardRecord) -> None:
        """Upload the evidence of a finished shard, then its line of the journal."""
        self._work.write_file(record.file, self._folder / record.file)
        with self._lock:
            # The whole file, under the lock: no thread replaces the object by one with fewer lines.
            lines = (self._folder / JOURNAL).read_bytes()[self._opened :]
            self._work.write(workspace.account_journal(self._account), lines)


def own_records(past: JournalState, account: AccountId) -> Mapping[Shard, ShardRecord]:
    """Return the finished shards of an account."""
    return {
        shard: record
        for shard, record in past.finished.items()
        # The organization's file is recorded with the caller's account, but is none of its Regions.
        if record.account == account and record.file.startswith(f"evidence/{account}/")
    }


def fetch_missing(work: Workspace, files: Iterable[str], folder: Path) -> None:
    """Fetch the files that are not in the folder yet."""
    work.fetch_all([file for file in files if file and not (folder / file).is_file()], folder)
