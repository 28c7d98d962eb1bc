"""Control files to controls. Every mistake of every file is told at once, with its line and a hint."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from scanner import resources
from scanner.errors import ConfigurationError, Mistake
from scanner.evaluate.compiled import compile_control
from scanner.evaluate.problem import Problem, RefusedError, suggestion
from scanner.evaluate.spec import ControlSpec, ParameterSpec, ReasonSpec, ReasonsSpec, RemediationSpec
from scanner.model.control import Control
from scanner.model.facts import TABLES
from scanner.yamlfile import YamlDocument, read_yaml

ALL: Final = "all"
CASES: Final = ".cases.yaml"

_NESTED: Final[Mapping[str, type[BaseModel]]] = {
    "remediation": RemediationSpec,
    "reasons": ReasonsSpec,
    "reason": ReasonSpec,
    "parameters": ParameterSpec,
}
_SENTENCES: Final = {
    "missing": "the key is missing",
    "string_type": "this is to be a text",
    "bool_type": "this is to be true or false",
    "list_type": "this is to be a list",
    "dict_type": "this is to be a mapping",
    "model_type": "this is to be a mapping",
    "string_too_short": "the text is empty",
}


def load_controls(selection: Sequence[str] = (ALL,)) -> tuple[Control, ...]:
    """Load controls, in the order of their ids.

    Each word of the selection is `all` (what is shipped), the id of a shipped control, or a folder of
    control files. ConfigurationError carries every mistake of every file.
    """
    mistakes: list[Mistake] = []
    files: dict[Path, None] = {}
    for word in selection or (ALL,):
        files.update(dict.fromkeys(_files(word, mistakes)))
    controls = [control for file in files if (control := load_file(file, mistakes))]
    mistakes += _duplicates(controls)
    if mistakes:
        raise ConfigurationError(tuple(mistakes))
    return tuple(sorted(controls, key=lambda control: control.id))


def control_files(folder: Path) -> tuple[Path, ...]:
    """Give the control files of a folder, `ID.yaml`, without those of its subfolders and the cases."""
    found = (path for path in folder.glob("*.yaml") if not path.name.endswith(CASES))
    return tuple(sorted(found))


def load_file(file: Path, mistakes: list[Mistake]) -> Control | None:
    """Load one control; None, and what is wrong with it in `mistakes`, when it has any."""
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        mistakes.append(Mistake(str(file), 0, f"the file cannot be read: {error}"))
        return None
    return parse_control(text, str(file), mistakes)


def parse_control(text: str, file: str, mistakes: list[Mistake]) -> Control | None:
    """Load one control of the text of its file; None, and what is wrong with it in `mistakes`, as above."""
    document, found = read_yaml(text, file)
    mistakes += found
    if document is None or found:
        return None
    return _control(document, Path(file), mistakes)


def _control(document: YamlDocument, file: Path, mistakes: list[Mistake]) -> Control | None:
    before = len(mistakes)
    try:
        spec = ControlSpec.model_validate(document.data)
    except ValidationError as error:
        mistakes += _validation(error, document, str(file))
        return None
    if spec.id != file.stem:
        mistakes.append(
            _at(document, file, ("id",), f"the file of {spec.id!r} is to be called {spec.id}.yaml")
        )
    if spec.subject not in TABLES:
        message = f"there is no fact table {spec.subject!r}"
        mistakes.append(_at(document, file, ("subject",), message, suggestion(spec.subject, TABLES)))
        return None
    control = spec.control(str(file), document.line(("id",)))
    mistakes += [_located(problem, document, file) for problem in problems_of(control)]
    return control if len(mistakes) == before else None


def problems_of(control: Control) -> tuple[Problem, ...]:
    """Give what is wrong with the expressions of a control."""
    try:
        compile_control(control)
    except RefusedError as refused:
        return refused.problems
    return ()


def _located(problem: Problem, document: YamlDocument, file: Path) -> Mistake:
    where = ".".join(map(str, problem.path))
    return _at(document, file, problem.path, f"{where}: {problem.message}", problem.hint)


def _at(
    document: YamlDocument, file: Path, path: tuple[str | int, ...], message: str, hint: str = ""
) -> Mistake:
    return Mistake(str(file), document.line(path), message, hint)


def _validation(error: ValidationError, document: YamlDocument, file: str) -> Iterator[Mistake]:
    """Translate what pydantic found. A union complains once a branch: what lies deepest is what was meant."""
    details = [(_path(detail["loc"], document.data), detail) for detail in error.errors()]
    told: set[tuple[str | int, ...]] = set()
    for path, detail in details:
        deeper = any(other[: len(path)] == path and len(other) > len(path) for other, _ in details)
        if path not in told and not deeper:
            told.add(path)
            message, hint = _sentence(detail["type"], detail["msg"], path)
            yield Mistake(file, document.line(path), message, hint)


def _path(location: tuple[str | int, ...], data: Any) -> tuple[str | int, ...]:  # noqa: ANN401 -- plain YAML
    """Drop what pydantic adds to a place (the branch of a union), so that it leads through the document."""
    path: list[str | int] = []
    for position, step in enumerate(location):
        inside = isinstance(data, dict) and step in data
        within = isinstance(data, list) and isinstance(step, int) and step < len(data)
        last_of_mapping = isinstance(data, dict) and position == len(location) - 1
        if inside or within:
            data = data[step]
            path.append(step)
        elif last_of_mapping and "[" not in str(step) and step not in {"str", "default"}:
            path.append(step)  # a key that is missing
    return tuple(path)


def _sentence(kind: str, message: str, path: tuple[str | int, ...]) -> tuple[str, str]:
    where = ".".join(map(str, path)) or "the document"
    if kind == "extra_forbidden":
        return f"{where}: there is no key {path[-1]!r}", suggestion(str(path[-1]), _keys(path))
    text = _SENTENCES.get(kind) or message.removeprefix("Value error, ")
    return f"{where}: {text[0].lower()}{text[1:]}", ""


def _keys(path: tuple[str | int, ...]) -> Iterable[str]:
    outer = [step for step in path[:-1] if isinstance(step, str)]
    spec = _NESTED.get(outer[0], ControlSpec) if outer else ControlSpec
    return [field.alias or name for name, field in spec.model_fields.items()]


def _files(word: str, mistakes: list[Mistake]) -> Iterable[Path]:
    """Give the files that a word of the selection means."""
    shipped = resources.controls_folder()
    if word == ALL:
        return control_files(shipped)
    by_id = {path.stem: path for path in control_files(shipped)}
    if word in by_id:
        return (by_id[word],)
    folder = Path(word)
    if not folder.is_dir():
        hint = suggestion(word, [*by_id, ALL])
        mistakes.append(Mistake(word, 0, "this is neither a control nor a folder that exists", hint))
        return ()
    found = control_files(folder)
    if not found:
        mistakes.append(Mistake(word, 0, "the folder holds no control", "a control is a file ID.yaml"))
    return found


def _duplicates(controls: Iterable[Control]) -> Iterator[Mistake]:
    by_id: defaultdict[str, list[Control]] = defaultdict(list)
    for control in controls:
        by_id[control.id].append(control)
    for same in by_id.values():
        for control in same[1:]:
            message = f"the id {control.id!r} is taken by {same[0].file}"
            yield Mistake(control.file, control.line, message, "choose another id")
