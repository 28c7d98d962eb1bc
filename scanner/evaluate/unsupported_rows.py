"""The resources of a scan that AWS Backup cannot back up, from the fact table `resource`."""

from collections import Counter
from typing import Final

import pyarrow.compute as pc
import pyarrow.dataset as ds

from scanner.model.scan import UnsupportedKinds, UnsupportedResource
from scanner.protection.capabilities import kind_text
from scanner.storage.parquet import streamed

MOST_RESOURCES: Final = 1_000
"""Resources that are named; all are counted."""

_COLUMNS: Final = ("account", "region", "subject", "subject_type", "name", "unsupported_kind")


def unsupported_of(table: ds.Dataset) -> UnsupportedKinds:
    """Return how many resources are of a kind that AWS Backup cannot back up, and the first of them."""
    is_unsupported = pc.field("unsupported_kind") != ""
    rows = streamed(table, _COLUMNS, is_unsupported).read_all()
    # Sorted, as Arrow reads files in no fixed order.
    rows = rows.sort_by([("account", "ascending"), ("region", "ascending"), ("subject", "ascending")])
    kinds = Counter(rows.column("unsupported_kind").to_pylist())
    return UnsupportedKinds(
        number=rows.num_rows,
        kinds=tuple(
            (kind_text(key), number)
            # The most frequent first; equal numbers by name.
            for key, number in sorted(kinds.items(), key=lambda kind: (-kind[1], kind[0]))
        ),
        resources=tuple(
            UnsupportedResource(
                subject=row["subject"],
                subject_type=row["subject_type"],
                name=row["name"],
                account=row["account"],
                region=row["region"],
                kind=row["unsupported_kind"],
            )
            for row in rows.slice(0, MOST_RESOURCES).to_pylist()
        ),
    )
