"""How many resources are protected, and which checks the score counts: from facts and filed findings.

Both read the columns that the controls read: `assessable` and `covered` (`resource-in-backup-plan`), and
the findings of `resource-backed-up-recently`.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Final

import pyarrow.compute as pc
import pyarrow.dataset as ds

from scanner.evaluate.compiled import compile_control
from scanner.findings.filed import Connection
from scanner.findings.resource_counts import RECENT, ScoredControls, counts_by_protection, scored_counts
from scanner.model.control import Control
from scanner.model.coverage import Coverage, CoverageCounts
from scanner.model.finding import FindingCounts, Status
from scanner.storage.parquet import streamed

SUBJECT: Final = "resource"
"""The fact table whose controls the score counts: deleting plans, vaults or backups removes no resource."""

NEEDS_BACKUP: Final = frozenset(
    {"covered", "covered_by", "rules", "copies", "places", "newest_recovery_points"}
    | {"newest_recovery_point", "backup_jobs", "copy_jobs", "restores"}
)
"""Columns of a population that leave out resources without a backup."""

_INSTANCE: Final = "EC2"
_KEY: Final = ("account", "region", "subject")


def scored(
    controls: Iterable[Control], unscored: Collection[str], connection: Connection, resources: ds.Dataset
) -> FindingCounts:
    """Count the checks of the score (`scored_counts`). `unscored`: ids of controls that it leaves out.

    `resources` is the fact table `resource`, `connection` that of `Filed.database()`.
    """
    counted = [control for control in controls if control.subject == SUBJECT and control.id not in unscored]
    # Such a check does not apply without a backup; scoring it as "not asked" would reward having none.
    lost = [control.id for control in counted if NEEDS_BACKUP & compile_control(control).population]
    selected = ScoredControls({control.id: control.severity for control in counted}, lost)
    in_no_plan = pc.field("assessable") & ~pc.field("covered")
    return scored_counts(
        connection, selected, streamed(resources, (*_KEY, "assessable", "covered"), in_no_plan)
    )


def coverage(connection: Connection, resources: ds.Dataset, *, asks_recency: bool) -> Coverage:
    """Count resources by protection. Arguments as above; `asks_recency`: whether RECENT was selected."""
    excluded = 0
    types: defaultdict[str, Counter[str]] = defaultdict(Counter)
    sizes: defaultdict[str, float] = defaultdict(float)
    reader = streamed(resources, (*_KEY, "subject_type", "assessable", "covered", "size_gib"))
    for count in counts_by_protection(connection, reader):
        if count.assessable is False:
            excluded += count.number
            continue
        # Whether a resource counts at all is unknown, so its plan is, too.
        in_plan = count.covered if count.assessable else None
        recent = _recent(count.status) if count.assessable else None
        for key in _keys(in_plan, recent, asks_recency=asks_recency):
            types[count.type][key] += count.number
        if in_plan is False:
            types[count.type]["no_plan_sized"] += count.sized
            sizes[count.type] += count.gib
    total = sum(types.values(), Counter[str]())
    return Coverage(
        total=CoverageCounts(**total, no_plan_gib=_total(sizes)),
        types={
            kind: CoverageCounts(**types[kind], no_plan_gib=round(sizes[kind], 3)) for kind in sorted(types)
        },
        excluded=excluded,
        asks_recency=asks_recency,
    )


def _total(sizes: Mapping[str, float]) -> float:
    """Return the sum in GiB. The size of an instance is that of its volumes, which are resources, too."""
    return round(sum(size for kind, size in sizes.items() if kind != _INSTANCE), 3)


def asks_recency(controls: Iterable[Control]) -> bool:
    """Check whether the control that says how old a recovery point may be is selected."""
    return any(control.id == RECENT for control in controls)


def _keys(in_plan: bool | None, recent: bool | None, *, asks_recency: bool) -> list[str]:  # noqa: FBT001 -- answers
    """Return the fields of CoverageCounts that count a resource with these answers."""
    keys = ["number", {True: "in_plan", False: "no_plan", None: "plan_unknown"}[in_plan]]
    if asks_recency:
        keys.append({True: "recent", False: "no_recent", None: "recent_unknown"}[recent])
    answers = (in_plan, recent) if asks_recency else (in_plan,)
    # Any unknown answer makes the resource unknown; it is neither protected nor unprotected.
    if None in answers:
        keys.append("unknown")
    elif all(answers):
        keys.append("protected")
    return keys


def _recent(status: Status | None) -> bool | None:
    if status is Status.PASS:
        return True
    # A waiver accepts the failure; it does not make the recovery point recent.
    return False if status in (Status.FAIL, Status.WAIVED) else None
