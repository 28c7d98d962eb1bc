"""Counts of findings on resources: the checks that the score counts, and how many resources are protected.

Both join the filed findings with rows of the fact table `resource`, which the caller opens.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from scanner.findings.filed import TABLE, Connection
from scanner.model.finding import ControlCount, FindingCounts, GroupCount, Severity, Status

RECENT: Final = "resource-backed-up-recently"
"""The control that says how old the newest recovery point of a resource may be."""

# A not applicable finding here is a check that does not apply because the resource is in no backup plan.
_SCORED: Final = f"""
WITH checks AS (
    SELECT control, subject_type, account, region, tier, status FROM {TABLE}
    WHERE status <> 'not_applicable'
    UNION ALL
    SELECT control, subject_type, account, region, tier, status
    FROM {TABLE} SEMI JOIN without_backup USING (account, region, subject)
    WHERE status = 'not_applicable' AND control IN (SELECT unnest($lost)))
SELECT grouping(control) = 0, grouping(account) = 0, grouping(region) = 0,
       control, subject_type, severity, status, account, region, tier, count(*)
FROM checks JOIN (SELECT unnest($controls) AS control, unnest($severities) AS severity) USING (control)
GROUP BY GROUPING SETS (
    (control, subject_type, severity, status),
    (account, severity, status),
    (region, severity, status),
    (tier, severity, status))
ORDER BY ALL
"""  # nosec B608 # noqa: S608 -- a name of the model
_KINDS: Final = 3
"""The first columns of a row: whether it is of the first, second or third grouping."""

# LEFT JOIN: without the control every resource is still counted, with status NULL.
_PROTECTED: Final = f"""
SELECT subject_type, assessable, covered, status, count(*), count(size_gib), coalesce(sum(size_gib), 0)
FROM resources LEFT JOIN (SELECT account, region, subject, status FROM {TABLE} WHERE control = $recent)
USING (account, region, subject)
GROUP BY ALL ORDER BY ALL
"""  # nosec B608 # noqa: S608 -- a name of the model


@dataclass(frozen=True, slots=True)
class ScoredControls:
    """The controls whose checks the score counts, with their severities.

    `lost`: those that apply only to resources with a backup. For a resource in no backup plan the score
    counts them as failed.
    """

    severities: Mapping[str, Severity]
    lost: Collection[str]


def scored_counts(
    connection: Connection, scored: ScoredControls, without_backup: pa.RecordBatchReader
) -> FindingCounts:
    """Count the checks of scored controls. Not applicable ones are those that count as failed.

    `connection` is that of `Filed.database()`, `without_backup` has account, Region and subject of the
    resources in no backup plan.
    """
    parameters = {
        "controls": list(scored.severities),
        "severities": [severity.value for severity in scored.severities.values()],
        "lost": list(scored.lost),
    }
    # Registered for this query only: a reader can be consumed once.
    connection.register("without_backup", without_backup)
    groups: list[list[tuple[Any, ...]]] = [[] for _ in range(_KINDS + 1)]
    for row in connection.execute(_SCORED, parameters).fetchall():
        kinds, values = row[:_KINDS], row[_KINDS:]
        groups[kinds.index(True) if True in kinds else _KINDS].append(values)
    connection.unregister("without_backup")
    controls, accounts, regions, tiers = groups
    return FindingCounts(
        controls=tuple(
            ControlCount(row[0], row[1], Severity(row[2]), Status(row[3]), row[-1]) for row in controls
        ),
        accounts=tuple(_group(row[4], row) for row in accounts),
        regions=tuple(_group(row[5], row) for row in regions),
        tiers=tuple(_group(row[6], row) for row in tiers),
    )


def _group(key: str | None, row: tuple[Any, ...]) -> GroupCount:
    return GroupCount(key, Severity(row[2]), Status(row[3]), row[-1])


@dataclass(frozen=True, slots=True)
class ProtectionCount:
    """Resources of a type that are alike in `assessable`, `covered` and the status of the control RECENT.

    `status` None: the control was not selected. `sized` of them have a size, `gib` is its sum in GiB.
    """

    type: str
    assessable: bool | None
    covered: bool | None
    status: Status | None
    number: int
    sized: int
    gib: float


def counts_by_protection(
    connection: Connection, resources: pa.RecordBatchReader
) -> Iterator[ProtectionCount]:
    """Yield the numbers of resources by protection.

    `resources` has account, Region, subject, type, `assessable`, `covered` and `size_gib`.
    """
    connection.register("resources", resources)
    rows = connection.execute(_PROTECTED, {"recent": RECENT}).fetchall()
    connection.unregister("resources")
    for kind, assessable, covered, status, *numbers in rows:
        yield ProtectionCount(kind, assessable, covered, None if status is None else Status(status), *numbers)
