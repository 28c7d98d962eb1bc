"""Generated parts of deploy/: the policies that `audit policy` prints, and the marked parts of scanner.yaml.

The policies come from the declared operations, the state machine from deploy/scan.asl.json. Review the diff
after changing declared operations: it is what users have to allow.
"""

import json
import re
from pathlib import Path
from typing import Final

from typer.testing import CliRunner

from scanner.cli.commands import audit
from scanner.collect.permissions import Part, statements, yaml_statements

ROOT: Final = Path(__file__).parent.parent
TEMPLATE: Final = ROOT / "deploy" / "scanner.yaml"
STATE_MACHINE: Final = ROOT / "deploy" / "scan.asl.json"
_READS: Final = "the reads of `audit policy --part caller`"
_DEFINITION: Final = "deploy/scan.asl.json"
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


def current(template: str) -> str:
    """Return the template with its generated parts brought up to date."""
    reads = tuple(row for row in statements(Part.CALLER, "") if row.sid != "AssumeRole")
    with_reads = _filled(template, _READS, yaml_statements(reads))
    return _filled(with_reads, _DEFINITION, _definition(STATE_MACHINE.read_text(encoding="utf-8")))


def _definition(text: str) -> tuple[str, ...]:
    """Return the definition, one line for each state: a file above 51,200 bytes cannot be deployed."""
    machine = json.loads(text)
    states = machine.pop("States")
    *members, last = (f"{_compact(name)}:{_compact(state)}" for name, state in states.items())
    lines = (
        f"{_compact(machine)[:-1]},",
        '"States":{',
        *(f"{member}," for member in members),
        last,
        "}}",
    )
    return ("      DefinitionString: |", *(f"        {line}" for line in lines))


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _filled(template: str, name: str, lines: tuple[str, ...]) -> str:
    """Replace the lines between the comments of this name. ValueError: these do not occur exactly once."""
    pattern = re.compile(
        rf"(^ *# BEGIN GENERATED: {re.escape(name)}\n)(.*?)(^ *# END GENERATED\n)", re.MULTILINE | re.DOTALL
    )
    text = "".join(f"{line}\n" for line in lines)
    filled, count = pattern.subn(lambda match: match[1] + text + match[3], template)
    if count != 1:
        raise ValueError(f"{TEMPLATE.name} has {count} generated parts named {name}, not one.")
    return filled


def printed(*arguments: str) -> str:
    """Return the output of `audit policy`. RuntimeError: it failed."""
    result = CliRunner().invoke(audit, ["policy", *arguments])
    if result.exit_code != 0:
        raise RuntimeError(result.output)
    return result.stdout
