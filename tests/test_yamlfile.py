from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from scanner.errors import Mistake
from scanner.yamlfile import MAX_BYTES, MAX_DEPTH, read_yaml, write_yaml


def read(text: str) -> Any:
    document, mistakes = read_yaml(text, "x.yaml")
    assert mistakes == ()
    assert document is not None
    return document.data


def mistakes_of(text: str) -> list[tuple[int, str]]:
    return [(mistake.line, mistake.message) for mistake in read_yaml(text, "x.yaml")[1]]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: NO", "NO"),
        ("a: on", "on"),
        ("a: yes", "yes"),
        ("a: true", True),
        ("a: FALSE", False),
        ("a: tRuE", "tRuE"),
        ("a: 12:30:45", "12:30:45"),
        ("a: 010", "010"),
        ("a: 0x1F", "0x1F"),
        ("a: 0o17", "0o17"),
        ("a: 1_000", "1_000"),
        ("a: 35", 35),
        ("a: -3", -3),
        ("a: 0", 0),
        ("a: 1.5", 1.5),
        ("a: .5", 0.5),
        ("a: 1e3", 1000.0),
        ("a: 1e999", "1e999"),
        ("a: .inf", ".inf"),
        ("a: .nan", ".nan"),
        ("a: 012345678901", "012345678901"),
        ("a: 111111111111", "111111111111"),
        ("a: 1111111111111", 1111111111111),
        ("a: 2026-11-22", "2026-11-22"),
        ("a: 2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z"),
        ("a:", None),
        ("a: ~", None),
        ("a: ''", ""),
        ("a: 'null'", "null"),
        ('a: "35"', "35"),
        ("a: |\n  35\n", "35\n"),
        ("a: >-\n  true\n", "true"),
        ("a: " + "9" * 5000, "9" * 5000),
    ],
)
def test_a_plain_word_means_what_the_core_schema_says(text: str, value: object) -> None:
    data = read(text)
    assert data == {"a": value}
    assert type(data["a"]) is type(value)


def test_keys_are_text_as_written() -> None:
    assert read("NO: 1\n012345678901: 2\n7: 3\nnull: 4\n") == {"NO": 1, "012345678901": 2, "7": 3, "null": 4}


def test_a_byte_order_mark_is_no_character_of_the_first_key() -> None:
    assert read("\ufeffa: 1") == {"a": 1}


@pytest.mark.parametrize("text", ["", "# nothing but a remark\n", "---\n", "--- ~\n...\n"])
def test_an_empty_file_is_a_document_without_data(text: str) -> None:
    assert read(text) is None


def test_every_value_knows_its_line() -> None:
    document, _ = read_yaml("# one\na:\n  b: 1\n  c:\n    - x\n    - y: {z: 2}\n", "x.yaml")
    assert document is not None
    assert document.line(()) == 2
    assert document.line(("a",)) == 2
    assert document.line(("a", "b")) == 3
    assert document.line(("a", "c", 1, "y", "z")) == 6
    assert document.line(("a", "c", 1, "no such key", 7)) == 6
    assert document.line(("nowhere",)) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", (3, "the key 'a' occurs twice")),
        ("a: &x 1\n", (1, "the anchor &x is not supported")),
        ("a: 1\nb: *x\n", (2, "the alias *x is not supported")),
        (
            "a: !!python/object:os.system x\n",
            (1, "the tag tag:yaml.org,2002:python/object:os.system is not supported"),
        ),
        ("a: !Ref x\n", (1, "the tag !Ref is not supported")),
        ("!x a: 1\n", (1, "the tag !x is not supported")),
        ("a: 1\n--- \nb: 2\n", (2, "a second document begins here")),
        ("<<: {a: 1}\n", (1, "the merge key << is not supported")),
        ("? [a, b]\n: 1\n", (1, "a key must be a word")),
        ("'': 1\n", (1, "a key is missing before the colon")),
        ("a: \x07\n", (1, "the character U+0007 is not allowed in YAML")),
    ],
)
def test_what_is_not_read_is_a_mistake_with_its_line(text: str, expected: tuple[int, str]) -> None:
    assert expected in mistakes_of(text)


def test_half_a_character_is_refused() -> None:
    assert [line for line, _ in mistakes_of('a: 1\nb: "\\ud800"\n')] == [2]


def test_quoted_arrows_are_an_ordinary_key() -> None:
    assert read("'<<': 1") == {"<<": 1}


def test_the_second_of_two_equal_keys_says_where_the_first_is_and_does_not_win() -> None:
    document, mistakes = read_yaml("a: 1\nb: 2\na: 3\n", "x.yaml")
    assert mistakes == (Mistake("x.yaml", 3, "the key 'a' occurs twice", "first on line 1"),)
    assert document is not None
    assert document.data == {"a": 1, "b": 2}


def test_all_mistakes_of_a_readable_file_are_told_at_once() -> None:
    assert [line for line, _ in mistakes_of("a: &x 1\nb: *x\nc: !t 1\na: 2\n")] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: [1, 2\n", 2),
        ("a: 1\n b: 2\n", 2),
        ("a: 'x\n", 2),
        ("a: b: c\n", 1),
        ("\ta: 1\n", 1),
        ("a: @x\n", 1),
        ("a: 1\nb: {\n", 3),
    ],
)
def test_broken_yaml_is_told_with_its_line(text: str, line: int) -> None:
    document, mistakes = read_yaml(text, "x.yaml")
    assert document is None
    assert [mistake.line for mistake in mistakes] == [line]
    assert mistakes[0].message.startswith("this is not YAML: ")


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 100_000, "{a: " * 100_000])
def test_a_tower_of_brackets_is_refused_early(text: str) -> None:
    assert mistakes_of(text) == [(1, f"nested deeper than {MAX_DEPTH} levels")]


def test_the_deepest_allowed_nesting_is_read() -> None:
    assert read("[" * MAX_DEPTH + "]" * MAX_DEPTH)


def test_a_huge_file_is_refused_unread() -> None:
    assert mistakes_of("a: " + "ü" * (MAX_BYTES // 2)) == [(0, "the file is larger than 1,000,000 bytes")]


@given(st.text() | st.text(alphabet="ab:-[]{}&*!|>'\"\\?#%@, \n\t019.~<"))
@example('"\\UFFFFFFFF"')
@example("%YAML 9.9\n---\na")
@example("%TAG ! x\n%TAG ! x\n---\na")
@example("&a &b c")
@example("? &a *b\n: 1")
def test_no_text_whatever_ends_in_anything_but_data_or_mistakes(text: str) -> None:
    document, mistakes = read_yaml(text, "x.yaml")
    assert document is not None or mistakes
    assert all(0 <= mistake.line <= text.count("\n") + text.count("\r") + 4 for mistake in mistakes)


plain_data = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.text(st.characters(codec="utf-8", exclude_categories=["C"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abcxyz", min_size=1), inner),
    max_leaves=10,
)


@given(plain_data)
def test_what_another_program_writes_is_read_back(data: object) -> None:
    assert (
        read(yaml.safe_dump(data, default_style='"' if isinstance(data, str) else None, allow_unicode=True))
        == data
    )


@pytest.mark.parametrize(
    "text",
    [
        *("", " a ", "1e5", "1.5", ".5", "0123", "123456789012", "1_000", "0x1f", "12:30", "NO", "on"),
        *("null", "~", "2026-12-31", "=", "a: b", "#x", "- a", "'", '"', "&a", "*a", "!x", "%", "@", "`"),
        *("é", "\U0001f600", "a\nb", "a\tb", "x" * 500 + " " + "y" * 500, "\u0085", "\u2028", "\ufeffa"),
        *("|", ">", "{}", "[]", "?", "---"),
    ],
)  # fmt: skip
def test_text_that_is_written_is_read_back(text: str) -> None:
    data = {"key": text, text or "empty": [text, {"a": text}], "numbers": [1, -3, 1.5, 1e20, True, None]}
    document, mistakes = read_yaml(write_yaml(data), "x.yaml")
    assert not mistakes
    assert document is not None
    assert document.data == data


def test_the_same_value_twice_is_written_without_an_alias() -> None:
    values = ["a"]
    document, mistakes = read_yaml(write_yaml({"x": values, "y": values}), "x.yaml")
    assert (document and document.data, mistakes) == ({"x": ["a"], "y": ["a"]}, ())
