"""`findings.parquet`: the findings as a typed table, for queries over many scans."""

from collections.abc import Iterator
from typing import Final

from scanner.evidence.manifest import rfc3339
from scanner.model.control import ControlSelection
from scanner.report.formats.json import SCHEMA
from scanner.report.view.selection import selection_words
from scanner.report.view.view import View
from scanner.report.wording import given_name
from scanner.storage.findings_parquet import Names, parquet_pieces

TABLE_SCHEMA: Final = "vaultproof/findings-table/1"


def findings_parquet(view: View) -> Iterator[bytes]:
    """Yield findings.parquet in pieces, one row group after the other, in filing order."""
    manifest = view.manifest
    # In the file itself, as tables of many scans are queried together.
    metadata = {
        "vaultproof.schema": TABLE_SCHEMA,
        "vaultproof.findings_schema": SCHEMA,
        "vaultproof.scan_id": manifest.scan_id,
        "vaultproof.tool_version": manifest.tool_version,
        "vaultproof.organization": view.organization,
        "vaultproof.evaluated_as_of": rfc3339(manifest.evaluated_as_of) or "",
        "vaultproof.findings": str(view.counts.total),
        **_selection(view.selection),
        **({"vaultproof.notice": view.notice} if view.notice else {}),
    }
    names = Names(
        controls={control_view.control.id: control_view.control for control_view in view.controls},
        accounts=view.names,
        of_subject=lambda finding: given_name(finding.details),
        first_seen=view.first_seen,
        age_days=view.age_days,
    )
    yield from parquet_pieces(view.findings, names, metadata)


def _selection(selection: ControlSelection | None) -> dict[str, str]:
    """Return the metadata about which controls were evaluated; empty: it is not recorded."""
    if selection is None:
        return {}
    return {
        "vaultproof.controls": selection_words(selection),
        "vaultproof.controls_evaluated": str(selection.number),
        "vaultproof.controls_not_evaluated": " ".join(control.id for control in selection.left_out),
    }
