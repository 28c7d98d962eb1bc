"""The key of pseudonyms, from a file or new."""

from pathlib import Path
from typing import Final

from scanner.errors import UsageError
from scanner.report.redact import Pseudonyms, new_key

Key = Path | bool | None
"""`--redact-key`, else `--redact`."""

_MOST: Final = 4_096


def pseudonyms(key: Key) -> Pseudonyms | None:
    """Give pseudonyms of the key in a file, or (True) of a new one; None: nothing is redacted.

    Raises:
        UsageError: the file cannot be read, or holds too little or too much to be a key.
    """
    if key is None or key is False:
        return None
    if key is True:
        return Pseudonyms(new_key())
    try:
        with key.open("rb") as file:
            secret = file.read(_MOST + 1).strip()
    except OSError as problem:
        raise UsageError(f"{key} cannot be read: {problem.strerror or problem}.") from problem
    if len(secret) > _MOST:
        raise UsageError(f"{key} is not a key: it has more than {_MOST:,} bytes.")
    try:
        return Pseudonyms(secret)
    except ValueError as problem:
        raise UsageError(f"{key}: {problem}. Create one with: openssl rand -hex 32 > FILE") from problem
