"""Every format for programs says which controls were evaluated, and how many were not."""

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

import pyarrow.parquet as pq
import pytest
from openpyxl import load_workbook

from scanner.model.control import ControlSelection, LeftOutControl
from scanner.model.finding import Severity
from scanner.model.scan import Scan
from scanner.report.formats.asff import asff
from scanner.report.formats.csv import findings_csv, inventory_csv
from scanner.report.formats.junit import junit
from scanner.report.formats.ocsf import ocsf, ocsf_parquet
from scanner.report.formats.oscal import oscal
from scanner.report.formats.parquet import findings_parquet
from scanner.report.formats.sarif import sarif
from scanner.report.formats.xlsx import findings_xlsx
from scanner.report.view.view import View, build
from tests.fakes.validators import MULTITOOL, sarif_complaints, there

WORDS = "the pack baseline, 12 of 14 controls"
LEFT_OUT = (
    LeftOutControl("vault-key-policy", "Vault has a key policy", Severity.HIGH, None),
    LeftOutControl("restore-tested", "Resource was restored", Severity.LOW, None),
)


@pytest.fixture(scope="module")
def partial(scan: Scan) -> View:
    return build(replace(scan, selection=ControlSelection(("baseline",), 12, LEFT_OUT)))


@pytest.fixture(scope="module")
def whole(scan: Scan) -> View:
    return build(replace(scan, selection=ControlSelection(("all",), 12)))


@pytest.fixture(scope="module")
def unrecorded(scan: Scan) -> View:
    return build(replace(scan, selection=None))


def whole_text(pieces: Iterable[bytes]) -> bytes:
    return b"".join(pieces)


def run(view: View) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(whole_text(sarif(view)))["runs"][0]
    return made


def test_sarif(partial: View, whole: View, unrecorded: View) -> None:
    (notification,) = run(partial)["invocations"][0]["toolConfigurationNotifications"]
    assert (notification["descriptor"]["id"], notification["level"]) == ("controls-not-evaluated", "note")
    assert WORDS in notification["message"]["text"]
    assert run(partial)["properties"]["controls"] == {
        "selected": ["baseline"],
        "evaluated": 12,
        "notEvaluated": ["vault-key-policy", "restore-tested"],
    }
    assert run(whole)["properties"]["controls"]["notEvaluated"] == []
    for view in (whole, unrecorded):
        assert run(view)["invocations"][0]["toolConfigurationNotifications"] == []
    assert "controls" not in run(unrecorded)["properties"]


@there(MULTITOOL)
def test_the_multitool_accepts_the_notification(partial: View, tmp_path: Any) -> None:
    assert {level for _, level, _ in sarif_complaints(whole_text(sarif(partial)), tmp_path)} <= {"note"}


def suites(view: View) -> list[dict[str, str]]:
    root = ET.fromstring(whole_text(junit(view)))  # noqa: S314 -- our own
    return [
        {each.attrib["name"]: each.attrib["value"] for each in suite.iter("property")}
        for suite in root.iter("testsuite")
    ]


def test_junit(partial: View, unrecorded: View) -> None:
    for properties in suites(partial):
        assert properties["controls"] == WORDS
        assert properties["controls.evaluated"] == "12"
        assert properties["controls.not-evaluated"] == "vault-key-policy, restore-tested"
    assert not any("controls" in properties for properties in suites(unrecorded))


def test_ocsf(partial: View, unrecorded: View) -> None:
    expected = {"selected": ["baseline"], "evaluated": 12, "not_evaluated": 2}
    events = [json.loads(line) for line in whole_text(ocsf(partial)).splitlines()]
    assert all(event["unmapped"]["controls"] == expected for event in events)
    assert b'"controls":{' not in whole_text(ocsf(unrecorded))
    table = pq.read_table(io.BytesIO(whole_text(ocsf_parquet(partial))))
    assert table.schema.metadata[b"vaultproof.controls"].decode() == WORDS
    assert json.loads(dict(table.column("unmapped")[0].as_py())["controls"]) == expected


def test_asff(partial: View, unrecorded: View) -> None:
    fields = [
        finding["ProductFields"]
        for line in whole_text(asff(partial)).splitlines()
        for finding in json.loads(line)
    ]
    assert {each["vaultproof/Controls"] for each in fields} == {WORDS}
    assert max(map(len, fields)) <= 50  # the limit of Security Hub
    assert b"vaultproof/Controls" not in whole_text(asff(unrecorded))


@pytest.mark.parametrize("make", [findings_csv, inventory_csv])
def test_csv(sample: Scan, make: Any) -> None:
    def cells(selection: ControlSelection | None) -> set[str]:
        text = whole_text(make(build(replace(sample, selection=selection)))).decode("utf-8-sig")
        return {row["controls_evaluated"] for row in csv.DictReader(io.StringIO(text, newline=""))}

    assert cells(ControlSelection(("baseline",), 12, LEFT_OUT)) == {WORDS}
    assert cells(None) == {""}


def test_xlsx(partial: View, unrecorded: View) -> None:
    def summary(view: View) -> dict[str, str]:
        sheet = load_workbook(io.BytesIO(whole_text(findings_xlsx(view))))["Summary"]
        return {str(row[0]): str(row[1]) for row in sheet.iter_rows(values_only=True)}

    assert WORDS in summary(partial)["controls"]
    assert summary(partial)["not evaluated: restore-tested"] == "low. Resource was restored"
    assert "controls" not in summary(unrecorded)


def test_parquet(partial: View, whole: View, unrecorded: View) -> None:
    def metadata(view: View) -> dict[bytes, bytes]:
        read = pq.read_schema(io.BytesIO(whole_text(findings_parquet(view)))).metadata
        return {name: text for name, text in read.items() if name.startswith(b"vaultproof.controls")}

    assert metadata(partial) == {
        b"vaultproof.controls": WORDS.encode(),
        b"vaultproof.controls_evaluated": b"12",
        b"vaultproof.controls_not_evaluated": b"vault-key-policy restore-tested",
    }
    assert metadata(whole)[b"vaultproof.controls_not_evaluated"] == b""
    assert metadata(unrecorded) == {}


def test_oscal(partial: View, unrecorded: View) -> None:
    def props(view: View) -> dict[str, str]:
        (result,) = json.loads(whole_text(oscal(view)))["assessment-results"]["results"]
        return {each["name"]: each["value"] for each in result["props"]}

    assert (props(partial)["controls"], props(partial)["controls-not-evaluated"]) == (WORDS, "2")
    assert "controls" not in props(unrecorded)
