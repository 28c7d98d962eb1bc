"""Each link of resources: coverage, backups through the protection graph, copies, jobs and restores."""

from typing import Any

import pytest

from scanner.evaluate.root_causes.links import Structures
from scanner.evaluate.root_causes.resources import COPY_LINKS, RESOURCE_LINKS
from scanner.evaluate.root_causes.trace import Tracer
from scanner.graph.protection_graph import ProtectionTables, protection_graph
from scanner.model.known import Ternary
from scanner.model.root_causes import Blocker, CauseKind, RootCause, Trace
from tests.fakes.protection import (
    BACKUP,
    DUBLIN,
    FRANKFURT,
    HOME,
    group,
    key,
    plan,
    role,
    rule_row,
    scheduled,
    selection_row,
    vault,
)

PLACE = f"aws:account-region:{HOME}/{DUBLIN}"
VOLUME = f"arn:aws:ec2:{DUBLIN}:{HOME}:volume/vol-1"
MAIN, FAR = vault("main"), vault("far", BACKUP, FRANKFURT)
RULE, WEEKLY, SELECTION = (f"{plan('p')}#{name}" for name in ("daily", "weekly", "all"))
COPY = f"{RULE}->{FAR}"
CONTROLS = frozenset(
    (
        *RESOURCE_LINKS,
        *("rule-target-vault-exists", "rule-schedule-valid", "rule-retention-within-vault-lock"),
        *("selection-role-usable", *(cause.control for cause in COPY_LINKS.values())),
    )
)


def row(**columns: Any) -> dict[str, Any]:
    return {"account": HOME, "region": DUBLIN, "subject_type": "EBS", **columns}


def uncovered(**columns: Any) -> dict[str, Any]:
    defaults = {"covered": False, "selections_asked": 1, "nearest_kind": "", "nearest_selection": ""}
    return row(**(defaults | columns))


def terms(rule: str = RULE, **columns: Any) -> dict[str, Any]:
    settings = {"max_gap_hours": 24.0, "retention_days": 35, "keeps_forever": False, "continuous": False}
    return {"rule": rule, **settings, **columns}


def copied(*links: tuple[str, bool | None], **columns: Any) -> dict[str, Any]:
    """A covered resource with one copy action to another account and Region, and its chain."""
    copy = {
        "copy_action": COPY,
        "destination": FAR,
        "destination_account": BACKUP,
        "cross_account": True,
        "cross_region": True,
        "air_gapped": True,
        "effective": False,
        **columns,
    }
    chain: list[dict[str, Any]] = [
        {"name": name, "holds": holds, "reason": "", "evidence": []} for name, holds in links
    ]
    return row(
        covered=True,
        rules=[terms()],
        copies=[copy],
        copy_links=[{"copy_action": COPY, "links": chain}],
        has_point=True,
    )


def trace(control: str, facts: dict[str, Any], tracer: Tracer | None = None) -> Trace:
    tracer = tracer or Tracer(Structures(), None, CONTROLS)
    return tracer.failure(control, facts, VOLUME, VOLUME)


def cause(control: str, facts: dict[str, Any]) -> RootCause | None:
    return trace(control, facts).root_cause


COVERAGE: tuple[tuple[dict[str, Any], CauseKind, str], ...] = (
    (uncovered(selections_asked=0), CauseKind.NO_SELECTION, PLACE),
    (
        uncovered(nearest_kind="opt_in", nearest_selection=SELECTION, opt_in_decides=True, opted_in=False),
        CauseKind.OPT_IN_OFF,
        PLACE,
    ),
    (uncovered(nearest_kind="spelling", nearest_selection=SELECTION), CauseKind.TAG_SPELLING, SELECTION),
    (uncovered(nearest_kind="arn", nearest_selection=SELECTION), CauseKind.ARN_MISMATCH, SELECTION),
    (
        uncovered(nearest_kind="excluded", nearest_selection=SELECTION),
        CauseKind.SELECTION_EXCLUDES,
        SELECTION,
    ),
    (
        uncovered(nearest_kind="no_rule", nearest_selection=SELECTION),
        CauseKind.PLAN_WITHOUT_RULES,
        plan("p"),
    ),
    (uncovered(nearest_kind="other_value", nearest_selection=SELECTION), CauseKind.TAG_VALUE, SELECTION),
    (uncovered(nearest_kind="missing_tag", nearest_selection=SELECTION), CauseKind.TAG_MISSING, SELECTION),
    (uncovered(), CauseKind.NOT_SELECTED, PLACE),
)


@pytest.mark.parametrize(("facts", "kind", "subject"), COVERAGE)
@pytest.mark.parametrize(
    "control", ["resource-in-backup-plan", "resource-backed-up-recently", "resource-in-air-gapped-vault"]
)
def test_an_uncovered_resource_is_traced_to_the_selection_that_comes_closest(
    control: str, facts: dict[str, Any], kind: CauseKind, subject: str
) -> None:
    found = trace(control, facts)
    assert found.root_cause is not None
    assert (found.root_cause.kind, found.root_cause.subject) == (kind, subject)
    blocker = "resource-opted-in" if kind is CauseKind.OPT_IN_OFF else "resource-in-backup-plan"
    assert found.blocked_by == (None if control == blocker else Blocker(blocker, VOLUME))


@pytest.mark.parametrize("facts", [facts for facts, *_ in COVERAGE])
def test_unknown_coverage_is_no_cause(facts: dict[str, Any]) -> None:
    assert cause("resource-backed-up-recently", {**facts, "covered": None}) is None
    assert cause("resource-backed-up-recently", {**facts, "covered": True}) is None


def test_an_opt_in_that_was_not_read_is_no_cause() -> None:
    off = uncovered(nearest_kind="opt_in", nearest_selection=SELECTION, opt_in_decides=True)
    assert cause("resource-in-backup-plan", {**off, "opted_in": None}) is None
    found = cause("resource-opted-in", row(opt_in_decides=True, opted_in=False))
    assert found is not None
    assert (found.kind, found.subject, found.about) == (CauseKind.OPT_IN_OFF, PLACE, "EBS")


def backed_up(rule: dict[str, Any], selection: dict[str, Any], **columns: Any) -> Tracer:
    tables = ProtectionTables(
        groups=[group(scheduled=[scheduled(MAIN)], **columns)],
        rules=[rule],
        selections=[selection],
        keys=[{"key": key("off"), "kind": "customer_managed", "state": "Disabled", "enabled": False}],
    )
    structures = Structures({rule["subject"]: rule}, {selection["subject"]: selection})
    return Tracer(structures, protection_graph(tables), CONTROLS)


BACKUPS: tuple[tuple[dict[str, Any], dict[str, Any], CauseKind, str, Blocker | None], ...] = (
    (
        {"target_exists": False},
        {},
        CauseKind.VAULT_MISSING,
        MAIN,
        Blocker("rule-target-vault-exists", RULE),
    ),
    (
        {"within_lock": False},
        {},
        CauseKind.RETENTION_OUTSIDE_LOCK,
        RULE,
        Blocker("rule-retention-within-vault-lock", RULE),
    ),
    (
        {"starts_within_a_year": False},
        {},
        CauseKind.SCHEDULE_NEVER_RUNS,
        RULE,
        Blocker("rule-schedule-valid", RULE),
    ),
    (
        {},
        {"role_exists": False, "role_admits_backup": False},
        CauseKind.ROLE_MISSING,
        role("backup"),
        Blocker("selection-role-usable", SELECTION),
    ),
    (
        {},
        {"role_admits_backup": False},
        CauseKind.ROLE_NOT_ASSUMABLE,
        role("backup"),
        Blocker("selection-role-usable", SELECTION),
    ),
)


@pytest.mark.parametrize("backup", BACKUPS)
@pytest.mark.parametrize("control", ["resource-backed-up-recently", "survives-vault-loss"])
def test_a_resource_without_working_backups_is_traced_through_the_graph(
    control: str, backup: tuple[dict[str, Any], dict[str, Any], CauseKind, str, Blocker | None]
) -> None:
    rule, selection, kind, subject, blocker = backup
    tracer = backed_up(rule_row(MAIN, **rule), selection_row(**selection))
    found = trace(control, row(covered=True, has_point=False), tracer)
    assert found.root_cause is not None
    assert (found.root_cause.kind, found.root_cause.subject) == (kind, subject)
    assert found.blocked_by == blocker


@pytest.mark.parametrize(("rule", "selection"), [backup[:2] for backup in BACKUPS])
def test_a_link_of_a_backup_that_was_not_read_is_no_cause(
    rule: dict[str, Any], selection: dict[str, Any]
) -> None:
    unknown_rule: dict[str, Any] = dict.fromkeys(rule)
    unknown_selection: dict[str, Any] = dict.fromkeys(selection)
    unread = backed_up(rule_row(MAIN, **unknown_rule), selection_row(**unknown_selection))
    assert trace("resource-backed-up-recently", row(covered=True, has_point=False), unread).root_cause is None


def test_a_disabled_key_of_the_resource_is_the_cause() -> None:
    tracer = backed_up(rule_row(MAIN), selection_row(), keys=(key("off"),))
    found = trace("resource-backed-up-recently", row(covered=True), tracer).root_cause
    assert found is not None
    assert (found.kind, found.subject) == (CauseKind.KEY_DISABLED, key("off"))


@pytest.mark.parametrize("exists", [True, None])
def test_one_backup_that_may_be_made_leaves_the_failure_untraced(exists: Ternary) -> None:
    broken, other = rule_row(MAIN, target_exists=False), rule_row(FAR, "weekly", target_exists=exists)
    covering = group(scheduled=[scheduled(MAIN), scheduled(FAR, rule="weekly")])
    selection = selection_row()
    graph = protection_graph(
        ProtectionTables(groups=[covering], rules=[broken, other], selections=[selection])
    )
    structures = Structures({RULE: broken, WEEKLY: other}, {SELECTION: selection})
    facts = row(covered=True, has_point=False)
    tracer = Tracer(structures, graph, CONTROLS)
    assert trace("resource-backed-up-recently", facts, tracer).root_cause is None


@pytest.mark.parametrize("effective", [True, None])
def test_one_copy_that_may_be_made_leaves_the_failure_untraced(effective: Ternary) -> None:
    one = copied(("destination exists", False))
    assert cause("resource-cross-account-copy", one) is not None
    other = {**one["copies"][0], "copy_action": f"{WEEKLY}->{FAR}", "effective": effective}
    assert cause("resource-cross-account-copy", {**one, "copies": [*one["copies"], other]}) is None


def test_without_its_group_a_resource_is_not_traced_through_the_graph() -> None:
    tracer = backed_up(rule_row(MAIN, target_exists=False), selection_row())
    other = tracer.failure("resource-backed-up-recently", row(covered=True), VOLUME, "arn:of:another")
    assert other.root_cause is None


COPIES: tuple[tuple[str, CauseKind, str], ...] = (
    ("destination exists", CauseKind.VAULT_MISSING, FAR),
    ("retention within the lock", CauseKind.RETENTION_OUTSIDE_LOCK, COPY),
    ("destination takes copies", CauseKind.DESTINATION_TAKES_NO_COPIES, FAR),
    ("vault policy admits the source", CauseKind.POLICY_DOES_NOT_ADMIT, FAR),
    ("destination account is a member", CauseKind.ACCOUNT_NOT_MEMBER, f"aws:account:{BACKUP}"),
    ("cross-account backup is on", CauseKind.CROSS_ACCOUNT_OFF, "aws:organization"),
    ("type can be copied", CauseKind.TYPE_NOT_COPYABLE, COPY),
    ("type can be air-gapped", CauseKind.TYPE_NOT_AIR_GAPPABLE, COPY),
    ("image may leave the account", CauseKind.IMAGE_MAY_NOT_LEAVE, COPY),
    ("no AWS managed key in the way", CauseKind.AWS_MANAGED_KEY, COPY),
    ("source key shared", CauseKind.KEY_NOT_SHARED, COPY),
)


def test_every_link_of_a_copy_is_tested_here() -> None:
    assert {name for name, *_ in COPIES} == COPY_LINKS.keys()


@pytest.mark.parametrize(("name", "kind", "subject"), COPIES)
@pytest.mark.parametrize("control", ["resource-cross-account-copy", "resource-cross-region-copy"])
def test_a_copy_that_cannot_be_made_is_traced_to_its_first_broken_link(
    control: str, name: str, kind: CauseKind, subject: str
) -> None:
    found = trace(control, copied(("first", True), (name, False), ("source key shared", False)))
    assert found.root_cause is not None
    assert (found.root_cause.kind, found.root_cause.subject) == (kind, subject)
    expected = COPY_LINKS[name].control
    assert found.blocked_by == (Blocker(expected, COPY) if expected else None)


@pytest.mark.parametrize("name", COPY_LINKS)
def test_a_link_of_a_copy_that_was_not_read_is_no_cause(name: str) -> None:
    assert cause("resource-cross-account-copy", copied((name, None), effective=None)) is None
    assert cause("resource-cross-account-copy", copied((name, None))) is None


@pytest.mark.parametrize(
    ("control", "which", "kind"),
    [
        ("resource-cross-account-copy", "cross_account", CauseKind.NO_CROSS_ACCOUNT_COPY),
        ("resource-cross-region-copy", "cross_region", CauseKind.NO_CROSS_REGION_COPY),
        ("resource-in-air-gapped-vault", "air_gapped", CauseKind.NO_AIR_GAPPED_COPY),
        ("survives-region-loss", "cross_region", CauseKind.NO_CROSS_REGION_COPY),
        ("survives-account-compromise", "cross_account", CauseKind.NO_CROSS_ACCOUNT_COPY),
    ],
)
def test_rules_without_a_copy_of_the_kind_are_the_cause(control: str, which: str, kind: CauseKind) -> None:
    found = cause(control, copied(**{which: False}, effective=True))
    assert found is not None
    assert (found.kind, found.subject) == (kind, RULE)
    # Whether the copy is of the kind is unknown, or there may be more copies.
    assert cause(control, copied(("destination exists", False), **{which: None})) is None
    more = copied(**{which: False})
    assert cause(control, {**more, "copies": [*more["copies"], None]}) is None
    assert cause(control, {**more, "covered": None}) is None


def test_a_key_is_named_where_the_link_names_one_of_the_resource() -> None:
    graph = protection_graph(ProtectionTables(groups=[group(keys=(key("one"), key("two")))]))
    tracer = Tracer(Structures(), graph, CONTROLS)
    facts = copied(("source key shared", False))
    facts["copy_links"][0]["links"][0]["reason"] = f"Key {key('two')}: no statement allows it."
    found = trace("resource-cross-account-copy", facts, tracer).root_cause
    assert found is not None
    assert found.subject == key("two")


RULES: tuple[tuple[str, dict[str, Any], CauseKind, str], ...] = (
    (
        "resource-meets-rpo",
        row(rules=[terms(max_gap_hours=168.0), terms(WEEKLY, max_gap_hours=48.0)]),
        CauseKind.SCHEDULE_TOO_RARE,
        WEEKLY,
    ),
    (
        "resource-meets-rpo",
        row(rules=[terms(max_gap_hours=999_999.0)]),
        CauseKind.SCHEDULE_NEVER_RUNS,
        RULE,
    ),
    (
        "resource-retention",
        row(rules=[terms(retention_days=7), terms(WEEKLY, retention_days=30)]),
        CauseKind.RETENTION_TOO_SHORT,
        WEEKLY,
    ),
    (
        "resource-continuous-backup",
        row(covered=True, rules=[terms()]),
        CauseKind.NO_CONTINUOUS_RULE,
        RULE,
    ),
    (
        "resource-single-continuous-rule",
        row(several_continuous_rules=True, rules=[terms(continuous=True), terms(WEEKLY, continuous=True)]),
        CauseKind.SEVERAL_CONTINUOUS_RULES,
        RULE,
    ),
)


@pytest.mark.parametrize(("control", "facts", "kind", "subject"), RULES)
def test_the_rule_that_comes_closest_is_the_cause(
    control: str, facts: dict[str, Any], kind: CauseKind, subject: str
) -> None:
    found = cause(control, facts)
    assert found is not None
    assert (found.kind, found.subject) == (kind, subject)
    unknown = {"rules": [*facts["rules"], None]}
    assert cause(control, {**facts, **unknown, "several_continuous_rules": None}) is None


OTHERS: tuple[tuple[str, dict[str, Any], str, CauseKind, str], ...] = (
    ("backup-jobs-succeed", row(versioned=False), "versioned", CauseKind.BUCKET_NOT_VERSIONED, ""),
    (
        "backup-jobs-succeed",
        row(versioned=True, newest_job_failed=True, newest_job_category="LIMIT_EXCEEDED"),
        "newest_job_failed",
        CauseKind.BACKUP_JOB_FAILED,
        "LIMIT_EXCEEDED",
    ),
    ("restore-tested", row(restored=False), "restored", CauseKind.NO_RESTORE, ""),
    ("restore-tested", row(restored=True), "restored", CauseKind.NO_RECENT_RESTORE, ""),
    (
        "three-two-one-one-zero",
        row(no_failure=False, restored=False),
        "restored",
        CauseKind.NO_RESTORE,
        "",
    ),
)


@pytest.mark.parametrize(("control", "facts", "column", "kind", "about"), OTHERS)
def test_jobs_buckets_and_restores_are_causes_of_their_place(
    control: str, facts: dict[str, Any], column: str, kind: CauseKind, about: str
) -> None:
    found = cause(control, facts)
    assert found is not None
    assert (found.kind, found.subject, found.about) == (kind, PLACE, about)
    assert cause(control, {**facts, column: None}) is None


@pytest.mark.parametrize(
    ("piece", "kind"),
    [
        ("two_accounts", CauseKind.NO_CROSS_ACCOUNT_COPY),
        ("other_region", CauseKind.NO_CROSS_REGION_COPY),
        ("three_copies", CauseKind.NO_COPY),
        ("immutable", CauseKind.NO_AIR_GAPPED_COPY),
    ],
)
def test_a_missing_piece_of_3_2_1_1_0_is_traced_to_its_copy(piece: str, kind: CauseKind) -> None:
    facts = row(covered=True, has_point=True, rules=[terms()], copies=[], copy_links=[])
    found = cause("three-two-one-one-zero", {**facts, piece: False})
    assert found is not None
    assert (found.kind, found.subject) == (kind, RULE)
    assert cause("three-two-one-one-zero", {**facts, piece: None}) is None


def test_a_failed_copy_of_3_2_1_1_0_is_traced_to_its_broken_link() -> None:
    facts = copied(("destination exists", False)) | {"no_failure": False}
    found = cause("three-two-one-one-zero", facts)
    assert found is not None
    assert (found.kind, found.subject) == (CauseKind.VAULT_MISSING, FAR)
    works = copied(("destination exists", True), effective=True) | {"no_failure": False}
    assert cause("three-two-one-one-zero", works) is None
    assert cause("three-two-one-one-zero", {**facts, "no_failure": None}) is None


def test_a_backup_as_old_as_the_schedules_let_it_be_is_traced_to_the_most_frequent_rule() -> None:
    rules = [terms(WEEKLY, max_gap_hours=168.0), terms(RULE, max_gap_hours=48.0)]
    facts = row(covered=True, rules=rules, has_point=True, came_as_scheduled=True)
    found = cause("resource-backed-up-recently", facts)
    assert found is not None
    assert (found.kind, found.subject) == (CauseKind.SCHEDULE_TOO_RARE, RULE)
    for answer in (False, None):
        assert cause("resource-backed-up-recently", {**facts, "came_as_scheduled": answer}) is None


@pytest.mark.parametrize("control", RESOURCE_LINKS)
def test_a_row_of_which_nothing_is_known_has_no_root_cause(control: str) -> None:
    assert trace(control, {}) == Trace()
