"""What all groups of backup calls share: typed access to parameters and to the backend."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from moto.backup.exceptions import InvalidParameterValueException
from moto.backup.responses import BackupResponse

from scanner.demo.backup.backend import DemoBackupBackend, backend_of


class Operations(BackupResponse):
    """A group of calls; parameters are read by the names of the API's model."""

    def __init__(self) -> None:
        super().__init__()
        # Moto then parses a request by botocore's model, with the API's own names.
        self.automated_parameter_parsing = True

    @property
    def backend(self) -> DemoBackupBackend:
        """The backend of the caller's account and Region."""
        return backend_of(self.current_account, self.region)


def answer(document: Mapping[str, Any]) -> str:
    """The JSON text of an answer: moments as seconds since 1970, and nothing that has no value."""
    return json.dumps(_without_none(document), default=_seconds)


def check_name(name: str, pattern: str) -> str:
    """The name, where it is one that AWS Backup takes. Raises InvalidParameterValueException."""
    if not re.fullmatch(pattern, name):
        raise InvalidParameterValueException(msg=f"{name} does not match {pattern}")
    return name


def _without_none(value: object) -> object:
    if isinstance(value, Mapping):
        # AWS leaves out what has no value; null in an answer would be read as another type.
        return {key: _without_none(element) for key, element in value.items() if element is not None}
    return [_without_none(element) for element in value] if isinstance(value, list) else value


def _seconds(value: object) -> float:
    if isinstance(value, datetime):
        return value.timestamp()
    raise TypeError(f"{value!r} has no place in an answer of AWS Backup")
