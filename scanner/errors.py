"""Every error that this program raises on purpose, with its exit code.

    VaultproofError                    1   an internal error
    ├── UsageError                     2   the command line is wrong
    │   ├── ConfigurationError         2   audit.yaml or a control has mistakes; lists all of them
    │   └── CredentialsError           2   no credentials, or expired ones
    ├── EndpointError                  2   AWS (or AWS_ENDPOINT_URL) does not answer
    ├── EmptyScopeError                3   the scope contains no account or no Region
    ├── OutputError                    5   a requested output could not be written
    └── BundleError                    6   a bundle is missing, corrupt, or does not match its checksums

A message says what happened, where, and what to do. `scanner.cli` prints it in one line, without a
traceback, and defines the exit codes that are not errors (10 for findings at or above --fail-on, 130 for an
interruption).
"""

from dataclasses import dataclass
from typing import ClassVar


class VaultproofError(Exception):
    """The base class of all errors that are raised on purpose."""

    exit_code: ClassVar[int] = 1


class UsageError(VaultproofError):
    """The command line is wrong."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake in a file that a person wrote. `line` counts from 1; 0 means the file as a whole."""

    file: str
    line: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.message}" + (f" ({self.hint})" if self.hint else "")


class ConfigurationError(UsageError):
    """Mistakes in audit.yaml or controls: all of them, not only the first."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(str(mistake) for mistake in mistakes))


class CredentialsError(UsageError):
    """There are no credentials, or AWS rejects them as expired or invalid."""


class EndpointError(VaultproofError):
    """AWS cannot be reached: no network, a wrong AWS_ENDPOINT_URL, a proxy."""

    exit_code = 2


class EmptyScopeError(VaultproofError):
    """The scope, after its filters, contains no account or no Region."""

    exit_code = 3


class OutputError(VaultproofError):
    """An output could not be written: the disk is full, the PDF engine is missing."""

    exit_code = 5


class BundleError(VaultproofError):
    """An evidence bundle cannot be trusted: a malformed line, a wrong checksum, no manifest."""

    exit_code = 6
