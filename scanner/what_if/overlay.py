"""A what-if bundle: the evidence of a scan with planned changes laid over it.

The files of the account-Regions that changes are about are written again; all others are linked. The manifest
says that it is a what-if: without `what_if=True`, nothing reads it as evidence
(`evidence.manifest.read_document`).
"""

import os
import shutil
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from scanner.errors import OutputError
from scanner.evidence.bundle import Bundle, file_sha256
from scanner.evidence.manifest import NAME, SCHEMA, SIGNATURE, TIME_STAMP, WHAT_IF, rfc3339
from scanner.evidence.reader import shard_file
from scanner.model.inventory import ShardStatus
from scanner.model.names import ORG, Shard
from scanner.model.planning.planned_change import ChangeKind, NotJudged, PlannedChange
from scanner.what_if.edits import apply, in_order, operations, shards_of
from scanner.what_if.shard_edits import Effects, NotJudgedError, ShardEdits
from scanner.what_if.shard_lines import ShardLines

# Checksums and the signature are of the scan's own files, and would be false for the edited ones.
_NOT_OF_A_BUNDLE: Final = ("files", "columns", "capabilities_as_of", SIGNATURE, TIME_STAMP)


@dataclass(frozen=True, slots=True)
class Overlay:
    """What was laid over a bundle: the changes that are in it, those that are not, and what they did.

    `subjects`: the changes by the ARN that findings name. `edited`: the shards whose files differ, those of
    global services and of the organization included.
    """

    applied: tuple[PlannedChange, ...]
    not_judged: tuple[NotJudged, ...]
    effects: Effects
    subjects: Mapping[str, PlannedChange]
    edited: frozenset[Shard] = frozenset()


def write_overlay(bundle: Bundle, changes: Iterable[PlannedChange], folder: Path) -> Overlay:
    """Write the what-if bundle of a scan and its changes into an empty folder.

    Raises:
        BundleError: the evidence cannot be trusted.
        OutputError: the folder cannot be written.
    """
    by_shard: dict[Shard, list[PlannedChange]] = defaultdict(list)
    for change in changes:
        for shard in shards_of(change):
            by_shard[_own_shard(bundle, shard)].append(change)
    effects = Effects()
    applied: list[PlannedChange] = []
    not_judged: list[NotJudged] = []
    written: dict[str, Shard] = {}
    subjects: dict[str, PlannedChange] = {}
    # The order of shards decides which change a subject is attributed to: it must not depend on the files.
    for shard, of_shard in sorted(by_shard.items()):
        name = _file_of(bundle, shard)
        if name is None:
            not_judged += (NotJudged(change.origin, _unread(bundle, shard)) for change in of_shard)
            continue
        edits = _edits(bundle, shard, (name, operations(of_shard)), effects)
        done = tuple(_applied(edits, of_shard, not_judged, subjects))
        if done:
            # Written at once, so that the lines of only one shard are in memory.
            edits.lines.write(folder / name)
            written[name] = shard
            # By identity: the creation of a bucket edits two shards, and is one change.
            applied += (change for change in done if not any(change is earlier for earlier in applied))
    _link_others(bundle.folder, folder, written)
    document = _manifest(bundle, folder, written, len(applied))
    (folder / NAME).write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    edited = frozenset(written.values())
    return Overlay(tuple(applied), tuple(dict.fromkeys(not_judged)), effects, subjects, edited)


def _own_shard(bundle: Bundle, shard: Shard) -> Shard:
    """Return the shard as the manifest has it: the organization's belongs to the management account."""
    if shard.region != ORG:
        return shard
    return Shard(bundle.organization_answers().shard.account, shard.region)


def _file_of(bundle: Bundle, shard: Shard) -> str | None:
    """Return the evidence file of a shard; None: it was not read."""
    for record in bundle.manifest.shards:
        # The organization may have been read from a delegated administrator's account.
        if record.region == shard.region and (shard.region == ORG or record.account == shard.account):
            # A partial shard can be edited: each edit still requires the lists that it depends on.
            is_read = record.status in {ShardStatus.COMPLETE, ShardStatus.PARTIAL}
            return record.file or None if is_read else None
    return shard_file(bundle.folder, shard)


def _unread(bundle: Bundle, shard: Shard) -> str:
    scope = bundle.manifest.scope
    if shard.account not in scope.accounts:
        return f"Account {shard.account} was not scanned, so what the change does there is unknown."
    return (
        f"{shard.account}/{shard.region} was not read by the scan, so what the change does there is unknown."
    )


def _edits(bundle: Bundle, shard: Shard, source: tuple[str, frozenset[str]], effects: Effects) -> ShardEdits:
    """Open the lines of a shard. `source`: its file, and the operations that can be edited."""
    manifest = bundle.manifest
    return ShardEdits(
        shard=shard,
        lines=ShardLines(bundle.folder, *source),
        as_of=manifest.evaluated_as_of,
        at=rfc3339(manifest.finished_at or manifest.evaluated_as_of) or "",
        effects=effects,
    )


def _applied(
    edits: ShardEdits,
    changes: Iterable[PlannedChange],
    not_judged: list[NotJudged],
    subjects: dict[str, PlannedChange],
) -> Iterable[PlannedChange]:
    for change in in_order(changes):
        try:
            subject = apply(edits, change)
        except NotJudgedError as problem:
            not_judged.append(NotJudged(change.origin, str(problem)))
        else:
            # A vault's own change names it better than that of its policy.
            if subject and (change.kind is ChangeKind.VAULT or subject not in subjects):
                subjects[subject] = change
            yield change


def _link_others(source: Path, folder: Path, written: Collection[str]) -> None:
    """Link the other evidence files into the folder; copy them where the file system has no links."""
    for file in sorted((source / "evidence").rglob("*.jsonl*")):
        name = file.relative_to(source).as_posix()
        if name in written:
            continue
        target = folder / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                # A scan has gigabytes of evidence: hard links cost neither time nor space.
                os.link(file, target)
            except OSError:
                shutil.copyfile(file, target)
        except OSError as problem:
            raise OutputError(f"{target} cannot be written: {problem.strerror}.") from problem


def _manifest(bundle: Bundle, folder: Path, written: Collection[str], changes: int) -> dict[str, Any]:
    """Return the manifest: that of the scan, with other checksums and without a signature."""
    base = {key: value for key, value in bundle.document.items() if key not in _NOT_OF_A_BUNDLE}
    shards = [_record(entry, folder, written) for entry in bundle.document.get("shards") or ()]
    return {
        **base,
        "schema": SCHEMA,
        **({"shards": shards} if shards else {}),
        "source": {"manifest_sha256": file_sha256(bundle.folder / NAME)},
        "files": {},
        SIGNATURE: None,
        WHAT_IF: {"changes": changes},
    }


def _record(entry: Mapping[str, Any], folder: Path, written: Collection[str]) -> dict[str, Any]:
    name = entry.get("file")
    if name not in written:
        return dict(entry)
    path = folder / str(name)
    return {**entry, "sha256": file_sha256(path), "bytes": path.stat().st_size}
