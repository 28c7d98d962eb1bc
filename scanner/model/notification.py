"""What is sent about a scan, and where to: the summary, the targets and the results."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from scanner.model.changes import Kind
from scanner.model.finding import Severity, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityHubTarget:
    """Import findings into Security Hub, in the account and Region of each.

    `role_name`: the role to assume in the accounts other than the caller's own; empty: they are reported as
    not sent. `passed`: also import the findings that pass.
    """

    role_name: str = ""
    external_id: str = ""
    passed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Where notifications go. What is empty gets none.

    `topic`: ARN of an SNS topic. `severity`: the least severity of a message to it. `always`: send to
    the topic when nothing is new, too. `event_bus`: name or ARN of an EventBridge event bus.
    """

    topic: str = ""
    severity: Severity = Severity.HIGH
    always: bool = False
    event_bus: str = ""
    security_hub: SecurityHubTarget | None = None

    def __bool__(self) -> bool:
        """Return whether there is a target at all."""
        return bool(self.topic or self.event_bus or self.security_hub)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedFinding:
    """A finding that is new or fixed, with what a reader needs. Texts come from AWS: any characters."""

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
    """The scan that this one was compared with. `score` is of 100; None: nothing was judged."""

    scan_id: str
    evaluated_as_of: datetime
    score: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanSummary:
    """What notifications say of a scan.

    `address`: the folder or S3 address of the scan. `score` is of 100; None: nothing was judged. `failed`:
    failed checks by severity. `gaps`: reads that failed. `former` None: the scan was compared with no earlier
    one, so that nothing is known to be new. `new` and `fixed`: the worst of each kind, worst first; `changes`
    counts all. `alarm`: the worst severity of what is new; None: nothing is.
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
    """What became of a notification."""

    SENT = "sent"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Delivery:
    """The result for one target. `text`: a sentence; of a failure also what to do."""

    target: str
    status: DeliveryStatus
    text: str
