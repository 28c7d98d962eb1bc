"""Own controls that are stored in a scan select the same controls with the same parameters."""

from pathlib import Path

import pytest

from scanner import resources
from scanner.evaluate.controls.own_files import own_controls, packaged_digest
from scanner.evaluate.controls.selection import Selection, select

PACK = """id: ours
title: Ours
description: What we ask for.
controls: [our-control, vault-locked]
parameters:
  vault-locked: {min_retention_days: 9}
"""


def folder(home: Path) -> Path:
    """Write an own control with the condition of a packaged one, one with a packaged id, and a pack."""
    controls = home / "ours"
    (controls / "packs").mkdir(parents=True)
    text = (resources.controls_folder() / "vault-locked.yaml").read_text("utf-8")
    (controls / "our-control.yaml").write_text(
        text.replace("id: vault-locked", "id: our-control", 1), "utf-8"
    )
    (controls / "our-control.cases.yaml").write_text("cases: []", "utf-8")
    (controls / "packs" / "ours.yaml").write_text(PACK, "utf-8")
    return controls


def stored(words: tuple[str, ...], out: Path) -> tuple[Selection, Selection, tuple[str, ...]]:
    """Return the selection of words, that of the stored words, and these."""
    selection = select(words)
    own = own_controls(words, selection)
    for name, path in own.files.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(path.read_bytes())
    again = tuple(str(out / word) if word.startswith("inputs/") else word for word in own.words)
    return selection, select(again), own.words


def described(selection: Selection) -> object:
    return [(control.id, control.require) for control in selection.controls], selection.parameters


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("{ours}",), ("inputs/controls/1",)),
        (("all", "{ours}"), ("all", "inputs/controls/1")),
        (("{ours}", "ours"), ("inputs/controls/1", "ours")),
        (("{ours}/packs/ours.yaml",), ("inputs/controls/1/packs/ours.yaml",)),
        (("{ours}", "{ours}/packs/ours.yaml"), ("inputs/controls/1", "inputs/controls/1/packs/ours.yaml")),
        (("{ours}", "{ours}/../ours"), ("inputs/controls/1", "inputs/controls/1")),
        (("vault-locked", "{ours}"), ("vault-locked", "inputs/controls/1")),
    ],
)
def test_stored_words_select_the_same(
    words: tuple[str, ...], expected: tuple[str, ...], tmp_path: Path
) -> None:
    ours = folder(tmp_path)
    selection, again, stored_words = stored(tuple(word.format(ours=ours) for word in words), tmp_path / "out")
    assert stored_words == expected
    assert described(again) == described(selection)
    assert "our-control" in {control.id for control in again.controls}


def test_an_own_control_with_a_packaged_id_replaces_it_again(tmp_path: Path) -> None:
    ours = folder(tmp_path)
    text = (ours / "our-control.yaml").read_text("utf-8").replace("id: our-control", "id: vault-locked", 1)
    (ours / "vault-locked.yaml").write_text(text.replace("severity: ", "severity: low #", 1), "utf-8")
    selection, again, _ = stored((str(ours),), tmp_path / "out")
    assert described(again) == described(selection)
    assert {control.severity for control in again.controls if control.id == "vault-locked"} == {"low"}


def test_packaged_controls_are_not_stored() -> None:
    packaged = str(resources.controls_folder())
    for words in (("all",), ("vault-locked",), (packaged,)):
        own = own_controls(words, select(words))
        assert (own.words, dict(own.files)) == (("all",) if words == (packaged,) else words, {})


def test_the_digest_of_the_packaged_controls_is_a_checksum_of_their_checksums() -> None:
    assert packaged_digest() == packaged_digest()
    assert len(bytes.fromhex(packaged_digest())) == 32
