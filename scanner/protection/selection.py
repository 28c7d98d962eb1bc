"""Which resources a backup selection selects (AWS Backup developer guide, "Assigning resources"; facts 3).

    matched      = Resources or ListOfTags match it, or both are empty
    not excluded = AWS Backup can back up its kind, every condition is met, no NotResources entry matches, and
                   no restore test created it
    selected     = matched, not excluded, and the Region is opted in to its type if the opt-in decides

Names, operators, keys and values are case sensitive. `*` matches any characters, also none.
"""

from dataclasses import dataclass
from typing import Final

from scanner.model.inventory import Resource, SelectionTerms, Tags
from scanner.model.known import Answer, Gap, Known, Ternary, Unread, conjunction
from scanner.protection.capabilities import can_be_backed_up, restore_test_leftover
from scanner.protection.opt_in import OptIn, opt_in_decides, opted_in
from scanner.protection.tag_conditions import (
    condition_holds,
    condition_text,
    could_match,
    listed_tag_holds,
    wildcard,
)

NOT_MATCHED: Final = Answer(value=False, because="neither Resources nor ListOfTags matches it")
_NOT_EXCLUDED: Final = Answer(value=True)
_TAGS_UNREAD: Final = "the resource's tags were not read"


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
