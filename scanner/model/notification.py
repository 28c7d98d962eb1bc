"""Notifications about a scan: the summary, the targets and the results."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from scanner.model.changes import Kind
from scanner.model.finding import Severity, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityHubTarget:
    """Settings for importing findings into Security Hub, in the account and Region of each finding.

    `role_name`: the role to assume in accounts other than the caller's; empty: they are reported as not
    sent. `passed`: import findings that pass, too.
    """

    role_name: str = ""
    external_id: str = ""
    passed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """The targets of notifications. Empty ones get none.

    `topic`: ARN of an SNS topic. `severity`: the lowest severity for a message to it. `always`: send to
    the topic even when nothing is new. `event_bus`: name or ARN of an EventBridge event bus.
    """

    topic: str = ""
    severity: Severity = Severity.HIGH
    always: bool = False
    event_bus: str = ""
    security_hub: SecurityHubTarget | None = None

    def __bool__(self) -> bool:
        """Whether there is any target."""
        return bool(self.topic or self.event_bus or self.security_hub)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedFinding:
    """A new or fixed finding with all that a reader needs. Texts come from AWS: any characters."""

    kind: Kind
    control: str
    title: str
    severity: Severity
    subject: str
    subject_type: str
    name: str
    account: str
    account_name: str
    region: str
    reason: str
    to_do: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerScan:
    """The scan that this one was compared with. `score`: 0 to 100; None: nothing was judged."""

    scan_id: str
    evaluated_as_of: datetime
    score: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanSummary:
    """The content of notifications about a scan.

    `address`: the folder or S3 address of the scan. `score`: 0 to 100; None: nothing was judged. `failed`:
    failed checks by severity. `gaps`: reads that failed. `former` None: not compared with an earlier
    scan, so no finding is known to be new. `new` and `fixed`: the worst of each kind, worst first; `changes`
    counts all. `alarm`: the highest severity of new findings; None: there are none.
    """

    scan_id: str
    evaluated_as_of: datetime
    address: str
    organization_id: str | None
    accounts: int
    regions: tuple[str, ...]
    counts: Mapping[Status, int]
    failed: Mapping[Severity, int]
    gaps: int
    score: float | None
    former: FormerScan | None = None
    changes: Mapping[Kind, int] = field(default_factory=dict)
    new: tuple[ChangedFinding, ...] = ()
    fixed: tuple[ChangedFinding, ...] = ()
    alarm: Severity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to AWS. `region` empty: that of the credentials. `account` empty: the caller's own."""

    target: str
    service: str
    operation: str
    parameters: Mapping[str, Any]
    region: str = ""
    account: str = ""

    def document(self) -> dict[str, Any]:
        """Return the JSON document that `--dry-run` prints."""
        return {
            "target": self.target,
            "call": f"{self.service}:{self.operation}",
            "account": self.account or None,
            "region": self.region or None,
            "parameters": self.parameters,
        }


class DeliveryStatus(StrEnum):
    """Whether a notification was sent."""

    SENT = "sent"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Delivery:
    """The result for one target. `text`: a sentence; for a failure with the fix."""

    target: str
    status: DeliveryStatus
    text: str
