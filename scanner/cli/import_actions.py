"""What `audit controls import` does."""

from pathlib import Path

import typer

from scanner.cli.logs import say
from scanner.errors import OutputError, UsageError
from scanner.evaluate.compliance.audit_manager_pack import ImportedPack, import_frameworks
from scanner.evaluate.compliance.frameworks import Found, find_frameworks, told
from scanner.storage.files import write_atomically


def import_framework(scan: Path, name: str, account: str | None, region: str | None, out: Path) -> int:
    """Write the packs of a framework; everything that they do not say is told."""
    found = find_frameworks(scan, name, account, region)
    packs = import_frameworks(found.frameworks)
    if not packs:
        raise UsageError(_nothing(name, found))
    files = {out / file: text for pack in packs for file, text in _files(pack)}
    if there := [file for file in files if file.exists()]:
        raise UsageError(f"{there[0]} already exists: choose another folder with --out.")
    _write(out, files)
    for pack in packs:
        for note in pack.notes:
            say(f"{pack.id}: not imported: {note}")
    for gaps, what in ((found.undescribed, "could not be described"), (found.unlisted, "may be missing")):
        if gaps:
            say(f"Frameworks that {what}: {told(gaps)}")
    return 0


def _files(pack: ImportedPack) -> tuple[tuple[str, str], ...]:
    files = ((f"{pack.id}.yaml", pack.text), (f"{pack.id}.audit.yaml", pack.overrides))
    return tuple((name, text) for name, text in files if text)


def _nothing(name: str, found: Found) -> str:
    if found.undescribed:
        return f"The controls of framework {name!r} are unknown: {told(found.undescribed)}"
    return f"Framework {name!r} has no known control: there is nothing to import."


def _write(out: Path, files: dict[Path, str]) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise OutputError(f"{out} cannot be created: {problem.strerror}.") from problem
    for file, text in files.items():
        write_atomically(file, text.encode())
        typer.echo(str(file))
