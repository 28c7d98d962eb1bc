"""`findings.csv`: one row a finding, for spreadsheets."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Final

from scanner.model.finding import Finding
from scanner.model.owner import Owner
from scanner.report.by_control import ByControl
from scanner.report.cells import csv_cell, repeated_cell
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

_BATCH: Final = 1_000
"""Rows that are written at once."""


def findings_csv(view: View, findings: Iterable[Finding] | None = None) -> Iterator[bytes]:
    """Return findings.csv in pieces: UTF-8 with a byte order mark (Excel needs it), CRLF, in filing order.

    `findings`: a part of those of the view; None: all.
    """
    rows = _Rows(view)
    yield b"\xef\xbb\xbf"
    lines = chain(
        [",".join(COLUMNS) + "\r\n"], map(rows.line, view.findings if findings is None else findings)
    )
    while batch := "".join(islice(lines, _BATCH)):
        yield batch.encode()


class _Rows:
    """Writes rows. Cells that are the same for many findings are made once."""

    def __init__(self, view: View) -> None:
        self._controls = {each.control.id: each.control for each in view.controls}
        self._accounts = view.names
        self._frameworks = ByControl(_frameworks)

    def line(self, finding: Finding) -> str:
        """Return the row of a finding, with its line break."""
        waiver, to_do = finding.waiver, finding.to_do
        control = self._controls.get(finding.control)
        cells = (
            finding.status.value,
            finding.severity.value,
            repeated_cell(finding.control),
            repeated_cell(control.title_of(finding.status) if control else ""),
            csv_cell(finding.subject),
            repeated_cell(finding.subject_type),
            repeated_cell(finding.account),
            repeated_cell(self._accounts.get(finding.account, "")),
            repeated_cell(finding.region),
            csv_cell(finding.reason),
            repeated_cell(waiver.id) if waiver else "",
            repeated_cell(waiver.expires) if waiver else "",
            self._frameworks.of(finding),
            csv_cell("; ".join([f"{ref.file}:{ref.line}" for ref in finding.evidence])),
            finding.fingerprint,
            csv_cell(given_name(finding.details)),
            *_owner(finding.owner),
            csv_cell(to_do.text) if to_do else "",
        )
        return ",".join(cells) + "\r\n"


def _frameworks(finding: Finding) -> str:
    return csv_cell("; ".join(f"{name} {', '.join(ids)}" for name, ids in finding.frameworks.items()))


def _owner(owner: Owner | None) -> tuple[str, str]:
    """Return two cells; an owner that is not known has a source that says so."""
    return ("", "") if owner is None else (repeated_cell(owner.name or ""), repeated_cell(owner.source))
