"""Locates the packaged controls and report templates.

The wheel has them in the package (`scanner/_data/`), a checkout at its root. The former takes precedence.
"""

from pathlib import Path

from scanner.errors import VaultproofError

_PACKAGE = Path(__file__).resolve().parent


def controls_folder() -> Path:
    """Return the folder of the packaged controls, `ID.yaml` and `ID.cases.yaml`."""
    return _shipped("controls", _PACKAGE)


def templates_folder() -> Path:
    """Return the folder of the report templates."""
    return _shipped("templates", _PACKAGE)


def _shipped(name: str, package: Path) -> Path:
    """Return the path of a packaged folder. VaultproofError: the installation is incomplete."""
    for folder in (package / "_data" / name, package.parent / name):
        if folder.is_dir():
            return folder
    raise VaultproofError(f"The folder {name!r} is missing from this installation: install vaultproof again.")
