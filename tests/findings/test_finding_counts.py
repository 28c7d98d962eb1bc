"""Counting in SQL gives what counting one by one gives."""

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings

from scanner.errors import BundleError
from scanner.evaluate.compliance.assessment import NOT_KNOWN
from scanner.findings.counts import counts, counts_of_subjects
from scanner.findings.filed import Filed
from scanner.model.finding import Finding, FindingCounts, GroupCount, Status
from tests.fakes.counted import Cell, counted, counts_of
from tests.fakes.filed import write_filed
from tests.fakes.findings import CONTROLS, findings


def counted_in_sql(filed: Filed) -> FindingCounts:
    with filed.database() as connection:
        return counts(filed, connection)


def groups(rows: tuple[GroupCount, ...]) -> set[tuple[str, str, str, int]]:
    """Return rows of groups in no order."""
    return {(NOT_KNOWN if row.key is None else row.key, row.severity, row.status, row.number) for row in rows}


@settings(max_examples=40)
@given(findings())
def test_sql_counts_what_counting_one_by_one_counts(found: tuple[Finding, ...]) -> None:
    cells: Counter[Cell] = Counter()
    assert tuple(counted(found, cells)) == found
    expected = counts_of(cells)
    with TemporaryDirectory() as folder:
        actual = counted_in_sql(Filed(write_filed(Path(folder), found), CONTROLS))
    assert set(actual.controls) == set(expected.controls)
    assert actual.total == len(found)
    for name in ("accounts", "regions", "types", "tiers"):
        rows = getattr(actual, name)
        assert groups(rows) == groups(getattr(expected, name)), name
        assert len(rows) == len(groups(rows)), name


@settings(max_examples=20)
@given(findings())
def test_sql_counts_the_findings_of_each_subject(found: tuple[Finding, ...]) -> None:
    expected = Counter(
        (each.account, each.region, each.subject, each.status.value)
        for each in found
        if each.subject_type not in {"vault", "account_region"}
    )
    with TemporaryDirectory() as folder:
        filed = Filed(write_filed(Path(folder), found), CONTROLS)
        rows = list(counts_of_subjects(filed, ("vault", "account_region")))
    assert {row[:4]: row[4] for row in rows} == expected
    assert len(rows) == len(expected)


def test_a_control_that_the_scan_does_not_define_is_an_error(tmp_path: Path) -> None:
    finding = Finding(
        control="z-control",
        status=Status.FAIL,
        severity=CONTROLS[0].severity,
        subject="s",
        subject_type="EBS",
        account="111111111111",
        region="eu-west-1",
        reason="r",
    )
    with pytest.raises(BundleError, match=r"of the control z-control, which the scan does not define"):
        counted_in_sql(Filed(write_filed(tmp_path, [finding]), CONTROLS))
