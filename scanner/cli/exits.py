"""Exit codes and error messages: one sentence on stderr, and a traceback only for internal errors.

`help/codes.py` has the table of the codes.
"""

import errno
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

from scanner.cli.logs import say, say_exception
from scanner.errors import CredentialsError, EndpointError, OutputError, UsageError, VaultproofError
from scanner.model.finding import Severity
from scanner.model.known import LEFT_OUT

if TYPE_CHECKING:
    from scanner.report.view.view import View


BROKEN: Final = 1
INCOMPLETE: Final = 4
FINDINGS: Final = 10
INTERRUPTED: Final = 130
JOURNAL: Final = "journal.jsonl"
_LOST: Final = frozenset({errno.EPIPE, errno.EIO, errno.ENOSPC, errno.EBADF, errno.ENXIO})
_QUERY_INTERRUPTED: Final = "Query interrupted"
"""What DuckDB raises in place of KeyboardInterrupt if Ctrl-C ends one of its statements."""
_FREE_SPACE: Final = "Free some space, or write to another folder or file."
_OPEN_FILES: Final = "Close other programs, or raise the limit of open files with `ulimit -n`."
_UNUSABLE: Final = {
    errno.ENOSPC: _FREE_SPACE,
    errno.EDQUOT: _FREE_SPACE,
    errno.EROFS: "Write to another folder or file.",
    errno.EFBIG: "Write to another file system, or raise the limit of file sizes with `ulimit -f`.",
    errno.EMFILE: _OPEN_FILES,
    errno.ENFILE: _OPEN_FILES,
    errno.EIO: "Check the disk, or write to another folder or file.",
}
"""Errors of a disk, or limits of the machine, that any file that is written may meet, with what to do."""
_NO_NAME: Final = frozenset({errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY})
"""Errors of a path that cannot be what the user means."""
_SHOWN: Final = 100
_ENDING: Final = ("SIGTERM", "SIGHUP")
_SIGNAL_EXIT: Final = 128
_FOLDERS: Final = frozenset({"TMPDIR", "SQLITE_TMPDIR"})
_PREFIXES: Final = ("VAULTPROOF_", "AWS_")
"""The environment variables that name files, or options."""
_received: list[int] = []


def guarded(command: Callable[[], int]) -> int:
    """Run a command, and return its exit code; every error becomes a message on stderr."""
    try:
        # Flushed inside: a full disk or a closed pipe shows only when buffers are written.
        return _flushed(command())
    except VaultproofError as problem:
        say(" ".join([f"error: {problem}", *_notes(problem)]))
        return problem.exit_code
    except BrokenPipeError:  # the reader has closed the pipe: `audit query ... | head`
        discard_stdout()
        return 0
    except KeyboardInterrupt as problem:
        sentence = str(problem) or "Interrupted. Collected evidence is kept on disk."
        say(" ".join([sentence, *_notes(problem)]))
        return exit_code()
    except Exception as problem:  # noqa: BLE001 -- any other exception is an internal error
        return _unexpected(problem)


def _flushed(code: int) -> int:
    """Return an exit code after writing what is still buffered, which may fail."""
    sys.stdout.flush()
    return code


def _unexpected(problem: Exception) -> int:
    """Report an exception that no room foresaw: a disk that is full or lost, or an internal error."""
    # A descriptor that is not open: standard output was closed by the caller (`>&-`).
    if isinstance(problem, OSError) and problem.errno == errno.EBADF:
        say("error: Standard output is closed, and what the command prints is lost: redirect it to a file.")
        return OutputError.exit_code
    if isinstance(problem, OSError) and problem.errno in _UNUSABLE:
        what = f"{problem.filename or 'The output'} could not be written: {problem.strerror}."
        say(f"error: {what} {_UNUSABLE[problem.errno]}")
        return OutputError.exit_code
    if isinstance(problem, OSError) and problem.errno in _NO_NAME:
        say(f"error: {str(problem.filename or 'A path')[:_SHOWN]}: {problem.strerror}. Name another path.")
        return UsageError.exit_code
    # DuckDB swallows KeyboardInterrupt, and raises its own error instead.
    if isinstance(problem, RuntimeError) and str(problem) == _QUERY_INTERRUPTED:
        say("Interrupted.")
        return exit_code()
    say_exception("internal error (please report it with the lines above)", problem)
    return BROKEN


def check_text(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """Check that the command line, the environment and the current folder are valid UTF-8.

    UsageError: one is not. Arrow and DuckDB cannot open a file with such a name, and no report can show it.
    """
    named = {f"The argument {_bytes(argument)}": argument for argument in arguments}
    named |= {
        f"The environment variable {name}": value  # without its value, which may be a credential
        for name, value in environment.items()
        if name in _FOLDERS or name.startswith(_PREFIXES)
    }
    with suppress(OSError):  # the current folder was removed
        named[f"The name of the current folder, {_bytes(str(Path.cwd()))},"] = str(Path.cwd())
    for what, text in named.items():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise UsageError(
                f"{what} is not valid UTF-8. Rename the file or folder, or correct it."
            ) from None


def _bytes(text: str) -> str:
    r"""Return a text as bytes are written: '/tmp/\xff'."""
    return repr(text.encode(errors="surrogateescape"))[1:]


def _notes(problem: BaseException) -> list[str]:
    notes: list[str] = getattr(problem, "__notes__", [])
    return notes


@contextmanager
def advising_to_resume(command: str, folder: Path, controls: Sequence[str] = ()) -> Iterator[None]:
    """Add the resume command to an error that leaves a scan unfinished."""
    try:
        yield
    except (KeyboardInterrupt, OutputError, EndpointError, CredentialsError) as problem:
        # Without a journal nothing was started, so there is nothing to resume.
        if (folder / JOURNAL).exists():
            problem.add_note(f"Resume with: {resume_command(command, folder, controls)}")
        raise


def resume_command(command: str, folder: Path, controls: Sequence[str] = ()) -> str:
    """Return the command that resumes a scan, with its values of --controls."""
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
    """Return the exit code of an evaluated scan: the first that applies, in the order of the README's table.

    `has_unread_account`: an account in scope could not be read at all, and the user does not allow that.
    """
    # A control that broke says nothing, so it outweighs every other code.
    if view.counts.error:
        return BROKEN
    if has_unread_account:
        return INCOMPLETE
    if require_complete and view.scan.gaps:
        return INCOMPLETE
    # Data that was left out on purpose is as unknown as data that was refused.
    if fail_on_unknown and (view.counts.unknown or any(gap.code == LEFT_OUT for gap in view.scan.gaps)):
        return INCOMPLETE
    return FINDINGS if fail_on is not None and _any_at(view, fail_on) else 0


def _any_at(view: "View", severity: Severity) -> bool:
    return any(number for failed, number in view.failures if failed.rank <= severity.rank)


def open_missing_streams() -> None:
    """Open /dev/null for closed standard streams, so that no file of a scan gets their descriptor.

    Writing to a standard output that was closed is an error: commands whose result it is must not end with 0.
    """
    # In this order: a new descriptor is the lowest free number.
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            # Read-only for standard output, so that writing to it fails rather than vanishes.
            null = os.open(os.devnull, os.O_RDONLY if number == 1 else os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
        if getattr(sys, name) is None:
            stream = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 -- as long as the program
            setattr(sys, name, stream)


def discard_stdout() -> None:
    """Redirect standard output to /dev/null."""
    # Python flushes standard output again at exit, and would print an error of its own.
    null = os.open(os.devnull, os.O_WRONLY)
    with suppress(OSError, ValueError):
        os.dup2(null, sys.stdout.fileno())
    os.close(null)


@contextmanager
def losing_output() -> Iterator[None]:
    """Ignore a lost standard output in the block, whose output is optional.

    A scan that is evaluated and stored must not fail, or change its exit code, because its summary cannot be
    printed.
    """
    try:
        yield
        sys.stdout.flush()
    except SystemExit:  # rich exits when the reader is gone (Console.on_broken_pipe)
        discard_stdout()
    except OSError as problem:
        if problem.errno not in _LOST:
            raise
        discard_stdout()
        # A closed pipe is the reader's choice; a full disk is worth a warning.
        if problem.errno == errno.ENOSPC:
            say(f"warning: the summary could not be printed: {problem.strerror}.")


def flush_at_exit() -> None:
    """Flush or discard standard output: where Python cannot flush it at exit, the exit code is 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, stream.fileno())
                os.close(null)


def handle_termination() -> None:
    """Raise KeyboardInterrupt on SIGTERM and SIGHUP. Ignored ones (`nohup`) stay ignored."""
    for name in _ENDING:
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        # SIG_DFL only: a handler of the caller, or `nohup`, has its reasons.
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _interrupt)


def exit_code() -> int:
    """Return the exit code of an interrupted command: 128 plus the number of the signal, as in shells."""
    return _SIGNAL_EXIT + (_received[0] if _received else signal.SIGINT)


_pid: Final = os.getpid()


def _interrupt(number: int, _frame: FrameType | None) -> None:
    if os.getpid() != _pid:  # a forked child has nothing to clean up
        os._exit(_SIGNAL_EXIT + number)
    _received.append(number)
    raise KeyboardInterrupt
