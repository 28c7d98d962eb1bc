"""`audit blast-radius SCAN_DIR [NODE]`, and `audit graph SCAN_DIR`: the protection graph and its losses."""

import io
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.markup import escape
from rich.table import Table

from scanner.app import protection as app
from scanner.cli import options
from scanner.cli.console import Console, plain_json
from scanner.cli.exits import guarded
from scanner.model.protection import BlastRadiusReport, LostGroup, NodeLoss, SinglePoint, TierPoints
from scanner.report.formats.blast_radius_json import blast_radius_json
from scanner.report.view.blast_radius import tier_words
from scanner.report.wording import one_line
from scanner.storage.files import write_atomically

_WIDTH: Final = 200
_POINTS: Final = 10  # single points of failure in a table
_GROUPS: Final = 40  # groups of resources in a table


class BlastRadiusFormat(StrEnum):
    """The output format."""

    TABLE = "table"
    JSON = "json"


class GraphFormat(StrEnum):
    """The output format of `audit graph`."""

    GRAPHML = "graphml"
    DOT = "dot"
    JSON = "json"


NodeArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="NODE",
        help="A key, vault, role, account or Region: its ARN, id, name or alias. Without it, the twenty "
        "worst are listed.",
        show_default=False,
    ),
]
FormatOption = Annotated[BlastRadiusFormat, typer.Option("--format", help="The output format.")]


def blast_radius(
    scan: options.EvaluatedScan,
    node: NodeArgument = None,
    *,
    format_: FormatOption = BlastRadiusFormat.TABLE,
    out: options.OutFile = None,
) -> None:
    """Show what loses its last backup when a key, vault, role, account or Region is gone.

    What may be lost, because something was not read, is counted as unknown: never as safe, never as lost.
    """
    raise typer.Exit(guarded(lambda: show_blast_radius(scan, node, format_.value, out)))


def show_blast_radius(scan: Path, node: str | None, form: str, out: Path | None) -> int:
    """Write what is lost with a node, or with the worst ones."""
    report = app.blast_radius(scan, node)
    text = plain_json(blast_radius_json(report).decode()) if form == "json" else _text(report)
    write_text(text.encode(), out)
    return 0


def graph(
    scan: options.EvaluatedScan,
    *,
    format_: Annotated[
        GraphFormat, typer.Option("--format", help="The output format.")
    ] = GraphFormat.GRAPHML,
    out: options.OutFile = None,
) -> None:
    """Write the protection graph: what each backup rests on, and the state of each relation.

    Resources that are protected alike are one node with their number. Each edge is effective, broken (with
    the reason) or unknown (with the missing read).
    """
    raise typer.Exit(guarded(lambda: write_graph(scan, format_.value, out)))


def write_graph(scan: Path, form: str, out: Path | None) -> int:
    """Write the protection graph of a scan in a format."""
    write_text(app.graph_file(scan, form), out)
    return 0


def write_text(content: bytes, out: Path | None) -> None:
    """Write UTF-8 to a file, or to standard output in what encoding that has."""
    if out is not None:
        write_atomically(out, content)
        return
    # A terminal may not be UTF-8: characters that it lacks are escaped, where print would raise an error.
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(content.decode().encode(encoding, "backslashreplace").decode(encoding))


def _text(report: BlastRadiusReport) -> str:
    """Return the tables as text: the nodes, and the resources of one or the single points of failure."""
    text = io.StringIO()
    # Rendered into a text first, as a console would wrap the table at the width of the terminal.
    console = Console(file=text, width=_WIDTH, highlight=False)
    console.print(f"{report.protected:,} of {report.resources:,} resources have a usable recovery point.\n")
    console.print(_node_table(report.nodes))
    if report.node is None:
        for tier in report.single_points:
            if tier.points:
                console.print(f"\n{escape(_heading(tier))}\n")
                console.print(_point_table(tier.points[:_POINTS]))
    else:
        for lost in report.nodes:
            _print_groups(console, lost)
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def _heading(tier: TierPoints) -> str:
    protected = f"{tier.protected:,} of {tier.resources:,} resources have a usable recovery point."
    needed = "all existing backups of a resource need them"
    return f"Single points of failure: {needed}. {one_line(tier_words(tier.tier))}: {protected}"


def _node_table(nodes: tuple[NodeLoss, ...]) -> Table:
    table = _table("Kind", "Name", "Account", "Region")
    for heading in ("Lost", "Unknown", "Future lost", "Future unknown"):
        table.add_column(heading, justify="right")
    for node in nodes:
        losses = (node.existing.lost, node.existing.unknown, node.future.lost, node.future.unknown)
        table.add_row(*_described(node), *(f"{count:,}" for count in losses))
    return table


def _point_table(points: tuple[SinglePoint, ...]) -> Table:
    table = _table("Kind", "Name", "Account", "Region")
    for heading in ("Resources", "Unknown"):
        table.add_column(heading, justify="right")
    for point in points:
        table.add_row(*_described(point), f"{point.resources:,}", f"{point.unknown:,}")
    return table


def _table(*headings: str) -> Table:

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _described(node: NodeLoss | SinglePoint) -> tuple[str, ...]:

    # An account or a Region would only repeat its own name in the other columns.
    where = ("" if node.kind == "account" else node.account, "" if node.kind == "region" else node.region)
    name = (
        f"{node.name} ({node.account})" if node.kind == "account" and node.name != node.account else node.name
    )
    # Names of AWS resources may contain brackets, which rich would take for markup.
    return tuple(escape(one_line(text)) for text in (node.kind, name, *where))


def _print_groups(console: Console, node: NodeLoss) -> None:
    """List the resources that are hit, those that lose their last recovery point first."""
    for heading, loss in (("existing backups", node.existing), ("future backups", node.future)):
        for word, groups in (("Lost", loss.lost_groups), ("Unknown", loss.unknown_groups)):
            if groups:
                console.print(f"\n{word}: {heading}\n")
                console.print(_group_table(groups))


def _group_table(groups: tuple[LostGroup, ...]) -> Table:

    table = _table("Type", "Account", "Region")
    table.add_column("Count", justify="right")
    table.add_column("Resources", overflow="fold")
    # Groups with most resources first; equal numbers stay in the order of the graph.
    ranked = sorted(groups, key=lambda group: -group.count)
    for group in ranked[:_GROUPS]:
        more = f" and {group.count - len(group.examples):,} more" if group.count > len(group.examples) else ""
        cells = (group.resource_type, group.account, group.region, f"{group.count:,}")
        table.add_row(*map(escape, cells), escape(one_line(", ".join(group.examples)) + more))
    if left := sum(group.count for group in ranked[_GROUPS:]):
        table.add_row("", "", "", f"{left:,}", "in further groups; --format json lists them")
    return table
