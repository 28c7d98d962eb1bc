"""Findings without their texts, and the texts of selected ones."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Final

import orjson
import pyarrow as pa

from scanner.findings.filed import TABLE, Filed, having, literal
from scanner.findings.rows import FiledRow
from scanner.findings.schema import WITHOUT_TEXTS
from scanner.model.finding import Finding, Status

_KEYS: Final = "wanted"


def without_texts(row: FiledRow) -> Finding:
    """Return a finding as it is filed. One without texts has tier and parameters in its details."""
    if row.has_texts:
        return row.finding
    details = {"tier": row.tier} if row.tier else {}
    if row.parameters is not None:
        details["parameters"] = orjson.loads(row.parameters)
    return replace(row.finding, details=details) if details else row.finding


def all_without_texts(filed: Filed, statuses: Collection[Status] = tuple(Status)) -> Iterator[Finding]:
    """Yield the findings with one of these statuses as they are filed, in filing order."""
    sql = f"SELECT * FROM {TABLE} WHERE {having(statuses)}"  # nosec B608 # noqa: S608 -- words of the model
    with filed.database() as connection:
        for _, batches in filed.in_order(connection, sql):
            for batch in batches:
                yield from map(without_texts, filed.rows(batch))


def with_texts(filed: Filed, findings: Sequence[Finding]) -> list[Finding]:
    """Return findings of `filed` with their texts, in the same order."""
    # Findings that were stored as lines have their texts already.
    lacking = [finding for finding in findings if finding.status in WITHOUT_TEXTS and not finding.reason]
    if not lacking:
        return list(findings)
    whole = {finding.order: finding for finding in _read(filed, lacking)}
    return [whole.get(finding.order, finding) for finding in findings]


def _read(filed: Filed, findings: Sequence[Finding]) -> list[Finding]:
    keys = pa.table(
        {
            "control": pa.array([finding.control for finding in findings], pa.string()),
            "subject": pa.array([finding.subject for finding in findings], pa.string()),
        }
    )
    # As constants, which DuckDB compares with the statistics of the files to skip those of other accounts.
    accounts = ", ".join(literal(account) for account in sorted({finding.account for finding in findings}))
    with filed.database() as connection:
        connection.register(_KEYS, keys)
        return filed.chosen(
            connection,
            f"SELECT {TABLE}.* FROM {TABLE} SEMI JOIN {_KEYS} USING (control, subject) "  # nosec B608 # noqa: S608 -- names of ours
            f"WHERE account IN ({accounts})",
        )
