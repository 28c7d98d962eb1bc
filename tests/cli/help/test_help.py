"""The help of every command: nothing is cut, and everything that a command knows is in it."""

import re
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from scanner import errors
from scanner.cli.commands import COMMANDS, audit, loaded_command
from scanner.cli.help.codes import EXIT_CODES, codes_of
from scanner.cli.help.pages import paragraphs, plain

NARROW = {"COLUMNS": "80", "TERMINAL_WIDTH": "80"}
GROUP: Any = get_command(audit)
NAMES: list[tuple[str, ...]] = [
    ("run",),
    ("collect",),
    ("evaluate",),
    ("report",),
    *((name,) for name in COMMANDS),
]
NAMES += [("controls",), *(("controls", name) for name in GROUP.commands["controls"].commands)]


def help_of(*words: str, option: str = "--help") -> str:
    done = CliRunner().invoke(audit, [*words, option], env=NARROW)
    assert done.exit_code == 0
    return done.stdout


def command_of(words: tuple[str, ...]) -> Any:
    first, *rest = words
    command = loaded_command(first) if first in COMMANDS else GROUP.commands[first]
    for word in rest:
        command = command.commands[word]
    return command


@pytest.mark.parametrize("words", [(), *NAMES], ids=" ".join)
def test_the_help_is_not_cut_at_80_columns(words: tuple[str, ...]) -> None:
    text = help_of(*words)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("words", NAMES, ids=" ".join)
def test_the_help_names_every_option_and_its_variable(words: tuple[str, ...]) -> None:
    command = command_of(words)
    text = " ".join(help_of(*words).split())
    for parameter in command.params:
        if parameter.param_type_name == "option":
            assert all(option in text for option in parameter.opts)
            if isinstance(parameter.envvar, str):
                assert parameter.envvar in text


@pytest.mark.parametrize("words", NAMES, ids=" ".join)
def test_the_help_has_exit_codes(words: tuple[str, ...]) -> None:
    section = help_of(*words).partition("\nExit codes\n")[2]
    shown = {int(code) for code in re.findall(r"^  (\d+) ", section, re.MULTILINE)}
    assert shown == {code.code for code in codes_of(" ".join(words))}


def test_the_program_lists_codes_and_variables() -> None:
    text = help_of()
    assert "VAULTPROOF_SIGN_KEY_PASSWORD" in text
    assert "\nEnvironment\n" in text


def test_every_exit_code_of_an_error_is_in_the_table() -> None:
    def tree(root: type[errors.VaultproofError]) -> set[int]:
        return {root.exit_code}.union(*map(tree, root.__subclasses__()))

    assert tree(errors.VaultproofError) | {0, 4, 10, 130} == {code.code for code in EXIT_CODES}


def test_every_command_of_the_table_exists() -> None:
    named = {command for code in EXIT_CODES for command in code.commands}
    assert named <= {*COMMANDS, *GROUP.commands, "demo"}


def test_short_options_work() -> None:
    assert help_of("run", option="-h") == help_of("run")
    assert CliRunner().invoke(audit, ["-V"]).stdout.startswith("vaultproof ")


@pytest.mark.parametrize(
    ("words", "suggestion"),
    [(["expalin"], "explain"), (["run", "--regoin", "x"], "--region"), (["controls", "lst"], "list")],
)
def test_a_mistyped_word_suggests_the_right_one(words: list[str], suggestion: str) -> None:
    done = CliRunner().invoke(audit, words, env=NARROW)
    assert done.exit_code == 2
    assert suggestion in done.stderr


@pytest.mark.parametrize(
    ("line", "candidates"),
    [
        ("audit expl", {"explain"}),
        ("audit explain --for", {"--format"}),
        ("audit run --fail-on cr", {"critical"}),
    ],
)
def test_a_shell_completes_commands_options_and_values(line: str, candidates: set[str]) -> None:
    words = line.split(" ")
    variables = {
        "_AUDIT_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    done = CliRunner().invoke(audit, [], env=variables, prog_name="audit")
    assert candidates <= set(done.stdout.split())


def test_texts_are_shown_without_markup() -> None:
    assert plain(r"A [bold]key[/] \[none]") == "A key [none]"
    assert paragraphs("One\nline.\n\n  Another.") == ("One line.", "Another.")
