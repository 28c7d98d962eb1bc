"""How many resources are in a backup plan and have a recent recovery point."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageCounts:
    """Resources that AWS Backup can back up, by the three answers to two questions.

    `number` is `in_plan + no_plan + plan_unknown`, and `recent + no_recent + recent_unknown` where the
    control `resource-backed-up-recently` was selected; without it nothing says how old a recovery point may
    be, and these three are 0. A resource is `protected` if it is in a plan and its recovery point is
    recent, `unknown` if an answer is unknown: it is never `protected`.

    `no_plan_gib`: the size of the resources in no plan, in GiB, as far as it is reported: of `no_plan_sized`
    of them. In a total it leaves out instances, whose volumes count already.
    """

    number: int = 0
    in_plan: int = 0
    no_plan: int = 0
    plan_unknown: int = 0
    recent: int = 0
    no_recent: int = 0
    recent_unknown: int = 0
    protected: int = 0
    unknown: int = 0
    no_plan_sized: int = 0
    no_plan_gib: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """The counts of a scan, and by resource type. `excluded`: resources that AWS Backup does not back up.

    `asks_recency`: whether the control on recent recovery points was selected.
    """

    total: CoverageCounts
    types: Mapping[str, CoverageCounts]
    excluded: int
    asks_recency: bool
