"""What commands load: `--help` and lists are typed often, and need none of the heavy libraries."""

import subprocess
import sys

import pytest

from scanner.cli.commands import COMMANDS, NEW_OBJECTS, LazyCommand, loaded_command

LOADED = """
import sys
from scanner.cli import main
sys.argv = ["audit", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print(" ".join(sorted(sys.modules)), file=sys.stderr)
"""
HEAVY = frozenset(
    {"boto3", "botocore", "duckdb", "jinja2", "networkx", "pyarrow", "pydantic", "weasyprint", "yaml"}
)


def loaded(*words: str) -> frozenset[str]:
    done = subprocess.run([sys.executable, "-c", LOADED, *words], capture_output=True, text=True, check=True)
    return frozenset(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("word", ["--version", "--help"])
def test_help_loads_no_heavy_library(word: str) -> None:
    assert not loaded(word) & HEAVY


@pytest.mark.parametrize("command", ["run", "collect", "evaluate", "status", "controls"])
def test_help_of_a_command_loads_what_typer_needs_and_no_more(command: str) -> None:
    assert not loaded(command, "--help") & (HEAVY - {"pydantic"})


@pytest.mark.parametrize(("name", "command"), COMMANDS.items())
def test_the_list_says_what_a_command_says_of_itself(name: str, command: LazyCommand) -> None:
    text = loaded_command(name).help
    assert " ".join(text.partition("\n\n")[0].split()) == command.help


def test_the_version_is_printed_without_rich() -> None:
    assert "rich" not in loaded("--version")


def test_the_command_looks_for_garbage_less_often_than_python() -> None:
    source = LOADED.replace("print(", "import gc; print(gc.get_threshold()[0], ")
    done = subprocess.run(
        [sys.executable, "-c", source, "--version"], capture_output=True, text=True, check=True
    )
    assert done.stderr.split()[0] == str(NEW_OBJECTS)


def test_a_list_of_controls_loads_no_database() -> None:
    loaded("controls", "list")  # fills the cache, where it is empty
    assert not loaded("controls", "list") & (HEAVY - {"pydantic", "yaml"})


def test_collecting_loads_nothing_that_judges_or_reports() -> None:
    modules = loaded_by("from scanner.cli import collect_actions")
    assert not modules & {"duckdb", "jinja2", "networkx", "pyarrow", "weasyprint"}
    rooms = ("scanner.report.view.view", "scanner.graph", "scanner.facts", "scanner.evaluate")
    assert not {name for name in modules if name.startswith(rooms)}


def test_judging_loads_no_client_of_aws() -> None:
    assert not loaded_by("from scanner.cli import judge_actions") & {"boto3", "botocore"}


def loaded_by(statement: str) -> frozenset[str]:
    source = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    return frozenset(done.stdout.split())
