"""The earlier scan that reports and notifications compare with."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from scanner.app.reports import earlier_scan as read_earlier_scan
from scanner.distributed.invocation import Invocation
from scanner.distributed.workspace import Workspace
from scanner.errors import VaultproofError
from scanner.evidence.manifest import NAME
from scanner.history.since import Since
from scanner.model.manifest import Manifest
from scanner.storage.place import Place
from scanner.storage.s3 import download, judged_scans

FORMER: Final = "former.json"
"""Names the earlier scan, in the work bucket: a repeated step compares with the same one."""

_WITHOUT: Final = ("evidence", "inventory")
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
    for place in judged_scans(step.request.environment.scans, means):
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
