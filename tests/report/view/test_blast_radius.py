"""The section "Blast radius": the same numbers in HTML, PDF and summary.json, and hostile names as text."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from pypdf import PdfReader

from scanner.model.protection import BlastRadiusSummary, NodeCounts, SinglePoint, TierOf, TierPoints
from scanner.model.scan import Scan
from scanner.report.redact import Pseudonyms, redacted
from scanner.report.view.blast_radius import (
    SHOWN,
    blast_radius_document,
    blast_radius_of,
    blast_radius_sentence,
    tier_words,
)
from scanner.report.view.view import View, build
from scanner.report.write import FORMATS

VAULT = "arn:aws:backup:eu-west-1:111111111111:backup-vault:secret-vault"
TITLE = "If this is gone"
HOSTILE = "<script>alert('gone')</script>"


def node(number: int, lost: int = 3, name: str = "secret-vault") -> NodeCounts:
    return NodeCounts(
        node=f"{VAULT}-{number}",
        kind="vault",
        name=name,
        account="111111111111",
        region="eu-west-1",
        lost=lost,
        unknown=1,
        future_lost=2,
        future_unknown=0,
    )


def point(resources: int = 3) -> SinglePoint:
    return SinglePoint(
        node="account:111111111111",
        kind="account",
        name="secret-account",
        account="111111111111",
        region="",
        resources=resources,
        unknown=0,
    )


def summary(*nodes: NodeCounts, tier: TierOf | None = None) -> BlastRadiusSummary:
    points = TierPoints(tier=tier, resources=7, protected=4, points=(point(), point(0)))
    return BlastRadiusSummary(resources=9, protected=5, nodes=nodes, single_points=(points,))


def texts(view: View) -> dict[str, str]:
    html = b"".join(FORMATS["html"].make(view)).decode()
    pdf = PdfReader(io.BytesIO(b"".join(FORMATS["pdf"].make(view))))
    return {"html": html, "pdf": " ".join(" ".join(page.extract_text().split()) for page in pdf.pages)}


def test_html_and_pdf_show_the_worst_and_the_single_points(empty: Scan) -> None:
    nodes = (*(node(number, 20 - number, f"vault-{number}") for number in range(SHOWN + 1)), node(99, 0))
    found = texts(build(replace(empty, blast_radius=summary(*nodes, tier=TierOf("gold")))))
    for text in found.values():
        assert TITLE in text
        assert f"vault-{SHOWN - 1}" in text
        assert f"vault-{SHOWN}" not in text
        assert "5 of 9 resources have a usable recovery point." in text
        assert "secret-account" in text
    assert "Tier gold" in found["pdf"]
    assert "all existing backups of 3 resources need account secret-account." in found["pdf"]


@pytest.mark.parametrize("found", [None, summary(), summary(node(1, 0))])
def test_a_report_without_losses_has_no_section(scan: Scan, found: BlastRadiusSummary | None) -> None:
    view = build(replace(scan, blast_radius=found))
    assert not blast_radius_sentence(found)
    assert TITLE not in b"".join(FORMATS["html"].make(view)).decode()


def test_a_hostile_name_is_text(scan: Scan) -> None:
    view = build(replace(scan, blast_radius=summary(node(1, name=HOSTILE), tier=TierOf(HOSTILE))))
    html = b"".join(FORMATS["html"].make(view)).decode()
    assert HOSTILE not in html
    assert "&lt;script&gt;alert(&#39;gone&#39;)" in html


@pytest.mark.parametrize(
    "tier", [None, TierOf("gold"), TierOf(""), TierOf("", is_known=False)], ids=tier_words
)
def test_summary_json_has_it_and_gives_it_back(scan: Scan, tier: TierOf | None) -> None:
    found = summary(node(1), tier=tier)
    document = json.loads(b"".join(FORMATS["json"].make(build(replace(scan, blast_radius=found)))))["summary"]
    assert blast_radius_of(document) == found
    assert blast_radius_of(blast_radius_document(None)) is None


def test_a_redacted_scan_names_none_of_them(scan: Scan) -> None:
    found = summary(node(1), tier=TierOf("gold-tier"))
    hidden = redacted(replace(scan, blast_radius=found), Pseudonyms(b"k" * 32)).blast_radius
    assert hidden is not None
    text = repr(hidden)
    for name in ("secret", "111111111111", "gold-tier"):
        assert name not in text
    assert [each.lost for each in hidden.nodes] == [3]
    assert hidden.nodes[0].region == "eu-west-1"


def test_the_published_schema_knows_the_key() -> None:
    path = Path(__file__).parents[3] / "docs/schema/findings.schema.json"
    schema = json.loads(path.read_bytes())["properties"]["summary"]["properties"]["blast_radius"]
    Draft202012Validator(schema).validate(blast_radius_document(summary(node(1)))["blast_radius"])
