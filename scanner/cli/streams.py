"""Standard streams as cron leaves them: closed, or without a reader."""

import errno
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final

from scanner.cli.logs import say

_LOST: Final = frozenset({errno.EPIPE, errno.EIO, errno.ENOSPC, errno.EBADF, errno.ENXIO})
_ENDING: Final = ("SIGTERM", "SIGHUP")
_SIGNAL_EXIT: Final = 128
_received: list[int] = []


def open_missing_streams() -> None:
    """Open /dev/null for standard streams that are closed, so that no file of a scan gets their number."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
        if getattr(sys, name) is None:
            stream = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 -- as long as the program
            setattr(sys, name, stream)


def discard_stdout() -> None:
    """Have whatever is still written to standard output vanish."""
    null = os.open(os.devnull, os.O_WRONLY)
    with suppress(OSError, ValueError):
        os.dup2(null, sys.stdout.fileno())
    os.close(null)


@contextmanager
def losing_output() -> Iterator[None]:
    """Print in the block what is nice to have: a stream without a reader does not end the command.

    A scan that is judged and stored must not fail, or end with another exit code, because its summary could
    not be printed.
    """
    try:
        yield
        sys.stdout.flush()
    except SystemExit:  # rich ends the program when the reader is gone (Console.on_broken_pipe)
        discard_stdout()
    except OSError as problem:
        if problem.errno not in _LOST:
            raise
        discard_stdout()
        if problem.errno == errno.ENOSPC:
            say(f"warning: the summary could not be printed: {problem.strerror}.")


def flush_at_exit() -> None:
    """Write what standard output still holds, or discard it: Python would end with 120 where it cannot."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, stream.fileno())
                os.close(null)


def handle_termination() -> None:
    """Raise KeyboardInterrupt on SIGTERM and SIGHUP. One that is ignored (`nohup`) stays ignored."""
    for name in _ENDING:
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _interrupt)


def exit_code() -> int:
    """Return the exit code of an interrupted command: 128 and the number of the signal, as a shell counts."""
    return _SIGNAL_EXIT + (_received[0] if _received else signal.SIGINT)


_pid: Final = os.getpid()


def _interrupt(number: int, _frame: FrameType | None) -> None:
    if os.getpid() != _pid:  # a child that was forked off: it has nothing to finish
        os._exit(_SIGNAL_EXIT + number)
    _received.append(number)
    raise KeyboardInterrupt
