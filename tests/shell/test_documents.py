"""What the documents say of the program is so."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from scanner import errors

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
README = (ROOT / "README.md").read_text(encoding="utf-8")


def links(document: Path) -> Iterator[str]:
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not target.startswith(("https://", "#")):
            yield target.partition("#")[0]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_document_links_to_is_there(document: Path) -> None:
    assert [link for link in links(document) if not (document.parent / link).exists()] == []


def tree(root: type[errors.VaultproofError]) -> Iterator[type[errors.VaultproofError]]:
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


def test_the_readme_has_every_exit_code() -> None:
    table = README.partition("### Exit codes")[2].partition("\n## ")[0]
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}
    assert documented == {error.exit_code for error in tree(errors.VaultproofError)} | {0, 4, 10, 130}


def test_the_readme_lists_the_controls_that_there_are() -> None:
    table = README.partition("## Controls in this version")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("|")]
    listed = re.findall(r"`([a-z-]+)`", "".join(rows))
    controls = (path.name for path in (ROOT / "controls").glob("*.yaml"))
    assert sorted(listed) == sorted(
        name.removesuffix(".yaml") for name in controls if not name.endswith(".cases.yaml")
    )


def test_every_decision_has_a_number_of_its_own_and_a_status() -> None:
    decisions = sorted((ROOT / "docs" / "adr").glob("*.md"))
    assert [int(path.name[:4]) for path in decisions] == list(range(len(decisions)))
    assert [path.name for path in decisions if "\nStatus: " not in path.read_text(encoding="utf-8")] == []


def test_ruling_14_each_reading_of_what_aws_leaves_open_names_where_it_is_taken() -> None:
    rows = (ROOT / "docs" / "assumptions.md").read_text(encoding="utf-8").splitlines()
    cells = [row.strip("| ").split(" | ") for row in rows if row.startswith("| ")][1:]
    places = [place for row in cells for place in re.findall(r"`([^`]+)`", row[-1])]
    assert len(cells) == len([row for row in cells if re.search(r"`[^`]+`", row[-1])])
    assert [
        place for place in places if not any((ROOT / top / place).exists() for top in ("scanner", ""))
    ] == []
