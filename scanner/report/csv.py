"""`findings.csv`: one row a finding, for spreadsheets."""

import csv
import io
from collections.abc import Iterator
from typing import Final

from scanner.model.finding import Finding
from scanner.model.owner import Owner
from scanner.report.cells import harmless
from scanner.report.view import View
from scanner.report.words import given_name

COLUMNS: Final = (
    "status",
    "severity",
    "control",
    "title",
    "subject",
    "subject_type",
    "account",
    "account_name",
    "region",
    "reason",
    "waiver",
    "waived_until",
    "frameworks",
    "evidence",
    "fingerprint",
    "name",
    "owner",
    "owner_source",
    "to_do",
)

_PIECE: Final = 1_000_000
"""Characters that are gathered before they are written."""


def findings_csv(view: View) -> Iterator[bytes]:
    """Give findings.csv in pieces: UTF-8 with a byte order mark (Excel asks for it), CRLF, as filed."""
    titles = {each.control.id: each.control.title for each in view.controls}
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_MINIMAL, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    yield b"\xef\xbb\xbf"
    for finding in view.findings:
        cells = _row(finding, titles.get(finding.control, ""), view.names.get(finding.account, ""))
        writer.writerow([harmless(cell) for cell in cells])
        if text.tell() > _PIECE:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


def _row(finding: Finding, title: str, account_name: str) -> tuple[str, ...]:
    return (
        finding.status.value,
        finding.severity.value,
        finding.control,
        title,
        finding.subject,
        finding.subject_type,
        finding.account,
        account_name,
        finding.region,
        finding.reason,
        finding.waiver.id if finding.waiver else "",
        finding.waiver.expires if finding.waiver else "",
        "; ".join(f"{name} {', '.join(ids)}" for name, ids in finding.frameworks.items()),
        "; ".join(f"{ref.file}:{ref.line}" for ref in finding.evidence),
        finding.fingerprint,
        given_name(finding.details),
        *_owner(finding.owner),
        finding.to_do.text if finding.to_do else "",
    )


def _owner(owner: Owner | None) -> tuple[str, str]:
    """Give two cells; an owner that is not known has a source that says so."""
    return ("", "") if owner is None else (owner.name or "", owner.source)
