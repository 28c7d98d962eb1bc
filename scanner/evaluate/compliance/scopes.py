"""Which subjects are in the scopes that audit.yaml declares for frameworks, by the tags of resources.

A recovery point belongs to its resource. Subjects of other kinds, such as vaults and plans, belong to no
resource and are in every scope.
"""

from collections.abc import Mapping
from typing import Final

import pyarrow as pa

from scanner.evaluate.decisions.patterns import like_any_sql
from scanner.evaluate.language.reasons import literal
from scanner.findings.filed import Connection
from scanner.findings.subject_groups import SCOPED, scope_column
from scanner.model.compliance import TagScope

RESOURCE_COLUMNS: Final = ("account", "region", "subject", "tags")
POINT_COLUMNS: Final = ("account", "region", "subject", "resource")


def load_scopes(
    connection: Connection,
    scopes: Mapping[str, TagScope],
    resources: pa.RecordBatchReader,
    recovery_points: pa.RecordBatchReader,
) -> None:
    """Create the table SCOPED: for each resource and recovery point, whether it is in each scope.

    NULL: unknown, because the tags of the resource were not read, or it is not in the inventory.
    `connection` is that of `Filed.database()`; the readers have RESOURCE_COLUMNS and POINT_COLUMNS.
    """
    names = [scope_column(place) for place in range(len(scopes))]
    answers = ", ".join(
        f"{_within(scope)} AS {name}" for name, scope in zip(names, scopes.values(), strict=True)
    )
    # Two rows of one ARN that differ leave it open which of them the recovery point belongs to.
    agreed = ", ".join(
        f"CASE WHEN count({name}) = count(*) AND min({name}) = max({name}) THEN min({name}) END AS {name}"
        for name in names
    )
    connection.register("scope_resources", resources)
    connection.register("scope_points", recovery_points)
    connection.execute(
        f"CREATE TABLE {SCOPED} AS SELECT 'resource' AS kind, account, region, subject, {answers} "  # nosec B608 # noqa: S608 -- literals
        "FROM scope_resources"
    )
    connection.execute(
        f"INSERT INTO {SCOPED} "  # nosec B608 # noqa: S608 -- names of the model
        f"WITH known AS (SELECT subject AS resource, {agreed} FROM {SCOPED} GROUP BY subject) "
        f"SELECT 'recovery_point', account, region, subject, {', '.join(names)} "
        "FROM scope_points LEFT JOIN known USING (resource)"
    )
    connection.unregister("scope_resources")
    connection.unregister("scope_points")


def _within(scope: TagScope) -> str:
    """Return the SQL of whether a resource is in a scope; NULL where its tags were not read."""
    return " AND ".join(
        f"len(list_filter(tags, lambda tag: tag.key = {literal(key)} "
        f"AND {like_any_sql('tag.value', values)})) > 0"
        for key, values in scope.tags
    )
