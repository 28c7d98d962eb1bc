"""`audit explain SCAN_DIR ARN`: the chain that protects one subject, or fails to."""

from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from scanner.cli.exits import guarded
from scanner.cli.options import Redact, RedactKey


class ExplainFormat(StrEnum):
    """The output format."""

    TREE = "tree"
    JSON = "json"
    SVG = "svg"


ScanArgument = Annotated[Path, typer.Argument(metavar="SCAN_DIR", help="The folder of an evaluated scan.")]
SubjectArgument = Annotated[
    str,
    typer.Argument(
        metavar="ARN",
        help="A resource, vault, plan, rule, selection, copy action or recovery point: its ARN, its name in "
        "findings, or a unique name or id.",
    ),
]
FormatOption = Annotated[ExplainFormat, typer.Option("--format", help="The output format.")]
OutOption = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="The file to write to \\[standard output].")
]
EvidenceOption = Annotated[
    bool, typer.Option("--show-evidence", help="Also print the recorded answers, shortened.")
]
BundleOption = Annotated[
    Path | None,
    typer.Option("--bundle", metavar="DIR", help="The bundle that contains the evidence [SCAN_DIR]."),
]


def explain(  # noqa: PLR0913 -- the options of the contract
    scan: ScanArgument,
    arn: SubjectArgument,
    *,
    format_: FormatOption = ExplainFormat.TREE,
    out: OutOption = None,
    show_evidence: EvidenceOption = False,
    bundle: BundleOption = None,
    redact: Redact = False,
    redact_key: RedactKey = None,
) -> None:
    """Show why something is protected or not: each link with its result, reason and evidence."""
    actions = import_module("scanner.cli.explain_actions")  # loads Arrow, which --help need not
    shown = bundle or scan if show_evidence else None
    key = redact_key or redact
    raise typer.Exit(guarded(lambda: actions.explain(scan, arn, format_.value, out, shown, key)))
