"""Judge: makes the facts and findings of a batch of accounts."""

from pathlib import Path
from typing import Any

from scanner.app.findings import facts_request, home_account, write_findings
from scanner.distributed import names
from scanner.distributed.events import Judge
from scanner.distributed.options import Answer, Invocation
from scanner.errors import BundleError
from scanner.evaluate.decisions.waivers import Waivers
from scanner.evidence.bundle import Bundle, file_sha256
from scanner.evidence.manifest import read_manifest
from scanner.judging.batches import notes_document, write_batch
from scanner.model.manifest import Manifest


def judge(event: Judge, step: Invocation) -> Answer:
    """Judge a batch, and write its files into the work bucket. Idempotent."""
    if step.work.names(names.batch_notes(event.batch)):
        return {"batch": event.batch}
    plan = plan_of(step)
    if event.batch >= len(plan["batches"]):
        raise BundleError(f"The scan has {len(plan['batches'])} batches, and no batch {event.batch}.")
    accounts = plan["batches"][event.batch]
    manifest = fetch_manifest(step)
    _fetch_evidence(step, manifest, accounts, frozenset(plan["rewritten"]))
    step.work.fetch_all([names.PLANE], step.folder)
    bundle = Bundle(step.folder, accounts)
    bundle.check()
    judgement = step.request.judging()
    out = step.folder / "judged"
    rows, notes = write_batch(bundle, step.folder / names.PLANE, out, facts_request(bundle, judgement))
    home = home_account(manifest)
    is_home = home in accounts or (event.batch == 0 and not any(home in batch for batch in plan["batches"]))
    waivers = Waivers(judgement.waivers, judgement.clock(manifest), home if is_home else None)
    write_findings(bundle, out, judgement, rows, waivers)
    document = {
        "notes": notes_document(notes),
        "waivers": waivers.tally(),
        "files": _upload(step, out, event.batch),
    }
    step.work.write_json(names.batch_notes(event.batch), document)
    return {"batch": event.batch, "accounts": len(accounts)}


def plan_of(step: Invocation) -> dict[str, Any]:
    """Read the plan that Gather wrote. BundleError: there is none."""
    plan = step.work.read_json(names.PLAN)
    if not isinstance(plan, dict):
        raise BundleError(f"{step.work.place} has no {names.PLAN}: the accounts were not gathered.")
    return plan


def fetch_manifest(step: Invocation) -> Manifest:
    """Fetch the manifest and the organization's evidence. BundleError: the accounts were not gathered."""
    step.work.fetch_all([names.MANIFEST], step.folder)
    manifest = read_manifest(step.folder)
    if any(record.file == names.ORGANIZATION for record in manifest.shards):
        step.work.fetch_all([names.ORGANIZATION], step.folder)
    return manifest


def _fetch_evidence(
    step: Invocation, manifest: Manifest, accounts: list[str], rewritten: frozenset[str]
) -> None:
    files = {record.file for record in manifest.shards if record.account in accounts and record.file}
    files.discard(names.ORGANIZATION)
    step.work.fetch_all(sorted(files - rewritten), step.folder)
    for file in sorted(files & rewritten):
        step.work.fetch(names.rewritten(file), step.folder / file)


def _upload(step: Invocation, out: Path, batch: int) -> dict[str, str]:
    """Upload facts and findings by their names in the scan, parts of the inventory below the batch's."""
    named = {path.relative_to(out).as_posix(): path for path in sorted(out.rglob("*.parquet"))}
    checksums = {name: file_sha256(path) for name, path in named.items() if not name.startswith("inventory/")}
    step.work.write_files(out, checksums)
    for name in sorted(named.keys() - checksums.keys()):
        step.work.write_file(f"{names.batch_folder(batch)}/{name}", named[name])
    return checksums
