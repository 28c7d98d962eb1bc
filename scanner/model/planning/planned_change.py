"""Changes of a configuration that are not applied yet: what `audit what-if` judges.

A document has the shape of AWS's own API (`CreateBackupPlan`, `PutBackupVaultAccessPolicy` ...), whatever
file it was read from. A value that is known only once the change is applied is UNKNOWN: never absent, never a
guess.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any, Final


class Unknown(Enum):
    """The type of UNKNOWN."""

    VALUE = "known only after the change is applied"


UNKNOWN: Final = Unknown.VALUE


class ChangeKind(StrEnum):
    """What a change is about."""

    PLAN = "backup plan"
    SELECTION = "backup selection"
    VAULT = "backup vault"
    VAULT_POLICY = "access policy of vault"
    VAULT_LOCK = "lock of vault"
    VAULT_NOTIFICATIONS = "notifications of vault"
    REGION_SETTINGS = "settings of Region"
    GLOBAL_SETTINGS = "global settings"
    ROLE = "IAM role"
    KEY_POLICY = "policy of key"
    TAGS = "tags of"
    BACKUP_POLICY = "backup policy"
    POLICY_ATTACHMENT = "attachment of backup policy"
    EFFECTIVE_POLICY = "effective backup policy"
    RESOURCE = "resource"


class Action(StrEnum):
    """What happens to it. UPDATE keeps its identity; REPLACE means a new one in the place of the old one."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    REMOVE = "remove"


VAULT_KINDS: Final = frozenset(
    {ChangeKind.VAULT, ChangeKind.VAULT_POLICY, ChangeKind.VAULT_LOCK, ChangeKind.VAULT_NOTIFICATIONS}
)


POLICY_KINDS: Final = frozenset({ChangeKind.BACKUP_POLICY, ChangeKind.POLICY_ATTACHMENT})
"""Changes of the organization, which change what its accounts have."""


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """Where a change is written. `address`: in a plan or a template. `line`: 0 where there is none."""

    file: str
    address: str = ""
    line: int = 0

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place} ({self.address})" if self.address else place


@dataclass(frozen=True, slots=True)
class PlanReference:
    """The backup plan of a selection: by id, by name, or by the address of the change that creates it."""

    id: str = ""
    name: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedChange:
    """One change of one thing in one account and Region.

    `note`: what a reader has to know about how it was read. `id`: AWS's identifier where the file has it (a
    plan or a selection). `name`: of a plan, a selection or a vault, the ARN of a role, of a key or of a
    resource, or empty. `plan`: of a selection. `document`: as it is afterwards; empty for a removal.
    """

    kind: ChangeKind
    action: Action
    account: str
    region: str
    origin: Origin
    name: str = ""
    id: str = ""
    plan: PlanReference | None = None
    document: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""

    @property
    def title(self) -> str:
        """The change in a few words: `replace backup plan daily in 111122223333/eu-west-1`."""
        name = self.name or self.id
        subject = f"{self.kind.value} {name}".rstrip()
        where = "the organization" if self.kind in POLICY_KINDS else f"{self.account}/{self.region}"
        return f"{self.action.value} {subject} in {where}"


@dataclass(frozen=True, slots=True, order=True)
class NotJudged:
    """A change that could not be judged, and why: one sentence."""

    origin: Origin
    why: str


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """The changes of one or more files, and those that cannot be judged.

    `ignored`: the number of changes of types that no control is about. `notes`: what a reader has to know.
    """

    changes: tuple[PlannedChange, ...] = ()
    not_judged: tuple[NotJudged, ...] = ()
    ignored: int = 0
    notes: tuple[str, ...] = ()


def has_unknown(value: object) -> bool:
    """Check whether a value is UNKNOWN, or anything in it is. What is not JSON is not known either."""
    if isinstance(value, Mapping):
        return any(map(has_unknown, value.values()))
    if isinstance(value, list | tuple):
        return any(map(has_unknown, value))
    return not (value is None or isinstance(value, str | int | float))


def unknown_paths(value: object, path: str = "") -> tuple[str, ...]:
    """Return the paths of what is UNKNOWN in a value: `Rules[0].Lifecycle.DeleteAfterDays`."""
    if value is UNKNOWN:
        return (path,)
    paths: list[str] = []
    if isinstance(value, Mapping):
        for key, inner in value.items():
            paths += unknown_paths(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for position, inner in enumerate(value):
            paths += unknown_paths(inner, f"{path}[{position}]")
    return tuple(paths)
