"""Which accounts and Regions are read."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from scanner.collect.opening import Opening
from scanner.collect.organization import Organization
from scanner.collect.request import CollectRequest
from scanner.errors import CredentialsError, EmptyScopeError, UsageError
from scanner.model.inventory import Account
from scanner.model.manifest import Excluded, Scope
from scanner.model.names import AccountId, RegionName

_ACCOUNT_ID: Final = re.compile(r"[0-9]{12}")
_ACTIVE: Final = "ACTIVE"


@dataclass(frozen=True, slots=True)
class Resolved:
    """The scope, and what is known of its accounts and of those excluded, sorted by id."""

    scope: Scope
    accounts: tuple[Account, ...]


def check_request(request: CollectRequest) -> None:
    """Refuse, before the first call, what cannot be meant. UsageError."""
    if request.organizational_units and not request.organization:
        raise UsageError("--ou needs --org: without the organisation there are no organisational units.")
    for account in (*request.accounts, *(one.account for one in request.excluded)):
        if not _ACCOUNT_ID.fullmatch(account):
            raise UsageError(f"{account!r} is no account id: twelve digits are.")
    if request.concurrency < 1:
        raise UsageError("--concurrency must be at least 1.")


def resolve(
    request: CollectRequest, opening: Opening, organization: Organization | None, known: Mapping[str, str]
) -> Resolved:
    """Give the scope. `known`: botocore's Regions with their partition.

    UsageError: something that was named does not exist. EmptyScopeError: nothing is left.
    """
    regions = _regions(request, opening, known)
    candidates = _candidates(request, opening, organization)
    excluded = _excluded(request, candidates)
    left = tuple(sorted(candidates.keys() - {one.account for one in excluded}))
    if not left:
        because = "; ".join(f"{one.account}: {one.reason}" for one in excluded) or "no account matches"
        raise EmptyScopeError(f"No account is left to scan ({because}). Widen --account, --ou or the scope.")
    scope = Scope(
        accounts=left,
        regions=regions,
        excluded=excluded,
        organization_id=organization.id if organization else None,
        management_account=organization.management_account if organization else None,
    )
    return Resolved(scope, tuple(candidates[account] for account in sorted(candidates)))


def _candidates(
    request: CollectRequest, opening: Opening, organization: Organization | None
) -> dict[AccountId, Account]:
    named = [AccountId(account) for account in request.accounts]
    if organization is None:
        return {account: Account(account, "", None, None) for account in named or [opening.account]}
    strangers = [account for account in named if account not in organization.accounts]
    if strangers:
        raise UsageError(
            f"{', '.join(strangers)} is not among the accounts of the organisation. "
            "Check --account, or scan it without --org."
        )
    units = _units(request.organizational_units, organization)
    return {
        account: row
        for account, row in organization.accounts.items()
        if (not named or account in named) and (not units or units & set((row.ou_path or "").split("/")))
    }


def _units(asked: tuple[str, ...], organization: Organization) -> set[str]:
    """Check the OUs asked for (a root's id will do as well) against the tree."""
    if asked and organization.tree_failure is not None:
        raise CredentialsError(
            f"--ou needs the tree of the organisation, and reading it failed "
            f"({organization.tree_failure.code}). Allow organizations:ListRoots, "
            "ListOrganizationalUnitsForParent and ListAccountsForParent, or leave --ou out."
        )
    seen = {step for row in organization.accounts.values() for step in (row.ou_path or "").split("/")}
    for unit in asked:
        if unit not in seen:
            raise UsageError(f"No account hangs under {unit!r} in this organisation.{_suggest(unit, seen)}")
    return set(asked)


def _excluded(request: CollectRequest, candidates: Mapping[AccountId, Account]) -> tuple[Excluded, ...]:
    reasons = {
        row.id: f"the account is {row.status}"
        for row in candidates.values()
        if row.status is not None and row.status != _ACTIVE
    }
    reasons |= {one.account: one.reason for one in request.excluded if one.account in candidates}
    return tuple(Excluded(account, reasons[account]) for account in sorted(reasons))


def _regions(request: CollectRequest, opening: Opening, known: Mapping[str, str]) -> tuple[RegionName, ...]:
    told = opening.regions
    if request.regions:
        here = {region for region, partition in known.items() if partition == opening.partition}
        for region in request.regions:
            _check_region(region, here | set(told or ()), opening.partition)
        return tuple(sorted({RegionName(region) for region in request.regions}))
    if told is None:
        raise UsageError(
            "ec2:DescribeRegions was not answered, so that the enabled Regions are unknown. "
            "Name the Regions with --region."
        )
    enabled = tuple(sorted(region for region, is_enabled in told.items() if is_enabled))
    if not enabled:
        raise EmptyScopeError(f"Account {opening.account} has no Region enabled. Name some with --region.")
    return enabled


def _check_region(region: str, real: set[str], partition: str) -> None:
    if region not in real:
        raise UsageError(f"There is no Region {region!r} in partition {partition}.{_suggest(region, real)}")


def _suggest(word: str, words: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, sorted(words), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
