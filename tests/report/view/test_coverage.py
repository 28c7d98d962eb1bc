"""The headline about resources: the same numbers as the controls, in every format that people read."""

import json
import re
from dataclasses import replace

import pytest

from scanner.model.coverage import Coverage, CoverageCounts
from scanner.model.scan import Scan
from scanner.report.formats.html import report_html
from scanner.report.formats.json import summary_json
from scanner.report.formats.markdown import summary_md
from scanner.report.view.coverage import coverage_document, coverage_of, headline
from scanner.report.view.view import View, build
from tests.report.formats.test_html import Page

TOTAL = CoverageCounts(
    number=10, in_plan=6, no_plan=3, plan_unknown=1, recent=4, no_recent=4, recent_unknown=2, protected=4,
    unknown=2,
)  # fmt: skip


def coverage(total: CoverageCounts = TOTAL, *, asks_recency: bool = True) -> Coverage:
    return Coverage(total=total, types={"EBS": total}, excluded=2, asks_recency=asks_recency)


def test_the_numbers_are_those_of_the_controls(sample: Scan) -> None:
    counts = build(sample).by_control
    plan, recent = counts["resource-in-backup-plan"], counts["resource-backed-up-recently"]
    assert sample.coverage is not None
    total = sample.coverage.total
    assert (total.in_plan, total.no_plan, total.plan_unknown) == (
        plan.passed,
        plan.failed + plan.waived,
        plan.open,
    )
    assert (total.recent, total.no_recent, total.recent_unknown) == (
        recent.passed,
        recent.failed + recent.waived,
        recent.open,
    )
    assert (total.number, sample.coverage.excluded) == (plan.asked, plan.not_applicable)
    assert total.protected + total.unknown <= total.number
    assert min(total.no_plan, total.unknown, total.protected) > 0


def test_unknown_is_never_protected(sample: Scan) -> None:
    statuses: dict[str, set[str]] = {}
    for finding in sample.findings:
        if finding.control in ("resource-in-backup-plan", "resource-backed-up-recently"):
            statuses.setdefault(finding.subject, set()).add(finding.status.value)
    assert sample.coverage is not None
    total = sample.coverage.total
    assert total.unknown == sum(bool(each & {"unknown", "error"}) for each in statuses.values())
    assert total.protected == sum(each == {"pass"} for each in statuses.values())


@pytest.fixture(scope="module")
def view(sample: Scan) -> View:
    return build(sample)


@pytest.fixture(scope="module")
def page(view: View) -> str:
    return report_html(view).decode()


def test_every_text_format_begins_with_it(sample: Scan, view: View, page: str) -> None:
    assert view.headline in flat(b"".join(summary_md(view)).decode())
    assert view.headline in flat(Page(page).text)
    document = json.loads(b"".join(summary_json(view)))["summary"]
    assert coverage_of(document) == sample.coverage
    assert f"{document['resources']['no_plan']:,} of" in view.headline


def test_losses_of_a_resource_in_no_plan_are_no_backup(view: View, page: str) -> None:
    uncovered = sum(resource.chain.covered is False for resource in view.resources)
    lost = sum(control.needs_backup for control in view.controls)
    cell = f'<td class="mark lost" colspan="{lost}"><b class="none">no backup</b></td>'
    assert page.count(cell) == uncovered > 0
    assert lost == 10


def flat(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def test_it_is_left_out_where_it_is_not_known(scan: Scan) -> None:
    assert scan.coverage is None
    assert build(scan).headline == ""
    assert coverage_document(None) == {}
    assert coverage_of({}) is None
    empty = replace(scan, coverage=coverage(CoverageCounts()))
    assert build(empty).headline == ""
    assert build(empty).coverage is None


@pytest.mark.parametrize("asks_recency", [True, False])
def test_it_is_read_back(*, asks_recency: bool) -> None:
    total = TOTAL if asks_recency else replace(TOTAL, recent=0, no_recent=0, recent_unknown=0)
    original = coverage(total, asks_recency=asks_recency)
    assert coverage_of(coverage_document(original)) == original


def test_it_counts_in_words() -> None:
    assert headline(coverage()) == (
        "3 of 10 resources are in no backup plan, 4 have no recent backup, 2 could not be fully read."
    )
    single = CoverageCounts(number=1, no_plan=1, no_recent=1)
    assert headline(coverage(single)) == "1 of 1 resource is in no backup plan, 1 has no recent backup."
    assert headline(coverage(single, asks_recency=False)) == "1 of 1 resource is in no backup plan."


@pytest.mark.parametrize(
    ("sized", "gib", "expected"),
    [
        (0, 0.0, ""),
        (3, 0.0, ""),
        (2, 1433.6, " At least 1.4 TiB is in no backup plan."),
        (3, 80.0, " 80 GiB is in no backup plan."),
        (3, 0.0001, " Less than 1 MiB is in no backup plan."),
    ],
)
def test_it_ends_with_the_size_of_what_is_in_no_plan(sized: int, gib: float, expected: str) -> None:
    known = replace(TOTAL, plan_unknown=0, no_plan_sized=sized, no_plan_gib=gib)
    assert headline(coverage(known)).partition("read.")[2] == expected


def test_the_size_is_at_least_that_while_a_plan_is_unknown() -> None:
    total = replace(TOTAL, plan_unknown=1, no_plan_sized=TOTAL.no_plan, no_plan_gib=80.0)
    assert headline(coverage(total)).endswith(" At least 80 GiB is in no backup plan.")


def test_sizes_of_the_sample_are_summed_without_instances(sample: Scan) -> None:
    assert sample.coverage is not None
    sizes = {kind: counts.no_plan_gib for kind, counts in sample.coverage.types.items()}
    assert sizes.pop("EC2") > 0
    assert sample.coverage.total.no_plan_gib == pytest.approx(sum(sizes.values()), abs=0.01)
    # S3 reports no size in what is read.
    assert (sizes["S3"], sample.coverage.types["S3"].no_plan_sized) == (0, 0)
    assert 0 < sample.coverage.total.no_plan_sized < sample.coverage.total.no_plan


def test_a_summary_without_sizes_is_read() -> None:
    document = coverage_document(coverage(replace(TOTAL, no_plan_gib=5.0)))
    for counts in (document["resources"], document["resources"]["types"]["EBS"]):
        del counts["no_plan_sized"], counts["no_plan_gib"]
    assert coverage_of(document) == coverage()
