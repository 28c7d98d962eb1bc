"""The scan that reports are made of, from the files that judging has written."""

from functools import partial
from operator import attrgetter
from pathlib import Path

from scanner.app.criteria import Judgement
from scanner.app.findings import organizational_units
from scanner.evaluate.compliance.assessment import assess
from scanner.evaluate.compliance.frameworks import audit_manager_frameworks
from scanner.evaluate.compliance.scopes import POINT_COLUMNS, RESOURCE_COLUMNS, load_scopes
from scanner.evaluate.coverage import asks_recency, coverage, scored
from scanner.evaluate.decisions.waivers import Waivers
from scanner.evaluate.needs import unlisted
from scanner.evaluate.unsupported_rows import unsupported_of
from scanner.evidence.bundle import Bundle
from scanner.evidence.scan_files import FACTS, INVENTORY
from scanner.findings.counts import counts
from scanner.findings.filed import Filed
from scanner.findings.subject_groups import SubjectGroups, subject_groups
from scanner.judging.tables import Tables
from scanner.model.compliance import Assessment
from scanner.model.facts import TABLES
from scanner.model.finding import FindingCounts
from scanner.model.manifest import Manifest, read_share
from scanner.model.protection import ProtectionGroup
from scanner.model.scan import POPULATION, Scan
from scanner.protection.capabilities import LIMITATIONS, report_notes
from scanner.report.commands.structures import structure_tables
from scanner.services.organizations import unit_names
from scanner.storage.parquet import StoredRows, open_parquet, streamed
from scanner.storage.table_files import table_files


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
        assessment = _assessment(bundle, judgement, counts(findings, connection), groups, checks)
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


def _assessment(
    bundle: Bundle,
    judgement: Judgement,
    counted: FindingCounts,
    groups: SubjectGroups,
    checks: FindingCounts,
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
        unlisted=unlisted(controls, bundle.manifest.reads),
        scored=checks,
        scopes=judgement.scopes,
    )
