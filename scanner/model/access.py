"""The result of a check of access: one row for each permission that a scan needs."""

from dataclasses import dataclass
from enum import StrEnum


class AccessStep(StrEnum):
    """What is checked, in the order in which a scan needs it."""

    IDENTITY = "identity"  # the caller's own credentials
    ORGANIZATION = "organization"  # the accounts of the organization, and what is set for all of them
    ROLE = "role"  # assuming the role in an account
    READ = "read"  # one operation of each service in an account


class AccessResult(StrEnum):
    """The result of one check."""

    OK = "ok"
    DENIED = "denied"  # AWS refused
    UNKNOWN = "unknown"  # throttled, no network, a failure of AWS: says nothing about permissions
    SKIPPED = "skipped"  # not called, and a scan would not call it either


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRow:
    """One check. `operation` is `service:Operation`; `fix` is empty where nothing is wrong.

    `statement`: the policy statement that allows the operation, where one may be missing; else empty.
    """

    step: AccessStep
    account: str
    region: str
    operation: str
    result: AccessResult
    code: str = ""
    message: str = ""
    fix: str = ""
    statement: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessReport:
    """All checks, in the order of steps within each account."""

    caller_arn: str
    caller_account: str
    role_name: str
    accounts: tuple[str, ...]
    regions: tuple[str, ...]
    excluded: tuple[tuple[str, str], ...]  # account, reason
    rows: tuple[AccessRow, ...]

    def number(self, result: AccessResult) -> int:
        """Count the rows with a result."""
        return sum(row.result is result for row in self.rows)

    @property
    def is_complete(self) -> bool:
        """Whether a scan can read everything that was checked."""
        return all(row.result in (AccessResult.OK, AccessResult.SKIPPED) for row in self.rows)
