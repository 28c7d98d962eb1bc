"""What the controls said of the subjects in a chain, and what to do about it; read from the judged scan.

Filed findings are picked by their subject, and texts of passes are not rendered: none is shown. Those of
schema 1 are read line by line.
"""

import gzip
import mmap
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from scanner.errors import BundleError
from scanner.findings.filed import Filed
from scanner.findings.lookup import findings_of
from scanner.model.control import Control, ParameterRule, ReasonCase, Remediation, failure_title
from scanner.model.explanation import Advice, Node, Verdict
from scanner.model.finding import Finding, Severity, Status, finding_from_document
from scanner.model.owner import Owner
from scanner.report.wording import STATUS_ORDER

_MOST: Final = 12
_TOLD: Final = (Status.FAIL, Status.ERROR, Status.UNKNOWN, Status.WAIVED)

_REMEDIED: Final = (Status.FAIL, Status.WAIVED)
"""What the remediation of a control is for: what is unknown says itself which read is missing."""
_DEFINITIONS: Final = b',"controls":['


def advice(scan: Path, root: Node, files: Sequence[Path] = ()) -> tuple[tuple[Advice, ...], Owner | None]:
    """Return what does not pass of the subject itself, and what fails of the links below it; worst first.

    With it comes the owner of the subject. None: no finding names one. `files`: those of the filed findings;
    none: the scan is of schema 1.
    """
    broken = {node.subject for node in root.walk() if node.verdict is not Verdict.HOLDS} - {"", root.subject}
    subjects = {root.subject, *broken}
    definitions = _definitions(scan)
    every = _filed(files, definitions, subjects) if files else list(_lines(scan, subjects))
    found = [
        finding
        for finding in every
        if finding.status in _TOLD and (finding.subject == root.subject or finding.status is Status.FAIL)
    ]
    found.sort(key=lambda each: (STATUS_ORDER[each.status], each.severity.rank, *each.order))
    owner = next((each.owner for each in every if each.subject == root.subject), None)
    return tuple(_advice(each, definitions.get(each.control, {})) for each in found[:_MOST]), owner


def _advice(finding: Finding, definition: Mapping[str, Any]) -> Advice:
    remediation = definition.get("remediation") or {} if finding.status in _REMEDIED else {}
    own = finding.to_do
    return Advice(
        control=finding.control,
        title=_title(finding, definition),
        status=finding.status,
        severity=finding.severity,
        subject=finding.subject,
        reason=finding.reason,
        text=own.text if own else str(remediation.get("text") or "").strip(),
        cli=own.cli if own else str(remediation.get("cli") or "").strip(),
        owner=finding.owner,
    )


def _title(finding: Finding, definition: Mapping[str, Any]) -> str:
    """Return the title of a failure for what failed, else that of the requirement; without one, the id."""
    requirement = str(definition.get("title") or finding.control)
    if finding.status not in _REMEDIED:
        return requirement
    return failure_title(finding.control, requirement, str(definition.get("failure_title") or ""))


def _filed(
    files: Sequence[Path], definitions: Mapping[str, Mapping[str, Any]], subjects: Collection[str]
) -> list[Finding]:
    """Read the filed findings of some subjects, without the texts that are not filed.

    BundleError: they cannot be read, or a finding is of a control that the scan does not define.
    """
    try:
        controls = tuple(map(control_of, definitions.values()))
    except (KeyError, TypeError, ValueError) as problem:
        raise BundleError(f"The scan's controls have not the shape of the contract: {problem}.") from problem
    return findings_of(Filed(files, controls), subjects)


def _lines(scan: Path, subjects: Collection[str]) -> Iterator[Finding]:
    """Read the findings of some subjects. The others are skipped as bytes, and never parsed."""
    path = scan / "findings.jsonl.gz"
    needles = [b'"subject":' + orjson.dumps(subject) for subject in subjects]
    try:
        with gzip.open(path) as lines:
            for line in lines:
                if any(needle in line for needle in needles):
                    finding = finding_from_document(orjson.loads(line))
                    if finding.subject in subjects:
                        yield finding
    except (OSError, EOFError, zlib.error) as problem:
        raise BundleError(
            f"{path} cannot be read: {problem}. Run audit evaluate on the bundle again."
        ) from problem
    except (KeyError, TypeError, ValueError) as problem:
        raise BundleError(f"{path} holds something that is no finding: {problem}.") from problem


def _definitions(scan: Path) -> Mapping[str, Mapping[str, Any]]:
    """Read the controls of summary.json, or from the end of findings.json, which may have many findings.

    Empty: neither is there, or has definitions. Findings of schema 1 can be shown without.
    """
    return _controls(scan / "summary.json") or _controls(scan / "findings.json")


def _controls(file: Path) -> Mapping[str, Mapping[str, Any]]:
    try:
        with (
            file.open("rb") as opened,
            mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as text,
        ):
            start = text.rfind(_DEFINITIONS)
            document = orjson.loads(b"{" + text[start + 1 :] if start >= 0 else text[:])
    except (OSError, ValueError):
        return {}
    controls = document.get("controls") if isinstance(document, dict) else None
    definitions = [each for each in controls or () if isinstance(each, dict)]
    return {str(each.get("id")): each for each in definitions}


def control_of(document: Mapping[str, Any]) -> Control:
    """Parse the definition of a control in summary.json. KeyError, TypeError or ValueError: it is none."""
    return Control(
        id=document["id"],
        title=document["title"],
        failure_title=document.get("failure_title", ""),
        severity=Severity(document["severity"]),
        subject=document["subject"],
        population=document["population"],
        require=document["require"],
        reason=document["reason"],
        reasons=document["reasons"],
        reason_cases={
            status: tuple(ReasonCase(each["when"], each["text"]) for each in cases)
            for status, cases in document.get("reason_cases", {}).items()
        },
        parameters=document["defaults"],
        parameter_rules={
            name: ParameterRule(doc=doc) for name, doc in document.get("parameter_docs", {}).items()
        },
        evidence=tuple(document["evidence"]),
        motivation=document["motivation"],
        remediation=Remediation(**document["remediation"]),
        frameworks={name: tuple(ids) for name, ids in document["frameworks"].items()},
        audit_manager=document["audit_manager"],
    )
