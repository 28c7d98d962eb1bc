"""When the Region's service opt-in decides, and its value (AWS Backup, "Assigning resources"; facts 3.3).

The opt-in has no effect on a selection that names a type or an ARN. It applies to tags, to `*`, to a whole
service and to an empty selection, and always to types that share one form of ARN: Aurora, Neptune,
DocumentDB, FSx.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from scanner.model.inventory import RegionSettings, Resource
from scanner.model.known import Answer, Known, Reading, Ternary, any_of, negate
from scanner.model.names import parse_arn
from scanner.protection.capabilities import capability_of, opt_in_always

_SHARES_ITS_ARNS: Final = "RDS_MULTI_AZ_CLUSTER"
"""Of type RDS, with the ARN of an Aurora cluster: AWS does not say whether naming it overrides the opt-in."""


@dataclass(frozen=True, slots=True)
class OptIn:
    """The Region settings whose opt-in decides, and the name of the account that they belong to.

    `answers` caches the opt-in of each type: every selection needs it for every resource.
    """

    settings: Reading[RegionSettings]
    account_name: str
    answers: dict[tuple[str, str], Answer] = field(default_factory=dict, compare=False, repr=False)


def opt_in_decides(resource: Resource, matched: Iterable[str]) -> Ternary:
    """Check whether the opt-in decides if these entries of Resources match the resource's ARN.

    None: AWS does not say whether an entry of this form names the type.
    """
    if opt_in_always(resource.type):
        return True
    named = any_of(names_type(entry, resource.arn) for entry in matched)
    if named and resource.capability == _SHARES_ITS_ARNS:
        return None
    return negate(named)


def names_type(entry: str, arn: str) -> Ternary:
    """Check whether an entry that matches an ARN names it or its type, not everything or a whole service.

    `arn:aws:ec2:*:*:volume/*` does, `arn:aws:ec2:*` does not; None for entries such as `…:vol*`.
    """
    if "*" not in entry:
        return True
    service, kind = service_and_type(arn)
    return _names(entry, service, kind)


@lru_cache(maxsize=4096)
def _names(entry: str, service: str, kind: str) -> Ternary:
    parts = parse_arn(entry)
    if parts is None or parts.service != service:
        return None if kind and kind in entry else False
    if not kind:  # a bucket: its ARN has neither Region nor account, nor a type
        return None if parts.region or parts.account else True
    if parts.resource.startswith(kind):
        return True
    begun = parts.resource.partition("*")[0]
    return None if kind in entry or (begun and kind.startswith(begun)) else False


def service_and_type(arn: str) -> tuple[str, str]:
    """Return the service of a resource's ARN and how its resource part begins: `volume/`, `db:`."""
    parts = parse_arn(arn)
    if parts is None:
        return "", ""
    ends = [at for at in (parts.resource.find("/"), parts.resource.find(":")) if at >= 0]
    return parts.service, parts.resource[: min(ends) + 1] if ends else ""


def opted_in(resource: Resource, opt_in: OptIn) -> Answer:
    """Check whether the Region is opted in to the resource's type, with the reason."""
    kind = (resource.type, resource.capability)
    if (answer := opt_in.answers.get(kind)) is None:
        answer = opt_in.answers[kind] = _opted_in(resource, opt_in)
    return answer


def _opted_in(resource: Resource, opt_in: OptIn) -> Answer:
    if not isinstance(opt_in.settings, Known):
        return Answer(None, f"the opt-in settings of {opt_in.account_name} were not read")
    row = capability_of(resource, opt_in.settings)
    key = row.opt_in_key if row is not None else resource.type
    preference = opt_in.settings.value.opt_in.get(key)
    if preference is None:
        return Answer(
            None, f"the Region settings of {opt_in.account_name} do not report the service opt-in for {key}"
        )
    state = "is opted in to" if preference else "is not opted in to"
    return Answer(preference, f"{opt_in.account_name} {state} {key} in this Region")
