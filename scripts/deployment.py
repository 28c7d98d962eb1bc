"""The parts of deploy/scanner.yaml between its GENERATED comments.

The policy for reading comes from the declared operations, the state machine from deploy/scan.asl.json.
"""

import json
import re
from pathlib import Path
from typing import Final

from scanner.collect.permissions import Part, statements, yaml_statements

ROOT: Final = Path(__file__).parent.parent
TEMPLATE: Final = ROOT / "deploy" / "scanner.yaml"
STATE_MACHINE: Final = ROOT / "deploy" / "scan.asl.json"
_READS: Final = "the reads of `audit policy --part caller`"
_DEFINITION: Final = "deploy/scan.asl.json"


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
