"""The table of a query: as wide as its cells, and within the width of the terminal."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from scanner.cli.query.table import MAX_CELL, table_lines

ARN = "arn:aws:ec2:eu-west-1:333333333333:volume/vol-148032e0d58b36240"
TEXT = st.one_of(st.none(), st.text(alphabet="ab ,:/é日\n\x1b\u202e[]", max_size=60))


def lines(columns: list[str], rows: list[list[str | None]], width: int = 200) -> list[str]:
    return [line.plain for line in table_lines(columns, rows, width)]


def test_a_column_is_as_wide_as_its_longest_cell() -> None:
    shown_lines = lines(["name", "covered"], [["a", "true"], ["longer name", None]])
    assert shown_lines == ["name         covered", "a            true", "longer name  -"]


def test_a_long_column_is_narrowed_and_short_ones_are_not() -> None:
    shown_lines = lines(["subject", "reason", "n"], [[ARN, "word " * 40, "1"]], 120)
    assert shown_lines[1].startswith(f"{ARN}  word word")
    assert shown_lines[1].endswith("word     1")
    assert len(shown_lines) > 3
    assert all(len(line) <= 120 for line in shown_lines)


def test_an_arn_is_never_broken_where_a_line_has_room_for_it() -> None:
    shown_lines = lines(["subject", "other"], [[ARN, ARN], [ARN, None]], 80)
    assert shown_lines == [f"subject  {ARN}", f"other    {ARN}", "", f"subject  {ARN}", "other    -"]


def test_an_arn_that_is_wider_than_a_line_is_not_broken_either() -> None:
    shown_lines = lines(["subject", "reason"], [[ARN, "a short reason"]], 50)
    assert shown_lines == ["subject", ARN, "reason   a short reason"]


def test_an_arn_within_a_text_has_a_line_of_its_own() -> None:
    shown_lines = lines(["reason"], [[f"Role {ARN} does not exist."]], 50)
    assert shown_lines == ["reason  Role", ARN, "        does not exist."]


def test_only_the_column_is_bold_in_a_block() -> None:
    (line, *_) = table_lines(["subject", "other"], [[ARN, ARN]], 80)
    assert [(span.start, span.end, span.style) for span in line.spans] == [(0, 7, "bold")]


def test_a_cell_of_a_million_characters_is_cut_and_counted() -> None:
    shown_lines = lines(["a", "name"], [["x" * 1_000_000, "one"], ["y", "two"]], 100)
    assert sum(map(len, shown_lines)) < 2 * MAX_CELL
    assert any("(1,000,000 characters)" in line for line in shown_lines)


def test_no_cell_fakes_a_line_or_commands_the_terminal() -> None:
    (_, shown_lines) = lines(["a"], [["one\ntwo\x1b[31m\u202ethree"]])
    assert "one" in shown_lines
    assert not set("\n\x1b\u202e") & set(shown_lines)


def test_markup_is_shown_as_it_is() -> None:
    assert lines(["[b]"], [["[red]x[/red]"]]) == ["[b]", "[red]x[/red]"]


def test_no_columns_and_no_rows() -> None:
    assert lines(["a", "b"], []) == ["a  b"]
    assert lines([], []) == []


@given(
    st.integers(1, 5).flatmap(
        lambda n: st.lists(st.lists(TEXT, min_size=n, max_size=n), min_size=1, max_size=4)
    ),
    st.integers(20, 120),
)
def test_no_line_is_wider_than_the_terminal(rows: list[list[str | None]], width: int) -> None:
    columns = [f"c{at}" for at in range(len(rows[0]))]
    shown_lines = list(table_lines(columns, rows, width))
    assert all(cell_len(line.plain) <= width for line in shown_lines)
    shown = "".join(line.plain for line in shown_lines)
    for letter in "ab日é":
        assert shown.count(letter) == sum((cell or "").count(letter) for row in rows for cell in row)
