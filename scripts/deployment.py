"""Writes into deploy/scanner.yaml what other files of the repository define, between its GENERATED comments.

The policy for reading comes from what the collectors declare, the state machine from deploy/scan.asl.json.
A test fails when the template is not current.
"""

import json
import re
import sys
from pathlib import Path
from typing import Final

from scanner.collect.permissions import Part, statements, yaml_statements

ROOT: Final = Path(__file__).parent.parent
TEMPLATE: Final = ROOT / "deploy" / "scanner.yaml"
STATE_MACHINE: Final = ROOT / "deploy" / "scan.asl.json"
_READS: Final = "the reads of `audit policy --part caller`"
_DEFINITION: Final = "deploy/scan.asl.json"


def current(template: str) -> str:
    """Return the template with its generated parts written again."""
    reads = tuple(one for one in statements(Part.CALLER, "") if one.sid != "AssumeRole")
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
    """Replace what is between the comments of that name. ValueError when the template has none."""
    pattern = re.compile(
        rf"(^ *# BEGIN GENERATED: {re.escape(name)}\n)(.*?)(^ *# END GENERATED\n)", re.MULTILINE | re.DOTALL
    )
    text = "".join(f"{line}\n" for line in lines)
    filled, count = pattern.subn(lambda match: match[1] + text + match[3], template)
    if count != 1:
        raise ValueError(f"{TEMPLATE.name} has {count} generated parts named {name}, not one.")
    return filled


def main() -> int:
    """Write the template."""
    TEMPLATE.write_text(current(TEMPLATE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
