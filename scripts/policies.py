"""Writes the policies that `audit policy` prints into tests/collect/golden/, where the tests compare them.

The templates of the role are written where users deploy them from: deploy/. Run it after a change of what is
declared, and look at the diff: it is what users will have to allow.
"""

from pathlib import Path
from typing import Final

from typer.testing import CliRunner

from scanner.cli.commands import audit

ROOT: Final = Path(__file__).parent.parent
_GOLDEN: Final = "tests/collect/golden"
FILES: Final = {
    "deploy/member-role.yaml": ("--format", "cloudformation"),
    "deploy/terraform/member/main.tf": ("--format", "terraform"),
    f"{_GOLDEN}/member.json": (),
    f"{_GOLDEN}/trust.json": (
        *("--part", "trust", "--trusted-principal", "111111111111"),
        *("--trusted-role", "VaultproofScan", "--external-id", "vaultproof"),
    ),
    f"{_GOLDEN}/caller.json": ("--part", "caller", "--organization-id", "o-0123456789"),
    f"{_GOLDEN}/caller.yaml": ("--part", "caller", "--format", "cloudformation"),
    f"{_GOLDEN}/caller.tf": ("--part", "caller", "--format", "terraform"),
}
"""The arguments of `audit policy`, by the path of the file in the repository."""


def printed(*arguments: str) -> str:
    """Return what `audit policy` prints. RuntimeError when it does not end with 0."""
    result = CliRunner().invoke(audit, ["policy", *arguments])
    if result.exit_code != 0:
        raise RuntimeError(result.output)
    return result.stdout


def main() -> None:
    """Write all of them."""
    for name, arguments in FILES.items():
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_text(printed(*arguments), encoding="utf-8")


if __name__ == "__main__":
    main()
