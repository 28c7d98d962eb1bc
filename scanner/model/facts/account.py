"""The tables `account` and `account_region`."""

from dataclasses import dataclass

from scanner.model.facts.base import Row, column
from scanner.model.known import Ternary

_POLICY = ("organizations:DescribeEffectivePolicy",)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts(Row):
    """One account of the scope. Its Region is `aws-global`."""

    backup_policy: Ternary = column(
        "Whether the backup policies of the organisation give it an effective policy with at least one plan.",
        _POLICY,
    )
    policy_plans: tuple[str | None, ...] = column("The names of the plans of that policy.", _POLICY)
    policy_updated_at: str | None = column(
        "When that policy last changed, where AWS reports it; empty: there is none.", _POLICY
    )
    policy_valid: Ternary = column(
        "Whether AWS Organizations finds that policy valid; an invalid one is not fully in force. True where "
        "there is none.",
        (*_POLICY, "organizations:ListAccountsWithInvalidEffectivePolicy"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingRead:
    """A read that a selected control needed and that was not made or not answered."""

    operation: str
    about: str
    kind: str
    code: str
    message: str
    blinds: tuple[str, ...]  # the selected controls that it affects


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRegionFacts(Row):
    """One account in one Region of the scope."""

    status: str = column("complete, partial, failed, skipped or missing.")
    skipped: bool = column("Whether the account has not enabled the Region.")
    not_entered: str = column(
        "Why the account could not be entered: the role and AWS's answer; empty where it was."
    )
    missing_reads: tuple[MissingRead, ...] | None = column(
        "Reads that the selected controls need and that are missing. NULL where nothing else is missing than "
        "what the scan left out: what AWS would have answered is not known."
    )
