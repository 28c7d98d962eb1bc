"""The values of the placeholders in commands: from a finding, its root cause, and structures of the scan."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from scanner.model.names import AWS_GLOBAL, ORG, parse_arn
from scanner.model.root_causes import Blocker, CauseKind, RootCause
from scanner.report.commands.placeholders import HINTS, parts_of
from scanner.report.commands.shell import is_safe
from scanner.report.commands.structures import Place, Structures

_ORGANIZATION_PLAN: Final = "orgs/"
_LISTED: Final = 3  # names in a hint


class Failure(Protocol):
    """A finding, as far as its commands depend on it."""

    @property
    def control(self) -> str:
        """The id of its control."""
        ...

    @property
    def subject(self) -> str:
        """Its subject."""
        ...

    @property
    def subject_type(self) -> str:
        """The type of its subject."""
        ...

    @property
    def account(self) -> str:
        """The account of its subject."""
        ...

    @property
    def region(self) -> str:
        """The Region of its subject."""
        ...

    @property
    def details(self) -> Mapping[str, Any]:
        """Its details; empty: they are not known."""
        ...

    @property
    def root_cause(self) -> RootCause | None:
        """Its root cause; None: it was not traced."""
        ...

    @property
    def blocked_by(self) -> Blocker | None:
        """The failure that must be mended first; None: there is none."""
        ...


@dataclass(frozen=True, slots=True)
class CauseFailure:
    """A root cause alone, as the failure of the control that checks it."""

    root_cause: RootCause
    control: str = ""
    subject: str = ""
    subject_type: str = ""
    account: str = ""
    region: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    blocked_by: Blocker | None = None


@dataclass(slots=True)
class Values:
    """Fills placeholders. `names`: what is known; `missing`: those that were left since it was emptied."""

    names: Mapping[str, str]
    structures: Structures
    place: Place
    home: Place
    missing: dict[str, None] = field(default_factory=dict)

    def fill(self, text: str) -> str:
        """Return a text with the placeholders filled that are known."""
        parts = parts_of(text)
        if len(parts) == 1:
            return text
        return "".join(self._value(part) if number % 2 else part for number, part in enumerate(parts))

    def _value(self, name: str) -> str:
        value = self._known(name)
        # Names and tags are set by users of the accounts, and could be made to run a command.
        if value and is_safe(value):
            return value
        self.missing[name] = None
        return name

    def _known(self, name: str) -> str:
        # Depends on the place, which changes within one template: a key must be of the same Region.
        if name == "KEY_ARN":
            return self.names.get(name, "") or self.structures.keys.get(self.place, "")
        return self.names.get(name, "")

    def hint(self, name: str) -> str:
        """Return what to put for a placeholder that is not known."""
        choices = self._choices(name)
        more = f", and {len(choices) - _LISTED} more" if len(choices) > _LISTED else ""
        chosen = f" ({', '.join(choices[:_LISTED])}{more})" if choices else ""
        return HINTS[name] + chosen

    def _choices(self, name: str) -> Sequence[str]:
        """Return the values that the scan knows for a placeholder that has several."""
        if name == "PLAN_ID":
            plans = self.structures.plans.get(self.place, {})
            return [_choice(plan, plans[plan]) for plan in sorted(plans)]
        return self.structures.other_regions(self.home[1]) if name == "OTHER_REGION" else ()


def _choice(plan: str, name: str) -> str:
    return f"{plan_id(plan)} is {name}" if is_safe(name) else plan_id(plan)


def values_of(failure: Failure, structures: Structures) -> Values:
    """Return the values for the commands of a failure: of its subject, its root cause, and its details."""
    cause = failure.root_cause
    names = _first(
        _of_subject(failure.subject, failure.subject_type),
        _of_subject(cause.subject, "") if cause is not None else {},
        _of_details(failure.details),
        {"TYPE": failure.subject_type, "ACCOUNT_ID": failure.account, "REGION": failure.region},
        _of_scan(structures, failure.account),
    )
    name = str(failure.details.get("name") or "")
    place = place_of(failure)
    return Values(_of_structures(names, name, place, structures), structures, place, place)


def values_of_cause(failure: Failure, cause: RootCause, structures: Structures) -> Values:
    """Return the values for the commands that mend the root cause of a failure.

    A cause may be a place. What is mended there is the subject of the failure, or the one that it hangs on.
    """
    blocker = failure.blocked_by.subject if failure.blocked_by is not None else ""
    place = place_of_cause(cause)
    names = _first(
        _of_subject(cause.subject, ""),
        _of_subject(blocker, ""),
        _of_subject(failure.subject, failure.subject_type),
        {"TYPE": cause.about or failure.subject_type},
        _where(blocker),
        {"ACCOUNT_ID": cause.account, "REGION": cause.region},
        # Details describe the subject of the failure, so they would be wrong for another subject.
        _of_details(failure.details) if cause.subject.startswith("aws:account-region:") else {},
        _of_scan(structures, cause.account),
    )
    return Values(_of_structures(names, cause.name, place, structures), structures, place, place)


def _where(subject: str) -> dict[str, str]:
    """Return the account and the Region of what a failure hangs on, such as the plan of a copy action."""
    arn = parse_arn(subject)
    return {} if arn is None or not arn.region else {"ACCOUNT_ID": arn.account, "REGION": arn.region}


def _first(*sources: Mapping[str, str]) -> dict[str, str]:
    """Merge values: those of the first source that has one."""
    names: dict[str, str] = {}
    for source in sources:
        for name, value in source.items():
            if value and name not in names:
                names[name] = value
    return names


def _of_scan(structures: Structures, account: str) -> Mapping[str, str]:
    # Thousands of findings are of one account.
    if (names := structures.values_of_accounts.get(account)) is None:
        names = structures.values_of_accounts[account] = _of_account(structures, account)
    return names


def _of_account(structures: Structures, account: str) -> Mapping[str, str]:
    manifest, path = structures.manifest, structures.paths.get(account, "")
    # The path begins with the organization's id and ends with a slash.
    units = [unit for unit in path.split("/") if unit.startswith(("r-", "ou-"))]
    return {
        "ORGANIZATION_ID": manifest.scope.organization_id or "",
        "MANAGEMENT_ACCOUNT": manifest.scope.management_account or "",
        "SCANNING_ACCOUNT": manifest.caller_account or "",
        "NEW_SCAN_DIR": "new-scan",
        "ROOT_ID": units[0] if units else "",
        "OU_ID": units[-1] if units else "",
    }


def place_of_cause(cause: RootCause) -> Place:
    """Return where a root cause is mended."""
    return cause.account, "" if cause.region in {AWS_GLOBAL, ORG} else cause.region


def place_of(failure: Failure) -> Place:
    """Return where the commands of a failure are run, unless they say another place."""
    cause = failure.root_cause
    if cause is not None and cause.kind is CauseKind.MISSING_READ:
        return place_of_cause(cause)
    # Recovery points of many types have ARNs of their service; only the vault says where they are managed.
    vault = parse_arn(str(failure.details.get("vault") or "")) if _is_point(failure) else None
    account, region = (
        (vault.account, vault.region) if vault is not None else (failure.account, failure.region)
    )
    return account, "" if region in {AWS_GLOBAL, ORG} else region


def _is_point(failure: Failure) -> bool:
    return failure.subject_type == "recovery_point"


def plan_id(plan: str) -> str:
    """Return the id of a plan, or of the plan of a rule, from its ARN; empty: it is another name."""
    return plan.partition(":backup-plan:")[2].partition("#")[0]


def is_of_organization(plan: str) -> bool:
    """Whether a backup policy of the organization made a plan, which cannot be changed in its account."""
    return plan.startswith(_ORGANIZATION_PLAN)


def _of_subject(subject: str, subject_type: str) -> dict[str, str]:
    """Return the values in the name of a subject."""
    if subject_type == "recovery_point":
        # EBS recovery points are snapshots, which EC2 commands call by id.
        snapshot = subject.rpartition("/")[2] if ":snapshot/" in subject else ""
        return {"RECOVERY_POINT_ARN": subject, "SNAPSHOT_ID": snapshot}
    if ":backup-plan:" in subject:
        return _of_plan(subject)
    if ":backup-vault:" in subject:
        return _of_vault(subject)
    return _of_arn(subject)


def _of_arn(subject: str) -> dict[str, str]:
    arn = parse_arn(subject)
    if arn is None:
        return {}
    if arn.service == "iam":
        # A path may have several parts: the name is the last one.
        path, _, name = arn.resource.removeprefix("role").rpartition("/")
        return {"ROLE_NAME": name, "ROLE_PATH": f"{path}/", "ROLE_OF_CAUSE": subject}
    if arn.service == "kms":
        return {"KEY_ID": subject}
    bucket = arn.resource if arn.service == "s3" else ""
    return {"RESOURCE_ARN": subject, "BUCKET_NAME": bucket}


def _of_plan(subject: str) -> dict[str, str]:
    plan, _, part = subject.partition("#")
    part, _, destination = part.partition("->")
    rule = f"{plan}#{part}" if part else ""
    names = {"PLAN_ID": plan_id(plan), "SELECTION_ID": part, "RULE": rule}
    return {**names, **_of_vault(destination)}


def _of_vault(vault: str) -> dict[str, str]:
    """Return the values in the ARN of a vault, which may be the destination of a copy."""
    arn = parse_arn(vault)
    if arn is None:
        return {}
    return {
        "VAULT_NAME": vault.rpartition(":")[2],
        "DESTINATION_VAULT_ARN": vault,
        "DESTINATION_ACCOUNT": arn.account,
        "DESTINATION_REGION": arn.region,
    }


def _of_details(details: Mapping[str, Any]) -> dict[str, str]:
    """Return the values in the details of a finding."""
    vault = str(details.get("vault") or details.get("target") or "")
    resource = str(details.get("resource") or "")
    # describe-backup-job is for the job that failed, not for the newest.
    jobs = [job for job in _rows(details.get("jobs")) if job.get("failed")]
    rules = [str(row.get("rule") or "") for key in ("covered_by", "rules") for row in _rows(details.get(key))]
    role = str(details.get("role") or "")
    points = [row for row in _rows(details.get("places")) if row.get("arn")]
    names = {
        "VAULT_NAME": vault.rpartition(":")[2] if vault.startswith("arn:") else "",
        "RESOURCE_ARN": resource,
        "JOB_ID": str(jobs[0].get("job") or "") if jobs else "",
        "RULE": next(filter(None, rules), ""),
        "RECOVERY_POINT_ARN": str(points[0]["arn"]) if points else "",
        "SOURCE_VAULT": str(points[0].get("vault_name") or "") if points else "",
        **(_of_subject(role, "") if role.startswith("arn:") else {}),
        "KEY_ID": next(_keys(details), ""),
    }
    return {name: value for name, value in names.items() if value}


def _keys(details: Mapping[str, Any]) -> Iterator[str]:
    """Yield the keys that block copies, or are not shared."""
    for row in _rows(details.get("source_keys_shared")):
        # None is unknown, and no reason to change a key policy.
        if row.get("shared") is False and row.get("key"):
            yield str(row["key"])


def _rows(content: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(content, list | tuple):
        yield from (row for row in content if isinstance(row, Mapping))


def _of_structures(
    names: Mapping[str, str], name: str, place: Place, structures: Structures
) -> Mapping[str, str]:
    """Add what rules, selections and Regions say. `name`: what people call the subject."""
    plans = structures.plans.get(place, {})
    # The only plan of a place is meant; of several, any could be.
    plan = names.get("RULE", "").partition("#")[0] or (next(iter(plans)) if len(plans) == 1 else "")
    rule = structures.rules.get(names.get("RULE", "")) or structures.rules_of_plans.get(plan, {})
    vault = str(rule.get("target") or "").rpartition(":")[2]
    regions = structures.other_regions(place[1])
    added = {
        "PLAN_ID": plan_id(plan),
        # Names of copy actions are `PLAN / RULE -> VAULT`.
        "RULE_NAME": (str(rule.get("name") or "") or name).partition(" -> ")[0].rpartition(" / ")[2],
        "VAULT_NAME": vault,
        "SOURCE_VAULT": vault,
        "ROLE_ARN": structures.roles.get(plan, "") or structures.roles.get(place[0], ""),
        # Where copies go is a decision, unless there is only one Region.
        "OTHER_REGION": regions[0] if len(regions) == 1 else "",
    }
    return _first(names, added)
