"""What a scan knows of its plans, vaults, roles and keys, for the commands that name them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from scanner.model.facts import TABLES
from scanner.model.inventory_tables import INVENTORY_TABLES
from scanner.model.manifest import Manifest
from scanner.model.names import parse_arn
from scanner.model.scan import Row, Scan, Stream
from scanner.storage.parquet import DeferredRows
from scanner.storage.table_files import TableSource

CUSTOMER: Final = "customer_managed"
_RULE: Final = "rule"

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "rule": ("subject", "name", "plan", "plan_name", "kind", "target", "target_exists"),
    "selection": ("subject", "plan", "role", "role_exists", "role_admits_backup"),
}
"""The columns that are needed of fact tables."""

INVENTORY_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "keys": ("key", "kind", "enabled"),
    "vaults": ("key",),
}
"""The columns that are needed of inventory tables."""

Place = tuple[str, str]
"""An account and a Region."""


@dataclass(frozen=True)
class Structures:
    """The rules, selections and keys of a scan, read when the first command needs them."""

    manifest: Manifest
    tables: Mapping[str, Stream[Row]] = field(default_factory=dict)

    @cached_property
    def paths(self) -> Mapping[str, str]:
        """The organizational path of each account: `ORGANIZATION/ROOT/UNIT/`; empty: not known."""
        return {account.id: account.ou_path or "" for account in self.manifest.accounts}

    @cached_property
    def rules(self) -> Mapping[str, Row]:
        """The rules by subject."""
        return {row["subject"]: row for row in self._rows("rule") if row["kind"] == _RULE}

    @cached_property
    def plans(self) -> Mapping[Place, Mapping[str, str]]:
        """The names of the plans of each account-Region, by ARN."""
        # The rules name their plans, so that no further table has to be read.
        plans: dict[Place, dict[str, str]] = {}
        for row in self.rules.values():
            if (arn := parse_arn(row["plan"])) is not None:
                plans.setdefault((arn.account, arn.region), {})[row["plan"]] = row["plan_name"]
        return plans

    @cached_property
    def rules_of_plans(self) -> Mapping[str, Row]:
        """The first rule of each plan whose target exists, by the plan's ARN."""
        rules: dict[str, Row] = {}
        # Sorted, so that the commands are the same each time.
        for subject, row in sorted(self.rules.items()):
            if row["target_exists"] is True:
                rules.setdefault(row["plan"], self.rules[subject])
        return rules

    @cached_property
    def roles(self) -> Mapping[str, str]:
        """The first role of each plan's selections that AWS Backup may assume; by account as well."""
        roles: dict[str, str] = {}
        for row in sorted(self._rows("selection"), key=lambda row: str(row["subject"])):
            # Unknown is not enough: the command would name a role with which every job fails.
            usable = row["role_exists"] is True and row["role_admits_backup"] is True
            if usable and (role := parse_arn(row["role"] or "")) is not None:
                roles.setdefault(row["plan"], row["role"])
                roles.setdefault(role.account, row["role"])
        return roles

    @cached_property
    def keys(self) -> Mapping[Place, str]:
        """The first customer managed key of each account-Region that is enabled, those of vaults first."""
        # A key that encrypts a vault is known to work with AWS Backup.
        of_vaults = {row["key"] for row in self._rows("vaults")}
        keys: dict[Place, str] = {}
        for row in sorted(self._rows("keys"), key=lambda row: (row["key"] not in of_vaults, str(row["key"]))):
            key = parse_arn(row["key"])
            if key is not None and row["kind"] == CUSTOMER and row["enabled"] is True:
                keys.setdefault((key.account, key.region), row["key"])
        return keys

    @cached_property
    def values_of_accounts(self) -> dict[str, Mapping[str, str]]:
        """The values of placeholders that depend on an account alone, for the accounts that needed them."""
        return {}

    @cached_property
    def _other_regions(self) -> dict[str, tuple[str, ...]]:
        return {}

    def other_regions(self, region: str) -> tuple[str, ...]:
        """Return the Regions of the scope other than one."""
        if (others := self._other_regions.get(region)) is None:
            # Only scanned Regions: whether another one is enabled in the account is not known.
            others = tuple(name for name in self.manifest.scope.regions if name != region)
            self._other_regions[region] = others
        return others

    def _rows(self, table: str) -> Iterable[Row]:
        return self.tables.get(table, ())


def structure_tables(facts: TableSource, inventory: TableSource) -> dict[str, Stream[Row]]:
    """Return the tables that `Structures` reads."""
    return {
        **{name: DeferredRows(facts, name, TABLES[name], columns) for name, columns in COLUMNS.items()},
        **{
            name: DeferredRows(inventory, name, INVENTORY_TABLES[name], columns)
            for name, columns in INVENTORY_COLUMNS.items()
        },
    }


def structures_of(scan: Scan) -> Structures:
    """Return what a scan knows."""
    return Structures(scan.manifest, scan.structures)
