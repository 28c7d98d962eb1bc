"""Formats that tell all findings write while they read; all formats say when names are pseudonyms."""

import io
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from scanner.model.finding import Finding
from scanner.model.scan import REDACTED, Scan
from scanner.report.formats.asff import asff
from scanner.report.formats.csv import findings_csv
from scanner.report.formats.junit import junit
from scanner.report.formats.markdown import summary_md
from scanner.report.formats.ocsf import ocsf
from scanner.report.formats.parquet import findings_parquet
from scanner.report.formats.sarif import sarif
from scanner.report.view.view import View, build

NUMBER = 30_000


class Passing:
    """Many findings that are made as they are asked for, and counted."""

    def __init__(self, like: Finding) -> None:
        self._like, self.read = like, 0

    def __iter__(self) -> Iterator[Finding]:
        self.read = 0
        for number in range(NUMBER):
            self.read += 1
            yield replace(self._like, subject=f"arn:aws:s3:::bucket-{number:06}", details={})

    def __len__(self) -> int:
        return NUMBER


@pytest.fixture(scope="module")
def many(scan: Scan) -> View:
    return build(replace(scan, findings=Passing(next(iter(scan.findings)))))


@pytest.mark.parametrize("make", [findings_csv, junit, findings_parquet, ocsf, asff])
def test_it_writes_before_it_has_read_all(many: View, make: Callable[[View], Iterable[bytes]]) -> None:
    findings = many.findings
    assert isinstance(findings, Passing)
    read = [findings.read for piece in make(many) if len(piece) > 100]
    assert read[0] < NUMBER
    assert read[-1] == NUMBER


def test_sarif_and_the_summary_do_not_go_through_the_findings_again(many: View) -> None:
    findings = many.findings
    assert isinstance(findings, Passing)
    findings.read = 0
    assert b"".join(sarif(many))
    assert b"".join(summary_md(many))
    assert findings.read == 0


def test_a_redacted_copy_says_so(scan: Scan) -> None:
    view = build(replace(scan, redacted=True))
    assert REDACTED in b"".join(summary_md(view)).decode()
    assert f'name="notice" value="{REDACTED}"' in b"".join(junit(view)).decode()
    (run,) = json.loads(b"".join(sarif(view)))["runs"]
    result = run["invocations"][0]["toolExecutionNotifications"]
    assert REDACTED in [each["message"]["text"] for each in result]
    footer = pq.read_metadata(io.BytesIO(b"".join(findings_parquet(view)))).metadata
    assert footer[b"vaultproof.notice"].decode() == REDACTED
