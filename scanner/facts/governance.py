"""What the organisation's backup policies give each account of the scope: rows, and the gaps met."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from scanner.facts.account import account_row
from scanner.model.backup_policies import AccountInventory, BackupGovernance
from scanner.model.facts import AccountFacts
from scanner.model.inventory import Organization
from scanner.model.names import AccountId
from scanner.model.reading import Gap


@dataclass(frozen=True, slots=True)
class Governed:
    """The rows of the table `account`; `gaps` by account: they are missed in each of its Regions."""

    rows: tuple[AccountFacts, ...] = ()
    gaps: Mapping[AccountId, tuple[Gap, ...]] = field(default_factory=dict)


def governed(
    accounts: tuple[AccountInventory, ...], governance: BackupGovernance, organization: Organization
) -> Governed:
    """Make the rows of all accounts of the scope."""
    members = organization.accounts
    rows = (
        account_row(each, governance, members[each.account].name if each.account in members else "")
        for each in accounts
    )
    return Governed(tuple(rows), {each.account: each.gaps for each in accounts})
