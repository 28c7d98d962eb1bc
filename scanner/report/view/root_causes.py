"""The root causes of failures, as reports show them and `summary.json` has them."""

from collections.abc import Mapping
from typing import Any, Final

from scanner.model.known import EvidenceRef
from scanner.model.names import parse_arn
from scanner.model.root_causes import CauseCount, CauseKind, RootCause, RootCauseSummary, Step
from scanner.report.wording import count_word, short_name

Document = dict[str, Any]

SHOWN: Final = 9
"""Root causes that a report for people lists."""

_NAMED: Final = 3  # controls that a line names
_LAST_PART: Final = ("iam", "kms")  # services whose ARNs begin with the kind, which the sentence says
_PLACES: Final = ("aws:account-region:", "aws:account:")

_SENTENCES: Final[Mapping[CauseKind, str]] = {
    CauseKind.NO_SELECTION: "no plan of {name} has a backup selection",
    CauseKind.NOT_SELECTED: "the backup selections of {name} do not match some resources",
    CauseKind.OPT_IN_OFF: "{name} is not opted in to {about}",
    CauseKind.TAG_SPELLING: "resources have the tag of selection {name} in another spelling",
    CauseKind.ARN_MISMATCH: "an ARN in selection {name} almost matches the resource",
    CauseKind.SELECTION_EXCLUDES: "selection {name} excludes the resources",
    CauseKind.TAG_VALUE: "resources have another value of the tag that selection {name} requires",
    CauseKind.TAG_MISSING: "resources lack the tag that selection {name} requires",
    CauseKind.PLAN_WITHOUT_RULES: "plan {name} has no rule",
    CauseKind.PLAN_WITHOUT_SELECTION: "plan {name} has no backup selection",
    CauseKind.SELECTS_NOTHING: "selection {name} selects no resource",
    CauseKind.ROLE_MISSING: "role {name} does not exist",
    CauseKind.ROLE_NOT_ASSUMABLE: "AWS Backup may not assume role {name}",
    CauseKind.SCHEDULE_INVALID: "the schedule of rule {name} is not valid",
    CauseKind.SCHEDULE_NEVER_RUNS: "rule {name} does not start within a year",
    CauseKind.SCHEDULE_TOO_RARE: "rule {name} starts too rarely",
    CauseKind.VAULT_MISSING: "vault {name} does not exist",
    CauseKind.RETENTION_OUTSIDE_LOCK: "the retention of {name} is outside the limits of the vault's lock",
    CauseKind.RETENTION_TOO_SHORT: "{name} keeps backups for too short a time",
    CauseKind.LIFECYCLE_INVALID: "the lifecycle of {name} is not valid",
    CauseKind.COLD_STORAGE_UNSUPPORTED: "rule {name} moves nothing that it covers to cold storage",
    CauseKind.KEY_DISABLED: "key {name} is not enabled",
    CauseKind.VAULT_KEY_DISABLED: "the key of vault {name} is disabled, or its deletion is scheduled",
    CauseKind.NO_CONTINUOUS_RULE: "rule {name} makes no continuous backups",
    CauseKind.SEVERAL_CONTINUOUS_RULES: "rule {name} is not the only continuous rule of a resource",
    CauseKind.RULES_OVERLAP: "rules of plan {name} overlap with different retention",
    CauseKind.PLAN_BELOW_TARGET: "no rule of plan {name} is frequent enough and keeps backups long enough",
    CauseKind.BUCKET_NOT_VERSIONED: "buckets in {name} are not versioned",
    CauseKind.BACKUP_JOB_FAILED: "the latest backup jobs in {name} failed ({about})",
    CauseKind.NO_RESTORE: "resources in {name} were never restored",
    CauseKind.NO_RECENT_RESTORE: "resources in {name} have no recent validated restore",
    CauseKind.NO_CROSS_ACCOUNT_COPY: "rule {name} copies to no other account",
    CauseKind.NO_CROSS_REGION_COPY: "rule {name} copies to no other Region",
    CauseKind.NO_AIR_GAPPED_COPY: "rule {name} copies to no logically air-gapped vault",
    CauseKind.NO_COPY: "rule {name} makes no copies",
    CauseKind.ACCOUNT_NOT_MEMBER: "account {name} is not an active member of the organization",
    CauseKind.CROSS_ACCOUNT_OFF: "cross-account backup is off in the organization",
    CauseKind.POLICY_DOES_NOT_ADMIT: "the policy of vault {name} does not allow the source to copy",
    CauseKind.DESTINATION_TAKES_NO_COPIES: "vault {name} does not accept copies",
    CauseKind.KEY_NOT_SHARED: "key {name} is not shared with the destination account",
    CauseKind.AWS_MANAGED_KEY: "AWS managed key {name} cannot be shared with another account",
    CauseKind.VAULT_KEY_NOT_CUSTOMER_MANAGED: "vault {name} has no customer managed key",
    CauseKind.TYPE_NOT_COPYABLE: "AWS Backup cannot copy some resources by {name}",
    CauseKind.TYPE_NOT_AIR_GAPPABLE: "some resources of {name} cannot be in a logically air-gapped vault",
    CauseKind.IMAGE_MAY_NOT_LEAVE: "images of {name} may not leave their account",
    CauseKind.VAULT_NOT_LOCKED: "vault {name} is not locked as required",
    CauseKind.VAULT_ALLOWS_DELETION: "recovery points of vault {name} can be deleted",
    CauseKind.VAULT_OPEN_TO_OUTSIDERS: "vault {name} allows access from outside the organization",
    CauseKind.VAULT_DOES_NOT_NOTIFY: "vault {name} does not send the required notifications",
    CauseKind.VAULT_WITHOUT_APPROVAL_TEAM: "vault {name} has no multi-party approval team",
    CauseKind.NO_BACKUP_POLICY: "account {name} has no effective backup policy with a plan",
    CauseKind.ACCOUNT_NOT_ENTERED: "account {name} could not be entered",
    CauseKind.READS_MISSING: "reads of {name} are missing",
    CauseKind.MISSING_READ: "{name} was not read",
}

_OF_COPIES: Final[Mapping[CauseKind, str]] = {
    CauseKind.KEY_NOT_SHARED: "a key of what {name} copies is not shared with the destination account",
    CauseKind.AWS_MANAGED_KEY: "an AWS managed key prevents copies by {name}",
}
"""The sentences where the subject is a copy action, since it is not known which of several keys it is."""


def cause_sentence(cause: RootCause) -> str:
    """Return what is wrong, as a clause."""
    sentences = {**_SENTENCES, **(_OF_COPIES if "->" in cause.subject else {})}
    return sentences[cause.kind].format(name=cause_name(cause), about=cause.about or "no category")


def cause_name(cause: RootCause) -> str:
    """Return what people call the subject of a cause."""
    if cause.name:
        return cause.name
    for prefix in _PLACES:
        if cause.subject.startswith(prefix):
            return cause.subject.removeprefix(prefix)
    arn = parse_arn(cause.subject)
    if arn is not None and arn.service in _LAST_PART:
        return arn.resource.rpartition("/")[2]
    return short_name(cause.subject)


def root_causes_sentence(summary: RootCauseSummary | None) -> str:
    """Return how many failures are explained; empty: there are none, or it is not known."""
    if summary is None or not summary.failures:
        return ""
    verb = "explains" if summary.number == 1 else "explain"
    failures = count_word(summary.failures, "failure")
    parts = [f"{count_word(summary.number, 'root cause')} {verb} {summary.traced:,} of {failures}"]
    shown = shown_causes(summary)
    if len(shown) < summary.number:
        parts.append(f"the first {len(shown)} explain {sum(count.failures for count in shown):,}")
    if untraced := summary.failures - summary.traced:
        parts.append(f"{untraced:,} could not be traced to a cause")
    return "; ".join(parts) + "."


def shown_causes(summary: RootCauseSummary | None) -> tuple[CauseCount, ...]:
    """Return the root causes that explain most."""
    return () if summary is None else summary.causes[:SHOWN]


def causes_of(summary: RootCauseSummary | None, control: str) -> tuple[CauseCount, ...]:
    """Return the root causes of a control's failures: those with most first, equal ones by their step."""
    causes = () if summary is None else summary.causes
    steps = list(Step)
    of_control = (count for count in causes if control in count.controls)
    return tuple(
        sorted(of_control, key=lambda count: (-count.controls[control], steps.index(count.cause.step)))
    )


def explained(count: CauseCount) -> str:
    """Return what a cause explains: the controls with most of its failures."""
    ranked = sorted(count.controls.items(), key=lambda pair: (-pair[1], pair[0]))
    named = ", ".join(f"{control} ({number:,})" for control, number in ranked[:_NAMED])
    more = len(ranked) - _NAMED
    return f"{named} and {count_word(more, 'more control')}" if more > 0 else named


def root_causes_document(summary: RootCauseSummary | None) -> Document:
    """Return the key `root_causes` of a summary; none where it is not known."""
    if summary is None:
        return {}
    return {
        "root_causes": {
            "failures": summary.failures,
            "traced": summary.traced,
            "number": summary.number,
            "causes": [_count_document(count) for count in summary.causes],
            "untraced": dict(summary.untraced),
            "unknown": summary.unknown,
            "missing_reads": [_count_document(count) for count in summary.missing_reads],
        }
    }


def _count_document(count: CauseCount) -> Document:
    document = cause_document(count.cause)
    evidence = document.pop("evidence")
    return {
        **document,
        "failures": count.failures,
        "controls": dict(count.controls),
        "evidence": evidence,
    }


def cause_document(cause: RootCause) -> Document:
    """Return a root cause as documents have it."""
    return {
        "kind": cause.kind.value,
        "step": cause.step.value,
        "subject": cause.subject,
        "name": cause.name,
        "about": cause.about,
        "account": cause.account,
        "region": cause.region,
        "control": cause.control,
        "evidence": [{"file": ref.file, "line": ref.line} for ref in cause.evidence],
    }


def root_causes_of(summary: Mapping[str, Any]) -> RootCauseSummary | None:
    """Read the key back. KeyError, TypeError or ValueError: it has another shape."""
    document = summary.get("root_causes")
    if document is None:
        return None
    return RootCauseSummary(
        failures=document["failures"],
        traced=document["traced"],
        number=document["number"],
        causes=tuple(map(_count_of, document["causes"])),
        untraced=document["untraced"],
        unknown=document["unknown"],
        missing_reads=tuple(map(_count_of, document["missing_reads"])),
    )


def _count_of(document: Mapping[str, Any]) -> CauseCount:
    cause = RootCause(
        kind=CauseKind(document["kind"]),
        **{key: document[key] for key in ("subject", "name", "about", "account", "region", "control")},
        evidence=tuple(EvidenceRef(ref["file"], ref["line"]) for ref in document["evidence"]),
    )
    return CauseCount(cause, document["controls"])
