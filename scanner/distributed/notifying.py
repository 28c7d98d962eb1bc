"""Sends the notifications about a scan in the evidence bucket, once, and finds the scan to compare with."""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final

from scanner.app.notification import failures, notify_scan, record_first_seen, targets_of
from scanner.app.reports import earlier_scan as read_earlier_scan
from scanner.distributed.options import Invocation
from scanner.distributed.workspace import Workspace
from scanner.errors import VaultproofError
from scanner.evidence.manifest import NAME, read_manifest
from scanner.history.comparison import Since
from scanner.model.manifest import Manifest
from scanner.model.notification import Targets
from scanner.report.view.view import View
from scanner.storage.place import Place
from scanner.storage.s3 import download, judged_scans

FORMER: Final = "former.json"
"""Names the earlier scan, in the work bucket: a repeated step compares with the same one."""

NOTIFIED: Final = "notified.json"
"""The outcome of the notifications, in the work bucket. They are not sent again where it exists."""
_WITHOUT: Final = ("evidence",)
_MOST: Final = 10

_LONGEST: Final = 500
"""The most failures in an answer, and characters of each: Step Functions allows 256 KB."""
_LOG: Final = logging.getLogger("vaultproof")


@contextmanager
def earlier_scan(step: Invocation, manifest: Manifest) -> Iterator[Since | None]:
    """Fetch the newest earlier scan of the same organization. None: there is none, or it cannot be read."""
    chosen = step.work.read_json(FORMER)
    if chosen is None:
        chosen = {"prefix": _newest(step, manifest)}
        step.work.write_json(FORMER, chosen)
    yield _fetched(step, chosen["prefix"]) if chosen["prefix"] else None


def _newest(step: Invocation, manifest: Manifest) -> str:
    """Return the prefix of the newest earlier scan; empty: there is none."""
    means = step.request.environment.means
    # Newest first.
    for place in judged_scans(step.request.environment.scans, means):
        # A repeated step finds its own scan in the bucket, too.
        if place != step.evidence.place and _is_of(step.evidence.at(place), manifest):
            return place.prefix
    return ""


def _is_of(earlier: Workspace, manifest: Manifest) -> bool:
    """Check whether a scan is of the same organization or, without one, of the same accounts."""
    document = earlier.read_json(NAME)
    scope = document.get("scope") if isinstance(document, dict) else None
    if not isinstance(scope, dict):
        return False
    if manifest.scope.organization_id is not None:
        return bool(scope.get("organization_id") == manifest.scope.organization_id)
    return bool(scope.get("accounts") == list(manifest.scope.accounts))


def _fetched(step: Invocation, prefix: str) -> Since | None:
    """Return an earlier scan. None: it cannot be read, which must not fail the new scan."""
    folder = step.folder.with_name("former")
    try:
        if (folder / NAME).exists():  # fetched by this step before
            return read_earlier_scan(folder)
        download(Place(step.evidence.place.bucket, prefix), folder, step.request.environment.means, _WITHOUT)
        return read_earlier_scan(folder)
    except VaultproofError as problem:
        _LOG.warning("Nothing is compared: the earlier scan %s cannot be read: %s", prefix, problem)
        return None


def remember_first_seen(step: Invocation, view: View, since: Since | None) -> None:
    """Write when each finding was first seen. An error does not fail the scan."""
    # With an earlier scan for the ages in reports, without one only for what is imported.
    if since is not None or targets_of(step.request.settings, os.environ).security_hub is not None:
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
