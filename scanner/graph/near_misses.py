"""Which selections of a shard come nearest to a resource that no rule covers, and what would help.

They are computed for uncovered resources only, and once for all resources with the same group of the shard's
selections, the same tags with relevant keys, and the same entries of Resources that almost match.
"""

import json
import shlex
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from scanner.graph.selection_results import selections_of
from scanner.graph.shard_graph import ShardGraph
from scanner.model.facts import NearMiss as NearMissFact
from scanner.model.facts import Remedy
from scanner.model.inventory import BackupPlan, BackupSelection, Resource, SelectionTerms
from scanner.model.known import Known
from scanner.model.names import rule_subject
from scanner.protection.capabilities import capability_of
from scanner.protection.near_misses import NearArns, NearEntries, NearMiss, near_miss
from scanner.protection.near_tags import RANKS, Nearness, folded, relevant_tags, shown, shown_tag, tag_key
from scanner.protection.selection import OptIn, selects
from scanner.protection.tagging import tagging_command

MAX_CANDIDATES: Final = 3
NO_REMEDY: Final = Remedy("", "")

_SELECTED: Final = "selects the resource, but the plan has no rule"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A selection that almost selects a resource."""

    plan: BackupPlan
    selection: BackupSelection
    terms: SelectionTerms
    opt_in: OptIn
    miss: NearMiss

    @property
    def name(self) -> str:
        """The selection as text for a message."""
        return f"selection {shown(self.selection.name)} of plan {shown(self.plan.name)}"

    @property
    def fact(self) -> NearMissFact:
        """The near miss as the fact table has it."""
        return NearMissFact(
            selection=rule_subject(self.plan.arn, self.selection.id),
            plan_name=self.plan.name,
            name=self.selection.name,
            nearness=self.miss.nearness.value,
            because=self.miss.because,
        )


class NearMisses:
    """The near misses of one shard, computed on demand."""

    def __init__(self, graph: ShardGraph) -> None:
        """Index the shard's selections; those whose terms were not read are left out."""
        self._graph = graph
        self._selections = [
            (plan, selection, selection.terms.value, opt_in)
            for plan, selection, opt_in in selections_of(graph)
            if isinstance(selection.terms, Known)
        ]
        terms = [selection_terms for _, _, selection_terms, _ in self._selections]
        clauses = (
            clause
            for selection_terms in terms
            for clause in (*selection_terms.list_of_tags, *selection_terms.conditions)
        )
        # Only tags with these keys can matter, so resources that differ in other tags share one result.
        self._keys = frozenset(folded(tag_key(clause)) for clause in clauses)
        self._arns = NearArns(entry for selection_terms in terms for entry in selection_terms.resources)
        self._known: dict[Hashable, tuple[Candidate, ...]] = {}

    def of(self, resource: Resource, likeness: Hashable) -> tuple[Candidate, ...]:
        """Return the nearest selections, the closest first. `likeness`: the group of the resource."""
        tags = relevant_tags(resource.tags.value, self._keys) if isinstance(resource.tags, Known) else None
        near_arns = self._arns.of(resource.arn)
        key = (likeness, tags, near_arns)
        if (nearest := self._known.get(key)) is None:
            candidates = sorted(
                self._candidates(resource, near_arns), key=lambda candidate: candidate.miss.rank
            )
            nearest = self._known[key] = tuple(_without_far_ones(candidates)[:MAX_CANDIDATES])
        return nearest

    def _candidates(self, resource: Resource, near_arns: NearEntries) -> Iterator[Candidate]:
        for plan, selection, terms, opt_in in self._selections:
            miss = near_miss(terms, resource, opt_in, near_arns)
            miss = miss or _without_rule(plan, terms, resource, opt_in)
            if miss is not None:
                yield Candidate(plan, selection, terms, opt_in, miss)


def _without_rule(
    plan: BackupPlan, terms: SelectionTerms, resource: Resource, opt_in: OptIn
) -> NearMiss | None:
    """Return the miss of a selection that selects the resource for a plan without rules."""
    if not isinstance(plan.rules, Known) or plan.rules.value:
        return None
    selected = selects(terms, resource, opt_in).value
    return NearMiss(Nearness.NO_RULE, _SELECTED) if selected else None


def _without_far_ones(candidates: list[Candidate]) -> list[Candidate]:
    """Leave out selections that require something else, if another one is close."""
    far = RANKS[Nearness.OTHER_VALUE]
    # A selection for another value of the same tag is usually meant for other resources.
    close = [candidate for candidate in candidates if candidate.miss.rank < far]
    return close or candidates


def nearest_text(candidates: Iterable[Candidate]) -> str:
    """Return in sentences why the nearest selections do not select the resource; empty: none is near."""
    return " ".join(f"{_capital(candidate.name)} {candidate.miss.because}." for candidate in candidates)


def _capital(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}"


def remedy(candidates: Iterable[Candidate], resource: Resource) -> Remedy:
    """Return a change by which one of the nearest selections selects the resource; empty: none is certain."""
    for candidate in candidates:
        change = _remedy(candidate, resource)
        if change.text:
            return change
    return NO_REMEDY


def _remedy(candidate: Candidate, resource: Resource) -> Remedy:
    if candidate.miss.tags:
        return _by_tags(candidate, resource)
    match candidate.miss.nearness:
        case Nearness.OPT_IN:
            return _opt_in(candidate, resource)
        case Nearness.ARN | Nearness.EXCLUDED:
            return _by_arn(candidate, resource)
        case Nearness.NO_RULE:
            plan = shown(candidate.plan.name)
            return Remedy(f"Add a rule to plan {plan}: {candidate.name} selects the resource.", "")
    return NO_REMEDY


def _by_tags(candidate: Candidate, resource: Resource) -> Remedy:
    """Return the tags to set, and the opt-in to switch on if it decides as well."""
    miss, name = candidate.miss, candidate.name
    tags = " and ".join(shown_tag(key, value) for key, value in miss.tags)
    what = f"set the tag{'s' if len(miss.tags) > 1 else ''} {tags} on it in account {resource.account}"
    texts = [f"For {name} to select the resource, {what}."]
    commands = [tagging_command(resource, miss.tags)]
    if resource.type == "CloudFormation":
        texts.append("The tags of a stack are set by an update of the stack.")
    if miss.opt_in:
        opting = _opt_in(candidate, resource)
        texts.append(opting.text)
        commands.append(opting.cli)
    return Remedy(" ".join(texts), "\n".join(filter(None, commands)))


def _opt_in(candidate: Candidate, resource: Resource) -> Remedy:
    """Return how to switch on the opt-in that decides for the selection."""
    row = capability_of(resource, candidate.opt_in.settings)
    kind = row.opt_in_key if row is not None else resource.type
    preference = shlex.quote(f"{kind}=true" if " " not in kind else json.dumps({kind: True}))
    text = (
        f"Turn on the service opt-in for {kind} in {resource.region} in {candidate.opt_in.account_name}, "
        f"which applies to {candidate.name}."
    )
    command = f"aws backup update-region-settings --resource-type-opt-in-preference {preference}"
    return Remedy(text, f"{command} --region {shlex.quote(resource.region)}")


def _by_arn(candidate: Candidate, resource: Resource) -> Remedy:
    """Return how to assign the resource by its ARN to the plan whose selection misses it."""
    plan = candidate.plan
    # Plans from a backup policy cannot be changed in the member account (AWS Organizations, "Backup
    # policies").
    if plan.from_organization:
        text = (
            f"Correct {candidate.name} in the organization's backup policy: "
            "a plan that a policy made cannot be changed in the account."
        )
        return Remedy(text, "")
    clause = "NotResources" if candidate.miss.nearness is Nearness.EXCLUDED else "Resources"
    text = (
        f"Correct {clause} of {candidate.name}, or assign the resource to the plan by its ARN "
        f"in account {resource.account}."
    )
    selection = {
        "SelectionName": "by-arn",
        "IamRoleArn": candidate.terms.role or "ROLE_ARN",
        "Resources": [resource.arn],
    }
    command = f"aws backup create-backup-selection --backup-plan-id {shlex.quote(plan.id)} --backup-selection"
    quoted = shlex.quote(json.dumps(selection))
    return Remedy(text, f"{command} {quoted} --region {shlex.quote(resource.region)}")
