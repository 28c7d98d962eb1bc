"""The manual page has every command and option, and troff reads it without complaint."""

import shutil
import subprocess

import pytest

from scanner.cli.commands import COMMANDS, loaded_command
from scripts import man_page


@pytest.fixture(scope="module")
def page() -> str:
    return man_page.content()


@pytest.mark.parametrize("name", [*COMMANDS, "run", "controls lint", "demo"])
def test_it_has_every_command(page: str, name: str) -> None:
    assert f".SS audit {man_page.escaped(name)}\n" in page


@pytest.mark.parametrize("name", COMMANDS)
def test_it_has_every_option(page: str, name: str) -> None:
    section = page.partition(f".SS audit {man_page.escaped(name)}\n")[2].partition("\n.SS ")[0]
    for parameter in loaded_command(name).params:
        if parameter.param_type_name == "option":
            assert all(man_page.escaped(option) in section for option in parameter.opts)


def test_it_is_the_committed_one(page: str) -> None:
    assert man_page.FILE.read_text("utf-8") == page
    assert man_page.ALIAS.read_text("utf-8") == man_page.alias()


@pytest.mark.parametrize(
    ("text", "shown"), [("a-b", r"a\-b"), (r"\[", r"\e["), (".x", r"\&.x"), ("'", r"\&'")]
)
def test_what_troff_would_obey_is_escaped(text: str, shown: str) -> None:
    assert man_page.escaped(text) == shown


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_troff_reads_it_without_a_warning(page: str) -> None:
    command = [f"{shutil.which('groff')}", "-man", "-ww", "-Tutf8", "-z"]
    done = subprocess.run(command, input=page, capture_output=True, text=True, check=True)
    assert done.stderr == ""
