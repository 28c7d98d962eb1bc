"""Vaults: missing ones, their policies, locks and notifications."""

from typing import Any, Final

from scanner.fixes.configuration import RecordedShard
from scanner.fixes.draft import Draft, Entry, NoFixError
from scanner.fixes.policies import add_statement, admit_organization, deny_deletion, restrict_to_organization
from scanner.fixes.problem import Problem, Workbench
from scanner.model.names import parse_arn
from scanner.model.planning.planned_change import ChangeKind
from scanner.model.root_causes import RootCause, Step

_LOCKED: Final = "vault-locked"
_NOTIFIES: Final = "vault-notifications"
_UNDELETABLE: Final = "vault-manual-deletion-denied"
_AIR_GAPPED: Final = "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"
# BACKUP_JOB_FAILED is deprecated: a failed job is reported by BACKUP_JOB_COMPLETED.
_DEFAULT_EVENTS: Final = ["BACKUP_JOB_COMPLETED", "COPY_JOB_FAILED"]


def create_vault(bench: Workbench, problem: Problem) -> None:
    """Create a vault that a rule or a copy action names."""
    add_vault(bench, problem.cause.subject, problem.cause)


def add_vault(bench: Workbench, arn: str, cause: RootCause) -> Entry:
    """Create a vault as controls require one: with a key, a policy, a lock and notifications."""
    draft = bench.draft
    parts = parse_arn(arn)
    if parts is None or not parts.resource.startswith("backup-vault:"):
        raise NoFixError(f"{arn} is not the ARN of a backup vault.")
    shard = draft.shard(parts.account, parts.region)
    # A vault that was not listed may exist: creating it again fails.
    if not shard.are_vaults_read:
        raise NoFixError(f"The scan did not read the list of vaults in {shard.account}/{shard.region}.")
    name = parts.resource.removeprefix("backup-vault:")
    document: dict[str, Any] = {"BackupVaultName": name}
    entry = Entry(
        ChangeKind.VAULT, shard.account, shard.region, Step.VAULTS_AND_KEYS, document, None, name=name
    )
    # The key of a vault is fixed at its creation (AWS Backup, "Creating a vault").
    if key := key_for(shard):
        document["EncryptionKeyArn"] = key
        note = f"The vault is encrypted with {key}, a customer managed key of the same account and Region."
    else:
        note = (
            "The scan shows no usable customer managed key there, so the vault gets the AWS managed key "
            "aws/backup. "
            "It cannot be changed later: to use a key of your own, name it in --encryption-key-arn before "
            "you create "
            "the vault."
        )
    entry.context["arn"] = arn
    entry = draft.add(entry)
    entry.because_of(cause, note)
    _protect(bench, arn, cause, admits_copies=_is_copied_into(cause, arn))
    return entry


def _protect(bench: Workbench, arn: str, cause: RootCause, *, admits_copies: bool) -> None:
    """Add the policy, the lock and the notifications that controls require to a new vault."""
    deny(bench, arn, cause)
    # A vault that only rules of its own account use needs no access for others.
    if admits_copies and bench.draft.configuration.organization:
        admit(bench, arn, cause)
    lock(bench, arn, cause)
    try:
        notify(bench, arn, cause)
    except NoFixError:
        return  # no topic is known there; vault-notifications is of medium severity, and stays open


def _is_copied_into(cause: RootCause, arn: str) -> bool:
    return cause.control.startswith("copy-") and cause.subject == arn


def key_for(shard: RecordedShard) -> str:
    """Return a customer managed key for a new vault: the one that most vaults there use; empty: none."""
    usable = {arn for arn, key in shard.keys.items() if key.is_customer_managed and key.is_enabled}
    own = [
        str(vault.row.get("EncryptionKeyArn"))
        for vault in shard.vaults.values()
        if vault.row.get("EncryptionKeyArn") in usable
    ]
    # A vault needs a key of its Region, and a key of another account depends on that account.
    here = f":{shard.region}:{shard.account}:"
    # The ARN breaks ties, so that two runs propose the same key.
    return min((arn for arn in set(own) if here in arn), key=lambda arn: (-own.count(arn), arn), default="")


def deny_manual_deletion(bench: Workbench, problem: Problem) -> None:
    """Deny deleting recovery points in the access policy of a vault."""
    deny(bench, problem.cause.subject, problem.cause)


def deny(bench: Workbench, arn: str, cause: RootCause) -> None:
    """Add the statement that denies deletion; exempt are the principals that the control exempts."""
    exempt = bench.texts(_UNDELETABLE, "exempt_principal_arns")
    policy = bench.draft.vault_policy(arn)
    add_statement(policy.document, deny_deletion(exempt))
    who = f"except {', '.join(exempt)}" if exempt else "including administrators and the account's root user"
    policy.because_of(
        cause,
        f"From then on, no principal ({who}) can change this policy, or delete recovery points of the vault "
        f"before "
        "they expire. Check the policy before you apply it.",
    )


def admit_copies(bench: Workbench, problem: Problem) -> None:
    """Let the accounts of the organisation copy into a vault."""
    admit(bench, problem.cause.subject, problem.cause)


def admit(bench: Workbench, arn: str, cause: RootCause) -> None:
    """Add the statement that admits copies from the organisation's accounts."""
    organization = bench.draft.configuration.organization
    if not organization:
        raise NoFixError("The scan does not know the id of the organisation.")
    policy = bench.draft.vault_policy(arn)
    add_statement(policy.document, admit_organization(organization))
    policy.because_of(cause, "All accounts of the organisation may copy into the vault.")


def keep_out(bench: Workbench, problem: Problem) -> None:
    """Restrict what a vault's policy allows to principals of the organisation."""
    organization = bench.draft.configuration.organization
    if not organization:
        raise NoFixError("The scan does not know the id of the organisation.")
    policy = bench.draft.vault_policy(problem.cause.subject)
    if not restrict_to_organization(policy.document, organization):
        raise NoFixError("No statement of the policy can be restricted to the organisation by a condition.")
    policy.because_of(
        problem.cause, "Takes access away: principals outside the organisation lose what they have."
    )


def lock_vault(bench: Workbench, problem: Problem) -> None:
    """Lock a vault in governance mode, or in compliance mode if the option says so."""
    lock(bench, problem.cause.subject, problem.cause)


def lock(bench: Workbench, arn: str, cause: RootCause) -> None:
    """Add a lock with the limits that the control requires, and those that the vault's lock has."""
    draft = bench.draft
    row = _row(draft, arn)
    if row.get("VaultType") == _AIR_GAPPED:
        raise NoFixError("A logically air-gapped vault is always locked; its limits cannot be changed.")
    present = {
        name: row[name]
        # An unlocked vault has no limits in force.
        for name in ("MinRetentionDays", "MaxRetentionDays")
        if row.get(name) and row.get("Locked")
    }
    before = present if row.get("Locked") else None
    entry = draft.part_of_vault(ChangeKind.VAULT_LOCK, arn, before)
    limits = entry.document
    shortest = int(max(bench.numbers((_LOCKED,), "min_retention_days"), default=0))
    # The lowest that AWS Backup takes is 1; CloudFormation requires the member.
    limits["MinRetentionDays"] = max(shortest, int(limits.get("MinRetentionDays") or 1))
    longest = [days for days in bench.numbers((_LOCKED,), "max_retention_days") if days]
    if longest:
        # The strictest of all tiers, and never wider than the lock that is there.
        limits["MaxRetentionDays"] = int(min(*longest, limits.get("MaxRetentionDays") or min(longest)))
    if bench.compliance_days is None:
        note = (
            f"A governance lock: its minimum retention, in days, is {limits['MinRetentionDays']}, and "
            "principals with the permission can remove the lock. Raise the minimum if all rules keep longer."
        )
    else:
        limits["ChangeableForDays"] = bench.compliance_days
        note = (
            f"IRREVERSIBLE: {bench.compliance_days} days after it is set, no one can remove this lock, not "
            f"even AWS. It "
            "is not run by the script: the command is a comment."
        )
    entry.because_of(cause, note)


def _row(draft: Draft, arn: str) -> dict[str, Any]:
    try:
        return dict(draft.recorded_vault(arn)[1].row)
    except NoFixError:
        # A vault that a change creates has no row in the scan.
        if draft.has_vault(arn):
            return {}
        raise


def send_notifications(bench: Workbench, problem: Problem) -> None:
    """Let a vault send its events to the topic that other vaults there use."""
    notify(bench, problem.cause.subject, problem.cause)


def notify(bench: Workbench, arn: str, cause: RootCause) -> None:
    """Add notifications: to the vault's own topic, or to that of most vaults of the account and Region."""
    draft = bench.draft
    parts = parse_arn(arn)
    if parts is None:
        raise NoFixError(f"{arn} is not the ARN of a backup vault.")
    shard = draft.shard(parts.account, parts.region)
    vault = shard.vaults.get(parts.resource.removeprefix("backup-vault:"))
    if vault is not None and vault.notifications_problem:
        raise NoFixError(vault.notifications_problem)
    present = None if vault is None else vault.notifications
    topic = str(present["SNSTopicArn"]) if present else _topic_of(shard)
    if not topic:
        raise NoFixError(
            f"No vault in {shard.account}/{shard.region} sends its events to an SNS topic, so it is not "
            f"known which one "
            "is meant."
        )
    entry = draft.part_of_vault(ChangeKind.VAULT_NOTIFICATIONS, arn, present)
    events = bench.texts(_NOTIFIES, "events") or _DEFAULT_EVENTS
    # PutBackupVaultNotifications replaces the events, so the present ones are sent again.
    present_events = list(present.get("BackupVaultEvents") or ()) if present else []
    entry.document.update(
        SNSTopicArn=topic, BackupVaultEvents=list(dict.fromkeys([*present_events, *events]))
    )
    entry.because_of(cause, f"Events are sent to {topic}, which must let backup.amazonaws.com publish.")


def _topic_of(shard: RecordedShard) -> str:
    topics = [
        str(vault.notifications["SNSTopicArn"])
        for vault in shard.vaults.values()
        if vault.notifications and vault.notifications.get("SNSTopicArn")
    ]
    return min(set(topics), key=lambda topic: (-topics.count(topic), topic), default="")
