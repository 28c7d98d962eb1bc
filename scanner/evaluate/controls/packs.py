"""Loads pack files. All mistakes of all files are reported at once, with their lines."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import Field, model_validator

from scanner.errors import Mistake
from scanner.evaluate.controls.spec import Id, Name, Scalar, Text, check_parameters
from scanner.evaluate.controls.yamlspec import Spec, read_document, shaped
from scanner.evaluate.problem import suggestion
from scanner.model.control import BASELINE, Control, Pack
from scanner.yamlfile import YamlDocument

FOLDER: Final = "packs"
"""The subfolder of packs in a folder of controls."""

SETTINGS: Final = ".audit.yaml"
"""The suffix of the overrides that `audit controls import` writes next to a pack."""

ById = Mapping[str, Control]


class PackSpec(Spec):
    """A pack file. Either `controls` names them, or `framework` selects all that serve it.

    `controls: baseline` selects those whose own file says that they belong to the baseline.
    """

    id: Id
    title: Text
    description: Text
    caveat: str = ""
    controls: Literal["all", "baseline"] | list[Id] | None = None
    framework: Id | None = None
    parameters: dict[Id, dict[Name, Scalar | list[Scalar]]] = Field(default_factory=dict)
    differences: dict[Id, Text] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _selects(self) -> Self:
        # `==` of two booleans: exactly one of the two keys.
        if (self.controls is None) == (self.framework is None):
            raise ValueError("a pack has either controls or a framework")
        if isinstance(self.controls, list) and not self.controls:
            raise ValueError("a pack has at least one control")
        return self


def pack_files(folder: Path) -> tuple[Path, ...]:
    """Return the pack files below a folder of controls."""
    files = (path for path in (folder / FOLDER).glob("*.yaml") if not path.name.endswith(SETTINGS))
    return tuple(sorted(files))


def load_pack(file: Path, controls: ById, mistakes: list[Mistake]) -> Pack | None:
    """Load one pack of known controls; None, and what is wrong with it in `mistakes`, when it has any."""
    document = read_document(file, mistakes)
    if document is None:
        return None
    spec = shaped(PackSpec, document, str(file), mistakes)
    if spec is None:
        return None
    wrong = tuple(_mistakes(spec, document, file, controls))
    mistakes += wrong
    return None if wrong else _pack(spec, str(file), document.line(("id",)), controls)


def _pack(spec: PackSpec, file: str, line: int, controls: ById) -> Pack:
    by_name = names_of(controls.values())
    return Pack(
        id=spec.id,
        title=spec.title,
        description=spec.description.strip(),
        caveat=spec.caveat.strip(),
        controls=tuple(sorted(_chosen(spec, controls))),
        parameters={by_name[name].id: _frozen(values) for name, values in spec.parameters.items()},
        differences={by_name[name].id: text for name, text in spec.differences.items()},
        framework=spec.framework or "",
        file=file,
        line=line,
    )


def names_of(controls: Iterable[Control]) -> dict[str, Control]:
    """Return controls by id and by alias."""
    return {name: control for control in controls for name in (*control.aliases, control.id)}


def _chosen(spec: PackSpec, controls: ById) -> set[str]:
    if spec.framework is not None:
        return {control.id for control in controls.values() if spec.framework in control.frameworks}
    if isinstance(spec.controls, list):
        by_name = names_of(controls.values())
        return {by_name[name].id for name in spec.controls if name in by_name}
    if spec.controls == BASELINE:
        return {control.id for control in controls.values() if control.is_baseline}
    return set(controls)


def _frozen(values: Mapping[str, Any]) -> dict[str, Any]:
    # Tuples, because packs are frozen.
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def _mistakes(spec: PackSpec, document: YamlDocument, file: Path, controls: ById) -> Iterator[Mistake]:
    def at(path: tuple[str | int, ...], message: str, hint: str = "") -> Mistake:
        return Mistake(str(file), document.line(path), message, hint)

    if spec.id != file.stem:
        yield at(
            ("id",),
            f"the file of {spec.id!r} is to be called {spec.id}.yaml",
            "rename the file, or change the id",
        )
    by_name = names_of(controls.values())
    # Words of `--controls` may be either, so an id must not be both.
    if spec.id in by_name:
        yield at(("id",), f"the id {spec.id!r} is that of a control", "choose another id")
    if isinstance(spec.controls, list):
        for position, name in enumerate(spec.controls):
            if name not in by_name:
                hint = suggestion(name, controls)
                yield at(("controls", position), f"there is no control {name!r}", hint)
    chosen = _chosen(spec, controls)
    if not chosen and spec.framework is not None:
        yield at(("framework",), f"no control serves a framework {spec.framework!r}")
    yield from _of_settings(spec, by_name, chosen, at)


def _of_settings(spec: PackSpec, by_name: ById, chosen: set[str], at: Any) -> Iterator[Mistake]:  # noqa: ANN401 -- a closure of ours
    """Yield mistakes in `parameters` and `differences`: controls outside the pack, and wrong values."""
    for key in ("parameters", "differences"):
        for name in getattr(spec, key):
            if name not in by_name or by_name[name].id not in chosen:
                yield at((key, name), f"{key}: the pack has no control {name!r}", suggestion(name, chosen))
    # Packs may use former ids; problems must name the key as it is written.
    renamed = {
        by_name[name].id: (name, values) for name, values in spec.parameters.items() if name in by_name
    }
    settings = {control: _frozen(values) for control, (_, values) in renamed.items()}
    for problem in check_parameters(by_name.values(), settings):
        control, *rest = problem.path
        path = ("parameters", renamed[str(control)][0], *rest)
        yield at(path, f"{'.'.join(map(str, path))}: {problem.message}", problem.hint)
