"""Copies: who lets them in, who may read the key, whether they arrive and how long they stay."""

from collections.abc import Callable
from typing import Any, Final

from tests.contract.world import (
    FAIL,
    NOT_APPLICABLE,
    PASS,
    UNKNOWN,
    Truth,
    allow,
    deny,
    policy,
    with_organization,
)
from tests.fakes.bundles import (
    ACCOUNT,
    FAR,
    MANAGEMENT,
    ORG_ID,
    OTHER,
    BundleBuilder,
    Lines,
    ShardScript,
    admits,
    copy_to,
    key_arn,
    plan_arn,
    refuse,
    rule,
    shares_key,
    stamp,
    table_arn,
    vault_arn,
    volume_arn,
)

ADMITS: Final = "copy-destination-admits-source"
MEMBER: Final = "copy-destination-in-organization"
SWITCHED_ON: Final = "copy-cross-account-enabled"
SHARED: Final = "copy-source-key-shared"
SUPPORTED: Final = "copy-supported"
ARRIVES: Final = "copy-arrives"
KEPT: Final = "copy-retention"

P, F, N, U = PASS, FAIL, NOT_APPLICABLE, UNKNOWN
ROOT: Final = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
ROLE: Final = {"AWS": f"arn:aws:iam::{ACCOUNT}:role/backup"}
PATH: Final = f"{ORG_ID}/r-1/ou-prod/"
BOTH: Final = {
    "Condition": {"StringEquals": {"aws:PrincipalOrgID": ORG_ID, "aws:PrincipalAccount": MANAGEMENT}}
}


def when(operator: str, key: str, *values: str) -> dict[str, Any]:
    return {"Condition": {operator: {f"aws:{key}": list(values)}}}


def except_for(action: str) -> dict[str, Any]:
    """Allow the source account everything but an action."""
    return {"Effect": "Allow", "Principal": ROOT, "NotAction": action, "Resource": "*"}


def deny_when(operator: str, key: str, *values: str) -> dict[str, Any]:
    return {**deny("backup:*"), **when(operator, key, *values)}


def everybody(operator: str, key: str, *values: str) -> dict[str, Any]:
    return {**allow("*"), **when(operator, key, *values)}


# (name, the destination's policy, whether it admits the source)
POLICIES: Final[tuple[tuple[str, str | None, str], ...]] = (
    ("none", None, F),
    ("root", admits(ACCOUNT), P),
    ("number", policy(allow({"AWS": ACCOUNT})), P),
    ("list", policy(allow({"AWS": ["arn:aws:iam::222222222222:root", ROOT["AWS"]]})), P),
    ("other", admits(MANAGEMENT), F),
    ("role", policy(allow(ROLE)), U),
    ("everybody", policy(allow("*")), P),
    ("everybody-of-aws", policy(allow({"AWS": "*"})), P),
    ("service", policy(allow({"Service": "backup.amazonaws.com"})), F),
    ("prefix", policy(allow(ROOT, "backup:Copy*")), P),
    ("case", policy(allow(ROOT, "BACKUP:copyintobackupvault")), P),
    ("wrong-action", policy(allow(ROOT, "backup:StartCopyJob")), F),
    ("not-action", policy(except_for("backup:Delete*")), P),
    ("not-this-action", policy(except_for("backup:*")), F),
    ("own-arn", policy({**allow(ROOT), "Resource": vault_arn("own-arn", OTHER)}), P),
    ("other-arn", policy({**allow(ROOT), "Resource": vault_arn("elsewhere", OTHER)}), F),
    ("organisation", policy(everybody("StringEquals", "PrincipalOrgID", ORG_ID)), P),
    ("other-organisation", policy(everybody("StringEquals", "PrincipalOrgID", "o-else")), F),
    ("organisations", policy(everybody("StringEquals", "PrincipalOrgID", "o-else", ORG_ID)), P),
    ("not-organisation", policy(everybody("StringNotEquals", "PrincipalOrgID", ORG_ID)), F),
    ("if-exists", policy(everybody("StringEqualsIfExists", "PrincipalOrgID", ORG_ID)), P),
    ("account", policy(everybody("StringLike", "PrincipalAccount", "1111*")), P),
    ("not-account", policy(everybody("StringNotEquals", "PrincipalAccount", ACCOUNT)), F),
    ("path", policy(everybody("ForAnyValue:StringLike", "PrincipalOrgPaths", f"{ORG_ID}/r-1/*")), P),
    ("other-path", policy(everybody("ForAnyValue:StringLike", "PrincipalOrgPaths", f"{ORG_ID}/r-2/*")), F),
    ("both", policy({**allow("*"), **BOTH}), F),
    ("one-of-two", policy(everybody("StringEquals", "PrincipalAccount", MANAGEMENT), allow(ROOT)), P),
    ("denied", policy(allow(ROOT), deny("backup:CopyIntoBackupVault")), F),
    ("denied-all", policy(allow(ROOT), deny("backup:*", ROOT)), F),
    ("denied-others", policy(allow(ROOT), deny("backup:*", {"AWS": f"arn:aws:iam::{MANAGEMENT}:root"})), P),
    ("denied-outside", policy(allow(ROOT), deny_when("StringNotEquals", "PrincipalOrgID", ORG_ID)), P),
    ("denied-inside", policy(allow(ROOT), deny_when("StringEquals", "PrincipalOrgID", ORG_ID)), F),
    ("some-condition", policy({**allow(ROOT), **when("StringEquals", "PrincipalTag/team", "x")}), U),
    ("no-json", "{", U),
    ("refused", admits(ACCOUNT), U),
)  # fmt: skip


def admission(bundle: BundleBuilder) -> Truth:
    shard, away, truth = bundle.shard(), bundle.shard(OTHER), Truth()
    bundle.shard(MANAGEMENT)
    shard.vault("main").vault("second")
    for entry in bundle.manifest["accounts"]:
        entry["ou_path"] = PATH
    rules = []
    for number, (name, text, verdict) in enumerate(POLICIES):
        away.vault(name, policy=text)
        rules.append(rule(f"r{number}", CopyActions=[copy_to(vault_arn(name, OTHER))]))
        truth[ADMITS, f"{plan_arn('p')}#rule-r{number}->{vault_arn(name, OTHER)}"] = verdict
    strange = vault_arn("any", "555555555555")
    rules += [rule("near", CopyActions=[copy_to(vault_arn("second"))])]
    rules += [rule("strange", CopyActions=[copy_to(strange)])]
    truth[ADMITS, f"{plan_arn('p')}#rule-near->{vault_arn('second')}"] = N
    truth[ADMITS, f"{plan_arn('p')}#rule-strange->{strange}"] = U
    truth[MEMBER, f"{plan_arn('p')}#rule-near->{vault_arn('second')}"] = N
    truth[SWITCHED_ON, f"{plan_arn('p')}#rule-near->{vault_arn('second')}"] = N
    shard.plan("p", rules=rules)
    return truth


MEMBERS: Final = {
    ACCOUNT: "ACTIVE",
    MANAGEMENT: "ACTIVE",
    OTHER: "ACTIVE",
    "400000000001": "SUSPENDED",
    "400000000002": "PENDING_CLOSURE",
}
STRANGER: Final = "400000000003"


def known_members(cross_account: str | None) -> Callable[[Lines], Lines]:
    return lambda lines: with_organization(lines, MEMBERS, cross_account)


def admitting(lines: Lines) -> Lines:
    """Record the organisation, and refuse the policy of the vault whose name says so."""
    refusing = refuse(lines, "backup:GetBackupVaultAccessPolicy", BackupVaultName="refused")
    return with_organization(refusing, MEMBERS)


def members_cut(lines: Lines) -> Lines:
    """Leave out the end of the list of members."""
    known = with_organization(lines, MEMBERS)
    for line in known["evidence/org"]:
        if line["operation"] == "ListAccounts":
            line["response"]["NextToken"] = "more"
    return known


def no_organization(*answering: str) -> Callable[[Lines], Lines]:
    """Record that the scanned account belongs to no organisation; `answering` are the calls that say so."""
    errors = {
        "organizations:DescribeOrganization": "AWSOrganizationsNotInUseException",
        "organizations:ListAccounts": "AWSOrganizationsNotInUseException",
        "backup:DescribeGlobalSettings": "ERROR_9601",
    }
    script = ShardScript("", "org")
    for name, error in errors.items():
        script.call(name, error=error if name in answering else "AccessDeniedException")
    return lambda lines: {**lines, "evidence/org": list(script.lines())}


def alone(bundle: BundleBuilder) -> Truth:
    """Copy into an account without an organisation: its vault and its policy are in order."""
    away = vault_arn("far", OTHER)
    bundle.shard(OTHER).vault("far", policy=admits(ACCOUNT))
    shard = bundle.shard().vault("main").volume("v").volume("uncovered")
    selections = [{"Resources": [volume_arn("v")]}]
    shard.plan("p", rules=[rule(CopyActions=[copy_to(away, 35)])], selections=selections)
    subject = f"{plan_arn('p')}#rule-daily->{away}"
    across = "resource-cross-account-copy"
    return {
        (MEMBER, subject): F,
        (SWITCHED_ON, subject): F,
        (across, volume_arn("v")): F,
        (across, volume_arn("uncovered")): N,
        ("account-backup-policy", f"aws:account:{ACCOUNT}"): F,
        ("account-backup-policy", f"aws:account:{OTHER}"): F,
    }


def destinations(member: str, listed: str, stranger: str, switched: str) -> Callable[[BundleBuilder], Truth]:
    """Ask for each destination account: an active member, two listed ones that are none, and a stranger."""

    def build(bundle: BundleBuilder) -> Truth:
        shard, truth = bundle.shard().vault("main"), Truth()
        rules = []
        expected = {OTHER: member, "400000000001": listed, "400000000002": listed, STRANGER: stranger}
        for number, (account, verdict) in enumerate(expected.items()):
            arn = vault_arn("any", account)
            rules.append(rule(f"r{number}", CopyActions=[copy_to(arn)]))
            subject = f"{plan_arn('p')}#rule-r{number}->{arn}"
            truth |= {(MEMBER, subject): verdict, (SWITCHED_ON, subject): switched}
        shard.plan("p", rules=rules)
        return truth

    return build


KEY_POLICIES: Final[tuple[tuple[str, str | None, str], ...]] = (
    ("shared", shares_key(ACCOUNT, OTHER), P),
    ("own", shares_key(ACCOUNT), F),
    ("everybody", shares_key(ACCOUNT).replace(f'"arn:aws:iam::{ACCOUNT}:root"', '"*"'), P),
    ("untold", None, U),
    ("html", "<html><body>Try later.</body></html>", U),
    ("list", "[]", U),
    ("number", "35", U),
    ("empty", "", U),
    ("decrypt-only", shares_key(ACCOUNT, OTHER).replace("kms:*", "kms:Decrypt"), F),
)


def keys(bundle: BundleBuilder) -> Truth:
    """Ask whose key stands in the way: one rule each, of one or more volumes."""
    shard, truth = bundle.shard().vault("main"), Truth()
    bundle.organization(MANAGEMENT, ACCOUNT, OTHER)
    away = bundle.shard(OTHER).vault("far", policy=admits(ACCOUNT), key=key_arn("far", OTHER))
    away.key("far")
    for name, text, _ in KEY_POLICIES:
        shard.key(f"k-{name}", policy=text)
        shard.volume(f"vol-{name}", Encrypted=True, KmsKeyId=key_arn(f"k-{name}"))
    shard.volume("vol-plain").volume("vol-aws", Encrypted=True, KmsKeyId=key_arn("k-aws"))
    shard.key("k-aws", "AWS").table(
        "t-1", SSEDescription={"Status": "ENABLED", "KMSMasterKeyArn": key_arn("k-own")}
    )
    single = {name: ([volume_arn(f"vol-{name}")], verdict) for name, _, verdict in KEY_POLICIES}
    mixed = {
        "plain": ([volume_arn("vol-plain")], P),
        "managed": ([table_arn("t-1")], P),
        "good-and-bad": ([volume_arn("vol-shared"), volume_arn("vol-own")], F),
        "bad-and-untold": ([volume_arn("vol-own"), volume_arn("vol-untold")], F),
        "good-and-untold": ([volume_arn("vol-shared"), volume_arn("vol-untold")], U),
        "nothing": ([volume_arn("vol-gone")], N),
    }
    for name, (arns, verdict) in (single | mixed).items():
        arn = vault_arn("far", OTHER)
        shard.plan(name, rules=[rule(CopyActions=[copy_to(arn)])], selections=[{"Resources": arns}])
        truth[SHARED, f"{plan_arn(name)}#rule-daily->{arn}"] = verdict
    return truth


# (name, days of the rule, days of the copy, the verdict)
RETENTIONS: Final[tuple[tuple[str, int | None, int | None, str], ...]] = (
    ("exact", 35, 35, P),
    ("short", 35, 34, F),
    ("follows", 35, None, P),
    ("follows-short", 34, None, F),
    ("forever", None, None, P),
    ("own", 7, 90, P),
    ("minus-one", None, -1, P),
    ("cut-by-source", 30, -1, F),
)


def retentions(bundle: BundleBuilder) -> Truth:
    shard, truth = bundle.shard().vault("main"), Truth()
    bundle.shard(ACCOUNT, FAR).vault("far")
    arn = vault_arn("far", region=FAR)
    for name, days, copied, verdict in RETENTIONS:
        shard.plan(name, rules=[rule(days=days, CopyActions=[copy_to(arn, copied)])])
        truth[KEPT, f"{plan_arn(name)}#rule-daily->{arn}"] = verdict
    return truth


Row = tuple[str, str, float]
# (name, copy jobs as (volume, state, hours ago), the verdict); each plan covers two volumes of its own
COPIED: Final[tuple[tuple[str, tuple[Row, ...], str], ...]] = (
    ("done", (("a", "COMPLETED", 5), ("b", "COMPLETED", 5)), P),
    ("one-of-two", (("a", "COMPLETED", 5),), P),
    ("failed", (("a", "COMPLETED", 5), ("b", "FAILED", 5)), F),
    ("mended", (("a", "COMPLETED", 5), ("a", "FAILED", 29)), P),
    ("broken", (("a", "FAILED", 5), ("a", "COMPLETED", 29)), F),
    ("none", (), F),
    ("under-way", (("a", "RUNNING", 1), ("b", "CREATED", 1)), F),
    ("under-way-again", (("a", "RUNNING", 1), ("a", "COMPLETED", 25)), P),
    ("long-ago", (("a", "COMPLETED", 24 * 7 + 1),), F),
    ("failed-long-ago", (("a", "COMPLETED", 5), ("b", "FAILED", 24 * 7 + 1)), P),
)


MONTHLY, YEARLY, WEEKLY = "0 5 1 * ? *", "0 5 1 1 ? *", "0 5 ? * SUN *"
# (name, schedule, minutes of the start window, copy jobs, the verdict). The window of seven days is never
# shorter than the longest gap plus the start window; AWS lists the jobs of 30 days
RARE: Final[tuple[tuple[str, str, int, tuple[Row, ...], str], ...]] = (
    ("monthly", MONTHLY, 480, (("a", "COMPLETED", 517),), P),
    ("monthly-edge", MONTHLY, 480, (("a", "COMPLETED", 719),), P),
    ("monthly-failed", MONTHLY, 480, (("a", "FAILED", 517),), F),
    ("monthly-mended", MONTHLY, 480, (("a", "FAILED", 518), ("a", "COMPLETED", 517)), P),
    ("monthly-runs", MONTHLY, 480, (("a", "RUNNING", 3),), U),
    ("monthly-none", MONTHLY, 480, (), U),
    ("monthly-forgotten", MONTHLY, 480, (("a", "COMPLETED", 740),), U),
    ("twice-a-month", "0 5 1,15 * ? *", 480, (("a", "COMPLETED", 415),), P),
    ("twice-a-month-late", "0 5 1,15 * ? *", 480, (("a", "COMPLETED", 417),), F),
    ("twice-a-month-none", "0 5 1,15 * ? *", 480, (), F),
    ("weekly", WEEKLY, 480, (("a", "COMPLETED", 175),), P),
    ("weekly-late", WEEKLY, 480, (("a", "COMPLETED", 177),), F),
    ("weekly-failed", WEEKLY, 480, (("a", "COMPLETED", 9), ("b", "FAILED", 175)), F),
    ("wide", "0 5 ? * * *", 60 * 336, (("a", "COMPLETED", 359),), P),
    ("wide-late", "0 5 ? * * *", 60 * 336, (("a", "COMPLETED", 361),), F),
    ("yearly", YEARLY, 480, (("a", "COMPLETED", 517),), P),
    ("yearly-failed", YEARLY, 480, (("a", "FAILED", 517),), F),
    ("yearly-none", YEARLY, 480, (), U),
    ("leap-day", "0 5 29 2 ? *", 480, (), U),
    ("open", "0 5 L-3W * ? *", 480, (("a", "COMPLETED", 5),), P),
    ("open-failed", "0 5 L-3W * ? *", 480, (("a", "FAILED", 5),), F),
    ("open-late", "0 5 L-3W * ? *", 480, (("a", "COMPLETED", 200),), U),
    ("open-none", "0 5 L-3W * ? *", 480, (), U),
    ("never", "0 5 31 2 ? *", 480, (), F),
    ("refused", "60 5 ? * * *", 480, (), F),
)


def rare_arrivals(bundle: BundleBuilder) -> Truth:
    shard, truth = bundle.shard().vault("main"), Truth()
    bundle.shard(ACCOUNT, FAR).vault("far")
    arn = vault_arn("far", region=FAR)
    for name, schedule, minutes, jobs, verdict in RARE:
        terms = {"ScheduleExpression": f"cron({schedule})", "StartWindowMinutes": minutes}
        _copied(shard, name, jobs, terms=terms)
        truth[ARRIVES, f"{plan_arn(name)}#rule-daily->{arn}"] = verdict
    return truth


def arrivals(bundle: BundleBuilder) -> Truth:
    shard, truth = bundle.shard(page=4).vault("main"), Truth()
    bundle.shard(ACCOUNT, FAR).vault("far").vault("second")
    arn = vault_arn("far", region=FAR)
    for name, jobs, verdict in COPIED:
        _copied(shard, name, jobs)
        truth[ARRIVES, f"{plan_arn(name)}#rule-daily->{arn}"] = verdict
    shard.plan("nobody", rules=[rule(CopyActions=[copy_to(arn)])])
    _copied(shard, "other-rule", (("a", "COMPLETED", 5),), BackupRuleId="rule-other")
    _copied(shard, "other-vault", (("a", "COMPLETED", 5),), vault_arn("second", region=FAR))
    told = (("nobody", N), ("other-rule", F), ("other-vault", F))
    truth |= {(ARRIVES, f"{plan_arn(name)}#rule-daily->{arn}"): verdict for name, verdict in told}
    return truth | _arrivals_unread(bundle)


def _copied(
    shard: ShardScript,
    name: str,
    jobs: tuple[Row, ...],
    to: str = "",
    terms: dict[str, Any] | None = None,
    **by: str,
) -> None:
    own = [volume_arn(f"vol-{name}-{which}", shard.account) for which in "ab"]
    for which in "ab":
        shard.volume(f"vol-{name}-{which}")
    arn = vault_arn("far", shard.account, FAR)
    made = rule(CopyActions=[copy_to(arn)], **(terms or {}))
    shard.plan(name, rules=[made], selections=[{"Resources": own}])
    shard.listed("backup:ListCopyJobs", *(_job(shard.account, name, job, to or arn, by) for job in jobs))


def _job(account: str, name: str, job: Row, to: str, by: dict[str, str]) -> dict[str, Any]:
    which, state, hours = job
    arn = plan_arn(name, account)
    return {
        "CopyJobId": f"{name}-{which}-{hours}",
        "ResourceArn": volume_arn(f"vol-{name}-{which}", account),
        "ResourceType": "EBS",
        "State": state,
        "CreationDate": stamp(hours),
        "DestinationBackupVaultArn": to,
        "CreatedBy": {"BackupPlanArn": arn, "BackupPlanId": name, "BackupRuleId": "rule-daily", **by},
    }


# (account, its only copy job, the verdict where the list of copy jobs lacks its end)
CUT: Final[tuple[tuple[str, Row | None, str], ...]] = (
    ("410000000001", ("a", "COMPLETED", 5), U),
    ("410000000002", ("a", "FAILED", 5), U),
    ("410000000003", None, U),
)


def _arrivals_unread(bundle: BundleBuilder) -> Truth:
    truth = Truth()
    for account, job, verdict in CUT:
        shard = bundle.shard(account).vault("main")
        bundle.shard(account, FAR).vault("far")
        arn = vault_arn("far", account, FAR)
        own = [volume_arn("vol-p-a", account)]
        shard.volume("vol-p-a").plan(
            "p", rules=[rule(CopyActions=[copy_to(arn)])], selections=[{"Resources": own}]
        )
        rows = [] if job is None else [_job(account, "p", job, arn, {})]
        shard.call("backup:ListCopyJobs", {"CopyJobs": rows, "NextToken": "more"})
        truth[ARRIVES, f"{plan_arn('p', account)}#rule-daily->{arn}"] = verdict
    return truth
