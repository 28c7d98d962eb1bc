"""What each format says to do about a finding that has advice of its own, hostile names included."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from scanner.model.finding import TO_DO, Finding, Status
from scanner.model.scan import Scan
from scanner.report.commands.commands import commands_of
from scanner.report.formats.csv import findings_csv
from scanner.report.formats.html import report_html
from scanner.report.formats.junit import junit
from scanner.report.formats.markdown import summary_md
from scanner.report.view import view as views
from scanner.report.view.view import build

ADVICE = "Allow backup:ListBackupJobs to the role that scans <b>account</b>"


def advised(scan: Scan) -> Scan:
    def of(finding: Finding) -> Finding:
        if finding.status not in (Status.FAIL, Status.UNKNOWN):
            return finding
        return replace(finding, details={**finding.details, TO_DO: {"text": ADVICE, "cli": "audit policy"}})

    return replace(scan, findings=tuple(map(of, scan.findings)))


def test_the_advice_is_in_the_csv_and_in_junit(scan: Scan) -> None:
    view = build(advised(scan))
    assert ADVICE in b"".join(findings_csv(view)).decode()
    assert "What to do: Allow backup:ListBackupJobs" in b"".join(junit(view)).decode()


def test_people_read_it_and_markup_stays_text(scan: Scan) -> None:
    view = build(advised(scan))
    page = report_html(view).decode()
    assert "<b>account</b>" not in page
    assert "scans &lt;b&gt;account&lt;/b&gt;" in page
    assert "**To do:**" in b"".join(summary_md(view)).decode()


def test_the_formats_of_a_run_share_the_commands_of_a_finding(
    scan: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: Counter[str] = Counter()

    def counted(finding: Finding, *arguments: Any) -> str:
        built[finding.fingerprint] += 1
        return commands_of(finding, *arguments)

    monkeypatch.setattr(views, "commands_of", counted)
    view = build(scan)
    first = b"".join(findings_csv(view))
    assert set(built.values()) == {1}
    b"".join(junit(view))
    assert set(built.values()) == {1}
    monkeypatch.setattr(views, "COMMANDS", 1)
    assert b"".join(findings_csv(build(scan))) == first
