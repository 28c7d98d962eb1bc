"""Writing reports and their checksums."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scanner.errors import OutputError, UsageError
from scanner.evidence.bundle import file_sha256
from scanner.evidence.report_checksums import NAME as CHECKSUMS
from scanner.evidence.report_checksums import checksums_bytes, read_checksums
from scanner.evidence.scan_files import has_sha256
from scanner.report.formats.asff import asff
from scanner.report.formats.csv import findings_csv, inventory_csv
from scanner.report.formats.html import report_html
from scanner.report.formats.json import findings_json, findings_jsonl_gz, summary_json
from scanner.report.formats.junit import junit
from scanner.report.formats.markdown import summary_md
from scanner.report.formats.ocsf import ocsf, ocsf_parquet
from scanner.report.formats.oscal import oscal
from scanner.report.formats.parquet import findings_parquet
from scanner.report.formats.pdf import Paper, report_pdf
from scanner.report.formats.sarif import sarif
from scanner.report.formats.xlsx import findings_xlsx
from scanner.report.view.view import View
from scanner.storage.files import Measured, temporary_file_error, write_atomically
from scanner.storage.memory import release_memory

MANY: Final = 250_000
"""Above this number of findings, each format reads the worst again, so that they do not stay in memory."""


@dataclass(frozen=True, slots=True)
class Format:
    """One format: its file name, and the function that writes it from a view."""

    file: str
    make: Callable[[View], Iterable[bytes]]


FORMATS: Final[Mapping[str, Format]] = {
    "summary": Format("summary.json", summary_json),
    "json": Format("findings.json", findings_json),
    "jsonl": Format("findings.jsonl.gz", lambda view: findings_jsonl_gz(view.findings)),
    "csv": Format("findings.csv", findings_csv),
    "inventory": Format("inventory.csv", inventory_csv),
    "xlsx": Format("findings.xlsx", findings_xlsx),
    "parquet": Format("findings.parquet", findings_parquet),
    "sarif": Format("report.sarif", sarif),
    "junit": Format("report.junit.xml", junit),
    "ocsf": Format("findings.ocsf.jsonl", ocsf),
    "ocsf-parquet": Format("findings.ocsf.parquet", ocsf_parquet),
    "oscal": Format("assessment-results.oscal.json", oscal),
    "asff": Format("findings.asff.jsonl", asff),
    "markdown": Format("summary.md", summary_md),
    "pdf": Format("report.pdf", lambda view: [report_pdf(view)]),
    "pdf-letter": Format("report-letter.pdf", lambda view: [report_pdf(view, Paper.LETTER)]),
    "html": Format("report.html", lambda view: [report_html(view)]),
}
"""The formats in the order of writing. HTML is last, because it fragments memory most."""


@dataclass(frozen=True, slots=True)
class Written:
    """A report that was written to disk."""

    format: str
    path: Path
    bytes: int
    sha256: str


def write_reports(
    view: View, folder: Path, formats: Collection[str], findings: Path | None = None
) -> tuple[Written, ...]:
    """Write reports of a view to `folder`, each atomically, and their checksums.

    Checksums of reports from earlier runs stay if their files are unchanged. `findings`: the file of the
    findings, if it belongs to the reports and not to a scan; it gets a checksum, too.

    Raises:
        UsageError: there is no such format; nothing is written.
        OutputError: a report could not be written. All others are written, with their checksums.
    """
    chosen = known_formats(formats)
    written: list[Written] = []
    problems: list[str] = []
    for name in chosen:
        # Small scans keep them: reading again takes longer than the memory is worth.
        if view.counts.total > MANY:
            view.forget()
        release_memory()
        try:
            written.append(_write(name, FORMATS[name], view, folder))
        except OutputError as problem:
            # A full disk or a missing Pango must not cost the formats that can be written.
            problems.append(str(problem))
    _write_checksums(folder, written, findings)
    if problems:
        raise OutputError(" ".join(problems))
    return tuple(written)


def known_formats(formats: Collection[str]) -> tuple[str, ...]:
    """Return the formats without repetition, in the order of writing. UsageError: there is no such format."""
    unknown = sorted(set(formats) - FORMATS.keys())
    if unknown:
        raise UsageError(f"There is no report format {', '.join(unknown)}. There are: {', '.join(FORMATS)}.")
    return tuple(name for name in FORMATS if name in formats)


def _write(name: str, how: Format, view: View, folder: Path) -> Written:
    path = folder / how.file
    try:
        measured = Measured(how.make(view))
    except OSError as problem:  # WeasyPrint writes fonts, and each attachment is a file at first
        raise temporary_file_error(f"{path} could not be written", problem) from problem
    write_atomically(path, measured)
    return Written(name, path, measured.bytes, measured.sha256)


def _write_checksums(folder: Path, written: list[Written], findings: Path | None) -> None:
    """Write `reports.sha256` for `sha256sum --check`, with the earlier reports that are unchanged."""
    new = {report.path.name: report.sha256 for report in written}
    if findings is not None:
        new[findings.name] = file_sha256(findings)
    if not new:
        return
    earlier = {name: sha for name, sha in read_checksums(folder).items() if name not in new}
    # A report that was changed since must not get a valid checksum again.
    unchanged = {name: sha for name, sha in earlier.items() if has_sha256(folder / name, sha)}
    write_atomically(folder / CHECKSUMS, checksums_bytes(unchanged | new))
