"""docs/capabilities.md is what the capability table says."""

from pathlib import Path

from scanner.protection.capabilities import capabilities, capabilities_as_of, changes
from scripts.capability_docs import capabilities_document

FILE = Path(__file__).parents[2] / "docs" / "capabilities.md"


def test_the_document_is_current() -> None:
    assert FILE.read_text("utf-8") == capabilities_document(), "run: make generated"


def test_every_type_and_every_change_is_in_it() -> None:
    text = capabilities_document()
    assert capabilities_as_of() in text
    assert all(f"\n| `{row.key}` |" in text for row in capabilities())
    assert all(f"\n| {change.once} |" in text for change in changes())
