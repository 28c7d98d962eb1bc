"""`audit what-if SCAN --change FILE`: what a planned change would do to the findings of a scan."""

import json
from pathlib import Path
from typing import Annotated, Final

import typer

from scanner.app.what_if import what_if as judge_changes
from scanner.cli import options
from scanner.cli.console import echo, echo_json, echo_lines
from scanner.cli.exits import FINDINGS, INCOMPLETE, guarded
from scanner.cli.progress import wide_console
from scanner.cli.scan.destination import Destination, fetched
from scanner.cli.scan.judgement import judgement_of
from scanner.cli.scan.newest import newest_scan
from scanner.cli.scan.requests import settings_of
from scanner.cli.what_if_table import print_what_if
from scanner.errors import UsageError
from scanner.model.finding import Severity
from scanner.model.planning.what_if import WhatIf
from scanner.report.formats.what_if.document import what_if_document
from scanner.report.formats.what_if.markdown import what_if_markdown
from scanner.report.formats.what_if.sarif import what_if_sarif
from scanner.storage.files import write_atomically
from scanner.what_if.changes import Defaults
from scanner.what_if.read import read_changes

FORMATS: Final = ("table", "json", "markdown", "sarif")
_FILES: Final = {"json": "what-if.json", "markdown": "what-if.md", "sarif": "what-if.sarif"}
"""The names of the files of --out."""

ScanArgument = Annotated[
    str,
    typer.Argument(
        metavar="SCAN",
        help="A scan with its evidence, or what contains scans (the newest): a folder or s3://BUCKET/PREFIX.",
    ),
]
ChangeOption = Annotated[
    list[Path],
    typer.Option(
        "--change",
        metavar="FILE",
        help="A plan (terraform show -json), a CloudFormation template, or JSON of AWS Backup (repeatable).",
    ),
]
AccountOption = Annotated[
    str | None,
    typer.Option("--account", metavar="ID", help="The account of changes whose file does not say it."),
]
RegionOption = Annotated[
    str | None,
    typer.Option("--region", metavar="NAME", help="The Region of changes whose file does not say it."),
]
ParameterOption = Annotated[
    list[str] | None,
    typer.Option(
        "--parameter", metavar="NAME=VALUE", help="The value of a template's parameter (repeatable)."
    ),
]
FormatOption = Annotated[
    str,
    typer.Option("--format", metavar="LIST", help=f"Of {','.join(FORMATS)}; several need --out."),
]
OutOption = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Write the formats into this folder: what-if.md and others."),
]
FailOnOption = Annotated[
    Severity | None,
    typer.Option("--fail-on", help="Exit 10 if the change brings a failure of this severity or higher."),
]
PartialOption = Annotated[
    bool,
    typer.Option("--allow-partial", help="Do not exit 4 if a change could not be judged."),
]


def what_if(  # noqa: PLR0913 -- the options of the contract
    scan: ScanArgument,
    *,
    change: ChangeOption,
    account: AccountOption = None,
    region: RegionOption = None,
    parameter: ParameterOption = None,
    format_: FormatOption = "table",
    out: OutOption = None,
    controls: options.EvaluatedControls = None,
    config: options.Config = None,
    fail_on: FailOnOption = None,
    allow_partial: PartialOption = False,
    jobs: options.Jobs = None,
    profile: options.Profile = None,
    bucket_owner: options.BucketOwner = None,
) -> None:
    """Judge a planned change before it is applied: new, fixed, newly unknown and removed findings.

    Nothing is changed in AWS or in the scan. A value that is known only after apply is unknown. Old failures
    never change the exit code. Without --config and --controls, the settings and controls of the scan apply.
    """
    source = Destination(folder=None, bucket_owner=bucket_owner or "", profile=profile)

    def judged() -> int:
        formats = formats_of(format_, out)
        defaults = Defaults(account or "", region or "", parameters_of(parameter or []))
        # Mistakes of the change are reported before the scan is read.
        changes = read_changes(change, defaults)
        settings = settings_of(config, controls)
        judgement = judgement_of(settings, controls, None) if config or controls else None
        with fetched(newest_scan(scan, source), source, whole=True) as folder:
            result = judge_changes(folder, changes, jobs=jobs, judgement=judgement)
        show_what_if(result, formats, out)
        return code_of(
            result, fail_on or settings.fail_on, allow_partial=allow_partial or settings.allow_partial
        )

    raise typer.Exit(guarded(judged))


def formats_of(text: str, out: Path | None) -> tuple[str, ...]:
    """Parse --format. UsageError: a format is unknown, or there are several and no folder to write to."""
    formats = tuple(dict.fromkeys(word.strip().lower() for word in text.split(",") if word.strip()))
    if not formats or not set(formats) <= {*FORMATS}:
        raise UsageError(f"--format {text[:80]}: choose from {', '.join(FORMATS)}, separated by commas.")
    if out is None and len(formats) > 1:
        raise UsageError(f"--format {text[:80]}: several formats need --out DIR.")
    return formats


def show_what_if(result: WhatIf, formats: tuple[str, ...], out: Path | None) -> None:
    """Print the result, or write it into a folder: the table is always printed."""
    for form in formats:
        # A table is for the terminal, whatever is written.
        if form == "table":
            print_what_if(result, wide_console())
        elif out is None:
            (echo_json if form in {"json", "sarif"} else echo_lines)(_text_of(result, form))
        else:
            path = out / _FILES[form]
            write_atomically(path, [f"{_text_of(result, form)}\n".encode()])
            echo(str(path))


def _text_of(result: WhatIf, form: str) -> str:
    if form == "markdown":
        return what_if_markdown(result).rstrip("\n")
    document = what_if_document(result) if form == "json" else what_if_sarif(result)
    return json.dumps(document, indent=2, ensure_ascii=False)


def parameters_of(pairs: list[str]) -> dict[str, str]:
    """Parse the values of --parameter. UsageError: one has no `=`."""
    for pair in pairs:
        if "=" not in pair:
            raise UsageError(f"--parameter {pair[:80]}: write NAME=VALUE.")
    # Split once: values may contain `=`.
    return dict(pair.split("=", 1) for pair in pairs)


def code_of(result: WhatIf, fail_on: Severity | None, *, allow_partial: bool) -> int:
    """Return 10 for new failures at or above `fail_on`, else 4 if a change could not be judged, else 0."""
    # New failures first: they are certain, while what was not judged may be harmless.
    if fail_on is not None and result.has_new_at(fail_on):
        return FINDINGS
    return INCOMPLETE if result.not_judged and not allow_partial else 0
