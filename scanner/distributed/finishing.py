"""Finish: the scan is put together, reported on, and written into the evidence bucket, each object once."""

from pathlib import Path
from typing import Any

from scanner.app.findings import waivers_of
from scanner.app.judgement import Outcome, conclude
from scanner.distributed import names
from scanner.distributed.former import earlier_scan
from scanner.distributed.invocation import Answer, Invocation
from scanner.distributed.judging import fetch_manifest, plan_of
from scanner.distributed.notifying import notify, remember_first_seen
from scanner.distributed.reports import makeable, not_written
from scanner.errors import BundleError
from scanner.evaluate.engine import affected_controls
from scanner.evidence.bundle import Bundle, file_sha256
from scanner.evidence.manifest import NAME
from scanner.judging.batches import GOVERNED, SHARDS, assemble, parse_notes
from scanner.model.manifest import Manifest
from scanner.storage.s3 import files_of


def finish(here: Invocation) -> Answer:
    """Write the scan. Doing it again writes nothing twice."""
    answer = {"location": f"{here.evidence.place}"}
    if NAME in here.evidence.names():
        return {**answer, "again": True, **notify(here)}
    outcome, manifest = _conclude(here)
    _keep(here, manifest, frozenset(plan_of(here)["rewritten"]))
    return {**answer, "findings": outcome.view.counts.total, **not_written(here.folder), **notify(here)}


def _conclude(here: Invocation) -> tuple[Outcome, Manifest]:
    """Fetch what the batches came to, and make one judged scan of it."""
    plan = plan_of(here)
    manifest = fetch_manifest(here)
    batches = [_batch(here, number) for number in range(len(plan["batches"]))]
    for batch in batches:
        here.work.fetch_all(batch["files"], here.folder)
    for name, sha256 in ((name, sha256) for batch in batches for name, sha256 in batch["files"].items()):
        if file_sha256(here.folder / name) != sha256:
            raise BundleError(
                f"{here.work.place}/{name} is not what was judged: its SHA-256 differs. Scan again."
            )
    for folder in ("facts", "findings"):
        (here.folder / folder).mkdir(parents=True, exist_ok=True)
    bundle = Bundle(here.folder, ())
    judgement = here.asked.judging()
    parts = here.folder.with_name("parts")
    _fetch_parts(here, len(batches), parts)
    folders = [parts / names.batch_folder(number) for number in range(len(batches))]
    notes = [parse_notes(batch["notes"]) for batch in batches]
    tables = assemble(bundle, folders, notes, here.folder, affected_controls(judgement.controls))
    waivers = waivers_of(judgement, manifest)
    for batch in batches:
        waivers.add(batch["waivers"])
    formats = makeable(here.asked.formats(), here.folder)
    with earlier_scan(here, manifest) as since:
        outcome = conclude(bundle, here.folder, judgement, formats, tables, waivers, since=since)
        remember_first_seen(here, outcome.view, since)
    return outcome, manifest


def _batch(here: Invocation, number: int) -> dict[str, Any]:
    document = here.work.read_json(names.batch_notes(number))
    if document is None:
        raise BundleError(
            f"Batch {number} of the scan was not judged. See why in the function's log, and redrive the "
            "execution."
        )
    found: dict[str, Any] = document
    return found


def _fetch_parts(here: Invocation, batches: int, folder: Path) -> None:
    for number in range(batches):
        prefix = f"{names.batch_folder(number)}/"
        wanted = [
            name
            for name in here.work.names(prefix)
            if name.startswith((f"{prefix}{GOVERNED}", f"{prefix}{SHARDS}"))
        ]
        here.work.fetch_all(wanted, folder)


def _keep(here: Invocation, manifest: Manifest, rewritten: frozenset[str]) -> None:
    """Write every object of the scan that is not there yet, the manifest last."""
    evidence = {record.file: record.sha256 for record in manifest.shards if record.file}
    as_collected = {name: sha for name, sha in evidence.items() if name not in rewritten}
    here.evidence.keep_copies(here.work, as_collected)
    here.evidence.keep_copies(here.work, {name: evidence[name] for name in rewritten}, prefix="rewritten/")
    local = [
        name
        for name in sorted(files_of(here.folder))
        if name not in (NAME, names.PLANE) and name not in evidence
    ]
    here.evidence.keep_files(here.folder, local)
    here.evidence.keep_files(here.folder, [NAME])
