"""The table `plan`."""

from dataclasses import dataclass

from scanner.model.facts.base import Row, column
from scanner.model.facts.parts import RuleTerms
from scanner.model.facts.reads import PLAN_READS


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFacts(Row):
    """One backup plan."""

    rules: tuple[RuleTerms | None, ...] = column("Its rules.", PLAN_READS)
    from_organization: bool = column(
        "Whether an Organizations backup policy made it.", ("backup:ListBackupPlans",)
    )
