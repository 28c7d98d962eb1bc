"""The units of systemd and the examples of docs/schedule.md are such that the programs take them."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from typer.main import get_command

from scanner.cli.commands import COMMANDS, audit, loaded_command

ROOT: Final = Path(__file__).parents[2]
ANALYZE: Final = shutil.which("systemd-analyze")
UNITS: Final = ROOT / "deploy" / "systemd"
GUIDE: Final = (ROOT / "docs" / "schedule.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


def commands() -> list[list[str]]:
    """The command lines of `audit` in units and examples."""
    service = (UNITS / "vaultproof.service").read_text(encoding="utf-8")
    text = "\n".join([service, *blocks("console"), *blocks("cron"), *blocks("yaml")])
    found = re.findall(r"(?:/bin/|\$ |run: |- )(?:audit|vaultproof) ((?:run|check) .*)", text)
    lines = [line.partition(" 2>>")[0].partition("  #")[0] for line in found]
    (task,) = map(json.loads, blocks("json"))
    return [*map(shlex.split, lines), task["containerDefinitions"][0]["command"]]


def test_the_options_of_all_examples_exist() -> None:
    group: Any = get_command(audit)
    examples = commands()
    assert len(examples) >= 7
    for command, *words in examples:
        parameters = (loaded_command(command) if command in COMMANDS else group.commands[command]).params
        known = {option for each in parameters for option in each.opts}
        assert {word for word in words if word.startswith("--")} <= known


def test_the_examples_in_yaml_can_be_read() -> None:
    workflow, build = map(yaml.safe_load, blocks("yaml"))
    assert workflow["permissions"]["id-token"] == "write"
    assert build["phases"]["build"]["commands"]


def test_the_table_names_every_exit_code() -> None:
    table = GUIDE.partition("## Exit codes")[2].partition("\n## ")[0]
    codes = {
        int(code) for cell in re.findall(r"^\| ([\d, ]+) \|", table, re.MULTILINE) for code in cell.split(",")
    }
    assert codes == {0, 1, 2, 3, 4, 5, 6, 10, 129, 130, 143}


@pytest.mark.skipif(ANALYZE is None, reason="there is no systemd here")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for unit in UNITS.iterdir():
        text = unit.read_text(encoding="utf-8").replace("/opt/vaultproof/bin/audit", "/bin/true")
        (tmp_path / unit.name).write_text(text)
    done = subprocess.run(
        [str(ANALYZE), "verify", "--man=no", *map(str, tmp_path.iterdir())],
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = [line for line in done.stderr.splitlines() if "vaultproof" in line]
    assert (done.returncode, complaints) == (0, [])
