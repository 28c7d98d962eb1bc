"""What the words of `--controls` mean: ids and their aliases, packs, folders and pack files, mixed."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scanner import resources
from scanner.errors import ConfigurationError, Mistake
from scanner.evaluate.compiled import save_compiled
from scanner.evaluate.controls.loader import control_files, duplicates, load_files
from scanner.evaluate.controls.packs import FOLDER, load_pack, names_of, pack_files
from scanner.evaluate.problem import suggestion
from scanner.model.control import ALL, Control, LeftOutControl, Pack

_YAML: Final = ".yaml"
_OWN_KEYS: Final = re.compile(r"^[\"']?(id|require|population)[\"']?\s*:", re.MULTILINE)
_CONTROL_KEYS: Final = re.compile(r"^[\"']?(require|population)[\"']?\s*:", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Controls that are to be asked, and what there is besides.

    `parameters` are those of the selected packs, by control id; `all_controls` includes those that are not
    selected; `packs` all packs; `chosen` the selected packs; `notices` are for stderr. `folders` and
    `files` are the words that name a folder of controls or the file of a pack. `left_out` are the packaged
    controls that are not selected.
    """

    controls: tuple[Control, ...]
    parameters: Mapping[str, Mapping[str, Any]]
    all_controls: tuple[Control, ...]
    packs: tuple[Pack, ...]
    chosen: tuple[Pack, ...]
    notices: tuple[str, ...]
    folders: tuple[Path, ...] = ()
    files: tuple[Path, ...] = ()
    left_out: tuple[LeftOutControl, ...] = ()


def select(words: Sequence[str] = (ALL,)) -> Selection:
    """Select controls.

    Each word is `all` (what is shipped), an id, an alias or a pack of what is shipped or of a folder that
    another word names, a folder of controls (with packs in `packs/` below it), or a pack's file.
    ConfigurationError carries every mistake of every file.
    """
    mistakes: list[Mistake] = []
    selection = _Catalogue(tuple(words) or (ALL,), mistakes).selection()
    if mistakes:
        raise ConfigurationError(tuple(dict.fromkeys(mistakes)))
    # Here, because every command that compiles controls passes through `select`.
    save_compiled()
    return selection


class _Catalogue:
    """All controls and packs within reach of some words."""

    def __init__(self, words: Sequence[str], mistakes: list[Mistake]) -> None:
        self._words = words
        self._mistakes = mistakes
        self._shipped = resources.controls_folder().resolve()
        self._folders = [Path(word) for word in words if self._is_folder(word)]
        self.all_controls = self._controls()
        self._by_id = {control.id: control for control in self.all_controls}
        self._by_name = names_of(self.all_controls)
        self.packs = self._packs()

    def _controls(self) -> tuple[Control, ...]:
        """Load the packaged controls and those in folders, which may have ids of unselected packaged ones."""
        shipped = load_files(control_files(self._shipped), self._mistakes)
        files_of_folders = (file for home in map(_home, self._files()) for file in control_files(home))
        named = (file for folder in self._folders for file in control_files(folder))
        files = _each_once((*filter(_may_be_control, files_of_folders), *named))
        others = load_files(
            (file for file in files if file.parent.resolve() != self._shipped), self._mistakes
        )
        ids = {control.id for control in others}
        both = ids if ALL in self._words else ids.intersection(self._words)
        # An own control may replace a packaged one of the same id, unless both are selected: then it is a
        # duplicate.
        controls = (*(control for control in shipped if control.id not in ids or control.id in both), *others)
        self._mistakes += duplicates(controls)
        return tuple(sorted(controls, key=lambda control: control.id))

    def _is_folder(self, word: str) -> bool:
        return word != ALL and not self._is_shipped(word) and Path(word).is_dir()

    def _is_shipped(self, word: str) -> bool:
        """Whether a word names something shipped: a folder of the working directory does not hide it."""
        # Otherwise a folder called like a control would silently change what CI evaluates.
        names = (self._shipped / f"{word}{_YAML}", self._shipped / FOLDER / f"{word}{_YAML}")
        return "/" not in word and any(name.is_file() for name in names)

    def _files(self) -> list[Path]:
        """Return the words that are files of packs."""
        return [Path(word) for word in self._words if _is_yaml(word) and not _is_control(Path(word))]

    def _packs(self) -> dict[str, Pack]:
        folders = (self._shipped, *self._folders)
        files = _each_once((*(file for folder in folders for file in pack_files(folder)), *self._files()))
        packs: dict[str, Pack] = {}
        for file in files:
            pack = load_pack(file, self._by_id, self._mistakes)
            if pack is not None and packs.setdefault(pack.id, pack) is not pack:
                message = f"the id {pack.id!r} is taken by {packs[pack.id].file}"
                self._mistakes.append(Mistake(pack.file, pack.line, message, "choose another id"))
        return packs

    def selection(self) -> Selection:
        """Return the controls and parameters that the words select."""
        controls: dict[str, Control] = {}
        chosen: dict[str, Pack] = {}
        notices: dict[str, None] = {}
        for word in self._words:
            matched, pack = self._meant(word)
            controls |= {control.id: control for control in matched}
            if pack is not None:
                chosen[pack.id] = pack
            # A former id: it keeps working, with a notice.
            elif (renamed_control := self._by_name.get(word)) is not None and renamed_control.id != word:
                notices[renamed(word, renamed_control.id)] = None
        return Selection(
            controls=tuple(sorted(controls.values(), key=lambda control: control.id)),
            parameters=self._parameters(chosen.values()),
            all_controls=self.all_controls,
            packs=tuple(sorted(self.packs.values(), key=lambda pack: pack.id)),
            chosen=tuple(chosen.values()),
            notices=tuple(notices),
            folders=tuple(self._folders),
            files=tuple(self._files()),
            left_out=tuple(
                LeftOutControl(control.id, control.title, control.severity, control.baseline)
                for control in self._below(self._shipped)
                if control.id not in controls
            ),
        )

    def _meant(self, word: str) -> tuple[Iterable[Control], Pack | None]:
        if word == ALL:
            return self._below(self._shipped), None
        if word in self._by_name:
            return (self._by_name[word],), None
        # The file of a pack is known by its stem, a packaged pack by its id.
        pack = self.packs.get(Path(word).stem if Path(word) in self._files() else word)
        if pack is not None:
            return (self._by_id[name] for name in pack.controls), pack
        if Path(word) in self._folders:
            return self._of_folder(word), None
        if _is_yaml(word) and _is_control(Path(word)):
            message = "this is the file of a control, not of a pack"
            hint = f"name the control by its id, {Path(word).stem}, or the folder of the file"
            self._mistakes.append(Mistake(word, 0, message, hint))
        elif Path(word) not in self._files():
            hint = suggestion(word, [*self._by_name, *self.packs, ALL])
            message = "this is neither a control, nor a pack, nor a folder that exists"
            self._mistakes.append(Mistake(word, 0, message, hint))
        return (), None

    def _of_folder(self, word: str) -> Iterable[Control]:
        folder = Path(word)
        if not control_files(folder) and not pack_files(folder):
            self._mistakes.append(
                Mistake(word, 0, "the folder holds no control", "a control is a file ID.yaml")
            )
        return self._below(folder)

    def _below(self, folder: Path) -> Iterator[Control]:
        files = {str(file.resolve()) for file in control_files(folder)}
        return (control for control in self.all_controls if str(Path(control.file).resolve()) in files)

    def _parameters(self, packs: Iterable[Pack]) -> dict[str, dict[str, Any]]:
        """Return the packs' parameters together. Two packs that set one differently are a mistake."""
        merged: dict[str, dict[str, Any]] = {}
        for pack in packs:
            for control, values in pack.parameters.items():
                ours = merged.setdefault(control, {})
                for name, value in values.items():
                    # Which of two packs should win would be a guess.
                    if ours.setdefault(name, value) != value:
                        message = f"{control}: another selected pack sets {name} to {ours[name]!r}"
                        hint = "select one of the packs"
                        self._mistakes.append(Mistake(pack.file, pack.line, message, hint))
        return merged


def _home(file: Path) -> Path:
    """Return the folder of controls that a pack belongs to: the one above `packs/`, else its own."""
    return file.parent.parent if file.parent.name == FOLDER else file.parent / FOLDER


def _may_be_control(file: Path) -> bool:
    """Check whether a file of a folder looks like a control: the folder may contain audit.yaml as well."""
    try:
        text = file.read_text("utf-8", errors="replace")
    except OSError:
        return True  # its mistakes are reported when it is loaded
    return _OWN_KEYS.search(text) is not None


def _is_yaml(word: str) -> bool:
    return word.endswith(_YAML) and Path(word).is_file()


def _is_control(file: Path) -> bool:
    """Check whether a file has the keys of a control, which a pack does not have."""
    try:
        text = file.read_text("utf-8", errors="replace")
    except OSError:
        return False  # it is reported when it is loaded
    return _CONTROL_KEYS.search(text) is not None


def _each_once(files: Iterable[Path]) -> list[Path]:
    """Leave out files that were named twice, by another path too."""
    # Reversed twice: the first spelling of a path is the one that stays, in the given order.
    return list({file.resolve(): file for file in reversed(list(files))}.values())[::-1]


def renamed(old: str, new: str) -> str:
    """Word the notice about an id of former times."""
    return f"{old} is now called {new}: the old id keeps working, and the new one is better."
