"""What the commands do that judge and report: no AWS client is loaded."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import typer
from rich.console import Console

from scanner.app import FINDINGS, reports
from scanner.app import judgement as app
from scanner.cli.destination import Destination, destination_of, fetched, published, shown_at, temporary
from scanner.cli.exits import code_of
from scanner.cli.former import former_scan
from scanner.cli.judgement import judgement_of, with_settings
from scanner.cli.logs import say
from scanner.cli.options import JudgementOptions, Target, formats_of, instant_of
from scanner.cli.requests import settings_of
from scanner.cli.streams import losing_output
from scanner.cli.summary import one_line, print_summary
from scanner.cli.unread import report_unread_accounts
from scanner.errors import UsageError
from scanner.evidence.manifest import NAME
from scanner.model.reading import LEFT_OUT
from scanner.model.scan import Scan
from scanner.report.redact import Pseudonyms, new_key
from scanner.report.write import CHECKSUMS, Written
from scanner.settings.settings import Settings
from scanner.storage.place import is_place


def evaluate(
    bundle: str, judged: JudgementOptions, target: Target, formats: str | None, *, quiet: bool
) -> int:
    """Judge a bundle, and report."""
    settings = settings_of(judged.config, judged.controls)
    judged = with_settings(judged, settings)
    judgement = judgement_of(settings, judged.controls, instant_of(judged.as_of))
    wanted = formats_of(formats, settings.outputs.formats)
    redaction = pseudonyms(target.redact_key or target.redact)
    goal = destination_of(target, Settings())
    if is_place(bundle) and target.out is None:
        raise UsageError("Specify the output with --out: a folder or s3://BUCKET/PREFIX.")
    with fetched(bundle, goal, whole=True) as source:
        folder = temporary() if goal.place else goal.folder or source
        with former_scan(target, settings, goal, folder) as since:
            outcome = app.evaluate(
                source, folder, judgement, wanted, jobs=judged.jobs, redaction=redaction, since=since
            )
        with published(goal, folder):
            return conclude(
                outcome,
                shown_at(goal, folder),
                judged,
                f"{goal.place or folder}",
                quiet=quiet,
                is_recorded=True,
            )


def report(scan: str, target: Target, formats: str | None, *, quiet: bool) -> int:
    """Write reports of a judged scan, and print where they are. Without --out they lie beside the scan."""
    wanted = formats_of(formats, ())
    redaction = pseudonyms(target.redact_key or target.redact)
    goal = destination_of(replace(target, out=target.out or (scan if is_place(scan) else None)), Settings())
    with fetched(scan, goal, whole=False) as source:
        folder = _reports_folder(goal, is_beside=goal.place is not None and target.out is None)
        with former_scan(target, Settings(), goal, source) as since:
            written = reports.report(source, wanted, folder, redaction, since)
        base = folder or source
        names = [each.path.relative_to(base).as_posix() for each in written]
        names += _beside(written, base)
        with published(goal, base, names, keep=base == source), losing_output():
            for each in written if not quiet else ():
                typer.echo(shown_at(goal, base)(each.path))
    return 0


def _reports_folder(goal: Destination, *, is_beside: bool) -> Path | None:
    """Give the folder for reports; None: that of the scan, or the one for redacted reports below it."""
    if goal.place is None:
        return goal.folder
    return None if is_beside else temporary()


def _beside(written: tuple[Written, ...], base: Path) -> set[str]:
    """Name what lies beside reports and belongs to them: checksums, and the findings of redacted ones."""
    folders = {each.path.parent for each in written}
    found = {folder / CHECKSUMS for folder in folders}
    found |= {folder / FINDINGS for folder in folders if not (folder / NAME).exists()}
    return {path.relative_to(base).as_posix() for path in found if path.exists()}


def _report_left_out(scan: Scan) -> None:
    """Print that controls need what the scan did not collect."""
    operations = sorted({gap.operation for gap in scan.gaps if gap.code == LEFT_OUT})
    if operations:
        say(
            f"note: The scan did not collect everything that these controls need ({', '.join(operations)}): "
            "what rests on it is unknown. Scan again with these controls, or with --collect all."
        )


def conclude(  # noqa: PLR0913 -- a scan, and how its result is printed
    outcome: app.Outcome,
    shown: Callable[[Path], str],
    judged: JudgementOptions,
    scan_place: str,
    *,
    quiet: bool,
    is_recorded: bool = False,
) -> int:
    """Print the summary and the accounts that could not be read, and return the exit code.

    `is_recorded`: the evidence was collected before. Its collection ended with 4 for these accounts and named
    them; here they are named unless `quiet`, and --require-complete asks for 4.
    """
    with losing_output():
        if quiet:
            typer.echo(f"{one_line(outcome.view)} {scan_place}")
        else:
            print_summary(outcome, shown, Console())
    scan = outcome.view.scan
    _report_left_out(scan)
    is_accepted, is_silent = judged.allow_partial or is_recorded, is_recorded and quiet
    unread = () if is_silent else report_unread_accounts(scan.manifest, scan.gaps, scan_place)
    return code_of(
        outcome.view,
        fail_on=judged.fail_on,
        require_complete=judged.require_complete,
        fail_on_unknown=judged.fail_on_unknown,
        has_unread_account=bool(unread) and not is_accepted,
    )


Key = Path | bool | None
"""`--redact-key`, else `--redact`."""


_MOST: Final = 4_096


def pseudonyms(key: Key) -> Pseudonyms | None:
    """Give pseudonyms of the key in a file, or (True) of a new one; None: nothing is redacted.

    Raises:
        UsageError: the file cannot be read, or holds too little or too much to be a key.
    """
    if key is None or key is False:
        return None
    if key is True:
        return Pseudonyms(new_key())
    try:
        with key.open("rb") as file:
            secret = file.read(_MOST + 1).strip()
    except OSError as problem:
        raise UsageError(f"{key} cannot be read: {problem.strerror or problem}.") from problem
    if len(secret) > _MOST:
        raise UsageError(f"{key} is not a key: it has more than {_MOST:,} bytes.")
    try:
        return Pseudonyms(secret)
    except ValueError as problem:
        raise UsageError(f"{key}: {problem}. Create one with: openssl rand -hex 32 > FILE") from problem
