"""Judge and Finish: the facts and findings of a batch of accounts, and the scan of all batches.

Finish assembles the scan, writes its reports, and writes each object into the evidence bucket once.
"""

import logging
from pathlib import Path
from typing import Any, Final

from scanner.app.findings import facts_request, home_account, waivers_of, write_findings
from scanner.app.judgement import Outcome, conclude
from scanner.distributed import workspace
from scanner.distributed.events import Judge
from scanner.distributed.notifying import earlier_scan, notify, remember_first_seen
from scanner.distributed.options import Answer, Invocation
from scanner.distributed.signing import check_signed, signer_of, signing_note, with_previous
from scanner.errors import BundleError
from scanner.evaluate.decisions.waivers import Waivers
from scanner.evaluate.needs import affected_controls
from scanner.evidence.bundle import Bundle, file_sha256
from scanner.evidence.manifest import NAME, read_manifest
from scanner.judging.batches import GOVERNED, SHARDS, assemble, notes_document, parse_notes, write_batch
from scanner.model.manifest import Manifest
from scanner.report.formats.pdf import missing_engine
from scanner.storage.s3 import files_of


def judge(event: Judge, step: Invocation) -> Answer:
    """Judge a batch, and write its files into the work bucket. Idempotent."""
    if step.work.names(workspace.batch_notes(event.batch)):
        return {"batch": event.batch}
    plan = plan_of(step)
    if event.batch >= len(plan["batches"]):
        raise BundleError(f"The scan has {len(plan['batches'])} batches, and no batch {event.batch}.")
    accounts = plan["batches"][event.batch]
    manifest = fetch_manifest(step)
    _fetch_evidence(step, manifest, accounts, frozenset(plan["rewritten"]))
    step.work.fetch_all([workspace.PLANE], step.folder)
    bundle = Bundle(step.folder, accounts)
    # What was fetched must be what was collected.
    bundle.check()
    judgement = step.request.judging()
    out = step.folder / "judged"
    rows, notes = write_batch(bundle, step.folder / workspace.PLANE, out, facts_request(bundle, judgement))
    home = home_account(manifest)
    # Findings about waivers are filed in one account, so that one batch writes them.
    is_home = home in accounts or (event.batch == 0 and not any(home in batch for batch in plan["batches"]))
    waivers = Waivers(judgement.waivers, judgement.clock(manifest), home if is_home else None)
    write_findings(bundle, out, judgement, rows, waivers)
    document = {
        "notes": notes_document(notes),
        "waivers": waivers.tally(),
        "files": _upload(step, out, event.batch),
    }
    step.work.write_json(workspace.batch_notes(event.batch), document)
    return {"batch": event.batch, "accounts": len(accounts)}


def plan_of(step: Invocation) -> dict[str, Any]:
    """Read the plan that Gather wrote. BundleError: there is none."""
    plan = step.work.read_json(workspace.PLAN)
    if not isinstance(plan, dict):
        raise BundleError(f"{step.work.place} has no {workspace.PLAN}: the accounts were not gathered.")
    return plan


def fetch_manifest(step: Invocation) -> Manifest:
    """Fetch the manifest and the organization's evidence. BundleError: the accounts were not gathered."""
    step.work.fetch_all([workspace.MANIFEST], step.folder)
    manifest = read_manifest(step.folder)
    if any(record.file == workspace.ORGANIZATION for record in manifest.shards):
        step.work.fetch_all([workspace.ORGANIZATION], step.folder)
    return manifest


def _fetch_evidence(
    step: Invocation, manifest: Manifest, accounts: list[str], rewritten: frozenset[str]
) -> None:
    files = {record.file for record in manifest.shards if record.account in accounts and record.file}
    files.discard(workspace.ORGANIZATION)
    step.work.fetch_all(sorted(files - rewritten), step.folder)
    # Gather has added the answers of key owners to these.
    for file in sorted(files & rewritten):
        step.work.fetch(workspace.rewritten(file), step.folder / file)


def _upload(step: Invocation, out: Path, batch: int) -> dict[str, str]:
    """Upload facts and findings by their names in the scan, parts of the inventory below the batch's."""
    named = {path.relative_to(out).as_posix(): path for path in sorted(out.rglob("*.parquet"))}
    # Finish joins the parts of the inventory, so that they are no files of the scan.
    checksums = {name: file_sha256(path) for name, path in named.items() if not name.startswith("inventory/")}
    step.work.write_files(out, checksums)
    for name in sorted(named.keys() - checksums.keys()):
        step.work.write_file(f"{workspace.batch_folder(batch)}/{name}", named[name])
    return checksums


NOT_WRITTEN: Final = "reports-not-written.txt"
"""The file of a scan that says why one of its reports is missing."""
_PDF: Final = "pdf"
_LOG: Final = logging.getLogger("vaultproof")


def makeable(formats: tuple[str, ...], folder: Path) -> tuple[str, ...]:
    """Return the formats that can be written here. Others are logged, and noted in the folder."""
    problem = missing_engine() if _PDF in formats else None
    if problem is None:
        return formats
    _LOG.warning(problem)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NOT_WRITTEN).write_text(f"{problem}\n", encoding="utf-8")
    return tuple(name for name in formats if name != _PDF)


def not_written(folder: Path) -> dict[str, str]:
    """Return the note in an answer about a report that was left out; empty: there is none."""
    file = folder / NOT_WRITTEN
    return {"not_written": file.read_text(encoding="utf-8").strip()} if file.exists() else {}


def finish(step: Invocation) -> Answer:
    """Write the scan. Idempotent: nothing is written twice."""
    answer = {"location": f"{step.evidence.place}"}
    # The manifest is written last: where it exists, the scan is complete.
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
        # In the work bucket, files could have been overwritten since they were judged.
        if file_sha256(step.folder / name) != sha256:
            raise BundleError(
                f"{step.work.place}/{name} is not the file that was judged: its SHA-256 differs. Scan again."
            )
    for folder in ("facts", "findings"):
        # The folders exist even if no account has a row.
        (step.folder / folder).mkdir(parents=True, exist_ok=True)
    # Assembling the scan takes no evidence of any account.
    bundle = Bundle(step.folder, ())
    judgement = step.request.judging()
    parts = step.folder.with_name("parts")
    _fetch_parts(step, len(batches), parts)
    folders = [parts / workspace.batch_folder(number) for number in range(len(batches))]
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
    document = step.work.read_json(workspace.batch_notes(number))
    if document is None:
        raise BundleError(
            f"Batch {number} of the scan was not judged. See why in the function's log, and redrive the "
            "execution."
        )
    notes: dict[str, Any] = document
    return notes


def _fetch_parts(step: Invocation, batches: int, folder: Path) -> None:
    for number in range(batches):
        prefix = f"{workspace.batch_folder(number)}/"
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
        if name not in (NAME, workspace.PLANE) and name not in evidence
    ]
    step.evidence.keep_files(step.folder, local)
    step.evidence.keep_files(step.folder, [NAME])
