from typing import Any

import pytest

from scanner.collect.calls import HeldCalls
from scanner.collect.environment import Opening
from scanner.collect.request import CollectRequest
from scanner.collect.scope import Organization, check_request, resolve
from scanner.errors import CredentialsError, EmptyScopeError, UsageError
from scanner.evidence.writer import Failure
from scanner.model.inventory import Account
from scanner.model.manifest import Excluded
from scanner.model.names import AccountId, RegionName

A, B, C = (AccountId(digit * 12) for digit in "123")
KNOWN = {"eu-west-1": "aws", "eu-west-2": "aws", "us-east-1": "aws", "cn-north-1": "aws-cn"}


def opening(regions: dict[str, bool] | None) -> Opening:
    told = None if regions is None else {RegionName(name): enabled for name, enabled in regions.items()}
    return Opening(arn="arn:aws:iam::1:user/x", account=A, partition="aws", regions=told, held=HeldCalls())


def members(tree_failure: Failure | None = None, **accounts: tuple[str | None, str | None]) -> Organization:
    rows = (Account(AccountId(name[1:]), "", status, path) for name, (status, path) in accounts.items())
    return Organization(
        id="o-1", management_account=A, accounts={row.id: row for row in rows}, tree_failure=tree_failure
    )


ORGANIZATION = members(
    a111111111111=("ACTIVE", "o-1/r-1"),
    a222222222222=("ACTIVE", "o-1/r-1/ou-a/ou-b"),
    a333333333333=("PENDING_CLOSURE", "o-1/r-1/ou-a"),
)


def scope(
    organization: Organization | None = None, told: dict[str, bool] | None = None, **request: Any
) -> Any:
    wanted = CollectRequest(**({"regions": ("eu-west-1",)} | request))
    return resolve(wanted, opening(told), organization, KNOWN)


def test_without_an_organisation_the_callers_account_or_those_named() -> None:
    assert scope().scope.accounts == (A,)
    found = scope(accounts=(C, B))
    assert found.scope.accounts == (B, C)
    assert [account.status for account in found.accounts] == [None, None]


def test_members_that_are_not_active_are_excluded_and_still_named() -> None:
    found = scope(ORGANIZATION)
    assert found.scope.accounts == (A, B)
    assert found.scope.excluded == (Excluded(C, "the account is PENDING_CLOSURE"),)
    assert [account.id for account in found.accounts] == [A, B, C]


@pytest.mark.parametrize("status", ["FROZEN_BY_AWS", None])
def test_members_of_an_undocumented_status_are_not_excluded(status: str | None) -> None:
    found = scope(members(a111111111111=("ACTIVE", "o-1/r-1"), a222222222222=(status, "o-1/r-1")))
    assert (found.scope.accounts, found.scope.excluded) == ((A, B), ())


@pytest.mark.parametrize(("unit", "accounts"), [("ou-a", (B,)), ("ou-b", (B,)), ("r-1", (A, B))])
def test_an_ou_holds_what_hangs_anywhere_below_it(unit: str, accounts: tuple[str, ...]) -> None:
    assert scope(ORGANIZATION, organizational_units=(unit,)).scope.accounts == accounts


def test_an_unknown_ou_or_account_is_a_mistake() -> None:
    with pytest.raises(UsageError, match=r"'ou-x'.*Did you mean 'ou-"):
        scope(ORGANIZATION, organizational_units=("ou-x",))
    with pytest.raises(UsageError, match="444444444444 is not among the accounts"):
        scope(ORGANIZATION, accounts=("444444444444",))


def test_an_ou_without_a_tree_is_an_error_not_a_guess() -> None:
    torn = members(Failure("AccessDenied", "", 403, 1), a111111111111=("ACTIVE", None))
    assert scope(torn).scope.accounts == (A,)
    with pytest.raises(CredentialsError, match="needs the tree"):
        scope(torn, organizational_units=("ou-a",))


def test_filters_and_exclusions_meet() -> None:
    found = scope(
        ORGANIZATION, accounts=(A, B), excluded=(Excluded(B, "sandbox"), Excluded(C, "not asked for"))
    )
    assert (found.scope.accounts, found.scope.excluded) == ((A,), (Excluded(B, "sandbox"),))


def test_nothing_left() -> None:
    with pytest.raises(EmptyScopeError, match="333333333333: the account is PENDING_CLOSURE"):
        scope(ORGANIZATION, accounts=(C,))


def test_an_account_whose_status_is_not_told_is_scanned() -> None:
    assert scope(members(a111111111111=(None, None))).scope.accounts == (A,)


def test_default_regions_are_those_enabled() -> None:
    told = {"us-east-1": True, "eu-west-1": True, "eu-west-2": False}
    assert scope(told=told, regions=()).scope.regions == ("eu-west-1", "us-east-1")
    with pytest.raises(UsageError, match="Name the Regions with --region"):
        scope(told=None, regions=())
    with pytest.raises(EmptyScopeError, match="no Region enabled"):
        scope(told={"eu-west-1": False}, regions=())


def test_regions_asked_for() -> None:
    assert scope(regions=("us-east-1", "eu-west-1", "us-east-1")).scope.regions == ("eu-west-1", "us-east-1")
    assert scope(told={"mars-north-1": True}, regions=("mars-north-1",)).scope.regions == ("mars-north-1",)
    with pytest.raises(UsageError, match=r"no Region 'eu-west1' in partition aws. Did you mean 'eu-west-1'"):
        scope(regions=("eu-west1",))
    with pytest.raises(UsageError, match="no Region 'cn-north-1' in partition aws"):
        scope(regions=("cn-north-1",))


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"organizational_units": ("ou-a",)}, "--ou needs --org"),
        ({"accounts": ("123",)}, "'123' is not an account id"),
        ({"excluded": (Excluded(AccountId("x"), ""),)}, "'x' is not an account id"),
        ({"concurrency": 0}, "at least 1"),
    ],
)
def test_what_cannot_be_meant(request_: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check_request(CollectRequest(**request_))
