"""`audit verify --re-perform`: judge a scan again from its evidence and inputs, and compare all findings."""

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from scanner.app.criteria import Judgement, load_judgement
from scanner.app.inputs import stored_inputs
from scanner.app.judgement import evaluate
from scanner.errors import BundleError, ConfigurationError
from scanner.evaluate.decisions.waivers import CONTROL as WAIVER_CONTROL
from scanner.evidence.manifest import JUDGED_SCHEMA, read_manifest
from scanner.evidence.scan_files import is_judged
from scanner.evidence.verification import Check, CheckResult
from scanner.findings.filed import Filed
from scanner.findings.schema import FOLDER
from scanner.history.compare import pairs_of
from scanner.model.control import Control
from scanner.model.finding import Finding
from scanner.model.manifest import Manifest
from scanner.settings.settings import Settings

_NAME: Final = "re_performed"
_MOST: Final = 5


def re_performance(folder: Path, jobs: int | None = 1) -> Check:
    """Judge a scan again in a temporary folder, and compare every finding, with one of each in memory."""
    manifest = read_manifest(folder)
    if reason := _not_possible(folder, manifest):
        return Check(_NAME, CheckResult.NOT_CHECKED, reason)
    with tempfile.TemporaryDirectory(prefix="vaultproof-") as scratch:
        again = Path(scratch) / "scan"
        try:
            judgement = _judgement(folder, manifest)
            evaluate(folder, again, judgement, (), jobs=jobs)
        # Not a failed check: it is unknown whether the findings follow from the evidence.
        except (BundleError, ConfigurationError) as problem:
            return Check(_NAME, CheckResult.NOT_CHECKED, f"The scan cannot be evaluated again: {problem}")
        try:
            comparison = _compare(folder, again, (*judgement.controls, WAIVER_CONTROL))
        except BundleError as problem:
            return Check(_NAME, CheckResult.FAILED, f"The findings cannot be compared: {problem}")
    return _check(comparison, _doubt(manifest, judgement))


def _not_possible(folder: Path, manifest: Manifest) -> str:
    """Return why a scan cannot be judged again; empty: it can."""
    if not is_judged(manifest.files):
        return "The bundle is not evaluated: it has no findings."
    if not (folder / "evidence").is_dir():
        return "The evidence is not in this folder."
    return (
        "" if manifest.schema == JUDGED_SCHEMA else "An earlier version stored the findings in another form."
    )


def _judgement(folder: Path, manifest: Manifest) -> Judgement:
    inputs = stored_inputs(folder, manifest)
    settings, words = (Settings(), ()) if inputs is None else (inputs.settings, inputs.words)
    judgement, _ = load_judgement(settings, words, manifest.evaluated_as_of)
    return judgement


@dataclass(slots=True)
class _Comparison:
    """The number of findings that were compared, and of those that differ, with the first ones."""

    findings: int = 0
    differing: int = 0
    examples: list[str] = field(default_factory=list)


def _check(comparison: _Comparison, doubt: str) -> Check:
    if not comparison.differing:
        detail = f"All {comparison.findings:,} findings follow from the evidence and the inputs."
        return Check(_NAME, CheckResult.OK, detail)
    what = "1 finding differs" if comparison.differing == 1 else f"{comparison.differing:,} findings differ"
    # With other controls a difference is expected, and proves nothing.
    detail = f"{doubt}{what} from the evaluation of the evidence: {'; '.join(comparison.examples)}."
    return Check(_NAME, CheckResult.NOT_CHECKED if doubt else CheckResult.FAILED, detail)


def _doubt(manifest: Manifest, judgement: Judgement) -> str:
    """Return why other findings prove nothing: the scan was evaluated with something that is not here."""
    stored, used = manifest.inputs, judgement.inputs
    if not stored.config:
        return "The scan stores no inputs, so it was evaluated with the default settings. "
    # Either is enough: the same files, or the same version.
    if used.controls_sha256 == stored.controls_sha256 or used.controls_version == stored.controls_version:
        return ""
    return (
        f"The packaged controls of version {stored.controls_version} were in use, and this is version "
        f"{used.controls_version}: verify the scan with that version. "
    )


def _compare(stored: Path, again: Path, controls: Iterable[Control]) -> _Comparison:
    """Compare the findings in two folders. BundleError: a finding is of a control that was not selected."""
    every, comparison = tuple(controls), _Comparison()
    for was, now in pairs_of(_findings(stored, every), _findings(again, every)):
        comparison.findings += 1
        if difference := _difference(was, now):
            comparison.differing += 1
            comparison.examples += (difference,) if comparison.differing <= _MOST else ()
    return comparison


def _findings(folder: Path, controls: Iterable[Control]) -> Iterable[Finding]:
    """Return filed findings without the texts that follow from the facts."""
    return Filed(tuple((folder / FOLDER).glob("*.parquet")), controls)


def _difference(was: Finding | None, now: Finding | None) -> str:
    """Return how a stored finding differs from the one that the evidence gives; empty: it does not."""
    finding = was or now
    assert finding is not None  # nosec B101 # noqa: S101 -- a pair has one side at least
    where = f"{finding.control} of {finding.subject}"
    if was is None:
        return f"{where} is missing in the scan"
    if now is None:
        return f"{where} is only in the scan"
    if was.status is not now.status:
        return f"{where} is {was.status.value} in the scan, and {now.status.value} by the evidence"
    if was == now:
        return ""
    ours, theirs = was.document(), now.document()
    return f"{where} has another {', '.join(key for key in ours if ours[key] != theirs[key])}"
