"""Vaults: who can delete from them, how they are locked; and the recovery points that they hold."""

from typing import Any, Final

from tests.contract.world import (
    DELETIONS,
    ENCRYPTED,
    FAIL,
    KEPT,
    LOCKED,
    NOT_APPLICABLE,
    PASS,
    RECENT,
    UNDELETABLE,
    UNKNOWN,
    Truth,
    after,
    allow,
    deny,
    policy,
)
from tests.fakes.bundles import (
    ACCOUNT,
    FAR,
    OTHER,
    REGION,
    BundleBuilder,
    copy_to,
    rule,
    stamp,
    vault_arn,
    volume_arn,
)

BREAK_GLASS: Final = f"arn:aws:iam::{ACCOUNT}:role/BreakGlass"
ANOTHER: Final = f"arn:aws:iam::{ACCOUNT}:role/Another"
FOUR: Final = DELETIONS
P, F, U = PASS, FAIL, UNKNOWN


def only_if(operator: str, key: str, *values: str) -> dict[str, Any]:
    return {"Condition": {operator: {key: list(values)}}}


def anything_but(**element: Any) -> str:
    return policy({"Effect": "Deny", "Resource": "*", **element})


# (what the policy says, the policy, by default, with strict: false, with BreakGlass exempt)
POLICIES: Final[tuple[tuple[str, str | None, str, str, str], ...]] = (
    ("four actions", policy(deny()), P, P, P),
    ("three actions", policy(deny(FOUR[:3])), F, P, F),
    ("one a statement", policy(*map(deny, FOUR)), P, P, P),
    ("three over two statements", policy(deny(FOUR[:2]), deny([FOUR[2]])), F, P, F),
    ("the policy itself is not kept", policy(deny([FOUR[0], FOUR[1], FOUR[3]])), F, F, F),
    ("the guide's one action", policy(deny(FOUR[0])), F, F, F),
    ("a wildcard", policy(deny("backup:*")), P, P, P),
    ("case does not matter to actions", policy(deny([action.lower() for action in FOUR])), P, P, P),
    ("everybody, spelt out", policy(deny(principal={"AWS": ["*"]})), P, P, P),
    ("NotAction", anything_but(Principal="*", NotAction="backup:StartBackupJob"), P, P, P),
    ("NotPrincipal", anything_but(NotPrincipal={"AWS": [BREAK_GLASS]}, Action=FOUR), F, F, P),
    ("all but one", policy(deny(**only_if("ArnNotEquals", "aws:PrincipalArn", BREAK_GLASS))), F, F, P),
    (
        "all but two",
        policy(deny(**only_if("ArnNotEquals", "aws:PrincipalArn", BREAK_GLASS, ANOTHER))),
        F,
        F,
        F,
    ),
    (
        "each spares another, together nobody",
        policy(
            deny(**only_if("ArnNotEquals", "aws:PrincipalArn", BREAK_GLASS)),
            deny(**only_if("ArnNotEquals", "aws:PrincipalArn", ANOTHER)),
        ),
        P,
        P,
        P,
    ),
    ("aws:userId", policy(deny(**only_if("StringNotLike", "aws:userId", "AROAEXAMPLE:*"))), F, F, U),
    ("one role", policy(deny(principal={"AWS": ANOTHER})), F, F, F),
    ("multi-factor", policy(deny(**only_if("Bool", "aws:MultiFactorAuthPresent", "false"))), F, F, F),
    ("from elsewhere", policy(deny(**only_if("NotIpAddress", "aws:SourceIp", "10.0.0.0/8"))), F, F, F),
    ("allow only", policy(allow("*")), F, F, F),
    ("none", None, F, F, F),
    ("no JSON", "{", U, U, U),
    ("an error page", "<html><body>Try later.</body></html>", U, U, U),
    ("a list", "[]", U, U, U),
    ("a number", "35", U, U, U),
    ("an empty text", "", U, U, U),
)
LOCK_DATE_PAST: Final[dict[str, Any]] = {"Locked": True, "LockDate": stamp(99)}
LOCK_DATE_AHEAD: Final[dict[str, Any]] = {"Locked": True, "LockDate": stamp(-99)}
AIR_GAPPED: Final = {"VaultType": "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"}
NO_LOCKED_KEY: Final = {"Locked": None}  # null, or left out: it is not told

# (name, its row in the list, protected from deletion by that alone)
BY_LOCK: Final[tuple[tuple[str, dict[str, Any], str], ...]] = (
    ("compliance", LOCK_DATE_PAST, P),
    ("grace", LOCK_DATE_AHEAD, F),
    ("governance", {"Locked": True}, F),
    ("air-gapped", {**AIR_GAPPED, "Locked": None}, P),
)


def policies(column: int) -> Any:
    """Give the builder of the policies' world; `column` chooses default, lax or exempt."""

    def build(bundle: BundleBuilder) -> Truth:
        script, truth = bundle.shard(page=7), Truth()
        for number, (_, text, *expected) in enumerate(POLICIES):
            script.vault(f"v{number}", policy=text)
            truth[UNDELETABLE, vault_arn(f"v{number}")] = expected[column]
        for name, row, expectation in BY_LOCK:
            script.vault(name, **row)
            truth[UNDELETABLE, vault_arn(name)] = expectation
        script.vault("refused", policy="").vault("compliance-refused", policy="", **LOCK_DATE_PAST)
        truth[UNDELETABLE, vault_arn("refused")] = U
        truth[UNDELETABLE, vault_arn("compliance-refused")] = P
        return truth

    return build


# (name, its row, by default, with mode compliance and 30 to 90 days)
LOCKS: Final[tuple[tuple[str, dict[str, Any], str, str], ...]] = (
    ("none", {}, F, F),
    ("governance", {"Locked": True}, P, F),
    ("compliance", {**LOCK_DATE_PAST, "MinRetentionDays": 30, "MaxRetentionDays": 90}, P, P),
    ("compliance-unbounded", LOCK_DATE_PAST, P, F),
    ("compliance-long", {**LOCK_DATE_PAST, "MinRetentionDays": 30, "MaxRetentionDays": 91}, P, F),
    ("grace", {**LOCK_DATE_AHEAD, "MinRetentionDays": 30, "MaxRetentionDays": 90}, P, F),
    ("air-gapped", {**AIR_GAPPED, "Locked": None, "MinRetentionDays": 30, "MaxRetentionDays": 90}, P, P),
    ("not-told", {**NO_LOCKED_KEY, "MinRetentionDays": 30, "MaxRetentionDays": 90}, U, U),
)


def locks(column: int) -> Any:
    def build(bundle: BundleBuilder) -> Truth:
        script, other, truth = bundle.shard(page=3), bundle.shard(OTHER, FAR), Truth()
        bundle.shard(ACCOUNT, FAR)
        bundle.shard(OTHER, REGION)
        for name, row, *expected in LOCKS:
            script.vault(name, **row)
            truth[LOCKED, vault_arn(name)] = expected[column]
        for name, status in {
            "unused": NOT_APPLICABLE,
            "holds": F,
            "copied-into": F,
            "count-says-nothing": NOT_APPLICABLE,
        }.items():
            script.vault(name, NumberOfRecoveryPoints=7 if name.startswith("count") else 0)
            truth[LOCKED, vault_arn(name)] = status
        script.point("holds", volume_arn("gone"))
        script.plan("p", rules=[rule(name, name) for name, *_ in LOCKS])
        copies = [copy_to(vault_arn("copied-into"), 35)]
        other.vault("main").plan("q", rules=[rule(CopyActions=copies)])
        truth[LOCKED, vault_arn("main", OTHER, FAR)] = F
        return truth

    return build


CONTINUOUS: Final = f"arn:aws:backup:{REGION}:{ACCOUNT}:recovery-point:continuous:"
TEMPORARY: Final = {"DeleteAfterEvent": "DELETE_AFTER_COPY"}
NEVER_TOLD: Final = {"Lifecycle": None}

# (its row, encrypted, kept; the age is 100 hours)
POINTS: Final[tuple[tuple[dict[str, Any], str, str], ...]] = (
    ({}, P, P),
    ({"Lifecycle": {"DeleteAfterDays": 34}}, P, F),
    ({"Lifecycle": {"DeleteAfterDays": -1}}, P, P),
    ({"IsEncrypted": False}, F, P),
    ({"IsEncrypted": None}, U, P),
    (NEVER_TOLD, P, P),
    ({"Lifecycle": None, "CalculatedLifecycle": {"DeleteAt": after(34.2, 100)}}, P, P),
    ({"Lifecycle": None, "CalculatedLifecycle": {"DeleteAt": after(34, 100)}}, P, F),
    ({"Lifecycle": None, "CalculatedLifecycle": {"DeleteAt": stamp()}, "CreationDate": None}, P, U),
    ({"CalculatedLifecycle": {"DeleteAt": stamp()}}, P, P),
    ({"arn": f"{CONTINUOUS}a", "Lifecycle": {"DeleteAfterDays": 35}}, P, P),
    ({"arn": f"{CONTINUOUS}b", **NEVER_TOLD}, P, U),
    ({"Lifecycle": TEMPORARY, "IsEncrypted": False}, NOT_APPLICABLE, NOT_APPLICABLE),
    ({"Status": "EXPIRED"}, P, P),
)

# (rows of recovery points of one volume, whether it is backed up recently)
RECENTLY: Final[tuple[tuple[tuple[dict[str, Any], ...], str], ...]] = (
    ((), F),
    (({"hours_ago": 24},), P),
    (({"hours_ago": 24.1},), F),
    (({"hours_ago": -5},), P),
    (({"Status": "PARTIAL"},), F),
    (({"Status": "EXPIRED"},), F),
    (({"Status": "STOPPED"},), F),
    (({"Status": None},), U),
    (({"CreationDate": None},), U),
    (({"CreationDate": None}, {"hours_ago": 2}), P),
    (({"hours_ago": 1, "Status": "EXPIRED"}, {"hours_ago": 30}), F),
    (({"hours_ago": 900, "Status": "AVAILABLE", "arn": f"{CONTINUOUS}r"},), P),
    (({"hours_ago": 900, "Status": "AVAILABLE"},), F),
    (({"vault": "far"},), F),
)


def points(bundle: BundleBuilder) -> Truth:
    script, far, truth = bundle.shard(page=5), bundle.shard(region=FAR), Truth()
    script.vault("main")
    far.vault("far")
    for number, (row, encrypted, kept) in enumerate(POINTS):
        arn = row.get("arn", f"arn:aws:ec2:{REGION}::snapshot/snap-{number}")
        script.point("main", volume_arn("gone"), **{"hours_ago": 100, **row, "arn": arn})
        truth |= {(ENCRYPTED, arn): encrypted, (KEPT, arn): kept}
    for number, (rows, status) in enumerate(RECENTLY):
        volume = volume_arn(f"v{number}")
        script.volume(f"v{number}")
        truth[RECENT, volume] = status
        for at, row in enumerate(rows):
            arn = row.get("arn", f"arn:aws:ec2:{REGION}::snapshot/snap-{number}-{at}")
            shard, vault = (far, "far") if "vault" in row else (script, "main")
            told = {key: value for key, value in row.items() if key != "vault"}
            shard.point(vault, volume, **{**told, "arn": arn})
    return truth
