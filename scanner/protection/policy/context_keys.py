"""The values that condition keys may have when a question is about a whole account.

| key | for all principals of one account |
|---|---|
| aws:PrincipalAccount | the account |
| aws:PrincipalArn | any root, user, role or federated user of the account: differs from principal to principal. Sessions show their role's ARN |
| aws:PrincipalOrgID | `Context.organization_id`; unknown without it |
| aws:PrincipalOrgPaths | `Context.organization_path`; else anything below the organisation |
| aws:PrincipalIsAWSService | false |
| aws:PrincipalServiceName, …NamesList | absent |
| aws:SecureTransport | true: the endpoints of AWS Backup and KMS accept TLS only |
| aws:RequestedRegion | `Context.region` |
| aws:PrincipalType, aws:PrincipalTag/…, aws:userid, aws:username, aws:FederatedProvider, aws:SourceIdentity, aws:AssumedRoot | differ from principal to principal |
| aws:MultiFactorAuthPresent, …Age, aws:TokenIssueTime | differ from request to request |
| aws:SourceIp, aws:VpcSourceIp, aws:SourceVpc…, aws:UserAgent, aws:Referer, aws:ViaAWSService, aws:CalledVia… | differ from request to request |
| aws:SourceAccount, aws:SourceOrgID, aws:SourceOrgPaths | the account and its organisation, or absent: set when a service calls for itself (`admits_service`), and whether AWS Backup's calls for a principal carry them is not documented |
| aws:ResourceAccount | the account in the resource's ARN |
| aws:ResourceOrgID | `Context.resource_organization_id`; unknown without it |
| aws:CurrentTime, aws:EpochTime | from `Context.as_of` on, for ever: what holds now and not later is open; unknown without it |
| everything else (aws:SourceArn but in `admits_service`, aws:ResourceTag/…, kms:EncryptionContext:… ) | unknown |

Source: IAM User Guide, "AWS global condition context keys" (the availability lines).
"""  # noqa: E501 - a table row is one line

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

from scanner.protection.policy.match import arn_part, is_account_id

PRINCIPAL_ARN = "aws:principalarn"
PRINCIPAL = "principal"
_END_OF_TIME = "9999-12-31T00:00:00+00:00"
_SESSION = "session"
_PATH = "path"
_VARYING = {
    "aws:principaltype": PRINCIPAL,
    "aws:userid": PRINCIPAL,
    "aws:username": PRINCIPAL,
    "aws:federatedprovider": PRINCIPAL,
    "aws:sourceidentity": PRINCIPAL,
    "aws:assumedroot": PRINCIPAL,
    "aws:multifactorauthpresent": _SESSION,
    "aws:multifactorauthage": _SESSION,
    "aws:tokenissuetime": _SESSION,
    "aws:sourceip": _PATH,
    "aws:vpcsourceip": _PATH,
    "aws:sourcevpc": _PATH,
    "aws:sourcevpce": _PATH,
    "aws:sourcevpcarn": _PATH,
    "aws:useragent": _PATH,
    "aws:referer": _PATH,
    "aws:viaawsservice": _PATH,
    "aws:calledvia": _PATH,
    "aws:calledviafirst": _PATH,
    "aws:calledvialast": _PATH,
}
_FLAGS = frozenset(("aws:multifactorauthpresent", "aws:viaawsservice"))


@dataclass(frozen=True, slots=True)
class Context:
    """What is known about the account in question; None: not known.

    `organization_id` is like `o-abc`, `organization_path` like `o-abc/r-x/ou-x/` (with its closing slash),
    `region` that of the request, `resource_organization_id` that of the resource's account, `as_of` (with a
    time zone) the earliest time that the question is about. `extra` are other keys with all values that they
    have in every request; an empty tuple means that no request has the key.
    """

    organization_id: str | None = None
    organization_path: str | None = None
    region: str | None = None
    partition: str = "aws"
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()
    resource_organization_id: str | None = None
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class Population:
    """The principals that a question is about: all of an account, or the one with `arn`."""

    account: str
    partition: str = "aws"
    arn: str = ""

    @property
    def cells(self) -> tuple[str, ...]:
        """The values of aws:PrincipalArn that occur."""
        return (self.arn,) if self.arn else account_cells(self.account, self.partition)


@dataclass(frozen=True, slots=True)
class Domain:
    """The values that a condition key may have.

    `members` are the values of the key in one request (a single one for nearly all keys); each is a tuple of
    cells, one of which contains the value. `present`: always, never, or not known. `varies` is the group of a
    key that is known to differ between requests, or "" for a key that is merely unknown: an undecided clause
    on it is open, rather than true for some requests.
    """

    members: tuple[tuple[str, ...], ...] = (("*",),)
    present: bool | None = None
    varies: str = ""


class Domains(dict[str, Domain]):
    """Domains by key; keys that are not listed differ between principals or requests, or are unknown."""

    def get(self, key: str, default: Domain | None = None, /) -> Domain:  # type: ignore[override]  # never None
        """Return the domain of a key, which is in lower case."""
        if key in self:
            return self[key]
        if key in _FLAGS:
            return within("true", "false", present=None, varies=_VARYING[key])
        group = PRINCIPAL if key.startswith("aws:principaltag/") else _VARYING.get(key, "")
        return Domain(varies=group) if group else default or UNKNOWN


def account_cells(account: str, partition: str = "aws") -> tuple[str, ...]:
    """Return every ARN that aws:PrincipalArn can have for principals of an account."""
    iam = f"arn:{partition}:iam::{account}"
    return (
        f"{iam}:root",
        f"{iam}:user/*",
        f"{iam}:role/*",
        f"arn:{partition}:sts::{account}:federated-user/*",
    )


def is_identity(key: str) -> bool:
    """Check whether a key distinguishes principals other than by ARN."""
    return key.startswith("aws:principaltag/") or _VARYING.get(key) == PRINCIPAL


@lru_cache(maxsize=1024)  # each vault's policy is evaluated many times
def domains_of(population: Population, context: Context, resource: str = "") -> Mapping[str, Domain]:
    """Return the domain of each key when these principals act on a resource; it is cached, so read only."""
    domains = Domains()
    domains["aws:principalaccount"] = exactly(population.account)
    domains["aws:sourceaccount"] = _perhaps(exactly(population.account))
    domains[PRINCIPAL_ARN] = within(*population.cells, varies=PRINCIPAL)
    domains["aws:principalorgid"] = _organization(context)
    domains["aws:sourceorgid"] = _perhaps(_organization(context))
    domains["aws:principalorgpaths"] = _paths(context)
    domains["aws:sourceorgpaths"] = _perhaps(_paths(context))
    domains["aws:principalisawsservice"] = exactly("false")
    domains["aws:principalservicename"] = domains["aws:principalservicenameslist"] = ABSENT
    domains["aws:securetransport"] = exactly("true")
    domains["aws:requestedregion"] = exactly(context.region) if context.region else UNKNOWN
    owner = arn_part(resource, 4)
    domains["aws:resourceaccount"] = exactly(owner) if is_account_id(owner) else UNKNOWN
    organization = context.resource_organization_id
    domains["aws:resourceorgid"] = exactly(organization) if organization else UNKNOWN
    domains["aws:currenttime"] = domains["aws:epochtime"] = _time(context)
    for key, values in context.extra:
        domains[key.lower()] = exactly(*values) if values else ABSENT
    return domains


def _perhaps(domain: Domain) -> Domain:
    """Return the same domain, for a key that a request may lack."""
    return replace(domain, present=None)


def _time(context: Context) -> Domain:
    """Return now and the end of time: a comparison that holds for both holds in between."""
    return within(context.as_of.isoformat(), _END_OF_TIME) if context.as_of else UNKNOWN


def _organization(context: Context) -> Domain:
    if context.organization_id:
        return exactly(context.organization_id)
    return within("o-*", present=None)


def _paths(context: Context) -> Domain:
    if context.organization_path:
        return exactly(context.organization_path)
    if context.organization_id:
        return within(f"{context.organization_id}/*")
    return within("o-*/*", present=None)


UNKNOWN = Domain()
ABSENT = Domain(members=(), present=False)


def exactly(*values: str) -> Domain:
    """Return the domain of a key that has these values in every request."""
    return Domain(members=tuple((value,) for value in values), present=True)


def within(*cells: str, present: bool | None = True, varies: str = "") -> Domain:
    """Return the domain of a key with one value, which is in one of the cells."""
    return Domain(members=(cells,), present=present, varies=varies)
