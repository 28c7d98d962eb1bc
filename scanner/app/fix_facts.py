"""What strategies need of the facts of a scan: where copies go, which rules cover a resource, its tags."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scanner.evaluate.database import Limits
from scanner.evaluate.language.reasons import literal
from scanner.evaluate.query import answered, check_query
from scanner.evidence.scan_files import FACTS, ScanFiles
from scanner.fixes.configuration import Destination
from scanner.model.facts import TABLES
from scanner.model.manifest import Manifest
from scanner.storage.parquet import open_table

_LIMITS: Final = Limits(seconds=3_600.0)
_DESTINATIONS: Final = (
    "SELECT destination, any_value(destination_account) AS account, any_value(destination_region) AS region, "
    "bool_or(destination_air_gapped) AS air_gapped, bool_or(destination_key_kind = 'customer_managed') AS "
    "own_key, "
    # Vaults that copies already reach are better destinations than vaults that nothing has tried.
    "count(*) FILTER (WHERE admits_source AND in_organization) AS works "
    "FROM copy_action WHERE destination_exists AND NOT destination_reserved GROUP BY destination ORDER BY "
    "destination"
)
_REFUSED: Final = (
    "SELECT subject, list_distinct(flatten([list_transform(list_filter(supported, lambda s: s IS NOT NULL "
    # Unknown counts as refused: a proposed copy has to work for certain.
    "AND coalesce(NOT s.supported, true)), lambda s: s.resource), list_transform(list_filter("
    "source_keys_shared, "
    "lambda s: s IS NOT NULL AND coalesce(NOT s.shared, true)), lambda s: s.resource), "
    "list_transform(blocked, lambda b: b.resource)])) AS resources FROM copy_action WHERE subject IN ({})"
)
_RESOURCES: Final = (
    "SELECT subject, tags, list_transform(list_filter(rules, lambda r: r IS NOT NULL), lambda r: r.rule) AS "
    "covering, "
    "list_transform(list_filter(rules, lambda r: r IS NOT NULL AND r.continuous), lambda r: r.rule) AS "
    "continuous "
    "FROM resource WHERE subject IN ({})"
)


@dataclass(frozen=True, slots=True)
class ResourceFacts:
    """Of resources: their tags (where all are known), their covering rules, and the continuous ones."""

    tags: Mapping[str, Mapping[str, str]]
    covering: Mapping[str, tuple[str, ...]]
    continuous: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class FactQueries:
    """The fact tables of a judged scan, asked with SQL."""

    folder: Path
    manifest: Manifest

    def destinations(self) -> tuple[Destination, ...]:
        """Return the vaults that copy actions name and that exist, and how many actions work."""
        return tuple(
            Destination(
                arn=row["destination"],
                account=row["account"],
                region=row["region"],
                is_air_gapped=row["air_gapped"] is True,
                is_customer_managed=row["own_key"] is True,
                works=row["works"],
            )
            for row in self._rows("copy_action", _DESTINATIONS)
        )

    def resources(self, subjects: Collection[str]) -> ResourceFacts:
        """Return what is known of some resources."""
        named = ", ".join(literal(subject) for subject in sorted(subjects))
        rows = list(self._rows("resource", _RESOURCES.format(named))) if subjects else []
        return ResourceFacts(
            # Tags that are not all known could hide one that a selection depends on.
            tags={
                row["subject"]: {tag["key"]: tag["value"] for tag in row["tags"]}
                for row in rows
                if row["tags"] is not None
            },
            covering={row["subject"]: tuple(row["covering"] or ()) for row in rows},
            continuous={row["subject"]: tuple(row["continuous"] or ()) for row in rows},
        )

    def not_copied(self, copy_actions: Collection[str]) -> frozenset[str]:
        """Return the resources that copy actions cannot copy, or perhaps cannot."""
        if not copy_actions:
            return frozenset()
        named = ", ".join(literal(subject) for subject in sorted(copy_actions))
        rows = self._rows("copy_action", _REFUSED.format(named))
        return frozenset(resource for row in rows for resource in row["resources"] or ())

    def _rows(self, table: str, sql: str) -> Iterator[Mapping[str, Any]]:
        # Through the same check as `audit query`, so that the SQL reads these tables alone.
        query = check_query(sql, {table})
        source = ScanFiles(self.folder, self.manifest).table(FACTS, table)
        tables = {table: open_table(source, TABLES[table], query.names)}
        with answered(tables, query, as_of=self.manifest.evaluated_as_of, limits=_LIMITS) as answer:
            for row in answer.rows:
                yield dict(zip(answer.columns, row, strict=True))
