"""Actions of `audit evaluate` and `audit report`, and the summary at the end. No AWS client is loaded."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from scanner.app import FINDINGS, reports
from scanner.app import judgement as app
from scanner.app.criteria import Judgement
from scanner.app.inputs import stored_inputs
from scanner.cli.console import Console, echo
from scanner.cli.exits import code_of, losing_output
from scanner.cli.logs import say
from scanner.cli.options import JudgementOptions, Target, formats_of, instant_of
from scanner.cli.progress import report_unread_accounts
from scanner.cli.scan.destination import (
    Destination,
    destination_of,
    fetched,
    published,
    shown_at,
    temporary,
)
from scanner.cli.scan.judgement import judgement_of, with_details, with_settings
from scanner.cli.scan.replacement import output_of
from scanner.cli.scan.requests import settings_of
from scanner.cli.scan.series import former_scan
from scanner.cli.scan.summary import one_line, print_summary
from scanner.cli.sign import signer_of, signing_error, with_signing_settings
from scanner.errors import BundleError, OutputError, UsageError
from scanner.evidence.bundle import Bundle
from scanner.evidence.contradictions import contradictions
from scanner.evidence.manifest import NAME, read_manifest
from scanner.evidence.report_checksums import NAME as CHECKSUMS
from scanner.evidence.verification import CheckResult
from scanner.model.known import LEFT_OUT
from scanner.model.report_details import ReportDetails
from scanner.model.scan import Scan
from scanner.report.redact import Pseudonyms, new_key
from scanner.report.write import Written
from scanner.settings.settings import Settings
from scanner.storage.place import is_place


def evaluate(
    bundle: str, judged: JudgementOptions, target: Target, formats: str | None, *, quiet: bool
) -> int:
    """Evaluate a bundle and write reports."""
    has_inputs = judged.config is not None or bool(judged.controls)
    settings = with_details(settings_of(judged.config, judged.controls), target.details)
    judged = with_settings(judged, settings)
    as_of = instant_of(judged.as_of)
    # Mistakes are reported before a bundle is downloaded.
    judgement = judgement_of(settings, judged.controls, as_of) if has_inputs else None
    wanted = formats_of(formats, settings.outputs.formats)
    redaction = pseudonyms(target.redact_key or target.redact)
    # `Settings()`: the output of an old bundle must not go where today's audit.yaml sends scans.
    goal = destination_of(target, Settings(), source=bundle)
    # Writing into a bundle in S3 would need the user's decision, so the place has to be named.
    if is_place(bundle) and target.out is None:
        raise UsageError("Specify the output with --out: a folder or s3://BUCKET/PREFIX.")
    with fetched(bundle, goal, whole=True) as source:
        output = output_of(bundle, source, goal, force=target.force)
        folder = output.folder
        if judgement is None:
            judgement = _stored_judgement(source, as_of, target.details, quiet=quiet)
        elif not quiet and read_manifest(source).inputs.config:
            say("note: Using --config and --controls as given, not the inputs of the bundle.")
        manifest = read_manifest(source)
        own = replace(manifest, evaluated_as_of=judgement.clock(manifest))
        with former_scan(target, settings, goal, folder, own) as since:
            # From --config only: what a bundle stores must not name the key, or a host to call.
            signing = with_signing_settings(target.signing, settings_of(judged.config))
            signer = signer_of(signing, goal, None, None if since is None else since.folder)
            outcome = app.evaluate(
                source,
                folder,
                replace(judgement, fail_on_unknown=judged.fail_on_unknown),
                wanted,
                jobs=judged.jobs,
                redaction=redaction,
                since=since,
                signer=signer,
                check=partial(_check_consistency, judged),
            )
        with published(goal, folder, output.names(), replacement=output.replacement):
            return conclude(
                outcome,
                shown_at(goal, folder),
                judged,
                f"{goal.place or folder}",
                quiet=quiet,
                is_recorded=True,
            )


def _check_consistency(judged: JudgementOptions, bundle: Bundle) -> None:
    """Check that manifest and evidence agree. BundleError: they do not, without --allow-inconsistent."""
    checks = contradictions(bundle, as_of_is_given=judged.as_of is not None)
    details = [check.detail for check in checks if check.result is CheckResult.FAILED]
    if details and not judged.allow_inconsistent:
        raise BundleError(
            f"The manifest contradicts the evidence. {' '.join(details)} "
            "Restore the bundle from a copy, or evaluate it as it is with --allow-inconsistent."
        )
    for detail in details:
        say(f"warning: The manifest contradicts the evidence. {detail}")


def _stored_judgement(
    bundle: Path, as_of: datetime | None, details: ReportDetails, *, quiet: bool
) -> Judgement:
    """Return the judgement by the inputs that a bundle stores; without any, by the default settings."""
    manifest = read_manifest(bundle)
    inputs = stored_inputs(bundle, manifest)
    if inputs is None:
        if not quiet:
            say("note: The bundle stores no inputs: using the default settings and all packaged controls.")
        return judgement_of(with_details(Settings(), details), None, as_of)
    if not quiet:
        say(f"note: Using the inputs of the bundle, {inputs.file}: {inputs.sentence}.")
    judgement = judgement_of(with_details(inputs.settings, details), list(inputs.words), as_of)
    # Other packaged controls may judge differently, which explains differences between two evaluations.
    if judgement.inputs.controls_sha256 != manifest.inputs.controls_sha256:
        say(
            "note: The bundle was evaluated with other packaged controls, those of version "
            f"{manifest.inputs.controls_version}: results may differ."
        )
    return judgement


def report(
    scan: str, target: Target, formats: str | None, *, fail_on_unknown: bool = False, quiet: bool
) -> int:
    """Write reports of an evaluated scan, and print their paths. Without --out, they go into its folder."""
    wanted = formats_of(formats, ())
    redaction = pseudonyms(target.redact_key or target.redact)
    # Reports of a scan in S3 go back there, unless a folder is named.
    out = target.out or (scan if is_place(scan) else None)
    goal = destination_of(replace(target, out=out), Settings(), source=scan)
    with fetched(scan, goal, whole=False) as source:
        folder = _reports_folder(goal, in_scan=goal.place is not None and target.out is None)
        with former_scan(target, Settings(), goal, source, read_manifest(source)) as since:
            written = reports.report(
                source,
                wanted,
                folder,
                redaction,
                since,
                fail_on_unknown=fail_on_unknown,
                details=target.details,
            )
        base = folder or source
        names = [report_file.path.relative_to(base).as_posix() for report_file in written]
        # The checksums change with the reports, so they are uploaded together.
        names += _attachments(written, base, in_scan=base == source)
        with published(goal, base, names, keep=base == source), losing_output():
            for report_file in written if not quiet else ():
                echo(shown_at(goal, base)(report_file.path))
    return 0


def _reports_folder(goal: Destination, *, in_scan: bool) -> Path | None:
    """Return the folder for reports; None: that of the scan, or `redacted` below it."""
    if goal.place is None:
        return goal.folder
    return None if in_scan else temporary()


def _attachments(written: tuple[Written, ...], base: Path, *, in_scan: bool) -> set[str]:
    """Return the names of the files that belong to reports: checksums, and the findings of redacted ones.

    `in_scan`: the manifest of the scan, too, which names the checksums.
    """
    folders = {report_file.path.parent for report_file in written}
    paths = {folder / CHECKSUMS for folder in folders}
    # Redacted reports come with redacted findings; those of the scan itself are there already.
    paths |= {folder / FINDINGS for folder in folders if not (folder / NAME).exists()}
    paths |= {base / NAME} if in_scan else set()
    return {path.relative_to(base).as_posix() for path in paths if path.exists()}


def _report_left_out(scan: Scan) -> None:
    """Print a note if controls need data that the scan did not collect."""
    operations = sorted({gap.operation for gap in scan.gaps if gap.code == LEFT_OUT})
    if operations:
        say(
            f"note: The scan did not collect everything that these controls need ({', '.join(operations)}): "
            "checks that need it are unknown. Scan again with these controls, or with --collect all."
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

    `is_recorded`: the evidence was collected before. The collection exited with 4 for these accounts; here
    they are only printed unless `quiet`, and the exit code is 4 only with --require-complete.
    """
    # A lost standard output must not change the exit code of a scan that is complete.
    with losing_output():
        if quiet:
            echo(f"{one_line(outcome.view)} {scan_place}")
        else:
            print_summary(outcome, shown, Console(), scan_place)
    scan = outcome.view.scan
    _report_left_out(scan)
    if outcome.signing_problem is not None:
        say(signing_error(outcome.signing_problem))
    is_accepted, is_silent = judged.allow_partial or is_recorded, is_recorded and quiet
    unread = () if is_silent else report_unread_accounts(scan.manifest, scan.gaps, scan_place)
    code = code_of(
        outcome.view,
        fail_on=judged.fail_on,
        require_complete=judged.require_complete,
        fail_on_unknown=judged.fail_on_unknown,
        has_unread_account=bool(unread) and not is_accepted,
    )
    # A failed signature last: the codes of findings matter more.
    return code or (0 if outcome.signing_problem is None else OutputError.exit_code)


Key = Path | bool | None
"""The value of `--redact-key`, or else of `--redact`."""
_MOST: Final = 4_096


def pseudonyms(key: Key) -> Pseudonyms | None:
    """Return pseudonyms with the key in a file, or (True) with a new key; None: no redaction.

    Raises:
        UsageError: the file cannot be read, or is too short or too long for a key.
    """
    # `is True`: the value may also be a path.
    if key is None or key is False:
        return None
    if key is True:
        return Pseudonyms(new_key())
    try:
        with key.open("rb") as file:
            # Stripped: editors add a line break, which must not change all pseudonyms.
            secret = file.read(_MOST + 1).strip()
    except OSError as problem:
        raise UsageError(f"{key} cannot be read: {problem.strerror or problem}.") from problem
    if len(secret) > _MOST:
        raise UsageError(f"{key} is not a key: it has more than {_MOST:,} bytes.")
    try:
        return Pseudonyms(secret)
    except ValueError as problem:
        raise UsageError(f"{key}: {problem}. Create one with: openssl rand -hex 32 > FILE") from problem
