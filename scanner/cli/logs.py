"""Messages on stderr: sentences, or with --log-format lines with a time, as text or JSON.

Loggers below `scanner` log details (-v, --debug). Messages of commands go through `say` and appear at every
level. Only this program's own loggers are shown, since those of boto3 log signed requests. Text that looks
like a credential is replaced, and control characters are made visible.
"""

import json
import logging
import os
import re
import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from scanner.report.wording import visible

NAME: Final = "scanner"
_SAY: Final = f"{NAME}.messages"
_LEVELS: Final = {"error": logging.ERROR, "warning": logging.WARNING, "note": logging.INFO}
_SECRETS: Final = (
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_ACCESS_KEY_ID",
    "VAULTPROOF_SIGN_KEY_PASSWORD",
)
_SHORTEST: Final = 8
_CREDENTIAL: Final = re.compile(
    r"\b(?:AKIA|ASIA)[A-Z0-9]{12,124}\b"
    r"|(?i:(?<=Signature=)[0-9a-f]{16,}"
    r"|(?<=secretaccesskey)[\"'=:\s>]+[A-Za-z0-9/+=]{16,}"
    r"|(?:(?<=sessiontoken)|(?<=security-token))[\"'=:\s>]+[A-Za-z0-9/+=%]{16,})"
)
_LINE: Final = re.compile(r"\n(?! )")
HIDDEN: Final = "[hidden]"


class LogFormat(StrEnum):
    """The format of lines on stderr."""

    TEXT = "text"
    JSON = "json"


def without_credentials(text: str) -> str:
    """Replace access keys, signatures, tokens, and secrets of the environment."""
    for name in _SECRETS:
        secret = os.environ.get(name, "")
        # Short values occur in ordinary words, which would be made unreadable.
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, HIDDEN)
    return _CREDENTIAL.sub(HIDDEN, text)


class _Sentences(logging.Formatter):
    """The message alone; errors and warnings say what they are by themselves."""

    def format(self, record: logging.LogRecord) -> str:
        return without_credentials(_trace(record) + _indented(record.getMessage()))


class _Text(logging.Formatter):
    """`2026-11-30T05:40:00.123Z WARNING message`."""

    def format(self, record: logging.LogRecord) -> str:
        line = f"{_time(record)} {record.levelname} {_indented(_plain(record))}"
        return without_credentials(_trace(record) + line)


class _Json(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        document: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _plain(record),
        }
        if record.exc_info:
            document["exception"] = self.formatException(record.exc_info)
        shown = {name: without_credentials(visible(str(value))) for name, value in document.items()}
        return json.dumps(shown, ensure_ascii=False)


def _trace(record: logging.LogRecord) -> str:
    return f"{visible(logging.Formatter().formatException(record.exc_info))}\n" if record.exc_info else ""


def _indented(message: str) -> str:
    """Make control characters visible, and indent all lines but the first: no name can fake a message."""
    return _LINE.sub("\n  ", visible(message))


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(record: logging.LogRecord) -> str:
    """Return the message without the level that it begins with."""
    message = record.getMessage()
    # Only if the word is the level of the record: other messages may have a colon, too.
    start, colon, rest = message.partition(": ")
    return rest if colon and _LEVELS.get(start) == record.levelno else message


class _Stderr(logging.Handler):
    """Writes to the stderr of the moment. One that is closed, full or gone is no reason to stop a scan."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()
        # Without stderr there is nowhere to report that stderr is missing.
        except (OSError, ValueError, AttributeError):
            pass


_handler: Final = _Stderr()
_handler.setFormatter(_Sentences())
logging.getLogger(NAME).addHandler(_handler)
logging.getLogger(_SAY).setLevel(logging.INFO)


def configure(log_format: LogFormat | None, *, verbose: bool = False, debug: bool = False) -> None:
    """Choose the form of lines on stderr, and how many details are shown. Details come with their time."""
    level = logging.DEBUG if debug else logging.INFO if verbose else logging.WARNING
    logging.getLogger(NAME).setLevel(level)
    # Lines of several threads overlap, so each has its time.
    if log_format is None:
        log_format = LogFormat.TEXT if verbose or debug else None
    formatters = {None: _Sentences, LogFormat.TEXT: _Text, LogFormat.JSON: _Json}
    _handler.setFormatter(formatters[log_format]())


def has_lines() -> bool:
    """Whether stderr has one line for each event: no bar is drawn."""
    return not isinstance(_handler.formatter, _Sentences)


def say(text: str) -> None:
    """Write a sentence to stderr, whatever details are shown. It may begin with its level (`warning: `)."""
    level = _LEVELS.get(text.partition(": ")[0], logging.INFO)
    logging.getLogger(_SAY).log(level, "%s", text)


def say_exception(text: str, problem: Exception) -> None:
    """Write a sentence and the traceback of an exception."""
    logging.getLogger(_SAY).error("%s", text, exc_info=problem)
