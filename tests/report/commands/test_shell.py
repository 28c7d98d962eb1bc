"""Templates of commands: how they are split, and that no value can change what a command does."""

import shlex

import pytest

from scanner.report.commands.shell import Statement, filled, folded, is_safe, statements


def test_a_template_is_split_into_commands_and_comments() -> None:
    template = (
        "# first\n"
        "aws backup list-backup-plans   # of the account\n"
        "aws backup create-backup-vault --backup-vault-name main \\\n"
        "  --encryption-key-arn KEY_ARN\n"
        "aws iam create-role --assume-role-policy-document '{\n"
        '  "Version": "2012-10-17"}\'\n'
    )
    first, note, plans, vault, role = statements(template)
    assert first.comment == "first"
    assert note.comment == "of the account"
    assert plans.words == ("aws", "backup", "list-backup-plans")
    assert vault.words[3:] == ("--backup-vault-name", "main", "--encryption-key-arn", "KEY_ARN")
    assert role.words[-1] == '{\n  "Version": "2012-10-17"}'
    assert role.option("--assume-role-policy-document") == role.words[-1]
    assert role.option("--role-name") == ""


def test_a_quote_without_an_end_is_no_command() -> None:
    (only,) = statements("aws backup list-tags --resource-arn 'arn\n")
    assert only.words == ()


@pytest.mark.parametrize(
    "script", ["aws s3 ls && rm x", "aws s3 ls; rm x", "aws s3 ls $(id)", "aws s3 ls `id`", "cat << EOF"]
)
def test_scripts_are_not_filled(script: str) -> None:
    (only,) = statements(script.replace("; ", " ; "))
    assert not only.is_plain


def test_a_pipe_into_a_file_is_plain_and_keeps_its_operators() -> None:
    (only,) = statements("aws backup get-backup-plan --backup-plan-id PLAN_ID | jq 'del(.a)' > plan.json")
    assert only.is_plain
    line = filled(only.words, lambda text: text.replace("PLAN_ID", "p q"))
    assert line == "aws backup get-backup-plan --backup-plan-id 'p q' | jq 'del(.a)' > plan.json"


HOSTILE = (
    "'; rm -rf / #",
    "$(id)",
    "`id`",
    'a"b',
    "a\\",
    "--debug",
    "-x",
    "a b",
    "*",
    "~",
    "!x",
    "a,b=c",
    "{}",
)


@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_stays_within_its_word(value: str) -> None:
    query = '{"a": ["ROLE_ARN"], "ROLE_ARN": 1}'
    words = ("aws", "backup", "list-tags", "--resource-arn", "ROLE_ARN", "--query", query)
    line = filled(words, lambda text: text.replace("ROLE_ARN", value))
    parsed = shlex.split(line)
    assert "\n" not in line
    assert parsed[-1].startswith("{")
    assert parsed[3:-2] in (["--resource-arn", value], [f"--resource-arn={value}"])
    assert not any(word.startswith("-") for word in parsed[4:-2])


@pytest.mark.parametrize("value", ["a\nb", "a\x1bb", "a\u202eb", "file:///etc/passwd", "http://example.com"])
def test_values_that_end_a_line_or_name_a_file_to_load_are_not_safe(value: str) -> None:
    assert not is_safe(value)
    assert is_safe("arn:aws:s3:::bucket")


def test_a_statement_without_words_has_no_option() -> None:
    assert Statement("# x", comment="x").option("--x") == ""


def test_folded_commands_are_the_same_commands() -> None:
    comment = "# In account 1, eu-west-1: a comment that is long"
    command = """aws backup x --y '{"a": "b c"}' --z w | jq '.' > p"""
    page = folded(f"{comment}\n{command}", 24)
    lines = page.splitlines()
    assert [line for line in lines if line.startswith("# ")] == lines[:3]
    joined = page.replace("\\\n", " ").splitlines()[3:]
    assert [shlex.split(line) for line in joined] == [shlex.split(command)]
    assert max(len(line) for line in lines if "'" not in line) <= 24
