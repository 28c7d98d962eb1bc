"""The policies that `audit policy` prints: templates in deploy/, and golden files of the tests.

Review the diff after changing declared operations: it is what users have to allow.
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
    """Return the output of `audit policy`. RuntimeError: it failed."""
    result = CliRunner().invoke(audit, ["policy", *arguments])
    if result.exit_code != 0:
        raise RuntimeError(result.output)
    return result.stdout
