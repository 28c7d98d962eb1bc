"""An evidence bundle: its manifest, its shards, and the answers of each."""

import hashlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from scanner.errors import BundleError
from scanner.evidence.answers import Answers
from scanner.evidence.lines import MALFORMED, CallError, EvidenceLine
from scanner.evidence.manifest import INPUTS, NAME, parse_manifest, read_document
from scanner.evidence.reader import raw_lines, read_lines, shard_file
from scanner.evidence.shape import MalformedAnswerError
from scanner.model.inventory import ShardStatus
from scanner.model.names import AWS_GLOBAL, ORG, AccountId, Shard
from scanner.storage.bounded import Allowance, check_regular, open_regular

if TYPE_CHECKING:
    from scanner.model.known import EvidenceRef

V = TypeVar("V")

EVIDENCE: Final = "evidence"

_CHUNK: Final = 1 << 20
_MOST_LINES: Final = 20
"""Malformed answers of one operation in one file that are found one by one; after that, all are dropped."""


class Bundle:
    """A folder with manifest.json and evidence/. BundleError wherever it cannot be trusted.

    With `accounts`, only their evidence and the organization's is present and read. `what_if`: it may be a
    what-if, which is no evidence.
    """

    def __init__(
        self, folder: Path, accounts: Collection[str] | None = None, *, what_if: bool = False
    ) -> None:
        # Before anything is read, so that no link leads out of the bundle.
        check_regular(folder, (EVIDENCE, INPUTS))
        self.folder = folder
        self._only = None if accounts is None else frozenset(accounts)
        self._what_if = what_if
        self.document = read_document(folder, what_if=what_if)
        self.manifest = parse_manifest(self.document, folder)
        self._records = {Shard(r.account, r.region): r for r in self.manifest.shards}
        # The organization's evidence is that of the bundle, whichever account its record names.
        self._failed = {
            (AccountId("") if r.region == ORG else r.account, r.region)
            for r in self.manifest.shards
            if r.status is ShardStatus.FAILED
        }
        self._malformed = Malformed()
        self._account: Answers | None = None

    @cached_property
    def _allowance(self) -> Allowance:
        return Allowance(self.size())

    def opening(self) -> "Callable[[], Bundle]":
        """Return a function that opens this bundle again, here or in another process."""
        return partial(Bundle, self.folder, self._only, what_if=self._what_if)

    @property
    def accounts(self) -> tuple[AccountId, ...]:
        """The accounts of the scope whose evidence is read here, in the order of the manifest."""
        return tuple(account for account in self.manifest.scope.accounts if self._reads(account))

    def _reads(self, account: str) -> bool:
        return self._only is None or account in self._only

    def scope(self) -> Iterator[tuple[Shard, ShardStatus]]:
        """Yield each account-Region that is read here, in order, and how completely it was read."""
        return ((shard, status) for shard, status in self.whole_scope() if self._reads(shard.account))

    def whole_scope(self) -> Iterator[tuple[Shard, ShardStatus]]:
        """Yield each account-Region in scope, in order, and how completely it was read."""
        excluded = {entry.account for entry in self.manifest.scope.excluded}
        for account in sorted(set(self.manifest.scope.accounts) - excluded):
            for region in sorted(set(self.manifest.scope.regions)):
                shard = Shard(account, region)
                yield shard, self._status(shard)

    def _status(self, shard: Shard) -> ShardStatus:
        record = self._records.get(shard)
        if record is not None and record.status is ShardStatus.FAILED:
            return record.status
        if self._file(shard) is None:
            skipped = record is not None and record.status is ShardStatus.SKIPPED
            return ShardStatus.SKIPPED if skipped else ShardStatus.MISSING
        # Evidence takes precedence over a record that says the Region was skipped.
        if record is not None and record.status is ShardStatus.SKIPPED:
            return ShardStatus.PARTIAL
        return ShardStatus.PARTIAL if record is None else record.status

    def _file(self, shard: Shard) -> str | None:
        """Return the shard's file. BundleError: the manifest names it, but it is missing."""
        record = self._records.get(shard)
        if record is not None and record.file:
            if self._reads(shard.account) and not (self.folder / record.file).is_file():
                raise BundleError(
                    f"{record.file} is missing, and {NAME} lists it. Restore it from a copy, or scan again."
                )
            return record.file
        return shard_file(self.folder, shard)

    def answers(self, shard: Shard) -> Answers:
        """Return the answers of a shard; none where it has no file."""
        return self._answers(shard, self._file(shard))

    def lines(self, shard: Shard) -> Iterator[EvidenceLine]:
        """Yield the recorded calls of a shard as they are; none where it has no file."""
        name = self._file(shard)
        return iter(()) if name is None else read_lines(self.folder, name, self._allowance)

    def raw_lines(self, shard: Shard) -> Iterator[bytes]:
        """Yield the lines of a shard's evidence file as bytes; none where it has no file."""
        name = self._file(shard)
        return iter(()) if name is None else raw_lines(self.folder, name, self._allowance)

    def account_answers(self, account: AccountId) -> Answers:
        """Return the answers of an account's global services. Those of the last account are cached."""
        shard = Shard(account, AWS_GLOBAL)
        if self._account is None or self._account.shard != shard:
            self._account = self.answers(shard)
        return self._account

    def organization_answers(self) -> Answers:
        """Return the organisation-wide answers, under the management account."""
        record = next((record for record in self.manifest.shards if record.region == ORG), None)
        account = self.manifest.scope.management_account or (record.account if record else AccountId(""))
        shard = Shard(account, ORG)
        name = record.file if record is not None and record.file else shard_file(self.folder, shard)
        return self._answers(shard, name)

    def _answers(self, shard: Shard, name: str | None) -> Answers:
        if name is None:
            return Answers(shard, (), reads=self.manifest.reads)
        lines = map(self._malformed.as_failed_read, read_lines(self.folder, name, self._allowance))
        return Answers(shard, lines, failed=self._has_failed(shard), reads=self.manifest.reads)

    def _has_failed(self, shard: Shard) -> bool:
        """Check whether the manifest records that reading a shard failed; org.jsonl.gz has no account."""
        return (AccountId("") if shard.region == ORG else shard.account, shard.region) in self._failed

    def parsed(self, parse: Callable[[], V]) -> V:
        """Parse answers of this bundle. A malformed answer becomes a failed read, and parsing starts over.

        It does not matter whether the manifest has checksums (catalogue, ruling 21).
        """
        try:
            while True:
                try:
                    return parse()
                except MalformedAnswerError as problem:
                    if not self._malformed.add(problem):
                        raise
                    # The cached answers may contain the line.
                    self._account = None
        finally:
            self._forget_malformed()

    def _forget_malformed(self) -> None:
        """Forget malformed answers: what is read of a shard must not depend on what was parsed before."""
        if self._malformed:
            self._malformed, self._account = Malformed(), None

    def size(self) -> int:
        """Return the compressed size of the evidence files, in bytes."""
        return sum(file.stat().st_size for file in (self.folder / EVIDENCE).rglob("*.jsonl*"))

    def size_of(self, shard: Shard) -> int:
        """Return the compressed size of the evidence of a shard, in bytes; 0 where it has no file."""
        name = self._file(shard)
        return 0 if name is None else (self.folder / name).stat().st_size

    def check(self) -> None:
        """Check every evidence file against its checksum in the manifest."""
        expected = self._expected()
        # `audit evaluate --out` writes a judged scan without the evidence that it was judged from.
        if expected and not (self.folder / EVIDENCE).is_dir():
            raise BundleError(
                f"{self.folder} has no evidence: {min(expected)} does not exist. If the scan was evaluated "
                "into a folder of its own (--out), use the folder of the bundle, evaluated without --out."
            )
        for name, sha256 in sorted(expected.items()):
            # Other programs need not record checksums.
            if sha256 and file_sha256(self.folder / name) != sha256:
                raise BundleError(
                    f"{name} is not the file that {NAME} lists (its SHA-256 differs). "
                    "Restore it from a copy, or scan again."
                )

    def _expected(self) -> dict[str, str]:
        expected = {record.file: record.sha256 for record in self.manifest.shards if record.file}
        files = self.manifest.files.items()
        named = expected | {name: sha256 for name, sha256 in files if name.startswith("evidence/")}
        return {name: sha256 for name, sha256 in named.items() if self._has(name)}

    def _has(self, name: str) -> bool:
        """Check whether an evidence file, `evidence/ACCOUNT/REGION` or `evidence/org`, is read here."""
        _, *folders, _ = name.split("/")
        return not folders or self._reads(folders[0])


class Malformed:
    """The lines of a bundle with malformed answers: not of the form that AWS documents.

    Finding each takes parsing from the start, so after _MOST_LINES of an operation all of its answers are
    treated as failed reads.
    """

    def __init__(self) -> None:
        self._lines: dict[EvidenceRef, str] = {}
        self._operations: dict[tuple[str, str], int] = {}

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._lines)

    def add(self, problem: MalformedAnswerError) -> bool:
        """Treat a line as a failed read from now on. False: it already is."""
        if problem.ref in self._lines:
            return False
        self._lines[problem.ref] = str(problem)
        place = (problem.ref.file, problem.operation)
        self._operations[place] = self._operations.get(place, 0) + 1
        return True

    def as_failed_read(self, line: EvidenceLine) -> EvidenceLine:
        """Return a line; as a failed read where its answer is malformed."""
        message = self._lines.get(line.ref)
        if message is None and self._operations.get((line.ref.file, line.name), 0) < _MOST_LINES:
            return line
        if line.response is None:
            return line
        return replace(line, response=None, error=CallError(MALFORMED, message or "as others", 0))


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in lowercase hex. BundleError: it cannot be read."""
    digest = hashlib.sha256()
    try:
        with open_regular(path) as stream:
            # In chunks: a file of evidence may have gigabytes.
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    except OSError as problem:
        raise BundleError(f"{path} cannot be read: {problem.strerror}.") from problem
    return digest.hexdigest()
