"""`audit notify SCAN_DIR`: send the notifications of an evaluated scan, or show them."""

from importlib import import_module
from typing import Annotated

import typer

from scanner.cli import options
from scanner.cli.exits import guarded
from scanner.model.finding import Severity

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
    actions = import_module("scanner.cli.notify_actions")  # loads the AWS client, which --help need not
    chosen = {"topic": topic, "severity": severity, "always": always or None, "event_bus": event_bus}
    wanted = actions.Wanted(
        config=config,
        chosen={name: value for name, value in chosen.items() if value is not None},
        security_hub=security_hub,
        since=since,
        before=tuple(before or ()),
        profile=profile,
        bucket_owner=bucket_owner,
    )
    if dry_run:
        raise typer.Exit(guarded(lambda: actions.rehearse(scan, wanted)))
    raise typer.Exit(guarded(lambda: actions.send(scan, wanted, quiet=quiet)))
