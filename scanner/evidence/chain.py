"""The chain of signed scans: each names the SHA-256 of the manifest of the scan before it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from scanner.errors import BundleError
from scanner.evidence.attestation import signed_statement
from scanner.evidence.bundle import file_sha256
from scanner.evidence.manifest import NAME, read_document
from scanner.evidence.verification import Check, CheckResult

_NAME: Final = "chain"


def chain_check(folder: Path, earlier: Sequence[Path]) -> Check:
    """Check that the scans `earlier`, in any order, are those before a scan, without one left out."""
    try:
        previous = _previous(folder)
        if previous is None:
            # Anyone can remove a signature: a scan that was said to have an earlier one must name it.
            result = CheckResult.FAILED if earlier else CheckResult.MISSING
            return Check(_NAME, result, "The scan names no earlier one: it is not signed, or the first one.")
        if not earlier:
            detail = f"The scan before this one has the manifest {previous}. Name its folder with --chain."
            return Check(_NAME, CheckResult.NOT_CHECKED, detail)
        return _follow(previous, {file_sha256(scan / NAME): scan for scan in earlier})
    except BundleError as problem:
        return Check(_NAME, CheckResult.FAILED, str(problem))


def _follow(previous: str, scans: dict[str, Path]) -> Check:
    """Follow the chain through all scans. BundleError: a manifest is malformed."""
    number, next_sha256 = 0, previous
    while next_sha256 in scans:
        number += 1
        # Removed from the folders: those that are left at the end are not in the chain.
        following = _previous(scans.pop(next_sha256))
        if following is None:
            break
        next_sha256 = following
    else:
        if scans or not number:
            detail = f"None of the folders of --chain has the manifest {next_sha256}, which comes next."
            return Check(_NAME, CheckResult.FAILED, detail)
        detail = f"{_scans(number)} are linked. The scan before them has the manifest {next_sha256}."
        return Check(_NAME, CheckResult.OK, detail)
    if scans:
        unused = ", ".join(sorted(map(str, scans.values())))
        return Check(_NAME, CheckResult.FAILED, f"{unused}: not in the chain, which ends before.")
    return Check(_NAME, CheckResult.OK, f"{_scans(number)} are linked, up to the first one of the chain.")


def _scans(number: int) -> str:
    return f"This scan and {number:,} before it"


def _previous(scan: Path) -> str | None:
    """Return the SHA-256 of the manifest before a scan; None: it names none. BundleError: malformed."""
    document = read_document(scan)
    try:
        raw = (scan / NAME).read_bytes()
    except OSError as problem:
        raise BundleError(f"{scan / NAME} cannot be read: {problem.strerror}.") from problem
    if not isinstance(document.get("signature"), dict):
        return None
    statement = signed_statement(raw, str(document.get("scan_id") or ""))
    return None if statement is None else statement.attestation.previous_sha256
