"""Changes as shell scripts for the AWS CLI: one for each account-Region, safe to run again.

Documents are JSON in here-documents with a quoted delimiter, in which the shell expands nothing. No line of
JSON can be the delimiter, because a text in JSON has no line breaks.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from shlex import quote
from typing import Any, Final

from scanner.fixes.entries import plan_document, policy_text
from scanner.model.planning.fix import FixChange
from scanner.model.planning.planned_change import ChangeKind
from scanner.report.fixes.places import FixPlace, comment_lines

_INPUT: Final = "--cli-input-json file:///dev/stdin"
ROLE_POLICIES: Final = ("AWSBackupServiceRolePolicyForBackup", "AWSBackupServiceRolePolicyForRestores")
"""AWS managed policies of a role for AWS Backup, in the path service-role."""


def script(place: FixPlace) -> str:
    """Return the script of an account-Region."""
    lines = [
        "#!/usr/bin/env bash",
        f"# Changes of {place.title}, proposed by audit fix. README.md says what is proven.",
        "# Read it before you run it. It can be run again: what exists is not created twice.",
        # Plans come after the vaults that they name: a failed step must stop the rest.
        "set -euo pipefail",
        # The AWS CLI would wait in a pager for a key.
        'export AWS_PAGER=""',
        f"region={quote(place.call_region)}",
        "account=$(aws sts get-caller-identity --query Account --output text)",
        # Most changes have no account in their parameters, and would be made wherever one is logged in.
        f'if [ "$account" != {quote(place.account)} ]; then',
        f'  echo "This script is for account {place.account}, and these credentials are of $account." >&2',
        "  exit 2",
        "fi",
    ]
    for change in place.changes:
        lines += ["", *(f"# {line}" for line in comment_lines(change)), *_COMMANDS[change.kind](change)]
    return "\n".join(lines) + "\n"


def _call(command: str, document: Mapping[str, Any] | None, *options: str, region: bool = True) -> list[str]:
    """Return a call whose parameters are JSON."""
    where = ['--region "$region"'] if region else []
    words = " ".join([f"aws {command}", *where, *options, *([_INPUT] if document is not None else [])])
    if document is None:
        return [words]
    return [f"{words} <<'JSON'", *_json(document), "JSON"]


def _json(document: Mapping[str, Any]) -> list[str]:
    return json.dumps(document, indent=2).splitlines()


def _unless(check: str, lines: list[str]) -> list[str]:
    return [f"if ! {check} >/dev/null 2>&1; then", *lines, "fi"]


def _vault(change: FixChange) -> list[str]:
    name = quote(change.name)
    check = f'aws backup describe-backup-vault --region "$region" --backup-vault-name {name}'
    return _unless(check, _call("backup create-backup-vault", change.document))


def _policy(change: FixChange) -> list[str]:
    document = {"BackupVaultName": change.name, "Policy": policy_text(change)}
    return _call("backup put-backup-vault-access-policy", document)


def _lock(change: FixChange) -> list[str]:
    call = _call(
        "backup put-backup-vault-lock-configuration", {"BackupVaultName": change.name, **change.document}
    )
    # A governance lock can be removed again.
    if "ChangeableForDays" not in change.document:
        return call
    return [
        "# IRREVERSIBLE after the grace time: remove the comment signs only if that is what you want.",
        *(f"# {line}" for line in call),
    ]


def _notifications(change: FixChange) -> list[str]:
    return _call("backup put-backup-vault-notifications", {"BackupVaultName": change.name, **change.document})


def _plan(change: FixChange) -> list[str]:
    document = {"BackupPlan": plan_document(change)}
    if change.id:
        return _call("backup update-backup-plan", {"BackupPlanId": change.id, **document}, "--output json")
    # AWS Backup accepts a second plan of the same name, so a second run would create one.
    find = _first("list-backup-plans", f"BackupPlansList[?BackupPlanName=='{change.name}'].BackupPlanId")
    create = _call("backup create-backup-plan", document, "--output json")
    return [f"plan_id={find}", 'if [ "$plan_id" = "None" ]; then', *create, f"plan_id={find}", "fi"]


def _first(command: str, query: str, *options: str) -> str:
    """Return a command substitution: the first result of a query, or None."""
    words = [
        f'aws backup {command} --region "$region"',
        *options,
        f'--query "{query} | [0]"',
        "--output text",
    ]
    return f'"$({" ".join(words)})"'


def _selection(change: FixChange) -> list[str]:
    lines = [f"plan_id={quote(change.plan_id)}"] if change.plan_id else []
    query = f"BackupSelectionsList[?SelectionName=='{change.name}'].SelectionId"
    find = _first("list-backup-selections", query, '--backup-plan-id "$plan_id"')
    words = (
        'aws backup create-backup-selection --region "$region" --backup-plan-id "$plan_id" --backup-selection'
    )
    # Not --cli-input-json, in which the plan's id could not come from a variable.
    create = [f"{words} file:///dev/stdin <<'JSON'", *_json(change.document), "JSON"]
    return [*lines, f'if [ {find} = "None" ]; then', *create, "fi"]


def _region_settings(change: FixChange) -> list[str]:
    return _call("backup update-region-settings", change.document)


def _global_settings(change: FixChange) -> list[str]:
    return _call("backup update-global-settings", change.document)


def _role(change: FixChange) -> list[str]:
    # IAM has no Region, and its calls name a role without its path.
    path, _, name = change.name.partition(":role/")[2].rpartition("/")
    trust = json.dumps(change.document["AssumeRolePolicyDocument"])
    if not change.is_new:
        return _call(
            "iam update-assume-role-policy", {"RoleName": name, "PolicyDocument": trust}, region=False
        )
    create = _call(
        "iam create-role",
        {"Path": f"/{path}/" if path else "/", "RoleName": name, "AssumeRolePolicyDocument": trust},
        region=False,
    )
    partition = change.name.split(":")[1]
    attach = [
        f"aws iam attach-role-policy --role-name {quote(name)} --policy-arn "
        f"arn:{partition}:iam::aws:policy/service-role/{policy}"
        for policy in ROLE_POLICIES
    ]
    return [*_unless(f"aws iam get-role --role-name {quote(name)}", create), *attach]


def _key_policy(change: FixChange) -> list[str]:
    return _call(
        "kms put-key-policy", {"KeyId": change.name, "PolicyName": "default", "Policy": policy_text(change)}
    )


def added_tags(change: FixChange) -> dict[str, str]:
    """Return the tags that a change adds or sets to another value."""
    before = (change.before or {}).get("Tags") or {}
    # TagResources adds tags and leaves all others alone.
    return {key: value for key, value in change.document["Tags"].items() if before.get(key) != value}


def _tags(change: FixChange) -> list[str]:
    return _call(
        "resourcegroupstaggingapi tag-resources",
        {"ResourceARNList": [change.name], "Tags": added_tags(change)},
    )


_COMMANDS: Final[Mapping[ChangeKind, Callable[[FixChange], list[str]]]] = {
    ChangeKind.VAULT: _vault,
    ChangeKind.VAULT_POLICY: _policy,
    ChangeKind.VAULT_LOCK: _lock,
    ChangeKind.VAULT_NOTIFICATIONS: _notifications,
    ChangeKind.PLAN: _plan,
    ChangeKind.SELECTION: _selection,
    ChangeKind.REGION_SETTINGS: _region_settings,
    ChangeKind.GLOBAL_SETTINGS: _global_settings,
    ChangeKind.ROLE: _role,
    ChangeKind.KEY_POLICY: _key_policy,
    ChangeKind.TAGS: _tags,
}


def scripts(places: tuple[FixPlace, ...]) -> Iterator[tuple[str, str]]:
    """Yield the scripts with their file names."""
    for place in places:
        yield f"cli/{place.stem}.sh", script(place)
