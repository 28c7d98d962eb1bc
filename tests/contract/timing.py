"""Rulings 8 and 12: schedules, waits, lifecycles, overlaps, locks against retentions; one plan a case."""

from typing import Any, Final

from tests.contract.world import FAIL, NOT_APPLICABLE, PASS, UNKNOWN, Truth
from tests.fakes.bundles import (
    FAR,
    OTHER,
    BundleBuilder,
    Lines,
    copy_to,
    plan_arn,
    rule,
    table_arn,
    vault_arn,
    volume_arn,
)
from tests.fakes.bundles import refused as refuse_line

P, F, N, U = PASS, FAIL, NOT_APPLICABLE, UNKNOWN
Rule = dict[str, Any]

SCHEDULED, LIVES, COLD = "rule-schedule-valid", "rule-lifecycle-valid", "rule-lifecycle-supported"
TARGETS, LOCKED_OUT, OVERLAPS = (
    "rule-target-vault-exists",
    "rule-retention-within-vault-lock",
    "rule-overlap-consistent",
)
FREQUENT = "plan-frequency-and-retention"
RPO, KEEPS, COPY_KEEPS = "resource-meets-rpo", "resource-retention", "copy-retention"
ONE_CONTINUOUS, CONTINUOUS = "resource-single-continuous-rule", "resource-continuous-backup"


def at(schedule: str, days: int | None = 35, **more: Any) -> Rule:
    return rule(days=days, ScheduleExpression=f"cron({schedule})", **more)


def within(zone: str) -> Rule:
    return {"ScheduleExpressionTimezone": zone}


DAILY: Final = "0 5 ? * * *"
HOUR: Final[Rule] = {"StartWindowMinutes": 60}

# Rules of one plan that selects one volume: does it start, does it meet 24 hours, and 72
SCHEDULES: Final[tuple[tuple[tuple[Rule, ...], tuple[str, ...], str, str], ...]] = (
    ((at(DAILY),), (P,), P, P),
    ((at("0 5 ? * MON-FRI *"),), (P,), F, P),
    ((at("0 5 ? * MON-FRI *"), at("0 5 ? * SAT,SUN *")), (P, P), P, P),
    ((at("0 5 ? * 2/2 *"),), (P,), F, P),
    ((at("0 5 ? * 2#1 *"),), (P,), F, F),
    ((at("0 5 L * ? *"),), (P,), F, F),
    ((at("0 5 LW * ? *"),), (P,), F, F),
    ((at("0 5 L-3 * ? *"),), (P,), F, F),
    ((at("0 5 1W * ? *"),), (P,), F, F),
    ((at("0 0/12 ? * * *"),), (P,), P, P),
    ((at("0 5 ? * * 2026-2199"),), (P,), P, P),
    ((at("0 5 ? * * 2026"),), (P,), F, F),  # it ends in forty days
    ((at("0 5 31 2 ? *"),), (F,), F, F),
    ((at("0 5 ? * * 2020"),), (F,), F, F),
    ((at("0 5 ? * * 2020"), at(DAILY)), (F, P), P, P),
    ((at("0 5 1 1 ? *"),), (P,), F, F),  # one start within the horizon
    ((at("0 5 25 12 ? 2027"),), (F,), F, F),  # in 398 days
    ((at("0 5 * * * *"),), (F,), F, F),
    ((at("60 5 ? * * *"),), (F,), F, F),
    (({**at(DAILY), "ScheduleExpression": "rate(12 hours)"},), (F,), F, F),
    (({**at(DAILY), "ScheduleExpression": "0 5 ? * * *"},), (P,), P, P),
    (({**at(DAILY), "ScheduleExpression": None},), (P,), P, P),
    ((at("30 2 ? * * *", **within("Europe/Berlin")),), (P,), F, P),  # no 02:30 on the night of 28 March
    ((at("30 3 ? * * *", **within("Europe/Berlin")),), (P,), P, P),
    ((at("30 2 ? * * *", **within("Europe/Berlin")), at("0 14 ? * * *")), (P, P), P, P),
    ((at("15 2 ? * * *", **within("Australia/Lord_Howe")),), (P,), F, P),
    ((at("45 2 ? * * *", **within("Australia/Lord_Howe")),), (P,), P, P),
    ((at("0 0 ? * * *", **within("America/Santiago")),), (P,), F, P),
    ((at("30 0 ? * * *", **within("Africa/Cairo")),), (P,), F, P),
    ((at("30 2 ? * * *", **within("Africa/Casablanca")),), (P,), F, P),
    ((at("30 2 28 3 ? 2027", **within("Europe/Berlin")),), (F,), F, F),
    ((at("0 5 L-3W * ? *"),), (U,), U, U),
    ((at("0 5 ? * MON#2,TUE *"),), (U,), U, U),
    ((at("0 5 1-5W * ? *"),), (U,), U, U),
    ((at("0 0 5 ? * * *"),), (U,), U, U),
    ((at("0 5 L-3W * ? *"), at(DAILY)), (U, P), P, P),
    ((at("0 5 L-3W * ? *"), at("0 5 ? * MON-FRI *")), (U, P), U, P),
    ((at(DAILY, **within("Mars/Olympus")),), (P,), U, U),
    ((at("0 1 ? * * *", **within("America/New_York")), at("0 13 ? * * *")), (P, P), P, P),
)


def waits(column: int) -> Any:
    def build(bundle: BundleBuilder) -> Truth:
        script, truth = bundle.shard(page=7).vault("main"), Truth()
        for number, (rules, starts, *meets) in enumerate(SCHEDULES):
            name = f"p{number}"
            named = [{**one, "RuleId": f"r{at}"} for at, one in enumerate(rules)]
            script.volume(f"v{number}").plan(
                name, rules=named, selections=[{"Resources": [volume_arn(f"v{number}")]}]
            )
            truth[RPO, volume_arn(f"v{number}")] = meets[column]
            truth |= {(SCHEDULED, f"{plan_arn(name)}#r{at}"): each for at, each in enumerate(starts)}
            if len(rules) == 1:
                truth[FREQUENT, plan_arn(name)] = meets[0]
        script.volume("alone")
        truth[RPO, volume_arn("alone")] = N
        return truth

    return build


COLD_AFTER_30: Final = {"MoveToColdStorageAfterDays": 30}
ARCHIVE: Final = {"OptInToArchiveForSupportedResources": True}


def kept(days: int | None, name: str = "daily", **more: Any) -> Rule:
    return rule(name, days=days, **more)


def cold(days: int, **more: Any) -> Rule:
    return {"Lifecycle": {"DeleteAfterDays": days, **COLD_AFTER_30, **more}}


# A rule that covers a volume: its lifecycle, cold storage, the volume's retention of 35 days
LIFECYCLES: Final[tuple[tuple[Rule, str, str, str], ...]] = (
    (kept(35), P, N, P),
    (kept(34), P, N, F),
    (kept(None), P, N, P),
    (kept(-1), P, N, P),
    (kept(120) | cold(120), P, F, P),  # EBS is archived by opt-in only
    (kept(120) | cold(120, OptInToArchiveForSupportedResources=False), P, F, P),
    (kept(120) | cold(120, **ARCHIVE), P, P, P),
    (kept(119) | cold(119, **ARCHIVE), F, P, P),
    (kept(None) | {"Lifecycle": COLD_AFTER_30 | ARCHIVE}, P, P, P),
    (
        kept(120, CopyActions=[copy_to(vault_arn("main", region=FAR)) | cold(120, **ARCHIVE)]) | cold(120),
        P,
        F,
        P,
    ),
    (kept(35) | {"Lifecycle": {"DeleteAfterDays": 35, "MoveToColdStorageAfterDays": -1}}, P, N, P),
    (kept(35, EnableContinuousBackup=True), P, N, P),
    (kept(36, EnableContinuousBackup=True), F, N, P),
    (kept(1, EnableContinuousBackup=True), P, N, F),
    (kept(None, EnableContinuousBackup=True), F, N, P),
)


def lifecycles(bundle: BundleBuilder) -> Truth:
    script, truth = bundle.shard(page=5).vault("main"), Truth()
    for number, (one, lives, goes_cold, keeps) in enumerate(LIFECYCLES):
        arn, subject = volume_arn(f"v{number}"), f"{plan_arn(f'p{number}')}#rule-daily"
        script.volume(f"v{number}").plan(f"p{number}", rules=[one], selections=[{"Resources": [arn]}])
        truth |= {
            (LIVES, subject): lives,
            (COLD, subject): goes_cold,
            (KEEPS, arn): keeps,
            (ONE_CONTINUOUS, arn): P,
            (CONTINUOUS, arn): N,
            (OVERLAPS, plan_arn(f"p{number}")): P,
        }
    # An instance cannot go to cold storage; a rule that covers nothing leaves nothing out
    script.instance("i-1").plan(
        "instances", rules=[kept(120) | cold(120)], selections=[{"Resources": ["arn:aws:ec2:*:*:instance/*"]}]
    )
    script.plan("nothing", rules=[kept(120) | cold(120), kept(7, "other")])
    truth[COLD, f"{plan_arn('instances')}#rule-daily"] = F
    truth[COLD, f"{plan_arn('nothing')}#rule-daily"] = N
    truth[OVERLAPS, plan_arn("nothing")] = N
    return truth


# Two rules of one plan that selects one volume
PAIRS: Final[tuple[tuple[Rule, Rule, str], ...]] = (
    (at(DAILY), at("0 12 ? * * *", 365), F),  # the default window of eight hours
    (at(DAILY), at("0 12 ? * * *", 35), P),
    (at(DAILY), at("0 13 ? * * *", 365), P),
    (at(DAILY, **HOUR), at("0 6 ? * * *", 365, **HOUR), P),
    (at(DAILY, **HOUR), at("0 5 ? * * *", 365, **HOUR), F),
    (at("0 * ? * * *", 1, **HOUR), at("0 0/12 ? * * *", 7), F),
    (at("0 22 ? * * *"), at("0 3 ? * * *", None), F),  # over midnight
    (at(DAILY), at("0 5 31 2 ? *", 365), P),  # the other never starts
    (at("0 6 ? * * *", **HOUR, **within("Europe/Berlin")), at(DAILY, 365, **HOUR), F),
    (
        at("0 5 ? * MON-FRI *", **HOUR, **within("Asia/Kolkata")),
        at("0 5 ? * SUN *", 7, **HOUR, **within("Asia/Kolkata")),
        P,
    ),
    (at(DAILY), at("0 20 ? * * *", 7, **within("Mars/Olympus")), U),
    (at(DAILY), at("0 20 L-3W * ? *", 7), U),
    (at("0 5 31 2 ? *"), at("0 20 L-3W * ? *", 7), P),
    (  # on the night of 28 March there is no 02:30
        at("30 2 28 3 ? *", 35, **HOUR, **within("Europe/Berlin")),
        at("0 3 28 3 ? *", 365, **HOUR, **within("Europe/Berlin")),
        P,
    ),
)


def overlaps(bundle: BundleBuilder) -> Truth:
    script, truth = bundle.shard().vault("main").volume("v"), Truth()
    for number, (one, other, expected) in enumerate(PAIRS):
        rules = [{**one, "RuleId": "one"}, {**other, "RuleId": "other"}]
        script.plan(f"p{number}", rules=rules, selections=[{"Resources": [volume_arn("v")]}])
        truth[OVERLAPS, plan_arn(f"p{number}")] = expected
    return truth


def continuous(bundle: BundleBuilder) -> Truth:
    bundle.account().bucket("one").bucket("two").bucket("none")
    script, truth = bundle.shard(page=3).vault("main").vault("spare").table("t"), Truth()
    for name in ("one", "two", "none"):
        script.bucket_details(name)
    always = kept(35, "always", EnableContinuousBackup=True)
    script.plan("p", rules=[always, kept(365)], selections=[{"Resources": ["arn:aws:s3:::*"]}])
    script.plan(
        "q",
        rules=[kept(7, "again", EnableContinuousBackup=True, vault="spare")],
        selections=[{"Resources": ["arn:aws:s3:::two"]}],
    )
    script.plan("r", rules=[kept(35)], selections=[{"Resources": [table_arn("t")]}])
    for name, single in (("one", P), ("two", F), ("none", P)):
        truth[CONTINUOUS, f"arn:aws:s3:::{name}"] = P
        truth[ONE_CONTINUOUS, f"arn:aws:s3:::{name}"] = single
    truth[CONTINUOUS, table_arn("t")] = N
    return truth


LOCK: Final[Rule] = {"Locked": True, "MinRetentionDays": 30, "MaxRetentionDays": 90}
UNSEEN: Final = vault_arn("outside", "555555555555")

# Days of the rule, and of its copy to another locked vault: target's lock, destination's lock, copy's 35 days
LOCKS: Final[tuple[tuple[int | None, int | None, str, str, str], ...]] = (
    (35, 35, P, P, P),
    (29, 30, F, P, F),
    (30, 91, P, F, P),
    (91, None, F, F, P),
    (90, None, P, P, P),
    (None, 35, F, P, P),
    (None, None, F, F, P),
    (35, -1, P, P, P),  # a copy that never ends follows its source
    (35, 7, P, F, F),
)


def locks(bundle: BundleBuilder) -> Truth:
    script, truth = bundle.shard().vault("main", **LOCK).vault("open", MinRetentionDays=30), Truth()
    bundle.shard(region=FAR).vault("copies", **LOCK)
    bundle.shard(OTHER).vault("refused")
    copies = vault_arn("copies", region=FAR)
    for number, (days, copied, target, destination, keeps) in enumerate(LOCKS):
        plan = plan_arn(f"p{number}")
        script.plan(f"p{number}", rules=[kept(days, CopyActions=[copy_to(copies, copied)])])
        truth |= {
            (LOCKED_OUT, f"{plan}#rule-daily"): target,
            (LOCKED_OUT, f"{plan}#rule-daily->{copies}"): destination,
            (COPY_KEEPS, f"{plan}#rule-daily->{copies}"): keeps,
            (TARGETS, f"{plan}#rule-daily"): P,
            (LIVES, f"{plan}#rule-daily->{copies}"): P,
        }
    elsewhere = [
        copy_to(UNSEEN, 7),
        copy_to(vault_arn("refused", OTHER)),
        copy_to(vault_arn("none", region=FAR)),
    ]
    script.plan("open", rules=[kept(1, vault="open", CopyActions=elsewhere), kept(1, "gone", vault="gone")])
    subject = f"{plan_arn('open')}#rule-daily"
    truth |= {
        (LOCKED_OUT, subject): P,
        (LOCKED_OUT, f"{subject}->{UNSEEN}"): U,
        (LOCKED_OUT, f"{subject}->{vault_arn('refused', OTHER)}"): U,
        (LOCKED_OUT, f"{subject}->{vault_arn('none', region=FAR)}"): N,
        (LOCKED_OUT, f"{plan_arn('open')}#rule-gone"): N,
        (TARGETS, f"{plan_arn('open')}#rule-gone"): F,
        (COPY_KEEPS, f"{subject}->{UNSEEN}"): F,
        (COPY_KEEPS, f"{subject}->{vault_arn('refused', OTHER)}"): F,
    }
    return truth


def without_vaults_of_other(lines: Lines) -> Lines:
    return {
        stem: [
            refuse_line(line) if OTHER in stem and line["operation"] == "ListBackupVaults" else line
            for line in of_file
        ]
        for stem, of_file in lines.items()
    }


def in_doubt(bundle: BundleBuilder) -> Truth:
    """What covers is partly not known: what is known decides where more rules could not change it."""
    tagged = {"ListOfTags": [{"ConditionType": "STRINGEQUALS", "ConditionKey": "a", "ConditionValue": "b"}]}
    script = bundle.shard().vault("main").table("enough").table("short").table("maybe")
    always: Rule = {"EnableContinuousBackup": True}
    script.plan("good", rules=[at(DAILY, **always)], selections=[{"Resources": [table_arn("enough")]}])
    weekly = [
        at("0 5 ? * 1 *", 7, **always),
        rule("more", days=7, ScheduleExpression="cron(0 5 ? * 2 *)", **always),
    ]
    script.plan("weak", rules=weekly, selections=[{"Resources": [table_arn("short")]}])
    script.plan("tags", rules=[at("0 17 ? * * *")], selections=[tagged])
    truth: Truth = {(OVERLAPS, plan_arn("tags")): U}
    for table, meets, single in (("enough", P, U), ("short", U, F), ("maybe", U, U)):
        truth |= {
            (RPO, table_arn(table)): meets,
            (KEEPS, table_arn(table)): meets,
            (ONE_CONTINUOUS, table_arn(table)): single,
        }
    return truth


def without_tags(lines: Lines) -> Lines:
    return {
        stem: [refuse_line(line) if line["operation"] == "GetResources" else line for line in of_file]
        for stem, of_file in lines.items()
    }
