"""All formats of one scan count alike: the sample bundle, judged once, with hostile things in it."""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pypdf
import pytest
from lxml import etree
from py_ocsf_models.events.findings.compliance_finding import ComplianceFinding

from scanner.model.finding import Status
from scanner.model.scan import Scan
from scanner.report.formats.html import report_html
from scanner.report.formats.pdf import report_pdf
from scanner.report.formats.sarif import REPORTED
from scanner.report.view.overview import STRUCTURES
from scanner.report.view.view import View, build
from scanner.report.write import FORMATS, write_reports
from tests.fakes.hostile import HOSTILE, planted
from tests.report.formats.test_html import Page

Numbers = Mapping[str, Mapping[str, int]]
"""By control, by status: those that are not nought."""


@pytest.fixture(scope="module")
def whole(sample: Scan) -> Scan:
    return planted(sample)


@pytest.fixture(scope="module")
def view(whole: Scan) -> View:
    return build(whole)


@pytest.fixture(scope="module")
def folder(view: View, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("reports")
    write_reports(
        view,
        made,
        ["json", "csv", "inventory", "parquet", "sarif", "junit", "ocsf", "oscal", "asff", "markdown"],
    )
    return made


@pytest.fixture(scope="module")
def numbers(whole: Scan) -> Numbers:
    return counted((each.control, each.status.value) for each in whole.findings)


def counted(answers: Any) -> Numbers:
    made: dict[str, Counter[str]] = {}
    for control, status in answers:
        made.setdefault(control, Counter())[status] += 1
    return made


def test_every_status_and_every_hostile_value_is_in_it(numbers: Numbers, whole: Scan) -> None:
    assert set().union(*numbers.values()) == {status.value for status in Status}
    assert sum(each.subject.startswith("arn:aws:s3:::00-") for each in whole.findings) == len(Status)
    assert len(HOSTILE) > 10


def test_json(folder: Path, numbers: Numbers) -> None:
    document = json.loads((folder / "findings.json").read_bytes())
    assert document["truncated"] is None
    assert counted((each["control"], each["status"]) for each in document["findings"]) == numbers
    result = document["summary"]["controls"]
    assert {name: +Counter(each) for name, each in result.items() if any(each.values())} == numbers


def test_csv(folder: Path, numbers: Numbers) -> None:
    with (folder / "findings.csv").open(encoding="utf-8-sig", newline="") as file:
        assert counted((row["control"], row["status"]) for row in csv.DictReader(file)) == numbers


def test_parquet(folder: Path, numbers: Numbers) -> None:
    with duckdb.connect() as database:
        rows = database.read_parquet(str(folder / "findings.parquet")).project("control, status").fetchall()
    assert counted(rows) == numbers


def test_junit(folder: Path, numbers: Numbers) -> None:
    words = {
        ("failure", "fail"): "fail",
        ("skipped", "Unknown"): "unknown",
        ("error", "error"): "error",
        ("skipped", "Waived"): "waived",
        ("skipped", "Not applicable"): "not_applicable",
    }

    def status(case: Any) -> str:
        if not len(case):
            return "pass"
        return words[case[0].tag, case[0].get("type") or case[0].get("message").partition(":")[0]]

    root = etree.parse(folder / "report.junit.xml").getroot()
    assert (
        counted((suite.get("name"), status(case)) for suite in root for case in suite.iter("testcase"))
        == numbers
    )
    totals = Counter(
        {key: sum(int(suite.get(key)) for suite in root) for key in ("tests", "failures", "errors")}
    )
    assert totals["tests"] == sum(sum(each.values()) for each in numbers.values())
    assert totals["failures"] == sum(each["fail"] for each in numbers.values())


def test_ocsf(folder: Path, numbers: Numbers) -> None:
    words = {
        ("Pass", 99): "pass",
        ("Fail", 1): "fail",
        ("Fail", 3): "waived",
        ("Unknown", 1): "unknown",
        ("Warning", 1): "error",
        ("Not applicable", 99): "not_applicable",
    }
    with (folder / "findings.ocsf.jsonl").open("rb") as file:
        events = [json.loads(line) for line in file]
    assert (
        counted(
            (each["compliance"]["control"], words[each["compliance"]["status"], each["status_id"]])
            for each in events
        )
        == numbers
    )
    kept = [ComplianceFinding.model_validate(each) for each in events]
    assert counted((each.compliance.control, each.status_code) for each in kept) == numbers


def test_asff(folder: Path, numbers: Numbers) -> None:
    result: dict[str, Counter[str]] = {}
    words: dict[str, set[tuple[str, str]]] = {}
    with (folder / "findings.asff.jsonl").open("rb") as file:
        for found in (found for line in file for found in json.loads(line)):
            status = found["ProductFields"]["vaultproof/Status"]
            result.setdefault(found["Compliance"]["SecurityControlId"], Counter())[status] += 1
            words.setdefault(status, set()).add((found["Compliance"]["Status"], found["Workflow"]["Status"]))
    assert result == numbers
    assert words == {
        "pass": {("PASSED", "RESOLVED")},
        "fail": {("FAILED", "NEW")},
        "unknown": {("WARNING", "NEW")},
        "error": {("WARNING", "NEW")},
        "waived": {("FAILED", "SUPPRESSED")},
        "not_applicable": {("NOT_AVAILABLE", "RESOLVED")},
    }


def test_oscal(folder: Path, numbers: Numbers) -> None:
    document = json.loads((folder / "assessment-results.oscal.json").read_bytes())
    (result,) = document["assessment-results"]["results"]
    parts = [{each["name"]: each["value"] for each in part["props"]} for part in result["observations"]]
    subjects = counted((each["control"], each["status"]) for each in parts if "fingerprint" in each)
    answer = {
        each["control"]: {status.value: int(each[f"count-{status.value}"]) for status in Status}
        for each in parts
        if "count-fail" in each
    }
    for name, each in numbers.items():
        assert +Counter(answer[name]) == each
        kept = {status: number for status, number in each.items() if status != "not_applicable"}
        assert subjects.get(name, {}) == kept
    assert +Counter({name: sum(each.values()) for name, each in answer.items()}) == {
        name: sum(each.values()) for name, each in numbers.items()
    }


def test_html(view: View, numbers: Numbers) -> None:
    page = Page(report_html(view).decode())
    assert counted((row.control, row.status) for row in page.rows()) == numbers
    totals: Counter[str] = sum(map(Counter, numbers.values()), Counter())
    assert +Counter(page.head()["counted"]) == totals


@pytest.mark.slow
def test_pdf(view: View, numbers: Numbers) -> None:
    reader = pypdf.PdfReader(io.BytesIO(report_pdf(view)))
    attached = reader.attachments["findings.csv"][0].decode("utf-8-sig")
    rows = csv.DictReader(io.StringIO(attached, newline=""))
    assert counted((row["control"], row["status"]) for row in rows) == numbers
    totals: Counter[str] = sum(map(Counter, numbers.values()), Counter())
    text = flat(" ".join(page.extract_text() for page in reader.pages))
    counts = view.counts
    assert re.search(f"{counts.failed:,} ?of {counts.judged:,} evaluated checks failed", text)
    assert re.search(f"{counts.open:,} ?of {counts.asked:,} checks could not be evaluated", text)
    for control in view.controls:
        if control.counts.failed:
            assert f"{control.counts.failed:,} of {control.counts.judged:,} evaluated check" in text
    assert (
        f"could be evaluated: {totals['fail']:,} failed, {totals['waived']:,} failed and are waived" in text
    )
    unanswered = totals["unknown"] + totals["error"]
    assert f"{totals['pass']:,} passed. {unanswered:,} could not be evaluated" in text


def test_sarif(folder: Path, numbers: Numbers, view: View) -> None:
    (run,) = json.loads((folder / "report.sarif").read_bytes())["runs"]
    kept = {status.value for status in REPORTED}
    expected = {
        name: {status: number for status, number in each.items() if status in kept}
        for name, each in numbers.items()
    }
    result = counted((each["ruleId"], each["properties"]["status"]) for each in run["results"])
    assert result == {name: each for name, each in expected.items() if each}
    rules = {rule["id"]: rule["properties"]["counts"] for rule in run["tool"]["driver"]["rules"]}
    for name, each in numbers.items():
        assert {status.value: rules[name][status.value] for status in Status} == {
            status.value: each.get(status.value, 0) for status in Status
        }
    assert run["properties"]["counts"]["asked"] == view.counts.asked


def test_markdown(folder: Path, numbers: Numbers) -> None:
    lines = (folder / "summary.md").read_text("utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")]
    result = {row[0].strip("`"): [int(cell.replace(",", "") or 0) for cell in row[2:]] for row in rows}
    for name, each in numbers.items():
        found: Counter[str] = Counter(each)
        opened = found["unknown"] + found["error"]
        assert result[name] == [
            found["fail"],
            opened,
            found["waived"],
            found["pass"],
            found["not_applicable"],
        ]
    totals: Counter[str] = sum(map(Counter, numbers.values()), Counter())
    assert any(line.startswith(f"| Fail | {totals['fail']:,} |") for line in lines)
    assert any(line.startswith(f"| Unknown | {totals['unknown']:,} |") for line in lines)


def test_text_formats_have_the_same_denominators(view: View, folder: Path) -> None:
    page = flat(Page(report_html(view).decode()).text)
    markdown = flat((folder / "summary.md").read_text("utf-8"))
    counts = view.counts
    assert f"{counts.failed:,} of {counts.judged:,} evaluated checks failed" in page
    assert f"{counts.failed:,} of {counts.judged:,} evaluated checks failed" in markdown
    assert f"{counts.open:,} of {counts.asked:,} checks could not be evaluated" in markdown
    failing = [control.counts for control in view.controls if control.counts.failed]
    shares = {f"{each.failed:,} of {each.judged:,}" for each in failing}
    assert all(f"{share} fail" in page for share in shares)
    headings = re.findall(r"### ([\d,]+ of [\d,]+) failed: ", markdown)
    assert headings
    assert set(headings) <= shares
    assert any(each.judged != each.asked for each in failing)


def flat(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def test_inventory(folder: Path, whole: Scan) -> None:
    with (folder / "inventory.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert whole.resources is not None
    assert len(rows) == len(whole.resources)
    result = Counter({status.value: sum(int(row[status.value]) for row in rows) for status in Status})
    asked = Counter(each.status.value for each in whole.findings if each.subject_type not in STRUCTURES)
    assert result == asked


def test_two_runs_give_the_same_bytes(folder: Path, whole: Scan, tmp_path: Path) -> None:
    again = [path.name for path in folder.iterdir() if path.name != "reports.sha256"]
    formats = [name for name, how in FORMATS.items() if how.file in again]
    write_reports(build(whole), tmp_path, formats)
    different = [name for name in again if (folder / name).read_bytes() != (tmp_path / name).read_bytes()]
    assert different == []
