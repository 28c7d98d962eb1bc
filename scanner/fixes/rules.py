"""Rules: schedules, retention, cold storage and continuous backups."""

from scanner.fixes.configuration import Document
from scanner.fixes.draft import Draft, Entry, NoFixError
from scanner.fixes.problem import Problem, Workbench
from scanner.fixes.schedules import (
    COLD_DAYS,
    LONGEST_CONTINUOUS,
    days_of,
    gap_hours,
    is_continuous,
    keep_for,
    last_day_of_month,
    problem_days,
    required_days,
    required_hours,
    separate,
    start_every,
    starts_at_all,
)
from scanner.model.facts import FOREVER_DAYS
from scanner.model.names import AccountId, RegionName, Shard, vault_arn
from scanner.model.root_causes import RootCause

_FREQUENCY = "plan-frequency-and-retention"


def start_often(bench: Workbench, problem: Problem) -> None:
    """Let a rule start as often as the failing controls require."""
    plan, rule = bench.draft.rule(problem.cause.subject)
    # Only the controls that fail: another one may ask for less, and is met.
    hours = required_hours(bench, *sorted(problem.controls))
    start_every(bench, rule, hours, plan.document["Rules"])
    plan.because_of(problem.cause, f"The rule {rule['RuleName']} starts more often: more backups are stored.")


def meet_target(bench: Workbench, problem: Problem) -> None:
    """Let the rule of a plan that comes closest start often enough and keep its backups long enough."""
    plan = bench.draft.plan(problem.cause.subject)
    rules = [rule for rule in plan.document.get("Rules") or () if isinstance(rule, dict)]
    if not rules:
        raise NoFixError("The plan has no rule: it must be decided what it is for.")
    days, hours = required_days(bench, _FREQUENCY), required_hours(bench, _FREQUENCY)
    rule = _closest(bench, rules, hours, days)
    start_every(bench, rule, hours, rules)
    # None is for ever, which is long enough.
    if (retention := days_of(rule)) is not None and retention < days:
        _keep(bench.draft, plan, rule, days)
    plan.because_of(
        problem.cause,
        f"The rule {rule['RuleName']} makes more backups, or keeps them longer: more is stored.",
    )


def _closest(bench: Workbench, rules: list[Document], hours: int, days: int) -> Document:
    """Return the rule that has to change least: one that starts often enough, or keeps just long enough."""

    def rank(rule: Document) -> tuple[bool, bool, bool, float]:
        retention = days_of(rule)
        keeps = FOREVER_DAYS if retention is None else retention
        is_enough = keeps >= days
        return (
            # Its retention cannot be raised over 35 days, so it is the last choice.
            is_continuous(rule) and days > LONGEST_CONTINUOUS,
            gap_hours(bench, rule) > hours,
            not is_enough,
            # A rule that keeps backups for years would store too many if it made them daily.
            keeps if is_enough else -keeps,
        )

    return min(rules, key=rank)


def keep_longer(bench: Workbench, problem: Problem) -> None:
    """Let a rule or a copy action keep its backups as long as the failing controls require."""
    subject = problem.cause.subject
    days = problem_days(bench, problem)
    note = "Backups are kept longer: more is stored. Recovery points that exist keep their expiry."
    if "->" in subject:
        plan, _, action = bench.draft.copy_action(subject)
        keep_for(action, days)
        plan.because_of(problem.cause, note)
        return
    plan, rule = bench.draft.rule(subject)
    _keep(bench.draft, plan, rule, days)
    plan.because_of(problem.cause, note)


def _keep(draft: Draft, plan: Entry, rule: Document, days: int) -> None:
    if is_continuous(rule) and days > LONGEST_CONTINUOUS:
        raise NoFixError(
            f"The rule {rule['RuleName']} is continuous, and AWS Backup keeps continuous backups for at most "
            f"{LONGEST_CONTINUOUS} days; {days} are required."
        )
    longest = _limits(draft, plan, rule)[1]
    # Jobs with a retention over the lock's maximum fail: that would be worse than a short one.
    if longest is not None and days > longest:
        raise NoFixError(
            f"The lock of the vault {rule['TargetBackupVaultName']} allows at most {longest} days; {days} "
            f"are "
            "required."
        )
    keep_for(rule, days)


def _limits(draft: Draft, plan: Entry, rule: Document) -> tuple[int | None, int | None]:
    """Return the shortest and the longest retention that the lock of a rule's vault allows."""
    shard = draft.shard(plan.account, plan.region)
    name = str(rule.get("TargetBackupVaultName"))
    return _lock_of(draft, vault_arn(shard.partition, shard_name(plan), name))


def shard_name(plan: Entry) -> Shard:
    """Return the account-Region of a plan."""
    return Shard(AccountId(plan.account), RegionName(plan.region))


def _lock_of(draft: Draft, arn: str) -> tuple[int | None, int | None]:
    try:
        _, vault = draft.recorded_vault(arn)
    except NoFixError:
        return None, None
    # Limits without a lock are not enforced.
    if not vault.row.get("Locked"):
        return None, None
    return vault.row.get("MinRetentionDays"), vault.row.get("MaxRetentionDays")


def within_lock(bench: Workbench, problem: Problem) -> None:
    """Move the retention of a rule or a copy action into the limits of its vault's lock."""
    subject = problem.cause.subject
    plan, rule = bench.draft.rule(subject)
    terms = rule
    if "->" in subject:
        terms = bench.draft.copy_action(subject)[2]
        shortest, longest = _lock_of(bench.draft, subject.partition("->")[2])
    else:
        shortest, longest = _limits(bench.draft, plan, rule)
    retention = days_of(terms)
    if retention is None and "->" in subject:
        retention = days_of(rule)  # a copy without an expiry has that of its source
    if shortest is not None and retention is not None and retention < shortest:
        keep_for(terms, shortest, most=longest)
    # A backup without an expiry is longer than any maximum.
    elif longest is not None and (retention is None or retention > longest):
        keep_for(terms, longest, most=longest)
    else:
        raise NoFixError("The scan does not show a lock that the retention could be moved into.")
    plan.because_of(problem.cause, "Every job failed before, so new backups are stored.")


def valid_lifecycle(bench: Workbench, problem: Problem) -> None:
    """Correct a retention that AWS Backup does not accept."""
    subject = problem.cause.subject
    plan, rule = bench.draft.rule(subject)
    terms = bench.draft.copy_action(subject)[2] if "->" in subject else rule
    if terms is rule and is_continuous(rule):
        lifecycle = dict(rule.get("Lifecycle") or {})
        lifecycle.pop("MoveToColdStorageAfterDays", None)
        # Continuous backups have no cold storage (AWS Backup, "Point-in-time recovery").
        rule["Lifecycle"] = {**lifecycle, "DeleteAfterDays": LONGEST_CONTINUOUS}
    else:
        cold = (terms.get("Lifecycle") or {}).get("MoveToColdStorageAfterDays")
        retention = days_of(terms)
        if not isinstance(cold, int) or retention is None:
            raise NoFixError("It is not clear which retention is meant.")
        keep_for(terms, max(retention, cold + COLD_DAYS))
    plan.because_of(problem.cause)


def accept_lifecycles(draft: Draft) -> None:
    """Correct lifecycles that AWS Backup refuses in plans that change: else it refuses the plan."""
    for plan in draft.changed_plans():
        for rule in plan.document.get("Rules") or ():
            for terms in (rule, *(rule.get("CopyActions") or ())):
                lifecycle = terms.get("Lifecycle") or {}
                cold, retention = (
                    lifecycle.get("MoveToColdStorageAfterDays"),
                    lifecycle.get("DeleteAfterDays"),
                )
                # UpdateBackupPlan sends the whole plan, so an old mistake in another rule makes it fail.
                if isinstance(cold, int) and isinstance(retention, int) and retention < cold + COLD_DAYS:
                    terms["Lifecycle"] = {**lifecycle, "DeleteAfterDays": cold + COLD_DAYS}
                    note = (
                        f"The rule {rule.get('RuleName')} moves backups to cold storage after {cold} days "
                        f"and deletes "
                        f"them after {retention}. AWS Backup refuses a plan with less than {COLD_DAYS} days "
                        f"between, so it "
                        f"keeps them for {cold + COLD_DAYS}."
                    )
                    plan.notes.setdefault(note)


def without_cold_storage(bench: Workbench, problem: Problem) -> None:
    """Remove a move to cold storage that AWS Backup ignores for what the rule covers."""
    plan, rule = bench.draft.rule(problem.cause.subject)
    lifecycle = dict(rule.get("Lifecycle") or {})
    # AWS Backup ignores the setting for types without cold storage, so nothing changes for them.
    lifecycle.pop("MoveToColdStorageAfterDays", None)
    rule["Lifecycle"] = lifecycle
    plan.because_of(problem.cause)


def start_at_all(bench: Workbench, problem: Problem) -> None:
    """Set a schedule that AWS Backup accepts and that starts."""
    plan, rule = bench.draft.rule(problem.cause.subject)
    present = str(rule.get("ScheduleExpression") or "")
    # Day 31 was meant as the end of the month: `L` says so in every month.
    last = {**rule, "ScheduleExpression": last_day_of_month(present)}
    if starts_at_all(bench, last):
        rule.update(last)
        plan.because_of(
            problem.cause,
            f"The rule {rule['RuleName']} never started ({present}): the last day of the month is meant.",
        )
        return
    start_every(bench, rule, required_hours(bench, _FREQUENCY), plan.document["Rules"])
    plan.because_of(
        problem.cause,
        f"The rule {rule['RuleName']} never started ({present}). Daily is an assumption: change it if it "
        f"was meant "
        "to start less often.",
    )


def separate_rules(bench: Workbench, problem: Problem) -> None:
    """Move the starts of rules whose windows overlap, so that each makes its backups."""
    plan = bench.draft.plan(problem.cause.subject)
    rules = [rule for rule in plan.document.get("Rules") or () if isinstance(rule, dict)]
    before = [rule.get("ScheduleExpression") for rule in rules]
    # The rule that is kept longest stays: the others make way.
    for rule in sorted(rules, key=lambda terms: days_of(terms) or 0):
        separate(bench, rule, rules)
    if before == [rule.get("ScheduleExpression") for rule in rules]:
        raise NoFixError("No other hour of the day is free of the start windows of the other rules.")
    plan.because_of(
        problem.cause, "Rules start at another hour, so that each makes its own backups: more is stored."
    )


def continuous(bench: Workbench, problem: Problem) -> None:
    """Add continuous backups: to the rule itself if its retention allows, else as a rule of its own."""
    plan, rule = bench.draft.rule(problem.cause.subject)
    _make_continuous(plan, rule, problem.cause)


def _make_continuous(plan: Entry, rule: Document, cause: RootCause) -> None:
    name = "vaultproof-continuous"
    note = "Continuous backups are stored in addition: changes are stored as they happen."
    retention = days_of(rule)
    if (
        retention is not None
        and retention <= LONGEST_CONTINUOUS
        # A continuous rule with cold storage is refused.
        and not (rule.get("Lifecycle") or {}).get("MoveToColdStorageAfterDays")
    ):
        rule["EnableContinuousBackup"] = True
    elif all(present.get("RuleName") != name for present in plan.document["Rules"]):
        plan.document["Rules"].append(
            {
                "RuleName": name,
                "TargetBackupVaultName": rule["TargetBackupVaultName"],
                # Not 05:00, the default of AWS Backup, at which other rules usually start.
                "ScheduleExpression": "cron(30 4 ? * * *)",
                "EnableContinuousBackup": True,
                "Lifecycle": {"DeleteAfterDays": LONGEST_CONTINUOUS},
            }
        )
    plan.because_of(cause, note)


def single_continuous(bench: Workbench, problem: Problem) -> None:
    """Leave one of the continuous rules that cover a resource continuous: the one that keeps longest."""
    configuration = bench.draft.configuration
    for subject in problem.subjects:
        # AWS Backup keeps one continuous recovery point for each resource; other rules make snapshots.
        rules = [bench.draft.rule(name) for name in configuration.continuous_rules.get(subject, ())]
        if not rules:
            raise NoFixError("The scan does not show which continuous rules cover the resource.")
        chosen = max(rules, key=lambda pair: (days_of(pair[1]) or 0, str(pair[1].get("RuleName"))))
        for plan, rule in rules:
            if rule is not chosen[1]:
                rule["EnableContinuousBackup"] = False
                plan.because_of(
                    problem.cause,
                    f"The rule {rule['RuleName']} makes snapshots from now on; {chosen[1]['RuleName']} stays "
                    "continuous.",
                )
