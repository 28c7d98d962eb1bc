"""`report.sarif`: SARIF 2.1.0 (OASIS), for code scanning and the viewers that read it.

A result is what asks for somebody: a failure, an open question, an error of a control, a failure that is
waived. Passes and what does not apply are counted in the run's properties; viewers that do not look at `kind`
would take them for alarms.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final
from urllib.parse import quote

from scanner.model.control import Control
from scanner.model.finding import Finding, Status, Waiver
from scanner.model.owner import Owner
from scanner.report.encoding import encode
from scanner.report.sarif_rules import LEVELS, rule
from scanner.report.sarif_run import invocation, message, run_properties
from scanner.report.view import View
from scanner.report.words import STATUS_WORDS, given_name, short_name, visible

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

MAX_RESULTS: Final = 25_000
"""Results of a run that GitHub takes; of more it takes none ("SARIF results exceed one or more limits")."""

REPORTED: Final = (Status.FAIL, Status.ERROR, Status.UNKNOWN, Status.WAIVED)
"""The statuses that are results."""

BUNDLE: Final = "BUNDLE"
"""The folder of the scan: what `originalUriBaseIds` names, and paths of evidence are relative to."""

_MANIFEST: Final = "manifest.json"
_RELATED: Final = 20
"""Evidence lines of a result beside the first. GitHub shows 100 locations and takes 1,000."""

_BATCH: Final = 200

Document = dict[str, Any]


def sarif(view: View) -> Iterator[bytes]:
    """Give report.sarif in pieces: one run, its results worst first."""
    results = tuple(islice((each for each in view.worst if each.status in REPORTED), MAX_RESULTS))
    left_out = sum(view.counts.of(status) for status in REPORTED) - len(results)
    run = encode(_run(view, left_out))
    yield b'{"version":"2.1.0","$schema":' + encode(SCHEMA) + b',"runs":[' + run[:-1] + b',"results":['
    indices = {each.control.id: number for number, each in enumerate(view.controls)}
    between = b""
    documents = (encode(_result(finding, view, indices)) for finding in results)
    while batch := tuple(islice(documents, _BATCH)):
        yield between + b",".join(batch)
        between = b","
    yield b"]}]}\n"


def _run(view: View, left_out: int) -> Document:
    """Give the run without its results."""
    manifest = view.manifest
    return {
        "tool": {
            "driver": {
                "name": manifest.tool_name or "vaultproof",
                **({"version": manifest.tool_version} if manifest.tool_version else {}),
                "shortDescription": {"text": "Proof that AWS backups would be there when needed."},
                "rules": [rule(each) for each in view.controls],
                "notifications": [
                    {"id": name, "shortDescription": {"text": text}} for name, text in NOTIFICATIONS.items()
                ],
            }
        },
        "automationDetails": {
            "id": f"vaultproof/{quote(view.organization, safe='')}/{quote(manifest.scan_id, safe='')}"
        },
        "invocations": [invocation(view, left_out)],
        "originalUriBaseIds": {
            BUNDLE: {
                "description": {
                    "text": "The folder of the scan. Lines of evidence are those of the decompressed files."
                }
            }
        },
        "columnKind": "unicodeCodePoints",
        "properties": run_properties(view, left_out),
    }


NOTIFICATIONS: Final[Mapping[str, str]] = {
    "missing-read": "A read that the scan asked for was refused, failed, was cut off or never made.",
    "shard-not-read": "An account-Region could not be read completely.",
    "control-broke": "A control could not be evaluated because of an error.",
    "redacted": "Names are pseudonyms.",
    "results-left-out": "There are more results than a file may hold.",
}
"""What the invocation may tell of."""


def _result(finding: Finding, view: View, indices: Mapping[str, int]) -> Document:
    failed = finding.status in (Status.FAIL, Status.WAIVED)
    index = indices.get(finding.control)
    control = None if index is None else view.controls[index].control
    return {
        "ruleId": finding.control,
        **({} if index is None else {"ruleIndex": index}),
        "kind": "fail" if failed else "open",
        "level": LEVELS[finding.severity] if failed else "none",
        "message": {"text": message(_sentence(finding, view, control))},
        "locations": [_location(finding)],
        **_related(finding),
        "partialFingerprints": {
            "primaryLocationLineHash": finding.fingerprint,  # the one that GitHub reads
            "vaultproof/v1": finding.fingerprint,
        },
        "suppressions": [] if finding.waiver is None else [_suppression(finding.waiver)],
        "properties": _properties(finding),
    }


def _sentence(finding: Finding, view: View, control: Control | None) -> str:
    name = given_name(finding.details)
    short = short_name(finding.subject)
    subject = f"{name} ({short})" if name and name not in short else short
    word = "" if finding.status is Status.FAIL else f"{STATUS_WORDS[finding.status]}: "
    # The rule's own text is the requirement, since results of one rule may fail or be unknown.
    title = f"{control.failure}: " if control and finding.status in (Status.FAIL, Status.WAIVED) else ""
    where = f"{view.account(finding.account)}, {finding.region}"
    return f"{word}{title}{subject} in {where}: {finding.reason}"


def _location(finding: Finding) -> Document:
    """Give where the evidence begins; without evidence, the manifest, which says what was read at all."""
    refs: Iterable[tuple[str, int]] = ((ref.file, ref.line) for ref in finding.evidence)
    return {
        "physicalLocation": _physical(*next(iter(refs), (_MANIFEST, 1))),
        "logicalLocations": [
            {
                "name": visible(short_name(finding.subject)),
                "fullyQualifiedName": finding.subject,
                "kind": "resource",
            }
        ],
    }


def _related(finding: Finding) -> Document:
    others = finding.evidence[1 : 1 + _RELATED]
    if not others:
        return {}
    return {
        "relatedLocations": [
            {"id": number, "physicalLocation": _physical(ref.file, ref.line)}
            for number, ref in enumerate(others, start=1)
        ]
    }


def _physical(file: str, line: int) -> Document:
    return {
        "artifactLocation": {"uri": quote(file), "uriBaseId": BUNDLE},
        "region": {"startLine": max(line, 1)},
    }


def _suppression(waiver: Waiver) -> Document:
    return {
        "kind": "external",
        "status": "accepted",
        "justification": waiver.reason,
        "properties": {
            "waiver": waiver.id,
            "owner": waiver.owner,
            "approver": waiver.approver,
            "expires": waiver.expires,
        },
    }


def _properties(finding: Finding) -> Document:
    return {
        "status": finding.status.value,
        "severity": finding.severity.value,
        "account": finding.account,
        "region": finding.region,
        "subjectType": finding.subject_type,
        "name": given_name(finding.details),
        "evidence": len(finding.evidence),
        **_owner(finding.owner),
    }


def _owner(owner: Owner | None) -> Document:
    """Say who is asked; null: it is not known, empty: nobody is named."""
    return {} if owner is None else {"owner": owner.name, "ownerSource": owner.source}
