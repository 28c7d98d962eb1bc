"""Notifications about a judged scan: what they contain, and where they are sent.

`audit run`, the last step of a distributed scan and `audit notify` send them from here. A notification that
fails changes no finding.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from scanner.app.judged import read_judged
from scanner.app.reports import compared, with_first_seen
from scanner.history.comparison import Comparison, Since, Tally
from scanner.history.first_seen import write_first_seen
from scanner.history.timeline import first_scan
from scanner.model.changes import ALARMING, Change, Changes, Former, Kind
from scanner.model.finding import Status
from scanner.model.notification import (
    Call,
    ChangedFinding,
    Delivery,
    DeliveryStatus,
    FormerScan,
    ScanSummary,
    SecurityHubTarget,
    Targets,
)
from scanner.model.scan import Scan
from scanner.model.timeline import FirstSeenTimes
from scanner.notify.sending import Sender, import_calls, notify, planned_calls
from scanner.report.formats.asff_import import import_batches
from scanner.report.view.view import View, build
from scanner.report.wording import given_name, to_do
from scanner.settings.settings import SecurityHubSettings, Settings

TOPIC: Final = "VAULTPROOF_TOPIC"
EVENT_BUS: Final = "VAULTPROOF_EVENT_BUS"
SECURITY_HUB: Final = "VAULTPROOF_SECURITY_HUB"
SECURITY_HUB_ROLE: Final = "VAULTPROOF_SECURITY_HUB_ROLE"


def targets_of(settings: Settings, environment: Mapping[str, str]) -> Targets:
    """Return the targets of audit.yaml; those of the environment take precedence."""
    section = settings.notify
    return Targets(
        # The environment belongs to the deployment, where audit.yaml may be shared by several.
        topic=environment.get(TOPIC, "").strip() or section.topic or "",
        severity=section.severity,
        always=section.always,
        event_bus=environment.get(EVENT_BUS, "").strip() or section.event_bus or "",
        security_hub=_security_hub(section.security_hub, environment),
    )


def _security_hub(
    section: SecurityHubSettings | None, environment: Mapping[str, str]
) -> SecurityHubTarget | None:
    if section is None and environment.get(SECURITY_HUB) != "1":
        return None
    section = section or SecurityHubSettings()
    return SecurityHubTarget(
        role_name=section.role_name or environment.get(SECURITY_HUB_ROLE, ""),
        external_id=section.external_id or "",
        passed=section.passed,
    )


@dataclass(frozen=True, slots=True)
class Notice:
    """A judged scan and the targets to notify. `address`: of its reports, a folder or in S3."""

    view: View
    folder: Path
    address: str
    targets: Targets
    since: Since | None = None

    @property
    def summary(self) -> ScanSummary:
        """The summary that the event and the message are made from."""
        return summary_of(self.view, self.address)

    def batches(self) -> Iterator[bytes]:
        """Yield the findings for Security Hub, a batch for each call. BundleError: a file cannot be read."""
        hub = self.targets.security_hub
        if hub is not None:
            yield from import_batches(self.view, self._first_seen(), self._changes(), passed=hub.passed)

    def _first_seen(self) -> FirstSeenTimes:
        return _first_seen(self.view.scan, self.since)

    def _changes(self) -> Iterator[Change]:
        """Yield how findings changed since the earlier scan; nothing where its folder is not given."""
        if self.since is None:
            return iter(())
        return Comparison(self.since.old, self.view.scan, self.since.before).changes(Tally())

    def calls(self) -> Iterator[Call | Delivery]:
        """Return the requests that `send` would make: for `--dry-run`."""
        yield from planned_calls(self.summary, self.targets)
        yield from import_calls(self.batches())

    def send(self, sender: Sender | None = None) -> tuple[Delivery, ...]:
        """Send to all targets. Errors of AWS are not raised, but returned as results."""
        return notify(self.summary, self.targets, self.batches(), sender)


def notice_of(folder: Path, address: str, targets: Targets, since: Since | None = None) -> Notice:
    """Read a judged scan. `since`: the earlier scan to compare with; None: that of the last comparison.

    Raises:
        BundleError: the folder contains no judged scan, or a file of it is missing or changed.
        UsageError: `since` is the scan itself.
    """
    if since is not None:
        since.check_is_not(folder)
    # Without an earlier scan the stored times are those of the last comparison.
    scan = with_first_seen(compared(read_judged(folder), since), folder)
    return Notice(build(scan), folder, address, targets, since)


def notify_scan(
    folder: Path, address: str, targets: Targets, since: Since | None = None
) -> tuple[Delivery, ...]:
    """Send the notifications about the judged scan in a folder, and return the result of each.

    The last step of a distributed scan passes the address of the evidence bucket, and the targets that the
    environment of the function names.
    """
    return notice_of(folder, address, targets, since).send() if targets else ()


def record_first_seen(folder: Path, view: View, since: Since | None) -> None:
    """Write when each finding was first seen, for the next scan and for `audit notify`."""
    write_first_seen(folder, view.scan, _first_seen(view.scan, since))


def _first_seen(scan: Scan, since: Since | None) -> FirstSeenTimes:
    """Return when findings were first seen. BundleError: the times of the earlier scan cannot be read."""
    if since is not None and since.problem is not None:
        raise since.problem
    return first_scan(scan) if scan.first_seen is None else scan.first_seen


def failures(deliveries: tuple[Delivery, ...]) -> tuple[Delivery, ...]:
    """Return the results that failed."""
    return tuple(delivery for delivery in deliveries if delivery.status is DeliveryStatus.FAILED)


def summary_of(view: View, address: str) -> ScanSummary:
    """Return the summary of a scan for notifications."""
    scan, manifest = view.scan, view.manifest
    changes, assessment = scan.changes, scan.assessment
    summary = ScanSummary(
        scan_id=manifest.scan_id,
        evaluated_as_of=manifest.evaluated_as_of,
        address=address,
        organization_id=manifest.scope.organization_id,
        accounts=len(manifest.scope.accounts),
        regions=tuple(map(str, manifest.scope.regions)),
        counts={status: view.counts.of(status) for status in Status},
        failed=dict(view.failures),
        gaps=len(scan.gaps),
        score=None if assessment is None else assessment.score.total.score,
    )
    return summary if changes is None else _with_changes(summary, view, changes)


def _with_changes(summary: ScanSummary, view: View, changes: Changes) -> ScanSummary:
    former = changes.former
    controls = {row.control.id: row.control for row in view.controls}

    def changed_finding(change: Change) -> ChangedFinding:
        finding = change.finding
        control = controls.get(finding.control)
        advice = to_do(finding, control)
        return ChangedFinding(
            kind=change.kind,
            control=finding.control,
            title=control.failure if control else finding.control,
            severity=finding.severity,
            subject=finding.subject,
            subject_type=finding.subject_type,
            name=given_name(finding.details),
            account=finding.account,
            account_name=view.names.get(finding.account, ""),
            region=finding.region,
            reason=change.reason,
            to_do=advice.text if advice else "",
            fingerprint=finding.fingerprint,
        )

    worst = [change for kind in ALARMING for change in changes.worst.get(kind, ())]
    # Sorted by severity, whichever kind of change: the reader sees the first few.
    worst.sort(key=lambda change: change.severity.rank)
    return replace(
        summary,
        former=None if former is None else _former(former),
        changes=changes.counts,
        new=tuple(map(changed_finding, worst)),
        fixed=tuple(map(changed_finding, changes.worst.get(Kind.FIXED, ()))),
        alarm=changes.alarm,
    )


def _former(former: Former) -> FormerScan:
    # A message shows the score before next to the one now, which other controls would make wrong.
    score = former.score if former.has_same_controls else None
    return FormerScan(scan_id=former.scan_id, evaluated_as_of=former.evaluated_as_of, score=score)
