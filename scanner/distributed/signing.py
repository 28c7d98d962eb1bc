"""Signing in AWS Lambda: with the key that the deployment has created, or that of audit.yaml."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Final

from scanner.app.judgement import Outcome
from scanner.app.signing import Signer, is_signed, kms_signer, manifest_sha256, time_stamper
from scanner.distributed.options import ScanRequest
from scanner.errors import UsageError

NOT_SIGNED: Final = "not_signed"
"""The key of an answer that says why a signature or a time stamp is missing."""

_LOG = logging.getLogger(__name__)


def signer_of(request: ScanRequest) -> Signer | None:
    """Return what signs the scan; None: neither the deployment nor audit.yaml names a key.

    Raises:
        UsageError: audit.yaml names a key file, or KMS refuses the key.
        CredentialsError, EndpointError: KMS cannot be called.
    """
    environment, settings = request.environment, request.settings.sign
    # The role of the function may use the key of the deployment; another one has to allow it.
    arn = environment.signing_key or settings.kms_key
    if not arn:
        if settings.key is not None:
            raise UsageError("sign.key of audit.yaml is a file: in AWS Lambda, set sign.kms_key instead.")
        return None
    url = environment.timestamp_url or settings.timestamp_url
    return replace(kms_signer(arn), stamp=time_stamper(url) if url else None)


def with_previous(signer: Signer | None, folder: Path | None) -> Signer | None:
    """Return the signer for a scan with a former one, whose manifest is in `folder`; None: there is none."""
    if signer is None or folder is None:
        return signer
    return replace(signer, previous_sha256=manifest_sha256(folder))


def signing_note(outcome: Outcome) -> dict[str, str]:
    """Return the note in an answer about a missing signature or time stamp; empty: nothing is missing."""
    if outcome.signing_problem is None:
        return {}
    _LOG.warning("The scan has no signature or no time stamp: %s", outcome.signing_problem)
    return {NOT_SIGNED: str(outcome.signing_problem)}


def check_signed(outcome: Outcome, folder: Path) -> None:
    """Raise the error that left a scan without signature, so that the step is tried again.

    A missing time stamp is no reason for that: the time goes on, and the authority may be away for long.
    """
    if outcome.signing_problem is not None and not is_signed(folder):
        raise outcome.signing_problem
