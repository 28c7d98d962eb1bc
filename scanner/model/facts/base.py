"""What all fact tables have in common: documented columns, and notes on the row."""

from dataclasses import dataclass, field
from typing import Any, Final

FOREVER_DAYS: Final = 999_999
"""A retention without an end, in days: longer than the 36,500 that AWS Backup allows (facts 4)."""

NEVER_HOURS: Final = 999_999.0
"""The longest wait between two starts of a schedule that starts less than twice, in hours."""


def column(doc: str, reads: tuple[str, ...] = ()) -> Any:  # noqa: ANN401 -- as dataclasses.field
    """Declare a column: its documentation, and the operations it depends on (`service:Operation`)."""
    return field(metadata={"doc": doc, "reads": tuple(dict.fromkeys(reads))})


@dataclass(frozen=True, slots=True)
class NotKnown:
    """Why a column of a row is NULL, or a list of it incomplete, and which read is missing.

    The other fields are those of the gap (`scanner.model.known.Gap`); empty where no read is missing.
    """

    about: str  # the column
    reason: str
    operation: str = ""
    of: str = ""  # what the read was about
    account: str = ""
    region: str = ""
    kind: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Reference:
    """An evidence line that a column of a row comes from."""

    about: str  # the column; empty: the row as a whole
    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The columns that every fact table has."""

    subject: str = column("The subject as findings name it: an ARN, or a name made of ARNs.")
    subject_type: str = column("AWS Backup's own resource type, or plan, vault, recovery_point ...")
    account: str = column("The account of the shard.")
    region: str = column("The Region of the shard.")
    name: str = column("A short name for people.")
    not_applicable_because: str = column("Why no control applies to this subject; empty when they do.")
    not_known: tuple[NotKnown, ...] = column("Why columns are NULL or lists incomplete.")
    evidence: tuple[Reference, ...] = column("The evidence lines that columns come from.")
