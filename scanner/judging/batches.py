"""The tables of a batch of accounts, and those of a scan from its batches.

A batch writes the facts of its accounts, which are complete, and parts of the inventory's tables, which are
concatenated in the order of the batches.
"""

import gzip
import zlib
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import orjson
from pydantic import TypeAdapter

from scanner.errors import BundleError
from scanner.evidence.bundle import Bundle
from scanner.facts.account import build_account_rows
from scanner.facts.build import FactsRequest
from scanner.graph.control_plane import ControlPlane, ShardSummary
from scanner.inventory.tables import account_rows, gap_rows, governance_rows
from scanner.judging.passes import OtherShards, decoded_summary, encoded_summary, judged, summarised
from scanner.judging.policy_settings import policy_setting_rows
from scanner.judging.tables import Tables, append_rows, governance_of, opened_tables, write_rows
from scanner.model.facts import TABLES
from scanner.model.inventory import Organization
from scanner.model.inventory_tables import INVENTORY_TABLES
from scanner.model.known import Gap
from scanner.model.manifest import CollectedReads
from scanner.model.scan import Reconciliation
from scanner.services.organizations import parse_governance, parse_organization
from scanner.storage.account_tables import AccountTable
from scanner.storage.files import replaced, write_atomically
from scanner.storage.parquet import ParquetTable, open_parquet
from scanner.storage.scratch import Spool

GOVERNED: Final = "inventory/governed"
"""The folder of a batch with the rows that belong to no Region."""

SHARDS: Final = "inventory/shards"
"""The folder of a batch with the rows of its account-Regions."""


# Plane files are what the shards of accounts contribute to the control plane, for workers elsewhere. Lines of
# JSON, gzipped. `{"summary": {...}}` is a shard's summary, `{"wanted_by": NAME, "row": ...}` a row that a
# shard spills for another one. The files of several accounts are concatenated in the order of the accounts.
# JSON, not pickle: whoever can write such a file can falsify an evaluation, as with the evidence itself, but
# cannot make its reader run code.
def write_plane(bundle: Bundle, path: Path) -> None:
    """Write what the shards of a bundle contribute to the control plane. OutputError: the disk is full."""
    lines = b"".join(line + b"\n" for line in _lines(bundle))
    # mtime=0: the same evidence gives the same bytes, whenever the batch was judged.
    write_atomically(path, gzip.compress(lines, 6, mtime=0))


def _lines(bundle: Bundle) -> Iterator[bytes]:
    for shard in summarised(bundle):
        yield b'{"summary":' + encoded_summary(shard.summary) + b"}"
        for name, row in shard.spilled:
            yield orjson.dumps({"wanted_by": name, "row": orjson.Fragment(row)})


def read_plane(
    path: Path, organization: Organization, spool: Spool, reads: CollectedReads | None = None
) -> OtherShards:
    """Read the control plane; spilled rows go into `spool`. BundleError: the file is malformed.

    `reads`: what the scan collected; None: everything.
    """

    def summaries() -> Iterator[ShardSummary]:
        try:
            with gzip.open(path) as lines:
                for line in lines:
                    document = orjson.loads(line)
                    if "summary" in document:
                        # Through the model again: a file from a bucket is checked like evidence, field by
                        # field.
                        yield decoded_summary(orjson.dumps(document["summary"]))
                    else:
                        # Rows go to the disk as they are read: those of a large organisation do not fit in
                        # memory.
                        spool.put([(document["wanted_by"], document["row"])])
        except (OSError, EOFError, zlib.error, ValueError, LookupError, TypeError) as problem:
            raise BundleError(
                f"The control plane of the scan cannot be read ({problem}): scan again."
            ) from problem

    # The control plane consumes the summaries here, so rows are spilled before the first one is loaded.
    plane = ControlPlane(organization, summaries(), reads)
    return OtherShards(plane, spool.of)


@dataclass(frozen=True, slots=True)
class BatchNotes:
    """The gaps of a batch's accounts and of its Regions, and the comparison with second sources."""

    account_gaps: tuple[Gap, ...]
    shard_gaps: tuple[Gap, ...]
    reconciliation: tuple[Reconciliation, ...]


_NOTES: Final = TypeAdapter(BatchNotes)


def notes_document(notes: BatchNotes) -> Any:  # noqa: ANN401 -- JSON
    """Return the JSON document of notes."""
    return _NOTES.dump_python(notes, mode="json")


def parse_notes(document: object) -> BatchNotes:
    """Parse the result of `notes_document`. ValueError: it is not one."""
    return _NOTES.validate_python(document)


def write_batch(
    bundle: Bundle, plane: Path, out: Path, request: FactsRequest
) -> tuple[Mapping[str, Mapping[str, int]], BatchNotes]:
    """Write the facts of the accounts of `bundle`, and their parts of the inventory, into `out`.

    Return the number of rows of facts, by table and account, and the notes. `plane`: the scan's plane file.
    """
    organization = bundle.parsed(lambda: parse_organization(bundle.organization_answers(), bundle.manifest))
    governance = bundle.parsed(partial(governance_of, bundle))
    request = replace(
        request, account_rows=build_account_rows(governance.accounts, governance.organization, organization)
    )
    account_gaps = tuple(gap for account in governance.accounts for gap in account.gaps)
    # Gaps that no selected control depends on would only lengthen the report.
    missed = tuple(gap for gap in account_gaps if gap.matters_to(request.affected_controls))
    # A dict drops duplicates and keeps the order of the shards.
    shard_gaps: dict[Gap, None] = {}
    reconciliation: list[Reconciliation] = []
    with (
        Spool() as spool,
        replaced(out / "facts") as folder,
        opened_tables(AccountTable, folder, TABLES) as facts,
        opened_tables(ParquetTable, out / GOVERNED, INVENTORY_TABLES) as governed_tables,
        opened_tables(ParquetTable, out / SHARDS, INVENTORY_TABLES) as inventory,
    ):
        effective = governance_rows(governance.organization, governance.accounts)["effective_policies"]
        settings = policy_setting_rows(governance.organization, governance.accounts, organization.accounts)
        governed = {
            "effective_policies": effective,
            "policy_settings": settings,
            "gaps": gap_rows(account_gaps),
        }
        write_rows(governed_tables, governed)
        facts["account"].write(request.account_rows.rows)
        others = read_plane(plane, organization, spool, bundle.manifest.reads)
        for shard in judged(bundle, others, request):
            append_rows(facts, shard.facts)
            append_rows(inventory, shard.inventory)
            shard_gaps.update(dict.fromkeys(shard.gaps))
            reconciliation += shard.reconciliation
    rows = {name: table.rows for name, table in facts.items()}
    return rows, BatchNotes(missed, tuple(shard_gaps), tuple(reconciliation))


def assemble(
    bundle: Bundle,
    parts: Iterable[Path],
    notes: Iterable[BatchNotes],
    out: Path,
    needed: Container[str],
) -> Tables:
    """Write `out`/inventory from the parts of all batches, in their order, and join the notes.

    `needed`: the operations that a control depends on (`FactsRequest.affected_controls`).
    """
    # Organisation and policies are the same for all batches, so each table gets them once, from here.
    organization = bundle.parsed(lambda: parse_organization(bundle.organization_answers(), bundle.manifest))
    governance = bundle.parsed(lambda: parse_governance(bundle.organization_answers()))
    missed = (gap for gap in governance.gaps if gap.matters_to(needed))
    folders, noted = list(parts), list(notes)
    with opened_tables(ParquetTable, out / "inventory", INVENTORY_TABLES) as inventory:
        inventory["accounts"].write(account_rows(organization.accounts.values()))
        policies = governance_rows(governance, ())["backup_policies"]
        write_rows(inventory, {"backup_policies": policies, "gaps": gap_rows(governance.gaps)})
        # All governed rows before all shards: one process writes the tables in this order, too.
        for kind in (GOVERNED, SHARDS):
            for folder in folders:
                _append_part(inventory, folder / kind)
    return Tables(
        # The organisation's gaps come first, as in `Governance.gaps`, and each only once.
        gaps=tuple(dict.fromkeys((*missed, *_gaps(noted)))),
        reconciliation=tuple(row for batch_notes in noted for row in batch_notes.reconciliation),
        rows={},
    )


def _gaps(notes: list[BatchNotes]) -> Iterator[Gap]:
    # Two loops: a single process reports the gaps of accounts before those of any Region.
    for batch in notes:
        yield from batch.account_gaps
    for batch in notes:
        yield from batch.shard_gaps


def _append_part(inventory: Mapping[str, ParquetTable], folder: Path) -> None:
    for name, row in INVENTORY_TABLES.items():
        inventory[name].append(open_parquet(folder, name, row).to_table())
