"""Ids are a contract: none disappears, none is given to another question."""

from pathlib import Path

from scanner.evaluate.controls.loader import load_controls
from scanner.yamlfile import read_yaml

FILE = Path(__file__).with_name("ids.yaml")


def recorded() -> dict[str, str]:
    document, mistakes = read_yaml(FILE.read_text("utf-8"), str(FILE))
    assert document is not None
    assert not mistakes
    return dict(document.data)


def test_every_id_that_ever_was_still_means_what_it_meant() -> None:
    answering = {
        name: control.subject for control in load_controls() for name in (control.id, *control.aliases)
    }
    assert {name: answering.get(name) for name in recorded()} == recorded()


def test_every_id_is_recorded() -> None:
    names = {name for control in load_controls() for name in (control.id, *control.aliases)}
    assert names - recorded().keys() == set(), f"add it to {FILE.name}"
