"""`audit what-if`: planned changes are laid over the evidence of a scan, judged, and compared with the scan.

Nothing of it is kept: bundle, facts and findings are in a temporary folder. Both sides are judged by this
version against the same controls and settings, so that every difference comes from the changes.
"""

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from scanner.app.criteria import Judgement, load_judgement
from scanner.app.findings import facts_request, waivers_of, write_findings
from scanner.app.inputs import stored_inputs
from scanner.app.judged import read_judged, unlined_findings
from scanner.errors import BundleError
from scanner.evaluate.compiled import compile_control
from scanner.evaluate.root_causes.resources import IN_PLAN
from scanner.evidence.bundle import EVIDENCE, Bundle
from scanner.evidence.manifest import JUDGED_SCHEMA
from scanner.evidence.scan_files import is_judged
from scanner.findings.filed import Filed
from scanner.findings.texts import all_without_texts, with_texts
from scanner.history.compare import pairs_of
from scanner.judging.concerned import concerned_shards
from scanner.judging.planned_policies import overlay_with_policies
from scanner.judging.tables import write_tables
from scanner.judging.worker_pool import workers_for
from scanner.model.control import Control
from scanner.model.finding import Finding, Status
from scanner.model.manifest import Manifest
from scanner.model.names import AccountId, RegionName, Shard
from scanner.model.planning.planned_change import ChangeSet
from scanner.model.planning.what_if import Effect, FindingEffect, Horizon, WhatIf
from scanner.settings.settings import Settings
from scanner.what_if.overlay import Overlay

_COLUMNS_OF_TODAY: Final = frozenset(
    {
        *("newest_recovery_point", "newest_recovery_points", "places", "three_two_one_one_zero"),
        *("backup_jobs", "copy_jobs", "completed_earlier", "restores", "type_restores"),
    }
)
"""Columns of facts that come from recovery points, jobs and restores."""
_ACCOUNT_REGION: Final = "account_region"
"""Subjects whose findings say what the scan read. What is known only after apply is no failed read."""
_OF_PLAN: Final = "#"
"""Separates a plan's ARN from the id of a rule or a selection of it."""


@dataclass(frozen=True, slots=True)
class JudgedChanges:
    """The result of changes, and what was judged, until the block of `judged_changes` ends.

    `today`: the controls whose verdicts rest on what exists today. `bundle`: the evidence with the changes.
    `folder`: facts and findings of the account-Regions `only` that they concern (None: all).
    """

    result: WhatIf
    controls: tuple[Control, ...]
    today: frozenset[str] = frozenset()
    bundle: Bundle | None = None
    folder: Path | None = None
    findings: Filed | None = None
    only: frozenset[Shard] | None = None


def what_if(
    folder: Path, change_set: ChangeSet, *, jobs: int | None = 1, judgement: Judgement | None = None
) -> WhatIf:
    """Judge changes against a scan. Parameters and errors: as `judged_changes`."""
    with judged_changes(folder, change_set, jobs=jobs, judgement=judgement) as judged:
        return judged.result


@contextmanager
def judged_changes(
    folder: Path, change_set: ChangeSet, *, jobs: int | None = 1, judgement: Judgement | None = None
) -> Iterator[JudgedChanges]:
    """Judge changes against a scan, or against a bundle that is not evaluated yet.

    Yields the result with the temporary files that it was made from. `judgement`: other controls and settings
    than those that the scan stores, for both sides.

    Raises:
        BundleError: the evidence cannot be trusted, or is not in the folder.
    """
    bundle = Bundle(folder)
    if not (folder / EVIDENCE).is_dir():
        raise BundleError(
            f"{folder} has no evidence, which a change is laid over. Name a scan with its evidence: the "
            "folder of audit run, or a bundle."
        )
    bundle.check()
    is_stored = judgement is None
    judgement = judgement or _judgement(folder, bundle.manifest)
    with tempfile.TemporaryDirectory(prefix="vaultproof-what-if-") as scratch:
        overlay = overlay_with_policies(bundle, change_set.changes, Path(scratch))
        not_judged = (*change_set.not_judged, *overlay.not_judged)
        notes = (*change_set.notes, *(change.note for change in overlay.applied), *overlay.effects.notes)
        result = WhatIf(
            scan_id=bundle.manifest.scan_id,
            changes=overlay.applied,
            not_judged=tuple(sorted(not_judged)),
            ignored=change_set.ignored,
            notes=tuple(dict.fromkeys(filter(None, notes))),
            effects=(),
            counts={},
            as_of=judgement.clock(bundle.manifest),
        )
        # Nothing applied: judging would only confirm the scan.
        if not overlay.applied:
            yield JudgedChanges(result, judgement.evaluated_controls)
            return
        place = _Place(Path(scratch), jobs, is_stored=is_stored)
        yield _compared(bundle, overlay, judgement, place, result)


def _compared(
    bundle: Bundle, overlay: Overlay, judgement: Judgement, place: "_Place", result: WhatIf
) -> JudgedChanges:
    """Judge the account-Regions that the changes concern, and add to the result what differs."""
    changed = Bundle(place.folder / "bundle", what_if=True)
    # Only these are judged on both sides; a change in one account seldom concerns others.
    only = concerned_shards(bundle, changed, overlay.edited)
    place = replace(place, only=only)
    before = _findings_before(bundle, judgement, replace(place, folder=place.folder / "before"))
    folder = place.folder / "after"
    after = _judged(changed, judgement, replace(place, folder=folder))
    skipped = frozenset() if only is None else frozenset(shard for shard, _ in bundle.scope()) - only
    counts: Counter[Effect] = Counter()
    today = _controls_of_today(judgement.controls)
    effects = tuple(
        _explained(effect, today, overlay) for effect in _effects(before, after, overlay, counts, skipped)
    )
    effects = _with_first_plans(effects)
    result = replace(result, effects=_with_texts(effects, before, after), counts=dict(counts))
    return JudgedChanges(result, judgement.evaluated_controls, today, changed, folder, after, only)


def _controls_of_today(controls: Iterable[Control]) -> frozenset[str]:
    """Return the controls whose verdicts rest on recovery points, jobs or restores that exist today."""
    return frozenset(control.id for control in controls if _is_of_today(control))


def _is_of_today(control: Control) -> bool:
    required = compile_control(control).require
    return control.subject == "recovery_point" or not required.isdisjoint(_COLUMNS_OF_TODAY)


def _explained(effect: FindingEffect, today: frozenset[str], overlay: Overlay) -> FindingEffect:
    """Add to a finding what its verdict rests on, and the change of its subject."""
    finding = effect.finding
    horizon = Horizon.TODAY if finding.control in today else Horizon.FROM_NOW_ON
    # A copy action hangs on its rule, a rule on its plan: the change may be of any of them.
    selection_or_rule = finding.subject.partition("->")[0]
    subjects = (finding.subject, selection_or_rule, selection_or_rule.partition(_OF_PLAN)[0])
    changes = (overlay.subjects.get(subject) for subject in subjects)
    return replace(effect, horizon=horizon, change=next(filter(None, changes), None))


def _with_first_plans(effects: tuple[FindingEffect, ...]) -> tuple[FindingEffect, ...]:
    """Mark the failures of controls that only apply because the change brings a resource into a plan.

    Without the control IN_PLAN nothing says that the resource was in no plan: its failures count as new.
    """
    covered = {
        effect.finding.subject
        for effect in effects
        if effect.finding.control == IN_PLAN and effect.effect is Effect.FIXED
    }
    return tuple(
        replace(effect, is_first_plan=True)
        if effect.effect is Effect.NEW
        and effect.finding.subject in covered
        and effect.before is not None
        and effect.before.status is Status.NOT_APPLICABLE
        else effect
        for effect in effects
    )


def _judgement(folder: Path, manifest: Manifest) -> Judgement:
    inputs = stored_inputs(folder, manifest)
    settings, words = (Settings(), ()) if inputs is None else (inputs.settings, inputs.words)
    judgement, _ = load_judgement(settings, words, manifest.evaluated_as_of)
    return judgement


@dataclass(frozen=True, slots=True)
class _Place:
    """The folder to judge into, the number of processes, and the account-Regions to judge (None: all).

    `is_stored`: whether both sides are judged against what the scan stores, so that its findings are usable.
    """

    folder: Path
    jobs: int | None
    only: frozenset[Shard] | None = None
    is_stored: bool = True


def _findings_before(bundle: Bundle, judgement: Judgement, place: _Place) -> Filed:
    """Return the findings of the scan; judged here where another version or other criteria have judged it."""
    manifest, used = bundle.manifest, judgement.inputs
    stored = manifest.inputs
    # The digest covers the packaged controls; the version also the code that judges.
    is_same = stored.controls_sha256 == used.controls_sha256 != ""
    is_same = is_same and stored.controls_version == used.controls_version
    is_same = is_same and place.is_stored and manifest.schema == JUDGED_SCHEMA
    if is_same and is_judged(manifest.files):
        findings = read_judged(bundle.folder).findings
        if isinstance(findings, Filed):
            return findings
    return _judged(bundle, judgement, place)


def _judged(bundle: Bundle, judgement: Judgement, place: _Place) -> Filed:
    """Write the facts and findings of account-Regions of a bundle into a folder, and return the findings."""
    out, request = place.folder, facts_request(bundle, judgement)
    workers = workers_for(bundle, place.jobs)
    tables = write_tables(bundle, out, request, workers, only=place.only)
    write_findings(bundle, out, judgement, tables.rows, waivers_of(judgement, bundle.manifest))
    return unlined_findings(out, judgement, bundle.manifest)


def _effects(
    before: Filed, after: Filed, overlay: Overlay, counts: Counter[Effect], skipped: frozenset[Shard]
) -> Iterator[FindingEffect]:
    """Yield each finding that does not stay as it is, and count all.

    `skipped`: account-Regions that the changes do not concern, so that they were not judged again.
    """
    for was, now in pairs_of(all_without_texts(before), all_without_texts(after)):
        if (
            now is None
            and was is not None
            and Shard(AccountId(was.account), RegionName(was.region)) in skipped
        ):
            # Not judged again, so a missing finding does not mean that it is gone.
            counts[Effect.UNCHANGED] += 1
            continue
        effect = _effect(was, now, overlay.effects.unreadable)
        counts[effect.effect] += 1
        if effect.effect is not Effect.UNCHANGED:
            yield effect


def _effect(was: Finding | None, now: Finding | None, unreadable: Iterable[str]) -> FindingEffect:
    if now is None:
        plan = was.subject.partition(_OF_PLAN)[0] if was is not None else ""
        # A plan with unknown rules has no rows of rules, which does not mean that they are removed.
        if plan in unreadable:
            why = "The rules of its backup plan are known only after the change is applied."
            return FindingEffect(Effect.NEWLY_UNKNOWN, was, None, why)
        return FindingEffect(Effect.REMOVED, was, None)
    if now.subject_type == _ACCOUNT_REGION:
        # What is known only after apply would look like a failed read of the account-Region.
        return FindingEffect(Effect.UNCHANGED, was, now)
    if was is not None and was.status is now.status:
        is_same = was.severity is now.severity and was.reason == now.reason
        return FindingEffect(Effect.UNCHANGED if is_same else Effect.CHANGED, was, now)
    return FindingEffect(_EFFECTS.get(now.status) or _other(was, now), was, now)


_EFFECTS: Final = {Status.FAIL: Effect.NEW, Status.UNKNOWN: Effect.NEWLY_UNKNOWN}


def _other(was: Finding | None, now: Finding) -> Effect:
    """Return the effect on a finding that neither fails nor is unknown after the change."""
    if was is None:
        return Effect.ADDED
    return Effect.FIXED if was.status is Status.FAIL and now.status is Status.PASS else Effect.CHANGED


def _with_texts(effects: Sequence[FindingEffect], before: Filed, after: Filed) -> tuple[FindingEffect, ...]:
    """Return effects with the texts of both sides, which are rendered for these findings only."""
    old = iter(with_texts(before, [effect.before for effect in effects if effect.before is not None]))
    new = iter(with_texts(after, [effect.after for effect in effects if effect.after is not None]))
    return tuple(
        replace(
            effect,
            before=None if effect.before is None else next(old),
            after=None if effect.after is None else next(new),
        )
        for effect in effects
    )
