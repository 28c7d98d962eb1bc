"""Notifications about a scan that is in the evidence bucket, once."""

import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from scanner.app.notification import failures, notify_scan, record_first_seen, targets_of
from scanner.distributed.former import earlier_scan
from scanner.distributed.invocation import Invocation
from scanner.errors import VaultproofError
from scanner.evidence.manifest import read_manifest
from scanner.history.since import Since
from scanner.model.notification import Targets
from scanner.report.view.view import View
from scanner.storage.s3 import download

NOTIFIED: Final = "notified.json"
"""The outcome of the notifications, in the work bucket. They are not sent again where it exists."""

_WITHOUT: Final = ("evidence", "inventory")

_MOST: Final = 10
_LONGEST: Final = 500
"""Failures in an answer, and characters of each: Step Functions takes 256 KB."""

_LOG: Final = logging.getLogger("vaultproof")


def remember_first_seen(here: Invocation, view: View, since: Since | None) -> None:
    """Write since when findings are open. A scan does not fail because that is unknown."""
    if targets_of(here.asked.settings, os.environ).security_hub is not None:
        with suppress(VaultproofError):
            record_first_seen(here.folder, view, since)


def notify(here: Invocation) -> Mapping[str, Any]:
    """Notify the targets of the deployment and of audit.yaml, once.

    The scan is written by now: what goes wrong here is in the answer and in the log, and fails no scan.
    """
    targets = targets_of(here.asked.settings, os.environ)
    if not targets:
        return {}
    try:
        return {} if here.work.read_json(NOTIFIED) is not None else _notified(here, targets)
    except VaultproofError as problem:
        _LOG.warning("The notifications were not sent: %s", problem)
        return {"notified": 0, "not_notified": [str(problem)[:_LONGEST]]}


def _notified(here: Invocation, targets: Targets) -> Mapping[str, Any]:
    if not here.folder.is_dir():  # a step that is repeated: the scan is complete, and was not reported
        download(here.evidence.place, here.folder, here.asked.environment.means, _WITHOUT)
    # Security Hub closes what is fixed since the earlier scan.
    with earlier_scan(here, read_manifest(here.folder)) as since:
        deliveries = notify_scan(here.folder, f"{here.evidence.place}", targets, since)
    failed = [each.text for each in failures(deliveries)]
    outcome = {
        "notified": len(deliveries) - len(failed),
        "not_notified": [text[:_LONGEST] for text in failed[:_MOST]],
    }
    here.work.write_json(NOTIFIED, outcome)
    return outcome
