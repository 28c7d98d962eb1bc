"""Exit codes, and how errors are told: one sentence on stderr, a traceback only for our own mistakes.

| code | when |
|---|---|
| 0 | done |
| 1 | an error of the program itself, or a control that broke |
| 2 | usage, configuration, credentials, an endpoint that does not answer |
| 3 | nothing in scope |
| 4 | an account in scope could not be read at all (`run` and `collect`, without --allow-partial) |
| 4 | --require-complete and a read is missing, or --fail-on-unknown and a result is unknown |
| 4 | `audit check`: something that a scan needs is missing |
| 5 | a requested output could not be made, or a notification could not be sent |
| 6 | a bundle is missing, corrupt, or not what its checksums say |
| 10 | findings at or above --fail-on; of `audit diff`: new ones |
| 130 | interrupted by Ctrl-C |
| 129, 143 | ended by SIGHUP or SIGTERM, as if interrupted |
"""

import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from scanner.cli.logs import say, say_exception
from scanner.cli.streams import discard_stdout, exit_code
from scanner.errors import CredentialsError, EndpointError, OutputError, VaultproofError
from scanner.model.finding import Severity
from scanner.model.reading import LEFT_OUT

if TYPE_CHECKING:
    from scanner.report.view.view import View

BROKEN: Final = 1
INCOMPLETE: Final = 4
FINDINGS: Final = 10
INTERRUPTED: Final = 130
JOURNAL: Final = "journal.jsonl"


def guarded(command: Callable[[], int]) -> int:
    """Carry a command out and give its exit code, whatever happens."""
    try:
        return command()
    except VaultproofError as problem:
        say(" ".join([f"error: {problem}", *_notes(problem)]))
        return problem.exit_code
    except BrokenPipeError:  # whoever read the output has seen enough: `audit query ... | head`
        discard_stdout()
        return 0
    except KeyboardInterrupt as problem:
        sentence = str(problem) or "Interrupted. Collected evidence is kept on disk."
        say(" ".join([sentence, *_notes(problem)]))
        return exit_code()
    except Exception as problem:  # noqa: BLE001 -- whatever it is, it is our mistake, and it is told as such
        say_exception("internal error (please report it with the lines above)", problem)
        return BROKEN


def _notes(problem: BaseException) -> list[str]:
    notes: list[str] = getattr(problem, "__notes__", [])
    return notes


@contextmanager
def advising_to_resume(command: str, folder: Path, controls: Sequence[str] = ()) -> Iterator[None]:
    """Note on an error that leaves a scan half done how it is gone on with."""
    try:
        yield
    except (KeyboardInterrupt, OutputError, EndpointError, CredentialsError) as problem:
        if (folder / JOURNAL).exists():
            problem.add_note(f"Resume with: {resume_command(command, folder, controls)}")
        raise


def resume_command(command: str, folder: Path, controls: Sequence[str] = ()) -> str:
    """Return the command that resumes a scan, with the words of --controls that it was begun with."""
    words = (f"--controls {shlex.quote(word)}" for word in controls)
    return " ".join((f"audit {command} --resume {folder}", *words))


def code_of(
    view: "View",
    *,
    fail_on: Severity | None,
    require_complete: bool,
    fail_on_unknown: bool,
    has_unread_account: bool = False,
) -> int:
    """Return the exit code of a judged scan: the first that applies, in the order of the contract.

    `has_unread_account`: nothing of an account in scope was read, and the user does not allow that.
    """
    if view.counts.error:
        return BROKEN
    if has_unread_account:
        return INCOMPLETE
    if require_complete and view.scan.gaps:
        return INCOMPLETE
    if fail_on_unknown and (view.counts.unknown or any(gap.code == LEFT_OUT for gap in view.scan.gaps)):
        return INCOMPLETE
    return FINDINGS if fail_on is not None and _any_at(view, fail_on) else 0


def _any_at(view: "View", severity: Severity) -> bool:
    return any(number for each, number in view.failures if each.rank <= severity.rank)
