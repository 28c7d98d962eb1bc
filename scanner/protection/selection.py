"""Whom a backup selection selects (AWS Backup developer guide, "Assigning resources"; facts 3).

    reached  = everything, when Resources and ListOfTags are both empty; else Resources or ListOfTags
    kept     = AWS Backup can back up its kind, every condition holds, no NotResources entry matches, and no
               restore test made it
    selected = reached and kept, and the Region is opted in to its type where the opt-in decides

Names, operators, keys and values are case sensitive. `*` stands for any run of characters.
"""

from dataclasses import dataclass
from typing import Final

from scanner.model.inventory import Resource, SelectionTerms, Tags
from scanner.model.reading import Gap, Known, Unread
from scanner.model.ternary import Answer, Ternary, conjunction
from scanner.protection.capabilities import can_be_backed_up, restore_test_leftover
from scanner.protection.opt_in import OptIn, opt_in_decides, opted_in
from scanner.protection.tag_conditions import clause, condition_holds, could_match, listed_tag_holds, wildcard

NOT_REACHED: Final = Answer(value=False, because="neither Resources nor ListOfTags matches it")
_KEPT: Final = Answer(value=True)
_TAGS_UNREAD: Final = "the resource's tags were not read"


@dataclass(frozen=True, slots=True)
class Reach:
    """How a selection fares with one resource, clause by clause.

    `opt_in_decides` is about the form of assignment alone: whether the opt-in counts for what is reached.
    """

    reached: Answer
    kept: Answer
    opt_in_decides: Ternary
    opted_in: Answer

    @property
    def opt_in(self) -> Answer:
        """Whether the opt-in lets the resource through."""
        if self.opt_in_decides is False:
            return Answer(value=True, because="which names its type, so the opt-in has no effect")
        if self.opt_in_decides is None and self.opted_in.value is not True:
            because = "AWS does not document whether the opt-in applies to such an entry of Resources"
            return Answer(None, f"{because}, and {self.opted_in.because}")
        return self.opted_in

    @property
    def verdict(self) -> Answer:
        """Whether the selection selects the resource, and what decided that or keeps it open."""
        clauses = (self.reached, self.kept, self.opt_in)
        joined = conjunction(clauses)
        if joined.value is not True:
            return joined
        return Answer(value=True, because=", ".join(each.because for each in clauses if each.because))

    def gap(self, resource: Resource, opt_in: OptIn) -> Gap | None:
        """Give the missing read that keeps the verdict open, where it is open for one."""
        by_tags = self.reached.value is None or self.kept.value is None
        reading = resource.tags if by_tags else opt_in.settings
        return reading.gap if isinstance(reading, Unread) else None


def selects(terms: SelectionTerms, resource: Resource, opt_in: OptIn) -> Answer:
    """Say whether a selection with these terms selects a resource of its own account and Region."""
    reach = reach_of(terms, resource, opt_in)
    return NOT_REACHED if reach is None else reach.verdict


def reach_of(terms: SelectionTerms, resource: Resource, opt_in: OptIn) -> Reach | None:
    """Say of each clause of a selection how a resource of its account and Region fares with it.

    None, the most frequent answer by far: neither Resources nor ListOfTags reaches it.
    """
    matched = _matched(terms, resource)
    reached = _reached(terms, matched, resource.tags.value if isinstance(resource.tags, Known) else None)
    if reached.value is False:
        return None
    return Reach(
        reached=reached,
        kept=_kept(terms, resource),
        opt_in_decides=opt_in_decides(resource, matched),
        opted_in=opted_in(resource, opt_in),
    )


def _matched(terms: SelectionTerms, resource: Resource) -> tuple[str, ...]:
    return tuple([entry for entry in terms.resources if wildcard(entry, resource.arn)])


def _reached(terms: SelectionTerms, matched: tuple[str, ...], tags: Tags | None) -> Answer:
    """Whether Resources or ListOfTags reach the resource; both empty reach everything."""
    if matched or not (terms.resources or terms.list_of_tags):
        reach = f"Resources contains {matched[0]}" if matched else "it selects everything"
        return Answer(value=True, because=reach)
    kept_open = ""
    for wanted in terms.list_of_tags:
        holds = listed_tag_holds(wanted, tags)
        if holds is True:
            return Answer(value=True, because=f"ListOfTags contains {wanted.key}={wanted.value}")
        if holds is None and not kept_open:
            kept_open = _TAGS_UNREAD if tags is None else f"ListOfTags contains the unknown {clause(wanted)}"
    if kept_open:
        return Answer(None, kept_open)
    return NOT_REACHED


def _kept(terms: SelectionTerms, resource: Resource) -> Answer:
    """Whether its kind, exclusions, its origin and conditions leave it in: the first that does not."""
    kind = can_be_backed_up(resource)
    if kind.value is False:
        return kind
    for entry in terms.not_resources:
        if wildcard(entry, resource.arn):
            return Answer(value=False, because=f"NotResources contains {entry}")
    if restore_test_leftover(resource):  # where its tags were not read, only its name speaks
        return Answer(
            value=False, because="ordinary backup plans ignore resources that a restore test created"
        )
    held = _conditions_hold(terms, resource) if terms.conditions else _KEPT
    return kind if kind.value is None and held.value else held


def _conditions_hold(terms: SelectionTerms, resource: Resource) -> Answer:
    tags = resource.tags.value if isinstance(resource.tags, Known) else None
    kept_open: Answer | None = None
    for condition in terms.conditions:
        holds = condition_holds(condition, tags)
        if holds is False:
            return Answer(value=False, because=f"the condition {clause(condition)} is not met")
        if holds is None and kept_open is None:
            told = _TAGS_UNREAD if tags is None else "how AWS Backup handles it is unknown"
            kept_open = Answer(None, f"the condition {clause(condition)} cannot be evaluated: {told}")
    return kept_open or Answer(value=True, because="its conditions are met")


def could_select(terms: SelectionTerms, service: str, type_prefix: str) -> bool:
    """Whether a selection could select resources of a type that nobody listed.

    `service` and `type_prefix` are those of the type's ARNs: `ec2` and `volume/`.
    """
    if terms.list_of_tags or not terms.resources:
        return True
    return any(could_match(entry, service, type_prefix) for entry in terms.resources)
