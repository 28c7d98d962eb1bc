"""YAML documents held against a shape; what pydantic found becomes sentences with lines and hints."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from scanner.errors import Mistake
from scanner.evaluate.problem import suggestion
from scanner.yamlfile import YamlDocument, read_yaml

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

KeyPath = tuple[str | int, ...]
Keys = Callable[[KeyPath], Iterable[str]]


class Spec(BaseModel):
    """A shape without room for more: an unknown key is a mistake, and so is a wrong type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


Shape = TypeVar("Shape", bound=BaseModel)

_SENTENCES: Final = {
    "missing": "the key is missing",
    "string_type": "this is to be a text",
    "bool_type": "this is to be true or false",
    "list_type": "this is to be a list",
    "dict_type": "this is to be a mapping",
    "model_type": "this is to be a mapping",
    "string_too_short": "the text is empty",
}

_TOO_LONG: Final = frozenset({"string_too_long", "too_long"})

_HINTS: Final = {
    "list_type": "write it as a list: [one, two]",
    "dict_type": "write `key: value` lines below it",
    "model_type": "write `key: value` lines below it",
    "string_too_short": "write it, or leave the key out",
    "missing": "add it",
}


def read_document(file: Path, mistakes: list[Mistake]) -> YamlDocument | None:
    """Read a YAML file; None, and what is wrong with it in `mistakes`, when it is none."""
    text = read_text(file, mistakes)
    if text is None:
        return None
    document, problems = read_yaml(text, str(file))
    mistakes += problems
    return None if problems else document


def read_text(file: Path, mistakes: list[Mistake]) -> str | None:
    """Read the text of a file; None, and the reason in `mistakes`, if it cannot be read."""
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError as error:
        # The decoder knows the byte, the author needs the line.
        line = error.object.count(b"\n", 0, error.start) + 1
        mistakes.append(Mistake(str(file), line, "this is no UTF-8", "save the file as UTF-8"))
        return None
    except OSError as error:
        mistakes.append(Mistake(str(file), 0, f"the file cannot be read: {error.strerror or error}"))
        return None


def shaped(
    shape: type[Shape], document: YamlDocument, file: str, mistakes: list[Mistake], keys: Keys | None = None
) -> Shape | None:
    """Hold a document against a shape; None, and every mistake in `mistakes`, when it does not fit.

    `keys` names the keys that may stand where a path leads; without it those of the shape itself.
    """
    try:
        return shape.model_validate(document.data)
    except ValidationError as error:
        mistakes += _validation(error, document, file, keys or (lambda _: keys_of(shape)))
        return None


def keys_of(shape: type[BaseModel]) -> list[str]:
    """Name the keys of a shape as they are written."""
    return [field.alias or name for name, field in shape.model_fields.items()]


def _validation(error: ValidationError, document: YamlDocument, file: str, keys: Keys) -> Iterator[Mistake]:
    """Translate what pydantic found.

    A union complains once a branch: what is deepest, or is only too long, is what was meant.
    """
    # Too long first: it is the more useful message, if several concern one key.
    complaints = sorted(error.errors(), key=lambda detail: detail["type"] not in _TOO_LONG)
    details = [(_path(detail["loc"], document.data), detail) for detail in complaints]
    reported: set[KeyPath] = set()
    for path, detail in details:
        deeper = any(
            candidate[: len(path)] == path and len(candidate) > len(path) for candidate, _ in details
        )
        if path not in reported and not deeper:
            reported.add(path)
            message, hint = _sentence(detail, path, keys)
            yield Mistake(file, document.line(path), message, hint)


def _path(location: KeyPath, data: Any) -> KeyPath:  # noqa: ANN401 -- plain YAML
    """Drop what pydantic adds to a place (the branch of a union), so that it leads through the document."""
    path: list[str | int] = []
    for position, step in enumerate(location):
        inside = isinstance(data, dict) and step in data
        within = isinstance(data, list) and isinstance(step, int) and step < len(data)
        # The last step of a mapping may be a key that is not there, such as a missing one.
        last_of_mapping = isinstance(data, dict) and position == len(location) - 1
        if inside or within:
            data = data[step]
            path.append(step)
        # pydantic adds names of types and validators to the path of a union.
        elif last_of_mapping and "[" not in str(step) and step not in {"str", "default"}:
            path.append(step)  # a key that is missing
    return tuple(path)


def _sentence(detail: "ErrorDetails", path: KeyPath, keys: Keys) -> tuple[str, str]:
    where, kind = ".".join(map(str, path)) or "the document", detail["type"]
    if kind == "extra_forbidden":
        return f"{where}: there is no key {path[-1]!r}", suggestion(str(path[-1]), keys(path))
    if kind in _TOO_LONG:
        return f"{where}: {_too_long(detail)}", "write less"
    text = _SENTENCES.get(kind) or detail["msg"].removeprefix("Value error, ")
    return f"{where}: {text[0].lower()}{text[1:]}", _hint(kind, detail["input"])


def _too_long(detail: "ErrorDetails") -> str:
    limit, value = detail["ctx"]["max_length"], detail["input"]
    unit = "characters" if isinstance(value, str) else "entries"
    return f"this has {len(value):,} {unit}, {limit:,} are allowed"


def _hint(kind: str, value: object) -> str:
    """Return what to write instead. A word that YAML reads as a number or a truth value needs quotes."""
    # `no`, `on` and version numbers are the usual case.
    if kind == "string_type" and isinstance(value, bool | int | float):
        return f'put it in quotes: "{str(value).lower()}"'
    return _HINTS.get(kind, "")
