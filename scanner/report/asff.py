"""`findings.asff.jsonl`: the AWS Security Finding Format, for Security Hub.

A line is a JSON array of at most 100 findings of one account and one Region: what one call of
BatchImportFindings takes, made by that account in that Region (Security Hub API reference; the lengths of
fields are those of `AwsSecurityFinding`). All fields cut to their lengths, no finding comes near 240 KB.

`Compliance.Status` never says PASSED of what could not be judged: that is WARNING, "some information is
missing". A waived failure is FAILED, and its workflow SUPPRESSED.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from scanner.evidence.manifest import rfc3339
from scanner.model.finding import Finding, Severity, Status, Waiver
from scanner.model.names import partition_of
from scanner.model.owner import Owner
from scanner.model.reading import EvidenceRef
from scanner.report.asff_batches import Batches
from scanner.report.asff_resources import resource_id, resources
from scanner.report.asff_text import fitted, told
from scanner.report.encoding import encode
from scanner.report.to_do import to_do
from scanner.report.view import ControlView, View
from scanner.report.words import FRAMEWORK_WORDS, given_name, short_name

COMPLIANCE: Final = {
    Status.PASS: "PASSED",
    Status.FAIL: "FAILED",
    Status.WAIVED: "FAILED",
    Status.UNKNOWN: "WARNING",
    Status.ERROR: "WARNING",
    Status.NOT_APPLICABLE: "NOT_AVAILABLE",
}

WORKFLOW: Final = {
    Status.PASS: "RESOLVED",
    Status.FAIL: "NEW",
    Status.WAIVED: "SUPPRESSED",
    Status.UNKNOWN: "NEW",
    Status.ERROR: "NEW",
    Status.NOT_APPLICABLE: "RESOLVED",
}

LABELS: Final = {
    Severity.CRITICAL: "CRITICAL",
    Severity.HIGH: "HIGH",
    Severity.MEDIUM: "MEDIUM",
    Severity.LOW: "LOW",
    Severity.INFO: "INFORMATIONAL",
}

TYPE: Final = "Software and Configuration Checks/AWS Security Best Practices/Backup"
GLOBAL_HOMES: Final = ("us-east-1", "cn-north-1", "us-gov-west-1")
"""Where the partitions have their global services: findings of these go there, where it is in the scope."""

MAX_TITLE: Final = 256
MAX_DESCRIPTION: Final = 1_024
MAX_REQUIREMENTS: Final = 32
MAX_VALUE: Final = 2_048
"""Of a product field. What people write is cut to half of it."""
MAX_REASON: Final = 512
MAX_RECOMMENDATION: Final = 512
MAX_GENERATOR: Final = 512

_LONG: Final = ("Subject", "Evidence")
_QUIET: Final = (Status.PASS, Status.NOT_APPLICABLE)
_NAME: Final = 256
_REGION: Final = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]{1,2}")

Document = dict[str, Any]


def asff(view: View) -> Iterator[bytes]:
    """Give findings.asff.jsonl in pieces, a call each."""
    hub = _Hub(view)
    batches = Batches()
    for finding in view.findings:
        region = hub.region(finding)
        yield from batches.add((finding.account, region), encode(hub.finding(finding, region)))
    yield from batches.rest()


class _Hub:
    """Makes findings as Security Hub takes them."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._time = rfc3339(view.manifest.evaluated_as_of) or ""
        self._home = home(view.manifest.scope.regions)
        self._controls = {each.control.id: each for each in view.controls}

    def region(self, finding: Finding) -> str:
        """Give the Region that a finding is sent to."""
        return finding.region if _REGION.fullmatch(finding.region) else self._home

    def finding(self, finding: Finding, region: str) -> Document:
        """Give a finding as it is sent to a Region."""
        view = self._controls.get(finding.control)
        generator = fitted(f"vaultproof/{told(finding.control)}", MAX_GENERATOR)
        remediation = _recommendation(finding, view)
        return {
            "SchemaVersion": "2018-10-08",
            "Id": f"vaultproof/{finding.fingerprint}",
            "ProductArn": product_arn(region, finding.account),
            "GeneratorId": generator,
            "AwsAccountId": finding.account,
            "CreatedAt": self._time,
            "UpdatedAt": self._time,
            "LastObservedAt": self._time,
            "Title": fitted(told(_title(finding, view)), MAX_TITLE),
            "Description": fitted(told(finding.reason), MAX_DESCRIPTION),
            "FindingProviderFields": _provided(finding),
            **({"Remediation": remediation} if remediation else {}),
            "Resources": resources(finding),
            "Compliance": _compliance(finding),
            "Workflow": {"Status": WORKFLOW[finding.status]},
            "RecordState": "ARCHIVED" if finding.status is Status.NOT_APPLICABLE else "ACTIVE",
            "ProductFields": dict(self._fields(finding)),
        }

    def _fields(self, finding: Finding) -> Iterator[tuple[str, str]]:
        """Give what the format has no attribute for; nothing that is empty."""
        told_of: dict[str, str] = {
            "Status": finding.status.value,
            "Fingerprint": finding.fingerprint,
            "Scan": self._view.manifest.scan_id,
            "SubjectType": finding.subject_type,
            "Subject": "" if resource_id(finding) == finding.subject else finding.subject,
            "Region": finding.region,
            "AccountName": self._view.names.get(finding.account, ""),
            "Name": given_name(finding.details),
            **_owner(finding.owner),
            **_waiver(finding.waiver),
            "Evidence": _evidence(finding.evidence),
            "Notice": self._view.notice,
        }
        for key, text in told_of.items():
            if text.strip():
                limit = MAX_VALUE if key in _LONG else MAX_VALUE // 2
                yield f"vaultproof/{key}", fitted(told(text), limit)


def home(regions: tuple[str, ...]) -> str:
    """Choose where findings about global services go: the partition's own Region for them, else the first."""
    own = (each for each in GLOBAL_HOMES if each in regions)
    return next(own, min(regions, default=GLOBAL_HOMES[0]))


def product_arn(region: str, account: str) -> str:
    """Name the product that every account has for findings of its own tools."""
    return f"arn:{partition_of(region)}:securityhub:{region}:{account}:product/{account}/default"


def _title(finding: Finding, view: ControlView | None) -> str:
    """Say what must hold: a title must not read as if what fails held."""
    return f"Requirement: {view.control.title}" if view and view.control.title else finding.control


def _provided(finding: Finding) -> Document:
    """Give severity and types where a provider puts them: Security Hub makes its own fields of them.

    What passes is informational, as the findings of Security Hub's own controls are; `Original` keeps the
    control's word.
    """
    severity = Severity.INFO if finding.status in _QUIET else finding.severity
    return {
        "Severity": {"Label": LABELS[severity], "Original": finding.severity.value},
        "Types": [TYPE],
    }


def _recommendation(finding: Finding, view: ControlView | None) -> Document | None:
    advice = to_do(finding, view.control if view else None)
    return {"Recommendation": {"Text": fitted(told(advice.text), MAX_RECOMMENDATION)}} if advice else None


def _compliance(finding: Finding) -> Document:
    requirements = [
        fitted(told(f"{FRAMEWORK_WORDS.get(name, name)} {each}"), _NAME)
        for name, ids in finding.frameworks.items()
        for each in ids
    ]
    return {
        "Status": COMPLIANCE[finding.status],
        "SecurityControlId": fitted(told(finding.control), _NAME),
        **({"RelatedRequirements": requirements[:MAX_REQUIREMENTS]} if requirements else {}),
        "StatusReasons": [
            {"ReasonCode": finding.status.name, "Description": fitted(told(_why(finding)), MAX_REASON)}
        ],
    }


def _why(finding: Finding) -> str:
    name = given_name(finding.details)
    subject = f"{name}: " if name and len(name) < MAX_REASON // 4 else f"{short_name(finding.subject)}: "
    waiver = finding.waiver
    accepted = f"Waived until {waiver.expires} ({waiver.id}): {waiver.reason} " if waiver else ""
    return f"{accepted}{subject if len(subject) < MAX_REASON // 4 else ''}{finding.reason}"


def _owner(owner: Owner | None) -> Mapping[str, str]:
    """Say who is asked; an owner that is not known has a source that says so."""
    return {} if owner is None else {"Owner": owner.name or "", "OwnerSource": owner.source}


def _waiver(waiver: Waiver | None) -> Mapping[str, str]:
    if waiver is None:
        return {}
    return {
        "Waiver": waiver.id,
        "WaiverOwner": waiver.owner,
        "WaiverApprover": waiver.approver,
        "WaiverReason": waiver.reason,
        "WaiverExpires": waiver.expires,
    }


def _evidence(refs: tuple[EvidenceRef, ...]) -> str:
    """Name lines of evidence, as many as there is room for; the rest is counted."""
    names: list[str] = []
    room = MAX_VALUE - len("; and 1,000,000 more")
    for ref in refs:
        name = f"{ref.file}:{ref.line}"
        room -= len(name) + 2
        if room < 0:
            names.append(f"and {len(refs) - len(names):,} more")
            break
        names.append(name)
    return "; ".join(names)
