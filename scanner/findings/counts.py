"""Counting the filed findings: every grouping that reports and scores need, from one pass over the files."""

from collections.abc import Iterable
from typing import Any, Final

import duckdb

from scanner.errors import BundleError
from scanner.findings.filed import TABLE, Filed
from scanner.model.finding import Severity, Status
from scanner.model.finding_counts import ControlCount, FindingCounts, GroupCount

_GROUPED: Final = f"""
SELECT grouping(control) = 0, grouping(account) = 0, grouping(region) = 0,
       control, subject_type, account, region, tier, severity, status, count(*)
FROM {TABLE} LEFT JOIN (SELECT unnest($controls) AS control, unnest($severities) AS severity) USING (control)
GROUP BY GROUPING SETS (
    (control, subject_type, severity, status),
    (account, severity, status),
    (region, severity, status),
    (tier, severity, status))
ORDER BY ALL
"""  # noqa: S608 -- a name of the model

_Row = tuple[Any, ...]


def counts(filed: Filed, connection: duckdb.DuckDBPyConnection) -> FindingCounts:
    """Count the filed findings by control and type, by account, by Region and by tier.

    `connection` is that of `filed.database()`. Memory grows with the number of accounts, not of findings.

    Raises:
        BundleError: a finding is of a control that the scan does not define.
    """
    severities = {name: control.severity.value for name, control in filed.controls.items()}
    parameters = {"controls": [*severities], "severities": [*severities.values()]}
    rows = connection.execute(_GROUPED, parameters).fetchall()
    by_control = [row[3:] for row in rows if row[0]]
    return FindingCounts(
        controls=tuple(map(_control_count, by_control)),
        accounts=_group_counts((row[5], *row[8:]) for row in rows if row[1]),
        regions=_group_counts((row[6], *row[8:]) for row in rows if row[2]),
        tiers=_group_counts((row[7], *row[8:]) for row in rows if not any(row[:3])),
    )


def _control_count(row: _Row) -> ControlCount:
    control, subject_type, _, _, _, severity, status, number = row
    if severity is None:
        raise BundleError(f"A finding is of the control {control}, which the scan does not define.")
    return ControlCount(control, subject_type, Severity(severity), Status(status), number)


def _group_counts(rows: Iterable[_Row]) -> tuple[GroupCount, ...]:
    return tuple(
        GroupCount(key, Severity(severity), Status(status), number) for key, severity, status, number in rows
    )
