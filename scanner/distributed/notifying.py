"""Sends the notifications about a scan in the evidence bucket, once."""

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
"""The most failures in an answer, and characters of each: Step Functions allows 256 KB."""

_LOG: Final = logging.getLogger("vaultproof")


def remember_first_seen(step: Invocation, view: View, since: Since | None) -> None:
    """Write when each finding was first seen. An error does not fail the scan."""
    if targets_of(step.request.settings, os.environ).security_hub is not None:
        with suppress(VaultproofError):
            record_first_seen(step.folder, view, since)


def notify(step: Invocation) -> Mapping[str, Any]:
    """Notify the targets of the deployment and of audit.yaml, once.

    The scan is already written, so errors go into the answer and the log, and do not fail it.
    """
    targets = targets_of(step.request.settings, os.environ)
    if not targets:
        return {}
    try:
        return {} if step.work.read_json(NOTIFIED) is not None else _notified(step, targets)
    except VaultproofError as problem:
        _LOG.warning("The notifications were not sent: %s", problem)
        return {"notified": 0, "not_notified": [str(problem)[:_LONGEST]]}


def _notified(step: Invocation, targets: Targets) -> Mapping[str, Any]:
    if not step.folder.is_dir():  # a repeated step: the scan is complete, but was not notified
        download(step.evidence.place, step.folder, step.request.environment.means, _WITHOUT)
    # Findings that are fixed since the earlier scan are closed in Security Hub.
    with earlier_scan(step, read_manifest(step.folder)) as since:
        deliveries = notify_scan(step.folder, f"{step.evidence.place}", targets, since)
    failed = [delivery.text for delivery in failures(deliveries)]
    outcome = {
        "notified": len(deliveries) - len(failed),
        "not_notified": [text[:_LONGEST] for text in failed[:_MOST]],
    }
    step.work.write_json(NOTIFIED, outcome)
    return outcome
