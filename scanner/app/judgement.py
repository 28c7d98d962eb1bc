"""Evidence to findings and reports, and what is made of a judged scan later."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from scanner.app import FINDINGS, TOOL
from scanner.app.judged import read_judged
from scanner.errors import UsageError
from scanner.evaluate.compliance.assessment import assess
from scanner.evaluate.compliance.frameworks import frameworks_beside
from scanner.evaluate.controls.requirements import Standards
from scanner.evaluate.database import FactFiles
from scanner.evaluate.decisions.owners import owners_of, units_above
from scanner.evaluate.decisions.tiers import Tiering
from scanner.evaluate.decisions.waivers import CONTROL as WAIVER_CONTROL
from scanner.evaluate.decisions.waivers import WaiverRule, Waivers
from scanner.evaluate.engine import Parameters, affected_controls
from scanner.evaluate.filing import file_findings
from scanner.evaluate.needs import unlisted
from scanner.evaluate.unsupported_rows import unsupported_of
from scanner.evaluate.words import RenderedWords
from scanner.evidence.bundle import Bundle, file_sha256
from scanner.evidence.manifest import JUDGED_SCHEMA, NAME, manifest_bytes, manifest_document
from scanner.evidence.scan_files import FACTS, INVENTORY, judged_files
from scanner.facts.build import FactsRequest
from scanner.findings.counts import counts
from scanner.findings.filed import Filed
from scanner.findings.schema import FILED, FOLDER
from scanner.findings.writing import FindingFiles
from scanner.history.since import Since
from scanner.inventory.contacts import parse_contacts
from scanner.inventory.organization import parse_organization
from scanner.inventory.units import paths, unit_names, unread
from scanner.judging.tables import Tables, write_tables
from scanner.judging.workers import workers_for
from scanner.model.control import Control
from scanner.model.explanation import Explanation
from scanner.model.facts import TABLES
from scanner.model.inventory_tables import INVENTORY_TABLES
from scanner.model.manifest import Manifest
from scanner.model.owner import Ownership, Way
from scanner.model.reach import reach_of
from scanner.model.scan import POPULATION, Scan
from scanner.model.tier import Tiers
from scanner.protection.capabilities import LIMITATIONS, capabilities_as_of, report_notes
from scanner.report.explain import explain as explain_subject
from scanner.report.json import findings_jsonl_gz
from scanner.report.redact import Pseudonyms, redacted, redacted_explanation
from scanner.report.stored import StoredFindings
from scanner.report.view import View, build
from scanner.report.write import Written, write_reports
from scanner.storage.files import replaced, write_atomically
from scanner.storage.parquet import open_parquet
from scanner.storage.rows import StoredRows
from scanner.storage.table_files import columns_digest, table_files
from scanner.storage.tables import columns_digests

LINES: Final = "jsonl"
"""The format of the findings as lines. In a scan's own folder it is evidence, and its manifest names it."""

MOST_LINES: Final = 250_000
"""Findings that are written as lines, too, whether or not that is asked for (evidence format, "Layout")."""

SHARED: Final = "redacted"
"""The folder within a scan's that redacted reports go to, unless another is named."""

ALWAYS: Final = ("summary", "json")
"""Formats that belong to every scan: `audit report` reads them back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a bundle is judged against. `as_of` None: the clock of the manifest."""

    controls: tuple[Control, ...]
    parameters: Parameters = field(default_factory=dict)
    tiers: Tiers = field(default_factory=Tiers)
    waivers: tuple[WaiverRule, ...] = ()
    owners: tuple[Way, ...] = ()
    count_inherited_backup: bool = True
    standards: Standards = field(default_factory=Standards)
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A judged scan, and the files that were written of it."""

    view: View
    written: tuple[Written, ...]

    @property
    def scan(self) -> Scan:
        """The scan that the view is of."""
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
) -> Outcome:
    """Judge a bundle and write findings and reports into `out`. Opens no socket, reads no clock.

    `jobs`: processes that judge account-Regions; 1: only this one; None: what suits the bundle.
    `redaction`: the reports have these pseudonyms for names, and go into a folder of their own.
    `since`: a former scan; what became of its findings is part of the scan.
    """
    if since is not None:
        since.keep_from(out)
    bundle = Bundle(bundle_folder)
    bundle.check()
    request = facts_request(bundle, judgement)
    as_of = request.as_of
    tables = write_tables(bundle, out, request, workers_for(bundle, jobs))
    waivers = Waivers(judgement.waivers, as_of, home_of(bundle.manifest))
    write_findings(bundle, out, judgement, tables.rows, waivers)
    return conclude(bundle, out, judgement, formats, tables, waivers, redaction=redaction, since=since)


def facts_request(bundle: Bundle, judgement: Judgement) -> FactsRequest:
    """Return what the facts of a scan depend on besides the evidence."""
    return FactsRequest(
        as_of=judgement.as_of or bundle.manifest.evaluated_as_of,
        blinds=affected_controls(judgement.controls),
        count_inherited_backup=judgement.count_inherited_backup,
    )


def write_findings(
    bundle: Bundle,
    out: Path,
    judgement: Judgement,
    rows: Mapping[str, Mapping[str, int]],
    waivers: Waivers,
) -> None:
    """Judge the facts in `out`, and file the findings there. `rows`: of facts, by table and account."""
    units = _units(bundle)
    facts = open_parquet(out / FACTS, "resource", TABLES["resource"], new=True)
    with replaced(out / FOLDER) as folder, FindingFiles(folder) as files:
        file_findings(
            {name: _fact_files(out, name, of_table) for name, of_table in rows.items()},
            judgement.controls,
            judgement.parameters,
            files,
            as_of=judgement.as_of or bundle.manifest.evaluated_as_of,
            waivers=waivers,
            tiering=Tiering(judgement.tiers, units, unread(bundle.organization_answers())),
            owners=owners_of(_ownership(bundle, judgement.owners, units), facts),
        )


def conclude(  # noqa: PLR0913, PLR0917 -- a judged scan, and what is made of it
    bundle: Bundle,
    out: Path,
    judgement: Judgement,
    formats: tuple[str, ...],
    tables: Tables,
    waivers: Waivers,
    *,
    redaction: Pseudonyms | None = None,
    since: Since | None = None,
) -> Outcome:
    """Write the manifest and the reports of a scan whose facts, inventory and findings are in `out`."""
    as_of = judgement.as_of or bundle.manifest.evaluated_as_of
    units = _units(bundle)
    resources = open_parquet(out / FACTS, "resource", TABLES["resource"], new=True)
    filed = _filed(out, judgement, as_of)
    _write_lines(out, filed, wanted=LINES in formats)
    manifest = _judged_manifest(bundle, out, as_of)
    _write_judged_manifest(bundle, out, manifest)
    with filed.database() as connection:
        reach = reach_of(status for _, status in bundle.whole_scope())
        controls = _asked(judgement)
        assessment = assess(
            counts(filed, connection),
            controls,
            judgement.standards,
            units,
            reach,
            unlisted=unlisted(controls, manifest.reads),
        )
    scan = Scan(
        manifest=manifest,
        controls=_asked(judgement),
        parameters=_in_effect(judgement),
        findings=_with_lines(out, filed),
        gaps=tables.gaps,
        reconciliation=tables.reconciliation,
        limitations=(*_collected(manifest), *LIMITATIONS, *report_notes()),
        assessment=assessment,
        resources=StoredRows(partial(table_files, out / FACTS), "resource", TABLES["resource"], POPULATION),
        frameworks=frameworks_beside(out, _in_effect(judgement)),
        tiers=judgement.tiers,
        count_inherited_backup=judgement.count_inherited_backup,
        waivers=waivers.uses([control.id for control in judgement.controls]),
        unsupported=unsupported_of(resources),
        unit_names=bundle.parsed(lambda: unit_names(bundle.organization_answers())),
    )
    view = build(_held_against(scan, since))
    formats = tuple(name for name in formats if name != LINES)  # written with the findings
    if redaction is None:
        return Outcome(view, write_reports(view, out, (*ALWAYS, *formats)))
    kept = write_reports(view, out, ALWAYS)
    shared = _share(view.scan, redaction, out / SHARED, formats)
    return Outcome(view, (*kept, *shared))


def _collected(manifest: Manifest) -> tuple[str, ...]:
    """Return the limitation of a scan that did not collect everything."""
    return () if manifest.reads is None else (manifest.reads.sentence(),)


def _fact_files(out: Path, table: str, rows: Mapping[str, int]) -> FactFiles:
    paths = {account: out / FACTS / table / f"{account}.parquet" for account in sorted(rows)}
    return FactFiles(tuple(map(str, paths.values())), tuple(rows[account] for account in paths))


def _filed(out: Path, judgement: Judgement, as_of: datetime) -> Filed:
    """Return the findings that were just filed."""
    controls = {control.id: control for control in (*judgement.controls, WAIVER_CONTROL)}
    words = RenderedWords(
        facts=partial(table_files, out / FACTS),
        controls=controls,
        parameters=_in_effect(judgement),
        as_of=as_of,
        has_tiers=bool(judgement.tiers.tiers),
    )
    return Filed(tuple((out / FOLDER).glob("*.parquet")), controls.values(), words)


def _write_lines(out: Path, filed: Filed, *, wanted: bool) -> None:
    """Write the findings as lines where they are few or wanted; else remove those of an earlier judgement."""
    path = out / FINDINGS
    if wanted or len(filed) <= MOST_LINES:
        write_atomically(path, findings_jsonl_gz(filed))
    else:
        path.unlink(missing_ok=True)


def _with_lines(out: Path, filed: Filed) -> Filed:
    path = out / FINDINGS
    return filed.with_lines(StoredFindings(path, len(filed))) if path.is_file() else filed


def report(
    scan_folder: Path,
    formats: tuple[str, ...],
    out: Path | None = None,
    redaction: Pseudonyms | None = None,
    since: Since | None = None,
) -> tuple[Written, ...]:
    """Write reports of a scan that was judged before, beside it or into `out`.

    `since`: a former scan to hold it against; None: the one that it was held against before, if any.

    Raises:
        UsageError: redacted reports would lie where a scan lies, and take the place of its own.
    """
    if since is not None:
        since.keep_from(scan_folder)
    scan = _held_against(read_judged(scan_folder), since)
    if redaction is None:
        if LINES in formats and (out or scan_folder).resolve() == scan_folder.resolve():
            raise UsageError("findings.jsonl.gz is part of a scan: name another folder with --out.")
        return write_reports(build(scan), out or scan_folder, formats)
    formats = tuple(name for name in formats if name != LINES)  # always written
    folder = out or scan_folder / SHARED
    if (folder / NAME).exists():
        raise UsageError(f"{folder} holds a scan: name another folder for redacted reports with --out.")
    return _share(scan, redaction, folder, formats)


def former_scan(folder: Path | None, before: Sequence[Path] = ()) -> Since | None:
    """Read what `--since` and `--before` name, and see that it can be compared. None: nothing is named.

    Raises:
        BundleError: a folder is no judged scan.
        UsageError: there are scans before one that is not named.
    """
    if folder is None:
        if before:
            raise UsageError("--before requires --since.")
        return None
    since = Since(folder, read_judged(folder), tuple(map(read_judged, before)))
    since.check()
    return since


def _held_against(scan: Scan, since: Since | None) -> Scan:
    return scan if since is None else replace(scan, changes=since.changes(scan))


def _share(scan: Scan, redaction: Pseudonyms, folder: Path, formats: tuple[str, ...]) -> tuple[Written, ...]:
    """Write redacted reports. The findings are redacted once, into a file that every format reads."""
    told = redacted(scan, redaction)
    write_atomically(folder / FINDINGS, findings_jsonl_gz(told.findings))
    stored = StoredFindings(folder / FINDINGS, len(told.findings))
    return write_reports(build(replace(told, findings=stored)), folder, formats)


def explain(scan_folder: Path, wanted: str, redaction: Pseudonyms | None = None) -> Explanation:
    """Tell the chain of one subject of a judged scan: an ARN, or a name that only it has."""
    told = explain_subject(scan_folder, wanted)
    return told if redaction is None else redacted_explanation(told, redaction)


def home_of(manifest: Manifest) -> str:
    """Give the account that findings about audit.yaml are filed under: what they say belongs to none."""
    scope = manifest.scope
    known = (scope.management_account, manifest.caller_account, *scope.accounts)
    return next((str(account) for account in known if account), "000000000000")


def _asked(judgement: Judgement) -> tuple[Control, ...]:
    """Give the controls that were selected, and that of waivers where there are some."""
    if not judgement.waivers:
        return judgement.controls
    return tuple(sorted((*judgement.controls, WAIVER_CONTROL), key=lambda control: control.id))


def _units(bundle: Bundle) -> dict[str, tuple[str, ...]]:
    """Give the organizational units above each account, the root among them, as far as that is known."""
    told = bundle.manifest
    read = bundle.parsed(lambda: parse_organization(bundle.organization_answers(), told))
    above = {
        account: units_above(path) for account, path in paths(told.accounts, read.accounts.values()).items()
    }
    return {account: units for account, units in above.items() if units}


def _ownership(bundle: Bundle, ways: tuple[Way, ...], units: dict[str, tuple[str, ...]]) -> Ownership | None:
    """Put together what decides about owners. None: audit.yaml says nothing of them."""
    if not ways:
        return None
    contacts = bundle.parsed(lambda: parse_contacts(bundle.organization_answers(), bundle.manifest))
    return Ownership(ways=ways, units=units, contacts=contacts)


def _in_effect(judgement: Judgement) -> dict[str, dict[str, Any]]:
    return {
        control.id: {**control.parameters, **judgement.parameters.get(control.id, {})}
        for control in judgement.controls
    }


def _judged_manifest(bundle: Bundle, out: Path, as_of: datetime) -> Manifest:
    """Give the manifest of a judged scan: the bundle's own, or one that names the bundle's."""
    files = judged_files(out)
    here = out.resolve() == bundle.folder.resolve()
    evidence = {name: sha for name, sha in bundle.manifest.files.items() if name.startswith("evidence/")}
    return replace(
        bundle.manifest,
        evaluated_as_of=as_of,
        source_sha256=bundle.manifest.source_sha256 if here else file_sha256(bundle.folder / NAME),
        files={**evidence, **files} if here else files,
        tool_name=bundle.manifest.tool_name or TOOL,
        tool_version=bundle.manifest.tool_version or version(TOOL),
        capabilities_as_of=capabilities_as_of(),
        columns=_columns(),
        schema=JUDGED_SCHEMA,
    )


def _columns() -> dict[str, str]:
    """Return the digests of the columns of all tables, by the names that the manifest has for them."""
    digests = {FACTS: columns_digests(TABLES), INVENTORY: columns_digests(INVENTORY_TABLES)}
    tables = {f"{folder}/{name}": digest for folder, of in digests.items() for name, digest in of.items()}
    return {**tables, FOLDER: columns_digest(FILED)}


def _write_judged_manifest(bundle: Bundle, out: Path, manifest: Manifest) -> None:
    """Write a judged scan's manifest. In the bundle itself, keys of another program are kept."""
    document = manifest_document(manifest)
    if out.resolve() == bundle.folder.resolve():
        judged = ("schema", "evaluated_as_of", "files", "capabilities_as_of", "columns")
        document = {**bundle.document, **{key: document[key] for key in judged}}
    write_atomically(out / NAME, manifest_bytes(document))
