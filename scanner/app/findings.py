"""Facts to findings, which are filed in one Parquet file for each account."""

from collections.abc import Mapping
from pathlib import Path

from scanner.app.criteria import Judgement
from scanner.evaluate.database import FactFiles
from scanner.evaluate.decisions.owners import owners_of, units_above
from scanner.evaluate.decisions.tiers import Tiering
from scanner.evaluate.decisions.waivers import Waivers
from scanner.evaluate.filing import file_findings
from scanner.evaluate.needs import affected_controls
from scanner.evidence.bundle import Bundle
from scanner.evidence.scan_files import FACTS
from scanner.facts.build import FactsRequest
from scanner.findings.schema import FOLDER
from scanner.findings.writing import FindingFiles
from scanner.model.decisions import Ownership, Way
from scanner.model.facts import TABLES
from scanner.model.manifest import Manifest
from scanner.services.organizations import account_paths, parse_contacts, parse_organization, unread_tree
from scanner.storage.files import replaced
from scanner.storage.parquet import open_parquet


def facts_request(bundle: Bundle, judgement: Judgement) -> FactsRequest:
    """Return what the facts of a scan depend on, apart from the evidence."""
    return FactsRequest(
        as_of=judgement.clock(bundle.manifest),
        affected_controls=affected_controls(judgement.controls),
        count_inherited_backup=judgement.count_inherited_backup,
    )


def waivers_of(judgement: Judgement, manifest: Manifest) -> Waivers:
    """Return the waivers of audit.yaml; findings about expired ones are filed under the home account."""
    return Waivers(judgement.waivers, judgement.clock(manifest), home_account(manifest))


def home_account(manifest: Manifest) -> str:
    """Return the account for findings about audit.yaml, which belong to no account of their own.

    The management account where the manifest has it, else the caller's, else the first of the scope.
    """
    scope = manifest.scope
    accounts = (scope.management_account, manifest.caller_account, *scope.accounts)
    # Every finding has an account id; twelve zeros belong to no account.
    return next((str(account) for account in accounts if account), "000000000000")


def write_findings(
    bundle: Bundle,
    out: Path,
    judgement: Judgement,
    rows: Mapping[str, Mapping[str, int]],
    waivers: Waivers,
) -> None:
    """Evaluate the controls on the facts in `out`, and file the findings there.

    `rows`: the number of rows of facts, by table and account.
    """
    units = organizational_units(bundle)
    # `new`: the file was just written, and needs no check against a manifest.
    resources = open_parquet(out / FACTS, "resource", TABLES["resource"], new=True)
    # `replaced` first: the folder takes its place only when all files are complete.
    with replaced(out / FOLDER) as folder, FindingFiles(folder) as files:
        file_findings(
            {table: _fact_files(out / FACTS / table, accounts) for table, accounts in rows.items()},
            judgement.controls,
            judgement.parameters,
            files,
            as_of=judgement.clock(bundle.manifest),
            waivers=waivers,
            tiering=Tiering(judgement.tiers, units, unread_tree(bundle.organization_answers())),
            owners=owners_of(_ownership(bundle, judgement.owners, units), resources),
        )


def _fact_files(folder: Path, rows: Mapping[str, int]) -> FactFiles:
    # Sorted like the findings: files are read in the order of accounts.
    accounts = sorted(rows)
    files = tuple(str(folder / f"{account}.parquet") for account in accounts)
    return FactFiles(files, tuple(rows[account] for account in accounts))


def organizational_units(bundle: Bundle) -> dict[str, tuple[str, ...]]:
    """Return the organizational units above each account, the root included, where they could be read."""
    manifest = bundle.manifest
    organization = bundle.parsed(lambda: parse_organization(bundle.organization_answers(), manifest))
    by_account = account_paths(manifest.accounts, organization.accounts.values())
    units = {account: units_above(path) for account, path in by_account.items()}
    # An account without units has an unknown path, which must not read as "in no unit".
    return {account: above for account, above in units.items() if above}


def _ownership(bundle: Bundle, ways: tuple[Way, ...], units: dict[str, tuple[str, ...]]) -> Ownership | None:
    """Return what owners are determined by; None where audit.yaml names no owners."""
    if not ways:
        return None
    contacts = bundle.parsed(lambda: parse_contacts(bundle.organization_answers(), bundle.manifest))
    return Ownership(ways=ways, units=units, contacts=contacts)
