"""`audit verify`: check that a bundle or a scan is what its manifest says."""

import json
from contextlib import ExitStack
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.markup import escape
from rich.table import Table

from scanner.app.signing import read_key_file
from scanner.app.verification import Verification, verification_document
from scanner.app.verification import verify as verify_scan
from scanner.cli import options
from scanner.cli.console import Console, echo_json
from scanner.cli.exits import guarded
from scanner.cli.progress import wide_console
from scanner.cli.scan.destination import Destination, fetched
from scanner.errors import BundleError, UsageError
from scanner.evidence.keys import parse_public_key, public_key_of_der
from scanner.evidence.signature_checks import Trust
from scanner.evidence.verification import CheckResult
from scanner.report.wording import visible

_STYLES: Final = {
    CheckResult.OK: ("ok", "green"),
    CheckResult.FAILED: ("failed", "red"),
    CheckResult.MISSING: ("missing", "yellow"),
    CheckResult.NOT_CHECKED: ("not checked", "dim"),
}


class VerifyFormat(StrEnum):
    """The output format."""

    TABLE = "table"
    JSON = "json"


ScanArgument = Annotated[
    str,
    typer.Argument(metavar="SCAN|BUNDLE", help="The folder of a scan or a bundle, or s3://BUCKET/PREFIX."),
]
ChainOption = Annotated[
    list[str] | None,
    typer.Option("--chain", metavar="DIR", help="An earlier scan that this one is linked to (repeatable)."),
]
PublicKeyOption = Annotated[
    Path | None,
    typer.Option("--public-key", metavar="FILE", help="Verify the signature with this public key (PEM)."),
]
KmsOption = Annotated[
    str | None,
    typer.Option("--kms", metavar="ARN", help="Verify the signature with the public key of this KMS key."),
]
TsaRootOption = Annotated[
    Path | None,
    typer.Option(
        "--tsa-root", metavar="FILE", help="Verify the time stamp with these root certificates (PEM)."
    ),
]
RePerformOption = Annotated[
    bool,
    typer.Option("--re-perform", help="Evaluate the evidence again, and compare every finding."),
]
FormatOption = Annotated[VerifyFormat, typer.Option("--format", help="The output format.")]


def verify(  # noqa: PLR0913 -- the options of the contract
    scan: ScanArgument,
    *,
    public_key: PublicKeyOption = None,
    kms: KmsOption = None,
    tsa_root: TsaRootOption = None,
    chain: ChainOption = None,
    re_perform: RePerformOption = False,
    jobs: options.Jobs = None,
    format_: FormatOption = VerifyFormat.TABLE,
    profile: options.Profile = None,
    bucket_owner: options.BucketOwner = None,
) -> None:
    """Check the files of a scan or a bundle against its manifest, and what it says against its evidence.

    Exits 6 if a check fails. What could not be checked is reported as such. Nothing is written.
    """
    source = Destination(folder=None, bucket_owner=bucket_owner or "", profile=profile)

    def verified() -> int:
        # Keys are read before the scan is downloaded.
        trust = trust_of(public_key, kms, tsa_root, profile)
        # Copies in S3 are fetched for as long as they are compared, then removed.
        with ExitStack() as stack:
            # The whole scan: its evidence is what is verified.
            folder = stack.enter_context(fetched(scan, source, whole=True))
            earlier = [stack.enter_context(fetched(name, source, whole=False)) for name in chain or ()]
            result = verify_scan(folder, scan, trust=trust, chain=earlier, re_perform=re_perform, jobs=jobs)
        return show_verification(result, format_.value)

    raise typer.Exit(guarded(verified))


def trust_of(public_key: Path | None, kms: str | None, tsa_root: Path | None, profile: str | None) -> Trust:
    """Load the key and the certificates that signature and time stamp are verified with.

    Raises:
        UsageError: both keys are named, or a key or a file cannot be read.
        CredentialsError, EndpointError: KMS cannot be called.
    """
    if public_key is not None and kms is not None:
        raise UsageError("--public-key and --kms cannot be combined: a scan has one signature.")
    trust = Trust()
    if public_key is not None:
        key = parse_public_key(read_key_file(public_key), str(public_key))
        trust = Trust(key=key, key_source=str(public_key))
    if kms is not None:
        from scanner.storage.kms import kms_key  # noqa: PLC0415 -- loads the AWS client

        kms_public = kms_key(kms, profile)
        trust = Trust(key=public_key_of_der(kms_public.der, kms_public.arn), key_source=kms_public.arn)
    if tsa_root is None:
        return trust
    # An empty file still means that the user wants the time stamp verified, and so has to fail.
    return replace(trust, roots=read_key_file(tsa_root) or b"\n", roots_source=str(tsa_root))


def show_verification(verification: Verification, format_: str) -> int:
    """Print the checks. Returns 6 if one failed."""
    if format_ == "json":
        echo_json(json.dumps(verification_document(verification), indent=2, ensure_ascii=False))
    else:
        print_verification(verification, wide_console())
    return BundleError.exit_code if verification.has_failed else 0


def print_verification(verification: Verification, console: Console) -> None:
    """Print what was verified, a table of checks, and the conclusion."""
    manifest = verification.manifest_sha256 or "cannot be read"
    console.print(f"{escape(visible(verification.scan))}, manifest.json SHA-256 {manifest}", soft_wrap=True)
    console.print()
    table = Table(header_style="bold", pad_edge=False, box=None)
    table.add_column("check", no_wrap=True)
    table.add_column("result", no_wrap=True)
    table.add_column("detail", overflow="fold")
    for check in verification.checks:
        word, style = _STYLES[check.result]
        name = check.name.replace("_", " ")
        table.add_row(name, f"[{style}]{word}[/]", escape(visible(check.detail)))
    console.print(table)
    console.print()
    # Green only if the signature was verified: unchanged files do not show who wrote them.
    style = "red" if verification.has_failed else "green" if verification.has_verified_signature else "yellow"
    console.print(f"[{style}]{escape(verification.conclusion)}[/]", soft_wrap=True)
