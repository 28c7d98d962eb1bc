"""The findings about the subjects of a tree, with what to do about them, read from the evaluated scan.

Findings in Parquet are selected by subject; texts of passes are not rendered, because none is shown. Findings
of schema 1 are read line by line.
"""

import mmap
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import orjson

from scanner.errors import BundleError
from scanner.findings.filed import Filed, findings_of
from scanner.model.control import (
    Control,
    ParameterRule,
    ReasonCase,
    Remediation,
    baseline_of,
    failure_title,
)
from scanner.model.decisions import Owner
from scanner.model.explanation import Advice, Explanation, Node, Verdict
from scanner.model.finding import Finding, Severity, Status, finding_from_document
from scanner.report.commands.commands import commands_of
from scanner.report.commands.structures import Structures
from scanner.report.wording import STATUS_ORDER
from scanner.storage.bounded import open_regular, read_lines

# More would push the tree off the screen; the report has all findings.
_MOST: Final = 12
_SHOWN: Final = (Status.FAIL, Status.ERROR, Status.UNKNOWN, Status.WAIVED)

_REMEDIED: Final = (Status.FAIL, Status.WAIVED)
"""Statuses for which the control's remediation is shown. The reason of an unknown names the missing read."""
_DEFINITIONS: Final = b',"controls":['


def advice(scan: Path, root: Node, files: Sequence[Path] = ()) -> tuple[tuple[Advice, ...], Owner | None]:
    """Return the findings of the subject that did not pass, and the failures of its links, worst first.

    Also return the owner of the subject; None: no finding names one. `files`: the Parquet files of findings;
    empty: the scan has schema 1.
    """
    # Failures of links explain the subject's own: they are mended first.
    broken = {node.subject for node in root.walk() if node.verdict is not Verdict.HOLDS} - {"", root.subject}
    subjects = {root.subject, *broken}
    definitions = definitions_of(scan)
    findings = _filed(files, definitions, subjects) if files else list(_lines(scan, subjects))
    shown = [
        finding
        for finding in findings
        # Of links only failures: their unknowns would repeat what the tree says already.
        if finding.status in _SHOWN and (finding.subject == root.subject or finding.status is Status.FAIL)
    ]
    shown.sort(key=lambda finding: (STATUS_ORDER[finding.status], finding.severity.rank, *finding.order))
    owner = next((finding.owner for finding in findings if finding.subject == root.subject), None)
    return tuple(_advice(finding, definitions.get(finding.control, {})) for finding in shown[:_MOST]), owner


def advice_of(
    scan: Path, failures: Collection[tuple[str, str]], files: Sequence[Path] = ()
) -> tuple[Advice, ...]:
    """Return failures by control and subject, with what to do about them; `files` as of `advice`."""
    subjects = {subject for _, subject in failures}
    definitions = definitions_of(scan)
    findings = _filed(files, definitions, subjects) if files else _lines(scan, subjects)
    return tuple(
        _advice(finding, definitions.get(finding.control, {}))
        for finding in findings
        if (finding.control, finding.subject) in failures and finding.status in _REMEDIED
    )


def _advice(finding: Finding, definition: Mapping[str, Any]) -> Advice:
    # An unknown has nothing to remedy but the missing read, which its reason names.
    remediation = definition.get("remediation") or {} if finding.status in _REMEDIED else {}
    # Advice that was made for this finding is more exact than that of its control.
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
        root_cause=finding.root_cause,
        subject_type=finding.subject_type,
        account=finding.account,
        region=finding.region,
        details=finding.details,
    )


def with_commands(explanation: Explanation, structures: Structures, scan: Path) -> Explanation:
    """Return an explanation with the commands of its advice complete for each subject. `scan`: its folder."""
    templates = {
        name: str((definition.get("remediation") or {}).get("cli") or "")
        for name, definition in definitions_of(scan).items()
    }
    advice = (
        replace(row, cli=commands_of(row, row.cli, structures, templates)) for row in explanation.advice
    )
    return replace(explanation, advice=tuple(advice))


def _title(finding: Finding, definition: Mapping[str, Any]) -> str:
    """Return the failure title of a failed control, else its title, else its id."""
    requirement = str(definition.get("title") or finding.control)
    if finding.status not in _REMEDIED:
        return requirement
    return failure_title(finding.control, requirement, str(definition.get("failure_title") or ""))


def _filed(
    files: Sequence[Path], definitions: Mapping[str, Mapping[str, Any]], subjects: Collection[str]
) -> list[Finding]:
    """Read the findings of some subjects from Parquet, without the texts that it does not contain.

    BundleError: they cannot be read, or the scan does not define the control of a finding.
    """
    try:
        controls = tuple(map(control_of, definitions.values()))
    except (KeyError, TypeError, ValueError) as problem:
        raise BundleError(f"The control definitions in the scan are not valid: {problem}.") from problem
    return findings_of(Filed(files, controls), subjects)


def _lines(scan: Path, subjects: Collection[str]) -> Iterator[Finding]:
    """Read the findings of some subjects from findings.jsonl.gz."""
    path = scan / "findings.jsonl.gz"
    # Most lines are about other subjects: comparing bytes is much faster than parsing each line.
    needles = [b'"subject":' + orjson.dumps(subject) for subject in subjects]
    try:
        for line in read_lines(path):
            if any(needle in line for needle in needles):
                finding = finding_from_document(orjson.loads(line))
                if finding.subject in subjects:
                    yield finding
    except (OSError, EOFError, zlib.error) as problem:
        raise BundleError(
            f"{path} cannot be read: {problem}. Run audit evaluate on the bundle again."
        ) from problem
    except (KeyError, TypeError, ValueError) as problem:
        raise BundleError(f"{path} contains a line that is not a finding: {problem}.") from problem


def definitions_of(scan: Path) -> Mapping[str, Mapping[str, Any]]:
    """Read the definitions of controls from summary.json or findings.json, by id.

    Empty: neither file exists or has definitions. Findings of schema 1 can be shown without them.
    """
    return _controls(scan / "summary.json") or _controls(scan / "findings.json")


def _controls(file: Path) -> Mapping[str, Mapping[str, Any]]:
    try:
        with (
            open_regular(file) as opened,
            mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as text,
        ):
            # findings.json may contain many findings; the definitions follow them, at the end.
            start = text.rfind(_DEFINITIONS)
            document = orjson.loads(b"{" + text[start + 1 :] if start >= 0 else text[:])
    # A scan without definitions can still be shown, with ids in place of titles.
    except (OSError, ValueError):
        return {}
    controls = document.get("controls") if isinstance(document, dict) else None
    definitions = [control for control in controls or () if isinstance(control, dict)]
    return {str(definition.get("id")): definition for definition in definitions}


def control_of(document: Mapping[str, Any]) -> Control:
    """Parse the definition of a control in summary.json. KeyError, TypeError or ValueError: not valid."""
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
            status: tuple(ReasonCase(case["when"], case["text"]) for case in cases)
            for status, cases in document.get("reason_cases", {}).items()
        },
        parameters=document["defaults"],
        # Only the documentation is stored: ranges are checked when parameters are set.
        parameter_rules={
            name: ParameterRule(doc=doc) for name, doc in document.get("parameter_docs", {}).items()
        },
        evidence=tuple(document["evidence"]),
        motivation=document["motivation"],
        remediation=Remediation(**document["remediation"]),
        frameworks={name: tuple(ids) for name, ids in document["frameworks"].items()},
        documentation=document.get("documentation", ""),
        audit_manager=document["audit_manager"],
        baseline=baseline_of(document.get("baseline")),
    )
