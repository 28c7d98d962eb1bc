"""Files of frameworks (`controls/frameworks/ID.yaml`), and what the score counts (`controls/score/`)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import Field

from scanner import resources
from scanner.errors import ConfigurationError, Mistake
from scanner.evaluate.controls.spec import Id, Text
from scanner.evaluate.controls.yamlspec import Spec, keys_of, read_document, shaped
from scanner.evaluate.problem import suggestion
from scanner.model.compliance import Baseline, Framework, Obligation, PairedBy, Requirement, Source
from scanner.model.control import Control
from scanner.model.finding import Severity
from scanner.yamlfile import Path as KeyPath

FOLDER: Final = "frameworks"
WEIGHTS: Final = Path("score") / "weights.yaml"
EVEN: Final[Mapping[str, float]] = MappingProxyType(dict.fromkeys(map(str, Severity), 1.0))

Weight = Annotated[int | float, Field(gt=0, le=1_000_000, allow_inf_nan=False)]


class RequirementSpec(Spec):
    """A requirement: its official title where that is free to use, and what others pair with it.

    `manual`: what no control checks. `obligation`: of HIPAA, `baselines`: of NIST SP 800-53B.
    """

    title: Text | None = None
    manual: Text | None = None
    obligation: Literal["required", "addressable", "standard"] | None = None
    baselines: list[Literal["low", "moderate", "high"]] | None = None
    source: Literal["stated", "reading"] | None = None
    pairings: dict[Literal["aws", "prowler", "turbot"], Annotated[list[Id], Field(min_length=1)]] = Field(
        default_factory=dict
    )


class FrameworkSpec(Spec):
    """A framework file."""

    id: Id
    title: Text
    edition: Text | None = None
    scope: Text | None = None
    source: Text
    requirements: Annotated[dict[Text, RequirementSpec], Field(min_length=1)]


class WeightsSpec(Spec):
    """The weight of each severity."""

    critical: Weight
    high: Weight
    medium: Weight
    low: Weight
    info: Weight


class WeightsFileSpec(Spec):
    """The file of the weights. `left_out`: controls on resources that the score does not count."""

    weights: WeightsSpec
    left_out: list[Id] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Standards:
    """What findings are held against: frameworks, the controls that there are, and weights by severity.

    `unscored`: the ids of controls on resources that the score leaves out.
    """

    frameworks: tuple[Framework, ...] = ()
    all_controls: tuple[Control, ...] = ()
    weights: Mapping[str, float] = field(default_factory=lambda: EVEN)
    unscored: frozenset[str] = frozenset()


def load_standards(
    controls: Iterable[Control], weights: Mapping[str, float] | None = None, folders: Iterable[Path] = ()
) -> Standards:
    """Load the shipped frameworks and weights, and the frameworks below other folders of controls.

    `weights` of audit.yaml replace the shipped ones, severity by severity. ConfigurationError carries every
    mistake of every file.
    """
    mistakes: list[Mistake] = []
    frameworks = _frameworks(folders, mistakes)
    shipped = _weights(resources.controls_folder() / WEIGHTS, mistakes)
    if mistakes or shipped is None:
        raise ConfigurationError(tuple(mistakes))
    by_severity = {str(severity): float(getattr(shipped.weights, severity)) for severity in Severity}
    unscored = frozenset(shipped.left_out)
    # Severity by severity: audit.yaml may change a single weight.
    return Standards(frameworks, tuple(controls), {**by_severity, **(weights or {})}, unscored)


def load_frameworks(folders: Iterable[Path] = ()) -> tuple[Framework, ...]:
    """Load the shipped frameworks, and those below other folders; ConfigurationError as above."""
    mistakes: list[Mistake] = []
    frameworks = _frameworks(folders, mistakes)
    if mistakes:
        raise ConfigurationError(tuple(mistakes))
    return frameworks


def _frameworks(folders: Iterable[Path], mistakes: list[Mistake]) -> tuple[Framework, ...]:
    frameworks: dict[str, Framework] = {}
    # By resolved path: the same folder may be named twice.
    homes = {folder.resolve(): folder for folder in (resources.controls_folder(), *folders)}
    for file in (file for home in homes.values() for file in sorted((home / FOLDER).glob("*.yaml"))):
        framework = _framework(file, mistakes)
        if framework is not None and frameworks.setdefault(framework.id, framework) is not framework:
            message = f"there is another framework {framework.id!r}"
            mistakes.append(Mistake(str(file), 0, message, "choose another id"))
    return tuple(frameworks[name] for name in sorted(frameworks))


def _framework(file: Path, mistakes: list[Mistake]) -> Framework | None:
    document = read_document(file, mistakes)
    if document is None:
        return None
    spec = shaped(FrameworkSpec, document, str(file), mistakes, _keys)
    if spec is None:
        return None
    if spec.id != file.stem:
        message = f"the file of {spec.id!r} is to be called {spec.id}.yaml"
        mistakes.append(
            Mistake(str(file), document.line(("id",)), message, "rename the file, or change the id")
        )
        return None
    requirements = (_requirement(name, requirement) for name, requirement in spec.requirements.items())
    return Framework(
        spec.id, spec.title, spec.source, tuple(requirements), spec.edition or "", spec.scope or ""
    )


def _requirement(name: str, spec: RequirementSpec) -> Requirement:
    by_other = {PairedBy(pairer): tuple(controls) for pairer, controls in spec.pairings.items()}
    # In the order of the enumeration, so the output does not depend on the file.
    pairings = tuple((pairer, by_other[pairer]) for pairer in PairedBy if pairer in by_other)
    source = Source(spec.source) if spec.source else Source.STATED if pairings else Source.READING
    # In the order of the enumeration, too.
    baselines = (
        None if spec.baselines is None else tuple(level for level in Baseline if level in spec.baselines)
    )
    return Requirement(
        name,
        spec.title or "",
        source,
        pairings,
        baselines,
        Obligation(spec.obligation) if spec.obligation else None,
        spec.manual or "",
    )


def _keys(path: KeyPath) -> list[str]:
    return keys_of(RequirementSpec if path[0] == "requirements" else FrameworkSpec)


def _weights(file: Path, mistakes: list[Mistake]) -> WeightsFileSpec | None:
    document = read_document(file, mistakes)
    if document is None:
        return None
    return shaped(WeightsFileSpec, document, str(file), mistakes, _weights_keys)


def _weights_keys(path: KeyPath) -> list[str]:
    return keys_of(WeightsSpec if path[0] == "weights" else WeightsFileSpec)


def unknown_requirements(control: Control, frameworks: Iterable[Framework]) -> Iterator[tuple[str, str]]:
    """Yield message and hint for each requirement of a control that no framework file has."""
    by_id = {
        requirement.id: {framework.id for framework in requirement.requirements} for requirement in frameworks
    }
    for name, requirements in control.frameworks.items():
        if name not in by_id:
            yield f"frameworks: there is no framework {name!r}", suggestion(name, by_id)
            continue
        for framework in requirements:
            if framework not in by_id[name]:
                yield (
                    f"frameworks.{name}: there is no requirement {framework!r}",
                    suggestion(framework, by_id[name]),
                )
