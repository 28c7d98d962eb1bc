import base64
import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import orjson
import pytest

from scanner.model.finding import Status
from scanner.model.scan import Scan
from scanner.report.embed import LARGEST, embed
from scanner.report.html import report_html
from scanner.report.view import build

MEGABYTES_5 = 5_000_000


class Page(HTMLParser):
    """What a browser would see: tags with their attributes, and the text of some of them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, list[str]] = {"script": [], "style": []}
        self.text = ""
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = tag
        if tag in self.inside:
            self.inside[tag].append("")

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 -- as HTMLParser has it
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open in self.inside:
            self.inside[self._open][-1] += data
        else:
            self.text += data

    def data(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = orjson.loads(self.inside["script"][0])
        return found


@pytest.fixture(scope="session")
def html(scan: Scan) -> str:
    return report_html(build(scan)).decode()


@pytest.fixture(scope="session")
def page(html: str) -> Page:
    return Page(html)


def test_hostile_values_are_text_and_nothing_else(page: Page) -> None:
    tags = Counter(tag for tag, _ in page.tags)
    assert tags["script"] == 2
    assert not {"img", "iframe", "object", "embed", "link", "base"} & tags.keys()
    assert "table/</script><img src=http://evil.example/x.png onerror=alert(1)>" in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert "\u202e" not in page.text
    assert "\u2039U+202E\u203a" in page.text


def test_no_handler_no_inline_style_no_address_outside(page: Page) -> None:
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
        for name in ("href", "src", "action", "srcset", "poster"):
            assert (attributes.get(name) or "#").startswith("#"), (tag, attributes)
    assert set(re.findall(r"url\(([^)]{0,20})", page.inside["style"][0])) == {"data:font/woff2;base6"[:20]}
    assert "@import" not in page.inside["style"][0]


def test_the_policy_admits_exactly_the_style_and_the_script(page: Page) -> None:
    policy = next(
        each["content"] for tag, each in page.tags if each.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["style-src"] == f"'sha256-{digest(page.inside['style'][0])}'"
    assert rules["script-src"] == f"'sha256-{digest(page.inside['script'][1])}'"
    assert "unsafe" not in policy


def digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def test_every_link_leads_somewhere(page: Page) -> None:
    ids = [each["id"] for _, each in page.tags if "id" in each]
    assert len(ids) == len(set(ids))
    prints = {row[8] for row in page.data()["rows"]}
    for _, attributes in page.tags:
        link = attributes.get("href") or "#main"
        if link.startswith("#/?open="):
            assert link.removeprefix("#/?open=") in prints
        elif not link.startswith("#/"):
            assert link[1:] in ids, link


def test_the_embedded_findings_are_the_scan_s(scan: Scan, page: Page) -> None:
    data = page.data()
    statuses = [name for name, _ in data["statuses"]]
    view = build(scan)
    assert len(data["rows"]) == data["total"] == len(scan.findings)
    assert [data["texts"][row[3]] for row in data["rows"]] == [each.subject for each in view.worst]
    found = Counter(statuses[row[1]] for row in data["rows"])
    assert {key: found[key] for key in data["counted"]} == data["counted"]
    details, evidence, _ = data["rows"][0][9]
    first = view.worst[0]
    assert {data["texts"][key]: data["values"][place] for key, place in details} == dict(first.details)
    assert [[data["texts"][file], line] for file, line in evidence] == [
        [e.file, e.line] for e in first.evidence
    ]


def test_the_summary_says_numbers_with_denominators(html: str, scan: Scan) -> None:
    counts = build(scan).counts
    flat = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", html))
    assert f"of {counts.judged} judged answers say" in flat
    assert (
        f"{counts.asked} answers asked for, and {counts.not_applicable} questions that do not apply" in flat
    )
    assert not re.search(r"\d ?%(?!})", flat.split("Content", maxsplit=1)[0][:200])
    for control in build(scan).controls:
        assert f"{control.counts.failed} of {control.counts.judged} fail" in flat


def test_a_subject_goes_by_its_name_and_its_id_stands_beside_it(named: Scan) -> None:
    view = build(named)
    page = Page(report_html(view).decode())
    assert "script" not in {tag for tag, each in page.tags if "title" in each}
    assert Counter(tag for tag, _ in page.tags)["script"] == 2
    assert "gold / daily \u2192 central" in page.text
    data = page.data()
    for row, finding in zip(data["rows"], view.worst, strict=True):
        assert data["texts"][row[10]] == finding.details["name"]
    without_data = re.sub(r"<script type=.*?</script>", "", report_html(view).decode(), flags=re.DOTALL)
    for section in ("controls", "findings", "resources"):
        text = without_data.partition(f'<section id="{section}"')[2].partition("</section>")[0]
        assert re.search(r'<bdi class="subject" title="arn:[^"]+">billing-archive</bdi>', text), section
        assert re.search(r'<bdi class="short">[a-z-]+/[a-z0-9-]+</bdi>', text), section


def test_findings_without_names_go_by_their_ids(html: str) -> None:
    assert '<bdi class="short">' not in html
    assert re.search(r'<bdi class="subject" title="arn:[^"]+:volume/vol-1?[^"]+">volume/vol-', html)


def test_missing_reads_stand_with_the_controls_that_they_blind(scan: Scan) -> None:
    blinded = scan.gaps[0]
    other = replace(blinded, operation="backup:ListCopyJobs", about="")
    text = report_html(build(replace(scan, gaps=(*scan.gaps, other)))).decode()
    table = text.partition('<table class="gaps">')[2].partition("</table>")[0]
    rows = [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row)) for row in table.split("<tr")]
    assert any("shop-prod (222222222222: us-east-1)" in re.sub(r" +", " ", row) for row in rows)
    (blinds,) = [row for row in rows if "backup:GetBackupVaultAccessPolicy" in row]
    assert "resource-cross-account-copy , vault-manual-deletion-denied" in blinds
    (none,) = [row for row in rows if "backup:ListCopyJobs" in row]
    assert "none of the selected" in none


def test_equal_scans_give_equal_bytes(html: str, scan: Scan) -> None:
    assert report_html(build(replace(scan))).decode() == html


def test_it_is_accessible_in_its_bones(page: Page) -> None:
    tags = {tag for tag, _ in page.tags}
    assert {"main", "nav", "header", "footer", "h1", "aside", "dialog"} <= tags
    assert next(each for tag, each in page.tags if tag == "html")["lang"] == "en"
    assert next(each for tag, each in page.tags if tag == "a") == {"class": "skip", "href": "#main"}
    for tag, attributes in page.tags:
        if tag == "th":
            assert "scope" in attributes
        if tag == "svg":
            assert attributes.get("aria-hidden") == "true" or attributes.get("aria-label")


def test_an_empty_scan_has_a_sensible_page(empty: Scan) -> None:
    page = Page(report_html(build(empty)).decode())
    assert "questions were asked: the scan found nothing" in page.text
    assert "Account 111111111111" in page.text
    assert page.data()["rows"] == []


def test_a_scan_that_knows_nothing_claims_nothing(blind: Scan) -> None:
    text = Page(report_html(build(blind)).decode()).text
    assert "none could be judged. This scan proves nothing." in re.sub(r"\s+", " ", text)


def test_a_large_organisation_stays_small_and_says_what_is_cut(scan: Scan) -> None:
    bad = next(each for each in scan.findings if each.status is Status.FAIL and each.details)
    many = tuple(
        replace(bad, subject=f"{bad.subject}-{number}", reason=f"r {number}") for number in range(40_000)
    )
    document = report_html(build(replace(scan, findings=many)))
    assert len(document) < MEGABYTES_5
    page = Page(document.decode())
    shown = len(page.data()["rows"])
    assert 0 < shown < len(many)
    assert f"This file shows the worst {shown:,} of 40,000 findings" in page.text
    assert f"{40_000 - shown:,} fail" in page.text
    assert "findings.jsonl.gz" in page.text


def test_one_huge_detail_is_left_to_the_files(scan: Scan) -> None:
    huge = replace(next(iter(scan.findings)), details={"keys": ["k" * 100] * 1_000})
    embedded = embed(build(replace(scan, findings=(huge,))))
    assert len(embedded.text) < LARGEST
    assert "left out here: see findings.jsonl.gz" in embedded.text


def test_when_the_room_for_details_is_used_up_rows_go_on_without_them(scan: Scan) -> None:
    embedded = embed(build(scan), detail_room=20_000, room=60_000)
    rows = orjson.loads(embedded.text)["rows"]
    assert 0 < embedded.detailed < embedded.rows == len(rows)
    assert rows[0][9] is not None
    assert rows[-1][9] is None
    assert embedded.rows + embedded.cut.total == len(scan.findings)


def test_it_says_of_when_the_capability_table_is(scan: Scan) -> None:
    told = f"<dt>Capability table</dt><dd>{scan.manifest.capabilities_as_of}</dd>"
    assert told in report_html(build(scan)).decode()
