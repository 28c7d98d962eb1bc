"""What AWS Backup can do with each type of resource, as package data.

Source: AWS Backup developer guide, "Feature availability" and "Document history" (facts 1 and 2).
Where AWS does not say, or its pages disagree, the answer is None.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any, Final

from scanner.model.inventory import BackupPlan, Lifecycle, RegionSettings, Resource
from scanner.model.known import Answer, Known, Reading, Ternary, all_of

RESTORE_TEST_PREFIX: Final = "awsbackup-restore-test"
_DYNAMODB: Final = "DynamoDB"

LIMITATIONS: Final = (
    (
        "Whether a copy can succeed is evaluated from vaults, locks, policies, keys and organisation "
        "settings. Identity policies of roles, the service-linked role of AWS Backup, service control "
        "policies and the Allowed AMIs setting of EC2 are not assessed."
    ),
    (
        "A wildcard in a backup selection matches any run of characters in any position, although AWS "
        "documents it for the end of an ARN only."
    ),
    "A condition with a negative operator is met by a resource without the tag, as in IAM.",
    (
        "A backup selection without Resources and ListOfTags selects every supported resource that meets its "
        "conditions and that the Region is opted in to."
    ),
    "Keys in ListOfTags are read with and without the prefix aws:ResourceTag/.",
    "A recovery point whose list entry names no expiry never expires, unless it is continuous.",
    "A copy action without a retention of its own uses that of its rule.",
    "A recovery point that is dated after the evaluation time has age 0.",
    (
        "A rule whose schedule is not an AWS cron expression is assumed never to start. If the schedule has "
        "a form that AWS neither documents nor is known to refuse, its starts are unknown."
    ),
    (
        "A local time that is skipped when the clocks go forward is not a start, and one that occurs twice "
        "when they go back is one start."
    ),
    (
        "Overlapping start windows are compared within one plan only: AWS does not document which backup it "
        "keeps if rules of several plans overlap."
    ),
    "The AWS owned key of a logically air-gapped vault does not prevent copies into it.",
    "A key is shared with another account if its key policy allows it; grants are not read.",
    (
        "A vault's access policy governs the AWS Backup API only: snapshots of types that AWS Backup does "
        "not fully manage can still be deleted through their own service."
    ),
    (
        "Principals of AWS services in a vault's access policy are not outside the organisation; what RAM "
        "or a multi-party approval team shares of a logically air-gapped vault is not read."
    ),
    "Resources of types that this version does not list are not in the population.",
    (
        "A resource with the tag of a CloudFormation stack that is still there counts as part of the stack, "
        "although a resource that was taken out of its stack and retained keeps the tag."
    ),
    (
        "The EBS volumes, file systems and buckets that the backup of an EKS cluster contains are not read: "
        "each of them is evaluated separately."
    ),
    (
        "An attacker who takes over an account is assumed to act as every role of it, and from the "
        "management account in every member account. A backup that no principal of the account can delete "
        "counts as safe, even if its key can be deleted: survives-key-loss checks the key."
    ),
)
"""What is assumed where AWS does not document its behaviour, for the report and docs/assumptions.md."""

CHARGES: Final = (
    "AWS makes no additional charge for managing backups centrally through AWS Organizations; the storage of "
    "backups, copies to other Regions and restores are charged as in a single account."
)

CONTAINS: Final = {
    "EC2": (
        "an AMI: snapshots of the root volume and of all attached EBS volumes, and the configuration of the "
        "instance (instance type, security groups, VPC, monitoring, tags)"
    ),
}
"""What a backup contains besides the data, by type."""

INCREMENTAL: Final = {
    "always": "the first is full, later ones are incremental",
    "never": "each is full",
    "continuous_only": "snapshots are full, a continuous backup is incremental",
}
"""How backups after the first are made, by the column `incremental` of the table `resource`."""
_S3_OPTIONS: Final = {"BackupACLs": "object ACLs", "BackupObjectTags": "object tags"}


class Incremental(StrEnum):
    """Whether backups after the first hold only what changed (facts 2, column "incr.")."""

    ALWAYS = "always"
    NEVER = "never"
    CONTINUOUS_ONLY = "continuous_only"  # snapshots are always full
    BY_OPT_IN = "by_opt_in"  # the Region's ResourceTypeOptInIncremental decides


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """One row of the capability table."""

    key: str
    opt_in_key: str
    skip_states: frozenset[str]
    states: frozenset[str]  # all that AWS documents; any other decides nothing
    cross_region: Ternary
    cross_account: Ternary
    single_action: Ternary  # another Region and another account in one copy action
    continuous: Ternary
    fully_managed: Ternary
    cold: Ternary
    air_gapped: Ternary
    air_gap_needs_encryption: bool
    restore_testing: Ternary
    incremental: Incremental | None
    item_restore: Ternary
    search: Ternary
    malware_scan: Ternary
    audit_manager: Ternary
    open_point: str  # what AWS's pages disagree on, and what is assumed; empty: nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A rule about some types that older notes state, and what is true now (facts 2.1).

    `since`: the day of the change (ISO date); None: there was none, or AWS does not name it. `holds`: whether
    the older rule is still true; None: AWS's documentation does not mention it. `about`: the features of a
    copy that it affects (`copy`: any copy). `regions`: the Regions that it affects (`opt-in`, `china`).
    """

    name: str
    types: tuple[str, ...]  # rows of the table; empty: all of them
    once: str
    now: str
    since: str | None
    holds: Ternary
    about: tuple[str, ...]
    regions: str
    source: str

    @property
    def sentence(self) -> str:
        """What is true now, and since when."""
        return self.now if self.since is None else f"Since {self.since}: {self.now}"

    @property
    def history(self) -> str:
        """What is true now, since when, and what was true before; or that the older rule still holds."""
        if self.holds:
            return f"Still true: {self.now}"
        return f"{self.sentence} {'No longer true' if self.since else 'Not true, or not found'}: {self.once}"


@cache
def capability_data() -> Mapping[str, Any]:
    """Return the package data, unparsed."""
    text = resources.files("scanner.protection").joinpath("capabilities.json").read_text("utf-8")
    data: Mapping[str, Any] = json.loads(text)
    return data


def capabilities_as_of() -> str:
    """Return the date of the AWS documentation that the table reflects (ISO date)."""
    return str(capability_data()["as_of"])


def capabilities() -> tuple[Capability, ...]:
    """Return all rows of the table."""
    return tuple(row for key in capability_data()["types"] if (row := capability(key)) is not None)


@cache
def resource_types() -> tuple[str, ...]:
    """Return the resource types by their names in findings."""
    return tuple(sorted({row.opt_in_key for row in capabilities()}))


@cache
def changes() -> tuple[Change, ...]:
    """Return the dated changes of AWS Backup, in the order of the facts sheet."""
    return tuple(
        Change(**{**row, "types": tuple(row["types"]), "about": tuple(row["about"])})
        for row in capability_data()["changes"]
    )


@cache
def capability(key: str) -> Capability | None:
    """Return the row with this key; None: there is no such row."""
    row = capability_data()["types"].get(key)
    if row is None:
        return None
    incremental = None if row["incremental"] is None else Incremental(row["incremental"])
    return Capability(
        key=key,
        **{
            **row,
            "skip_states": frozenset(row["skip_states"]),
            "states": frozenset(row["states"]),
            "incremental": incremental,
        },
    )


def opt_in_always(resource_type: str) -> bool:
    """Check whether the Region's opt-in applies to a type even if its exact ARN is named (facts 3.3)."""
    return resource_type in capability_data()["opt_in_always"]


def cold_supported(row: Capability, lifecycle: Lifecycle) -> Ternary:
    """Check whether AWS Backup moves backups of a type to cold storage under a lifecycle.

    EBS snapshots are archived only where the lifecycle opts in (API reference, Lifecycle; ruling 20).
    """
    return False if row.cold and needs_archive_opt_in(row, lifecycle) else row.cold


def needs_archive_opt_in(row: Capability, lifecycle: Lifecycle) -> bool:
    """Check whether only the missing opt-in to archiving keeps a type from cold storage."""
    return not lifecycle.archive_opt_in and row.key in capability_data()["archive_opt_in"]


def capability_rows(resource: Resource, settings: Reading[RegionSettings]) -> tuple[Capability | None, ...]:
    """Return the rows that may apply to a resource: two if the Region settings, which decide, are not known.

    DynamoDB has its advanced features only where both the management and the opt-in preference are on
    (AWS Backup developer guide, "Advanced DynamoDB backup"). The row of a type that has none is None.
    """
    if resource.capability != _DYNAMODB:
        return (capability(resource.capability),)
    basic, advanced = capability("DynamoDB_BASIC"), capability("DynamoDB_ADVANCED")
    if not isinstance(settings, Known):
        return basic, advanced
    preferences = (settings.value.management.get(_DYNAMODB), settings.value.opt_in.get(_DYNAMODB))
    match all_of(preferences):
        case True:
            return (advanced,)
        case False:
            return (basic,)
        case None:
            return basic, advanced


def capability_of(resource: Resource, settings: Reading[RegionSettings]) -> Capability | None:
    """Return the row that applies to a resource; None if the Region settings, which decide, are not known."""
    rows = capability_rows(resource, settings)
    return rows[0] if len(rows) == 1 else None


def incremental_of(resource: Resource, settings: Reading[RegionSettings]) -> Incremental | None:
    """Return how backups of a resource are made after the first, by the Region settings where these decide.

    None: AWS does not say, or the settings were not read or do not contain the opt-in.
    """
    row = capability_of(resource, settings)
    if row is None or row.incremental is not Incremental.BY_OPT_IN:
        return None if row is None else row.incremental
    if not isinstance(settings, Known) or settings.value.incremental is None:
        return None
    return Incremental.ALWAYS if settings.value.incremental.get(row.opt_in_key) else Incremental.NEVER


def fully_managed(resource: Resource, settings: Reading[RegionSettings]) -> Ternary:
    """Check whether AWS Backup fully manages the resource's recovery points."""
    row = capability_of(resource, settings)
    return None if row is None else row.fully_managed


def skipped_state(resource: Resource) -> Ternary:
    """Check whether AWS Backup skips a resource because of its state; a stopped one is not skipped.

    None when the state was not read, or is one that AWS does not document. A bucket has no state.
    """
    # Both rows of DynamoDB have the same states, so the Region settings are not needed here.
    key = "DynamoDB_BASIC" if resource.capability == _DYNAMODB else resource.capability
    row = capability(key)
    if row is None or not row.skip_states:
        return False
    if resource.state not in row.states:  # not read, or a word that AWS has added
        return None
    return resource.state in row.skip_states


def restore_test_leftover(resource: Resource) -> Ternary:
    """Check whether a restore test created the resource, by a tag or its name (facts 3.1)."""
    if resource.name.startswith(RESTORE_TEST_PREFIX):
        return True
    if not isinstance(resource.tags, Known):
        return None
    for key in resource.tags.value:  # noqa: SIM110 -- any() is slower, and this runs for every pair
        if key.startswith(RESTORE_TEST_PREFIX):
            return True
    return False


def report_notes() -> tuple[str, ...]:
    """Return notes for readers of older texts on AWS Backup: charges, and changes with their dates."""
    return (CHARGES, *(f"Older notes on AWS Backup: {change.history}" for change in changes()))


# Kinds of resources of supported types that AWS Backup cannot back up (catalogue, ruling 19).
#
# Source: AWS Backup developer guide, "Backup creation by resource type", and the pages named in the
# capability table (facts 1.1). The inventory sets `Resource.unsupported_kind`.
@dataclass(frozen=True, slots=True)
class UnsupportedKind:
    """A kind of resource that AWS Backup cannot back up: its type, name, and the AWS page that says so."""

    key: str
    type: str
    text: str
    source: str


@cache
def unsupported_kinds() -> tuple[UnsupportedKind, ...]:
    """Return all kinds, in the order of the capability table."""
    return tuple(UnsupportedKind(key, **row) for key, row in capability_data()["unsupported_kinds"].items())


def is_unsupported(resource: Resource) -> Ternary:
    """Check whether a resource is of a kind that AWS Backup cannot back up. None: its kind is not known."""
    return None if resource.unsupported_kind is None else resource.unsupported_kind != ""


def kind_text(key: str) -> str:
    """Return the name of a kind: "an S3 directory bucket"."""
    return next(kind.text for kind in unsupported_kinds() if kind.key == key)


def can_be_backed_up(resource: Resource) -> Answer:
    """Return whether AWS Backup can back up resources of this kind, and if not, why."""
    if resource.unsupported_kind is None:
        return Answer(None, "whether AWS Backup can back up resources of its kind is unknown")
    if resource.unsupported_kind:
        return Answer(
            value=False, because=f"AWS Backup cannot back up {kind_text(resource.unsupported_kind)}"
        )
    return Answer(value=True)


# Sources: AWS Backup developer guide, "Amazon EC2 backups", "Feature availability by resource" (facts 2,
# 3.4); API reference, "AdvancedBackupSetting": Windows VSS is off by default; ACLs and tags of objects are
# included.
def left_out(resource: Resource, plans: Iterable[BackupPlan]) -> tuple[str, ...]:
    """Return what the covering plans leave out of the backups of a resource, in clauses, by plan name."""
    ordered = sorted({plan.arn: plan for plan in plans}.values(), key=lambda plan: (plan.name, plan.arn))
    if resource.type == "S3":
        return tuple(clause for plan in ordered for clause in _s3_options(plan))
    if resource.type == "EC2" and resource.windows:
        plain = (plan for plan in ordered if not _is_set(plan, "EC2", "WindowsVSS", "enabled"))
        return tuple(
            f"plan {plan.name} does not create VSS-enabled backups of this Windows instance" for plan in plain
        )
    return ()


def _s3_options(plan: BackupPlan) -> Iterable[str]:
    for option, text in _S3_OPTIONS.items():
        if _is_set(plan, "S3", option, "disabled"):
            yield f"plan {plan.name} does not include {text}"


def _is_set(plan: BackupPlan, resource_type: str, option: str, value: str) -> bool:
    return any(
        (setting.resource_type, setting.option, setting.value.lower()) == (resource_type, option, value)
        for setting in plan.advanced
    )
