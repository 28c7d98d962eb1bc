"""Copies: copy actions that are missing, and keys that are not shared."""

from collections.abc import Callable, Iterator

from scanner.fixes.configuration import Destination, Document
from scanner.fixes.draft import Draft, Entry, NoFixError
from scanner.fixes.policies import add_statement, share_key
from scanner.fixes.problem import Problem, Workbench
from scanner.fixes.schedules import days_of, required_days
from scanner.model.names import parse_arn
from scanner.model.root_causes import CauseKind, RootCause

Suits = Callable[[Destination], bool]


def copy_elsewhere(bench: Workbench, problem: Problem) -> None:
    """Add a copy action to a rule: into a vault that the organisation's copies go to already."""
    cause = problem.cause
    plan, rule = bench.draft.rule(cause.subject)
    suits = _suits(bench, cause, plan)
    # A second copy into the same vault would not help.
    present = {str(action.get("DestinationBackupVaultArn")) for action in rule.get("CopyActions") or ()}
    ranked = sorted(
        (
            place
            for place in bench.draft.configuration.destinations
            if suits(place) and place.arn not in present
        ),
        key=lambda place: _rank(place, plan),
    )
    if not ranked:
        raise NoFixError(
            "No vault that copies of the scanned organisation go to suits. Create one, in the account and "
            "Region that "
            "should hold the copies, and name it in a copy action."
        )
    destination = ranked[0]
    rule.setdefault("CopyActions", []).append(_action(bench, rule, destination))
    plan.because_of(
        cause,
        f"Each backup of the rule {rule['RuleName']} is copied to {destination.arn} as well: copies are "
        f"stored there, and "
        "transferred.",
    )


def _suits(bench: Workbench, cause: RootCause, plan: Entry) -> Suits:
    """Return which destinations serve the purpose that a root cause names."""
    # The control may accept certain accounts or Regions only: a copy elsewhere would still fail it.
    accounts = bench.texts("resource-cross-account-copy", "accounts")
    regions = bench.texts("resource-cross-region-copy", "regions")

    def other_account(place: Destination) -> bool:
        return place.account != plan.account and (not accounts or place.account in accounts)

    def other_region(place: Destination) -> bool:
        return place.region != plan.region and (not regions or place.region in regions)

    if cause.kind is CauseKind.NO_CROSS_ACCOUNT_COPY:
        return lambda place: other_account(place) and not place.is_air_gapped
    if cause.kind is CauseKind.NO_CROSS_REGION_COPY:
        return lambda place: other_region(place) and not place.is_air_gapped
    if cause.kind is CauseKind.NO_AIR_GAPPED_COPY:
        # The only purpose for which an air-gapped vault is proposed: its retention limits cannot be changed.
        return lambda place: place.is_air_gapped
    return lambda place: not place.is_air_gapped


def _rank(place: Destination, plan: Entry) -> tuple[bool, bool, int, str]:
    """Sort by: works with a customer managed key, is nearest, is used most."""
    distance = (place.account != plan.account) + (place.region != plan.region)
    return (
        not place.works,
        # Types that AWS Backup does not fully manage need a customer managed key for other accounts.
        not place.is_customer_managed and not place.is_air_gapped,
        distance * 1000 - place.works,
        place.arn,
    )


def _action(bench: Workbench, rule: Document, place: Destination) -> Document:
    days = required_days(bench, "copy-retention")
    present = days_of(rule)
    # A copy that ends before its source protects less than the rule promises.
    days = days if present is None else max(days, present)
    try:
        row = bench.draft.recorded_vault(place.arn)[1].row
    except NoFixError:
        row = {}
    # Copy jobs with a retention outside the lock's limits fail (AWS Backup, "Vault Lock").
    if row.get("Locked") or place.is_air_gapped:
        days = max(days, int(row.get("MinRetentionDays") or days))
        days = min(days, int(row.get("MaxRetentionDays") or days))
    return {"DestinationBackupVaultArn": place.arn, "Lifecycle": {"DeleteAfterDays": days}}


def share(bench: Workbench, problem: Problem) -> None:
    """Let the destination accounts of copies use the key that encrypts what is copied."""
    cause = problem.cause
    parts = parse_arn(cause.subject)
    if parts is None or parts.service != "kms":
        raise NoFixError("Which key has to be shared is not known.")
    shard = bench.draft.shard(parts.account, parts.region)
    key = shard.keys.get(cause.subject)
    if key is None or key.policy is None:
        raise NoFixError(f"The scan did not read the policy of {cause.subject}.")
    # The policies of aws/ebs and other AWS managed keys are fixed (AWS KMS, "AWS managed keys").
    if not key.is_customer_managed:
        raise NoFixError("The policy of an AWS managed key cannot be changed.")
    # The key's own account needs no share: its IAM policies and the key policy decide there.
    accounts = sorted(set(_destinations(bench.draft, problem)) - {parts.account})
    if not accounts:
        raise NoFixError("Which accounts the copies go to is not known.")
    policy = bench.draft.key_policy(cause.subject)
    for account in accounts:
        for statement in share_key(account, parts.partition):
            add_statement(policy.document, statement)
    policy.because_of(
        cause, f"Principals of {', '.join(accounts)} may use the key, as far as their IAM policies allow."
    )


def _destinations(draft: Draft, problem: Problem) -> Iterator[str]:
    """Yield the accounts that the failing copies go to."""
    for subject in problem.subjects:
        parts = parse_arn(subject.partition("->")[2])
        if parts is not None and parts.account:
            yield parts.account
            # A failing copy action names its destination. A failing resource is in the rules that cover it.
            continue
        for rule in draft.configuration.covering_rules.get(subject, ()):
            for action in draft.rule(rule)[1].get("CopyActions") or ():
                place = parse_arn(str(action.get("DestinationBackupVaultArn")))
                if place is not None:
                    yield place.account
