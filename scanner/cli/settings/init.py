"""`audit init`: write a first audit.yaml, from a few questions, from options or from a scan."""

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from scanner.cli import options
from scanner.cli.exits import guarded
from scanner.model.finding import Severity

OutOption = Annotated[Path, typer.Option("--out", metavar="FILE", help="The file to write.")]
ScanOption = Annotated[
    Path | None,
    typer.Option(
        "--scan",
        metavar="SCAN_DIR",
        help="Take scope, unread accounts, and tags of owners and tiers from this scan.",
    ),
]
DirectoryOption = Annotated[
    str | None,
    typer.Option(
        "--directory", metavar="DIR", help="Where scans are written: a folder or s3://BUCKET/PREFIX."
    ),
]
FailOnOption = Annotated[
    Severity | None, typer.Option("--fail-on", help="The severity from which a scan exits with 10.")
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace an existing file.")]


def init(  # noqa: PLR0913 -- one option for each setting
    *,
    out: OutOption = Path("audit.yaml"),
    scan: ScanOption = None,
    org: options.Organization = False,
    account: options.Accounts = None,
    ou: options.Units = None,
    region: options.Regions = None,
    role_name: options.RoleName = None,
    external_id: options.ExternalId = None,
    controls: options.Controls = None,
    formats: options.Formats = None,
    directory: DirectoryOption = None,
    fail_on: FailOnOption = None,
    force: ForceOption = False,
) -> None:
    """Write a commented audit.yaml from a few questions, from options or from a scan.

    On a terminal and without options it asks; otherwise it writes what the options and the scan say. The
    other settings are in the file as comments.
    """
    actions = import_module("scanner.cli.settings.actions")
    chosen = actions.Chosen(
        org,
        tuple(account or ()),
        tuple(ou or ()),
        tuple(region or ()),
        role_name or "",
        external_id or "",
        tuple(controls or ()),
        formats or "",
        directory or "",
        fail_on.value if fail_on else "",
    )
    raise typer.Exit(guarded(lambda: actions.write_settings(out, scan, chosen, force=force)))
