"""Finds what is shipped beside the code: controls and report templates.

In the wheel they lie in the package (`scanner/_data/`), in a checkout at its root. The packaged ones win.
"""

from pathlib import Path

from scanner.errors import VaultproofError

_PACKAGE = Path(__file__).resolve().parent


def controls_folder() -> Path:
    """Give the folder of the shipped controls, `ID.yaml` and `ID.cases.yaml`."""
    return _shipped("controls", _PACKAGE)


def templates_folder() -> Path:
    """Give the folder of the report templates."""
    return _shipped("templates", _PACKAGE)


def _shipped(name: str, package: Path) -> Path:
    """Find a shipped folder. VaultproofError: the installation is incomplete."""
    for folder in (package / "_data" / name, package.parent / name):
        if folder.is_dir():
            return folder
    raise VaultproofError(f"The folder {name!r} is missing from this installation: install vaultproof again.")
