"""docs/facts.md is what the model says."""

from pathlib import Path

from scanner.evaluate.controls.facts_docs import facts_document, main
from scanner.model.facts import TABLES, columns

FILE = Path(__file__).parents[3] / "docs" / "facts.md"


def test_the_document_is_current() -> None:
    hint = "make it again: python -m scanner.evaluate.controls.facts_docs"
    assert FILE.read_text("utf-8") == facts_document(), hint


def test_every_table_and_column_is_in_it() -> None:
    text = facts_document()
    for table in TABLES:
        assert f"\n## {table}\n" in text
        assert all(f"| `{column.name}` |" in text for column in columns(table))


def test_it_is_written_where_one_says(tmp_path: Path) -> None:
    main([str(tmp_path / "facts.md")])
    assert (tmp_path / "facts.md").read_text("utf-8") == facts_document()
