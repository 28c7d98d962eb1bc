"""`findings.ocsf.jsonl`: one Compliance Finding (class 2003) of OCSF 1.5.0 per line, for lakes and SIEMs.

`compliance.status_id` is the result of the check, `status_id` whether the finding needs attention. A check
that could not be evaluated is Unknown, which no reader can take for a pass.

The events are built without py-ocsf-models, which only validates them in tests: it pins email-validator,
takes several times as long, and does not know `compliance.status`. So the format needs no further package.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final
from uuid import UUID

import orjson

from scanner.model.control import ControlSelection
from scanner.model.decisions import Owner
from scanner.model.finding import Finding, Severity, Status, ToDo, traced_document, waiver_document
from scanner.model.inventory import Account
from scanner.model.names import partition_in, partition_of
from scanner.report.formats.by_control import ByControl
from scanner.report.view.view import ControlView, View
from scanner.report.wording import (
    FRAMEWORK_WORDS,
    STATUS_WORDS,
    given_name,
    short_name,
    visible,
    visible_values,
)
from scanner.storage.encoding import encode, fragment
from scanner.storage.ocsf_parquet import event_pieces

VERSION: Final = "1.5.0"
"""The version of the OCSF schema."""

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
    # 99 is "Other" in OCSF: the word after it says which.
    Status.NOT_APPLICABLE: (99, STATUS_WORDS[Status.NOT_APPLICABLE]),
}
"""The result of the check. A waived failure is a failure; the event's status is Suppressed."""

STANDING: Final = {
    Status.FAIL: (1, "New"),
    Status.UNKNOWN: (1, "New"),
    Status.ERROR: (1, "New"),
    Status.WAIVED: (3, "Suppressed"),
    Status.PASS: (99, STATUS_WORDS[Status.PASS]),
    Status.NOT_APPLICABLE: (99, STATUS_WORDS[Status.NOT_APPLICABLE]),
}
"""Whether the finding needs attention."""

QUIET: Final = (Status.PASS, Status.NOT_APPLICABLE)
"""Statuses that need no attention: their events are informational, whatever the control's severity."""

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
    """Yield findings.ocsf.jsonl in pieces: one event per line, in filing order."""
    lines = _lines(view)
    while batch := tuple(islice(lines, _BATCH)):
        yield b"\n".join(batch) + b"\n"


def ocsf_parquet(view: View) -> Iterator[bytes]:
    """Yield findings.ocsf.parquet in pieces: the same events as rows, for Amazon Security Lake."""
    metadata = {
        "vaultproof.ocsf_version": VERSION,
        "vaultproof.scan_id": view.manifest.scan_id,
        **({"vaultproof.controls": view.selection_words} if view.selection else {}),
    }
    notice = {"vaultproof.notice": view.notice} if view.notice else {}
    return event_pieces(_lines(view), metadata | notice)


def _lines(view: View) -> Iterator[bytes]:
    """Return the events as JSON: a generator, since only one batch of them is to be in memory."""
    events = _Events(view)
    return (encode(events.event(finding)) for finding in view.findings)


@dataclass(frozen=True, slots=True)
class _Shared:
    """The common parts of a control's events. Fragments are encoded once."""

    requirement: str  # the title of a finding that did not fail
    failure: str
    analytic: orjson.Fragment
    compliance: dict[tuple[Status, Severity], orjson.Fragment]  # filled on first use


@dataclass(frozen=True, slots=True)
class _Place:
    """The common parts of the events of one account and Region."""

    words: str
    partition: str  # of the Region
    cloud: orjson.Fragment
    account: orjson.Fragment


class _Events:
    """Builds events. Caches their common parts by control and by account-Region."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._time = _milliseconds(view.manifest.evaluated_as_of)
        self._metadata = _metadata(view)
        self._selection = _selection(view.selection)
        self._scan = f"{view.manifest.scan_id}\n"
        self._defined = {control.control.id: control for control in view.controls}
        self._members: dict[str, Account] = {account.id: account for account in view.manifest.accounts}
        self._shared = ByControl(self._share)
        self._places: dict[tuple[str, str], _Place] = {}

    def event(self, finding: Finding) -> Document:
        """Return the event of a finding."""
        status, reason = finding.status, visible(finding.reason)
        shared, place = self._shared.of(finding), self._place(finding)
        standing, word = STANDING[status]
        number, severity = SEVERITIES[Severity.INFO if status in QUIET else finding.severity]
        name, short = given_name(finding.details), short_name(finding.subject)
        fingerprint = finding.fingerprint
        remediation = self._remediation(finding)
        return {
            **_CLASS,
            "time": self._time,
            "severity_id": number,
            "severity": severity,
            "status_id": standing,
            "status": word,
            "status_code": status.value,
            "status_detail": reason,
            "message": f"{visible(_subject_in(finding, name, short, place))}: {reason}",
            "metadata": {
                # Different in each scan, while `finding_info.uid` is the same: an event is one observation.
                "uid": event_uid(self._scan + fingerprint),
                "event_code": finding.control,
                **self._metadata,
            },
            "finding_info": self._info(finding, shared, fingerprint, reason),
            "compliance": self._compliance(finding, shared),
            **({"remediation": remediation} if remediation else {}),
            "cloud": place.cloud,
            "resources": [_resource(finding, name or short, place)],
            "unmapped": self._unmapped(finding, fingerprint),
        }

    def _remediation(self, finding: Finding) -> Document | None:
        advice = self._view.to_do(finding)
        return None if advice is None else _remediation(advice)

    def _compliance(self, finding: Finding, shared: _Shared) -> orjson.Fragment:
        # A tier may change the severity of single findings of a control.
        key = (finding.status, finding.severity)
        if (encoded := shared.compliance.get(key)) is None:
            document = _compliance(finding, self._defined.get(finding.control))
            encoded = shared.compliance[key] = fragment(document)
        return encoded

    def _info(self, finding: Finding, shared: _Shared, fingerprint: str, reason: str) -> Document:
        return {
            "uid": fingerprint,
            "title": shared.failure if finding.status in _REMEDIED else shared.requirement,
            "desc": reason,
            **self._created(finding),
            "types": [finding.subject_type],
            "analytic": shared.analytic,
        }

    def _created(self, finding: Finding) -> Document:
        """Return since when a finding is open, if earlier scans show it; else the time of the evaluation."""
        first_seen = self._view.first_seen(finding)
        if first_seen is None:
            return {"created_time": self._time}
        moment = _milliseconds(first_seen.at)
        return {"created_time": moment, "first_seen_time": moment}

    def _unmapped(self, finding: Finding, fingerprint: str) -> Document:
        waiver = finding.waiver
        return {
            "status": finding.status.value,
            "severity": finding.severity.value,
            "subject_type": finding.subject_type,
            "fingerprint": fingerprint,
            "evidence": [{"file": ref.file, "line": ref.line} for ref in finding.evidence],
            "details": dict(finding.details),
            "waiver": None if waiver is None else visible_values(waiver_document(waiver)),
            **_owner_document(finding.owner),
            **visible_values(traced_document(finding.root_cause, finding.blocked_by)),
            **self._selection,
            **({"notice": self._view.notice} if self._view.notice else {}),
        }

    def _share(self, finding: Finding) -> _Shared:
        return _shared(finding, self._defined.get(finding.control))

    def _place(self, finding: Finding) -> _Place:
        key = (finding.account, finding.region)
        if (place := self._places.get(key)) is None:
            cloud = _cloud(*key, self._view, self._members.get(finding.account))
            words = f"{self._view.account(finding.account)}, {finding.region}"
            account = fragment(cloud["account"])
            place = _Place(words, partition_of(finding.region), fragment(cloud), account)
            self._places[key] = place
        return place


def event_uid(name: str) -> str:
    """Return the version 5 UUID of a name in the namespace of these events (RFC 9562, section 5.5).

    The result is that of `uuid.uuid5`, in a third of the time.
    """
    # RFC 9562 prescribes SHA-1 for version 5; nothing relies on its strength.
    digest = hashlib.sha1(_NAMESPACE.bytes + name.encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digest[16], 16) % 4]
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"


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


def _selection(selection: ControlSelection | None) -> Document:
    """Return the key for which controls were evaluated, of how many; empty: it is not recorded."""
    if selection is None:
        return {}
    document = {
        "selected": visible_values(list(selection.words)),
        "evaluated": selection.number,
        "not_evaluated": len(selection.left_out),
    }
    return {"controls": fragment(document)}


def _shared(finding: Finding, view: ControlView | None) -> _Shared:
    control = finding.control
    title = visible(view.control.title) if view else control
    return _Shared(
        requirement=f"Requirement: {title}" if view else control,
        failure=visible(view.control.failure) if view else control,
        analytic=fragment({"uid": control, "name": title, "type_id": 1, "type": "Rule"}),
        compliance={},
    )


def _remediation(remedy: ToDo) -> Document | None:
    text = "\n\n".join(part.strip() for part in (remedy.text, remedy.cli) if part.strip())
    return {"desc": visible(text)} if text else None


def _compliance(finding: Finding, view: ControlView | None) -> Document:
    control, status = finding.control, finding.status
    title = visible(view.control.title) if view else control
    severity, severity_word = SEVERITIES[view.control.severity if view else finding.severity]
    parameters = [{"name": name, "value": visible(text)} for name, text in view.parameters] if view else []
    number, word = COMPLIANCE[status]
    named = {FRAMEWORK_WORDS.get(name, name): ids for name, ids in finding.frameworks.items()}
    standards = [visible(name) for name in named]
    check = {"uid": control, "name": title, "severity_id": severity, "severity": severity_word}
    return {
        "control": control,
        "desc": title,
        **({"control_parameters": parameters} if parameters else {}),
        "requirements": [
            visible(f"{name} {requirement}") for name, ids in named.items() for requirement in ids
        ],
        "standards": standards,
        "status_id": number,
        "status": word,
        "status_code": status.value,
        "checks": [{**check, "standards": standards, "status_id": number, "status": word}],
    }


def _cloud(account: str, region: str, view: View, member: Account | None) -> Document:
    return {
        "provider": "AWS",
        "account": {
            "uid": account,
            "name": visible(view.account(account)),
            # OCSF's number for an AWS account.
            "type_id": 10,
            "type": "AWS Account",
        },
        "region": region,
        **_organization(view, member.ou_path if member else None),
    }


def _organization(view: View, path: str | None) -> Document:
    organization = view.manifest.scope.organization_id
    if organization is None:
        return {}
    unit = (path or "").rpartition("/")[2]
    name = view.unit_names.get(unit)
    named = {"ou_name": visible(name)} if name else {}
    return {"org": {"uid": organization, **({"ou_uid": unit, **named} if unit else {})}}


def _resource(finding: Finding, name: str, place: _Place) -> Document:
    owner = finding.owner
    return {
        "uid": finding.subject,
        "name": visible(name),
        "type": finding.subject_type,
        "region": finding.region,
        "cloud_partition": partition_in(finding.subject) or place.partition,
        **({"owner": _user(visible(owner.name), place.account)} if owner is not None and owner.name else {}),
    }


def _user(name: str, account: orjson.Fragment) -> Document:
    return {"uid": name, "name": name, "type_id": 99, "type": "Owner", "account": account}


def _owner_document(owner: Owner | None) -> Document:
    """Return the owner: null if unknown, empty if there is none."""
    return {} if owner is None else visible_values({"owner": owner.name, "owner_source": owner.source})


def _subject_in(finding: Finding, name: str, short: str, place: _Place) -> str:
    subject = f"{name} ({short})" if name and name not in short else short
    return f"{STATUS_WORDS[finding.status]}: {subject} in {place.words}"


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
