"""Actions of the commands that call AWS: `audit collect`, `--dry-run`, and the collection of `audit run`."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from scanner.app import collection
from scanner.cli.console import echo
from scanner.cli.exits import INCOMPLETE, advising_to_resume, losing_output, resume_command
from scanner.cli.logs import say
from scanner.cli.options import JudgementOptions, ScopeOptions, Target, formats_of
from scanner.cli.progress import print_estimate, progress, report_unread_accounts, wide_console
from scanner.cli.scan.destination import Destination, destination_of, look_ahead, published
from scanner.cli.scan.requests import folder_of, settings_of
from scanner.collect.request import DEFAULT_ROLE, CollectRequest
from scanner.collect.resume import ResumeOptions
from scanner.errors import UsageError
from scanner.evidence.manifest import read_manifest
from scanner.model.control import ALL, BASELINE
from scanner.model.known import Gap
from scanner.model.manifest import CollectedReads, CollectMode, Excluded
from scanner.model.names import AccountId
from scanner.settings.settings import Settings


def goal_of(target: Target, settings: Settings, scope: ScopeOptions) -> tuple[Destination, Path]:
    """Return the destination of a scan and its folder, after checking that the destination is usable."""
    goal = destination_of(target, settings, scope.profile)
    # Before the first call: a scan of hours must not end at a bucket that cannot be written.
    look_ahead(goal)
    return goal, folder_of(goal, target, datetime.now(UTC))


def reads_for(
    settings: Settings,
    mode: CollectMode | None,
    controls: Sequence[str],
    formats: tuple[str, ...],
    default: str = ALL,
) -> CollectedReads | None:
    """Return what a scan collects for these values of --controls; None: everything.

    `default`: the controls that it will be judged against if none are named.
    """
    # Without --controls nothing is left out, and no control has to be loaded.
    if mode is CollectMode.ALL or (mode is None and not controls):
        return None
    from scanner.app.needs import reads_of  # noqa: PLC0415 -- collecting everything needs no controls
    from scanner.cli.scan.judgement import judgement_of  # noqa: PLC0415

    judgement = judgement_of(settings, list(controls) or None, None, default=default)
    return reads_of(mode, controls, judgement, formats)


def rehearse(
    scope: ScopeOptions, judged: JudgementOptions, target: Target, formats: str | None, *, quiet: bool
) -> int:
    """Print the calls that a scan would make, without writing anything."""
    if target.resume is not None:
        raise UsageError("--dry-run cannot be combined with --resume.")
    settings = settings_of(judged.config, judged.controls)
    wanted = formats_of(formats, settings.outputs.formats)
    words = judged.controls or settings.controls
    reads = reads_for(settings, scope.collect, words, wanted, default=BASELINE)
    with progress(quiet=quiet) as watcher:
        estimate = collection.rehearse(collect_request(settings, scope, reads), watcher)
    print_estimate(estimate, wide_console(), reads)
    return 0


def collect(scope: ScopeOptions, judged: JudgementOptions, target: Target, *, quiet: bool) -> int:
    """Collect a bundle, and print where it is and which accounts could not be read."""
    settings = settings_of(judged.config, judged.controls)
    reads = reads_for(settings, scope.collect, judged.controls or (), settings.outputs.formats)
    goal, folder = goal_of(target, settings, scope)
    words = judged.controls or ()
    # Around the collection only: later errors are not solved by resuming it.
    with advising_to_resume("collect", folder, words):
        refusals = gather(
            settings,
            scope,
            folder,
            None,
            is_new=target.resume is None,
            quiet=quiet,
            reads=reads,
            needs=reads,
            controls=words,
        )
    manifest = read_manifest(folder)
    # `keep` on resumption: the folder is the user's, not a temporary one.
    with published(goal, folder, keep=target.resume is not None), losing_output():
        echo(f"{goal.place or folder}")
    unread = report_unread_accounts(manifest, refusals, f"{goal.place or folder}")
    # The collection itself ended well, so its bundle is kept and printed, whatever the exit code.
    return INCOMPLETE if unread and not (judged.allow_partial or settings.allow_partial) else 0


def gather(  # noqa: PLR0913 -- one scan, new or not
    settings: Settings,
    scope: ScopeOptions,
    folder: Path,
    as_of: datetime | None,
    *,
    is_new: bool,
    quiet: bool,
    reads: CollectedReads | None = None,
    needs: CollectedReads | None = None,
    controls: Sequence[str] = (),
) -> tuple[Gap, ...]:
    """Collect what is missing, and return the refusals of accounts that could not be entered.

    `reads`: what a new scan collects; None: everything. A resumed one collects what its journal says.
    `needs`: what the selected controls and formats need; None: it is not compared with what a resumed scan
    collects. `controls`: the values of --controls.
    """
    request = collect_request(settings, scope, reads)
    if is_new:
        with progress(quiet=quiet) as watcher:
            # A context of its own: the bar has to stop before anything else is printed.
            collection.collect(request, folder, watcher, as_of)
    else:
        with progress(quiet=quiet) as watcher:
            has_read_more = collection.resume(
                resume_options(settings, scope, needs), request, folder, watcher, as_of
            )
        if not has_read_more and not quiet:
            say(f"{folder} already contains all evidence: no calls were made.")
    if collection.has_more(folder):
        say(
            "Credentials expired before everything was read; missing data is unknown. Log in again, "
            f"then run: {resume_command('run', folder, controls)}"
        )
    return watcher.tally.refusals()


def collect_request(
    settings: Settings, options: ScopeOptions, reads: CollectedReads | None = None
) -> CollectRequest:
    """Build the request of a collection. `reads`: what is collected; None: everything."""
    scope = settings.scope
    return CollectRequest(
        organization=options.organization or bool(scope.organization),
        accounts=tuple(options.accounts or scope.accounts),
        organizational_units=tuple(options.units or scope.organizational_units),
        regions=tuple(options.regions or scope.regions),
        excluded=_excluded(settings),
        role_name=options.role_name or scope.role_name or DEFAULT_ROLE,
        external_id=options.external_id or scope.external_id,
        session_name=scope.session_name or "vaultproof",
        duration_seconds=scope.session_seconds or 3600,
        profile=options.profile,
        concurrency=options.concurrency,
        reads=reads,
    )


def resume_options(
    settings: Settings, options: ScopeOptions, needs: CollectedReads | None = None
) -> ResumeOptions:
    """Return the options of a resumption, which must not contradict the scan's journal."""
    scope = settings.scope
    # None where nothing is said: the journal of the scan then decides.
    return ResumeOptions(
        organization=options.organization or scope.organization,
        accounts=tuple(options.accounts or scope.accounts) or None,
        organizational_units=tuple(options.units or scope.organizational_units) or None,
        regions=tuple(options.regions or scope.regions) or None,
        excluded=_excluded(settings) or None,
        role_name=options.role_name or scope.role_name,
        session_name=scope.session_name,
        duration_seconds=scope.session_seconds,
        needs=needs,
        collects_all=None if options.collect is None else options.collect is CollectMode.ALL,
    )


def _excluded(settings: Settings) -> tuple[Excluded, ...]:
    return tuple(Excluded(AccountId(entry.account), entry.reason) for entry in settings.scope.exclude)
