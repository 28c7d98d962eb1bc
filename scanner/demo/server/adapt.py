"""What is changed in moto itself, once a process; doing it again changes nothing."""

import os
from typing import Any

from moto.kms import models as kms_models
from moto.kms.utils import generate_private_key
from moto.organizations.models import FakeDelegatedAdministrator

from scanner.demo import clock
from scanner.demo.backup import backend

_BACKUP = "backup.amazonaws.com"
_SYMMETRIC = "SYMMETRIC_DEFAULT"


def adapt_moto() -> None:
    """Install our backup backend and clock in moto, and remove slow features that the demo does not need."""
    backend.install()
    clock.take_over()
    _know_backup()
    vars(kms_models)["generate_private_key"] = _private_key
    # A quarter of a second for each account and Region, for images that nobody asks for.
    os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"


def _know_backup() -> None:
    """Moto does not know that AWS Backup can have a delegated administrator."""
    known = FakeDelegatedAdministrator.SUPPORTED_SERVICES
    if _BACKUP not in known:
        known.append(_BACKUP)


def _private_key(key_spec: str) -> Any:  # noqa: ANN401 - moto's own private key
    """Moto makes an RSA key pair even for a symmetric key, which has none."""
    return None if key_spec == _SYMMETRIC else generate_private_key(key_spec)
