"""A bundle is judged: evidence to inventory, facts, findings and reports."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Final

from scanner.app import FINDINGS
from scanner.app.criteria import Judgement
from scanner.app.earlier_judgement import remove_judgement
from scanner.app.findings import facts_request, organizational_units, waivers_of, write_findings
from scanner.app.inputs import write_inputs
from scanner.app.judged import lined_findings, unlined_findings
from scanner.app.judged_manifest import judged_manifest, signing_before_reports, write_judged_manifest
from scanner.app.protection import summary_of
from scanner.app.reports import LINES, compared, write_scan_reports
from scanner.app.root_causes import write_root_causes
from scanner.app.signing import Signer, sign_scan
from scanner.errors import OutputError, VaultproofError
from scanner.evaluate.compliance.assessment import assess
from scanner.evaluate.compliance.frameworks import audit_manager_frameworks
from scanner.evaluate.compliance.scopes import POINT_COLUMNS, RESOURCE_COLUMNS, load_scopes
from scanner.evaluate.coverage import asks_recency, coverage, scored
from scanner.evaluate.decisions.waivers import Waivers
from scanner.evaluate.needs import unlisted
from scanner.evaluate.unsupported_rows import unsupported_of
from scanner.evidence.bundle import Bundle, file_sha256
from scanner.evidence.report_checksums import read_checksums
from scanner.evidence.scan_files import FACTS, INVENTORY
from scanner.findings.causes import TABLE, FiledCauses
from scanner.findings.counts import counts
from scanner.findings.filed import Filed
from scanner.findings.subject_groups import SubjectGroups, subject_groups
from scanner.history.comparison import Since
from scanner.history.first_seen import write_first_seen
from scanner.judging.tables import Tables, write_tables
from scanner.judging.worker_pool import workers_for
from scanner.model.compliance import Assessment
from scanner.model.facts import TABLES
from scanner.model.finding import FindingCounts
from scanner.model.known import Gap
from scanner.model.manifest import Manifest, read_share
from scanner.model.protection import ProtectionGroup
from scanner.model.scan import POPULATION, Scan
from scanner.model.timeline import FirstSeenTimes
from scanner.protection.capabilities import LIMITATIONS, report_notes
from scanner.report.commands.structures import structure_tables
from scanner.report.read import SUMMARY
from scanner.report.redact import Pseudonyms
from scanner.report.view.view import View, build
from scanner.report.write import Written
from scanner.services.organizations import unit_names
from scanner.storage.memory import release_memory
from scanner.storage.parquet import StoredRows, open_parquet, streamed
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


def judged_scan(  # noqa: PLR0913, PLR0917 -- what was judged, against what, and each result of it
    bundle: Bundle,
    out: Path,
    judgement: Judgement,
    manifest: Manifest,
    tables: Tables,
    findings: Filed,
    waivers: Waivers,
) -> Scan:
    """Return the scan whose facts, inventory and findings are in `out`."""
    resources = open_parquet(out / FACTS, "resource", TABLES["resource"], new=True)
    # One connection for all counts: opening the files is what takes the time.
    with findings.database() as connection:
        checks = scored(judgement.evaluated_controls, judgement.standards.unscored, connection, resources)
        if judgement.scopes:
            points = open_parquet(out / FACTS, "recovery_point", TABLES["recovery_point"], new=True)
            load_scopes(
                connection,
                judgement.scopes,
                streamed(resources, RESOURCE_COLUMNS),
                streamed(points, POINT_COLUMNS),
            )
        serving = filter(attrgetter("frameworks"), judgement.evaluated_controls)
        groups = subject_groups(connection, serving, judgement.scopes)
        assessment = _assessment(bundle, judgement, counts(findings, connection), groups, checks, tables.gaps)
        protected = coverage(connection, resources, asks_recency=asks_recency(judgement.controls))
    return Scan(
        manifest=manifest,
        controls=judgement.evaluated_controls,
        parameters=judgement.effective_parameters,
        findings=findings,
        gaps=tables.gaps,
        reconciliation=tables.reconciliation,
        limitations=_limitations(manifest),
        assessment=assessment,
        coverage=protected,
        protection_groups=StoredRows(
            partial(table_files, out / INVENTORY), "protection_groups", ProtectionGroup
        ),
        structures=structure_tables(partial(table_files, out / FACTS), partial(table_files, out / INVENTORY)),
        resources=StoredRows(partial(table_files, out / FACTS), "resource", TABLES["resource"], POPULATION),
        frameworks=audit_manager_frameworks(out, judgement.effective_parameters),
        tiers=judgement.tiers,
        count_inherited_backup=judgement.count_inherited_backup,
        waivers=waivers.uses([control.id for control in judgement.controls]),
        unsupported=unsupported_of(resources),
        report=judgement.report,
        selection=judgement.selection,
        unit_names=bundle.parsed(lambda: unit_names(bundle.organization_answers())),
    )


def _limitations(manifest: Manifest) -> tuple[str, ...]:
    """Return what a report states as its limitations, first of all that not everything was collected."""
    collected = () if manifest.reads is None else (manifest.reads.sentence(),)
    # First of all: a scan that collected only some reads must not be taken for a complete one.
    return (*collected, *LIMITATIONS, *report_notes())


def _assessment(  # noqa: PLR0913, PLR0917 -- what the figures and results rest on
    bundle: Bundle,
    judgement: Judgement,
    counted: FindingCounts,
    groups: SubjectGroups,
    checks: FindingCounts,
    gaps: tuple[Gap, ...],
) -> Assessment:
    """Return the score and the results of compliance requirements, from counts of the findings."""
    controls, units = judgement.evaluated_controls, organizational_units(bundle)
    return assess(
        counted,
        groups,
        controls,
        judgement.standards,
        units,
        read_share(status for _, status in bundle.whole_scope()),
        unlisted=unlisted(controls, bundle.manifest.reads, gaps),
        scored=checks,
        scopes=judgement.scopes,
    )
