"""Resources that no rule covers: the right tag, a selection in an existing plan, or a new plan."""

from collections.abc import Mapping
from typing import Any, Final

from scanner.fixes.accounts import trust_backup
from scanner.fixes.configuration import Document, RecordedShard
from scanner.fixes.draft import Draft, Entry, NoFixError
from scanner.fixes.problem import Problem, Workbench
from scanner.fixes.schedules import (
    DEFAULT_SCHEDULE,
    DEFAULT_ZONE,
    days_of,
    gap_hours,
    required_days,
    required_hours,
)
from scanner.fixes.vaults import add_vault
from scanner.model.facts import NEVER_HOURS
from scanner.model.names import AWS_GLOBAL, AccountId, RegionName, Shard, parse_arn, vault_arn
from scanner.model.planning.planned_change import ChangeKind
from scanner.model.root_causes import RootCause, Step

NEW_PLAN: Final = "vaultproof-daily"
NEW_VAULT: Final = "vaultproof"
SELECTION: Final = "vaultproof-selected"
_DEFAULT_ROLE: Final = "service-role/AWSBackupDefaultServiceRole"
_MOST_ARNS: Final = 500
"""ARNs without wildcards that a selection may have (AWS Backup quotas)."""
_FOREVER: Final = 1 << 20
_TARGETS: Final = ("plan-frequency-and-retention", "resource-meets-rpo", "resource-retention")
_STRING_EQUALS: Final = "STRINGEQUALS"


def correct_tag(bench: Workbench, problem: Problem) -> None:
    """Correct the tag of each resource that a selection misses by its spelling."""
    wanted = _wanted_tag(bench.draft, problem.cause)
    # Which of several tags was misspelled is not clear, so the ARN is selected instead.
    if wanted is None:
        cover(bench, problem)
        return
    key, value = wanted
    for arn in problem.subjects:
        tags = bench.draft.tags(arn, *_place(arn, problem.cause))
        # The misspelled tag stays: something else may depend on it.
        tags.document["Tags"][key] = value
        tags.because_of(
            problem.cause,
            f"The tag {key}={value} is added; a tag in another spelling stays, and can be removed.",
        )


def _wanted_tag(draft: Draft, cause: RootCause) -> tuple[str, str] | None:
    """Return the only tag that a selection asks for; None: it asks for something else as well."""
    selection = _selection(draft, cause)
    if selection is None:
        return None
    # Patterns (StringLike) do not say which value is meant.
    listed = [tag for tag in selection.get("ListOfTags") or () if tag.get("ConditionType") == _STRING_EQUALS]
    conditions = (selection.get("Conditions") or {}).get("StringEquals") or ()
    named = [(str(tag.get("ConditionKey")), str(tag.get("ConditionValue"))) for tag in (*listed, *conditions)]
    # Conditions have the prefix; in ListOfTags people write it although AWS does not ask for it.
    wanted = {(key.removeprefix("aws:ResourceTag/"), value) for key, value in named}
    return next(iter(wanted)) if len(wanted) == 1 else None


def _selection(draft: Draft, cause: RootCause) -> Mapping[str, Any] | None:
    arn, _, identity = cause.subject.partition("#")
    parts = parse_arn(arn)
    if parts is None or not identity:
        return None
    for selection in draft.shard(parts.account, parts.region).selections:
        if selection.id == identity:
            return selection.document
    return None


def cover(bench: Workbench, problem: Problem) -> None:
    """Select the resources by their ARNs: in the plan that suits best, or else in a new one."""
    by_place: dict[tuple[str, str, bool], list[str]] = {}
    for arn in problem.subjects:
        # A plan acts in its own account and Region only.
        place = (*_place(arn, problem.cause), arn in bench.avoid)
        by_place.setdefault(place, []).append(arn)
    for (account, region, is_copied), arns in sorted(by_place.items()):
        shard = bench.draft.shard(account, region)
        if not shard.are_plans_read:
            raise NoFixError(f"The scan did not read the backup plans of {account}/{region}.")
        _select(bench, shard, arns, problem.cause, without_copies=is_copied)


def _place(arn: str, cause: RootCause) -> tuple[str, str]:
    parts = parse_arn(arn)
    # The ARN of a bucket names neither account nor Region: they are those of its root cause.
    account = parts.account if parts is not None and parts.account else cause.account
    region = parts.region if parts is not None and parts.region else cause.region
    return account, region


def _select(
    bench: Workbench, shard: RecordedShard, arns: list[str], cause: RootCause, *, without_copies: bool
) -> None:
    """Add resources to the selection of the best plan that changes create, or create it.

    `without_copies`: copy actions would fail for them, so they get a plan without.
    """
    best = best_plan(bench, shard, without_copies=without_copies)
    if best is None:
        plan_id, plan_name = "", _new_plan(bench, shard, cause).name
    else:
        parts = parse_arn(best)
        plan_id, plan_name = (
            ("", best) if parts is None else (parts.resource.removeprefix("backup-plan:"), "")
        )
    role = _role(bench, shard, plan_id, cause)
    # A selection cannot be changed, only replaced: the existing ones stay as they are.
    document: Document = {"SelectionName": SELECTION, "IamRoleArn": role, "Resources": []}
    entry = Entry(
        ChangeKind.SELECTION,
        shard.account,
        shard.region,
        Step.SELECTIONS,
        document,
        None,
        name=_free_name(shard, plan_id),
        plan_id=plan_id,
        plan_name=plan_name,
    )
    document["SelectionName"] = entry.name
    entry = bench.draft.add(entry)
    selected = sorted({*entry.document["Resources"], *arns})
    # Counted with what other root causes have added to the same selection.
    if len(selected) > _MOST_ARNS:
        raise NoFixError(
            f"More than {_MOST_ARNS} resources of {shard.account}/{shard.region} are in no plan: a "
            f"selection by tag is "
            "better than one by ARN, and which tag is meant is not known."
        )
    entry.document["Resources"] = selected
    entry.because_of(
        cause, f"The plan {plan_name or _name_of(shard, plan_id)} backs these resources up: more is stored."
    )


def _name_of(shard: RecordedShard, plan_id: str) -> str:
    plan = shard.plans.get(plan_id)
    return plan_id if plan is None else plan.name


def _free_name(shard: RecordedShard, plan_id: str) -> str:
    """Return a name that no selection of the plan has."""
    taken = {
        str(selection.document.get("SelectionName"))
        for selection in shard.selections
        if selection.plan_id == plan_id
    }
    return _free(SELECTION, taken)


def _free(name: str, taken: set[str]) -> str:
    numbered = (f"{name}-{number}" for number in range(2, len(taken) + 3))
    return name if name not in taken else next(candidate for candidate in numbered if candidate not in taken)


def best_plan(bench: Workbench, shard: RecordedShard, *, without_copies: bool = False) -> str | None:
    """Return the plan of an account-Region that comes closest to what controls require; None: there is none.

    A plan without rules that make backups is not proposed: it would protect nothing.
    """
    ranked = []
    for name, document in bench.draft.plans_in(shard.account, shard.region):
        if without_copies and any(rule.get("CopyActions") for rule in document.get("Rules") or ()):
            continue
        if rules := [rule for rule in document.get("Rules") or () if _makes_backups(bench, shard, rule)]:
            ranked.append((_rank(bench, shard, document, rules), name))
    return min(ranked)[1] if ranked else None


def _makes_backups(bench: Workbench, shard: RecordedShard, rule: Document) -> bool:
    name = str(rule.get("TargetBackupVaultName"))
    arn = vault_arn(shard.partition, Shard(AccountId(shard.account), RegionName(shard.region)), name)
    # Every job of a rule whose vault does not exist fails.
    return gap_hours(bench, rule) < NEVER_HOURS and bench.draft.has_vault(arn)


def _rank(
    bench: Workbench, shard: RecordedShard, document: Document, rules: list[Document]
) -> tuple[bool, int, int, str]:
    """Return how far a plan is from what is required: schedule, copies, use. Smaller is better."""
    hours, days = required_hours(bench, *_TARGETS), required_days(bench, *_TARGETS)
    # One rule must do both: a frequent one and a lasting one do not add up.
    suits = any(gap_hours(bench, rule) <= hours and (days_of(rule) or _FOREVER) >= days for rule in rules)
    # Copy actions that fail are no advantage of a plan.
    working = {place.arn: place for place in bench.draft.configuration.destinations if place.works}
    copies = {
        (place.account != shard.account, place.region != shard.region)
        for rule in rules
        for action in rule.get("CopyActions") or ()
        for place in (working.get(str(action.get("DestinationBackupVaultArn"))),)
        if place is not None
    }
    reach = sum((any(account for account, _ in copies), any(region for _, region in copies)))
    used = sum(
        1
        for selection in shard.selections
        if selection.document and _is_of(selection.plan_id, shard, document)
    )
    return (not suits, -reach, -used, str(document.get("BackupPlanName")))


def _is_of(plan_id: str, shard: RecordedShard, document: Document) -> bool:
    plan = shard.plans.get(plan_id)
    return plan is not None and plan.name == document.get("BackupPlanName")


def _new_plan(bench: Workbench, shard: RecordedShard, cause: RootCause) -> Entry:
    """Create a plan with the defaults that the README states."""
    place = Shard(AccountId(shard.account), RegionName(shard.region))
    vault = _vault_for_new_plan(shard)
    if vault is None:
        vault = _free(NEW_VAULT, set(shard.vaults))
        add_vault(bench, vault_arn(shard.partition, place, vault), cause)
    days = required_days(bench, *_TARGETS)
    rule = {
        "RuleName": "daily",
        "TargetBackupVaultName": vault,
        "ScheduleExpression": DEFAULT_SCHEDULE,
        "ScheduleExpressionTimezone": DEFAULT_ZONE,
        "Lifecycle": {"DeleteAfterDays": days},
    }
    name = _free(NEW_PLAN, {plan.name for plan in shard.plans.values()})
    document = {"BackupPlanName": name, "Rules": [rule]}
    entry = bench.draft.add(
        Entry(ChangeKind.PLAN, shard.account, shard.region, Step.RULES_AND_COPIES, document, None, name=name)
    )
    entry.because_of(
        cause,
        f"A new plan with defaults: daily at 05:00 UTC into the vault {vault}, kept for {days} days. There "
        f"was no "
        "plan in this account and Region that could take the resources.",
    )
    return entry


def _vault_for_new_plan(shard: RecordedShard) -> str | None:
    """Return an existing vault with a customer managed key for a new plan; None: there is none."""
    usable = [
        name
        for name, vault in shard.vaults.items()
        if vault.row.get("VaultType", "BACKUP_VAULT") == "BACKUP_VAULT"
        and (key := shard.keys.get(str(vault.row.get("EncryptionKeyArn")))) is not None
        and key.is_customer_managed
        and key.is_enabled
        # A limit could be shorter than what the new rule needs, and then every job fails.
        and not vault.row.get("MaxRetentionDays")
    ]
    return min(usable, default=None)


def _role(bench: Workbench, shard: RecordedShard, plan_id: str, cause: RootCause) -> str:
    """Return the role for a new selection: that of another selection there, or AWS's default."""
    account = bench.draft.shard(shard.account, AWS_GLOBAL)
    own = [selection for selection in shard.selections if selection.plan_id == plan_id]
    named = [str(selection.document.get("IamRoleArn")) for selection in (*own, *shard.selections)]
    # Only roles whose trust policy was read: another one may be missing, or not assumable.
    usable = (role for role in named if account.roles.get(role) is not None)
    default = f"arn:{shard.partition}:iam::{shard.account}:role/{_DEFAULT_ROLE}"
    role = next(usable, default)
    if role == default and role not in account.roles:
        if not account.are_roles_read:
            raise NoFixError(f"The scan did not read the roles of {shard.account}.")
        # The console creates this role on first use. Accounts without the console do not have it.
        entry = bench.draft.role(default)
        trust_backup(entry, cause)
    return role
