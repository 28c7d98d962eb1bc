"""Writes the policies that `audit policy` prints into tests/collect/golden/, where the tests compare them.

Run it after a change of what is declared, and look at the diff: it is what users will have to allow.
"""

from pathlib import Path
from typing import Final

from typer.testing import CliRunner

from scanner.cli.commands import audit

GOLDEN: Final = Path(__file__).parent.parent / "tests" / "collect" / "golden"
ENDINGS: Final = {"json": "json", "cloudformation": "yaml", "terraform": "tf"}
PARTS: Final = ("member", "caller")
FILES: Final = {
    f"{part}.{ending}": ("--part", part, "--format", name)
    for name, ending in ENDINGS.items()
    for part in PARTS
} | {"trust.json": ("--part", "trust", "--trusted-principal", "111111111111", "--external-id", "vaultproof")}
"""What `audit policy` is asked for, by the file's name."""


def printed(*arguments: str) -> str:
    """Return what `audit policy` prints. RuntimeError when it does not end with 0."""
    result = CliRunner().invoke(audit, ["policy", *arguments])
    if result.exit_code != 0:
        raise RuntimeError(result.output)
    return result.stdout


def main() -> None:
    """Write all of them."""
    GOLDEN.mkdir(exist_ok=True)
    for name, arguments in FILES.items():
        (GOLDEN / name).write_text(printed(*arguments), encoding="utf-8")


if __name__ == "__main__":
    main()
