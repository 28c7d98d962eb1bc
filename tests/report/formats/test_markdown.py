import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from scanner.model.control import Remediation
from scanner.model.finding import Status
from scanner.model.scan import Scan
from scanner.report.formats.markdown import LIMIT, block, cell, code, inert, summary_md
from scanner.report.view.view import build
from scanner.report.wording import one_line
from tests.fakes.hostile import HOSTILE, planted

GFM = MarkdownIt(
    "gfm-like"
)  # CommonMark, tables, strikethrough, links made of bare addresses; raw HTML is on
MARKUP = {
    "html_block",
    "html_inline",
    "link_open",
    "image",
    "em_open",
    "s_open",
    "blockquote_open",
    "code_block",
    "ordered_list_open",
    "hr",
    "lheading_open",
}
REFERENCES = re.compile(r"@\w|#\d|\bGH-\d|:[a-z_]\w*:|www\.|://|\b[0-9a-f]{7,40}\b")
"""What GitHub makes a link or a picture of in running text."""


def text(scan: Scan) -> str:
    return b"".join(summary_md(build(scan))).decode()


def tokens(markdown: str) -> Iterator[Token]:
    for token in GFM.parse(markdown):
        yield token
        yield from token.children or ()


def running_text(markdown: str) -> str:
    return "\n".join(token.content for token in tokens(markdown) if token.type == "text")


def shown(markdown: str) -> str:
    """Give what a reader sees, without the marks."""
    return "".join(token.content for token in tokens(markdown) if token.type in {"text", "code_inline"})


def tabled(markdown: str) -> list[list[str]]:
    """Give the rows of all tables."""
    rows: list[list[str]] = []
    for token, following in zip(found := GFM.parse(markdown), [*found[1:], None], strict=True):
        if token.type == "tr_open":
            rows.append([])
        if token.type in {"td_open", "th_open"} and following is not None:
            rows[-1].append(following.content)
    return rows


def test_the_numbers_are_those_of_the_view(scan: Scan) -> None:
    counts = build(scan).counts
    rows = {row[0]: row for row in tabled(text(scan))}
    for status, word in ((Status.FAIL, "Fail"), (Status.UNKNOWN, "Unknown"), (Status.WAIVED, "Waived")):
        assert rows[word][1] == f"{counts.of(status):,}"
    assert rows["Not applicable"][2] == ""
    verdict = f"**{counts.failed:,} of {counts.judged:,} evaluated checks failed; {counts.open:,} of"
    assert f"{verdict} {counts.asked:,} checks could not be evaluated.**" in text(scan)
    assert rows["Fail"][2].endswith(f" % of {counts.judged:,}")
    assert rows["Unknown"][2].endswith(f" % of {counts.asked:,}")
    result = rows["`resource-in-backup-plan`"]
    mine = build(scan).by_control["resource-in-backup-plan"]
    assert result[2:] == [
        f"{number:,}" if number else ""
        for number in (mine.failed, mine.open, mine.waived, mine.passed, mine.not_applicable)
    ]


def test_it_says_what_could_not_be_read(scan: Scan, empty: Scan) -> None:
    assert "`backup:GetBackupVaultAccessPolicy`, in `222222222222/us-east-1`" in text(scan)
    assert "Missing: 5 reads." in text(scan)
    scope = replace(empty.manifest.scope, regions=(), accounts=())
    whole = replace(empty, manifest=replace(empty.manifest, scope=scope))
    assert "Everything in scope was read." in text(whole)


def test_it_says_what_to_type(scan: Scan) -> None:
    fences = [token for token in GFM.parse(text(scan)) if token.type == "fence"]
    assert any("aws backup create-backup-selection" in token.content for token in fences)


def test_nothing_unknown_reads_as_good(blind: Scan) -> None:
    made = text(blind)
    counts = build(blind).counts
    assert f"**0 of 0 evaluated checks failed; {counts.open:,} of {counts.asked:,} checks could not" in made
    assert "**Unknown:** " in made
    assert {row[0]: row[1] for row in tabled(made)}["Pass"] == "0"


def test_it_never_grows_beyond_what_github_takes(scan: Scan) -> None:
    long = replace(
        scan,
        controls=tuple(
            replace(each, remediation=Remediation("w " * 4_000, cli="x\n" * 6_000)) for each in scan.controls
        ),
    )
    for each in (scan, planted(scan), long):
        made = text(each)
        assert len(made.encode()) <= LIMIT + 1_000
        assert len(made) <= 65_536
    assert "more controls failed or are unknown" in text(long)


def test_what_was_planted_is_neither_markup_nor_link_nor_mention(scan: Scan, named: Scan) -> None:
    for each in (planted(scan), named):
        made = text(each)
        assert {token.type for token in tokens(made)} & MARKUP == set()
        assert REFERENCES.findall(running_text(made)) == []
        headings = [token for token in GFM.parse(made) if token.type == "heading_open"]
        outside = re.sub("^```.*?^```$", "", made, flags=re.MULTILINE | re.DOTALL)
        titles = [line for line in outside.splitlines() if re.match("#{1,3} ", line)]
        assert len(headings) == len(titles)
    assert {len(row) for row in tabled(text(planted(scan)))} == {4, 7}


@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_is_shown_as_it_is(value: str) -> None:
    plain = " ".join(one_line(value).split())
    for written in (code(value, 9_000), inert(value, 9_000)):
        assert {token.type for token in tokens(written)} & MARKUP == set()
        assert shown(written).replace(" ", "") == plain.replace(" ", "")


@given(st.text(max_size=60))
def test_any_text_is_shown_as_it_is(value: str) -> None:
    plain = " ".join(one_line(value).split())
    for written in (code(value), f"Before {inert(value)}"):
        assert {token.type for token in tokens(written)} & MARKUP == set()
        assert REFERENCES.findall(running_text(written)) == []
        assert shown(written).removeprefix("Before").replace(" ", "") == plain.replace(" ", "")


@given(st.text(alphabet="`|\\a [](){}#@*_<>!:/.-\n", max_size=40))
def test_marks_alone_make_nothing_either(value: str) -> None:
    plain = " ".join(one_line(value).split())
    for written in (code(value), f"Before {inert(value)}"):
        assert {token.type for token in tokens(written)} & MARKUP == set()
        assert shown(written).removeprefix("Before").replace(" ", "") == plain.replace(" ", "")
    ((first, second), body) = tabled(f"| a | b |\n|---|---|\n| {cell(code(value) or 'x')} | y |")
    assert (first, second) == ("a", "b")
    assert body[1] == "y"


@given(st.text(alphabet="`~a\n ", max_size=40))
def test_nothing_breaks_out_of_a_block(value: str) -> None:
    written = block(value, "shell")
    assert [token.type for token in GFM.parse(written)] == ["fence"]


@pytest.mark.parametrize(
    ("sentence", "written"),
    [
        ("No rule covers it.", "No rule covers it."),
        ("It is 3.5 days old, 21.8% of them.", "It is 3.5 days old, 21.8% of them."),
        ("See arn:aws:s3:::x, twice.", "See `arn:aws:s3:::x`, twice."),
        ("Of (a_b) and c.", "Of (`a_b`) and c."),
        ("Ask @me now", "Ask `@me` now"),
        ("In 111111111111 / eu-west-1.", "In `111111111111` / eu-west-1."),
        ("", ""),
    ],
)
def test_sentences_stay_readable(sentence: str, written: str) -> None:
    assert inert(sentence) == written


def test_no_heading_says_that_what_fails_holds(scan: Scan) -> None:
    requirements = {control.title for control in scan.controls}
    headings = [line.removeprefix("### ") for line in text(scan).splitlines() if line.startswith("### ")]
    assert headings
    failed = [heading.partition(" failed: ")[2] for heading in headings if " failed: " in heading]
    assert failed
    assert set(failed) <= {control.failure for control in scan.controls}
    assert not requirements & {*headings, *failed}
