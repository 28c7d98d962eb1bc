"""SIGTERM and SIGHUP end a command as Ctrl-C does: files are finished, and how to resume is printed."""

import os
import signal
from types import FrameType
from typing import Final

_ENDING: Final = ("SIGTERM", "SIGHUP")
_SIGNAL_EXIT: Final = 128

_received: list[int] = []


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
