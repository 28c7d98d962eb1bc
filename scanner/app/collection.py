"""AWS to an evidence bundle, in one run or resumed. Loads nothing that judges or reports."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from scanner.app import TOOL
from scanner.collect.estimate import Estimate
from scanner.collect.estimate import rehearse as ask_for_scope
from scanner.collect.journal import read_journal
from scanner.collect.request import Collected, CollectRequest, CutShortError, Interrupted, Watcher
from scanner.collect.resume import ResumeOptions
from scanner.collect.resume import resume as resume_evidence
from scanner.collect.runner import collect as collect_evidence
from scanner.errors import BundleError, OutputError
from scanner.evidence.manifest import NAME, manifest_bytes, manifest_document, read_manifest, rfc3339
from scanner.model.manifest import Manifest, ManifestInputs
from scanner.protection.capabilities import capabilities_as_of
from scanner.storage.files import write_atomically


def collect(
    request: CollectRequest,
    out: Path,
    watcher: Watcher | None = None,
    as_of: datetime | None = None,
    *,
    scan_id: str = "",
) -> Manifest:
    """Record the evidence of a scope in `out`, and return its manifest.

    A collection that is cut short keeps what was read: its manifest is written before the error is raised.
    """
    with _manifest_when_cut_short(out):
        collected = collect_evidence(request, out, watcher, as_of=as_of, scan_id=scan_id)
    # Only a complete collection reaches this point; an interrupted one has its manifest already.
    manifest = manifest_of(collected)
    _write_manifest(out, manifest)
    return manifest


def resume(
    options: ResumeOptions,
    request: CollectRequest,
    out: Path,
    watcher: Watcher | None = None,
    as_of: datetime | None = None,
) -> bool:
    """Resume the collection in `out`. Return False when nothing was left to collect.

    `options`: the scope as given again; it must not contradict the journal. `request`: how accounts are read.
    """
    with _manifest_when_cut_short(out, as_of):
        resumed = resume_evidence(options, request, out, watcher)
    manifest = manifest_of(resumed.collected, as_of)
    # Rewriting the manifest of a judged scan would drop what it says of the facts and findings.
    if not (resumed.had_all and _is_written(out, manifest)):
        _write_manifest(out, manifest)
    return not resumed.had_all


def has_more(out: Path) -> bool:
    """Whether a collection that ended left shards that `resume` can read: credentials expired."""
    journal = read_journal(out)
    # The journal has no end while shards are left, for which expired credentials are the usual cause.
    return journal is not None and journal.finished_at is None


def rehearse(request: CollectRequest, watcher: Watcher | None = None) -> Estimate:
    """Return an estimate of the calls that a scan would make; write nothing."""
    return ask_for_scope(request, watcher)


@contextmanager
def _manifest_when_cut_short(out: Path, as_of: datetime | None = None) -> Iterator[None]:
    """Write the manifest of what was read when a collection is cut short, and raise its error."""
    try:
        yield
    except (Interrupted, CutShortError) as error:
        # Where the disk is full, the manifest cannot be written either: the first error says more.
        with suppress(OutputError):
            _write_manifest(out, manifest_of(error.collected, as_of))
        raise


def _is_written(out: Path, manifest: Manifest) -> bool:
    """Whether the folder has the manifest of this collection, which may since have been judged."""
    try:
        stored = read_manifest(out)
    except BundleError:
        return False
    # The scan id alone is not enough: each run that resumes a scan writes a manifest with the same id.
    same_scan = stored.scan_id == manifest.scan_id
    return same_scan and rfc3339(stored.finished_at) == rfc3339(manifest.finished_at)


def manifest_of(collected: Collected, as_of: datetime | None = None) -> Manifest:
    """Return the manifest of what was collected."""
    return Manifest(
        scan_id=collected.scan_id,
        tool_name=TOOL,
        tool_version=version(TOOL),
        started_at=collected.started_at,
        finished_at=collected.finished_at,
        # The clock of the evaluation: the option, that of the first run, else the end of the collection.
        evaluated_as_of=as_of or collected.as_of or collected.finished_at,
        inputs=ManifestInputs(has_as_of=True, as_of=as_of or collected.as_of),
        caller_arn=collected.caller_arn,
        caller_account=collected.caller_account,
        scope=collected.scope,
        accounts=collected.accounts,
        shards=collected.shards,
        # Shards that were not read have no file, and so no checksum.
        files={record.file: record.sha256 for record in collected.shards if record.file},
        capabilities_as_of=capabilities_as_of(),
        reads=collected.reads,
    )


def _write_manifest(out: Path, manifest: Manifest) -> None:
    write_atomically(out / NAME, manifest_bytes(manifest_document(manifest)))
