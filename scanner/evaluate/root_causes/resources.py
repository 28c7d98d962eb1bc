"""The links of resources: selection, rules, roles, vaults and keys, copies, recovery points and restores.

The rows are projections of the fact table `resource` (`columns.RESOURCE`), which are equal for resources that
are protected alike, so that alike failures are traced once.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from scanner.evaluate.root_causes.links import (
    Condition,
    Facts,
    Link,
    Row,
    Step,
    cause_of,
    each_of,
    first_trace,
    is_false,
    is_number,
    is_text,
    is_true,
    of_column,
    place,
)
from scanner.evaluate.root_causes.structures import RULE_WORKS, SELECTION_WORKS
from scanner.graph.protection_graph import Relation, State
from scanner.graph.protection_walk import Edge, ProtectionWalk
from scanner.model.known import EvidenceRef, Ternary
from scanner.model.root_causes import ORGANIZATION, Blocker, CauseKind, Trace

IN_PLAN: Final = "resource-in-backup-plan"
_NEVER_HOURS: Final = 999_999.0


def _near(kind: CauseKind, nearness: str, control: str = IN_PLAN) -> Link:
    """Return the link to the selection that comes closest to a resource that no rule covers."""
    return Link(
        kind=kind,
        columns=("covered", "covered_by"),
        broken=each_of(is_false("covered"), is_text("nearest_kind", nearness)),
        subject=of_column("nearest_selection"),
        control=control,
    )


def _plan_of_nearest(facts: Facts) -> str:
    # A selection's subject is its plan's ARN, "#" and its id.
    return facts.text("nearest_selection").partition("#")[0]


OPT_IN_OFF: Final = Link(
    kind=CauseKind.OPT_IN_OFF,
    columns=("opted_in", "opt_in_decides"),
    broken=each_of(is_true("opt_in_decides"), is_false("opted_in")),
    subject=place,
    about=of_column("subject_type"),
    control="resource-opted-in",
)

UNCOVERED: Final[tuple[Link, ...]] = (
    Link(
        kind=CauseKind.NO_SELECTION,
        columns=("covered",),
        broken=each_of(is_false("covered"), is_number("selections_asked", 0)),
        subject=place,
        control=IN_PLAN,
    ),
    Link(
        kind=CauseKind.OPT_IN_OFF,
        columns=OPT_IN_OFF.columns,
        # The opt-in is the cause only if it also decides, as AWS Backup ignores it for types named by ARN.
        broken=each_of(is_false("covered"), is_text("nearest_kind", "opt_in"), OPT_IN_OFF.broken),
        subject=place,
        about=of_column("subject_type"),
        control="resource-opted-in",
    ),
    _near(CauseKind.TAG_SPELLING, "spelling"),
    _near(CauseKind.ARN_MISMATCH, "arn"),
    _near(CauseKind.SELECTION_EXCLUDES, "excluded"),
    Link(
        kind=CauseKind.PLAN_WITHOUT_RULES,
        columns=("covered",),
        broken=each_of(is_false("covered"), is_text("nearest_kind", "no_rule")),
        subject=_plan_of_nearest,
        control=IN_PLAN,
    ),
    _near(CauseKind.TAG_VALUE, "other_value"),
    _near(CauseKind.TAG_MISSING, "missing_tag"),
    Link(
        kind=CauseKind.NOT_SELECTED,
        columns=("covered",),
        broken=each_of(is_false("covered"), is_text("nearest_kind", "")),
        subject=place,
        control=IN_PLAN,
    ),
)
"""Why no rule covers a resource: a selection in order of nearness, or that there is none."""


def backups_are_broken(facts: Facts) -> Trace | None:
    """Trace a resource of which no scheduled backup can be made to what breaks the first of them.

    One backup that may be made is enough to leave the failure untraced.
    """
    walk = facts.walk
    edges = [] if walk is None else sorted(walk.edges(walk.group, Relation.BACKED_UP_BY))
    # A backup that may work (not broken for sure) would contradict the cause.
    if walk is None or not edges or any(edge.state is not State.BROKEN for edge in edges):
        return None
    return next(filter(None, (_broken_backup(walk, edge, facts) for edge in edges)), None)


def _broken_backup(walk: ProtectionWalk, backup: Edge, facts: Facts) -> Trace | None:
    """Trace one backup: its selection's role, its rule's schedule and vault, its keys."""
    structures = facts.structures
    # In the order of the chain: the role, then schedule and vault, then the keys.
    for relation, rows, links in (
        (Relation.SELECTED_BY, structures.selections, SELECTION_WORKS),
        (Relation.MADE_BY, structures.rules, RULE_WORKS),
    ):
        edge = walk.edge(backup.target, relation)
        row = None if edge is None else rows.get(edge.target)
        trace = None if row is None else first_trace(links, Facts(row))
        if trace is not None:
            return trace
    keys = (
        edge.target
        for node in (walk.group, backup.target)
        for edge in walk.edges(node, Relation.ENCRYPTED_WITH)
        if edge.state is State.BROKEN
    )
    # The lowest ARN, so that the choice does not depend on the order of edges.
    key = min(keys, default="")
    return Trace(cause_of(CauseKind.KEY_DISABLED, key, facts)) if key else None


@dataclass(frozen=True, slots=True)
class CopyCause:
    """What a broken link of a copy means. `subject` returns its subject from copy, link and facts."""

    kind: CauseKind
    subject: Callable[[Row, Row, Facts], str]
    control: str = ""


def _destination(copy: Row, _: Row, __: Facts) -> str:
    return str(copy["destination"])


def _action(copy: Row, _: Row, __: Facts) -> str:
    return str(copy["copy_action"])


def _destination_account(copy: Row, _: Row, __: Facts) -> str:
    return f"aws:account:{copy['destination_account']}"


def _organization(_: Row, __: Row, ___: Facts) -> str:
    return ORGANIZATION


def _key(copy: Row, link: Row, facts: Facts) -> str:
    """Return the key that the link names, if it is one of the group's own; else the copy action.

    What is copied may be the instance or stack that a resource is backed up with, which has other keys.
    """
    walk = facts.walk
    edges = () if walk is None else walk.edges(walk.group, Relation.ENCRYPTED_WITH)
    keys = (edge.target for edge in edges if edge.target.startswith("arn:"))
    # Keys may be named by ARN or by id; the id is in both.
    named = (key for key in keys if key.rpartition("/")[2] in link["reason"])
    return min(named, default=_action(copy, link, facts))


COPY_LINKS: Final[Mapping[str, CopyCause]] = {
    "destination exists": CopyCause(CauseKind.VAULT_MISSING, _destination, "copy-destination-exists"),
    "retention within the lock": CopyCause(
        CauseKind.RETENTION_OUTSIDE_LOCK, _action, "rule-retention-within-vault-lock"
    ),
    "destination takes copies": CopyCause(CauseKind.DESTINATION_TAKES_NO_COPIES, _destination),
    "vault policy admits the source": CopyCause(
        CauseKind.POLICY_DOES_NOT_ADMIT, _destination, "copy-destination-admits-source"
    ),
    "destination account is a member": CopyCause(
        CauseKind.ACCOUNT_NOT_MEMBER, _destination_account, "copy-destination-in-organization"
    ),
    "cross-account backup is on": CopyCause(
        CauseKind.CROSS_ACCOUNT_OFF, _organization, "copy-cross-account-enabled"
    ),
    "type can be copied": CopyCause(CauseKind.TYPE_NOT_COPYABLE, _action, "copy-supported"),
    "type can be air-gapped": CopyCause(CauseKind.TYPE_NOT_AIR_GAPPABLE, _action, "copy-supported"),
    "image may leave the account": CopyCause(CauseKind.IMAGE_MAY_NOT_LEAVE, _action),
    "no AWS managed key in the way": CopyCause(CauseKind.AWS_MANAGED_KEY, _key, "copy-customer-managed-key"),
    "source key shared": CopyCause(CauseKind.KEY_NOT_SHARED, _key, "copy-source-key-shared"),
}
"""The links of a copy by their names, and the cause that each is where it does not hold."""


@dataclass(frozen=True, slots=True)
class Copies:
    """The copies of a resource that serve a purpose: those whose column `which` is true; empty: all.

    If the covering rules have none, the cause is `missing`, of the first rule. If none of them can be made,
    the cause is the first broken link of the first of them.
    """

    missing: CauseKind
    which: str = ""

    def __call__(self, facts: Facts) -> Trace | None:
        """Trace a failure for want of such a copy. One copy that may be made leaves it untraced."""
        copies = facts.complete("copies")
        if copies is None or facts.ternary("covered") is not True:
            return None
        # `which` unknown counts as serving: it may be such a copy.
        serving = [copy for copy in copies if not self.which or copy[self.which] is not False]
        if not serving:
            return self._none(facts)
        if any(copy["effective"] is not False for copy in serving):
            return None
        # If it is unknown whether a copy serves, none can be called broken for this purpose.
        if self.which and any(copy[self.which] is None for copy in serving):
            return None
        return next(filter(None, (_broken_copy(copy, facts) for copy in serving)), None)

    def _none(self, facts: Facts) -> Trace | None:
        rules = facts.complete("rules")
        if not rules:
            return None
        rule = min(str(terms["rule"]) for terms in rules)
        return Trace(cause_of(self.missing, rule, facts, facts.structures.evidence_of(rule)))


def _broken_copy(copy: Row, facts: Facts) -> Trace | None:
    """Trace a copy that cannot be made to its first link that does not hold."""
    for chain in facts.row.get("copy_links") or ():
        # Links are in the order of the chain, so the first broken one is the cause.
        if chain is not None and chain["copy_action"] == copy["copy_action"]:
            return next(filter(None, (_broken_link(link, copy, facts) for link in chain["links"])), None)
    return None


def _broken_link(link: Row, copy: Row, facts: Facts) -> Trace | None:
    meaning = COPY_LINKS.get(link["name"])
    if link["holds"] is not False or meaning is None:
        return None
    refs = sorted({EvidenceRef(ref["file"], ref["line"]) for ref in link["evidence"] or ()})
    cause = cause_of(meaning.kind, meaning.subject(copy, link, facts), facts, tuple(refs))
    cause = replace(cause, control=meaning.control)
    return Trace(cause, Blocker(meaning.control, _action(copy, link, facts)) if meaning.control else None)


def _rules(facts: Facts) -> Iterator[Row]:
    return iter(facts.complete("rules") or ())


def _rule(best: Callable[[Row], Any]) -> Callable[[Facts], str]:
    """Return what names the covering rule that comes closest to what a control requires."""
    return lambda facts: min(
        _rules(facts), key=lambda terms: (best(terms), terms["rule"]), default={"rule": ""}
    )["rule"]


def _gap_hours(terms: Row) -> float:
    hours = terms["max_gap_hours"]
    # An unknown gap must not make a rule look frequent.
    return _NEVER_HOURS if hours is None else float(hours)


def _kept_less(terms: Row) -> float:
    return -_NEVER_HOURS if terms["keeps_forever"] else -float(terms["retention_days"])


def _by_name(_: Row) -> int:
    # Any rule will do: the cause is that none of them has the setting.
    return 0


def _every_rule_never_runs(facts: Facts) -> Ternary:
    # An incomplete list may contain a rule that does run.
    rules = facts.complete("rules")
    if not rules or any(terms["max_gap_hours"] is None for terms in rules):
        return None
    return all(terms["max_gap_hours"] >= _NEVER_HOURS for terms in rules)


def _has_rules(facts: Facts) -> Ternary:
    rules = facts.complete("rules")
    return None if rules is None else bool(rules)


def _of_rules(kind: CauseKind, subject: Callable[[Facts], str], broken: Condition = _has_rules) -> Link:
    return Link(kind=kind, columns=("rules",), broken=broken, subject=subject)


_VERSIONING: Final = Link(
    kind=CauseKind.BUCKET_NOT_VERSIONED, columns=("versioned",), broken=is_false("versioned"), subject=place
)
_JOB: Final = Link(
    kind=CauseKind.BACKUP_JOB_FAILED,
    columns=("backup_jobs",),
    broken=is_true("newest_job_failed"),
    subject=place,
    about=of_column("newest_job_category"),
    control="backup-jobs-succeed",
)
_NEVER_RESTORED: Final = Link(
    kind=CauseKind.NO_RESTORE, columns=("restores",), broken=is_false("restored"), subject=place
)
_NOT_TESTED: Final = Link(
    kind=CauseKind.NO_RECENT_RESTORE, columns=("restores",), broken=is_true("restored"), subject=place
)

CROSS_ACCOUNT: Final = Copies(CauseKind.NO_CROSS_ACCOUNT_COPY, "cross_account")
CROSS_REGION: Final = Copies(CauseKind.NO_CROSS_REGION_COPY, "cross_region")
AIR_GAPPED: Final = Copies(CauseKind.NO_AIR_GAPPED_COPY, "air_gapped")
ANY_COPY: Final = Copies(CauseKind.NO_COPY)


_TOO_RARE: Final = Link(
    kind=CauseKind.SCHEDULE_TOO_RARE,
    columns=("rules",),
    broken=is_true("came_as_scheduled"),
    subject=_rule(_gap_hours),
)
"""The newest backup is as recent as the schedules of all covering rules let it be."""


def _broken_copies(facts: Facts) -> Trace | None:
    """Trace the latest copy of a resource that failed to the first copy that cannot be made."""
    copies = facts.complete("copies") or ()
    broken = (copy for copy in copies if copy["effective"] is False)
    return next(filter(None, (_broken_copy(copy, facts) for copy in broken)), None)


def _without_points(facts: Facts) -> Trace | None:
    """Trace a resource that has no backup at all: what keeps the first one from being made."""
    return backups_are_broken(facts) if facts.ternary("has_point") is False else None


def _missing(column: str, *steps: Step) -> Step:
    """Return the walk that is taken where a piece of the 3-2-1-1-0 rule is missing for sure."""
    return lambda facts: first_trace(steps, facts) if facts.ternary(column) is False else None


RESOURCE_LINKS: Final[Mapping[str, tuple[Step, ...]]] = {
    IN_PLAN: UNCOVERED,
    "resource-opted-in": (OPT_IN_OFF,),
    # Coverage comes first in each chain: without a selection, no later link is ever reached.
    "resource-backed-up-recently": (*UNCOVERED, backups_are_broken, _VERSIONING, _JOB, _TOO_RARE),
    "backup-jobs-succeed": (_VERSIONING, backups_are_broken, _JOB),
    "resource-meets-rpo": (
        _of_rules(CauseKind.SCHEDULE_NEVER_RUNS, _rule(_by_name), _every_rule_never_runs),
        _of_rules(CauseKind.SCHEDULE_TOO_RARE, _rule(_gap_hours)),
    ),
    "resource-retention": (_of_rules(CauseKind.RETENTION_TOO_SHORT, _rule(_kept_less)),),
    "resource-continuous-backup": (
        *UNCOVERED,
        _of_rules(CauseKind.NO_CONTINUOUS_RULE, _rule(_by_name)),
    ),
    "resource-single-continuous-rule": (
        Link(
            kind=CauseKind.SEVERAL_CONTINUOUS_RULES,
            columns=("rules",),
            broken=is_true("several_continuous_rules"),
            subject=lambda facts: min(
                (terms["rule"] for terms in _rules(facts) if terms["continuous"]), default=""
            ),
        ),
    ),
    "resource-cross-account-copy": (CROSS_ACCOUNT,),
    "resource-cross-region-copy": (CROSS_REGION,),
    "resource-in-air-gapped-vault": (*UNCOVERED, AIR_GAPPED),
    "survives-region-loss": (_without_points, CROSS_REGION),
    "survives-account-compromise": (_without_points, CROSS_ACCOUNT),
    "survives-backup-account-loss": (_without_points, CROSS_ACCOUNT),
    "survives-key-loss": (_without_points, ANY_COPY),
    "survives-vault-loss": (_without_points, ANY_COPY),
    "three-two-one-one-zero": (
        _without_points,
        _missing("two_accounts", CROSS_ACCOUNT),
        _missing("other_region", CROSS_REGION),
        _missing("three_copies", ANY_COPY),
        _missing("immutable", AIR_GAPPED),
        _missing("no_failure", _JOB, _broken_copies, _NEVER_RESTORED),
    ),
    "restore-tested": (_without_points, _NEVER_RESTORED, _NOT_TESTED),
}
"""Of each control, the links that can be broken, in the order of the chain."""


def resource_trace(control: str, facts: Facts) -> Trace | None:
    """Return the trace of a failure of a resource."""
    return first_trace(RESOURCE_LINKS.get(control, ()), facts)
