"""Loads control files. All mistakes of all files are reported at once, with their lines and hints."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from scanner import resources
from scanner.errors import ConfigurationError, Mistake
from scanner.evaluate.compiled import compile_control
from scanner.evaluate.controls.spec import (
    BaselineSpec,
    ControlSpec,
    ParameterSpec,
    ReasonSpec,
    ReasonsSpec,
    RemediationSpec,
)
from scanner.evaluate.controls.yamlspec import keys_of, read_text, shaped
from scanner.evaluate.problem import Problem, RefusedError, suggestion
from scanner.model.control import ALL, Control
from scanner.model.facts import TABLES
from scanner.yamlfile import YamlDocument, read_yaml

CASES: Final = ".cases.yaml"

_NESTED: Final[Mapping[str, type[BaseModel]]] = {
    "baseline": BaselineSpec,
    "remediation": RemediationSpec,
    "reasons": ReasonsSpec,
    "reason": ReasonSpec,
    "parameters": ParameterSpec,
}


def load_controls(selection: Sequence[str] = (ALL,)) -> tuple[Control, ...]:
    """Load controls, in the order of their ids.

    Each word of the selection is `all` (what is shipped), the id of a shipped control, or a folder of
    control files. ConfigurationError carries every mistake of every file.
    """
    mistakes: list[Mistake] = []
    files = [file for word in selection or (ALL,) for file in _files(word, mistakes)]
    controls = load_files(files, mistakes)
    mistakes += duplicates(controls)
    if mistakes:
        raise ConfigurationError(tuple(mistakes))
    return controls


def load_files(files: Iterable[Path], mistakes: list[Mistake]) -> tuple[Control, ...]:
    """Load controls of files, each once, in the order of their ids; mistakes are added to the list."""
    # A file may be named by its folder and by its id: it is loaded once.
    controls = [control for file in dict.fromkeys(files) if (control := load_file(file, mistakes))]
    return tuple(sorted(controls, key=lambda control: control.id))


def control_files(folder: Path) -> tuple[Path, ...]:
    """Return the control files (`ID.yaml`) of a folder, without those of its subfolders and the cases."""
    files = (path for path in folder.glob("*.yaml") if not path.name.endswith(CASES))
    return tuple(sorted(files))


def load_file(file: Path, mistakes: list[Mistake]) -> Control | None:
    """Load one control; None, and what is wrong with it in `mistakes`, when it has any."""
    text = read_text(file, mistakes)
    return None if text is None else parse_control(text, str(file), mistakes)


def parse_control(text: str, file: str, mistakes: list[Mistake]) -> Control | None:
    """Load one control of the text of its file; None, and what is wrong with it in `mistakes`, as above."""
    control, problems = _parsed(text, file)
    mistakes += problems
    return control


# A command loads packaged controls more than once: those that are selected, and all, to trace root causes.
@lru_cache(maxsize=256)
def _parsed(text: str, file: str) -> tuple[Control | None, tuple[Mistake, ...]]:
    document, problems = read_yaml(text, file)
    if document is None or problems:
        return None, problems
    mistakes: list[Mistake] = []
    control = _control(document, Path(file), mistakes)
    return control, tuple(mistakes)


def _control(document: YamlDocument, file: Path, mistakes: list[Mistake]) -> Control | None:
    before = len(mistakes)
    # A folder of controls often has other YAML in it; a list of missing keys would only confuse.
    if isinstance(document.data, dict) and not {"id", "require", "population"} & document.data.keys():
        hint = "keep other files in another folder; a control has id, require and population"
        mistakes.append(Mistake(str(file), 1, "this is no control", hint))
        return None
    spec = shaped(ControlSpec, document, str(file), mistakes, _keys)
    if spec is None:
        return None
    if spec.id != file.stem:
        message = f"the file of {spec.id!r} is to be called {spec.id}.yaml"
        mistakes.append(_at(document, file, ("id",), message, "rename the file, or change the id"))
    if spec.subject not in TABLES:
        message = f"there is no fact table {spec.subject!r}"
        mistakes.append(_at(document, file, ("subject",), message, suggestion(spec.subject, TABLES)))
        # Without its table no expression can be checked, so further messages would be guesses.
        return None
    control = spec.control(str(file), document.line(("id",)))
    mistakes += [_located(problem, document, file) for problem in problems_of(control)]
    # A control with a mistake is never judged in part.
    return control if len(mistakes) == before else None


def problems_of(control: Control) -> tuple[Problem, ...]:
    """Return the mistakes in the expressions of a control."""
    try:
        compile_control(control)
    except RefusedError as refused:
        return refused.problems
    return ()


def _located(problem: Problem, document: YamlDocument, file: Path) -> Mistake:
    where = f"{'.'.join(map(str, problem.path))}: " if problem.path else ""
    return _at(document, file, problem.path, f"{where}{problem.message}", problem.hint)


def _at(
    document: YamlDocument, file: Path, path: tuple[str | int, ...], message: str, hint: str = ""
) -> Mistake:
    return Mistake(str(file), document.line(path), message, hint)


def _keys(path: tuple[str | int, ...]) -> Iterable[str]:
    outer = [step for step in path[:-1] if isinstance(step, str)]
    spec = _NESTED.get(outer[0], ControlSpec) if outer else ControlSpec
    return keys_of(spec)


def _files(word: str, mistakes: list[Mistake]) -> Iterable[Path]:
    """Return the files that a word of the selection names."""
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
    files = control_files(folder)
    if not files:
        mistakes.append(Mistake(word, 0, "the folder holds no control", "a control is a file ID.yaml"))
    return files


def duplicates(controls: Iterable[Control]) -> Iterator[Mistake]:
    """Yield ids that are used twice, as an id or an alias: an id is never reused for another control."""
    by_id: dict[str, Control] = {}
    for control in controls:
        # An alias counts like an id: findings of earlier scans still carry it.
        for name in (control.id, *control.aliases):
            first = by_id.setdefault(name, control)
            if first is not control:
                what = "id" if name == control.id else "alias"
                message = f"the {what} {name!r} is taken by {first.file}"
                yield Mistake(control.file, control.line, message, f"choose another {what}")
