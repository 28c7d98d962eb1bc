"""`audit sign SCAN_DIR`: signs the manifest of a scan that exists. The signing options of other commands."""

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli import options
from scanner.cli.exits import guarded
from scanner.cli.logs import say
from scanner.cli.options import SigningOptions, Target
from scanner.cli.scan.destination import Destination, destination_of, fetched, published
from scanner.cli.scan.requests import settings_of
from scanner.errors import UsageError, VaultproofError
from scanner.evidence.manifest import NAME
from scanner.settings.settings import Settings
from scanner.storage.place import is_place

if TYPE_CHECKING:
    from scanner.app.signing import Signer

ScanOrBundle = Annotated[
    str, typer.Argument(metavar="SCAN_DIR", help="The folder of a scan or a bundle, or s3://BUCKET/PREFIX.")
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace the signature that the scan has.")]


def sign(  # noqa: PLR0913 -- the options of the contract
    scan: ScanOrBundle,
    *,
    sign_key: options.SignKey = None,
    sign_kms: options.SignKms = None,
    timestamp_url: options.TimestampUrl = None,
    previous: options.Previous = None,
    force: ForceOption = False,
    config: options.Config = None,
    profile: options.Profile = None,
    sse_kms_key: options.KmsKey = None,
    bucket_owner: options.BucketOwner = None,
    quiet: options.Quiet = False,
) -> None:
    """Sign the manifest of a scan, or add a time stamp to its signature.

    With --timestamp-url alone, only the time stamp is added.
    """
    chosen = SigningOptions(sign_key, sign_kms, timestamp_url, previous)
    target = Target(scan if is_place(scan) else None, kms_key=sse_kms_key, bucket_owner=bucket_owner)
    settings_file = config
    raise typer.Exit(
        guarded(lambda: _sign(scan, chosen, target, settings_file, profile, force=force, quiet=quiet))
    )


def _sign(  # noqa: PLR0913 -- as `sign`
    scan: str,
    chosen: SigningOptions,
    target: Target,
    config: Path | None,
    profile: str | None,
    *,
    force: bool,
    quiet: bool,
) -> int:
    from scanner.app.signing import check_scan, sign_scan, stamp_scan, time_stamper  # noqa: PLC0415 -- for --help

    settings = settings_of(config)
    goal = destination_of(target, Settings(), profile)
    chosen = with_signing_settings(chosen, settings)
    with fetched(scan, goal, whole=True) as folder:
        # Only a time stamp: the signature exists already, and its key is not needed.
        if chosen.key is None and chosen.kms_key is None and chosen.timestamp_url and not chosen.previous:
            stamp = time_stamper(chosen.timestamp_url)
            with published(goal, folder, [NAME], keep=True):
                stamp_scan(folder, stamp)
        else:
            signer = signer_of(chosen, goal, profile)
            if signer is None:
                raise UsageError("Name the key: --sign-key FILE or --sign-kms ARN, or `sign` in audit.yaml.")
            # Checked before signing: a signature must not cover changed files.
            check_scan(folder, force=force)
            # Only the manifest is uploaded, since nothing else changes.
            with published(goal, folder, [NAME], keep=True):
                sign_scan(folder, signer)
    if not quiet:
        say(f"{scan} is signed. Check it with: audit verify {scan}")
    return 0


def with_signing_settings(chosen: SigningOptions, settings: Settings) -> SigningOptions:
    """Add the section `sign` of audit.yaml. A key on the command line replaces the one there."""
    configured = settings.sign
    # Together: a key of audit.yaml must not join one of the command line.
    if chosen.key is None and chosen.kms_key is None:
        key = Path(configured.key) if configured.key else None
        chosen = replace(chosen, key=key, kms_key=configured.kms_key)
    return replace(chosen, timestamp_url=chosen.timestamp_url or configured.timestamp_url)


def signer_of(
    chosen: SigningOptions, goal: Destination, profile: str | None, since: Path | None = None
) -> "Signer | None":
    """Load the signing key, before a scan takes hours; None: the scan is not signed.

    `since`: the folder of the scan that --since names, which is the former one without --previous.

    Raises:
        UsageError: the options contradict each other, or the key cannot be used.
        CredentialsError, EndpointError: KMS cannot be called.
    """
    if chosen.key is not None and chosen.kms_key is not None:
        raise UsageError("--sign-key and --sign-kms cannot be combined: a scan has one signature.")
    if chosen.key is None and chosen.kms_key is None:
        if chosen.names:
            raise UsageError(f"{', '.join(chosen.names)} requires --sign-key or --sign-kms.")
        return None
    from scanner.app import signing  # noqa: PLC0415 -- most scans are not signed

    # Checked now, before a scan takes hours.
    stamp = signing.time_stamper(chosen.timestamp_url) if chosen.timestamp_url else None
    previous = _previous_sha256(chosen.previous, goal, since)
    if chosen.key is not None:
        signer = signing.key_file_signer(chosen.key, os.environ.get(signing.PASSWORD, ""))
    else:
        signer = signing.kms_signer(chosen.kms_key or "", profile)
    return replace(signer, stamp=stamp, previous_sha256=previous)


def signing_error(problem: VaultproofError) -> str:
    """Return the message about a complete scan without the signature or time stamp that was requested."""
    notes: list[str] = getattr(problem, "__notes__", [])
    advice = notes or ["The scan is complete, but not signed. Sign it with: audit sign SCAN_DIR"]
    return " ".join((f"error: {problem}", *advice))


def _previous_sha256(previous: str | None, goal: Destination, since: Path | None) -> str | None:
    from scanner.app.signing import manifest_sha256  # noqa: PLC0415 -- as above

    if previous is None:
        return None if since is None else manifest_sha256(since)
    with fetched(previous, goal, whole=False) as folder:
        return manifest_sha256(folder)
