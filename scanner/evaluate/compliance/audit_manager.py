"""The eleven controls of AWS Backup Audit Manager, as parameters of ours.

Names and defaults of the parameters: AWS Backup Developer Guide, "Controls and remediation" and "Creating
frameworks using the AWS Backup API", and the pages of the AWS Config managed rules (facts 8.1, 8.3).
What has no counterpart is in a note, and never dropped.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from scanner.model.assurance import FrameworkControl
from scanner.model.compliance import Comparison, Value
from scanner.model.resource_types import RESOURCE_TYPES, AuditScope

MOST: Final = 1_000_000
"""The largest number of hours, days or minutes that a parameter can have."""
_HOURS: Final[Mapping[str, int]] = {"hours": 1, "hour": 1, "days": 24, "day": 24}
_SHOWN: Final = 80

_OWN: Final[Mapping[str, str]] = {
    "plan": "AWS::Backup::BackupPlan",
    "vault": "AWS::Backup::BackupVault",
    "recovery_point": "AWS::Backup::RecoveryPoint",
}
"""AWS Config's names of what is no resource: a scope that names its own kind is no limit."""

_CONFIG_TYPES: Final[Mapping[str, str]] = {
    kind.config_type: kind.name for kind in RESOURCE_TYPES if kind.config_type
}


@dataclass(frozen=True, slots=True)
class Translation:
    """A control of a framework as one of ours. `control` empty: none of ours does its work."""

    name: str
    control: str
    parameters: Mapping[str, Value]
    notes: tuple[str, ...]


def translate(control: FrameworkControl) -> Translation:
    """Translate a control and its parameters; its scope is another matter (`scope_notes`)."""
    counterpart = COUNTERPARTS.get(control.name)
    if counterpart is None:
        note = f"{shown(control.name)} is not a known control"
        parameter_notes = (
            f"its parameter {shown(name)} = {shown(value)}" for name, value in control.parameters
        )
        return Translation(
            control.name, "", MappingProxyType({}), ("; with ".join((note, *parameter_notes)),)
        )
    values = _Given(control.parameters)
    wanted = counterpart.parameters(values)
    parameters = {name: value for name, value in wanted.items() if value is not None}
    return Translation(
        control.name, counterpart.control, MappingProxyType(parameters), tuple(values.all_notes())
    )


class _Given:
    """The parameters of a framework's control: those that we compare are read, and the others are noted."""

    def __init__(self, parameters: Iterable[tuple[str, str]]) -> None:
        self._values: dict[str, str] = {}
        self._notes: list[str] = []
        for name, value in parameters:
            if self._values.setdefault(name, value) != value:
                self._notes.append(f"{shown(name)} = {shown(value)}: the parameter occurs twice")
        self._left = dict(self._values)

    def all_notes(self) -> Iterator[str]:
        """Yield notes about values that could not be parsed, and parameters without a counterpart."""
        yield from self._notes
        for name, value in self._left.items():
            yield f"{shown(name)} = {shown(value)}: no parameter here corresponds to it"

    def note(self, text: str) -> None:
        """Add a note about a parameter."""
        self._notes.append(text)

    def text(self, name: str) -> str:
        """Return a parameter's text; empty: it is not set."""
        self._left.pop(name, None)
        return self._values.get(name, "").strip()

    def whole(self, name: str, default: int | None) -> int | None:
        """Return a whole number above zero; None: the value is something else, or there is no default."""
        text = self.text(name)
        if not text:
            return default
        number = int(text) if text.isascii() and text.isdecimal() and len(text) < len(str(MOST)) else 0
        if number:
            return number
        self.note(f"{name} = {shown(text)}: it must be a whole number from 1 to {MOST - 1}")
        return None

    def hours(self, prefix: str) -> int | None:
        """Return a duration in hours: `PREFIXValue` of `PREFIXUnit`, by default one day."""
        unit = self.text(f"{prefix}Unit")
        value = self.whole(f"{prefix}Value", 1)
        factor = _HOURS.get(unit.casefold() or "days")
        if factor is None:
            self.note(f"{prefix}Unit = {shown(unit)}: it must be hours or days")
        return None if value is None or factor is None else value * factor

    def listed(self, name: str) -> tuple[str, ...]:
        """Return the members of a comma-separated list, without repetition."""
        members = (printable(member.strip()) for member in self.text(name).split(","))
        return tuple(dict.fromkeys(filter(None, members)))


Parameters = Mapping[str, Value | None]


@dataclass(frozen=True, slots=True)
class Counterpart:
    """Our control that does the work of one of Audit Manager's, and its parameters.

    `judges`: the fact table of what Audit Manager judges. `types`: the resource types that it judges (those
    that have an AWS Config rule, facts 8.3); empty where it judges no resources.
    """

    control: str
    judges: str
    types: frozenset[str]
    parameters: Callable[[_Given], Parameters]


def _none(_: _Given) -> Parameters:
    return {}


def _frequency_and_retention(values: _Given) -> Parameters:
    return {
        "max_interval_hours": values.hours("requiredFrequency"),
        "min_retention_days": values.whole("requiredRetentionDays", 35),
    }


def _retention(values: _Given) -> Parameters:
    return {"min_days": values.whole("requiredRetentionDays", 35)}


def _deletion(values: _Given) -> Parameters:
    """Audit Manager does not ask that deleting the access policy itself be denied (facts 5)."""
    arns = values.listed("principalArnList")
    for arn in arns:
        if _is_pattern(arn):
            values.note(f"principalArnList names {shown(arn)}: * and ? would match other principals here")
    return {"exempt_principal_arns": tuple(arn for arn in arns if not _is_pattern(arn)), "strict": False}


def _is_pattern(arn: str) -> bool:
    return "*" in arn or "?" in arn


def _regions(values: _Given) -> Parameters:
    return {"regions": _any_of(values, "crossRegionList")}


def _accounts(values: _Given) -> Parameters:
    return {"accounts": _any_of(values, "crossAccountList")}


def _any_of(values: _Given, name: str) -> tuple[str, ...]:
    members = values.listed(name)
    if len(members) > 1:
        values.note(
            f"{name} names {len(members)}: this control passes with a copy to one of them; "
            "AWS does not document whether Audit Manager requires all of them"
        )
    return members


def _lock(values: _Given) -> Parameters:
    """Any lock counts for Audit Manager; its limits are compared only where they are set."""
    return {
        "mode": "governance",
        "min_retention_days": values.whole("minRetentionDays", 0),
        "max_retention_days": values.whole("maxRetentionDays", 0),
    }


def _age(values: _Given) -> Parameters:
    return {"max_age_hours": values.hours("recoveryPointAge")}


def _restore_time(values: _Given) -> Parameters:
    """Read maxRestoreTime, which has no default: without it the framework is not complete.

    Audit Manager measures the latest restore, however long ago it was.
    """
    if not values.text("maxRestoreTime"):
        values.note("maxRestoreTime is not set and has no default")
    return {"max_minutes": values.whole("maxRestoreTime", None), "window_days": _EVER_DAYS}


_EVER_DAYS: Final = 36_500


def _audited(scope: AuditScope) -> frozenset[str]:
    return frozenset(kind.name for kind in RESOURCE_TYPES if scope in kind.audited_as)


_PROTECTED: Final = _audited(AuditScope.PROTECTED)
_NO_TYPES: Final[frozenset[str]] = frozenset()


def shown(text: str) -> str:
    """Quote a text from AWS on one line: no line breaks, no hidden characters, not too long."""
    plain = printable(text)
    return repr(plain if len(plain) <= _SHOWN else plain[: _SHOWN - 3] + "...")


def printable(text: str) -> str:
    """Return a text with invisible characters replaced, so that it is safe in every file."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


COUNTERPARTS: Final[Mapping[str, Counterpart]] = MappingProxyType(
    {
        "BACKUP_RESOURCES_PROTECTED_BY_BACKUP_PLAN": Counterpart(
            "resource-in-backup-plan", "resource", _PROTECTED, _none
        ),
        "BACKUP_PLAN_MIN_FREQUENCY_AND_MIN_RETENTION_CHECK": Counterpart(
            "plan-frequency-and-retention", "plan", _NO_TYPES, _frequency_and_retention
        ),
        "BACKUP_RECOVERY_POINT_MANUAL_DELETION_DISABLED": Counterpart(
            "vault-manual-deletion-denied", "vault", _NO_TYPES, _deletion
        ),
        "BACKUP_RECOVERY_POINT_ENCRYPTED": Counterpart(
            "recovery-point-encrypted", "recovery_point", _NO_TYPES, _none
        ),
        "BACKUP_RECOVERY_POINT_MINIMUM_RETENTION_CHECK": Counterpart(
            "recovery-point-retention", "recovery_point", _NO_TYPES, _retention
        ),
        "BACKUP_RESOURCES_PROTECTED_BY_CROSS_REGION": Counterpart(
            "resource-cross-region-copy", "resource", _PROTECTED, _regions
        ),
        "BACKUP_RESOURCES_PROTECTED_BY_CROSS_ACCOUNT": Counterpart(
            "resource-cross-account-copy", "resource", _PROTECTED, _accounts
        ),
        "BACKUP_RESOURCES_PROTECTED_BY_BACKUP_VAULT_LOCK": Counterpart(
            "vault-locked", "resource", _PROTECTED, _lock
        ),
        "BACKUP_LAST_RECOVERY_POINT_CREATED": Counterpart(
            "resource-backed-up-recently", "resource", _PROTECTED, _age
        ),
        "RESTORE_TIME_FOR_RESOURCES_MEET_TARGET": Counterpart(
            "restore-time-target", "resource", _audited(AuditScope.RESTORED), _restore_time
        ),
        "RESOURCES_IN_LOGICALLY_AIR_GAPPED_VAULT": Counterpart(
            "resource-in-air-gapped-vault", "resource", _audited(AuditScope.AIR_GAPPED), _age
        ),
    }
)
"""All controls of Audit Manager that there are, with ours (facts 8.1)."""


def compare(theirs: Translation, ours: Mapping[str, Any]) -> Comparison:
    """Return how our effective parameters compare with the framework's.

    Where a parameter of the framework could not be translated, nothing is said to be equal to it.
    """
    if not theirs.control:
        return Comparison.NO_COUNTERPART
    if theirs.notes or not theirs.parameters.keys() <= ours.keys():
        return Comparison.NOT_COMPARABLE
    orders = {
        _order_of(theirs.control, name)(ours[name], required) for name, required in theirs.parameters.items()
    }
    orders.discard(Comparison.EQUAL)
    return orders.pop() if len(orders) == 1 else Comparison.NOT_COMPARABLE if orders else Comparison.EQUAL


def _order_of(control: str, parameter: str) -> Callable[[Any, Any], Comparison]:
    """Return how a parameter's values compare; a name may differ in meaning between two controls."""
    return _ORDERS.get(f"{control}.{parameter}") or _ORDERS[parameter]


def _less_is_stricter(ours: float, theirs: float) -> Comparison:
    return _order(stricter=ours <= theirs, weaker=ours >= theirs)


def _more_is_stricter(ours: float, theirs: float) -> Comparison:
    return _order(stricter=ours >= theirs, weaker=ours <= theirs)


def _least_bound(ours: float, theirs: float) -> Comparison:
    """Compare upper bounds, where 0 is none."""
    return _less_is_stricter(ours or float("inf"), theirs or float("inf"))


def _fewer_places(ours: Iterable[str], theirs: Iterable[str]) -> Comparison:
    """Compare lists of places of which one must be met, where none named is any."""
    mine, yours = frozenset(ours), frozenset(theirs)
    if not mine or not yours:
        return _order(stricter=bool(mine) or not yours, weaker=bool(yours) or not mine)
    return _fewer(mine, yours)


def _fewer(ours: Iterable[str], theirs: Iterable[str]) -> Comparison:
    mine, yours = frozenset(ours), frozenset(theirs)
    return _order(stricter=mine <= yours, weaker=mine >= yours)


def _mode(ours: str, theirs: str) -> Comparison:
    modes = ("governance", "compliance")
    if ours not in modes or theirs not in modes:
        return Comparison.NOT_COMPARABLE
    return _more_is_stricter(modes.index(ours), modes.index(theirs))


def _order(*, stricter: bool, weaker: bool) -> Comparison:
    match stricter, weaker:
        case True, True:
            return Comparison.EQUAL
        case True, False:
            return Comparison.STRICTER
        case False, True:
            return Comparison.WEAKER
        case _:
            return Comparison.NOT_COMPARABLE


_ORDERS: Final[Mapping[str, Callable[[Any, Any], Comparison]]] = {
    "max_interval_hours": _less_is_stricter,
    "min_retention_days": _more_is_stricter,
    "min_days": _more_is_stricter,
    "exempt_principal_arns": _fewer,
    "strict": _more_is_stricter,
    "regions": _fewer_places,
    "min_distance_km": _more_is_stricter,
    "accounts": _fewer_places,
    "mode": _mode,
    "max_retention_days": _least_bound,
    "max_age_hours": _less_is_stricter,
    "resource-in-air-gapped-vault.max_age_hours": _least_bound,
    "max_minutes": _less_is_stricter,
    "window_days": _more_is_stricter,
}


# What a control of AWS Backup Audit Manager is limited to: resource types, one resource, a tag.
#
# ControlScope in the API reference of AWS Backup; facts 8.1 (which control admits which scope).
@dataclass(frozen=True, slots=True)
class ScopeOfControl:
    """A scope in words of ours.

    `types`: the resource types that are judged; None: the table has no types. `ids`, `tags` (`key=value`):
    empty: not limited. `unknown`: its other conditions, which are not understood here.
    """

    types: tuple[str, ...] | None
    ids: tuple[str, ...]
    tags: tuple[str, ...]
    unknown: tuple[str, ...]


def scope_of(control: FrameworkControl) -> ScopeOfControl:
    """Return the scope of a control that has a counterpart here. KeyError: it has none."""
    counterpart = COUNTERPARTS[control.name]
    tags = tuple(f"{key}={value}" for key, value in control.tags)
    if counterpart.judges != "resource":
        strange = tuple(kind for kind in control.resource_types if kind != _OWN[counterpart.judges])
        return ScopeOfControl(None, control.resource_ids, tags, strange)
    names = {_plain(kind): kind for kind in counterpart.types}
    names |= {_plain(name): kind for name, kind in _CONFIG_TYPES.items() if kind in counterpart.types}
    named_types = [(kind, names.get(_plain(kind))) for kind in control.resource_types]
    types = tuple(
        sorted({kind for _, kind in named_types if kind} or (counterpart.types if not named_types else ()))
    )
    return ScopeOfControl(
        types, control.resource_ids, tags, tuple(kind for kind, our_type in named_types if not our_type)
    )


def _plain(name: str) -> str:
    """Bring the spellings of a type together: `Storage Gateway`, `StorageGateway`."""
    return "".join(char for char in name.casefold() if char.isalnum())


def scope_words(control: FrameworkControl) -> tuple[str, ...]:
    """Return what a control is limited to, in words; empty: not limited."""
    return tuple(_words(control))


def _words(control: FrameworkControl) -> Iterator[str]:
    if control.resource_types:
        yield f"resource types {_listed(control.resource_types)}"
    if control.resource_ids:
        yield f"resource ids {_listed(control.resource_ids)}"
    for key, value in control.tags:
        yield f"tag {shown(key)} = {shown(value)}" if value else f"tag {shown(key)}"


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(map(shown, texts))
