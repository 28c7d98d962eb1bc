"""`audit notify SCAN_DIR`: send the notifications of an evaluated scan, or show them."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer

from scanner.app.notification import Notice, failures, notice_of, targets_of
from scanner.cli import options
from scanner.cli.console import echo_json
from scanner.cli.exits import guarded
from scanner.cli.logs import say
from scanner.cli.options import Target
from scanner.cli.scan.destination import Destination, fetched
from scanner.cli.scan.requests import settings_of
from scanner.cli.scan.series import former_scan
from scanner.errors import OutputError, UsageError
from scanner.model.finding import Severity
from scanner.model.notification import Delivery, DeliveryStatus, SecurityHubTarget, Targets
from scanner.notify.sending import Sender
from scanner.settings.settings import Settings
from scanner.storage.place import is_place, place_of

TARGETS = "Targets"

TopicOption = Annotated[
    str | None,
    typer.Option("--topic", metavar="ARN", help="The SNS topic for what is new.", rich_help_panel=TARGETS),
]

SeverityOption = Annotated[
    Severity | None,
    typer.Option(
        "--severity",
        help="Send to the topic what is new with this severity or higher \\[high].",
        rich_help_panel=TARGETS,
    ),
]

AlwaysOption = Annotated[
    bool,
    typer.Option("--always", help="Send to the topic even if nothing is new.", rich_help_panel=TARGETS),
]

EventBusOption = Annotated[
    str | None,
    typer.Option(
        "--event-bus",
        metavar="NAME",
        help="The EventBridge event bus: a name or ARN.",
        rich_help_panel=TARGETS,
    ),
]

SecurityHubOption = Annotated[
    bool,
    typer.Option("--security-hub", help="Import the findings into Security Hub.", rich_help_panel=TARGETS),
]

DryRunOption = Annotated[
    bool,
    typer.Option("--dry-run", help="Print every request as a line of JSON, and send nothing."),
]

SHOWN: Final = 10
"""Failures that are printed individually."""


def notify(  # noqa: PLR0913 -- the options of the contract
    scan: options.ScanDir,
    *,
    topic: TopicOption = None,
    severity: SeverityOption = None,
    always: AlwaysOption = False,
    event_bus: EventBusOption = None,
    security_hub: SecurityHubOption = False,
    config: options.Config = None,
    since: options.Since = None,
    before: options.Before = None,
    profile: options.Profile = None,
    bucket_owner: options.BucketOwner = None,
    dry_run: DryRunOption = False,
    quiet: options.Quiet = False,
) -> None:
    """Send the notifications of an evaluated scan: EventBridge event, SNS message, Security Hub findings."""
    # None: the option was not given, so the value of audit.yaml stays.
    chosen = {"topic": topic, "severity": severity, "always": always or None, "event_bus": event_bus}
    wanted = Wanted(
        config=config,
        chosen={name: value for name, value in chosen.items() if value is not None},
        security_hub=security_hub,
        since=tuple(since or ()),
        before=tuple(before or ()),
        profile=profile,
        bucket_owner=bucket_owner,
    )
    if dry_run:
        raise typer.Exit(guarded(lambda: rehearse(scan, wanted)))
    raise typer.Exit(guarded(lambda: send(scan, wanted, quiet=quiet)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The options of `audit notify`. `chosen`: target fields that replace those of audit.yaml."""

    config: Path | None
    chosen: Mapping[str, Any]
    security_hub: bool
    since: tuple[str, ...]
    before: tuple[Path, ...]
    profile: str | None
    bucket_owner: str | None

    def targets(self) -> Targets:
        """Return the targets. UsageError: there are none."""
        # Options replace single fields; the other targets of audit.yaml stay.
        targets = replace(targets_of(settings_of(self.config), os.environ), **self.chosen)
        if self.security_hub and targets.security_hub is None:
            targets = replace(targets, security_hub=SecurityHubTarget())
        if not targets:
            raise UsageError(
                "No target: use --topic, --event-bus, --security-hub, or the section `notify` of audit.yaml."
            )
        return targets


def send(scan: str, wanted: Wanted, *, quiet: bool) -> int:
    """Send the notifications of a scan."""
    with _notice(scan, wanted) as notice:
        hub = notice.targets.security_hub
        return conclude(notice.send(Sender(wanted.profile, hub)), quiet=quiet)


def rehearse(scan: str, wanted: Wanted) -> int:
    """Print the requests that would be made, one per line."""
    with _notice(scan, wanted) as notice:
        for planned in notice.calls():
            if isinstance(planned, Delivery):
                say(_line(planned))
            else:
                echo_json(orjson.dumps(planned.document()).decode())
    return 0


@contextmanager
def _notice(scan: str, wanted: Wanted) -> Iterator[Notice]:
    targets = wanted.targets()
    goal = Destination(
        folder=None,
        place=place_of(scan) if is_place(scan) else None,
        bucket_owner=wanted.bucket_owner or "",
        profile=wanted.profile,
    )
    # The comparison takes its options from the command line alone.
    former = Target(out=None, since=wanted.since, before=wanted.before)
    with fetched(scan, goal, whole=False) as folder, former_scan(former, Settings(), goal, folder) as since:
        # An absolute path, since recipients do not know this program's working directory.
        yield notice_of(folder, str(goal.place or folder.resolve()), targets, since)


def conclude(deliveries: tuple[Delivery, ...], *, quiet: bool) -> int:
    """Print the results of notifications, failures on stderr, and return the exit code."""
    failed = failures(deliveries)
    # Results go to stderr, failures even with --quiet.
    for delivery in deliveries if not quiet else ():
        if delivery.status is not DeliveryStatus.FAILED:
            say(_line(delivery))
    for delivery in failed[:SHOWN]:
        say(f"error: {_line(delivery)} The findings are unchanged; send again with: audit notify SCAN_DIR")
    if len(failed) > SHOWN:
        say(f"error: {len(failed) - SHOWN:,} more notifications failed.")
    return OutputError.exit_code if failed else 0


def _line(delivery: Delivery) -> str:
    return f"{delivery.target}: {delivery.text}."
