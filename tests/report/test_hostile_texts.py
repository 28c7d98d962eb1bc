"""Texts of AWS, audit.yaml and own controls that would command a terminal, a browser or a spreadsheet."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from scanner.cli.commands import audit
from tests.fakes.bundles import BundleBuilder, rule

HOSTILE: Final = (
    "\x1b[31mE\u202eV\x07\u009b\u2066I\x7f<script>alert(1)</script>|`*[x](javascript:1)\r\n=cmd|x"
)
HIDDEN: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200e\u200f]")
FORMULA: Final = re.compile(r"\A[=+@\t\r-]|[\n;\t]\s*[=+@]")
FORMATS: Final = ("sarif", "ocsf", "asff", "oscal", "junit", "markdown", "csv", "inventory", "html")


def text(prefix: str) -> str:
    return json.dumps(prefix + HOSTILE)


CONFIGURATION: Final = f"""
waivers:
  - id: {text("W")}
    control: own-control
    subject: "*"
    owner: {text("O")}
    approver: {text("A")}
    reason: {text("=R")}
    expires: 2099-12-31
owners: [{{tag: team}}, {{match: {{accounts: ["*"]}}, owner: {text("OWN")}}}]
"""
CONTROL: Final = f"""
id: own-control
title: {text("T")}
failure_title: {text("F")}
severity: high
subject: vault
population: "true"
require: name = $wanted
parameters: {{wanted: {{default: {text("P")}, doc: {text("D")}}}}}
reason: {text("=N")}
motivation: {text("M")}
frameworks: {{own-framework: [{text("E")}]}}
audit_manager: {text("AM")}
remediation: {{text: {text("X")}, cli: {text("C")}, terraform: {text("TF")}, cloudformation: {text("CF")}}}
"""
FRAMEWORK: Final = f"""
id: own-framework
title: {text("FW")}
source: {text("S")}
requirements: {{{text("E")}: {{title: {text("R")}, source: reading}}}}
"""


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    builder = BundleBuilder(folder / "bundle")
    shard = builder.shard()
    shard.vault("main").plan("daily", rules=[rule()], selections=[{"Resources": ["*"]}])
    shard.volume("vol-1", {"Name": HOSTILE, "team": HOSTILE})
    builder.write()
    (folder / "controls" / "frameworks").mkdir(parents=True)
    (folder / "controls" / "own-control.yaml").write_text(CONTROL, "utf-8")
    (folder / "controls" / "frameworks" / "own-framework.yaml").write_text(FRAMEWORK, "utf-8")
    (folder / "audit.yaml").write_text(CONFIGURATION, "utf-8")
    words = ["evaluate", folder / "bundle", "--out", folder / "out", "--config", folder / "audit.yaml"]
    words += ["--controls", folder / "controls", "--controls", "resource-in-air-gapped-vault"]
    result = CliRunner().invoke(audit, [*map(str, words), "--format", ",".join(FORMATS)])
    assert result.exit_code == 0, result.stderr
    assert not HIDDEN.search(result.stdout + result.stderr)
    return folder / "out"


def texts(document: Any) -> Iterator[str]:
    match document:
        case str():
            yield document
        case dict():
            yield from (text for entry in document.items() for part in entry for text in texts(part))
        case list():
            yield from (text for member in document for text in texts(member))


def documents(reports: Path, name: str) -> list[Any]:
    content = (reports / name).read_text("utf-8")
    if "jsonl" not in name:
        return [json.loads(content)]
    events = [json.loads(line) for line in content.splitlines()]
    if "ocsf" in name:
        for event in events:
            del event["unmapped"]["details"]  # they are data
    return events


@pytest.mark.parametrize(
    "name",
    ["report.sarif", "findings.ocsf.jsonl", "findings.asff.jsonl", "assessment-results.oscal.json"],
)
def test_documents_for_other_programs_have_no_hidden_characters(reports: Path, name: str) -> None:
    found = [text for text in texts(documents(reports, name)) if HIDDEN.search(text)]
    assert found == []
    assert any("\u2039U+202E\u203a" in text for text in texts(documents(reports, name)))


@pytest.mark.parametrize("name", ["summary.md", "report.junit.xml", "findings.csv", "inventory.csv"])
def test_texts_have_no_hidden_characters(reports: Path, name: str) -> None:
    content = (reports / name).read_text("utf-8-sig")
    assert not HIDDEN.search(content)
    assert "\u2039U+202E\u203a" in content


def test_the_waiver_is_visible_in_sarif(reports: Path) -> None:
    (document,) = documents(reports, "report.sarif")
    results = [result for run in document["runs"] for result in run["results"] if result["suppressions"]]
    (suppression,) = results[0]["suppressions"]
    assert suppression["justification"].startswith("=R\u2039U+001B\u203a[31mE\u2039U+202E\u203aV")
    assert suppression["properties"]["approver"].startswith("A\u2039U+001B\u203a")


def test_no_cell_is_a_formula(reports: Path) -> None:
    for name in ("findings.csv", "inventory.csv"):
        rows = csv.reader(io.StringIO((reports / name).read_text("utf-8-sig")))
        assert [cell for row in rows for cell in row if FORMULA.search(cell)] == []


def test_no_markup_gets_into_a_page(reports: Path) -> None:
    assert "<script>alert" not in (reports / "report.html").read_text("utf-8")
    ET.fromstring((reports / "report.junit.xml").read_bytes())  # noqa: S314 -- our own file
