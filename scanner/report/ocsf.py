"""`findings.ocsf.jsonl`: a Compliance Finding (class 2003) of OCSF 1.5.0 a line, for lakes and SIEMs.

An event says in `compliance.status_id` what was found, and in `status_id` whether it asks for somebody. What
could not be judged is Unknown, and never anything that a reader could take for a pass.

The events are made here and not by py-ocsf-models, which the tests validate them with: it lays down one
version of email-validator for everybody that installs it, takes a multiple of the time, and knows no
`compliance.status`. So this format needs nothing beyond the default installation.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final
from uuid import UUID, uuid5

from scanner.model.control import Remediation
from scanner.model.finding import Finding, Severity, Status, ToDo
from scanner.model.inventory import Account
from scanner.model.names import parse_arn, partition_of
from scanner.model.owner import Owner
from scanner.report.encoding import encode
from scanner.report.view import ControlView, View
from scanner.report.words import FRAMEWORK_WORDS, STATUS_WORDS, given_name, short_name, visible

VERSION: Final = "1.5.0"
"""The version of the schema that the events follow."""

SEVERITIES: Final = {
    Severity.INFO: (1, "Informational"),
    Severity.LOW: (2, "Low"),
    Severity.MEDIUM: (3, "Medium"),
    Severity.HIGH: (4, "High"),
    Severity.CRITICAL: (5, "Critical"),
}

COMPLIANCE: Final = {
    Status.PASS: (1, "Pass"),
    Status.FAIL: (3, "Fail"),
    Status.WAIVED: (3, "Fail"),
    Status.UNKNOWN: (0, "Unknown"),
    Status.ERROR: (2, "Warning"),  # OCSF: "did not yield a result due to missing information"
    Status.NOT_APPLICABLE: (99, STATUS_WORDS[Status.NOT_APPLICABLE]),
}
"""What was found. A waived failure is one; the event says that it is suppressed."""

STANDING: Final = {
    Status.FAIL: (1, "New"),
    Status.UNKNOWN: (1, "New"),
    Status.ERROR: (1, "New"),
    Status.WAIVED: (3, "Suppressed"),
    Status.PASS: (99, STATUS_WORDS[Status.PASS]),
    Status.NOT_APPLICABLE: (99, STATUS_WORDS[Status.NOT_APPLICABLE]),
}
"""Whether somebody is asked."""

QUIET: Final = (Status.PASS, Status.NOT_APPLICABLE)
"""What asks for nobody: such an event is informational, whatever its control would be worth."""

_REMEDIED: Final = (Status.FAIL, Status.WAIVED)
_CLASS: Final = {
    "activity_id": 1,
    "activity_name": "Create",
    "category_uid": 2,
    "category_name": "Findings",
    "class_uid": 2003,
    "class_name": "Compliance Finding",
    "type_uid": 200301,
    "type_name": "Compliance Finding: Create",
}
_NAMESPACE: Final = UUID("c2764e9a-acd6-516d-8f41-51bc6ae959bc")
_BATCH: Final = 200

Document = dict[str, Any]


def ocsf(view: View) -> Iterator[bytes]:
    """Give findings.ocsf.jsonl in pieces: one event a line, in the order of filing."""
    events = _Events(view)
    lines = (encode(events.event(finding)) for finding in view.findings)
    while batch := tuple(islice(lines, _BATCH)):
        yield b"\n".join(batch) + b"\n"


@dataclass(frozen=True, slots=True)
class _Asked:
    """What all events of a control share."""

    title: str
    headline: str  # what a viewer shows at the head of a finding: it must not read as if what fails held
    compliance: Document
    check: Document
    remediation: Document | None  # None: the control's definition names none


class _Events:
    """Makes events. Holds what they share: by control, by account."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._time = _milliseconds(view.manifest.evaluated_as_of)
        self._metadata = _metadata(view)
        self._defined = {each.control.id: each for each in view.controls}
        self._members: dict[str, Account] = {account.id: account for account in view.manifest.accounts}
        self._asked: dict[str, _Asked] = {}
        self._clouds: dict[tuple[str, str], Document] = {}

    def event(self, finding: Finding) -> Document:
        """Give the event of a finding."""
        asked = self._about(finding)
        standing, word = STANDING[finding.status]
        severity = Severity.INFO if finding.status in QUIET else finding.severity
        cloud = self._cloud(finding)
        fingerprint = finding.fingerprint
        remediation = _remediation(finding.to_do) if finding.to_do else asked.remediation
        remedied = remediation is not None and (finding.status in _REMEDIED or finding.to_do is not None)
        return {
            **_CLASS,
            "time": self._time,
            "severity_id": SEVERITIES[severity][0],
            "severity": SEVERITIES[severity][1],
            "status_id": standing,
            "status": word,
            "status_code": finding.status.value,
            "status_detail": visible(finding.reason),
            "message": visible(_sentence(finding, self._view)),
            "metadata": {
                "uid": str(uuid5(_NAMESPACE, f"{self._view.manifest.scan_id}\n{fingerprint}")),
                "event_code": finding.control,
                **self._metadata,
            },
            "finding_info": self._info(finding, asked, fingerprint),
            "compliance": _compliance(finding, asked),
            **({"remediation": remediation} if remedied else {}),
            "cloud": cloud,
            "resources": [_resource(finding, cloud["account"])],
            "unmapped": self._unmapped(finding, fingerprint),
        }

    def _info(self, finding: Finding, asked: _Asked, fingerprint: str) -> Document:
        return {
            "uid": fingerprint,
            "title": asked.headline,
            "desc": visible(finding.reason),
            "created_time": self._time,
            "types": [finding.subject_type],
            "analytic": {"uid": finding.control, "name": asked.title, "type_id": 1, "type": "Rule"},
        }

    def _unmapped(self, finding: Finding, fingerprint: str) -> Document:
        waiver = finding.document()["waiver"]
        return {
            "status": finding.status.value,
            "severity": finding.severity.value,
            "subject_type": finding.subject_type,
            "fingerprint": fingerprint,
            "evidence": [{"file": ref.file, "line": ref.line} for ref in finding.evidence],
            "details": dict(finding.details),
            "waiver": waiver,
            **_told_owner(finding.owner),
            **({"notice": self._view.notice} if self._view.notice else {}),
        }

    def _about(self, finding: Finding) -> _Asked:
        if (known := self._asked.get(finding.control)) is None:
            known = self._asked[finding.control] = _asked(finding, self._defined.get(finding.control))
        return known

    def _cloud(self, finding: Finding) -> Document:
        key = (finding.account, finding.region)
        if (known := self._clouds.get(key)) is None:
            known = self._clouds[key] = _cloud(*key, self._view, self._members.get(key[0]))
        return known


def _metadata(view: View) -> Document:
    manifest = view.manifest
    version = {"version": manifest.tool_version} if manifest.tool_version else {}
    organization = manifest.scope.organization_id
    return {
        "version": VERSION,
        "product": {
            "name": manifest.tool_name or "vaultproof",
            "vendor_name": manifest.tool_name or "vaultproof",
            **version,
        },
        "profiles": ["cloud"],
        "correlation_uid": manifest.scan_id,
        **({"tenant_uid": organization} if organization else {}),
        **({"labels": ["redacted"]} if view.notice else {}),
    }


def _asked(finding: Finding, view: ControlView | None) -> _Asked:
    control = finding.control
    title = visible(view.control.title) if view else control
    number, word = SEVERITIES[view.control.severity if view else finding.severity]
    parameters = [{"name": name, "value": text} for name, text in view.parameters] if view else []
    return _Asked(
        title=title,
        headline=f"Requirement: {title}" if view else control,
        compliance={
            "control": control,
            "desc": title,
            **({"control_parameters": parameters} if parameters else {}),
        },
        check={"uid": control, "name": title, "severity_id": number, "severity": word},
        remediation=_remediation(view.control.remediation) if view else None,
    )


def _remediation(remedy: Remediation | ToDo) -> Document | None:
    text = "\n\n".join(part.strip() for part in (remedy.text, remedy.cli) if part.strip())
    return {"desc": visible(text)} if text else None


def _compliance(finding: Finding, asked: _Asked) -> Document:
    number, word = COMPLIANCE[finding.status]
    named = {FRAMEWORK_WORDS.get(name, name): ids for name, ids in finding.frameworks.items()}
    standards = [visible(name) for name in named]
    return {
        **asked.compliance,
        "requirements": [visible(f"{name} {each}") for name, ids in named.items() for each in ids],
        "standards": standards,
        "status_id": number,
        "status": word,
        "status_code": finding.status.value,
        "checks": [{**asked.check, "standards": standards, "status_id": number, "status": word}],
    }


def _cloud(account: str, region: str, view: View, known: Account | None) -> Document:
    return {
        "provider": "AWS",
        "account": {
            "uid": account,
            "name": visible(view.account(account)),
            "type_id": 10,
            "type": "AWS Account",
        },
        "region": region,
        **_organization(view, known.ou_path if known else None),
    }


def _organization(view: View, path: str | None) -> Document:
    organization = view.manifest.scope.organization_id
    if organization is None:
        return {}
    unit = (path or "").rpartition("/")[2]
    name = view.unit_names.get(unit)
    named = {"ou_name": visible(name)} if name else {}
    return {"org": {"uid": organization, **({"ou_uid": unit, **named} if unit else {})}}


def _resource(finding: Finding, account: Mapping[str, Any]) -> Document:
    arn = parse_arn(finding.subject)
    owner = finding.owner
    named = owner is not None and owner.name
    return {
        "uid": finding.subject,
        "name": visible(given_name(finding.details) or short_name(finding.subject)),
        "type": finding.subject_type,
        "region": finding.region,
        "cloud_partition": arn.partition if arn and arn.partition else partition_of(finding.region),
        **({"owner": _user(visible(named), account)} if named else {}),
    }


def _user(name: str, account: Mapping[str, Any]) -> Document:
    return {"uid": name, "name": name, "type_id": 99, "type": "Owner", "account": account}


def _told_owner(owner: Owner | None) -> Document:
    """Say who is asked; null: it is not known, empty: nobody is named."""
    return {} if owner is None else {"owner": owner.name, "owner_source": owner.source}


def _sentence(finding: Finding, view: View) -> str:
    name = given_name(finding.details)
    short = short_name(finding.subject)
    subject = f"{name} ({short})" if name and name not in short else short
    where = f"{view.account(finding.account)}, {finding.region}"
    return f"{STATUS_WORDS[finding.status]}: {subject} in {where}: {finding.reason}"


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
