"""What is made of a judged scan: reports, redacted reports, explanations, comparisons with earlier scans."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from scanner.app import FINDINGS
from scanner.app.judged import read_judged
from scanner.app.judged_manifest import check_reports, name_reports
from scanner.app.root_causes import with_root_causes
from scanner.errors import BundleError, UsageError
from scanner.evidence.manifest import NAME, read_manifest
from scanner.evidence.scan_files import INVENTORY, ScanFiles
from scanner.findings.stored_lines import StoredFindings
from scanner.history.comparison import Since
from scanner.history.first_seen import read_first_seen
from scanner.history.timeline import History
from scanner.model.explanation import Explanation
from scanner.model.report_details import ReportDetails
from scanner.model.scan import Scan
from scanner.report.commands.structures import Structures, structure_tables
from scanner.report.explain import explain as explain_subject
from scanner.report.explain.advice import with_commands
from scanner.report.formats.json import findings_jsonl_gz
from scanner.report.redact import Pseudonyms, redacted, redacted_explanation
from scanner.report.view.view import View, build
from scanner.report.write import FORMATS, Written, write_reports
from scanner.storage.files import write_atomically
from scanner.storage.table_files import TableFiles, account_of

LINES: Final = "jsonl"
"""The format of the findings as lines. In a scan's own folder it is evidence, and its manifest names it."""

SHARED: Final = "redacted"
"""The subfolder of a scan for redacted reports, unless another folder is named."""

ALWAYS: Final = ("summary", "json")
"""Formats that every scan has: `audit report` reads them back."""


def report(  # noqa: PLR0913 -- a scan, and the options of its reports
    scan_folder: Path,
    formats: tuple[str, ...],
    out: Path | None = None,
    redaction: Pseudonyms | None = None,
    since: Since | None = None,
    *,
    fail_on_unknown: bool = False,
    details: ReportDetails | None = None,
) -> tuple[Written, ...]:
    """Write reports of a judged scan into its folder, or into `out`.

    `since`: an earlier scan to compare with; None: the one it was compared with before, if any.
    `fail_on_unknown`: JUnit reports unknown checks as errors. `details`: names, annex and baseline instead of
    those of audit.yaml, as far as they are set.

    Raises:
        UsageError: redacted reports would overwrite those of a scan, or it does not record baselines.
    """
    if since is not None:
        since.check_is_not(scan_folder)
    scan = with_first_seen(compared(read_judged(scan_folder), since), scan_folder)
    scan = _with_details(replace(scan, fail_on_unknown=fail_on_unknown), details)
    folder = out or (scan_folder if redaction is None else scan_folder / SHARED)
    # Before anything is written: redacted reports must never replace the originals.
    _check_target(scan_folder, folder, formats, is_redacted=redaction is not None)
    with _named_in_manifest(scan_folder, folder, formats):
        if redaction is None:
            return write_reports(build(scan), folder, formats)
        return _write_redacted(scan, redaction, folder, formats)


@contextmanager
def _named_in_manifest(scan_folder: Path, folder: Path, formats: tuple[str, ...]) -> Iterator[None]:
    """Name the reports that the block writes in the manifest, if they belong to the scan.

    Raises:
        BundleError, UsageError: as `check_reports`.
    """
    subfolders = (Path(), Path(SHARED))
    # Only reports within the scan are named in its manifest.
    subfolder = next((sub for sub in subfolders if (scan_folder / sub).resolve() == folder.resolve()), None)
    if subfolder is None:
        yield
        return
    check_reports(scan_folder, subfolder, [FORMATS[name].file for name in formats if name in FORMATS])
    try:
        yield
    finally:  # of several reports, those that could be written are listed, too
        name_reports(scan_folder, subfolder)


def _check_target(scan_folder: Path, folder: Path, formats: tuple[str, ...], *, is_redacted: bool) -> None:
    """Raise UsageError if reports would replace a part of a scan."""
    # Redacted and original names side by side would undo the redaction.
    if is_redacted and (folder / NAME).exists():
        raise UsageError(f"{folder} holds a scan: name another folder for redacted reports with --out.")
    if not is_redacted and LINES in formats and folder.resolve() == scan_folder.resolve():
        raise UsageError("findings.jsonl.gz is part of a scan: name another folder with --out.")


def write_scan_reports(
    view: View, out: Path, formats: tuple[str, ...], redaction: Pseudonyms | None
) -> tuple[Written, ...]:
    """Write the reports of a scan that was just judged into its folder; redacted ones below it."""
    if redaction is None:
        # The lines were written with the findings.
        return write_reports(view, out, (*ALWAYS, *(name for name in formats if name != LINES)))
    own = write_reports(view, out, ALWAYS)
    return (*own, *_write_redacted(view.scan, redaction, out / SHARED, formats))


def _write_redacted(
    scan: Scan, redaction: Pseudonyms, folder: Path, formats: tuple[str, ...]
) -> tuple[Written, ...]:
    """Write redacted reports. Findings are redacted once, into lines that every format reads."""
    scan = redacted(scan, redaction)
    # Pseudonyms are computed once: every format then reads the same ones.
    write_atomically(folder / FINDINGS, findings_jsonl_gz(scan.findings))
    stored = StoredFindings(folder / FINDINGS, len(scan.findings))
    view = build(replace(scan, findings=stored))
    return write_reports(view, folder, tuple(name for name in formats if name != LINES), stored.path)


def explain(scan_folder: Path, subject: str, redaction: Pseudonyms | None = None) -> Explanation:
    """Explain the protection of one subject of a judged scan: an ARN, or a name that no other has."""
    explanation = with_root_causes(scan_folder, explain_subject(scan_folder, subject))
    structures = _structures(scan_folder, explanation.account)
    # Commands first, with the real names; redaction replaces them afterwards.
    explanation = with_commands(explanation, structures, scan_folder)
    return explanation if redaction is None else redacted_explanation(explanation, redaction)


def _structures(scan_folder: Path, account: str) -> Structures:
    """Return what the scan knows of the plans, vaults, roles and keys of one account."""
    manifest = read_manifest(scan_folder)
    files = ScanFiles(scan_folder, manifest)

    def facts(table: str) -> TableFiles:
        whole = files.facts(table)
        # Facts are filed per account; a table in a single file has the rows of all of them.
        paths = (path for path in whole.paths if account_of(path) == account or path.stem == table)
        return replace(whole, paths=tuple(paths))

    return Structures(manifest, structure_tables(facts, partial(files.table, INVENTORY)))


def earlier_scan(
    folder: Path | None, before: Sequence[Path] = (), history: History | None = None
) -> Since | None:
    """Read the scans that `--since` and `--before` name. None: neither is given.

    `history`: the series of scans before them; None: those of `before`.

    Raises:
        BundleError: a folder is no judged scan.
        UsageError: `before` without `folder`.
    """
    if folder is None:
        if before:
            raise UsageError("--before requires --since.")
        return None
    since = Since(folder, read_judged(folder), tuple(map(read_judged, before)))
    since.check()
    series = _history_of(since.before) if history is None else history
    try:
        stored, problem = read_first_seen(folder), None
    except BundleError as error:
        # The comparison does not need it, so only what does will fail.
        stored, problem = None, error
    return replace(since, history=series.after(since.old, stored), problem=problem)


def _history_of(scans: Sequence[Scan]) -> History:
    history = History()
    for scan in sorted(scans, key=lambda earlier: earlier.manifest.evaluated_as_of):
        history = history.after(scan)
    return history


def _with_details(scan: Scan, details: ReportDetails | None) -> Scan:
    """Return the scan with details of options. UsageError: it does not record the baselines."""
    if details is None:
        return scan
    frameworks = scan.assessment.frameworks if scan.assessment else ()
    # All requirements would look as if the baseline selected them.
    if details.baseline and not any(framework.has_baselines for framework in frameworks):
        raise UsageError(
            "--nist-baseline: an earlier version evaluated this scan, and it does not record which baselines "
            "select a requirement. Run audit evaluate on its bundle again."
        )
    return replace(scan, report=scan.report.overridden_by(details))


def compared(scan: Scan, since: Since | None) -> Scan:
    """Return the scan with what has changed since an earlier one; None: the scan as it is."""
    if since is None:
        return scan
    series = since.series(scan)
    timeline, first_seen = (None, None) if series is None else series
    return replace(scan, changes=since.changes(scan), timeline=timeline, first_seen=first_seen)


def with_first_seen(scan: Scan, folder: Path) -> Scan:
    """Return a scan with the times that its folder stores, if any. BundleError: they cannot be read."""
    return scan if scan.first_seen is not None else replace(scan, first_seen=read_first_seen(folder))
