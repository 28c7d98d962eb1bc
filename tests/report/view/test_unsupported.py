"""What AWS Backup cannot back up is counted and named in a section of its own, in every format for people."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from scanner.app.criteria import Judgement
from scanner.app.judgement import evaluate
from scanner.evaluate.controls.loader import load_controls
from scanner.model.scan import Scan, UnsupportedKinds, UnsupportedResource
from scanner.report.formats.html import report_html
from scanner.report.formats.json import summary_json
from scanner.report.formats.markdown import summary_md
from scanner.report.formats.pdf import document_html
from scanner.report.read import read_scan
from scanner.report.redact import Pseudonyms, redacted
from scanner.report.view.completeness import unsupported_sentence
from scanner.report.view.view import View, build
from tests.fakes.bundles import BundleBuilder, instance_arn
from tests.schema.test_published_schemas import REGISTRY, SCHEMAS

TITLE = "Not backed up by AWS Backup"
KIND = "an EC2 instance whose root device is an instance store"
FOUND = UnsupportedKinds(
    2,
    ((KIND, 1), ("a DB instance of RDS Custom", 1)),
    (
        UnsupportedResource(
            instance_arn("i-store"), "EC2", "<b>renderer</b>", "111111111111", "eu-west-1", "instance_store"
        ),
        UnsupportedResource(
            "arn:aws:rds:eu-west-1:111111111111:db:erp",
            "RDS",
            "erp",
            "111111111111",
            "eu-west-1",
            "rds_custom",
        ),
    ),
)


@pytest.fixture
def view(scan: Scan) -> View:
    return build(replace(scan, unsupported=FOUND))


def _texts(view: View) -> dict[str, str]:
    """Return the document for people in each format, before its layout."""
    return {
        "html": report_html(view).decode(),
        "pdf": document_html(view, ()),
        "markdown": b"".join(summary_md(view)).decode(),
    }


@pytest.mark.parametrize("form", ["html", "pdf", "markdown"])
def test_a_section_counts_and_names_them(view: View, form: str) -> None:
    text = _texts(view)[form]
    assert text.count(f">{TITLE}</h2>") + text.count(f"## {TITLE}\n") == 1
    assert "2 resources are of a kind that AWS Backup cannot back up" in text
    for expected in (KIND, "a DB instance of RDS Custom", instance_arn("i-store"), "db:erp"):
        assert expected in text
    assert "<b>renderer</b>" not in text.replace("`<b>renderer</b>`", "")


@pytest.mark.parametrize("form", ["html", "pdf", "markdown"])
@pytest.mark.parametrize("found", [None, UnsupportedKinds()])
def test_without_such_resources_there_is_no_section(
    scan: Scan, form: str, found: UnsupportedKinds | None
) -> None:
    assert TITLE not in _texts(build(replace(scan, unsupported=found)))[form]


def test_the_sentence_agrees_with_the_number() -> None:
    assert unsupported_sentence(replace(FOUND, number=1)) == (
        "1 resource is of a kind that AWS Backup cannot back up. Protect its data in another way."
    )
    assert not unsupported_sentence(None)
    assert not unsupported_sentence(UnsupportedKinds())


def test_names_are_redacted_and_kinds_are_not(scan: Scan) -> None:
    found = redacted(replace(scan, unsupported=FOUND), Pseudonyms(b"k" * 32)).unsupported
    assert found is not None
    assert (found.number, found.kinds) == (FOUND.number, FOUND.kinds)
    assert not {"renderer", "i-store", "111111111111"} & {
        word for each in found.resources for word in (each.name, each.subject, each.account)
    }
    assert "i-store" not in str(found.resources)
    assert "erp" not in str(found.resources)


def test_a_scan_counts_them_and_reads_them_back(tmp_path: Path) -> None:
    bundle = BundleBuilder(tmp_path / "bundle")
    bundle.shard().instance("i-store", {"Name": "renderer"}, RootDeviceType="instance-store").instance(
        "i-plain"
    )
    controls = tuple(each for each in load_controls() if each.id == "resource-in-backup-plan")
    judged = evaluate(bundle.write(), tmp_path / "out", Judgement(controls=controls), ())
    expected = UnsupportedKinds(
        1,
        ((KIND, 1),),
        (
            UnsupportedResource(
                instance_arn("i-store"), "EC2", "renderer", "111111111111", "eu-west-1", "instance_store"
            ),
        ),
    )
    assert judged.scan.unsupported == expected
    assert read_scan(tmp_path / "out").unsupported == expected
    document: dict[str, Any] = json.loads(b"".join(summary_json(judged.view)))
    assert document["summary"]["not_backed_up"]["number"] == 1
    assert document["summary"]["not_backed_up"]["left_out"] == 0
    Draft202012Validator(SCHEMAS["summary"], registry=REGISTRY).validate(document)
