"""The table `account`."""

from dataclasses import dataclass

from scanner.model.facts.base import Row, column
from scanner.model.ternary import Ternary

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
