"""Findings: the answer of a control for one subject, its JSON document, and counts of findings."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from scanner.model.decisions import Owner, Waiver
from scanner.model.known import EvidenceRef
from scanner.model.root_causes import Blocker, RootCause, cause_document, cause_from_document


class Status(StrEnum):
    """The answers that a control can give (evidence format, "findings")."""

    PASS = "pass"  # nosec B105 # noqa: S105 -- the word of the contract, no password
    FAIL = "fail"
    NOT_APPLICABLE = "not_applicable"
    UNKNOWN = "unknown"
    ERROR = "error"
    WAIVED = "waived"


class Severity(StrEnum):
    """How much a failing control matters, worst first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"

    @property
    def rank(self) -> int:
        """The position in the order of severities: 0 is the worst."""
        return _RANKS[self]


_RANKS: Final = {severity: rank for rank, severity in enumerate(Severity)}


TO_DO: Final = "to_do"
"""The key of the detail with the remediation of this one finding: `{"text": ..., "cli": ...}`."""


@dataclass(frozen=True, slots=True)
class ToDo:
    """What to do about one finding, in words and as commands; `cli` may be empty."""

    text: str
    cli: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The answer of one control for one subject. `owner` None: audit.yaml names no owners.

    `root_cause`: of a failure that was traced, or the first missing read of an unknown finding. `blocked_by`:
    the failure that must be mended first. None: there is none, or it is not known.
    """

    control: str
    status: Status
    severity: Severity
    subject: str
    subject_type: str
    account: str
    region: str
    reason: str
    details: Mapping[str, Any] = field(default_factory=dict)
    evidence: tuple[EvidenceRef, ...] = ()
    frameworks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    waiver: Waiver | None = None
    owner: Owner | None = None
    root_cause: RootCause | None = None
    blocked_by: Blocker | None = None

    @property
    def fingerprint(self) -> str:
        """The finding's identity from scan to scan: SHA-256 of control and subject."""
        return hashlib.sha256(f"{self.control}\n{self.subject}".encode()).hexdigest()

    @property
    def to_do(self) -> ToDo | None:
        """What to do about this finding, where it is more specific than its control's remediation."""
        content = self.details.get(TO_DO)
        if not isinstance(content, Mapping) or not content.get("text"):
            return None
        return ToDo(str(content["text"]), str(content.get("cli") or ""))

    @property
    def order(self) -> tuple[str, str, str, str]:
        """The key that findings are sorted by: control, account, Region and subject, by code points."""
        return (self.control, self.account, self.region, self.subject)

    def document(self) -> dict[str, Any]:
        """Return the JSON document of the contract, with its keys in the contract's order."""
        return {
            "control": self.control,
            "status": self.status.value,
            "severity": self.severity.value,
            "subject": self.subject,
            "subject_type": self.subject_type,
            "account": self.account,
            "region": self.region,
            "fingerprint": self.fingerprint,
            "reason": self.reason,
            "details": dict(self.details),
            "evidence": [{"file": ref.file, "line": ref.line} for ref in self.evidence],
            "frameworks": {name: list(ids) for name, ids in self.frameworks.items()},
            "waiver": None if self.waiver is None else waiver_document(self.waiver),
            **({} if self.owner is None else {"owner": self.owner.name, "owner_source": self.owner.source}),
            **traced_document(self.root_cause, self.blocked_by),
        }


def traced_document(cause: RootCause | None, blocker: Blocker | None) -> dict[str, Any]:
    """Return the keys of a document that say what a finding was traced to; none: it was not traced."""
    blocked = {} if blocker is None else {"control": blocker.control, "subject": blocker.subject}
    return {
        **({} if cause is None else {"root_cause": cause_document(cause)}),
        **({"blocked_by": blocked} if blocked else {}),
    }


def waiver_document(waiver: Waiver) -> dict[str, str]:
    """Return the JSON document of a waiver, its keys in the contract's order."""
    return {
        "id": waiver.id,
        "owner": waiver.owner,
        "approver": waiver.approver,
        "reason": waiver.reason,
        "expires": waiver.expires,
    }


def finding_from_document(document: Mapping[str, Any]) -> Finding:
    """Build a finding from its JSON document. KeyError or ValueError: it is not one."""
    waiver = document["waiver"]
    return Finding(
        control=document["control"],
        status=Status(document["status"]),
        severity=Severity(document["severity"]),
        subject=document["subject"],
        subject_type=document["subject_type"],
        account=document["account"],
        region=document["region"],
        reason=document["reason"],
        details=document["details"],
        evidence=tuple(EvidenceRef(ref["file"], ref["line"]) for ref in document["evidence"]),
        frameworks={name: tuple(ids) for name, ids in document["frameworks"].items()},
        waiver=None if waiver is None else Waiver(**waiver),
        owner=_owner(document),
        root_cause=cause_from_document(document["root_cause"]) if document.get("root_cause") else None,
        blocked_by=Blocker(**document["blocked_by"]) if document.get("blocked_by") else None,
    )


def _owner(document: Mapping[str, Any]) -> Owner | None:
    source = document.get("owner_source")
    return None if source is None else Owner(document["owner"], source)


@dataclass(frozen=True, slots=True, order=True)
class ControlCount:
    """The number of findings of one control, subject type and status."""

    control: str
    subject_type: str
    severity: Severity
    status: Status
    number: int


@dataclass(frozen=True, slots=True)
class GroupCount:
    """The number of findings of one account, Region, type or tier, with one severity and status.

    `key` None: it is unknown which tier applies. The tier "" means none.
    """

    key: str | None
    severity: Severity
    status: Status
    number: int


@dataclass(frozen=True, slots=True)
class OwnerCount:
    """The number of findings of one owner and status. `name` as in `Owner`."""

    name: str | None
    status: Status
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingCounts:
    """All findings of a scan, counted in each grouping.

    `owners` counts only findings with an owner, or whose owner is unknown; `waivers` only waived findings.
    """

    controls: tuple[ControlCount, ...]
    accounts: tuple[GroupCount, ...]
    regions: tuple[GroupCount, ...]
    tiers: tuple[GroupCount, ...]
    owners: tuple[OwnerCount, ...] = ()
    waivers: tuple[tuple[Waiver, int], ...] = ()

    @property
    def total(self) -> int:
        """The number of findings."""
        return sum(row.number for row in self.controls)

    @property
    def types(self) -> tuple[GroupCount, ...]:
        """The counts by subject type."""
        numbers: Counter[tuple[str, Severity, Status]] = Counter()
        for row in self.controls:
            numbers[row.subject_type, row.severity, row.status] += row.number
        return tuple(GroupCount(*key, number) for key, number in sorted(numbers.items()))
