"""The commands of a finding, written so that they can be pasted: what must be run first comes first."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from scanner.model.root_causes import RootCause
from scanner.report.cause_wording import cause_sentence
from scanner.report.commands.kinds import KINDS, POLICY_MADE
from scanner.report.commands.shell import Statement, filled, statements
from scanner.report.commands.structures import Place, Structures
from scanner.report.commands.values import (
    Failure,
    Values,
    is_of_organization,
    values_of,
    values_of_cause,
)

_PLACE: Final = re.compile(r"In account (?P<account>[^\s,]+)(?:, (?P<region>[^\s,]+))?:$")
"""The comment of a template that says where the commands below it are run."""

# Global services: --region would be without effect, and would mislead.
_WITHOUT_REGION: Final = frozenset(("iam", "organizations", "sts"))
_CHANGES_PLAN: Final = ("update-backup-plan", "create-backup-selection", "delete-backup-selection")

_MARKS: Final[Mapping[tuple[str, str], str]] = {
    ("backup", "delete-recovery-point"): "This cannot be undone.",
    ("backup", "put-backup-vault-access-policy"): (
        "This replaces the policy of the vault. Add the statements that must stay: "
        "`aws backup get-backup-vault-access-policy` shows them."
    ),
    ("backup", "put-backup-vault-notifications"): "This replaces the notifications of the vault.",
    ("backup", "update-backup-plan"): "This replaces the plan: plan.json must have all its rules.",
    ("backup", "create-logically-air-gapped-backup-vault"): (
        "This cannot be undone: the limits of retention of such a vault can never be changed."
    ),
    ("backup", "put-backup-vault-lock-configuration"): (
        "Jobs with a retention outside these limits fail. This is governance mode, which can be removed."
    ),
    ("iam", "update-assume-role-policy"): "This replaces the trust policy of the role.",
    ("kms", "put-key-policy"): "This replaces the policy of the key.",
    ("organizations", "move-account"): "This changes which policies apply to the account.",
    ("organizations", "update-policy"): "This changes the plans of every account that the policy applies to.",
    ("s3api", "put-bucket-versioning"): "Versioning can later be suspended, but not turned off.",
}
"""What a user must know before a command changes more than it says, or cannot be undone."""

_COMPLIANCE: Final = "--changeable-for-days"
_PREPARED: Final = "# A lock in compliance mode can never be removed, not even by AWS: prepare it by hand."
_CHECKS_ONLY: Final = "# --dry-run only checks the permissions: run it again without."
_OF_COPIES: Final = ("copy-", "rule-retention-")
"""How the controls start that check links of a copy: when the link holds, the copy needs no other."""

_DRY_RUN: Final = "ec2"
"""The service whose commands have --dry-run."""


def commands_of(
    failure: Failure, template: str, structures: Structures, templates: Mapping[str, str] | None = None
) -> str:
    """Return the commands of a failure, a line each; empty: there are none.

    `template`: those of its control, or its own. `templates`: those of all controls by id, among them that of
    the root cause.
    """
    cause = failure.root_cause
    first = ""
    if cause is not None and not is_its_own(failure, cause):
        first = cause_commands(failure, cause, structures, templates or {})
    # Where the cause is the failure itself, the commands of its kind are more exact than the control's.
    own = KINDS.get(cause.kind, template) if cause is not None and not first else template
    lines = written(own, values_of(failure, structures)) if own.strip() else ""
    if cause is None or not first:
        return lines
    what = f"{cause_sentence(cause)} ({cause.control})" if cause.control else cause_sentence(cause)
    # Commands of the control would add a second copy action: the mended one makes the copies.
    if cause.control.startswith(_OF_COPIES):
        lines = _comment("The copies are made at the next start of the rule. Then scan again.")
    then = f"{_comment(f'2. Then: {failure.control}')}\n{lines}" if lines else ""
    return f"{_comment(f'1. First: {what}')}\n{first}\n{then}".rstrip("\n")


def is_its_own(failure: Failure, cause: RootCause) -> bool:
    """Whether the control of a failure checks the cause itself."""
    return not (cause.control or cause.kind in KINDS) or cause.control == failure.control


def cause_commands(
    failure: Failure, cause: RootCause, structures: Structures, templates: Mapping[str, str]
) -> str:
    """Return the commands that mend the root cause of a failure; empty: there are none."""
    template = KINDS.get(cause.kind) or templates.get(cause.control, "")
    return written(template, values_of_cause(failure, cause, structures)) if template.strip() else ""


def written(template: str, values: Values) -> str:
    """Return the commands of a template, a line each, with what to know before each."""
    if is_of_organization(values.names.get("PLAN_ID", "")) and any(
        word in template for word in _CHANGES_PLAN
    ):
        # AWS Backup refuses changes of such a plan in the member account.
        template = POLICY_MADE
    lines: list[str] = []
    has_place = False
    for statement, place in _placed(template):
        if place is not None:
            values.place = (values.fill(place[0]), values.fill(place[1]))
            lines += [*_hints(values), _place(values.place)]
            has_place = True
            continue
        # Pasted into the wrong account, a command would change something else.
        if not has_place and statement.words and any(values.place):
            lines.append(_place(values.place))
            has_place = True
        lines += _statement(statement, values)
    return "\n".join(lines)


@lru_cache(maxsize=1_024)
def _placed(template: str) -> tuple[tuple[Statement, Place | None], ...]:
    """Return the statements of a template; with the place of those that name one."""
    matches = ((statement, _PLACE.match(statement.comment)) for statement in statements(template))
    return tuple(
        (statement, None if match is None else (match["account"], match["region"] or ""))
        for statement, match in matches
    )


@lru_cache(maxsize=8_192)
def _place(place: Place) -> str:
    account, region = place
    return _comment(f"In account {account}, {region}:" if region else f"In account {account}:")


@lru_cache(maxsize=8_192)
def _comment(text: str) -> str:
    """Return a text as a comment of one line: what a scan recorded must not begin a line of its own."""
    return f"# {' '.join(''.join(filter(str.isprintable, text.replace(chr(10), ' '))).split())}"


def _statement(statement: Statement, values: Values) -> Iterator[str]:
    if not statement.words:
        comment = _comment(values.fill(statement.comment))
        yield from _hints(values)
        yield comment
        return
    command = _command(statement, values.place[1])
    line = filled(command.words, values.fill)
    # After filling and before the command: only filling shows which placeholders are left.
    yield from _hints(values)
    yield from command.notes
    if line:
        yield line


@dataclass(frozen=True, slots=True)
class _Command:
    """A command before it is filled, and what to know before it. No words: only the notes are written."""

    words: tuple[str, ...]
    notes: tuple[str, ...] = ()


@lru_cache(maxsize=4_096)
def _command(statement: Statement, region: str) -> _Command:
    """Return a command as it is run in a Region; empty: in none."""
    # A value that is inserted into a loop or a substitution could change what the script does.
    if not statement.is_plain:
        return _Command((), tuple(statement.text.splitlines()))  # a control of the user may have any script
    # AWS Backup cannot remove such a lock after its cooling-off time: it must not be pasted by accident.
    if _COMPLIANCE in statement.words:
        return _Command((), (_PREPARED,))
    words = _with_options(statement, region)
    mark = _MARKS.get((words[1], words[2])) if len(words) > 2 else None  # noqa: PLR2004 -- aws SERVICE OPERATION
    notes = ([f"# {mark}"] if mark else []) + ([_CHECKS_ONLY] if "--dry-run" in words else [])
    return _Command(words, tuple(notes))


def _hints(values: Values) -> Iterator[str]:
    """Yield what to put for the placeholders that were just left, each once."""
    if not values.missing:
        return
    for name in values.missing:
        yield _comment(f"{name}: {values.hint(name)}")
    # Filled with itself from now on, so that a placeholder is explained once.
    values.names = {**values.names, **{name: name for name in values.missing}}
    values.missing.clear()


def _with_options(statement: Statement, region: str) -> tuple[str, ...]:
    """Return the words of a command with the Region to be in, and --dry-run where there is one."""
    words = statement.words
    if words[0] != "aws" or len(words) < 3:  # noqa: PLR2004 -- aws SERVICE OPERATION
        return words
    service, operation = words[1:3]
    # Options behind a redirection would become arguments of another program.
    end = next((at for at, word in enumerate(words) if word in {">", "|"}), len(words))
    added: list[str] = []
    if region and service not in _WITHOUT_REGION and "--region" not in words:
        added += ["--region", region]
    if service == _DRY_RUN and not operation.startswith("describe-") and "--dry-run" not in words:
        added.append("--dry-run")
    return (*words[:end], *added, *words[end:])
