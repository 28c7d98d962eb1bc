import base64
import gzip
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from html.parser import HTMLParser
from itertools import accumulate
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import orjson
import pytest

from scanner.model.decisions import Owner
from scanner.model.finding import Status
from scanner.model.scan import Scan
from scanner.report.formats.html import Limits, embed, report_html
from scanner.report.formats.html_rows import LARGEST
from scanner.report.view.view import build

MEGABYTES_5 = 5_000_000


class Page(HTMLParser):
    """What a browser would see: tags with their attributes, and the text of some of them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, list[str]] = {"script": [], "style": []}
        self.scripts: dict[str, str] = {}
        self.text = ""
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = tag
        if tag in self.inside:
            self.inside[tag].append("")
        self._id = dict(attrs).get("id") or ""

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 -- as HTMLParser has it
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open in self.inside:
            self.inside[self._open][-1] += data
            if self._open == "script":
                self.scripts[self._id] = self.scripts.get(self._id, "") + data
        else:
            self.text += data

    def head(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = orjson.loads(self.scripts["data"])
        return found

    def block(self, name: str) -> Any:
        return orjson.loads(gzip.decompress(base64.b64decode(self.scripts[name])))

    def rows(self) -> Iterator["Row"]:
        """The rows of the table, as the page puts them together again."""
        head, rows, reasons = self.head(), self.block("rows"), self.block("reasons")
        subjects = rows["subjects"]
        of = {key: [*accumulate(subjects[key])] for key in ("type", "account", "region")}
        columns = zip(*(accumulate(rows[key]) for key in ("control", "subject", "reason")), strict=True)
        for (control, subject, reason), rank in zip(columns, rows["rank"], strict=True):
            yield Row(
                rows["controls"][control], head["statuses"][rank // 5][0], head["severities"][rank % 5][0],
                subjects["arn"][subject], subjects["types"][of["type"][subject]],
                subjects["accounts"][of["account"][subject]], subjects["regions"][of["region"][subject]],
                reasons[reason], subjects["name"][subject],
            )  # fmt: skip

    def told(self) -> Mapping[str, Any]:
        """What the blocks tell, by subject."""
        names = [name for name in self.scripts if name.startswith("block-")]
        return {subject: told for name in names for subject, told in self.block(name).items()}


class Row(NamedTuple):
    control: str
    status: str
    severity: str
    subject: str
    type: str
    account: str
    region: str
    reason: str
    name: str


@pytest.fixture(scope="session")
def html(scan: Scan) -> str:
    return report_html(build(scan)).decode()


@pytest.fixture(scope="session")
def page(html: str) -> Page:
    return Page(html)


def test_hostile_values_are_text_and_nothing_else(page: Page) -> None:
    tags = Counter(tag for tag, _ in page.tags)
    assert tags["script"] == len([name for name in page.scripts if name]) + 1
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
    assert rules["script-src"] == f"'sha256-{digest(page.scripts[''])}'"
    assert "unsafe" not in policy


def digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def test_every_link_leads_somewhere(page: Page) -> None:
    ids = [each["id"] for _, each in page.tags if "id" in each]
    assert len(ids) == len(set(ids))
    subjects = {(row.control, row.subject) for row in page.rows()}
    for _, attributes in page.tags:
        link = attributes.get("href") or "#main"
        if "open=" in link:
            asked = parse_qs(link.removeprefix("#/?"))
            assert (asked["at"][0], asked["open"][0]) in subjects
        elif link.startswith("#") and not link.startswith("#/"):
            assert link[1:] in ids, link


def test_the_rows_are_the_scan_s_findings(scan: Scan, page: Page) -> None:
    assert list(page.rows()) == [
        Row(each.control, each.status, each.severity, each.subject, each.subject_type, each.account,
            each.region, each.reason, "")
        for each in scan.findings
    ]  # fmt: skip
    head = page.head()
    assert head["total"] == len(scan.findings)
    found = Counter(row.status for row in page.rows())
    assert {key: found[key] for key in head["counted"]} == head["counted"]


def test_the_blocks_tell_details_evidence_waivers_and_the_chain(scan: Scan, page: Page) -> None:
    told = page.told()
    for finding in scan.findings:
        kept = told[finding.subject]["findings"][finding.control]
        assert kept.get("details", {}) == dict(finding.details)
        assert kept.get("evidence", []) == [[ref.file, ref.line] for ref in finding.evidence]
        assert (kept.get("waiver") or {}).get("id") == (finding.waiver and finding.waiver.id)
    chains = {each.subject: each.chain.root for each in build(scan).resources}
    for subject, root in chains.items():
        assert told[subject]["chain"]["tree"]["subject"] == subject
        assert len(told[subject]["chain"]["picture"]["boxes"]) <= len(list(root.walk()))
    places = page.head()["blocks"]
    subjects = page.block("rows")["subjects"]["arn"]
    for number, block in places.items():
        assert subjects[int(number)] in page.block(f"block-{block}")


def test_the_summary_says_numbers_with_denominators(html: str, scan: Scan) -> None:
    counts = build(scan).counts
    flat = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", html))
    assert f"of {counts.judged} evaluated checks failed" in flat
    assert f"{counts.asked} checks, and {counts.not_applicable} that do not apply" in flat
    assert not re.search(r"\d ?%(?!})", flat.split("Content", maxsplit=1)[0][:200])
    for control in build(scan).controls:
        assert f"{control.counts.failed} of {control.counts.judged} fail" in flat


def test_a_subject_goes_by_its_name_and_its_id_stands_beside_it(named: Scan) -> None:
    view = build(named)
    page = Page(report_html(view).decode())
    assert "script" not in {tag for tag, each in page.tags if "title" in each}
    assert "gold / daily \u2192 central" in page.text
    for row, finding in zip(page.rows(), view.findings, strict=True):
        assert row.name == finding.details["name"].strip()
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
    assert "checks: the scan found nothing" in page.text
    assert "Account 111111111111" in page.text
    assert list(page.rows()) == []


def test_a_scan_that_knows_nothing_claims_nothing(blind: Scan) -> None:
    text = Page(report_html(build(blind)).decode()).text
    assert "none could be evaluated. This scan proves nothing." in re.sub(r"\s+", " ", text)


def test_a_large_organisation_stays_small_and_says_what_is_cut(
    scan: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scanner.report.formats.html_rows.BLOCK", 5_000)
    bad = next(each for each in scan.findings if each.status is Status.FAIL and each.details)
    many = tuple(
        replace(bad, subject=f"{bad.subject}-{number}", reason=f"r {number}", status=status)
        for number, status in enumerate([Status.PASS, Status.FAIL] * 20_000)
    )
    view = build(replace(scan, findings=many))
    whole = embed(view, Limits(rows=25_000))
    room = len(whole.rows_text) + len(whole.reasons_text) + 3_000
    document = report_html(view, Limits(room=room, rows=25_000))
    assert len(document) < MEGABYTES_5
    page = Page(document.decode())
    assert Counter(row.status for row in page.rows()) == {"fail": 20_000}
    assert not page.head()["passes"]
    assert "This file shows the worst 20,000 of 40,000 findings" in page.text
    assert "20,000 pass" in page.text
    assert "findings.jsonl.gz" in page.text
    assert len(page.told()) < 20_000
    assert f"The details of the worst {len(page.told()):,} are included" in page.text


def test_when_rows_find_no_room_the_worst_stay_in_their_order(scan: Scan) -> None:
    view = build(scan)
    kept = embed(view, Limits(room=6_000, rows_room=2_500))
    assert 0 < kept.rows < len(scan.findings)
    assert len(kept.rows_text) + len(kept.reasons_text) <= 2_500
    assert kept.rows + kept.cut.total == len(scan.findings)
    page = Page(
        f'<script id="data">{kept.head}</script><script id="rows">{kept.rows_text}</script>'
        f'<script id="reasons">{kept.reasons_text}</script>'
    )
    shown = {(row.control, row.subject) for row in page.rows()}
    assert shown == {(each.control, each.subject) for each in view.worst[: kept.rows]}
    order = [(each.control, each.subject) for each in scan.findings]
    assert [(row.control, row.subject) for row in page.rows()] == [each for each in order if each in shown]


def test_one_huge_detail_is_left_to_the_files(scan: Scan) -> None:
    huge = replace(next(iter(scan.findings)), details={"keys": ["k" * 100] * 1_000})
    page = Page(report_html(build(replace(scan, findings=(huge,)))).decode())
    (told,) = page.told().values()
    (finding,) = told["findings"].values()
    assert len(finding["details"]["keys"]) < LARGEST
    assert "left out here: see findings.jsonl.gz" in finding["details"]["keys"]


def test_when_the_room_for_details_is_used_up_rows_go_on_without_them(
    scan: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scanner.report.formats.html_rows.BLOCK", 5_000)
    embedded = embed(build(scan), Limits(room=40_000))
    assert 0 < embedded.detailed < embedded.rows == len(scan.findings)
    assert len(embedded.blocks) > 1
    assert sum(map(len, embedded.blocks)) < 40_000


def test_it_says_of_when_the_capability_table_is(scan: Scan) -> None:
    result = f"<dt>Capability table</dt><dd>{scan.manifest.capabilities_as_of}</dd>"
    assert result in report_html(build(scan)).decode()


def test_waivers_stand_with_what_they_cover_and_until_when(scan: Scan, empty: Scan) -> None:
    text = report_html(build(scan)).decode()
    table = text.partition('<table class="waivers">')[2].partition("</table>")[0]
    covered = sum(each.waiver is not None for each in scan.findings)
    for result in ("W-17", "2027-01-31", "ciso@example.org", "rebuilt every night", f">{covered}</a>"):
        assert result in table
    assert "No waiver covers a failure of this scan." in Page(report_html(build(empty)).decode()).text


def test_owners_are_counted_where_findings_name_any(scan: Scan, html: str) -> None:
    assert "By owner" not in html
    owners = (Owner("payments <team>", "tag owner"), Owner("", "no owner"), Owner(None, "not read"))
    found = tuple(replace(each, owner=owners[number % 3]) for number, each in enumerate(scan.findings))
    text = report_html(build(replace(scan, findings=found))).decode()
    group = text.partition('aria-label="By owner"')[2].partition("</section>")[0]
    assert 'href="#/?owner=payments%20%3Cteam%3E"' in group
    assert 'href="#/?owner=no%20owner"' in group
    assert 'href="#/?owner=unknown"' in group
