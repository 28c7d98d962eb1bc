"""Every error that this program raises on purpose, and the exit code that each ends in.

    VaultproofError                    1   an error of the program itself
    ├── UsageError                     2   the command line is wrong
    │   ├── ConfigurationError         2   audit.yaml or a control has mistakes; carries all of them
    │   └── CredentialsError           2   no credentials, or expired ones
    ├── EndpointError                  2   AWS (or AWS_ENDPOINT_URL) does not answer
    ├── EmptyScopeError                3   the scope holds no account or no Region
    ├── OutputError                    5   a requested output could not be written
    └── BundleError                    6   a bundle is missing, corrupt, or not what its checksums say

A message says what happened, where, and what to do. `scanner.cli` prints it in one line, without a
traceback. Exit codes that are no error (10 for findings at or above --fail-on, 130 for an
interruption) are given by `scanner.cli`.
"""

from dataclasses import dataclass
from typing import ClassVar


class VaultproofError(Exception):
    """The root: catch this, and you catch all that is raised on purpose."""

    exit_code: ClassVar[int] = 1


class UsageError(VaultproofError):
    """The command line cannot be carried out as it stands."""

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
    """audit.yaml or controls with mistakes. All of them are carried, not just the first."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(str(mistake) for mistake in mistakes))


class CredentialsError(UsageError):
    """No credentials were found, or AWS says that they are expired or invalid."""


class EndpointError(VaultproofError):
    """The first call got no answer at all: no network, a wrong AWS_ENDPOINT_URL, a proxy."""

    exit_code = 2


class EmptyScopeError(VaultproofError):
    """The scope, after its filters, holds no account or no Region."""

    exit_code = 3


class OutputError(VaultproofError):
    """A requested output could not be made: the disk is full, the PDF engine is missing."""

    exit_code = 5


class BundleError(VaultproofError):
    """An evidence bundle cannot be trusted: a broken line, a wrong checksum, no manifest."""

    exit_code = 6
