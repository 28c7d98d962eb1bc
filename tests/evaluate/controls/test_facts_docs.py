"""docs/facts.md is what the model says."""

from pathlib import Path

from scanner.evaluate.controls.docs import facts_document
from scanner.model.facts import TABLES, columns

FILE = Path(__file__).parents[3] / "docs" / "facts.md"


def test_the_document_is_current() -> None:
    assert FILE.read_text("utf-8") == facts_document(), "run: make generated"


def test_every_table_and_column_is_in_it() -> None:
    text = facts_document()
    for table in TABLES:
        assert f"\n## {table}\n" in text
        assert all(f"| `{column.name}` |" in text for column in columns(table))
