"""Counts the filed findings: every grouping that reports and scores need, in one pass over the files."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from scanner.findings.filed import BATCH, TABLE, Connection, Filed
from scanner.model.control import Control
from scanner.model.decisions import Waiver
from scanner.model.finding import ControlCount, FindingCounts, GroupCount, OwnerCount, Severity, Status

# One pass over the files for six groupings: reading them is what takes the time.
_GROUPED: Final = f"""
SELECT grouping(control) = 0, grouping(account) = 0, grouping(region) = 0, grouping(tier) = 0,
       grouping(owner) = 0,
       control, subject_type, severity, status, account, region, tier, owned, owner, waiver, count(*)
FROM (
    SELECT * EXCLUDE (reason, details, evidence), owner_source IS NOT NULL AS owned
    FROM {TABLE}
    LEFT JOIN (SELECT unnest($controls) AS control, unnest($severities) AS severity) USING (control))
GROUP BY GROUPING SETS (
    (control, subject_type, severity, status),
    (account, severity, status),
    (region, severity, status),
    (tier, severity, status),
    (owned, owner, status),
    (waiver))
ORDER BY ALL
"""  # nosec B608 # noqa: S608 -- a name of the model
_KINDS: Final = 5
"""The first columns of a row: whether it is of the first, second … grouping. The sixth has none."""

# Ordered by the first finding of each owner, which equals filing order.
_FIRST_OWNERS: Final = f"""
SELECT owner FROM {TABLE} WHERE owner <> '' AND owner_source IS NOT NULL
GROUP BY owner ORDER BY min({{'a': control, 'b': account, 'c': region, 'd': subject}}) LIMIT $number
"""  # nosec B608 # noqa: S608 -- a name of the model

# Pairs, not two conditions: an account and a Region of different pairs must not match.
_PLACES: Final = f"""
SELECT control, account, region, status, count(*) FROM {TABLE}
WHERE (account, region) IN (SELECT (unnest($accounts), unnest($regions))) GROUP BY ALL ORDER BY ALL
"""  # nosec B608 # noqa: S608 -- a name of the model

_SUBJECTS: Final = f"""
SELECT account, region, subject, status, count(*) FROM {TABLE}
WHERE subject_type NOT IN (SELECT unnest($types)) GROUP BY ALL
"""  # nosec B608 # noqa: S608 -- a name of the model

_Row = tuple[Any, ...]


def counts(filed: Filed, connection: Connection) -> FindingCounts:
    """Count the filed findings by control and type, account, Region, tier, owner and waiver.

    `connection` is that of `filed.database()`. Memory grows with accounts and owners, not with findings.

    Raises:
        BundleError: a finding is of a control that the scan does not define.
    """
    severities = {name: control.severity.value for name, control in filed.controls.items()}
    parameters = {"controls": [*severities], "severities": [*severities.values()]}
    groups: list[list[_Row]] = [[] for _ in range(_KINDS + 1)]
    for row in connection.execute(_GROUPED, parameters).fetchall():
        kinds, values = row[:_KINDS], row[_KINDS:]
        # `grouping(column) = 0` marks the columns of the row's own grouping; the waiver's row has none of the
        # five.
        groups[kinds.index(True) if True in kinds else _KINDS].append(values)
    controls, accounts, regions, tiers, owners, waivers = groups
    return FindingCounts(
        controls=tuple(_control_count(filed.control(row[0]), row) for row in controls),
        accounts=tuple(_group_count(row[4], row) for row in accounts),
        regions=tuple(_group_count(row[5], row) for row in regions),
        tiers=tuple(_group_count(row[6], row) for row in tiers),
        # Without `owned` audit.yaml names no owners, which differs from an owner that is unknown (NULL).
        owners=tuple(OwnerCount(row[8], Status(row[3]), row[-1]) for row in owners if row[7]),
        waivers=tuple((Waiver(**row[9]), row[-1]) for row in waivers if row[9] is not None),
    )


def _control_count(control: Control, row: _Row) -> ControlCount:
    return ControlCount(control.id, row[1], control.severity, Status(row[3]), row[-1])


def _group_count(key: str | None, row: _Row) -> GroupCount:
    return GroupCount(key, Severity(row[2]), Status(row[3]), row[-1])


def first_owners(connection: Connection, number: int) -> list[str]:
    """Return the first named owners in filing order."""
    return [row[0] for row in connection.execute(_FIRST_OWNERS, {"number": number}).fetchall()]


def counts_of_places(
    connection: Connection, places: Iterable[tuple[str, str]]
) -> Iterator[tuple[str, str, str, Status, int]]:
    """Yield control, account, Region, status and number of the findings in the given accounts and Regions."""
    accounts, regions = zip(*places, strict=True) if (places := tuple(places)) else ((), ())
    parameters = {"accounts": list(accounts), "regions": list(regions)}
    for control, account, region, status, number in connection.execute(_PLACES, parameters).fetchall():
        yield control, account, region, Status(status), number


def counts_of_subjects(filed: Filed, without: Iterable[str]) -> Iterator[tuple[str, str, str, str, int]]:
    """Yield account, Region, subject, status and number of findings, in no particular order.

    `without`: types of subjects that are not counted.
    """
    with filed.database() as connection:
        for batch in connection.sql(_SUBJECTS, params={"types": list(without)}).to_arrow_reader(BATCH):
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
