"""The pairings of controls with requirements agree with what was judged; the check notices what does not."""

from dataclasses import replace

import pytest

from scanner.evaluate.controls.loader import load_controls
from scanner.evaluate.controls.requirements import load_frameworks
from scanner.model.compliance import Framework, PairedBy, Requirement, Source
from scanner.model.control import Control
from scripts.framework_pairings import JudgedPairing, judged_pairings, main, mistakes


@pytest.fixture(scope="module")
def control() -> Control:
    control = next(control for control in load_controls() if control.id == "vault-locked")
    return replace(control, frameworks={"soc-2": ("A1.2",)})


def framework(id_: str, title: str, *pairings: tuple[PairedBy, tuple[str, ...]]) -> Framework:
    return Framework(id_, "T", "S", (Requirement("A1.2", title, Source.READING, pairings),))


def test_the_packaged_pairings_are_as_judged(capsys: pytest.CaptureFixture[str]) -> None:
    assert main() == 0, capsys.readouterr().out
    assert {pairing.fits for pairing in judged_pairings()} == {True, False}


@pytest.mark.parametrize(
    ("fits", "requirement", "said"),
    [
        (False, "A1.2", "do not fit: because"),
        (True, "A1.2", ""),
        (True, "A1.3", "does not name the requirement"),
        (False, "A1.3", ""),
    ],
)
def test_pairings_are_compared_with_the_judgement(
    control: Control, requirement: str, said: str, *, fits: bool
) -> None:
    judged = JudgedPairing("soc-2", requirement, "vault-locked", fits, "because")
    found = list(mistakes((control,), (), (judged,)))
    assert len(found) == bool(said)
    assert said in "".join(found)


@pytest.mark.parametrize(
    ("checked", "said"),
    [
        (framework("soc-2", "Copied title"), "not free to reproduce"),
        (framework("nist-csf-2", ""), "has no title"),
        (framework("soc-2", "", (PairedBy.AWS, ("vault-locked",))), ""),
        (framework("soc-2", "", (PairedBy.AWS, ("copy-arrives",))), "which does not name it"),
    ],
)
def test_titles_and_sources_are_checked(control: Control, checked: Framework, said: str) -> None:
    found = list(mistakes((control,), (checked,), ()))
    assert len(found) == bool(said)
    assert said in "".join(found)


def test_the_source_belongs_to_the_pairing() -> None:
    nist = next(framework for framework in load_frameworks() if framework.id == "nist-800-53-r5")
    backup = next(requirement for requirement in nist.requirements if requirement.id == "CP-9")
    assert backup.source is Source.STATED
    assert backup.paired_by("resource-in-backup-plan") == (PairedBy.AWS,)
    assert backup.paired_by("vault-locked") == ()
