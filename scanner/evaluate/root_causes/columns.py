"""The columns that links read, as SQL over each fact table: small ones, equal for rows that are alike."""

from collections.abc import Mapping
from typing import Final

_PLACE: Final = {"account": "account", "region": "region"}
_SUBJECT: Final = {"subject": "subject", "name": "name", **_PLACE, "evidence": "evidence"}


def _own(*names: str) -> dict[str, str]:
    return {name: name for name in names}


def _distinct(items: str, member: str, broken: str) -> str:
    """Return the SQL of the distinct values of some members, without those that are not known or empty."""
    # Values that are not known prove no cause, so they are left out.
    chosen = f"list_filter({items}, lambda member: member IS NOT NULL AND {broken})"
    return f"list_sort(list_distinct(list_transform({chosen}, lambda member: {member})))"


_FAILED: Final = (
    "list_contains(list_transform(list_filter(copy_jobs, lambda job: job.newest_succeeded = false), "
    "lambda job: job.resource), member.resource)"
)
# An AWS managed or AWS owned key may have no name to show.
_UNSHARED: Final = ("source_keys_shared", "member.key", "member.shared = false AND member.key <> ''")
# A key of the destination account belongs to the vault, another cause than the key of a resource.
_OF_VAULT: Final = "split_part(member.key, ':', 5) = destination_account"
_BLOCKING: Final = (
    "blocked",
    "member.key",
    f"member.key <> '' AND NOT (cross_account AND {_OF_VAULT})",
)
_BLOCKING_OF_VAULT: Final = ("blocked", "member.key", f"cross_account AND {_OF_VAULT}")
_UNCOPYABLE: Final = ("supported", "member.capability", "member.supported = false")

COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {
    "resource": {
        **_PLACE,
        **_own("subject_type", "versioned", "covered", "selections_asked", "opt_in_decides", "opted_in"),
        **_own("several_continuous_rules", "rules", "copies", "copy_links"),
        "nearest_kind": "coalesce(near_misses[1].nearness, '')",
        "nearest_selection": "coalesce(near_misses[1].selection, '')",
        "has_point": "newest_recovery_point.exists",
        "came_as_scheduled": (
            "newest_recovery_point.exists AND len(rules) > 0 AND all_of(list_transform(rules, "
            # NULL, unless the schedules of all rules are known.
            "lambda rule: newest_recovery_point.age_hours <= rule.max_gap_hours))"
        ),
        "newest_job_failed": "any_of(list_transform(backup_jobs, lambda job: job.newest AND job.failed))",
        "newest_job_category": (
            "coalesce(list_filter(backup_jobs, lambda job: job.newest AND job.failed)[1].category, '')"
        ),
        "restored": "any_of(list_transform(restores, lambda restore: restore.completed))",
        "two_accounts": "three_two_one_one_zero.two_accounts",
        "other_region": "three_two_one_one_zero.other_region",
        "three_copies": "three_two_one_one_zero.three_copies",
        "immutable": "three_two_one_one_zero.immutable",
        "no_failure": "three_two_one_one_zero.no_failure",
    },
    "rule": {
        **_SUBJECT,
        **_own("plan", "kind", "target", "target_exists", "within_lock", "lock_reason"),
        **_own("schedule_valid", "starts_within_a_year"),
    },
    "selection": {
        **_SUBJECT,
        **_own("plan", "role", "role_exists", "role_admits_backup", "role_reason"),
        **_own("selects_resources"),
    },
    "plan": {
        **_SUBJECT,
        **_own("selections"),
        # An incomplete list of rules has no count.
        "rule_count": "CASE WHEN len(rules) = list_count(rules) THEN len(rules) END",
    },
    "copy_action": {
        **_SUBJECT,
        **_own("destination", "destination_account", "destination_exists", "destination_air_gapped"),
        **_own("destination_key_kind", "admits_source", "in_organization", "cross_account_enabled"),
        "unshared_keys": _distinct(*_UNSHARED),
        "blocking_keys": _distinct(*_BLOCKING),
        "uncopyable_types": _distinct(*_UNCOPYABLE),
        "unshared_keys_of_failed_jobs": _distinct(*_UNSHARED[:2], f"{_UNSHARED[2]} AND {_FAILED}"),
        "blocking_keys_of_failed_jobs": _distinct(*_BLOCKING[:2], f"{_BLOCKING[2]} AND {_FAILED}"),
        "vault_keys_of_failed_jobs": _distinct(
            *_BLOCKING_OF_VAULT[:2], f"{_BLOCKING_OF_VAULT[2]} AND {_FAILED}"
        ),
        "uncopyable_types_of_failed_jobs": _distinct(*_UNCOPYABLE[:2], f"{_UNCOPYABLE[2]} AND {_FAILED}"),
    },
    "vault": {**_SUBJECT, **_own("key_kind", "key_enabled")},
    "account": {**_SUBJECT},
    "account_region": {**_SUBJECT, "entered": "not_entered = ''"},
}
"""Of each fact table, the columns of rows that are traced, and their SQL.

Rows of recovery points are not traced: facts do not say which rule or person made them.
"""

EVIDENCE: Final = (
    # The lowest line: resources of a group have equal facts, but evidence of their own.
    "min(list_filter(evidence, lambda ref: ref.about IN "
    "('', 'covered', 'covered_by', 'rules', 'opted_in', 'opt_in_decides', 'backup_jobs', 'restores')))"
)
"""The SQL of the evidence of alike resources: that of the first, which is the same for every run."""
