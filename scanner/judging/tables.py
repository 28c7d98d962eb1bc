"""Writes all tables of a bundle, those of its shards and those that belong to no shard, in one process.

The two passes (`passes`) make inventory and facts of a shard, here or on several processes; accounts and
policies of the organisation are read before them. Tables, gaps and reconciliation are in the order of the
shards, so they do not depend on the number of processes.
"""

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from scanner.evidence.bundle import Bundle
from scanner.facts.account import build_account_rows
from scanner.facts.build import FactsRequest
from scanner.inventory.tables import account_rows, gap_rows, governance_rows
from scanner.judging.passes import Judged, judged, judged_together, look_over, look_over_together
from scanner.judging.policy_settings import policy_setting_rows
from scanner.model.backup_policies import AccountInventory, BackupGovernance
from scanner.model.facts import TABLES
from scanner.model.inventory import Organization
from scanner.model.inventory_tables import INVENTORY_TABLES
from scanner.model.known import Gap
from scanner.model.names import Shard
from scanner.model.scan import Reconciliation
from scanner.services.organizations import parse_account, parse_governance, parse_organization
from scanner.storage.account_tables import AccountTable
from scanner.storage.files import replaced
from scanner.storage.parquet import ParquetTable
from scanner.storage.scratch import Spool, temporary_folder


class _Table(Protocol):
    """A writer of a table, into one file or into one for each account."""

    def write(self, rows: Iterable[object]) -> None:
        """Add rows."""

    def write_encoded(self, data: bytes) -> None:
        """Add rows that another process has encoded."""


W = TypeVar("W", bound=_Table)


@dataclass(frozen=True, slots=True)
class Tables:
    """What is known once the tables are written: gaps, and the comparison with second sources."""

    gaps: tuple[Gap, ...]
    reconciliation: tuple[Reconciliation, ...]
    rows: Mapping[str, Mapping[str, int]]  # of facts: by table and account


def write_tables(  # noqa: PLR0913 -- what is judged, where to, and how
    bundle: Bundle,
    out: Path,
    request: FactsRequest,
    workers: int,
    before_replacing: Callable[[], None] = lambda: None,
    *,
    only: Collection[Shard] | None = None,
) -> Tables:
    """Write `out`/inventory and `out`/facts, on this number of processes.

    Each folder replaces an earlier one in one step, once all tables are complete and `before_replacing` was
    called: until then, an error leaves an earlier scan as it was.

    `only`: the account-Regions whose rows are written; None: all. The control plane is always that of all.
    `request`: without what the organisation's policies give, which is read here. BundleError: the evidence
    cannot be trusted. OutputError: no room, here or for temporary files. LostWorkerError: a process died.
    """
    organization = bundle.parsed(lambda: parse_organization(bundle.organization_answers(), bundle.manifest))
    governance = bundle.parsed(partial(governance_of, bundle))
    request = replace(
        request, account_rows=build_account_rows(governance.accounts, governance.organization, organization)
    )
    # As keys: gaps of the organisation are found again in many shards.
    gaps = dict.fromkeys(gap for gap in governance.gaps if gap.matters_to(request.affected_controls))
    reconciliation: list[Reconciliation] = []
    with (
        # `closing` first, so it ends last: workers stop only after both folders are complete or dropped.
        closing(_judged(bundle, organization, request, workers, only)) as shards,
        replaced(out / "facts") as facts_folder,
        replaced(out / "inventory") as inventory_folder,
    ):
        # An inner block: the tables must be closed, hence complete, before `before_replacing` may fail.
        with (
            opened_tables(AccountTable, facts_folder, TABLES) as facts,
            opened_tables(ParquetTable, inventory_folder, INVENTORY_TABLES) as inventory,
        ):
            inventory["accounts"].write(account_rows(organization.accounts.values()))
            write_rows(inventory, governance.rows)
            inventory["policy_settings"].write(
                policy_setting_rows(governance.organization, governance.accounts, organization.accounts)
            )
            facts["account"].write(request.account_rows.rows)
            for shard in shards:
                append_rows(facts, shard.facts)
                append_rows(inventory, shard.inventory)
                gaps.update(dict.fromkeys(shard.gaps))
                reconciliation += shard.reconciliation
        # After the tables, before the rename: the last step that may still refuse to replace the earlier
        # scan.
        before_replacing()
    return Tables(tuple(gaps), tuple(reconciliation), {name: table.rows for name, table in facts.items()})


def _judged(
    bundle: Bundle,
    organization: Organization,
    request: FactsRequest,
    workers: int,
    only: Collection[Shard] | None,
) -> Generator[Judged, None, None]:
    """Make both passes, the second as it is gone through; what was put aside between them goes with it."""
    # One process needs neither encoding for pipes nor a folder that others read.
    if workers == 1:
        return _alone(bundle, organization, request, only)
    return _together(bundle, organization, request, workers, only)


def _alone(
    bundle: Bundle, organization: Organization, request: FactsRequest, only: Collection[Shard] | None
) -> Generator[Judged, None, None]:
    with Spool() as spool:
        yield from judged(bundle, look_over(bundle, organization, spool), request, only)


def _together(
    bundle: Bundle,
    organization: Organization,
    request: FactsRequest,
    workers: int,
    only: Collection[Shard] | None,
) -> Generator[Judged, None, None]:
    # The folder lives until the last row is read; `closing` in write_tables ends the generator on errors.
    with temporary_folder() as folder:
        shared = look_over_together(bundle, organization, folder, workers)
        yield from judged_together(bundle, shared, request, workers, only)


@contextmanager
def opened_tables(
    kind: Callable[[Path, str, type], AbstractContextManager[W]], folder: Path, rows: Mapping[str, type]
) -> Iterator[dict[str, W]]:
    """Open a table of each kind of row, by name. They are complete when the block ends well."""
    # ExitStack, as the number of tables is that of the model.
    with ExitStack() as stack:
        yield {name: stack.enter_context(kind(folder, name, row)) for name, row in rows.items()}


def write_rows(tables: Mapping[str, _Table], rows: Mapping[str, Iterable[object]]) -> None:
    """Add rows to tables, by the tables' names."""
    for name, added in rows.items():
        tables[name].write(added)


def append_rows(tables: Mapping[str, _Table], rows: Mapping[str, bytes]) -> None:
    """Add rows that are encoded to tables, by the tables' names."""
    for name, data in rows.items():
        tables[name].write_encoded(data)


@dataclass(frozen=True, slots=True)
class Governance:
    """The backup policies of the organisation and of each account, and the reads that are missing."""

    organization: BackupGovernance
    accounts: tuple[AccountInventory, ...]

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """The reads that are missing, the organisation's first."""
        return (*self.organization.gaps, *(gap for account in self.accounts for gap in account.gaps))

    @property
    def rows(self) -> Mapping[str, Iterable[object]]:
        """The rows that belong to no account-Region, by table."""
        return {**governance_rows(self.organization, self.accounts), "gaps": gap_rows(self.gaps)}


def governance_of(bundle: Bundle) -> Governance:
    """Parse the backup policies of the organisation and of the accounts that are read here."""
    organization = bundle.organization_answers()
    accounts = (parse_account(bundle.account_answers(account), organization) for account in bundle.accounts)
    return Governance(parse_governance(organization), tuple(accounts))
