"""The accounts that could not be read: one line on stderr for each, with what was refused and what to do."""

from collections.abc import Iterable, Iterator
from typing import Final

from scanner.cli.logs import say
from scanner.model.manifest import Manifest
from scanner.model.names import AccountId
from scanner.model.reach import unread_accounts
from scanner.model.reading import ASSUME_ROLE, ENTRY, Gap, GapKind
from scanner.report.wording import visible


def report_unread_accounts(manifest: Manifest, gaps: Iterable[Gap], scan: str) -> tuple[AccountId, ...]:
    """Print a line for each account of which nothing was read, and return these accounts.

    `gaps` are the missing reads, `scan` where the scan is: a folder can be resumed.
    """
    accounts = unread_accounts(manifest)
    for line in unread_lines(accounts, gaps, scan):
        say(line)
    return accounts


def unread_lines(accounts: Iterable[AccountId], gaps: Iterable[Gap], scan: str) -> Iterator[str]:
    """Return for each account which it is, why it was not read, and what to do."""
    wanted = set(accounts)
    first: dict[AccountId, Gap] = {}
    for gap in gaps:
        if gap.account in wanted and (gap.account not in first or gap.operation in ENTRY):
            first[gap.account] = gap
    for account in sorted(wanted):
        why = first.get(account)
        reason = " ".join(visible(_reason(account, why)).split())
        yield f"warning: {reason} {_advice(account, why, scan)}"


def _reason(account: AccountId, gap: Gap | None) -> str:
    if gap is None:
        return f"Account {account} was not read: the scan ended before."
    if gap.operation in ENTRY:
        return gap.sentence()
    return f"Account {account} could not be read: nothing was answered. First: {gap.sentence()}"


_EXPIRED: Final = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})


def _advice(account: AccountId, gap: Gap | None, scan: str) -> str:
    """Return what to do: another permission, another login, or another attempt."""
    again = f"run `audit run --resume {scan}`."
    if gap is not None and gap.code in _EXPIRED:
        return f"Log in again, then {again}"
    if gap is None or gap.kind is not GapKind.REFUSED:
        return f"To try again, {again}"
    if gap.operation == ASSUME_ROLE:
        return (
            f"Create the role in {account} with a trust policy for the scan's account (`audit policy --part "
            f"trust`), and test it with `audit check --account {account}`; or leave the account out with "
            "scope.exclude in audit.yaml."
        )
    return (
        "Attach the policy that `audit policy` prints to the role, and look for a service control policy "
        f"that denies the calls; test it with `audit check --account {account}`."
    )
