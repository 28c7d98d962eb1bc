"""Actions of `audit run`: collect, evaluate, report, then notify."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from scanner.app import judgement as app
from scanner.app.needs import needed_reads, reads_of
from scanner.app.notification import Notice, record_first_seen, targets_of
from scanner.cli.collect_actions import gather, goal_of
from scanner.cli.exits import advising_to_resume
from scanner.cli.judge_actions import conclude, pseudonyms
from scanner.cli.logs import say
from scanner.cli.notify import conclude as conclude_notifications
from scanner.cli.options import JudgementOptions, ScopeOptions, Target, formats_of, instant_of
from scanner.cli.scan.destination import published, shown_at
from scanner.cli.scan.judgement import judgement_of, with_details, with_settings
from scanner.cli.scan.requests import settings_of
from scanner.cli.scan.series import former_scan
from scanner.cli.sign import signer_of, with_signing_settings
from scanner.errors import VaultproofError
from scanner.history.comparison import Since
from scanner.model.control import BASELINE
from scanner.notify.sending import Sender
from scanner.report.view.view import View


def run(
    scope: ScopeOptions, judged: JudgementOptions, target: Target, formats: str | None, *, quiet: bool
) -> int:
    """Collect, evaluate and report. Usage errors are reported before the first call to AWS."""
    settings = with_details(settings_of(judged.config, judged.controls), target.details)
    judged = with_settings(judged, settings)
    judgement = judgement_of(settings, judged.controls, instant_of(judged.as_of), default=BASELINE)
    wanted = formats_of(formats, settings.outputs.formats)
    reads = reads_of(scope.collect, judged.controls or settings.controls, judgement, wanted)
    # Keys, folders and targets as well: nothing may be wrong once AWS is called.
    redaction = pseudonyms(target.redact_key or target.redact)
    goal, folder = goal_of(target, settings, scope)
    targets = targets_of(settings, os.environ)
    with former_scan(target, settings, goal, folder) as since:
        # A resumed scan may have the folder of the earlier one.
        if since is not None:
            since.check_is_not(folder)
        signing = with_signing_settings(target.signing, settings)
        signer = signer_of(signing, goal, scope.profile, None if since is None else since.folder)
        with advising_to_resume("run", folder, judged.controls or ()):
            gather(
                settings,
                scope,
                folder,
                judgement.as_of,
                is_new=target.resume is None,
                quiet=quiet,
                reads=reads,
                # A resumed scan collects what its journal says, which may be less than these controls need.
                needs=needed_reads(judgement, wanted) if target.resume is not None else None,
                controls=judged.controls or (),
            )
            outcome = app.evaluate(
                folder,
                folder,
                replace(judgement, fail_on_unknown=judged.fail_on_unknown),
                wanted,
                jobs=judged.jobs,
                redaction=redaction,
                since=since,
                # Security Hub shows since when a finding is open (FirstObservedAt).
                before_manifest=_first_seen_writer(folder, since) if targets.security_hub else None,
                signer=signer,
            )
        keep = target.resume is not None
        # Kept until the notifications are sent, which read the findings from it.
        with published(goal, folder, keep=keep or bool(targets)):
            code = conclude(outcome, shown_at(goal, folder), judged, f"{goal.place or folder}", quiet=quiet)
        if targets:
            notice = Notice(outcome.view, folder, str(goal.place or folder.resolve()), targets, since)
            deliveries = notice.send(Sender(scope.profile, targets.security_hub))
            of_notifications = conclude_notifications(deliveries, quiet=quiet)
            # Findings matter more than a notification that failed.
            code = code or of_notifications
            if goal.place is not None and not keep:
                shutil.rmtree(folder, ignore_errors=True)
    return code


def _first_seen_writer(folder: Path, since: Since | None) -> Callable[[View], None]:
    """Return a function that records since when findings are open; an error does not fail the scan."""

    def write(view: View) -> None:
        try:
            record_first_seen(folder, view, since)
        except VaultproofError as problem:
            say(f"warning: since when findings are open is not recorded: {problem}")

    return write
