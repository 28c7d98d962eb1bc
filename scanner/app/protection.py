"""The protection graph of a judged scan: built from its tables, searched, measured by tiers, and exported."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Final

from scanner.errors import UsageError
from scanner.evaluate.query import answered, check_query
from scanner.evidence.manifest import read_manifest
from scanner.evidence.scan_files import FACTS, INVENTORY, ScanFiles
from scanner.findings.queried import FindingsTable
from scanner.graph.blast_radius import WORST, BlastRadius
from scanner.graph.graph_formats import Provenance, full_name, graph_bytes, nodes_called
from scanner.graph.protection_graph import Graph, ProtectionTables, light_graph, protection_graph
from scanner.model.facts import TABLES
from scanner.model.inventory_tables import INVENTORY_TABLES
from scanner.model.manifest import Manifest
from scanner.model.protection import (
    BlastRadiusReport,
    BlastRadiusSummary,
    NodeLoss,
    ProtectionGroup,
    TierOf,
    TierPoints,
)
from scanner.model.scan import Scan
from scanner.report.read import read_scan
from scanner.report.wording import clip, visible
from scanner.storage.parquet import StoredRows, open_table
from scanner.storage.table_files import NoTableError

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
_GROUPS: Final = "protection_groups"
_SHOWN: Final = 10
_SUMMARISED: Final = 10  # nodes, and single points of a tier, in a summary
_LONGEST: Final = 2_048

_COLUMNS: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    (INVENTORY, "accounts"): ("id", "name"),
    (INVENTORY, "plans"): ("arn", "name", "account", "region"),
    (INVENTORY, "vaults"): ("arn", "name", "account", "region", "type", "locked"),
    (INVENTORY, "keys"): ("key", "kind", "state", "enabled"),
    (INVENTORY, "key_aliases"): ("alias", "key"),
    (FACTS, "rule"): (
        *("subject", "account", "region", "name", "plan", "kind", "target", "target_exists"),
        *("within_lock", "lock_reason", "starts_within_a_year"),
    ),
    (FACTS, "selection"): (
        *("subject", "account", "region", "name", "plan", "role"),
        *("role_exists", "role_admits_backup", "role_reason"),
    ),
}
"""The columns that the graph is built from, by folder and table."""


def tier_counts(scan: Scan, files: ScanFiles) -> TierCounts:
    """Return the tiers of resources by group. Empty: audit.yaml has none, or no control covers resources."""
    names = [control.id for control in scan.controls if control.subject == "resource"]
    if not scan.tiers.tiers or not names:
        return {}
    # A scan of another program may have quotes in the ids of its controls.
    query = check_query(_SQL.format(control=names[0].replace("'", "''")), {_TABLE, "findings"})
    groups = open_table(files.table(INVENTORY, _TABLE), ProtectionGroup, ("examples", "resources"))
    counts: dict[TierOf, Counter[str]] = {}
    as_of = scan.manifest.evaluated_as_of
    with answered({_TABLE: groups}, query, as_of=as_of, findings=FindingsTable(scan)) as answer:
        for first, is_known, tier, count in answer.rows:
            counts.setdefault(TierOf(tier or "", is_known=bool(is_known)), Counter())[str(first)] += count
    order = {tier.name: number for number, tier in enumerate(scan.tiers.tiers)}
    # Tiers in the order of audit.yaml; unknown ones last.
    ranked = sorted(counts, key=lambda tier: (not tier.is_known, order.get(tier.name, len(order)), tier.name))
    return {tier: counts[tier] for tier in ranked}


def graph_of(folder: Path, manifest: Manifest, *, light: bool = False) -> Graph:
    """Build the protection graph of a judged scan. `light`: for `BlastRadius` alone, in less memory.

    Raises:
        BundleError: the folder contains no judged scan, or one of a version without the tables it needs.
    """
    files = ScanFiles(folder, manifest)
    # `resources` is by far the largest column, and the graph needs only the groups.
    groups = tuple(column.name for column in fields(ProtectionGroup) if column.name != "resources")
    build = light_graph if light else protection_graph
    try:
        return build(
            ProtectionTables(
                groups=_rows(files, INVENTORY, _GROUPS, groups),
                accounts=_fixed_columns(files, INVENTORY, "accounts"),
                plans=_fixed_columns(files, INVENTORY, "plans"),
                rules=_fixed_columns(files, FACTS, "rule"),
                selections=_fixed_columns(files, FACTS, "selection"),
                vaults=_fixed_columns(files, INVENTORY, "vaults"),
                keys=_fixed_columns(files, INVENTORY, "keys"),
                aliases=_fixed_columns(files, INVENTORY, "key_aliases"),
            )
        )
    except NoTableError as error:
        raise NoTableError(
            f"{folder} was evaluated by a version that recorded no protection groups. "
            "Run audit evaluate on the bundle again."
        ) from error


def _fixed_columns(files: ScanFiles, folder: str, table: str) -> StoredRows:
    return _rows(files, folder, table, _COLUMNS[folder, table])


def _rows(files: ScanFiles, folder: str, table: str, columns: tuple[str, ...]) -> StoredRows:
    row = (TABLES if folder == FACTS else INVENTORY_TABLES)[table]
    return StoredRows(lambda name: files.table(folder, name), table, row, columns)


def blast_radius(folder: Path, node: str | None) -> BlastRadiusReport:
    """Return what is lost with one node. Without a node: the worst nodes, and the single points of failure.

    Raises:
        BundleError: as `graph_of`.
        UsageError: the graph has no such node, or several of that name.
    """
    if node is None:
        return worst_losses(folder, read_scan(folder))
    manifest = read_manifest(folder)
    graph = graph_of(folder, manifest)
    radius = BlastRadius(graph)
    return _report(manifest, radius, node, (radius.loss_of(found_node(graph, node)),))


def worst_losses(folder: Path, scan: Scan) -> BlastRadiusReport:
    """Return the worst nodes and the single points of failure. BundleError: as `graph_of`."""
    radius = BlastRadius(graph_of(folder, scan.manifest))
    return _report(scan.manifest, radius, None, radius.worst(WORST), _points_by_tier(folder, scan, radius))


def summary_of(folder: Path, scan: Scan) -> BlastRadiusSummary | None:
    """Return what reports show of the blast radius; None: the scan has no groups. Errors: as `graph_of`."""
    try:
        radius = BlastRadius(graph_of(folder, scan.manifest, light=True))
    # Scans of earlier versions have no groups; their reports simply lack this part.
    except NoTableError:
        return None
    counts = radius.counts()
    points = _points_by_tier(folder, scan, radius)
    return BlastRadiusSummary(
        resources=sum(counts.values()),
        protected=radius.protected(counts),
        nodes=radius.worst_counts(_SUMMARISED),
        single_points=tuple(replace(tier, points=tier.points[:_SUMMARISED]) for tier in points),
    )


def _points_by_tier(folder: Path, scan: Scan, radius: BlastRadius) -> tuple[TierPoints, ...]:
    """Return the single points of failure of each tier; without tiers: of all resources."""
    tiers = tier_counts(scan, ScanFiles(folder, scan.manifest))
    groups = {radius.graph.nodes[group]["examples"][0]: group for group in radius.groups}
    by_tier: dict[TierOf | None, dict[str, int]] = {
        tier: {groups[first]: count for first, count in counts.items()} for tier, counts in tiers.items()
    }
    return tuple(
        _tier_points(radius, *tier_and_counts)
        for tier_and_counts in (by_tier or {None: radius.counts()}).items()
    )


def _tier_points(radius: BlastRadius, tier: TierOf | None, counts: Mapping[str, int]) -> TierPoints:
    return TierPoints(
        tier=tier,
        resources=sum(counts.values()),
        protected=radius.protected(counts),
        points=radius.single_points(counts),
    )


def _report(
    manifest: Manifest,
    radius: BlastRadius,
    node: str | None,
    nodes: tuple[NodeLoss, ...],
    points: tuple[TierPoints, ...] = (),
) -> BlastRadiusReport:
    counts = radius.counts()
    return BlastRadiusReport(
        scan_id=manifest.scan_id,
        as_of=manifest.evaluated_as_of,
        resources=sum(counts.values()),
        protected=radius.protected(counts),
        node=node,
        nodes=nodes,
        single_points=points,
    )


def graph_file(folder: Path, form: str) -> bytes:
    """Return the protection graph in a format: `graphml`, `dot` or `json`. BundleError: as `graph_of`."""
    manifest = read_manifest(folder)
    provenance = Provenance(manifest.scan_id, manifest.evaluated_as_of)
    return graph_bytes(graph_of(folder, manifest), form, provenance)


def found_node(graph: Graph, name: str) -> str:
    """Return the node with this name. UsageError: there is none, or there are several."""
    # Terminals may pass half a character, which no index can contain.
    searched = name.strip().encode(errors="replace").decode()
    # Longer than any ARN: searching for similar names would only take time.
    if not searched or len(searched) > _LONGEST:
        raise UsageError("Name a key, vault, role, account or Region by its ARN, id, name or alias.")
    matches = nodes_called(graph, searched)
    if len(matches.nodes) == 1:
        return matches.nodes[0]
    shown = f"\u201c{clip(visible(searched), 200)}\u201d"
    if matches.nodes:
        kinds = (f"{graph.nodes[node]['kind']} {full_name(node)}" for node in matches.nodes[:_SHOWN])
        names = list(_lines(kinds))
        more = ["\n  ..."] if len(matches.nodes) > _SHOWN else []
        sentence = f"{shown} is ambiguous. Use an ARN or an id:"
        raise UsageError("".join((sentence, *names, *more)))
    sentence = f"The scan has no key, vault, role, account or Region called {shown}."
    if not matches.suggestions:
        raise UsageError(f"{sentence} Run audit blast-radius without a node to list the worst ones.")
    raise UsageError("".join((sentence, " Did you mean:", *_lines(matches.suggestions))))


def _lines(names: Iterable[str]) -> Iterator[str]:
    return (f"\n  {visible(name)}" for name in names)
