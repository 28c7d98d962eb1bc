"""The pairings of controls with requirements agree with what was judged; the check notices what does not."""

from dataclasses import replace

import pytest

from scanner.evaluate.controls.loader import load_controls
from scanner.evaluate.controls.requirements import load_frameworks
from scanner.model.compliance import Baseline, Framework, Obligation, PairedBy, Requirement, Source
from scanner.model.control import Control
from scripts.framework_pairings import (
    JudgedPairing,
    RecordedRequirement,
    judged_pairings,
    key_mistakes,
    main,
    mistakes,
    recorded_requirements,
    requirement_mistakes,
)


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


@pytest.mark.parametrize(
    ("key_controls", "said"),
    [
        (("vault-locked",), ""),
        ((), "soc-2 A1.2 has controls, but no key controls"),
        (("vault-locked", "vault-locked"), "'vault-locked' is listed twice"),
        (("vault-loked",), "there is no control 'vault-loked' (did you mean vault-locked"),
        (("copy-arrives",), "the control 'copy-arrives' does not name the requirement"),
    ],
)
def test_key_controls_serve_their_requirement(
    control: Control, key_controls: tuple[str, ...], said: str
) -> None:
    unpaired = replace(control, id="copy-arrives", frameworks={"soc-2": ("A1.3",)})
    requirement = Requirement("A1.2", "", Source.READING, key_controls=key_controls)
    checked = Framework("soc-2", "T", "S", (requirement,))
    sentences = list(key_mistakes((control, unpaired), (checked,), ()))
    assert len(sentences) == bool(said)
    assert said in "".join(sentences)


def test_a_prerequisite_is_no_key_control(control: Control) -> None:
    requirement = Requirement("A1.2", "", Source.READING, key_controls=("vault-locked",))
    checked = Framework("soc-2", "T", "S", (requirement,))
    assert list(key_mistakes((control,), (checked,), {"vault-locked": "why"})) == [
        "soc-2 A1.2 has the key control vault-locked, which is a prerequisite."
    ]


def test_most_requirements_are_decided_by_fewer_controls_than_serve_them() -> None:
    iso = next(framework for framework in load_frameworks() if framework.id == "iso-27001-2022")
    backup = next(requirement for requirement in iso.requirements if requirement.id == "A.8.13")
    serving = [c for c in load_controls() if "A.8.13" in c.frameworks.get("iso-27001-2022", ())]
    assert backup.key_controls[0] == "resource-in-backup-plan"
    assert len(backup.key_controls) == 5 < len(serving)


TEXT = RecordedRequirement("Title", "low high", "")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, ""),
        ({"title": "Another"}, "has the title 'Another', and its text says 'Title'"),
        ({"baselines": (Baseline.LOW,)}, "has the baselines 'low', and its text says 'low high'"),
        ({"baselines": None}, "has the baselines ''"),
        ({"baselines": ()}, "has the baselines 'none'"),
        ({"obligation": Obligation.REQUIRED}, "has the obligation 'required', and its text says ''"),
        ({"manual": ""}, "does not name what no control checks"),
        ({"id": "A9"}, "soc-2 A9 is not in framework_requirements.csv"),
    ],
)
def test_requirements_are_compared_with_their_texts(change: dict[str, object], said: str) -> None:
    right = Requirement(
        "A1.2", "Title", Source.READING, (), (Baseline.LOW, Baseline.HIGH), None, "the records"
    )
    shown = Framework("soc-2", "T", "S", (replace(right, **change),), "2017")  # type: ignore[arg-type]
    found = list(requirement_mistakes((shown,), {("soc-2", "A1.2"): TEXT}))
    assert said in " ".join(found)
    assert bool(found) == bool(said)


def test_a_lost_requirement_and_a_missing_edition_are_noticed() -> None:
    found = list(requirement_mistakes((framework("soc-2", ""),), {("soc-2", "A1.3"): TEXT}))
    assert any("A1.3 is in framework_requirements.csv, but not" in sentence for sentence in found)
    assert any("soc-2 has no edition" in sentence for sentence in found)


def test_the_baselines_have_the_known_numbers_of_requirements() -> None:
    recorded = [row for (name, _), row in recorded_requirements().items() if name == "nist-800-53-r5"]
    numbers = {level: sum(level in row.baselines.split() for row in recorded) for level in Baseline}
    assert numbers == {Baseline.LOW: 11, Baseline.MODERATE: 18, Baseline.HIGH: 24}
    assert sum(row.baselines == "none" for row in recorded) == 5


def test_the_source_belongs_to_the_pairing() -> None:
    nist = next(framework for framework in load_frameworks() if framework.id == "nist-800-53-r5")
    backup = next(requirement for requirement in nist.requirements if requirement.id == "CP-9")
    assert backup.source is Source.STATED
    assert backup.paired_by("resource-in-backup-plan") == (PairedBy.AWS,)
    assert backup.paired_by("vault-locked") == ()
