"""The number of resources of each protection group in each tier of audit.yaml."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from scanner.evaluate.query import answered, check_query
from scanner.evidence.scan_files import INVENTORY, ScanFiles
from scanner.findings.queried import FindingsTable
from scanner.model.protection import ProtectionGroup, TierOf
from scanner.model.scan import Scan
from scanner.storage.parquet import open_table

TierCounts = Mapping[TierOf, Mapping[str, int]]
"""The number of resources by tier, and by the first resource of their group."""

_TABLE: Final = "protection_groups"

# The findings of any control on resources have the tier of every resource.
_SQL: Final = """
WITH grouped AS (SELECT examples[1] AS first, unnest(resources) AS subject FROM protection_groups),
     tiers AS (SELECT subject, tier FROM findings WHERE control = '{control}')
SELECT grouped.first, tiers.subject IS NOT NULL AND tiers.tier IS NOT NULL, tiers.tier, count(*)
FROM grouped LEFT JOIN tiers USING (subject) GROUP BY ALL
"""


def tier_counts(scan: Scan, files: ScanFiles) -> TierCounts:
    """Return the tiers of resources by group. Empty: audit.yaml has none, or no control covers resources."""
    names = [control.id for control in scan.controls if control.subject == "resource"]
    if not scan.tiers.tiers or not names:
        return {}
    query = check_query(_SQL.format(control=names[0].replace("'", "''")), {_TABLE, "findings"})
    groups = open_table(files.table(INVENTORY, _TABLE), ProtectionGroup, ("examples", "resources"))
    counts: dict[TierOf, Counter[str]] = {}
    as_of = scan.manifest.evaluated_as_of
    with answered({_TABLE: groups}, query, as_of=as_of, findings=FindingsTable(scan)) as answer:
        for first, is_known, tier, count in answer.rows:
            counts.setdefault(TierOf(tier or "", is_known=bool(is_known)), Counter())[str(first)] += count
    order = {tier.name: number for number, tier in enumerate(scan.tiers.tiers)}
    ranked = sorted(counts, key=lambda tier: (not tier.is_known, order.get(tier.name, len(order)), tier.name))
    return {tier: counts[tier] for tier in ranked}
