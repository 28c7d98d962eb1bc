"""`findings.asff.jsonl`: the AWS Security Finding Format, for Security Hub.

A line is a JSON array of at most 100 findings of one account and Region, for one call of BatchImportFindings
by that account in that Region (Security Hub API reference; the lengths of fields are those of
`AwsSecurityFinding`). With all fields cut to these lengths, a finding stays far below the limit of 240 KB.

`Compliance.Status` of a check that could not be evaluated is WARNING ("some information is missing"), never
PASSED. A waived failure is FAILED with the workflow status SUPPRESSED.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any, Final

import orjson

from scanner.evidence.manifest import rfc3339
from scanner.model.decisions import Owner, Waiver
from scanner.model.finding import Finding, Severity, Status, ToDo
from scanner.model.known import EvidenceRef
from scanner.model.names import AWS_GLOBAL, parse_arn, partition_in, partition_of
from scanner.model.resource_types import RESOURCE_TYPES
from scanner.report.formats.by_control import ByControl
from scanner.report.view.view import ControlView, View
from scanner.report.wording import FRAMEWORK_WORDS, given_name, one_line, short_name
from scanner.storage.encoding import encode, fragment

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

# Security Hub imports a finding in its own Region, and findings about IAM have none.
GLOBAL_HOMES: Final = ("us-east-1", "cn-north-1", "us-gov-west-1")
"""The Regions of the partitions' global services. Findings about global services go there, if in scope."""
MAX_TITLE: Final = 256
MAX_DESCRIPTION: Final = 1_024
MAX_REQUIREMENTS: Final = 32

MAX_VALUE: Final = 2_048
"""Length of a product field. Texts that people wrote are cut to half of it."""
MAX_REASON: Final = 512
MAX_RECOMMENDATION: Final = 512
MAX_GENERATOR: Final = 512
_QUIET: Final = (Status.PASS, Status.NOT_APPLICABLE)
_FAILED: Final = (Status.FAIL, Status.WAIVED)
_NAME: Final = 256
_REGION: Final = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]{1,2}")
Document = dict[str, Any]
# One UTF-16 unit, so that the limit is easy to keep.
_CUT: Final = "\u2026"
_EMPTY: Final = "(empty)"

TYPES: Final = {
    **{kind.name: kind.security_hub_type for kind in RESOURCE_TYPES if kind.security_hub_type},
    "plan": "AwsBackupBackupPlan",
    "vault": "AwsBackupBackupVault",
    "recovery_point": "AwsBackupRecoveryPoint",
    "account": "AwsAccount",
    "account_region": "AwsAccount",
}
"""Security Hub's types by AWS Backup's names of resource types, and by fact tables."""
OTHER: Final = "Other"

PARTITIONS: Final = frozenset(("aws", "aws-cn", "aws-us-gov"))
"""Partitions that the format calls as ARNs do."""
MAX_ID: Final = 512
MAX_REGION: Final = 16
_ACCOUNT: Final = "AwsAccount"
_PLAN: Final = "AwsBackupBackupPlan"

MAX_FINDINGS: Final = 100
"""Maximum number of findings in one BatchImportFindings call."""
MAX_CALL_BYTES: Final = 6_000_000

MAX_WAITING_BYTES: Final = 64_000_000
"""Maximum bytes of all open batches in memory."""

_ENVELOPE: Final = 100
"""Bytes of a call without its findings and commas."""

_ESCAPED: Final = 6
"""Bytes of an escaped UTF-16 unit: boto3 and the AWS CLI escape all non-ASCII characters."""

Place = tuple[str, str]
"""An account and a Region."""


def asff(view: View) -> Iterator[bytes]:
    """Yield findings.asff.jsonl in pieces, one line per call."""
    hub = Hub(view)
    batches = Batches()
    for finding in view.findings:
        # The call is made in this Region: the ARN of the product and the batch both depend on it.
        region = hub.region(finding)
        yield from batches.add((finding.account, region), encode(hub.finding(finding, region)))
    yield from batches.rest()


@dataclass(frozen=True, slots=True)
class _Shared:
    """What all findings of a control share. Fragments are encoded once."""

    generator: str
    requirement: str
    failure: str
    control: str
    requirements: orjson.Fragment | None  # None: the control is mapped to no framework


class Hub:
    """Builds findings as Security Hub accepts them."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._time = rfc3339(view.manifest.evaluated_as_of) or ""
        self._home = home(view.manifest.scope.regions)
        self._controls = {control_view.control.id: control_view for control_view in view.controls}
        self._shared = ByControl(lambda finding: _shared(finding, self._controls.get(finding.control)))

    def region(self, finding: Finding) -> str:
        """Return the Region that a finding is sent to."""
        return finding.region if _is_regional(finding.region) else self._home

    def finding(self, finding: Finding, region: str) -> Document:
        """Return a finding as it is sent to a Region."""
        shared, status, fingerprint = self._shared.of(finding), finding.status, finding.fingerprint
        name, identifier = given_name(finding.details), resource_id(finding)
        advice = self._view.to_do(finding)
        remediation = _remediation(advice)
        return {
            "SchemaVersion": "2018-10-08",
            # The same Id in each scan: BatchImportFindings then updates the record.
            "Id": f"vaultproof/{fingerprint}",
            "ProductArn": product_arn(region, finding.account),
            "GeneratorId": shared.generator,
            "AwsAccountId": finding.account,
            # The clock of the evaluation: the same evidence must give the same bytes.
            **self._created(finding),
            "UpdatedAt": self._time,
            "LastObservedAt": self._time,
            "Title": shared.failure if status in _FAILED else shared.requirement,
            "Description": text_field(finding.reason, MAX_DESCRIPTION),
            "FindingProviderFields": _provided(status, finding.severity),
            **({"Remediation": remediation} if remediation else {}),
            "Resources": resources(finding, identifier, name),
            "Compliance": _compliance(finding, name, shared),
            "Workflow": {"Status": WORKFLOW[status]},
            "RecordState": "ARCHIVED" if status is Status.NOT_APPLICABLE else "ACTIVE",
            "ProductFields": self._fields(finding, fingerprint, name, identifier, advice),
        }

    def _created(self, finding: Finding) -> Document:
        """Return since when a finding is open, if earlier scans show it; else the time of the evaluation."""
        first_seen = self._view.first_seen(finding)
        if first_seen is None:
            return {"CreatedAt": self._time}
        moment = rfc3339(first_seen.at)
        return {"CreatedAt": moment, "FirstObservedAt": moment}

    def _fields(
        self, finding: Finding, fingerprint: str, name: str, identifier: str, advice: ToDo | None
    ) -> Mapping[str, str]:
        """Return the product fields: what the format has no attribute for, without blank values."""
        subject = "" if identifier == finding.subject else finding.subject
        account = self._view.names.get(finding.account, "")
        fields = {
            "vaultproof/Status": finding.status.value,
            "vaultproof/Fingerprint": fingerprint,
            "vaultproof/Scan": _repeated(self._view.manifest.scan_id),
            "vaultproof/Controls": _repeated(self._view.selection_words),
            "vaultproof/SubjectType": _repeated(finding.subject_type),
            "vaultproof/Subject": subject and _optional(subject, MAX_VALUE),
            "vaultproof/Region": _repeated(finding.region),
            "vaultproof/AccountName": _repeated(account),
            "vaultproof/Name": name and _optional(name),
            **_owner(finding.owner),
            **_waiver(finding.waiver),
            **_traced(finding, advice),
            "vaultproof/Evidence": _optional(_evidence(finding.evidence), MAX_VALUE),
            "vaultproof/Notice": _repeated(self._view.notice),
        }
        return {key: text for key, text in fields.items() if text}


def _remediation(advice: ToDo | None) -> Document | None:
    if advice is None:
        return None
    return {"Recommendation": {"Text": repeated_field(advice.text, MAX_RECOMMENDATION)}}


def _traced(finding: Finding, advice: ToDo | None) -> Mapping[str, str]:
    """Return root cause, the failure to mend first, and the commands if they fit: a part could mislead."""
    cause, blocker = finding.root_cause, finding.blocked_by
    commands = advice.cli if advice is not None else ""
    return {
        "vaultproof/RootCause": _repeated(f"{cause.kind.value}: {cause.subject}") if cause else "",
        "vaultproof/BlockedBy": _repeated(f"{blocker.control}: {blocker.subject}") if blocker else "",
        "vaultproof/Commands": commands if len(text_field(commands, MAX_VALUE)) == len(commands) else "",
    }


def _optional(text: str, limit: int = MAX_VALUE // 2) -> str:
    """Return the text of a product field; empty where it is blank: then the field is left out."""
    return text_field(text, limit) if text.strip() else ""


_repeated: Final = lru_cache(maxsize=8_192)(_optional)
_is_regional: Final = lru_cache(maxsize=1_024)(lambda region: _REGION.fullmatch(region) is not None)


def home(regions: tuple[str, ...]) -> str:
    """Return the Region for findings about global services: the partition's if in scope, else the first."""
    # Outside the scope, the account may not have Security Hub turned on.
    own = (region for region in GLOBAL_HOMES if region in regions)
    return next(own, min(regions, default=GLOBAL_HOMES[0]))


def product_arn(region: str, account: str) -> str:
    """Return the ARN of an account's default product, for findings of its own tools."""
    return f"arn:{partition_of(region)}:securityhub:{region}:{account}:product/{account}/default"


def _shared(finding: Finding, view: ControlView | None) -> _Shared:
    requirements = [
        text_field(f"{FRAMEWORK_WORDS.get(name, name)} {requirement}", _NAME)
        for name, ids in finding.frameworks.items()
        for requirement in ids
    ]
    return _Shared(
        generator=fitted(f"vaultproof/{nonblank(finding.control)}", MAX_GENERATOR),
        requirement=text_field(f"Requirement: {view.control.title}" if view else finding.control, MAX_TITLE),
        failure=text_field(view.control.failure if view else finding.control, MAX_TITLE),
        control=text_field(finding.control, _NAME),
        requirements=fragment(requirements[:MAX_REQUIREMENTS]) if requirements else None,
    )


@cache
def _provided(status: Status, of_control: Severity) -> orjson.Fragment:
    """Return FindingProviderFields, from which Security Hub sets the finding's severity and types.

    Passed findings are informational, as those of Security Hub's own controls are; `Original` is the
    control's severity.
    """
    severity = Severity.INFO if status in _QUIET else of_control
    document = {"Severity": {"Label": LABELS[severity], "Original": of_control.value}, "Types": [TYPE]}
    return fragment(document)


def _compliance(finding: Finding, name: str, shared: _Shared) -> Document:
    reason = {"ReasonCode": finding.status.name, "Description": text_field(_why(finding, name), MAX_REASON)}
    return {
        "Status": COMPLIANCE[finding.status],
        "SecurityControlId": shared.control,
        **({"RelatedRequirements": shared.requirements} if shared.requirements else {}),
        "StatusReasons": [reason],
    }


def _why(finding: Finding, name: str) -> str:
    subject = f"{name}: " if name and len(name) < MAX_REASON // 4 else f"{short_name(finding.subject)}: "
    waiver = finding.waiver
    accepted = f"Waived until {waiver.expires} ({waiver.id}): {waiver.reason} " if waiver else ""
    return f"{accepted}{subject if len(subject) < MAX_REASON // 4 else ''}{finding.reason}"


def _owner(owner: Owner | None) -> Mapping[str, str]:
    """Return the fields for the owner. If the owner is unknown, the source says why."""
    if owner is None:
        return {}
    name = _repeated(owner.name or "")
    return {"vaultproof/Owner": name, "vaultproof/OwnerSource": _repeated(owner.source)}


def _waiver(waiver: Waiver | None) -> Mapping[str, str]:
    if waiver is None:
        return {}
    return {
        "vaultproof/Waiver": _repeated(waiver.id),
        "vaultproof/WaiverOwner": _repeated(waiver.owner),
        "vaultproof/WaiverApprover": _repeated(waiver.approver),
        "vaultproof/WaiverReason": _repeated(waiver.reason),
        "vaultproof/WaiverExpires": _repeated(waiver.expires),
    }


def _evidence(refs: tuple[EvidenceRef, ...]) -> str:
    """Return evidence lines, as many as fit, and the number of the others."""
    names: list[str] = []
    # Room for the number of those that do not fit.
    room = MAX_VALUE - len("; and 1,000,000 more")
    for ref in refs:
        name = f"{ref.file}:{ref.line}"
        room -= len(name) + 2
        if room < 0:
            names.append(f"and {len(refs) - len(names):,} more")
            break
        names.append(name)
    return "; ".join(names)


def nonblank(text: str) -> str:
    """Return a text fit for any field: on one line and not blank, which the format forbids."""
    return one_line(text).strip() or _EMPTY


def fitted(text: str, limit: int) -> str:
    """Return a text cut to `limit` UTF-16 units, the strictest way AWS may count; a cut text ends in `…`."""
    if len(text) <= limit // 2 or (len(text) <= limit and units(text) <= limit):
        return text
    cut = text[: limit - len(_CUT)]
    while units(cut) > limit - len(_CUT):
        over = units(cut) - limit + len(_CUT)
        cut = cut[: -max(1, over // 2)]
    return cut.rstrip() + _CUT


def text_field(text: str, limit: int) -> str:
    """Return a text for a field of `limit` UTF-16 units: on one line, not blank, cut."""
    if len(text) <= limit // 2 and text.isascii() and text.isprintable():  # most are: quicker to see
        return text.strip() or _EMPTY
    return fitted(nonblank(text), limit)


repeated_field: Final = lru_cache(maxsize=8_192)(text_field)
"""`text_field` with a cache, for texts that many findings have."""


def units(text: str) -> int:
    """Return the number of UTF-16 units of a text."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


# Subjects of findings as resources of the AWS Security Finding Format.
#
# The names of the types are those of Security Hub's `ResourceDetails`; the API reference requires `Other` for
# all others. The id of an account is the one that Security Hub itself uses: `AWS::::Account:111111111111`.
def resources(finding: Finding, identifier: str, name: str) -> list[Document]:
    """Return the subject; for a rule, selection or copy action, its plan follows.

    `identifier`: its `resource_id`. `name`: its name; empty: it has none.
    """
    subject = finding.subject
    place = _place(partition_in(subject) or partition_of(finding.region), finding.region)
    documents = [
        {
            "Type": TYPES.get(finding.subject_type, OTHER),
            "Id": identifier,
            **place,
            **({"Details": {"Other": {"Name": text_field(name, MAX_ID)}}} if name else {}),
        }
    ]
    if "#" in subject and (plan := _plan(subject)):
        documents.append({"Type": _PLAN, "Id": text_field(plan, MAX_ID), **place})
    return documents


def resource_id(finding: Finding) -> str:
    """Return the id of the subject in the format. Longer ids are cut to `MAX_ID`."""
    if TYPES.get(finding.subject_type) == _ACCOUNT and finding.account:
        return f"AWS::::Account:{finding.account}"
    return text_field(finding.subject, MAX_ID)


def _plan(subject: str) -> str:
    """Return the ARN of the plan that contains a subject; empty: no plan does."""
    plan = subject.partition("#")[0]
    return plan if ":backup-plan:" in plan and parse_arn(plan) is not None else ""


def _place(partition: str, region: str) -> Document:
    """Return partition and Region if the format has values for them: none for a global service."""
    regional = region and region != AWS_GLOBAL and len(region) <= MAX_REGION
    return {
        **({"Partition": partition} if partition in PARTITIONS else {}),
        **({"Region": region} if regional else {}),
    }


# Batches of findings for Security Hub: one call per account and Region.
#
# Findings arrive in filing order (by control), so findings of one account and Region are far apart. The
# memory of open batches is bounded: when they become too large together, the largest are written before they
# are full.
@dataclass(slots=True)
class _Batch:
    findings: list[bytes] = field(default_factory=list)
    held: int = 0  # bytes in memory
    sent: int = _ENVELOPE  # bytes of the call


class Batches:
    """Collects findings into batches: JSON arrays, one per line."""

    def __init__(self, waiting: int = MAX_WAITING_BYTES) -> None:
        self._limit = waiting
        self._held = 0
        self._open: dict[Place, _Batch] = {}

    def add(self, place: Place, finding: bytes) -> Iterator[bytes]:
        """Add a finding; yield the batches that must be closed."""
        size = wire_bytes(finding) + 1
        batch = self._open.get(place)
        if batch is not None and batch.sent + size > MAX_CALL_BYTES:
            yield self._close(place)
            batch = None
        if batch is None:
            batch = self._open[place] = _Batch()
        # Counted as sent, and held as encoded: the two differ for names that are not ASCII.
        batch.findings.append(bytes(memoryview(finding)))  # copied: orjson's bytes keep an oversized buffer
        batch.held += len(finding)
        batch.sent += size
        self._held += len(finding)
        if len(batch.findings) == MAX_FINDINGS:
            yield self._close(place)
        if self._held > self._limit:
            yield from self._make_room()

    def rest(self) -> Iterator[bytes]:
        """Yield the remaining batches by account and Region."""
        for place in sorted(self._open):
            yield self._close(place)

    def _make_room(self) -> Iterator[bytes]:
        """Yield the largest batches before they are full, until half of the memory is free."""
        # The largest first: few calls with many findings are cheaper than many with few.
        for place in sorted(self._open, key=lambda key: (-self._open[key].held, key)):
            if self._held <= self._limit // 2:
                return
            yield self._close(place)

    def _close(self, place: Place) -> bytes:
        batch = self._open.pop(place)
        self._held -= batch.held
        return b"[" + b",".join(batch.findings) + b"]\n"


def wire_bytes(finding: bytes) -> int:
    """Return the size of a finding in a call, where non-ASCII characters are escaped."""
    if finding.isascii():
        return len(finding)
    text = finding.decode()
    plain = len(text.encode("ascii", "ignore"))
    return plain + _ESCAPED * (units(text) - plain)
