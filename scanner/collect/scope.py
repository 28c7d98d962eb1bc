"""The accounts and Regions of a scan."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scanner.collect.calls import Caller, Recorder
from scanner.collect.environment import Opening, ScanEnvironment
from scanner.collect.request import CollectRequest
from scanner.collect.session import known_regions
from scanner.errors import CredentialsError, EmptyScopeError, EndpointError, UsageError, VaultproofError
from scanner.evidence.writer import Failure, ShardWriter
from scanner.model.inventory import INACTIVE_STATUSES, Account
from scanner.model.manifest import Excluded, Scope, ShardRecord
from scanner.model.names import ORG, AccountId, RegionName, Shard, parse_arn
from scanner.services import organizations
from scanner.services.base import objects, text

_ACCOUNT_ID: Final = re.compile(r"[0-9]{12}")

_TREE: Final = (
    "organizations:ListRoots",
    "organizations:ListOrganizationalUnitsForParent",
    "organizations:ListAccountsForParent",
)

# Organizations has a single endpoint per partition, in one of its Regions (AWS General Reference, "AWS
# Organizations endpoints and quotas").
_ORGANIZATIONS_REGIONS: Final = {
    "aws": RegionName("us-east-1"),
    "aws-cn": RegionName("cn-northwest-1"),
    "aws-us-gov": RegionName("us-gov-west-1"),
}


@dataclass(frozen=True, slots=True)
class Resolved:
    """The scope, and its accounts and excluded accounts, sorted by id."""

    scope: Scope
    accounts: tuple[Account, ...]


def check_request(request: CollectRequest) -> None:
    """Raise UsageError for invalid requests, before the first call."""
    if request.organizational_units and not request.organization:
        raise UsageError("--ou needs --org: without the organisation there are no organisational units.")
    for account in (*request.accounts, *(exclusion.account for exclusion in request.excluded)):
        if not _ACCOUNT_ID.fullmatch(account):
            raise UsageError(f"{account!r} is not an account id: it must have twelve digits.")
    if request.concurrency < 1:
        raise UsageError("--concurrency must be at least 1.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """The answers of Organizations. `tree_failure`: why some OUs may be unknown; None: all are known."""

    id: str | None
    management_account: AccountId | None
    accounts: Mapping[AccountId, Account]
    tree_failure: Failure | None


def resolve(
    request: CollectRequest,
    opening: Opening,
    organization: Organization | None,
    partitions: Mapping[str, str],
) -> Resolved:
    """Return the scope. `partitions`: the partition of each Region that botocore knows.

    UsageError: an account, OU or Region does not exist. EmptyScopeError: no account is left.
    """
    regions = _regions(request, opening, partitions)
    candidates = _candidates(request, opening, organization)
    excluded = _excluded(request, candidates)
    left = tuple(sorted(candidates.keys() - {exclusion.account for exclusion in excluded}))
    if not left:
        because = (
            "; ".join(f"{exclusion.account}: {exclusion.reason}" for exclusion in excluded)
            or "no account matches"
        )
        raise EmptyScopeError(f"No account is left to scan ({because}). Widen --account, --ou or the scope.")
    scope = Scope(
        accounts=left,
        regions=regions,
        excluded=excluded,
        organization_id=organization.id if organization else None,
        management_account=organization.management_account if organization else None,
        limited_to=_limits(request, candidates),
    )
    return Resolved(scope, tuple(candidates[account] for account in sorted(candidates)))


def _limits(request: CollectRequest, candidates: Mapping[AccountId, Account]) -> tuple[str, ...]:
    """Return the accounts and OUs that a scan is limited to; none: it is one of the whole organization."""
    if not request.organization:
        return tuple(sorted(candidates))
    return tuple(sorted({*request.accounts, *request.organizational_units}))


def _candidates(
    request: CollectRequest, opening: Opening, organization: Organization | None
) -> dict[AccountId, Account]:
    named = [AccountId(account) for account in request.accounts]
    if organization is None:
        return {account: Account(account, "", None, None) for account in named or [opening.account]}
    missing = [account for account in named if account not in organization.accounts]
    if missing:
        raise UsageError(
            f"{', '.join(missing)} is not among the accounts of the organisation. "
            "Check --account, or scan it without --org."
        )
    units = _units(request.organizational_units, organization)
    return {
        account: row
        for account, row in organization.accounts.items()
        # A path names every OU above the account, so --ou includes the OUs below it.
        if (not named or account in named) and (not units or units & set((row.ou_path or "").split("/")))
    }


def _units(requested: tuple[str, ...], organization: Organization) -> set[str]:
    """Check the requested OUs (or ids of roots) against the tree."""
    if requested and organization.tree_failure is not None:
        raise CredentialsError(
            f"--ou needs the tree of the organisation, and reading it failed "
            f"({organization.tree_failure.code}). Allow organizations:ListRoots, "
            "ListOrganizationalUnitsForParent and ListAccountsForParent, or omit --ou."
        )
    seen = {step for row in organization.accounts.values() for step in (row.ou_path or "").split("/")}
    for unit in requested:
        if unit not in seen:
            raise UsageError(f"No account of the organisation is in {unit!r}.{_suggest(unit, seen)}")
    return set(requested)


def _excluded(request: CollectRequest, candidates: Mapping[AccountId, Account]) -> tuple[Excluded, ...]:
    # A closed account stays in the list for 90 days (AWS Organizations
    # User Guide, "Closing a member account").
    reasons = {
        row.id: f"the account is {row.status}"
        for row in candidates.values()
        if row.status in INACTIVE_STATUSES
    }
    reasons |= {
        exclusion.account: exclusion.reason
        for exclusion in request.excluded
        if exclusion.account in candidates
    }
    return tuple(Excluded(account, reasons[account]) for account in sorted(reasons))


def _regions(
    request: CollectRequest, opening: Opening, partitions: Mapping[str, str]
) -> tuple[RegionName, ...]:
    enabled_regions = opening.regions
    if request.regions:
        # An enabled Region may be newer than botocore's data.
        here = {region for region, partition in partitions.items() if partition == opening.partition}
        for region in request.regions:
            _check_region(region, here | set(enabled_regions or ()), opening.partition)
        return tuple(sorted({RegionName(region) for region in request.regions}))
    if enabled_regions is None:
        raise UsageError(
            "ec2:DescribeRegions was not answered, so that the enabled Regions are unknown. "
            "Name the Regions with --region."
        )
    enabled = tuple(sorted(region for region, is_enabled in enabled_regions.items() if is_enabled))
    if not enabled:
        raise EmptyScopeError(f"Account {opening.account} has no Region enabled. Name some with --region.")
    return enabled


def _check_region(region: str, real: set[str], partition: str) -> None:
    if region not in real:
        raise UsageError(f"There is no Region {region!r} in partition {partition}.{_suggest(region, real)}")


def _suggest(word: str, words: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, sorted(words), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def read_organization(caller: Caller, backup: Caller) -> Organization:
    """Record the organisation; `backup` calls in the home Region. UsageError: no accounts are listed."""
    described = (caller.call("organizations", "DescribeOrganization") or {}).get("Organization") or {}
    listed = [
        row for page in caller.pages("organizations", "ListAccounts") for row in objects(page, "Accounts")
    ]
    if not listed:
        raise _no_accounts(caller)
    # Before the tree and the policies: without accounts there is no scope.
    places = organizations.collect_tree(caller)
    organizations.collect_administration(caller)
    organizations.collect_policies(caller)
    # The answer about cross-account backup holds for the whole organization, so it is requested once.
    backup.call("backup", "DescribeGlobalSettings")
    # DescribeOrganization may be denied where ListAccounts is not; the ARN of an account has the id, too.
    identity = text(described, "Id") or _id_in_arn(text(listed[0], "Arn"))
    accounts = (_account(row, identity, places) for row in listed)
    failures = [failure for name, failure in caller.failures.items() if name in _TREE]
    return Organization(
        id=identity or None,
        management_account=AccountId(text(described, "MasterAccountId")) or None,
        accounts={account.id: account for account in accounts if account.id},
        tree_failure=failures[0] if failures else None,
    )


def _account(row: Mapping[str, Any], organization: str, places: Mapping[str, str]) -> Account:
    place = places.get(text(row, "Id"))
    return Account(
        id=AccountId(text(row, "Id")),
        name=text(row, "Name"),
        # Organizations replaces `Status` by `State` (API Reference, "Account"): either may be missing.
        status=text(row, "State") or text(row, "Status") or None,
        ou_path=f"{organization}/{place}" if organization and place else None,
    )


def _id_in_arn(arn: str) -> str:
    """Return `o-…` of `arn:aws:organizations::MANAGEMENT:account/o-…/ACCOUNT`."""
    parts = parse_arn(arn)
    steps = parts.resource.split("/") if parts else []
    return steps[1] if len(steps) > 1 else ""


def _no_accounts(caller: Caller) -> VaultproofError:
    failure = caller.failures.get("organizations:ListAccounts")
    if failure is None:
        return UsageError("organizations:ListAccounts returned no account. Run without --org.")
    if failure.code == "AWSOrganizationsNotInUseException":
        return UsageError(f"Account {caller.shard.account} belongs to no organisation. Run without --org.")
    if "AccessDenied" in failure.code:
        return CredentialsError(
            f"organizations:ListAccounts was refused ({failure.code}). With --org, use credentials of the "
            "management account or of a delegated administrator that may list accounts; "
            "or name the accounts with --account."
        )
    return EndpointError(f"organizations:ListAccounts failed: {failure.code}: {failure.message}")


def survey(
    request: CollectRequest, environment: ScanEnvironment, opening: Opening, folder: Path
) -> tuple[Resolved, tuple[ShardRecord, ...]]:
    """Resolve the scope. Calls that belong to none of its accounts go into the organization's file."""
    if not _has_file(request, opening):
        return resolve(request, opening, None, known_regions(environment.session)), ()
    with ShardWriter(folder, Shard(opening.account, ORG)) as writer:
        resolved = ask(request, environment, opening, writer)
        # If the caller's account is scanned, these calls go into its own file.
        if opening.account not in resolved.scope.accounts:
            opening.held.replay(writer, opening.account)
    return resolved, (writer.finish(),)


def ask(
    request: CollectRequest, environment: ScanEnvironment, opening: Opening, recorder: Recorder
) -> Resolved:
    """Resolve the scope, after reading the organization if it is to be scanned."""
    organization = None
    if request.organization:
        shard = Shard(opening.account, ORG)
        region = _ORGANIZATIONS_REGIONS.get(opening.partition, environment.home)
        organization = read_organization(
            Caller(environment.wiring, shard, recorder, region),
            Caller(environment.wiring, shard, recorder, environment.home),
        )
    return resolve(request, opening, organization, known_regions(environment.session))


def _has_file(request: CollectRequest, opening: Opening) -> bool:
    # Without --org, there are such calls only if the caller's account is not scanned itself.
    return request.organization or (bool(request.accounts) and opening.account not in request.accounts)
