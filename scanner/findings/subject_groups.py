"""Groups the subjects of filed findings: those whose controls all have the same statuses are one group.

The groups answer, for any set of controls, how many distinct subjects have a gap. There are few of them
however many findings and requirements there are, and one pass over the files makes them.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from scanner.findings.filed import TABLE, Connection
from scanner.model.control import Control
from scanner.model.finding import Status
from scanner.model.known import Ternary

SCOPED: Final = "scoped_subjects"
"""The table with the scopes of subjects that belong to a resource: kind, account, Region, subject, scopes."""

OF_RESOURCE: Final = ("resource", "recovery_point")
"""The kinds of subjects that belong to a resource. All others are in every scope."""

_BITS: Final = 64
"""The number of controls in one column of bits."""

_MASKS: Final = (
    ("failed", "status = 'fail'"),
    ("unknown", "status IN ('unknown', 'error')"),
    ("waived", "status = 'waived'"),
    ("passed", "status = 'pass'"),
)
"""The masks of a group, with the findings that set their bits. What is not applicable sets none."""


@dataclass(frozen=True, slots=True)
class SubjectGroup:
    """Distinct subjects of one kind and type, whose controls have the same statuses.

    `kind`: the fact table (`resource`, `vault`). Each mask has the bits of the controls with a status
    (`SubjectGroups.mask`); `unknown` has those in error, too. `scopes`: whether they are in each of
    `SubjectGroups.scopes`; None: unknown.
    """

    kind: str
    type: str
    number: int
    failed: int = 0
    unknown: int = 0
    waived: int = 0
    passed: int = 0
    scopes: tuple[Ternary, ...] = ()

    def status(self, mask: int) -> Status | None:
        """Return the status of the subjects over the controls of a mask; None: none of them applies."""
        # A gap counts however much else is unknown, and an accepted failure is no pass.
        if self.failed & mask:
            return Status.FAIL
        if self.unknown & mask:
            return Status.UNKNOWN
        if self.waived & mask:
            return Status.WAIVED
        return Status.PASS if self.passed & mask else None


@dataclass(frozen=True, slots=True)
class SubjectGroups:
    """All subjects for which one of `controls` applies, in groups. A control's place is that of its bit.

    `scopes`: the frameworks with a declared scope.
    """

    controls: tuple[str, ...]
    groups: tuple[SubjectGroup, ...]
    scopes: tuple[str, ...] = ()

    def mask(self, names: Collection[str]) -> int:
        """Return the bits of some controls; those that were not evaluated have none."""
        return sum(1 << place for place, name in enumerate(self.controls) if name in names)


def scope_column(place: int) -> str:
    """Return the column of SCOPED for a framework, by its place among those with a declared scope."""
    return f"scope_{place}"


def subject_groups(
    connection: Connection, controls: Iterable[Control], scopes: Collection[str] = ()
) -> SubjectGroups:
    """Group the subjects of some controls. `connection` is that of `Filed.database()`.

    A subject is identified by its kind, account, Region and name. `scopes`: the frameworks with a declared
    scope; the database then has the table SCOPED.
    """
    kinds = {control.id: control.subject for control in controls}
    names = tuple(sorted(kinds))
    words = range(len(names) // _BITS + 1)
    connection.register("grouped_controls", _bits(names, kinds))
    rows = connection.execute(_sql(words, len(scopes))).fetchall()
    connection.unregister("grouped_controls")
    groups = (
        _group(row[: len(row) - len(scopes)], len(words), row[len(row) - len(scopes) :]) for row in rows
    )
    return SubjectGroups(names, tuple(groups), tuple(scopes))


def _bits(names: tuple[str, ...], kinds: Mapping[str, str]) -> pa.Table:
    """Return the kind, the column and the bit of each control."""
    return pa.table(
        {
            "control": pa.array(names, pa.string()),
            "kind": pa.array([kinds[name] for name in names], pa.string()),
            "word": pa.array([place // _BITS for place in range(len(names))], pa.int32()),
            "bit": pa.array([1 << place % _BITS for place in range(len(names))], pa.uint64()),
        }
    )


def _sql(words: Iterable[int], scopes: int) -> str:
    """Return the query: subjects with the bits of their controls, then the number of those that are alike."""
    masks = ", ".join(
        f"bit_or(CASE WHEN {condition} AND word = {word} THEN bit ELSE 0 END) AS {name}_{word}"
        for name, condition in _MASKS
        for word in words
    )
    kinds = ", ".join(f"'{kind}'" for kind in OF_RESOURCE)
    columns = ", ".join(
        f"CASE WHEN kind IN ({kinds}) THEN {name} ELSE true END AS {name}"
        for name in map(scope_column, range(scopes))
    )
    joined = f"LEFT JOIN {SCOPED} USING (kind, account, region, subject)" if scopes else ""
    bits = ", ".join(f"{name}_{word}" for name, _ in _MASKS for word in words)
    return f"""
        SELECT kind, subject_type, {bits}, count(*){", " if columns else ""}{columns} FROM (
            SELECT kind, subject_type, account, region, subject, {masks}
            FROM {TABLE} JOIN grouped_controls USING (control)
            WHERE status <> 'not_applicable'
            GROUP BY kind, subject_type, account, region, subject) {joined}
        GROUP BY ALL ORDER BY ALL
    """  # nosec B608 # noqa: S608 -- names of the model


def _group(row: tuple[object, ...], words: int, scopes: tuple[Ternary, ...]) -> SubjectGroup:
    kind, subject_type, *columns, number = row
    failed, unknown, waived, passed = (
        _joined(columns[first : first + words]) for first in range(0, len(columns), words)
    )
    return SubjectGroup(str(kind), str(subject_type), _whole(number), failed, unknown, waived, passed, scopes)


def _joined(words: Iterable[object]) -> int:
    """Return the columns of one mask as one number."""
    return sum(_whole(word) << _BITS * place for place, word in enumerate(words))


def _whole(value: object) -> int:
    return int(str(value))
