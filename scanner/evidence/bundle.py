"""An evidence bundle as a whole: its manifest, its shards, and the answers of each."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from scanner.errors import BundleError
from scanner.evidence.answers import Answers
from scanner.evidence.manifest import NAME, parse_manifest, read_document
from scanner.evidence.reader import read_lines, shard_file
from scanner.model.inventory import ShardStatus
from scanner.model.names import AWS_GLOBAL, ORG, AccountId, Shard

_CHUNK: Final = 1 << 20


class Bundle:
    """A folder with manifest.json and evidence/. BundleError wherever it cannot be trusted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.document = read_document(folder)
        self.manifest = parse_manifest(self.document, folder)
        self._records = {Shard(r.account, r.region): r for r in self.manifest.shards}

    def scope(self) -> Iterator[tuple[Shard, ShardStatus]]:
        """Give each account-Region that was asked for, in order, and how far its reading got."""
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
        # What was read counts for more than a record that says that nothing was to be read.
        if record is not None and record.status is ShardStatus.SKIPPED:
            return ShardStatus.PARTIAL
        return ShardStatus.PARTIAL if record is None else record.status

    def _file(self, shard: Shard) -> str | None:
        """Give the shard's file. A file that the manifest names and that is gone is a corrupt bundle."""
        record = self._records.get(shard)
        if record is not None and record.file:
            if not (self.folder / record.file).is_file():
                raise BundleError(
                    f"{record.file} is missing, and {NAME} lists it. Restore it from a copy, or scan again."
                )
            return record.file
        return shard_file(self.folder, shard)

    def answers(self, shard: Shard) -> Answers:
        """Give the answers of a shard; none when it has no file."""
        name = self._file(shard)
        return Answers(shard, () if name is None else read_lines(self.folder, name))

    def account_answers(self, account: AccountId) -> Answers:
        """Give the answers of an account's global services."""
        return self.answers(Shard(account, AWS_GLOBAL))

    def organization_answers(self) -> Answers:
        """Give the organisation-wide answers, as the management account's."""
        record = next((record for record in self.manifest.shards if record.region == ORG), None)
        account = self.manifest.scope.management_account or (record.account if record else AccountId(""))
        shard = Shard(account, ORG)
        name = record.file if record is not None and record.file else shard_file(self.folder, shard)
        return Answers(shard, () if name is None else read_lines(self.folder, name))

    def check(self) -> None:
        """Hold every checksum that the manifest gives against its evidence file."""
        expected = {record.file: record.sha256 for record in self.manifest.shards if record.file}
        expected |= {name: sha for name, sha in self.manifest.files.items() if name.startswith("evidence/")}
        for name, sha256 in sorted(expected.items()):
            if sha256 and file_sha256(self.folder / name) != sha256:
                raise BundleError(
                    f"{name} is not the file that {NAME} speaks of (its SHA-256 differs). "
                    "Restore it from a copy, or scan again."
                )


def file_sha256(path: Path) -> str:
    """Give the SHA-256 of a file, as lower-case hex. BundleError when it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    except OSError as problem:
        raise BundleError(f"{path} cannot be read: {problem.strerror}.") from problem
    return digest.hexdigest()
