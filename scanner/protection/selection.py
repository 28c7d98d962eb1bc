"""Which resources a backup selection selects (AWS Backup developer guide, "Assigning resources"; facts 3).

    matched      = Resources or ListOfTags match it, or both are empty
    not excluded = AWS Backup can back up its kind, every condition is met, no NotResources entry matches, and
                   no restore test created it
    selected     = matched, not excluded, and the Region is opted in to its type if the opt-in decides

Names, operators, keys and values are case sensitive. `*` matches any characters, also none.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from scanner.model.inventory import RegionSettings, Resource, SelectionTerms, Tags
from scanner.model.known import Answer, Gap, Known, Reading, Ternary, Unread, any_of, conjunction, negate
from scanner.model.names import parse_arn
from scanner.protection.capabilities import (
    can_be_backed_up,
    capability_of,
    opt_in_always,
    restore_test_leftover,
)
from scanner.protection.tag_conditions import (
    condition_holds,
    condition_text,
    could_match,
    listed_tag_holds,
    wildcard,
)

_SHARES_ITS_ARNS: Final = "RDS_MULTI_AZ_CLUSTER"
"""Of type RDS, with the ARN of an Aurora cluster: AWS does not say whether naming it overrides the opt-in."""
NOT_MATCHED: Final = Answer(value=False, because="neither Resources nor ListOfTags matches it")
_NOT_EXCLUDED: Final = Answer(value=True)
_TAGS_UNREAD: Final = "the resource's tags were not read"


# AWS Backup, "Assigning resources" (facts 3.3): the opt-in has no effect on a selection that names a type or
# an ARN. It applies to tags, to `*`, to a whole service and to an empty selection, and always to types that
# share one form of ARN: Aurora, Neptune, DocumentDB, FSx.
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


@dataclass(frozen=True, slots=True)
class ClauseResults:
    """The result of each clause of a selection for one resource.

    `opt_in_decides`: whether the opt-in applies at all, which depends on how the resource is assigned.
    """

    matched: Answer
    not_excluded: Answer
    opt_in_decides: Ternary
    opted_in: Answer

    @property
    def opt_in(self) -> Answer:
        """Whether the opt-in allows the backup, or does not apply."""
        if self.opt_in_decides is False:
            return Answer(value=True, because="which names its type, so the opt-in has no effect")
        if self.opt_in_decides is None and self.opted_in.value is not True:
            because = "AWS does not document whether the opt-in applies to such an entry of Resources"
            return Answer(None, f"{because}, and {self.opted_in.because}")
        return self.opted_in

    @property
    def verdict(self) -> Answer:
        """Whether the selection selects the resource, with the clauses that decide it."""
        clauses = (self.matched, self.not_excluded, self.opt_in)
        joined = conjunction(clauses)
        if joined.value is not True:
            return joined
        return Answer(value=True, because=", ".join(answer.because for answer in clauses if answer.because))

    def gap(self, resource: Resource, opt_in: OptIn) -> Gap | None:
        """Return the missing read that leaves the verdict unknown, if there is one."""
        by_tags = self.matched.value is None or self.not_excluded.value is None
        reading = resource.tags if by_tags else opt_in.settings
        return reading.gap if isinstance(reading, Unread) else None


def selects(terms: SelectionTerms, resource: Resource, opt_in: OptIn) -> Answer:
    """Return whether a selection with these terms selects a resource of its own account and Region."""
    reach = clause_results(terms, resource, opt_in)
    return NOT_MATCHED if reach is None else reach.verdict


def clause_results(terms: SelectionTerms, resource: Resource, opt_in: OptIn) -> ClauseResults | None:
    """Return the result of each clause of a selection for a resource of its account and Region.

    None, by far the most frequent result: neither Resources nor ListOfTags matches.
    """
    # A list and not a generator: this runs for every pair of resource and selection.
    entries = tuple([entry for entry in terms.resources if wildcard(entry, resource.arn)])
    matched = _matched(terms, entries, resource.tags.value if isinstance(resource.tags, Known) else None)
    if matched.value is False:
        return None
    return ClauseResults(
        matched=matched,
        not_excluded=_not_excluded(terms, resource),
        opt_in_decides=opt_in_decides(resource, entries),
        opted_in=opted_in(resource, opt_in),
    )


def _matched(terms: SelectionTerms, entries: tuple[str, ...], tags: Tags | None) -> Answer:
    """Check whether Resources or ListOfTags match the resource; if both are empty, everything matches."""
    if entries or not (terms.resources or terms.list_of_tags):
        because = f"Resources contains {entries[0]}" if entries else "it selects everything"
        return Answer(value=True, because=because)
    undecided = ""
    for required in terms.list_of_tags:
        holds = listed_tag_holds(required, tags)
        if holds is True:
            return Answer(value=True, because=f"ListOfTags contains {required.key}={required.value}")
        if holds is None and not undecided:
            undecided = (
                _TAGS_UNREAD
                if tags is None
                else f"ListOfTags contains the unknown {condition_text(required)}"
            )
    return Answer(None, undecided) if undecided else NOT_MATCHED


def _not_excluded(terms: SelectionTerms, resource: Resource) -> Answer:
    """Check its kind, NotResources, its origin and the conditions; the first that excludes it decides."""
    kind = can_be_backed_up(resource)
    if kind.value is False:
        return kind
    for entry in terms.not_resources:
        if wildcard(entry, resource.arn):
            return Answer(value=False, because=f"NotResources contains {entry}")
    if restore_test_leftover(resource):  # None (tags not read, name does not say so) does not exclude
        return Answer(
            value=False, because="ordinary backup plans ignore resources that a restore test created"
        )
    conditions = _conditions_hold(terms, resource) if terms.conditions else _NOT_EXCLUDED
    return kind if kind.value is None and conditions.value else conditions


def _conditions_hold(terms: SelectionTerms, resource: Resource) -> Answer:
    tags = resource.tags.value if isinstance(resource.tags, Known) else None
    undecided: Answer | None = None
    for condition in terms.conditions:
        holds = condition_holds(condition, tags)
        if holds is False:
            return Answer(value=False, because=f"the condition {condition_text(condition)} is not met")
        if holds is None and undecided is None:
            why = _TAGS_UNREAD if tags is None else "how AWS Backup handles it is unknown"
            undecided = Answer(None, f"the condition {condition_text(condition)} cannot be evaluated: {why}")
    return undecided or Answer(value=True, because="its conditions are met")


def could_select(terms: SelectionTerms, service: str, type_prefix: str) -> bool:
    """Check whether a selection could select resources of a type that was not listed.

    `service` and `type_prefix` are those of the type's ARNs: `ec2` and `volume/`.
    """
    if terms.list_of_tags or not terms.resources:
        return True
    return any(could_match(entry, service, type_prefix) for entry in terms.resources)
