"""The fact tables: one row for each subject, which controls are evaluated on.

Each dataclass is one table. Its fields are the columns, and each field's metadata documents the column and
the reads it depends on. `docs/facts.md`, the Parquet schemas, the check of control expressions and the
controls affected by a refused read are all derived from them.

Two rules preserve the third value (catalogue, ruling 2). None means "unknown" and nothing else: what is known
to be absent has a value of its own. A list that may be incomplete ends with one None.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, get_type_hints

from scanner.model.facts.account import AccountFacts, AccountRegionFacts, MissingRead
from scanner.model.facts.base import FOREVER_DAYS, NEVER_HOURS, NotKnown, Reference, Row, column
from scanner.model.facts.copy_action import (
    CopyActionFacts,
    CoveredKey,
    CoveredSupport,
    KeyInTheWay,
    SharedKey,
)
from scanner.model.facts.parts import (
    BackupPlace,
    CopyLink,
    CopyLinks,
    CoveredBy,
    NearMiss,
    NewestRecoveryPoint,
    PassedOver,
    PlaceRecoveryPoint,
    Remedy,
    ResourceCopy,
    RuleTerms,
    SkippedStart,
    Tag,
)
from scanner.model.facts.past import BackupJobResult, CopyChain, CopyJobsOf, RestoreResult
from scanner.model.facts.plan import BackupOption, PlanFacts, RuleOverlap, ScanScope
from scanner.model.facts.resource import ResourceFacts, ThreeTwoOneOneZero
from scanner.model.facts.rule import CoveredType, MalwareScan, RuleFacts
from scanner.model.facts.selection import SelectionFacts
from scanner.model.facts.vault import DeletionGuard, RecoveryPointFacts, VaultFacts

__all__ = [
    "FOREVER_DAYS",
    "NEVER_HOURS",
    "TABLES",
    "AccountFacts",
    "AccountRegionFacts",
    "BackupJobResult",
    "BackupOption",
    "BackupPlace",
    "Column",
    "CopyActionFacts",
    "CopyChain",
    "CopyJobsOf",
    "CopyLink",
    "CopyLinks",
    "CoveredBy",
    "CoveredKey",
    "CoveredSupport",
    "CoveredType",
    "DeletionGuard",
    "KeyInTheWay",
    "MalwareScan",
    "MissingRead",
    "NearMiss",
    "NewestRecoveryPoint",
    "NotKnown",
    "PassedOver",
    "PlaceRecoveryPoint",
    "PlanFacts",
    "RecoveryPointFacts",
    "Reference",
    "Remedy",
    "ResourceCopy",
    "ResourceFacts",
    "RestoreResult",
    "Row",
    "RuleFacts",
    "RuleOverlap",
    "RuleTerms",
    "ScanScope",
    "SelectionFacts",
    "SharedKey",
    "SkippedStart",
    "Tag",
    "ThreeTwoOneOneZero",
    "VaultFacts",
    "column",
    "columns",
]

TABLES: Final[Mapping[str, type[Row]]] = {
    "resource": ResourceFacts,
    "plan": PlanFacts,
    "rule": RuleFacts,
    "selection": SelectionFacts,
    "vault": VaultFacts,
    "recovery_point": RecoveryPointFacts,
    "copy_action": CopyActionFacts,
    "account": AccountFacts,
    "account_region": AccountRegionFacts,
}
"""The fact tables by the name that controls and queries use."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a fact table. `type` is the Python annotation of the field."""

    name: str
    type: Any
    doc: str
    reads: tuple[str, ...]


def columns(table: str) -> tuple[Column, ...]:
    """Return the columns of a fact table, in order. KeyError: there is no such table."""
    row = TABLES[table]
    hints = get_type_hints(row)
    return tuple(Column(f.name, hints[f.name], f.metadata["doc"], f.metadata["reads"]) for f in fields(row))
