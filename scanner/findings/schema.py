"""The columns of a filed finding (evidence format, schema 2 of a judged scan).

Severity, frameworks and fingerprint follow from the control and the subject, and are not filed. Reason,
details and evidence are filed unless the status is pass or not_applicable, or if it is unknown which
parameters apply. Otherwise they are NULL, and rendered from facts and controls when they are read.
"""

import re
from typing import Final

import pyarrow as pa

from scanner.model.finding import Status

FOLDER: Final = "findings"
"""The folder of a scan that holds the files, `ACCOUNT_ID.parquet`."""

NO_ACCOUNT: Final = "aws-organization"
"""The name of the file with findings that belong to no account."""

# Any name, not only digits: NO_ACCOUNT is one of the files.
_FILE: Final = re.compile(rf"{FOLDER}/[^/]+\.parquet")

WAIVER: Final = pa.struct([(name, pa.string()) for name in ("id", "owner", "approver", "reason", "expires")])
EVIDENCE: Final = pa.list_(pa.struct([("file", pa.string()), ("line", pa.int64())]))

FILED: Final = pa.schema(
    [
        pa.field("control", pa.string(), nullable=False),
        pa.field("status", pa.string(), nullable=False),
        pa.field("subject", pa.string(), nullable=False),
        pa.field("subject_type", pa.string(), nullable=False),
        pa.field("account", pa.string(), nullable=False),
        pa.field("region", pa.string(), nullable=False),
        pa.field("reason", pa.string()),
        pa.field("details", pa.string()),
        pa.field("evidence", EVIDENCE),
        pa.field("tier", pa.string()),
        pa.field("parameters", pa.string()),
        pa.field("waiver", WAIVER),
        pa.field("owner", pa.string()),
        pa.field("owner_source", pa.string()),
    ]
)
"""Rows are sorted by control, Region and subject, by code points.

    details        JSON text
    tier           "" where the subject has none, or there are no tiers; NULL where it is unknown which
    parameters     JSON text: all parameters of the control, where a tier or an override sets some for this
                   subject; NULL where none does, and where it is unknown which apply
    waiver         NULL where no waiver covers the failure
    owner          "" where there is none, NULL where it is unknown, and where audit.yaml names no owners
    owner_source   NULL where audit.yaml names no owners
"""

# Most findings pass: without their texts the files are much smaller.
WITHOUT_TEXTS: Final = frozenset({Status.PASS, Status.NOT_APPLICABLE})
"""Statuses whose texts are not filed."""


def is_findings_file(name: str) -> bool:
    """Check whether a name in the manifest is that of a file of filed findings."""
    return _FILE.fullmatch(name) is not None
