"""Where the Region's service opt-in decides, and what it says (AWS Backup, "Assigning resources"; facts 3.3).

A type or an ARN that is named is backed up whatever the opt-in says; tags, `*`, a whole service and an
empty selection obey it. Types that share one form of ARN obey it always: Aurora, Neptune, DocumentDB, FSx.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from scanner.model.inventory import RegionSettings, Resource
from scanner.model.names import parse_arn
from scanner.model.reading import Known, Reading
from scanner.model.ternary import Answer, Ternary, any_of, negate
from scanner.protection.capabilities import capability_of, opt_in_always

_SHARES_ITS_ARNS: Final = "RDS_MULTI_AZ_CLUSTER"
"""Of type RDS, with the ARN of an Aurora cluster: AWS says nothing of its opt-in where it is named."""


@dataclass(frozen=True, slots=True)
class OptIn:
    """The Region settings whose opt-in decides, and the name of the account that they belong to.

    `told` keeps what they say of each kind of resource: it is asked again and again.
    """

    settings: Reading[RegionSettings]
    whose: str
    told: dict[tuple[str, str], Answer] = field(default_factory=dict, compare=False, repr=False)


def opt_in_decides(resource: Resource, matched: Iterable[str]) -> Ternary:
    """Whether the opt-in decides, where these entries of Resources match the resource's ARN.

    None where AWS does not say whether a form of entry names the type.
    """
    if opt_in_always(resource.type):
        return True
    named = any_of(names_type(entry, resource.arn) for entry in matched)
    if named and resource.capability == _SHARES_ITS_ARNS:
        return None
    return negate(named)


def names_type(entry: str, arn: str) -> Ternary:
    """Whether an entry that matches an ARN names it or its type, not everything or a whole service.

    `arn:aws:ec2:*:*:volume/*` does, `arn:aws:ec2:*` does not; None for what is neither: `…:vol*`.
    """
    if "*" not in entry:
        return True
    service, kind = kind_of(arn)
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


def kind_of(arn: str) -> tuple[str, str]:
    """Give the service of a resource's ARN and what its resource part begins with: `volume/`, `db:`."""
    parts = parse_arn(arn)
    if parts is None:
        return "", ""
    ends = [at for at in (parts.resource.find("/"), parts.resource.find(":")) if at >= 0]
    return parts.service, parts.resource[: min(ends) + 1] if ends else ""


def opted_in(resource: Resource, opt_in: OptIn) -> Answer:
    """Whether the settings are opted in to the resource's type; the reason for either answer."""
    kind = (resource.type, resource.capability)
    if (known := opt_in.told.get(kind)) is None:
        known = opt_in.told[kind] = _opted_in(resource, opt_in)
    return known


def _opted_in(resource: Resource, opt_in: OptIn) -> Answer:
    if not isinstance(opt_in.settings, Known):
        return Answer(None, f"the opt-in settings of {opt_in.whose} were not read")
    row = capability_of(resource, opt_in.settings)
    key = row.opt_in_key if row is not None else resource.type
    preference = opt_in.settings.value.opt_in.get(key)
    if preference is None:
        return Answer(
            None, f"the Region settings of {opt_in.whose} do not report the service opt-in for {key}"
        )
    said = "is opted in to" if preference else "is not opted in to"
    return Answer(preference, f"{opt_in.whose} {said} {key} in this Region")
