"""`report.html` in a real browser: what people do with it, and what it must never do."""

import csv
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from pypdf import PdfReader

from scanner.model.decisions import Owner
from scanner.model.finding import Finding, Status
from scanner.model.scan import Scan
from scanner.report.formats.html import report_html
from scanner.report.view.view import build
from tests.report.browser import Opened, chromium, opened
from tests.report.view.test_timeline import SERIES

UNCOVERED = "arn:aws:ec2:eu-west-1:111111111111:instance/i-000000002"
PLAN = "6f1c-1111-eu-west-1"

Open = Callable[..., Iterator[Opened]]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium()
    with sync_playwright() as playwright:
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        started = playwright.chromium.launch(executable_path=path, args=sandbox)
        yield started
        started.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reports")


def write(folder: Path, name: str, scan: Scan) -> Path:
    file = folder / f"{name}.html"
    if not file.exists():
        file.write_bytes(report_html(build(scan)))
    return file


@pytest.fixture(scope="module")
def report(folder: Path, scan: Scan) -> Path:
    return write(folder, "report", scan)


def test_why_is_it_not_protected_and_what_do_i_type(browser: Browser, report: Path) -> None:
    with opened(browser, report) as here:
        here.find("i-000000002")
        here.page.keyboard.press("Enter")
        sheet = here.page.locator(".sheet")
        assert sheet.locator("h2").inner_text() == "instance/i-000000002"
        why = sheet.locator(".verdict-box").inner_text()
        assert "No backup rule covers it." in why
        assert "No selection matches i-000000002." in why
        code = sheet.locator(".fix code").last.inner_text()
        assert f"--backup-plan-id {PLAN} --backup-selection" in code
        assert "# In account 111111111111, eu-west-1:" in code
        assert "--region eu-west-1" in code
        role = "arn:aws:iam::111111111111:role/service-role/AWSBackupDefaultServiceRole"
        assert role in code
        assert sheet.locator(".fix mark").count() == 0
        sheet.get_by_label("ROLE_ARN").select_option("")
        assert sheet.locator(".fix mark").first.inner_text() == "ROLE_ARN"
        assert "Still to fill in: ROLE_ARN" in sheet.locator(".fix .left").inner_text()
        sheet.get_by_label("ROLE_ARN").select_option(role)
        assert role in sheet.locator(".fix pre code").inner_text()
        sheet.locator(".fix .tab", has_text="Terraform").click()
        assert "aws_backup_selection" in sheet.locator(".fix pre code").inner_text()


def test_what_is_copied_is_what_is_shown(browser: Browser, report: Path) -> None:
    with opened(
        browser, report, f"#/?open={UNCOVERED}", permissions=["clipboard-read", "clipboard-write"]
    ) as here:
        here.page.locator(".fix .copy-button").first.click()
        here.page.wait_for_selector(".toast.shown")
        copied = here.page.evaluate("navigator.clipboard.readText()")
        assert copied == here.page.locator(".fix pre code").text_content()
        assert PLAN in copied


def test_the_chain_is_a_picture_and_words_with_its_breaks_marked(
    browser: Browser, scan: Scan, report: Path
) -> None:
    broken = next(
        each for each in scan.findings
        if each.control == "resource-cross-account-copy" and each.status is Status.FAIL
    )  # fmt: skip
    with opened(browser, report, f"#/?open={broken.subject}") as here:
        picture = here.page.locator(".picture svg")
        kinds = picture.locator("text.kind").all_text_contents()
        assert [kind for kind in kinds if kind][:4] == ["Resource", "Selection", "Rule", "Vault"]
        assert "Copy" in kinds
        copy = picture.locator("g", has=here.page.locator("rect.broken")).last
        assert "✗ Broken" in (copy.text_content() or "")
        assert "AWS managed key" in (copy.text_content() or "")
        assert "Broken: " in (picture.get_attribute("aria-label") or "")
        here.page.locator(".in-words summary").click()
        words = here.page.locator(".in-words li.broken > .link").last.inner_text()
        assert "which no other account can use" in words
        said = here.page.locator(".finding[data-control='resource-cross-account-copy'] summary").inner_text()
        assert (
            "Backups of the resource are not copied to another account (resource-cross-account-copy)" in said
        )


def test_every_finding_of_a_subject_tells_its_details_and_evidence(browser: Browser, report: Path) -> None:
    with opened(browser, report, f"#/?at=resource-backed-up-recently&open={UNCOVERED}") as here:
        card = here.page.locator(".finding[data-control='resource-backed-up-recently']")
        assert card.get_attribute("open") is not None
        assert "evidence/111111111111/eu-west-1.jsonl.gz line 2" in card.inner_text()
        assert "newest recovery point" in card.inner_text()
        assert here.page.locator(".said summary").first.inner_text().split("\n")[0] == "Failed"


def test_filters_narrow_the_table_and_are_taken_away_again(
    browser: Browser, scan: Scan, report: Path
) -> None:
    failing = [each for each in scan.findings if each.status is Status.FAIL]
    in_shop = [each for each in failing if each.account == "222222222222"]
    with opened(browser, report) as here:
        here.page.locator(".chip", has_text="Fail").click()
        assert here.tally.startswith(f"{len(failing)} of {len(scan.findings)} findings match")
        here.page.select_option("select[name=account]", "222222222222")
        assert here.tally.startswith(f"{len(in_shop)} of")
        here.page.fill(".search-box input", "lock")
        here.page.wait_for_function("() => location.hash.includes('q=lock')")
        sought = [each for each in in_shop if "lock" in f"{each.control} {each.reason}".lower()]
        assert here.tally.startswith(f"{len(sought)} of")
        here.page.locator(".selects button").click()
        assert here.tally.startswith(f"{len(scan.findings)} of {len(scan.findings)} findings")
        here.page.select_option("select[name=framework]", "pci-dss-4")
        served = [each for each in scan.findings if "pci-dss-4" in each.frameworks]
        assert here.tally.startswith(f"{len(served)} of")
        here.page.fill(".search-box input", "there is no such thing")
        here.page.wait_for_selector("td.nothing")


@pytest.mark.parametrize("width", [1440, 820, 390])
def test_the_resource_table_fits(browser: Browser, report: Path, width: int) -> None:
    with opened(browser, report, viewport={"width": width, "height": 844}) as here:
        hidden = here.page.evaluate(
            "(() => { const box = document.querySelector('#resources .table'); "
            "return box.scrollWidth - box.clientWidth; })()"
        )
        assert hidden == 0


def test_a_phone_shows_the_first_finding_on_its_first_screen(browser: Browser, report: Path) -> None:
    with opened(browser, report, viewport={"width": 390, "height": 844}) as here:
        box = here.page.locator(".first li a").first.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 844


def test_print_leaves_infrastructure_as_code_out(browser: Browser, report: Path) -> None:
    with opened(browser, report) as here:
        here.page.locator(".control summary").first.click()
        code = here.page.locator("figure.code[data-title=Terraform]").first
        assert code.is_visible()
        here.page.emulate_media(media="print")
        assert code.is_hidden()


def test_a_link_sets_several_values_of_a_filter(browser: Browser, scan: Scan, report: Path) -> None:
    wanted = [
        each
        for each in scan.findings
        if each.status in (Status.FAIL, Status.UNKNOWN)
        and each.severity.value in ("critical", "high")
        and each.account in ("111111111111", "222222222222")
    ]
    several = "#/?status=fail,unknown&severity=critical&severity=HIGH&account=111111111111,shop-prod"
    with opened(browser, report, several) as here:
        assert here.tally.startswith(f"{len(wanted)} of {len(scan.findings)} findings match")
        assert here.page.locator(".pill").count() == 4
        assert here.page.locator(".strange").is_hidden()
        here.page.locator(".pill", has_text="Critical").click()
        high = [each for each in wanted if each.severity.value == "high"]
        assert here.tally.startswith(f"{len(high)} of")
        here.page.select_option("select[name=severity]", "critical")
        assert here.tally.startswith(f"{len(wanted)} of")
        assert "severity=high,critical" in here.page.url


def test_a_link_that_is_not_understood_is_reported(browser: Browser, scan: Scan, report: Path) -> None:
    with opened(browser, report, "#/?status=fail,broken&region=mars-1&sev=high") as here:
        failing = sum(each.status is Status.FAIL for each in scan.findings)
        assert here.tally.startswith(f"{failing} of")
        text = here.page.locator(".strange").inner_text()
        assert "status=broken; region=mars-1; sev=high" in text


def test_findings_are_grouped(browser: Browser, scan: Scan, report: Path) -> None:
    with opened(browser, report, "#/?status=fail&group=control") as here:
        failing = Counter(each.control for each in scan.findings if each.status is Status.FAIL)
        rows = here.page.locator("table.findings tbody td.group")
        assert rows.count() == len(failing)
        assert f"{failing.most_common(1)[0][1]} fail" in rows.first.inner_text()
        here.page.select_option("select[name=group]", "resource")
        subjects = {each.subject for each in scan.findings if each.status is Status.FAIL}
        assert f"in {len(subjects)} groups" in here.tally


def test_the_view_is_exported_as_csv(browser: Browser, scan: Scan, report: Path) -> None:
    with opened(browser, report, "#/?status=fail") as here:
        with here.page.expect_download() as download:
            here.page.locator(".export button").click()
        with Path(download.value.path()).open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == sum(each.status is Status.FAIL for each in scan.findings)
        assert {row["status"] for row in rows} == {"fail"}
        assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]


def test_the_table_is_ordered_worst_first_or_as_a_head_asks(
    browser: Browser, scan: Scan, report: Path
) -> None:
    with opened(browser, report) as here:
        assert here.page.locator("tbody .status").first.inner_text() == "Fail"
        worst = [each.subject for each in build(scan).worst[:100]]
        links = here.page.locator("table.findings tbody a.subject")
        assert [link.get_attribute("title") for link in links.all()][:40] != sorted(worst)[:40]
        head = here.page.locator("th button", has_text="Subject")
        head.click()
        rising = here.titles()
        assert rising == sorted(rising, key=str.lower)
        assert here.page.locator("th[aria-sort=ascending]").inner_text() == "Subject"
        head.click()
        falling = here.titles()
        assert falling == sorted(falling, key=str.lower, reverse=True)
        assert falling[0] >= rising[-1]
        head.click()
        assert here.page.locator("th[aria-sort]").count() == 0
        here.page.locator(".more button").click()
        assert len(here.titles()) == min(len(list(scan.findings)), 600)


def test_a_fragment_brings_the_view_back(browser: Browser, report: Path) -> None:
    with opened(browser, report) as here:
        here.page.locator(".chip", has_text="Unknown").click()
        here.page.locator("th button", has_text="Account").click()
        here.page.locator("table.findings tbody a.subject").first.click()
        here.page.wait_for_selector(".sheet[open]")
        left = here.page.url.partition("#")[2], here.tally, here.page.inner_text(".sheet h2")
    with opened(browser, report, f"#{left[0]}") as here:
        here.page.wait_for_selector(".sheet[open]")
        assert (here.page.url.partition("#")[2], here.tally, here.page.inner_text(".sheet h2")) == left
        here.page.go_back()
        here.page.wait_for_selector(".sheet", state="hidden")


def test_the_static_links_of_the_page_open_subjects(browser: Browser, report: Path) -> None:
    with opened(browser, report, "#control-resource-in-backup-plan") as here:
        card = here.page.locator("#control-resource-in-backup-plan")
        assert card.get_attribute("open") is not None
        link = card.locator(".subjects a").first
        title = link.inner_text()
        link.click()
        assert here.page.locator(".sheet h2").inner_text() == title
        here.page.locator(".finding[data-control=resource-in-backup-plan] .more-of-it a").click()
        here.page.wait_for_selector(".sheet", state="hidden")


def test_a_keyboard_is_enough(browser: Browser, report: Path) -> None:
    with opened(browser, report) as here:
        keys = here.page.keyboard
        keys.press("Tab")
        assert here.page.evaluate("document.activeElement.className") == "skip"
        keys.press("/")
        keys.type("orders")
        here.page.wait_for_selector("#found li[aria-selected=true]")
        first = here.page.inner_text("#found li[aria-selected=true] b")
        keys.press("ArrowDown")
        second = here.page.inner_text("#found li[aria-selected=true] b")
        assert first != second
        marked = here.page.get_attribute(".finder input", "aria-activedescendant")
        assert here.page.inner_text(f"#{marked} b") == second
        keys.press("Enter")
        assert here.page.inner_text(".sheet h2") == second
        keys.press("Escape")
        here.page.wait_for_selector(".sheet", state="hidden")
        assert here.page.evaluate("document.activeElement.getAttribute('role')") == "combobox"
        keys.press("ArrowUp")
        keys.press("Escape")
        here.page.focus("th button")
        keys.press("Enter")
        assert here.page.locator("th[aria-sort=ascending]").count() == 1


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_keeps_a_screen_reader_out(browser: Browser, report: Path, theme: str) -> None:
    with opened(
        browser, report, "#/?control=vault-locked", color_scheme=theme
    ) as here:  # few rows: axe is slow
        ground = here.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == {"light": "rgb(246, 247, 249)", "dark": "rgb(14, 18, 23)"}[theme]
        here.page.evaluate(
            "document.querySelectorAll('main details').forEach((each, n) => { each.open = n < 6; })"
        )
        here.find("orders")
        assert here.axe() == []
        here.page.goto(f"{report.as_uri()}#/?at=resource-in-backup-plan&open={UNCOVERED}")
        here.page.wait_for_selector(".sheet[open] .finding[open]")
        here.page.locator(".in-words summary").click()
        assert here.axe() == []


def test_the_theme_is_chosen_by_hand_and_stays(browser: Browser, report: Path) -> None:
    with opened(browser, report, color_scheme="light") as here:
        button = here.page.locator(".theme-button")
        button.click()
        button.click()
        assert button.inner_text() == "Theme: dark"
        here.page.reload()
        here.page.wait_for_selector("html[data-ready]")
        assert here.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(14, 18, 23)"


def test_it_prints(browser: Browser, report: Path) -> None:
    with opened(browser, report, color_scheme="dark") as here:
        printed = PdfReader(BytesIO(here.page.pdf(format="A4", print_background=True)))
        text = " ".join(page.extract_text() for page in printed.pages)
        assert len(printed.pages) > 3
        for said in ("Backup audit", "Completeness", "Limitations", "Resource is in a backup plan"):
            assert said in text
        assert here.page.locator("main details.control[open]").count() == 0


def test_a_subject_s_page_is_printed_alone(browser: Browser, report: Path) -> None:
    with opened(browser, report, f"#/?open={UNCOVERED}") as here:
        printed = PdfReader(BytesIO(here.page.pdf(format="A4")))
        text = " ".join(page.extract_text() for page in printed.pages)
        for said in ("No backup rule covers it", "How to fix it", PLAN, "Findings by control"):
            assert said in text
        assert "Completeness" not in text
        assert "Copy link" not in text


@pytest.mark.parametrize(("width", "theme"), [(360, "dark"), (820, "light"), (1440, "dark")])
def test_the_trend_fits_and_is_told_in_words(
    browser: Browser, folder: Path, scan: Scan, width: int, theme: str
) -> None:
    file = write(folder, "trend", replace(scan, timeline=SERIES))
    viewport = {"width": width, "height": 800}
    with opened(browser, file, "#trend", viewport=viewport, color_scheme=theme) as here:
        here.page.evaluate("document.querySelector('#trend details').open = true")
        assert not here.is_wider_than_the_window()
        charts = here.page.get_by_role("img", name="Failures by severity")
        assert charts.count() == 1
        # Text of less than nine pixels cannot be read on a phone.
        height = here.page.evaluate(
            "document.querySelector('#trend .words text').getBoundingClientRect().height"
        )
        assert height >= 9
        strokes = here.page.evaluate(
            "[...document.querySelectorAll('#trend .line')].map((each) => getComputedStyle(each).stroke)"
        )
        assert "none" not in strokes
        assert len(set(strokes)) == 5
        assert here.page.locator("#trend table").first.locator("tbody tr").count() == 5


@pytest.mark.parametrize("width", [360, 1024, 1920])
def test_no_page_is_wider_than_its_window(browser: Browser, folder: Path, named: Scan, width: int) -> None:
    file = write(folder, "named", named)
    with opened(browser, file, viewport={"width": width, "height": 800}) as here:
        assert not here.is_wider_than_the_window()
        here.page.locator("table.findings tbody a.subject").first.click()
        here.page.wait_for_selector(".sheet[open]")
        assert not here.is_wider_than_the_window()
        box = here.page.locator(".sheet").bounding_box()
        assert box is not None
        assert box["width"] <= width
        inside = here.page.evaluate(
            "(() => { const s = document.querySelector('.sheet'); return s.scrollWidth - s.clientWidth; })()"
        )
        assert inside == 0


def test_hostile_names_are_text(browser: Browser, folder: Path, scan: Scan) -> None:
    tag = "<script>alert(1)</script>\u202e" + "x" * 5_000
    names = (
        '"><img src=x onerror=alert(2)>',
        tag,
        "\u05de\u05e2\u05e8\u05db\u05ea \U0001f9ca",
        "'; rm -rf ~ #",
    )
    subject = "arn:aws:dynamodb:eu-west-1:333333333333:table/$(reboot)"

    def made(number: int, finding: Finding) -> Finding:
        details = {"name": names[number % 4], "tags": [{"key": tag, "value": names[0]}]}
        return replace(
            finding,
            subject=subject if number == 1 else finding.subject,
            reason=names[number % 4],
            details=details,
        )

    found = [
        each
        for each in scan.findings
        if each.control == "resource-in-backup-plan" and each.status is Status.FAIL
    ]
    hostile = replace(scan, findings=tuple(made(number, each) for number, each in enumerate(found)))
    file = write(folder, "hostile", hostile)
    with opened(browser, file, viewport={"width": 360, "height": 800}) as here:
        assert here.page.locator("img").count() == 0
        here.page.goto(f"{file.as_uri()}#/?open={subject.replace('$', '%24')}")
        here.page.wait_for_selector(".sheet[open]")
        sheet = here.page.locator(".sheet")
        assert sheet.locator("h2").inner_text().startswith("<script>alert(1)</script>\u2039U+202E\u203a")
        assert "reboot" not in sheet.locator(".fix pre").inner_text()
        here.page.locator(".finding summary").first.click()
        assert here.page.locator("img").count() == 0
        assert not here.is_wider_than_the_window()


def test_the_policy_stops_what_should_never_be_there(browser: Browser, report: Path) -> None:
    with opened(browser, report) as here:
        sent = here.page.evaluate("fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'refused')")
        here.page.evaluate(
            "document.body.insertAdjacentHTML('beforeend', '<p onclick=\"window.ran = 1\">x</p>')"
        )
        here.page.evaluate("document.body.lastElementChild.click()")
        assert (sent, here.page.evaluate("window.ran")) == ("refused", None)
        violations = here.page.evaluate("window.violations.splice(0)")
        assert any(each.startswith("connect-src") for each in violations)
        assert any(each.startswith("script-src") for each in violations)
        here.said.clear()  # the browser tells of both on its console
        assert here.asked == []


def test_without_a_script_the_summary_and_the_worst_are_there(browser: Browser, report: Path) -> None:
    with opened(browser, report, java_script_enabled=False) as here:
        text = here.page.inner_text("main")
        assert "evaluated checks failed" in text
        assert here.page.locator("table.findings tbody tr").count() == 50
        assert "Without JavaScript this table cannot show more" in text
        assert not here.page.locator(".finder").is_visible()
        assert not here.is_wider_than_the_window()


@pytest.mark.parametrize("kind", ["empty", "blind", "named"])
def test_unusual_scans_have_a_sensible_page(
    browser: Browser, folder: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    scan: Scan = request.getfixturevalue(kind)
    with opened(browser, write(folder, kind, scan), color_scheme="dark") as here:
        expected = {"empty": "There are no findings.", "blind": "Unknown", "named": "Fail"}
        assert expected[kind] in here.page.inner_text("table.findings tbody tr >> nth=0")
        assert kind != "empty" or here.axe() == []


def test_owners_stand_on_the_page_and_narrow_the_table(browser: Browser, folder: Path, scan: Scan) -> None:
    owners = (Owner("payments", "tag owner"), Owner("", "no owner"), Owner(None, "tags were not read"))
    found = tuple(replace(each, owner=owners[number % 3]) for number, each in enumerate(scan.findings))
    with opened(browser, write(folder, "owned", replace(scan, findings=found))) as here:
        options = here.page.locator("select[name=owner] option").all_inner_texts()
        assert {option.split(" \u00b7 ")[0] for option in options} == {
            "Any owner", "payments", "no owner", "unknown",
        }  # fmt: skip
        here.page.select_option("select[name=owner]", "payments")
        here.page.locator("table.findings tbody a.subject").first.click()
        assert here.page.inner_text(".sheet .where").endswith("owner payments")
