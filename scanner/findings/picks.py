"""Selects filed findings: the first of each control and status, a sample, those of some subjects.

A query selects by columns that are quick to read; only the selected rows are read in full.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from scanner.findings.filed import TABLE, Connection, Filed, of_controls
from scanner.findings.selected import Numbers, SelectedRows
from scanner.model.finding import Finding, Status
from scanner.model.root_causes import RootCause

Pair = tuple[str, Status]
"""A control and one of the statuses of its findings."""

# Reading whole rows only for the selected keys keeps details, the largest column, out of the search.
_FIRST: Final = f"""
WITH wanted AS MATERIALIZED (
    SELECT unnest($controls) AS control, unnest($statuses) AS status, unnest($numbers) AS number),
by_account AS (
    SELECT control, status, account, any_value(number) AS number, count(*) AS findings
    FROM {TABLE} JOIN wanted USING (control, status) GROUP BY control, status, account),
room AS MATERIALIZED (
    SELECT control, status, account,
           number - sum(findings) OVER (PARTITION BY control, status ORDER BY account) + findings AS room
    FROM by_account QUALIFY room > 0),
keys AS MATERIALIZED (
    SELECT control, account, region, subject FROM {TABLE} JOIN room USING (control, status, account)
    QUALIFY row_number() OVER (PARTITION BY control, status, account ORDER BY region, subject) <= room)
"""  # nosec B608 # noqa: S608 -- a name of the model
"""`room`: how many findings an account may contribute after the accounts before it."""

# The place in a sample depends on the seed and the finding alone, so anyone can draw it again.
_PLACE: Final = "sha256($seed || sha256(control || chr(10) || subject))"

_DRAWN: Final = f"""
WITH keys AS MATERIALIZED (
    SELECT control, account, region, subject FROM {TABLE}
    WHERE status IN (SELECT unnest($statuses)) ORDER BY {_PLACE} LIMIT $size)
"""  # nosec B608 # noqa: S608 -- a name of the model

_OF_SUBJECTS: Final = (
    f"SELECT * FROM {TABLE} WHERE subject IN (SELECT unnest($subjects)) "  # nosec B608 # noqa: S608 -- names and words of the model
    "AND NOT list_contains($without, status)"
)

_LISTED: Final = (
    "SELECT control, status, subject, subject_type, account, region, coalesce(reason, '') AS reason, "  # nosec B608 # noqa: S608 -- as above
    # Details may come from another program: a name that is no text counts as none.
    "CASE WHEN json_type(details, '$.name') = 'VARCHAR' THEN details ->> '$.name' ELSE '' END AS name, "
    f"owner, owner_source FROM {TABLE}"
)

_DETAILS: Final = (
    f"SELECT account, region, details FROM {TABLE} WHERE control = $control AND details IS NOT NULL"  # nosec B608 # noqa: S608 -- names and words of the model
)

# The first failures of a cause are found by their keys, so that no other failure is read in full.
_EXPLAINED: Final = """
, ranks AS (SELECT unnest($controls) AS control, unnest(range(len($controls))) AS rank),
causes AS (
    SELECT unnest($kinds) AS kind, unnest($subjects) AS cause_subject, unnest($abouts) AS cause_about,
           unnest($accounts) AS cause_account, unnest($regions) AS cause_region),
explained AS MATERIALIZED (
    SELECT control, account, region, subject
    FROM {causes} JOIN causes USING (kind, cause_subject, cause_about, cause_account, cause_region)
    SEMI JOIN keys USING (control, account, region, subject) JOIN ranks USING (control)
    QUALIFY row_number() OVER (
        PARTITION BY kind, cause_subject, cause_about, cause_account, cause_region
        ORDER BY rank, account, region, subject) <= $examples)
"""

_WHOLE: Final = f"SELECT * FROM {TABLE} SEMI JOIN keys USING (control, account, region, subject)"  # nosec B608 # noqa: S608 -- names and words of the model
_NAMED: Final = (
    "SELECT control, status, subject, subject_type "  # nosec B608 # noqa: S608 -- a name of the model
    f"FROM {TABLE} SEMI JOIN keys USING (control, account, region, subject)"
)
_IN_ORDER: Final = " ORDER BY control, account, region, subject"


def first_findings(filed: Filed, connection: Connection, wanted: Mapping[Pair, int]) -> list[Finding]:
    """Return the first findings of controls and statuses, `wanted` of each, in filing order."""
    return filed.chosen(connection, _FIRST + _WHOLE + _IN_ORDER, _bound(wanted))


def first_subjects(connection: Connection, wanted: Mapping[Pair, int]) -> Iterator[tuple[Pair, str, str]]:
    """Return pair, subject and type of the first findings of controls and statuses, in filing order."""
    rows = connection.execute(_FIRST + _NAMED + _IN_ORDER, _bound(wanted)).fetchall()
    for control, status, subject, subject_type in rows:
        yield (control, Status(status)), subject, subject_type


def first_of_causes(
    filed: Filed, connection: Connection, wanted: Mapping[Pair, int], causes: Sequence[RootCause], number: int
) -> list[Finding]:
    """Return, of the findings of `first_findings`, the first `number` that each root cause explains.

    They are in the order of `wanted`, and in filing order within each pair.
    """
    if filed.causes is None or not wanted or not causes:
        return []
    keys = [cause.key for cause in causes]
    columns = zip(
        ("kinds", "subjects", "abouts", "accounts", "regions"), zip(*keys, strict=True), strict=True
    )
    parameters = {**_bound(wanted), **{name: list(column) for name, column in columns}, "examples": number}
    sql = _FIRST + _EXPLAINED.format(causes=filed.causes.sql) + _WHOLE.replace("keys", "explained")
    places = {control: place for place, (control, _) in enumerate(wanted)}
    findings = filed.chosen(connection, sql, parameters)
    return sorted(findings, key=lambda finding: (places[finding.control], finding.order))


def _bound(wanted: Mapping[Pair, int]) -> Mapping[str, Any]:
    return {
        "controls": [control for control, _ in wanted],
        "statuses": [status.value for _, status in wanted],
        "numbers": list(wanted.values()),
    }


def draw(
    filed: Filed, connection: Connection, seed: str, statuses: Iterable[Status], size: int
) -> list[Finding]:
    """Return the findings with the lowest SHA-256 of seed and fingerprint, lowest first."""
    parameters = {"seed": seed, "statuses": [status.value for status in statuses], "size": size}
    # The order is repeated, because a join does not keep that of the keys.
    return filed.chosen(connection, f"{_DRAWN}{_WHOLE} ORDER BY {_PLACE}", parameters)


def whole_findings_of(
    filed: Filed, connection: Connection, subjects: Iterable[str], without: Iterable[Status] = ()
) -> list[Finding]:
    """Return the findings of the given subjects with their texts, in filing order, without some statuses."""
    parameters = {"subjects": list(subjects), "without": [status.value for status in without]}
    return filed.chosen(connection, _OF_SUBJECTS + _IN_ORDER, parameters)


class ListedRow(NamedTuple):
    """What a list shows of a finding. `name`: of the subject, in its details; empty: there is none."""

    control: str
    status: str
    subject: str
    subject_type: str
    account: str
    region: str
    reason: str
    name: str
    owner: str | None
    owner_source: str | None


def listed_rows(filed: Filed, numbers: Mapping[str, Numbers]) -> Iterator[ListedRow]:
    """Yield the first findings of controls in filing order, as `Filed.first`, without rendering texts.

    `numbers`: how many of each status, none of them WITHOUT_TEXTS.
    """
    with filed.database() as connection:
        for control, batches in filed.in_order(connection, f"{_LISTED} WHERE {of_controls(numbers)}"):
            for batch in SelectedRows(batches, numbers[control]).batches():
                columns = (batch.column(name).to_pylist() for name in ListedRow._fields)
                yield from map(ListedRow, *columns)


def filed_details(connection: Connection, control: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield account, Region and details of a control's findings with filed texts, in no particular order."""
    rows = connection.execute(_DETAILS, {"control": control}).fetchall()
    return ((account, region, orjson.loads(details)) for account, region, details in rows)
