"""Findings come in filing order, however many accounts, rows and files there are."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.errors import OutputError
from scanner.findings import filed as filing_order
from scanner.findings.filed import Filed, in_filing_order
from scanner.findings.writing import batch_of
from scanner.model.finding import Finding
from tests.fakes.filed import write_filed
from tests.fakes.findings import CONTROLS, findings


@settings(max_examples=25, deadline=None)
@given(found=findings(), rows=st.integers(1, 9), in_memory=st.sampled_from((1, 10_000_000)))
def test_any_findings_come_in_filing_order(found: tuple[Finding, ...], rows: int, in_memory: int) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(filing_order, "ROWS", rows)
        patch.setattr(filing_order, "IN_MEMORY", in_memory)
        filed = Filed(write_filed(Path(folder), found, whole=True)[::-1], CONTROLS)
        assert tuple(filed) == tuple(filed) == found


def test_a_disk_without_room_is_an_output_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(filing_order, "_write", full)
    with pytest.raises(OutputError, match=r"No space left on device.*TMPDIR"):
        next(in_filing_order([batch_of([])]))
