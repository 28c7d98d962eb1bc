"""Filed rows as `Finding` objects, with the texts that are filed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from scanner.errors import BundleError
from scanner.findings.schema import FILED
from scanner.model.control import Control
from scanner.model.decisions import Owner, Waiver
from scanner.model.finding import Finding, Status
from scanner.model.known import EvidenceRef


@dataclass(frozen=True, slots=True)
class FiledRow:
    """A finding as it is filed. Where it `has_texts` not, reason, details and evidence are empty."""

    finding: Finding
    has_texts: bool
    tier: str | None  # None: unknown; "": none, or there are no tiers
    parameters: str | None  # JSON text of those that tiers and overrides set; None: none


def read_rows(batch: pa.RecordBatch, controls: Mapping[str, Control]) -> Iterator[FiledRow]:
    """Yield the rows of a batch of filed columns. `controls` have severity and frameworks.

    Raises:
        BundleError: a finding is of a control that is not among `controls`.
    """
    # References of the whole batch are flattened first: Arrow converts one long column faster than many
    # lists.
    evidence = evidence_of(batch.column("evidence"))
    columns = (batch.column(name).to_pylist() for name in FILED.names if name != "evidence")
    for values, refs in zip(zip(*columns, strict=True), evidence, strict=True):
        yield _row(values, refs, controls)


def defined(controls: Mapping[str, Control], name: str) -> Control:
    """Return the control of a finding. BundleError: it is not among `controls`."""
    if (control := controls.get(name)) is None:
        raise BundleError(f"A finding is of the control {name}, which the scan does not define.")
    return control


def evidence_of(column: pa.ListArray) -> Iterator[tuple[EvidenceRef, ...]]:
    """Yield the references of each row of a column of evidence."""
    references = column.flatten()
    files, lines = (references.field(name).to_pylist() for name in ("file", "line"))
    every = map(EvidenceRef, files, lines)
    # A NULL list counts as length 0 but takes no references either.
    for length in pc.fill_null(pc.list_value_length(column), 0).to_pylist():
        yield tuple(islice(every, length))


def _row(
    values: tuple[Any, ...], evidence: tuple[EvidenceRef, ...], controls: Mapping[str, Control]
) -> FiledRow:
    """Build a row. `values` are those of FILED in its order, without the evidence."""
    (name, status, subject, subject_type, account, region, reason, details, tier, parameters) = values[:10]
    # Unpacked in the order of FILED, which the schema fixes.
    waiver, owner, owner_source = values[10:]
    control = defined(controls, name)
    finding = Finding(
        control=control.id,
        status=_STATUSES[status],
        severity=control.severity,
        subject=subject,
        subject_type=subject_type,
        account=account,
        region=region,
        reason=reason or "",
        details=orjson.loads(details) if details else {},
        evidence=evidence,
        frameworks=control.frameworks,
        waiver=None if waiver is None else Waiver(**waiver),
        # No source means that audit.yaml names no owners; an owner without a name has a source.
        owner=None if owner_source is None else Owner(owner, owner_source),
    )
    # The reason is filed for every finding with texts, even if it is empty.
    return FiledRow(finding, reason is not None, tier, parameters)


# A dict is much quicker than calling the enumeration for every row.
_STATUSES: Final[Mapping[str, Status]] = {status.value: status for status in Status}
