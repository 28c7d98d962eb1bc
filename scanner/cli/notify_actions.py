"""What `audit notify` does, and how `audit run` tells what became of notifications."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import orjson
import typer

from scanner.app.notification import Notice, failures, notice_of, targets_of
from scanner.cli.destination import Destination, fetched
from scanner.cli.former import former_scan
from scanner.cli.logs import say
from scanner.cli.options import Target
from scanner.cli.requests import settings_of
from scanner.errors import OutputError, UsageError
from scanner.model.notification import Delivery, DeliveryStatus, SecurityHubTarget, Targets
from scanner.notify.sending import Sender
from scanner.settings.settings import Settings
from scanner.storage.place import is_place, place_of

SHOWN: Final = 10
"""Failures that are printed one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The options of `audit notify`. `chosen`: fields of the targets that replace those of audit.yaml."""

    config: Path | None
    chosen: Mapping[str, Any]
    security_hub: bool
    since: str | None
    before: tuple[Path, ...]
    profile: str | None
    bucket_owner: str | None

    def targets(self) -> Targets:
        """Return the targets. UsageError: there is none."""
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
    """Print the requests that would be made, one a line."""
    with _notice(scan, wanted) as notice:
        for planned in notice.calls():
            if isinstance(planned, Delivery):
                say(_line(planned))
            else:
                typer.echo(orjson.dumps(planned.document()).decode())
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
    former = Target(out=None, since=wanted.since, before=wanted.before)
    with fetched(scan, goal, whole=False) as folder, former_scan(former, Settings(), goal, folder) as since:
        yield notice_of(folder, str(goal.place or folder.resolve()), targets, since)


def conclude(deliveries: tuple[Delivery, ...], *, quiet: bool) -> int:
    """Print what became of notifications, failures on stderr, and return the exit code."""
    failed = failures(deliveries)
    for each in deliveries if not quiet else ():
        if each.status is not DeliveryStatus.FAILED:
            say(_line(each))
    for each in failed[:SHOWN]:
        say(f"error: {_line(each)} The findings are unchanged; send again with: audit notify SCAN_DIR")
    if len(failed) > SHOWN:
        say(f"error: {len(failed) - SHOWN:,} more notifications failed.")
    return OutputError.exit_code if failed else 0


def _line(delivery: Delivery) -> str:
    return f"{delivery.target}: {delivery.text}."
