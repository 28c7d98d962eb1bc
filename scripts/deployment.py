"""Writes into deploy/scanner.yaml what other files of the repository define, between its GENERATED comments.

The policy for reading comes from what the collectors declare, the state machine from deploy/scan.asl.json.
A test fails when the template is not current.
"""

import re
import sys
from pathlib import Path
from typing import Final

from scanner.collect.permission_formats import yaml_statements
from scanner.collect.permissions import Part, statements

ROOT: Final = Path(__file__).parent.parent
TEMPLATE: Final = ROOT / "deploy" / "scanner.yaml"
STATE_MACHINE: Final = ROOT / "deploy" / "scan.asl.json"
_READS: Final = "the reads of `audit policy --part caller`"
_DEFINITION: Final = "deploy/scan.asl.json"


def current(template: str) -> str:
    """Return the template with its generated parts written again."""
    reads = tuple(one for one in statements(Part.CALLER, "") if one.sid != "AssumeRole")
    with_reads = _filled(template, _READS, yaml_statements(reads))
    if not STATE_MACHINE.exists():
        return with_reads
    return _filled(with_reads, _DEFINITION, _definition(STATE_MACHINE.read_text(encoding="utf-8")))


def _definition(text: str) -> tuple[str, ...]:
    return (
        "      DefinitionString: |",
        *(f"        {line}".rstrip() for line in text.splitlines()),
    )


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
