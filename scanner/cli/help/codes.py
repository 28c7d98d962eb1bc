"""The exit codes: what each means, and which commands end with it."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class ExitCode:
    """An exit code. `commands`: those that end with it; empty: all."""

    code: int
    meaning: str
    commands: frozenset[str] = frozenset()


_SCANNING: Final = frozenset({"run", "collect", "demo"})
_READING: Final = frozenset(
    {"evaluate", "report", "explain", "blast-radius", "graph", "diff", "what-if", "fix", "notify", "verify"}
    | {"query", "sign", *_SCANNING}
)

EXIT_CODES: Final = (
    ExitCode(0, "Done."),
    ExitCode(1, "Internal error, or a control ended with an error, or a case of a control is wrong."),
    ExitCode(2, "Invalid usage or settings, no credentials, or AWS cannot be reached."),
    ExitCode(3, "Nothing is in scope.", _SCANNING | {"check"}),
    ExitCode(
        4,
        "An account could not be read at all; a read is missing, with --require-complete; a check is "
        "unknown, with --fail-on-unknown.",
        _SCANNING | {"evaluate"},
    ),
    ExitCode(4, "Something that a scan needs cannot be read.", frozenset({"check"})),
    ExitCode(4, "A change could not be judged.", frozenset({"what-if"})),
    ExitCode(5, "An output could not be written or sent: disk full, stdout closed, no PDF engine."),
    ExitCode(6, "The bundle or scan is missing, corrupt, or contradicts itself.", _READING),
    ExitCode(
        10,
        "Findings at or above --fail-on.",
        frozenset({"run", "evaluate", "diff", "what-if", "fix", "demo"}),
    ),
    ExitCode(130, "Interrupted by Ctrl-C; 129 and 143: by SIGHUP and SIGTERM."),
)


def codes_of(command: str) -> tuple[ExitCode, ...]:
    """Return the exit codes of a command, `run` or `controls list`; of "": all."""
    name = command.partition(" ")[0]
    return tuple(code for code in EXIT_CODES if not name or not code.commands or name in code.commands)
