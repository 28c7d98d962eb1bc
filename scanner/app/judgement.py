"""A bundle is judged: evidence to inventory, facts, findings and reports."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from scanner.app import FINDINGS
from scanner.app.criteria import Judgement
from scanner.app.earlier_judgement import remove_judgement
from scanner.app.findings import facts_request, waivers_of, write_findings
from scanner.app.inputs import write_inputs
from scanner.app.judged import lined_findings, unlined_findings
from scanner.app.judged_manifest import judged_manifest, signing_before_reports, write_judged_manifest
from scanner.app.judged_scan import judged_scan
from scanner.app.protection import summary_of
from scanner.app.reports import LINES, compared, write_scan_reports
from scanner.app.root_causes import write_root_causes
from scanner.app.signing import Signer, sign_scan
from scanner.errors import OutputError, VaultproofError
from scanner.evaluate.decisions.waivers import Waivers
from scanner.evidence.bundle import Bundle, file_sha256
from scanner.evidence.report_checksums import read_checksums
from scanner.evidence.scan_files import INVENTORY
from scanner.findings.causes import TABLE, FiledCauses
from scanner.findings.filed import Filed
from scanner.history.comparison import Since
from scanner.history.first_seen import write_first_seen
from scanner.judging.tables import Tables, write_tables
from scanner.judging.worker_pool import workers_for
from scanner.model.manifest import Manifest
from scanner.model.scan import Scan
from scanner.model.timeline import FirstSeenTimes
from scanner.report.read import SUMMARY
from scanner.report.redact import Pseudonyms
from scanner.report.view.view import View, build
from scanner.report.write import Written
from scanner.storage.memory import release_memory
from scanner.storage.table_files import table_files

_LOG: Final = logging.getLogger("vaultproof")


@dataclass(frozen=True, slots=True)
class Outcome:
    """A judged scan, and the report files that were written of it.

    `signing_problem`: why the scan, which is complete, has no signature or no time stamp; None: it has what
    was requested.
    """

    view: View
    written: tuple[Written, ...]
    signing_problem: VaultproofError | None = None

    @property
    def scan(self) -> Scan:
        """The scan that the view shows."""
        return self.view.scan


def evaluate(  # noqa: PLR0913 -- what is judged, against what, and what is made of it
    bundle_folder: Path,
    out: Path,
    judgement: Judgement,
    formats: tuple[str, ...],
    *,
    jobs: int | None = 1,
    redaction: Pseudonyms | None = None,
    since: Since | None = None,
    before_manifest: Callable[[View], None] | None = None,
    signer: Signer | None = None,
    check: Callable[[Bundle], None] | None = None,
) -> Outcome:
    """Judge a bundle, and write facts, findings and reports into `out`.

    Opens no socket and reads no clock, unless a key in AWS KMS or a time stamping authority signs.

    An earlier judgement in `out` is removed before a file of it is replaced, its manifest first. The new
    manifest is written last: until then, no command reads the folder as a judged scan.

    `jobs`: processes that judge account-Regions; 1: only this one; None: what suits the bundle.
    `redaction`: reports have these pseudonyms for names, and go into a folder of their own.
    `since`: an earlier scan; the scan has what has changed since.
    `before_manifest`: writes further files of the scan, which the manifest names.
    `signer`: signs the manifest, as the last step.
    `check`: raises an error for a bundle that is not to be judged, whose files have their checksums.
    """
    # Checked first: an hour of judging would otherwise end in this error.
    if since is not None:
        since.check_is_not(out)
    bundle = Bundle(bundle_folder)
    # Before the tables: changed evidence must not be judged at all.
    bundle.check()
    if check is not None:
        check(bundle)
    request = facts_request(bundle, judgement)
    # `remove_judgement` runs when all tables are complete: until then an earlier scan stays usable.
    tables = write_tables(
        bundle, out, request, workers_for(bundle, jobs), lambda: remove_judgement(bundle, out)
    )
    waivers = waivers_of(judgement, bundle.manifest)
    write_findings(bundle, out, judgement, tables.rows, waivers)
    return conclude(
        bundle,
        out,
        judgement,
        formats,
        tables,
        waivers,
        redaction=redaction,
        since=since,
        before_manifest=before_manifest,
        signer=signer,
    )


def conclude(  # noqa: PLR0913, PLR0917 -- as `evaluate`, and what was judged until here
    bundle: Bundle,
    out: Path,
    judgement: Judgement,
    formats: tuple[str, ...],
    tables: Tables,
    waivers: Waivers,
    *,
    redaction: Pseudonyms | None = None,
    since: Since | None = None,
    before_manifest: Callable[[View], None] | None = None,
    signer: Signer | None = None,
) -> Outcome:
    """Write reports and then the manifest of a scan whose facts, inventory and findings are in `out`.

    The second half of `evaluate`. A distributed scan judges accounts apart and ends here, too.

    Raises:
        OutputError: a report could not be written. The scan is complete without it.
    """
    findings = unlined_findings(out, judgement, bundle.manifest)
    write_inputs(out, judgement.inputs)
    manifest = judged_manifest(bundle, out, judgement)
    scan = judged_scan(bundle, out, judgement, manifest, tables, findings, waivers)
    scan = replace(scan, blast_radius=summary_of(out, scan))
    # Both the graph and the causes take much memory for a while, which DuckDB does not return by itself.
    release_memory()
    scan = with_causes(out, scan)
    release_memory()
    scan, manifest = with_lines(out, scan, lines=LINES in formats)
    # Reports print the digest that the signature will cover, so it has to be known before they exist.
    signing = signing_before_reports(bundle, out, manifest, signer.key if signer else None)
    scan = replace(scan, signing=signing, fail_on_unknown=judgement.fail_on_unknown)
    view = build(compared(scan, since))
    try:
        written = write_scan_reports(view, out, formats, redaction)
    except OutputError:
        # The summary is what `audit report` needs: with it the scan is complete, whatever report failed.
        if SUMMARY in read_checksums(out):
            write_judged_manifest(bundle, out, manifest)
            _sign(out, signer)
        raise
    if before_manifest is not None:
        before_manifest(view)
    elif view.scan.first_seen is not None and since is not None and since.problem is None:
        _store_first_seen(out, view.scan)
    # The last file: from here on the folder is a judged scan.
    write_judged_manifest(bundle, out, manifest)
    return Outcome(view, written, _sign(out, signer))


def _store_first_seen(out: Path, scan: Scan) -> None:
    """Write when findings were first seen, for the next scan. An error does not fail this one."""
    try:
        write_first_seen(out, scan, scan.first_seen or FirstSeenTimes())
    except VaultproofError as problem:
        _LOG.warning("When findings were first seen is not stored for the next scan: %s", problem)


def with_causes(out: Path, scan: Scan) -> Scan:
    """Return a scan whose findings have their root causes, which are written into its inventory.

    They are worked out from the findings, which are complete without: a failure here is a limitation.
    """
    try:
        summary = write_root_causes(out, scan)
    except VaultproofError as problem:
        note = f"Failures were not traced to their root causes: {problem}"
        return replace(scan, limitations=(*scan.limitations, note))
    findings = scan.findings
    if summary is None or not isinstance(findings, Filed):
        return scan
    causes = FiledCauses(partial(table_files, out / INVENTORY))
    return replace(scan, findings=findings.with_causes(causes), root_causes=summary)


def with_lines(out: Path, scan: Scan, *, lines: bool) -> tuple[Scan, Manifest]:
    """Write the findings of a scan as lines, and name the files that were written last in its manifest."""
    if isinstance(scan.findings, Filed):
        scan = replace(scan, findings=lined_findings(out, scan.findings, lines=lines))
    # These files were written after the manifest was built.
    written = (f"{INVENTORY}/{TABLE}.parquet", FINDINGS)
    files = {name: file_sha256(out / name) for name in written if (out / name).is_file()}
    manifest = replace(scan.manifest, files=dict(sorted({**scan.manifest.files, **files}.items())))
    return replace(scan, manifest=manifest), manifest


def _sign(out: Path, signer: Signer | None) -> VaultproofError | None:
    """Sign a scan. Return why that was not possible: a scan that took hours is not lost for it."""
    if signer is None:
        return None
    try:
        sign_scan(out, signer)
    except VaultproofError as problem:
        return problem
    return None
