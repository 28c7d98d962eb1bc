"""The inputs of a judgement that are stored in the scan: `inputs/audit.yaml` and `inputs/controls/`.

`audit evaluate` uses them unless others are given, so that it repeats the very judgement.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from scanner.app import TOOL
from scanner.errors import BundleError
from scanner.evaluate.controls.own_files import CONTROLS, own_controls, packaged_digest
from scanner.evaluate.controls.selection import Selection
from scanner.evidence.bundle import file_sha256
from scanner.evidence.manifest import INPUTS, NAME
from scanner.model.manifest import Manifest, ManifestInputs
from scanner.settings.settings import Settings, load_settings
from scanner.settings.stored_settings import refuse_secrets, stored_settings
from scanner.storage.files import replaced, write_atomically

CONFIG: Final = f"{INPUTS}/audit.yaml"


@dataclass(frozen=True, slots=True)
class InputFiles:
    """The files to store, by their names in the scan, and the packaged controls that were in use.

    `words`: the values of --controls, with stored names instead of paths.
    """

    contents: Mapping[str, bytes] = field(default_factory=dict)
    controls_version: str = ""
    controls_sha256: str = ""
    words: tuple[str, ...] = ()


def input_files(settings: Settings, words: Sequence[str], selection: Selection) -> InputFiles:
    """Return the inputs of a judgement. ConfigurationError: one of them has what looks like a secret."""
    own = own_controls(words, selection)
    contents = {name: path.read_bytes() for name, path in own.files.items()}
    for name, content in contents.items():
        # Before anything is written: a secret in the scan would be in every copy of it.
        refuse_secrets(f"{own.files[name]}", content)
    config = stored_settings(settings, own.words)
    refuse_secrets("the settings", config)
    return InputFiles({CONFIG: config, **contents}, version(TOOL), packaged_digest(), own.words)


def write_inputs(out: Path, inputs: InputFiles) -> None:
    """Write the inputs into a scan, instead of those of an earlier judgement. OutputError: as `replaced`."""
    # Files that are the same are not touched: they agree with the manifest even if this evaluation is killed.
    if _are_written(out, inputs):
        return
    with replaced(out / INPUTS) as folder:
        for name, content in inputs.contents.items():
            write_atomically(folder / Path(name).relative_to(INPUTS), content)


def _are_written(out: Path, inputs: InputFiles) -> bool:
    # Sizes first: most differences show without reading a file.
    sizes = {name: (out / name).stat().st_size for name in input_names(out)}
    if sizes != {name: len(content) for name, content in inputs.contents.items()}:
        return False
    return all((out / name).read_bytes() == content for name, content in inputs.contents.items())


def manifest_inputs(inputs: InputFiles, as_of: datetime | None, recorded: ManifestInputs) -> ManifestInputs:
    """Return the key `inputs` of a judged scan. `as_of`: of --as-of; `recorded`: `inputs` of the bundle."""
    return ManifestInputs(
        has_as_of=as_of is not None or recorded.has_as_of,
        as_of=as_of or recorded.as_of,
        config=CONFIG if CONFIG in inputs.contents else "",
        controls_version=inputs.controls_version,
        controls_sha256=inputs.controls_sha256,
    )


@dataclass(frozen=True, slots=True)
class StoredInputs:
    """The settings that a scan stores, and the values of --controls, with paths into the scan."""

    file: str
    settings: Settings
    words: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """One sentence about what is used."""
        settings = self.settings
        sections = {
            "waivers": settings.waivers,
            "tiers": settings.tiers,
            "overrides": settings.overrides,
            "owners": settings.owners,
            "frameworks": settings.frameworks,
            "parameters": settings.parameters.controls,
        }
        counts = (f"{name} {len(values)}" for name, values in sections.items() if values)
        return ", ".join((f"controls {' '.join(settings.controls)}", *counts))


def stored_inputs(folder: Path, manifest: Manifest) -> StoredInputs | None:
    """Return the inputs that a bundle stores; None: it has none.

    Raises:
        BundleError: a file is missing, changed or not named in the manifest.
        ConfigurationError: this version cannot read the settings.
    """
    if not manifest.inputs.config:
        return None
    check_inputs(folder, manifest)
    settings = load_settings(folder / manifest.inputs.config)
    # Stored words of own controls are paths into the scan, wherever its folder is now.
    words = (str(folder / word) if word.startswith(f"{CONTROLS}/") else word for word in settings.controls)
    return StoredInputs(manifest.inputs.config, settings, tuple(words))


def check_inputs(folder: Path, manifest: Manifest) -> None:
    """Check the files below inputs/. BundleError: one is missing, changed or not named in the manifest."""
    named = {name: sha256 for name, sha256 in manifest.files.items() if name.startswith(f"{INPUTS}/")}
    # Settings without a checksum are refused like changed ones.
    named.setdefault(manifest.inputs.config, "")
    for name, sha256 in sorted(named.items()):
        path = folder / name
        # A symbolic link could lead to a file outside the scan that is changed later.
        is_regular = path.is_file() and not path.is_symlink()
        if not sha256 or not is_regular or file_sha256(path) != sha256:
            raise BundleError(
                f"{folder / name} is not the file that {NAME} names: it is missing, or its SHA-256 differs. "
                "Restore it from a copy, or specify --config or --controls."
            )
    # Files that the manifest does not name could change a verdict unnoticed.
    for name in sorted(set(input_names(folder)) - named.keys()):
        raise BundleError(
            f"{folder / name} is not named in {NAME}. Remove it, or specify --config or --controls."
        )


def input_names(folder: Path) -> Iterable[str]:
    """Yield the names of the files below inputs/."""
    return (path.relative_to(folder).as_posix() for path in (folder / INPUTS).rglob("*") if path.is_file())
