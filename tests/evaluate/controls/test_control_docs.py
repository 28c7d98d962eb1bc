"""docs/controls.md is what controls/ says."""

from pathlib import Path

from scanner.evaluate.controls.control_docs import controls_document, main
from scanner.evaluate.controls.loader import load_controls

FILE = Path(__file__).parents[3] / "docs" / "controls.md"


def test_the_document_of_controls_is_current() -> None:
    hint = "make it again: python -m scanner.evaluate.controls.control_docs"
    assert FILE.read_text("utf-8") == controls_document(), hint


def test_every_control_has_a_section_with_a_good_and_a_bad_example() -> None:
    text = controls_document()
    for control in load_controls():
        section = text.partition(f"\n## {control.id}\n")[2].partition("\n## ")[0]
        assert "- Good: " in section
        assert "- Bad: " in section
        assert all(f"| `{name}` |" in section for name in control.parameters)


def test_the_document_is_written_where_one_says(tmp_path: Path) -> None:
    main([str(tmp_path / "controls.md")])
    assert (tmp_path / "controls.md").read_text("utf-8") == controls_document()
