"""`audit verify`: check that a bundle or a scan is what its manifest says, and report it as JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from scanner.app.re_performance import re_performance
from scanner.errors import BundleError, EmptyScopeError
from scanner.evidence.bundle import Bundle, file_sha256
from scanner.evidence.chain import chain_check
from scanner.evidence.contradictions import contradictions
from scanner.evidence.file_checks import file_checks
from scanner.evidence.manifest import NAME, SIGNATURE, manifest_document
from scanner.evidence.scan_files import scan_record
from scanner.evidence.signature_checks import Trust, signature_checks
from scanner.evidence.verification import Check, CheckResult, any_failed

SCHEMA: Final = "backup-audit/verification/1"

UNSIGNED: Final = (
    "Unsigned: this proves that nothing changed since the manifest was written, not who wrote it."
)
NOT_VERIFIED: Final = (
    "The signature was not verified, so this proves that nothing changed since the manifest was written, not "
    "who wrote it."
)
_SUMMARY: Final = "summary.json"
_LARGEST_SUMMARY: Final = 1 << 28


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The checks of a bundle or a scan. `manifest_sha256`: of the file as it is; empty: it cannot be read."""

    scan: str
    scan_id: str
    manifest_sha256: str
    is_signed: bool
    checks: tuple[Check, ...]

    @property
    def has_failed(self) -> bool:
        """Whether at least one check failed."""
        return any_failed(self.checks)

    @property
    def conclusion(self) -> str:
        """What the checks prove, in a few sentences."""
        failed = self._number(CheckResult.FAILED)
        if failed:
            what = "1 check failed" if failed == 1 else f"{failed} checks failed"
            return f"{what}: do not rely on this scan. Restore it from a copy, or scan again."
        open_checks = self._number(CheckResult.MISSING) + self._number(CheckResult.NOT_CHECKED)
        what = "1 check was" if open_checks == 1 else f"{open_checks} checks were"
        left = f" {what} not possible or not requested." if open_checks else ""
        return f"No check failed.{left}{self._about_signature}"

    @property
    def has_verified_signature(self) -> bool:
        """Whether the manifest is signed, and the signature was verified with a key."""
        # Only a signature that was verified with a trusted key says who wrote the scan.
        return any(check.name == "signature" and check.result is CheckResult.OK for check in self.checks)

    @property
    def _about_signature(self) -> str:
        if not self.is_signed:
            return f" {UNSIGNED}"
        return "" if self.has_verified_signature else f" {NOT_VERIFIED}"

    def _number(self, result: CheckResult) -> int:
        return sum(check.result is result for check in self.checks)


def verify(  # noqa: PLR0913 -- what is verified, and with what
    folder: Path,
    name: str,
    *,
    trust: Trust | None = None,
    chain: Sequence[Path] | None = None,
    re_perform: bool = False,
    jobs: int | None = 1,
) -> Verification:
    """Check the bundle or scan in `folder`. `name`: how the user names it.

    `trust`: what signature and time stamp are verified with. `chain`: folders of earlier scans.
    `re_perform`: judge it again, on `jobs` processes.
    """
    sha256 = file_sha256(folder / NAME) if (folder / NAME).is_file() else ""
    try:
        bundle = Bundle(folder)
    # Without a readable manifest nothing else can be checked.
    except (BundleError, EmptyScopeError) as problem:
        failed = Check("manifest", CheckResult.FAILED, str(problem))
        return Verification(scan=name, scan_id="", manifest_sha256=sha256, is_signed=False, checks=(failed,))
    checks = [
        *file_checks(bundle),
        *_summary_check(bundle),
        *contradictions(bundle),
        *_re_performed(folder, re_perform=re_perform, jobs=jobs),
        *signature_checks(
            (folder / NAME).read_bytes(), bundle.document, bundle.manifest.finished_at, trust or Trust()
        ),
        chain_check(folder, chain or ()),
    ]
    return Verification(
        scan=name,
        scan_id=bundle.manifest.scan_id,
        manifest_sha256=sha256,
        is_signed=bundle.document.get(SIGNATURE) is not None,
        checks=tuple(checks),
    )


def _re_performed(folder: Path, *, re_perform: bool, jobs: int | None) -> Iterator[Check]:
    if re_perform:
        yield re_performance(folder, jobs)
    else:
        detail = "Not requested: with --re-perform, the evidence is evaluated again."
        yield Check("re_performed", CheckResult.NOT_CHECKED, detail)


def _summary_check(bundle: Bundle) -> Iterator[Check]:
    """Compare the manifest with its copy in summary.json, which was written before it."""
    path = bundle.folder / _SUMMARY
    # A link or an oversized file is not the summary that this program wrote.
    if path.is_symlink() or not path.is_file() or path.stat().st_size > _LARGEST_SUMMARY:
        return
    try:
        copy = dict(orjson.loads(path.read_bytes())["scan"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        yield Check("manifest_copy", CheckResult.FAILED, f"{_SUMMARY} has no copy of the manifest.")
        return
    # Compared as the document that a report contains, so that the order of keys does not matter.
    manifest = manifest_document(scan_record(bundle.manifest))
    # A bundle of another program need not name its tool: the copy names the one that evaluated it.
    skipped = {SIGNATURE} if "tool" in bundle.document else {SIGNATURE, "tool"}
    differing = [key for key in copy if key not in skipped and copy[key] != manifest.get(key)]
    if differing:
        detail = f"{NAME} differs from its copy in {_SUMMARY}: {', '.join(differing)[:200]}."
        yield Check("manifest_copy", CheckResult.FAILED, detail)
    else:
        yield Check("manifest_copy", CheckResult.OK, f"{NAME} agrees with its copy in {_SUMMARY}.")


def verification_document(verification: Verification) -> dict[str, Any]:
    """Return the JSON document of a verification (docs/schema/verification.schema.json)."""
    return {
        "schema": SCHEMA,
        "scan": verification.scan,
        "scan_id": verification.scan_id,
        "manifest_sha256": verification.manifest_sha256,
        "signed": verification.is_signed,
        "failed": verification.has_failed,
        "conclusion": verification.conclusion,
        "checks": [
            {"name": check.name, "result": check.result.value, "detail": check.detail}
            for check in verification.checks
        ],
    }
