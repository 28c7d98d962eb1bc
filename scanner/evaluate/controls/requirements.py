"""Files of frameworks (`controls/frameworks/ID.yaml`), and what the score counts (`controls/score/`)."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import Field

from scanner import resources
from scanner.errors import ConfigurationError, Mistake
from scanner.evaluate.controls.spec import Id, Text
from scanner.evaluate.controls.yamlspec import Keys, Shape, Spec, keys_of, read_document, shaped
from scanner.evaluate.problem import suggestion
from scanner.model.compliance import Baseline, Framework, Obligation, PairedBy, Requirement, Source
from scanner.model.control import Control
from scanner.model.finding import Severity
from scanner.yamlfile import Path as KeyPath

FOLDER: Final = "frameworks"
WEIGHTS: Final = Path("score") / "weights.yaml"
PREREQUISITES: Final = Path("score") / "prerequisites.yaml"
EVEN: Final[Mapping[str, float]] = MappingProxyType(dict.fromkeys(map(str, Severity), 1.0))

MOST_KEY_CONTROLS: Final = 5

KeyControls = Annotated[list[Id], Field(min_length=1, max_length=MOST_KEY_CONTROLS)]
Weight = Annotated[int | float, Field(gt=0, le=1_000_000, allow_inf_nan=False)]


class RequirementSpec(Spec):
    """A requirement: its official title where that is free to use, and what others pair with it.

    `manual`: what no control checks. `obligation`: of HIPAA, `baselines`: of NIST SP 800-53B.
    `key_controls`: the controls that decide it, most important first; without it, all that name it do.
    """

    title: Text | None = None
    manual: Text | None = None
    obligation: Literal["required", "addressable", "standard"] | None = None
    baselines: list[Literal["low", "moderate", "high"]] | None = None
    source: Literal["stated", "reading"] | None = None
    pairings: dict[Literal["aws", "prowler", "turbot"], Annotated[list[Id], Field(min_length=1)]] = Field(
        default_factory=dict
    )
    key_controls: KeyControls | None = None


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


class PrerequisitesSpec(Spec):
    """The file of the prerequisites: each control with the reason why it decides no requirement."""

    prerequisites: dict[Id, Text]


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
    every = tuple(controls)
    frameworks = _frameworks(folders, mistakes, every)
    shipped = _load(WeightsFileSpec, resources.controls_folder() / WEIGHTS, mistakes, _weights_keys)
    if mistakes or shipped is None:
        raise ConfigurationError(tuple(mistakes))
    by_severity = {str(severity): float(getattr(shipped.weights, severity)) for severity in Severity}
    unscored = frozenset(shipped.left_out)
    # Severity by severity: audit.yaml may change a single weight.
    return Standards(frameworks, every, {**by_severity, **(weights or {})}, unscored)


def load_frameworks(
    folders: Iterable[Path] = (), controls: Iterable[Control] | None = None
) -> tuple[Framework, ...]:
    """Load the shipped frameworks, and those below other folders; ConfigurationError as above.

    `controls`: those that key controls of the other folders are looked up in; None: they are not checked.
    """
    mistakes: list[Mistake] = []
    frameworks = _frameworks(folders, mistakes, None if controls is None else tuple(controls))
    if mistakes:
        raise ConfigurationError(tuple(mistakes))
    return frameworks


def load_prerequisites() -> dict[str, str]:
    """Return the controls that are key controls of no packaged framework, each with the reason.

    ConfigurationError carries the mistakes of the file.
    """
    mistakes: list[Mistake] = []
    spec = _load(PrerequisitesSpec, resources.controls_folder() / PREREQUISITES, mistakes)
    if spec is None:
        raise ConfigurationError(tuple(mistakes))
    return spec.prerequisites


def _frameworks(
    folders: Iterable[Path], mistakes: list[Mistake], controls: tuple[Control, ...] | None
) -> tuple[Framework, ...]:
    frameworks: dict[str, Framework] = {}
    packaged = resources.controls_folder()
    # By resolved path: the same folder may be named twice.
    homes = {folder.resolve(): folder for folder in (packaged, *folders)}
    for file in (file for home in homes.values() for file in sorted((home / FOLDER).glob("*.yaml"))):
        # An own control may replace a packaged key control and serve other requirements: that is no mistake.
        is_own = file.parent.parent.resolve() != packaged.resolve()
        framework = _framework(file, mistakes, controls if is_own else None)
        if framework is not None and frameworks.setdefault(framework.id, framework) is not framework:
            message = f"there is another framework {framework.id!r}"
            mistakes.append(Mistake(str(file), 0, message, "choose another id"))
    return tuple(frameworks[name] for name in sorted(frameworks))


def _framework(file: Path, mistakes: list[Mistake], controls: tuple[Control, ...] | None) -> Framework | None:
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
    framework = Framework(
        spec.id, spec.title, spec.source, tuple(requirements), spec.edition or "", spec.scope or ""
    )
    if controls is not None:
        for requirement, message, hint in key_control_mistakes(framework, controls):
            line = document.line(("requirements", requirement, "key_controls"))
            mistakes.append(Mistake(str(file), line, message, hint))
    return framework


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
        tuple(spec.key_controls or ()),
    )


def _keys(path: KeyPath) -> list[str]:
    return keys_of(RequirementSpec if path[0] == "requirements" else FrameworkSpec)


def _load(shape: type[Shape], file: Path, mistakes: list[Mistake], keys: Keys | None = None) -> Shape | None:
    document = read_document(file, mistakes)
    return None if document is None else shaped(shape, document, str(file), mistakes, keys)


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


def key_control_mistakes(framework: Framework, controls: Iterable[Control]) -> Iterator[tuple[str, str, str]]:
    """Yield requirement, message and hint for each key control that does not serve its requirement."""
    by_id = {control.id: control for control in controls}
    for requirement in framework.requirements:
        where = f"requirements.{requirement.id}.key_controls"
        for name, number in Counter(requirement.key_controls).items():
            control = by_id.get(name)
            if number > 1:
                yield requirement.id, f"{where}: {name!r} is listed twice", "list it once"
            if control is None:
                yield requirement.id, f"{where}: there is no control {name!r}", suggestion(name, by_id)
            elif requirement.id not in control.frameworks.get(framework.id, ()):
                message = f"{where}: the control {name!r} does not name the requirement"
                hint = f"add it to the control: `frameworks: {{{framework.id}: [{requirement.id}]}}`"
                yield requirement.id, message, hint
