"""Check the pairings of controls with requirements against what was judged from the official texts.

`framework_pairings.csv` has one row for each pairing that was judged: whether it fits, and why not. A pairing
that does not fit must not come back, and one that fits must not get lost. `framework_requirements.csv` has
what the texts say of each requirement, which is what the files of the frameworks must say. Each requirement
that a control serves has key controls, none of which is a prerequisite.
Run it with `python -m scripts.framework_pairings`.
"""

import csv
import sys
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scanner.evaluate.controls.loader import load_controls
from scanner.evaluate.controls.requirements import (
    key_control_mistakes,
    load_frameworks,
    load_prerequisites,
)
from scanner.model.compliance import Framework, Requirement
from scanner.model.control import Control

JUDGED: Final = Path(__file__).with_name("framework_pairings.csv")
RECORDED: Final = Path(__file__).with_name("framework_requirements.csv")
"""What the frameworks' own texts say of each requirement: the title where it is free to reproduce, the
baselines of NIST SP 800-53B that select it (`none`: none does), and the obligation of HIPAA."""

UNTITLED: Final = frozenset({"cis-controls-8", "iso-27001-2022", "pci-dss-4", "soc-2"})
"""The frameworks whose titles are copyrighted or licensed, and so not free to reproduce."""


@dataclass(frozen=True, slots=True)
class JudgedPairing:
    """A pairing, and whether it fits the text of the requirement. `why`: why it does not."""

    framework: str
    requirement: str
    control: str
    fits: bool
    why: str


def judged_pairings() -> tuple[JudgedPairing, ...]:
    """Return the rows of the file."""
    with JUDGED.open(encoding="utf-8", newline="") as file:
        return tuple(
            JudgedPairing(
                row["framework"], row["requirement"], row["control"], row["fits"] == "yes", row["why"]
            )
            for row in csv.DictReader(file)
        )


@dataclass(frozen=True, slots=True)
class RecordedRequirement:
    """What a framework's own text says of a requirement. Empty: nothing."""

    title: str
    baselines: str
    obligation: str


def recorded_requirements() -> dict[tuple[str, str], RecordedRequirement]:
    """Return the rows of the file, by framework and requirement."""
    with RECORDED.open(encoding="utf-8", newline="") as file:
        return {
            (row["framework"], row["requirement"]): RecordedRequirement(
                row["title"], row["baselines"], row["obligation"]
            )
            for row in csv.DictReader(file)
        }


def requirement_mistakes(
    frameworks: tuple[Framework, ...], recorded: dict[tuple[str, str], RecordedRequirement]
) -> Iterator[str]:
    """Yield a sentence for each requirement that differs from its framework's text, or misses a part."""
    for framework in frameworks:
        if not framework.edition:
            yield f"{framework.id} has no edition: name the version and date of its text."
        for requirement in framework.requirements:
            name = f"{framework.id} {requirement.id}"
            if not requirement.manual:
                yield f"{name} does not name what no control checks (`manual`)."
            if (framework.id, requirement.id) not in recorded:
                yield f"{name} is not in {RECORDED.name}: add what its text says."
                continue
            row = recorded[framework.id, requirement.id]
            for what, here, there in (
                ("title", requirement.title, row.title),
                ("baselines", _baselines(requirement), row.baselines),
                ("obligation", str(requirement.obligation or ""), row.obligation),
            ):
                if here != there:
                    yield f"{name} has the {what} {here!r}, and its text says {there!r}."
    shipped = {
        (framework.id, requirement.id) for framework in frameworks for requirement in framework.requirements
    }
    for framework_id, requirement_id in sorted(recorded.keys() - shipped):
        yield f"{framework_id} {requirement_id} is in {RECORDED.name}, but not in the framework's file."


def _baselines(requirement: Requirement) -> str:
    """Return the baselines of a requirement as the file has them."""
    return "" if requirement.baselines is None else " ".join(requirement.baselines) or "none"


def mistakes(
    controls: tuple[Control, ...], frameworks: tuple[Framework, ...], judged: tuple[JudgedPairing, ...]
) -> Iterator[str]:
    """Yield a sentence for each false or missing pairing, source or title."""
    by_id = {control.id: control for control in controls}
    for pairing in judged:
        control = by_id.get(pairing.control)
        is_paired = control is not None and pairing.requirement in control.frameworks.get(
            pairing.framework, ()
        )
        name = f"{pairing.control} and {pairing.framework} {pairing.requirement}"
        if is_paired and not pairing.fits:
            yield f"{name} do not fit: {pairing.why}"
        if pairing.fits and not is_paired:
            yield f"{name} fit, but the control does not name the requirement."
    for framework in frameworks:
        yield from _of_framework(framework, by_id)


def _of_framework(framework: Framework, controls: dict[str, Control]) -> Iterator[str]:
    for requirement in framework.requirements:
        if requirement.title and framework.id in UNTITLED:
            yield f"{framework.id} {requirement.id} has a title, which is not free to reproduce."
        if not requirement.title and framework.id not in UNTITLED:
            yield f"{framework.id} {requirement.id} has no title, although the official one is free."
        for pairer, paired in requirement.pairings:
            for name in paired:
                control = controls.get(name)
                if control is None or requirement.id not in control.frameworks.get(framework.id, ()):
                    yield (
                        f"{framework.id} {requirement.id} says that {pairer.words} pairs it with {name}, "
                        "which does not name it."
                    )


def key_mistakes(
    controls: tuple[Control, ...], frameworks: tuple[Framework, ...], prerequisites: Container[str]
) -> Iterator[str]:
    """Yield a sentence for each wrong key control, and each requirement with controls but no key control."""
    for framework in frameworks:
        for _, message, hint in key_control_mistakes(framework, controls):
            yield f"{framework.id}: {message} ({hint})."
        served = {id_ for control in controls for id_ in control.frameworks.get(framework.id, ())}
        for requirement in framework.requirements:
            name = f"{framework.id} {requirement.id}"
            if requirement.id in served and not requirement.key_controls:
                yield f"{name} has controls, but no key controls (`key_controls`)."
            for control in requirement.key_controls:
                if control in prerequisites:
                    yield f"{name} has the key control {control}, which is a prerequisite."


def main() -> int:
    """Print the mistakes; 1 if there are any."""
    frameworks, controls, prerequisites = load_frameworks(), load_controls(), load_prerequisites()
    unknown = sorted(prerequisites.keys() - {control.id for control in controls})
    problems = [
        *mistakes(controls, frameworks, judged_pairings()),
        *key_mistakes(controls, frameworks, prerequisites),
        *(f"prerequisites.yaml names {name}, which is no control." for name in unknown),
        *requirement_mistakes(frameworks, recorded_requirements()),
    ]
    for mistake in problems:
        print(mistake)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
