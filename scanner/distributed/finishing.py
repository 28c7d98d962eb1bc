"""Finish: assembles the scan, writes its reports, and writes each object into the evidence bucket once."""

from pathlib import Path
from typing import Any

from scanner.app.findings import waivers_of
from scanner.app.judgement import Outcome, conclude
from scanner.distributed import names
from scanner.distributed.judging import fetch_manifest, plan_of
from scanner.distributed.notifying import earlier_scan, notify, remember_first_seen
from scanner.distributed.options import Answer, Invocation
from scanner.distributed.signing import check_signed, signer_of, signing_note, with_previous
from scanner.distributed.whole import makeable, not_written
from scanner.errors import BundleError
from scanner.evaluate.needs import affected_controls
from scanner.evidence.bundle import Bundle, file_sha256
from scanner.evidence.manifest import NAME
from scanner.judging.batches import GOVERNED, SHARDS, assemble, parse_notes
from scanner.model.manifest import Manifest
from scanner.storage.s3 import files_of


def finish(step: Invocation) -> Answer:
    """Write the scan. Idempotent: nothing is written twice."""
    answer = {"location": f"{step.evidence.place}"}
    if NAME in step.evidence.names():
        return {**answer, "again": True, **notify(step)}
    outcome, manifest = _conclude(step)
    check_signed(outcome, step.folder)
    _keep(step, manifest, frozenset(plan_of(step)["rewritten"]))
    notes = {**not_written(step.folder), **signing_note(outcome)}
    return {**answer, "findings": outcome.view.counts.total, **notes, **notify(step)}


def _conclude(step: Invocation) -> tuple[Outcome, Manifest]:
    """Fetch the results of the batches, and assemble one judged scan."""
    signer = signer_of(step.request)  # first, because a key that cannot be used ends the step
    plan = plan_of(step)
    manifest = fetch_manifest(step)
    batches = [_batch(step, number) for number in range(len(plan["batches"]))]
    for batch in batches:
        step.work.fetch_all(batch["files"], step.folder)
    for name, sha256 in ((name, sha256) for batch in batches for name, sha256 in batch["files"].items()):
        if file_sha256(step.folder / name) != sha256:
            raise BundleError(
                f"{step.work.place}/{name} is not the file that was judged: its SHA-256 differs. Scan again."
            )
    for folder in ("facts", "findings"):
        (step.folder / folder).mkdir(parents=True, exist_ok=True)
    bundle = Bundle(step.folder, ())
    judgement = step.request.judging()
    parts = step.folder.with_name("parts")
    _fetch_parts(step, len(batches), parts)
    folders = [parts / names.batch_folder(number) for number in range(len(batches))]
    notes = [parse_notes(batch["notes"]) for batch in batches]
    tables = assemble(bundle, folders, notes, step.folder, affected_controls(judgement.controls))
    waivers = waivers_of(judgement, manifest)
    for batch in batches:
        waivers.add(batch["waivers"])
    formats = makeable(step.request.formats(), step.folder)
    with earlier_scan(step, manifest) as since:
        outcome = conclude(
            bundle,
            step.folder,
            judgement,
            formats,
            tables,
            waivers,
            since=since,
            signer=with_previous(signer, None if since is None else since.folder),
            before_manifest=lambda view: remember_first_seen(step, view, since),
        )
    return outcome, manifest


def _batch(step: Invocation, number: int) -> dict[str, Any]:
    document = step.work.read_json(names.batch_notes(number))
    if document is None:
        raise BundleError(
            f"Batch {number} of the scan was not judged. See why in the function's log, and redrive the "
            "execution."
        )
    notes: dict[str, Any] = document
    return notes


def _fetch_parts(step: Invocation, batches: int, folder: Path) -> None:
    for number in range(batches):
        prefix = f"{names.batch_folder(number)}/"
        wanted = [
            name
            for name in step.work.names(prefix)
            if name.startswith((f"{prefix}{GOVERNED}", f"{prefix}{SHARDS}"))
        ]
        step.work.fetch_all(wanted, folder)


def _keep(step: Invocation, manifest: Manifest, rewritten: frozenset[str]) -> None:
    """Write every object of the scan that does not exist yet, the manifest last."""
    evidence = {record.file: record.sha256 for record in manifest.shards if record.file}
    as_collected = {name: sha for name, sha in evidence.items() if name not in rewritten}
    step.evidence.keep_copies(step.work, as_collected)
    step.evidence.keep_copies(step.work, {name: evidence[name] for name in rewritten}, prefix="rewritten/")
    local = [
        name
        for name in sorted(files_of(step.folder))
        if name not in (NAME, names.PLANE) and name not in evidence
    ]
    step.evidence.keep_files(step.folder, local)
    step.evidence.keep_files(step.folder, [NAME])
