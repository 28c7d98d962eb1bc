"""`report.sarif`: SARIF 2.1.0 (OASIS), for code scanning and SARIF viewers.

Results are findings with the status fail, unknown, error or waived. Passed and not applicable findings are
only counted in the run's properties, because viewers that ignore `kind` would show them as alerts.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final
from urllib.parse import quote

from scanner.evidence.manifest import rfc3339
from scanner.model.control import Control, ControlSelection
from scanner.model.decisions import Owner, Waiver
from scanner.model.finding import Finding, Severity, Status
from scanner.model.inventory import ShardStatus
from scanner.model.known import ASSUME_ROLE
from scanner.model.root_causes import cause_document
from scanner.report.view.completeness import GapGroup
from scanner.report.view.counts import Counts
from scanner.report.view.view import ControlView, View
from scanner.report.wording import STATUS_WORDS, count_word, given_name, short_name, visible, visible_values
from scanner.storage.encoding import encode

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

MAX_RESULTS: Final = 25_000
"""Maximum number of results. GitHub rejects files with more ("SARIF results exceed one or more limits")."""

REPORTED: Final = (Status.FAIL, Status.ERROR, Status.UNKNOWN, Status.WAIVED)
"""The statuses that are results."""

INFORMATION: Final = "https://docs.aws.amazon.com/aws-backup/"
"""The documentation of what is audited, for rules whose control names no page of its own."""

BUNDLE: Final = "BUNDLE"
"""The base id in `originalUriBaseIds` for the scan's folder, to which paths of evidence are relative."""
_MANIFEST: Final = "manifest.json"

_RELATED: Final = 20
"""Number of further evidence lines of a result. GitHub shows 100 locations and accepts 1,000."""
_BATCH: Final = 200
Document = dict[str, Any]

LEVELS: Final = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}

SECURITY_SEVERITY: Final = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "2.0",
    Severity.INFO: "0.0",
}
"""GitHub: over 9.0 is critical, from 7.0 high, from 4.0 medium, from 0.1 low."""

_ADDRESS: Final = "%:/?#[]@!$&'()*+,;=~"
"""The characters of an address that stay as they are (RFC 3986): those of other programs may have others."""

_NO_WORD: Final = re.compile(r"[^A-Za-z0-9]+")

_TAGS: Final = 10
"""Number of a rule's tags that GitHub shows; it accepts 20."""

_NOTIFICATIONS: Final = 500
"""Number of groups of missing reads with a notification of their own; the others are counted."""
_PLACES: Final = 5
_NAMED: Final = 12


def sarif(view: View) -> Iterator[bytes]:
    """Yield report.sarif in pieces: one run, with the worst results first."""
    results = tuple(islice(view.worst_with(REPORTED), MAX_RESULTS))
    # GitHub refuses a larger file as a whole, so the rest is counted instead.
    left_out = sum(view.counts.of(status) for status in REPORTED) - len(results)
    run = encode(_run(view, left_out))
    yield b'{"version":"2.1.0","$schema":' + encode(SCHEMA) + b',"runs":[' + run[:-1] + b',"results":['
    indices = {control.control.id: number for number, control in enumerate(view.controls)}
    between = b""
    documents = (encode(_result(finding, view, indices)) for finding in results)
    while batch := tuple(islice(documents, _BATCH)):
        yield between + b",".join(batch)
        between = b","
    yield b"]}]}\n"


def _run(view: View, left_out: int) -> Document:
    """Return the run without its results."""
    manifest = view.manifest
    return {
        "tool": {
            "driver": {
                "name": manifest.tool_name or "vaultproof",
                "fullName": f"{manifest.tool_name or 'vaultproof'} {manifest.tool_version}".strip(),
                **({"version": manifest.tool_version} if manifest.tool_version else {}),
                "informationUri": INFORMATION,
                "shortDescription": {"text": "Audits AWS Backup across an AWS organization."},
                "fullDescription": {
                    "text": "Checks whether an organization's AWS backups would be available when needed."
                },
                "rules": [rule(control) for control in view.controls],
                "notifications": [notification_descriptor(name) for name in NOTIFICATIONS],
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
        # Python counts columns in code points, not in UTF-16 units.
        "columnKind": "unicodeCodePoints",
        "properties": run_properties(view, left_out),
    }


NOTIFICATIONS: Final[Mapping[str, tuple[str, str]]] = {
    "missing-read": (
        "A read is missing.",
        "A read was denied, failed, was truncated or was never made. Checks that need it are unknown.",
    ),
    "shard-not-read": (
        "An account-Region could not be read.",
        "An account-Region could not be read completely. Its resources may be missing from the results.",
    ),
    "control-broke": (
        "A control ended with an error.",
        "A control could not be evaluated because of an error. Its subjects have no verdict.",
    ),
    "redacted": (
        "Names are pseudonyms.",
        "Accounts, names and tags are replaced by pseudonyms, the same ones in all files of the scan.",
    ),
    "results-left-out": (
        "Results are left out.",
        "There are more results than a file may contain. findings.csv has all of them.",
    ),
    "controls-not-evaluated": (
        "Controls were not evaluated.",
        "The scan did not select these controls. They have no rule and no result here, and did not pass.",
    ),
}
"""Short and full descriptions of the invocation's notifications."""

_EXPLAINED: Final = "The completeness section of the report lists what is missing, with the errors of AWS."


def notification_descriptor(name: str) -> Document:
    """Return the reportingDescriptor of a notification, as complete as that of a rule."""
    short, full = NOTIFICATIONS[name]
    return {
        "id": name,
        "name": _friendly(name),
        "shortDescription": {"text": short},
        "fullDescription": {"text": full},
        "helpUri": INFORMATION,
        "help": {"text": f"{full} {_EXPLAINED}"},
    }


def _friendly(name: str) -> str:
    """Return an id as a Pascal-case identifier, as SARIF's `name` of a descriptor should be."""
    words = [word for word in _NO_WORD.split(name) if word]
    # The multitool of Microsoft rejects a name that differs from the id in case only.
    return "".join(word[:1].upper() + word[1:] for word in (words if len(words) > 1 else [*words, "check"]))


def _result(finding: Finding, view: View, indices: Mapping[str, int]) -> Document:
    failed = finding.status in (Status.FAIL, Status.WAIVED)
    index = indices.get(finding.control)
    control = None if index is None else view.controls[index].control
    return {
        "ruleId": finding.control,
        **({} if index is None else {"ruleIndex": index}),
        # SARIF's `open` is for checks without a result: a viewer must not show them as failures.
        "kind": "fail" if failed else "open",
        "level": LEVELS[finding.severity] if failed else "none",
        "message": {"text": message(_sentence(finding, view, control))},
        "locations": [_location(finding)],
        **_related(finding),
        "partialFingerprints": {
            "primaryLocationLineHash": finding.fingerprint,  # the one that GitHub reads
            "vaultproof/v1": finding.fingerprint,
        },
        # An empty list says that it is not suppressed; without one, that is unknown (SARIF 2.1.0).
        **_provenance(finding, view),
        "suppressions": [] if finding.waiver is None else [_suppression(finding.waiver)],
        "properties": _properties(finding, view),
    }


def _provenance(finding: Finding, view: View) -> Document:
    """Return since when a finding is open, if earlier scans show it."""
    first_seen = view.first_seen(finding)
    return {} if first_seen is None else {"provenance": {"firstDetectionTimeUtc": rfc3339(first_seen.at)}}


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
    """Return where the evidence begins; without evidence, the manifest, which lists what was read."""
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
        "justification": visible(waiver.reason),
        "properties": {
            "waiver": visible(waiver.id),
            "owner": visible(waiver.owner),
            "approver": visible(waiver.approver),
            "expires": waiver.expires,
        },
    }


def _properties(finding: Finding, view: View) -> Document:
    return {
        "status": finding.status.value,
        "severity": finding.severity.value,
        "account": finding.account,
        "region": finding.region,
        "subjectType": finding.subject_type,
        "name": visible(given_name(finding.details)),
        "evidence": len(finding.evidence),
        **_owner(finding.owner),
        **_traced(finding, view),
    }


def _traced(finding: Finding, view: View) -> Document:
    """Return root cause, the failure to mend first, and the commands of a finding."""
    cause, blocker, advice = finding.root_cause, finding.blocked_by, view.to_do(finding)
    document: Document = {
        **({} if cause is None else {"rootCause": cause_document(cause)}),
        **(
            {} if blocker is None else {"blockedBy": {"control": blocker.control, "subject": blocker.subject}}
        ),
        **({"commands": advice.cli} if advice is not None and advice.cli else {}),
    }
    return {name: visible_values(value) for name, value in document.items()}


def _owner(owner: Owner | None) -> Document:
    """Return the owner: null if unknown, empty if there is none."""
    return {} if owner is None else visible_values({"owner": owner.name, "ownerSource": owner.source})


def rule(view: ControlView) -> Document:
    """Return the reportingDescriptor of a control."""
    control = view.control
    text = control.motivation or control.title
    return {
        "id": control.id,
        "name": _friendly(control.id),
        "shortDescription": {"text": visible(_title(view))},
        "fullDescription": {"text": visible(text)},
        "helpUri": quote(control.documentation, safe=_ADDRESS) or INFORMATION,
        "help": {"text": _help_text(view), "markdown": _help_markdown(view)},
        "defaultConfiguration": {"level": LEVELS[control.severity]},
        "properties": {
            "tags": ["security", "backup", *control.frameworks][:_TAGS],
            "security-severity": SECURITY_SEVERITY[control.severity],
            # GitHub sorts by it: a failure is proven by evidence, never a guess.
            "precision": "very-high",
            "severity": control.severity.value,
            "subject": control.subject,
            "parameters": visible_values(dict(view.parameters)),
            "frameworks": visible_values(control.frameworks),
            "counts": counts_document(view.counts),
        },
    }


def _title(view: ControlView) -> str:
    """Return the failure that a rule reports.

    GitHub shows it as the title of every alert, also of unknown results, so these are named if there are any.
    """
    return f"{view.control.failure}, or unknown" if view.counts.open else view.control.failure


def counts_document(counts: Counts) -> Document:
    """Return counts by status, with their denominators."""
    return {
        "pass": counts.passed,
        "fail": counts.failed,
        "waived": counts.waived,
        "unknown": counts.unknown,
        "error": counts.error,
        "not_applicable": counts.not_applicable,
        "judged": counts.judged,
        "asked": counts.asked,
    }


def _help_text(view: ControlView) -> str:
    control = view.control
    parts = (control.motivation, control.remediation.text, control.remediation.cli)
    return visible("\n\n".join(part.strip() for part in parts if part.strip())) or control.title


def _help_markdown(view: ControlView) -> str:
    control, remediation = view.control, view.control.remediation
    parts = [
        control.motivation,
        f"**What to do** (effort: {remediation.effort})\n\n{remediation.text}" if remediation.text else "",
        _fenced("AWS CLI", "shell", remediation.cli),
        _fenced("Terraform", "hcl", remediation.terraform),
        _fenced("CloudFormation", "yaml", remediation.cloudformation),
        _parameters(view),
        _requirements(view),
    ]
    return visible("\n\n".join(part.strip() for part in parts if part.strip())) or control.title


def _fenced(title: str, language: str, text: str) -> str:
    if not text.strip():
        return ""
    fence = "```"
    # A remediation may contain a fenced block of its own.
    while fence in text:
        fence += "`"
    return f"**{title}**\n\n{fence}{language}\n{text.rstrip()}\n{fence}"


def _parameters(view: ControlView) -> str:
    lines = (f"- `{name}`: {_code(value)}" for name, value in view.parameters)
    return "\n".join(("**Parameters in effect**\n", *lines)) if view.parameters else ""


def _requirements(view: ControlView) -> str:
    lines = (f"- {name}: {', '.join(ids)}" for name, ids in view.frameworks)
    return "\n".join(("**Frameworks**\n", *lines)) if view.frameworks else ""


def _code(text: str) -> str:
    return f"`{' '.join(text.replace('`', ' ').split())}`"


def message(text: str) -> str:
    """Return a message without placeholders and links (SARIF 2.1.0, 3.11.5 and 3.11.6)."""
    shown = visible(text).replace("{", "{{").replace("}", "}}")
    # SARIF reads `[text](target)` as a link in every message.
    if "](" in shown:
        shown = shown.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")
    return shown


def invocation(view: View, left_out: int) -> Document:
    """Return the invocation: successful if every account-Region was reached and no control had an error.

    Missing reads are notifications of level `error`, because results may be missing (SARIF, appendix I).
    """
    manifest = view.manifest
    started, finished = rfc3339(manifest.started_at), rfc3339(manifest.finished_at)
    # Partly read is still successful: the missing reads are notifications.
    reached = not any(
        view.completeness.number(status) for status in (ShardStatus.FAILED, ShardStatus.MISSING)
    )
    return {
        "executionSuccessful": reached and not view.counts.error,
        **({"startTimeUtc": started} if started else {}),
        **({"endTimeUtc": finished} if finished else {}),
        # What was not selected is a matter of configuration, not a fault of the run (SARIF, 3.20.20).
        "toolConfigurationNotifications": list(_configuration(view)),
        "toolExecutionNotifications": list(_notifications(view, left_out)),
    }


def _configuration(view: View) -> Iterator[Document]:
    selection = view.selection
    if selection is not None and selection.left_out:
        yield _notification("controls-not-evaluated", "note", view.selection_sentence)


def run_properties(view: View, left_out: int) -> Document:
    """Return the counts of all findings, including those that are no results."""
    manifest = view.manifest
    return {
        "organization": visible(view.organization),
        "scanId": manifest.scan_id,
        "evaluatedAsOf": rfc3339(manifest.evaluated_as_of),
        "caller": visible_values(manifest.caller_arn),
        **_selection(view.selection),
        "counts": counts_document(view.counts),
        "resultsLeftOut": left_out,
        "missingReads": len(view.completeness.gaps),
        "limitations": visible_values(view.limitations),
    }


def _selection(selection: ControlSelection | None) -> Document:
    """Return which controls were evaluated; empty: it is not recorded."""
    if selection is None:
        return {}
    return {
        "controls": {
            "selected": visible_values(list(selection.words)),
            "evaluated": selection.number,
            "notEvaluated": [control.id for control in selection.left_out],
        }
    }


def _notifications(view: View, left_out: int) -> Iterator[Document]:
    if view.notice:
        yield _notification("redacted", "warning", view.notice)
    if left_out:
        yield _notification(
            "results-left-out",
            "warning",
            f"{left_out:,} results are left out; this file contains the worst. findings.jsonl.gz has all.",
        )
    if view.counts.error:
        yield _notification(
            "control-broke",
            "error",
            f"{count_word(view.counts.error, 'check')} could not be evaluated because of an error.",
        )
    if view.completeness.broken_shards:
        yield _notification("shard-not-read", "error", _shards(view))
    groups = view.completeness.groups
    for group in groups[:_NOTIFICATIONS]:
        yield _notification("missing-read", "error", _missing(group))
    if rest := groups[_NOTIFICATIONS:]:
        number = sum(group.number for group in rest)
        yield _notification("missing-read", "error", f"{count_word(number, 'more read')} are missing.")


def _notification(name: str, level: str, text: str) -> Document:
    return {"descriptor": {"id": name}, "level": level, "message": {"text": message(text)}}


def _shards(view: View) -> str:
    statuses = ", ".join(f"{number:,} {status.value}" for status, number in view.completeness.tally)
    return f"Of {count_word(view.completeness.shards, 'account-Region')}: {statuses}."


def _missing(group: GapGroup) -> str:
    code = f" ({group.code})" if group.code else ""
    affected = (
        f" Affected controls: {_some(group.affected_controls, _NAMED)}." if group.affected_controls else ""
    )
    error = f" Error from AWS: {group.message}" if group.message else ""
    if group.is_no_entry:
        accounts = tuple(account for account, _ in group.where)
        return visible(
            f"{count_word(len(accounts), 'account')} could not be entered: {ASSUME_ROLE} of "
            f"{_some(group.abouts, _NAMED)} was {group.kind.value}{code}.{affected}{error}"
        )
    return visible(
        f"{_some(group.operations, _NAMED)}: {count_word(group.number, 'read')} {group.kind.value}{code} in "
        f"{_some(group.places, _PLACES)}.{affected}{error}"
    )


def _some(words: tuple[str, ...], shown: int) -> str:
    more = f" and {len(words) - shown:,} more" if len(words) > shown else ""
    return ", ".join(words[:shown]) + more
