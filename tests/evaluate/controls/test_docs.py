"""docs/controls.md is what controls/ says."""

from pathlib import Path

from scanner.evaluate.controls.docs import controls_document
from scanner.evaluate.controls.loader import load_controls

FILE = Path(__file__).parents[3] / "docs" / "controls.md"


def test_the_document_of_controls_is_current() -> None:
    assert FILE.read_text("utf-8") == controls_document(), "run: make generated"


def test_every_control_has_a_section_with_a_good_and_a_bad_example() -> None:
    text = controls_document()
    for control in load_controls():
        section = text.partition(f"\n## {control.id}\n")[2].partition("\n## ")[0]
        assert "- Good: " in section
        assert "- Bad: " in section
        assert all(f"| `{name}` |" in section for name in control.parameters)
