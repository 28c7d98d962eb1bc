"""The files of controls and packs that are not the packaged ones, and a digest of those that are.

A scan stores its own controls in `inputs/controls/N/`, one folder for each that `--controls` names, with the
layout that it has there. So the stored words select the same controls as the original ones.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from scanner import resources
from scanner.evaluate.controls.loader import CASES
from scanner.evaluate.controls.packs import FOLDER as PACKS
from scanner.evaluate.controls.requirements import FOLDER as FRAMEWORKS
from scanner.evaluate.controls.selection import Selection
from scanner.model.control import ALL

CONTROLS: Final = "inputs/controls"


@dataclass(frozen=True, slots=True)
class OwnControls:
    """The values of `--controls` with stored names instead of paths, and the files by their stored names."""

    words: tuple[str, ...]
    files: Mapping[str, Path]


def own_controls(words: Sequence[str], selection: Selection) -> OwnControls:
    """Return the own controls of a selection that `words` selected."""
    packaged = resources.controls_folder().resolve()
    roots: dict[Path, str] = {}
    folders: dict[Path, str] = {}
    stored_words = []
    for word in words:
        path = Path(word)
        root = _root(path, selection)
        if root is None:
            stored_words.append(word)
        elif root.resolve() == packaged:
            # A word that leads into the packaged folder needs no copy: every installation has it.
            stored_words.append(ALL if path == root else path.stem)
        else:
            # Two paths to the same folder are one folder: a control that is stored twice would be a mistake.
            name = folders.setdefault(root.resolve(), f"{CONTROLS}/{len(folders) + 1}")
            roots[root] = name
            stored_words.append(PurePosixPath(name, path.relative_to(root).as_posix()).as_posix())
    files = dict(_stored(file, roots) for file in _own_files(selection, roots))
    return OwnControls(tuple(stored_words), dict(sorted(files.items())))


def _root(path: Path, selection: Selection) -> Path | None:
    """Return the folder of controls that a word names, or that its pack belongs to; None: it is a name."""
    if path in selection.folders:
        return path
    if path not in selection.files:
        return None
    return path.parent.parent if path.parent.name == PACKS else path.parent


def _own_files(selection: Selection, roots: Mapping[Path, str]) -> Iterator[Path]:
    named = [Path(control.file) for control in selection.all_controls]
    named += [Path(pack.file) for pack in selection.packs]
    # Frameworks are stored as well: without them requirements of own controls would be unknown.
    frameworks = (file for root in roots for file in sorted((root / FRAMEWORKS).glob("*.yaml")))
    for file in (*named, *frameworks):
        if any(file.is_relative_to(root) for root in roots):
            yield file


def _stored(file: Path, roots: Mapping[Path, str]) -> tuple[str, Path]:
    """Return a file with its stored name: below the innermost of the folders that contain it."""
    # Folders may be nested; the innermost one is what the stored word refers to.
    root = max((root for root in roots if file.is_relative_to(root)), key=lambda root: len(root.parts))
    return f"{roots[root]}/{file.relative_to(root).as_posix()}", file


def packaged_digest() -> str:
    """Return the SHA-256 of the packaged controls, packs, frameworks and weights, in hex.

    It is that of the lines `NAME SHA256`, sorted, each with a newline.
    """
    folder = resources.controls_folder()
    # Sorted by name, not by the order of the file system, which differs between machines.
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.yaml")}
    lines = (
        f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n"
        for name, path in sorted(files.items())
        # Cases test controls, and have no effect on results.
        if not name.endswith(CASES)
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()
