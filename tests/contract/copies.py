"""Ruling 4: an effective copy, link by link; each cell breaks one link."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.contract.world import (
    CROSS_ACCOUNT,
    CROSS_REGION,
    EXISTS,
    FAIL,
    KEY,
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
    FAR,
    MANAGEMENT,
    ORG_ID,
    REGION,
    BundleBuilder,
    Lines,
    ShardScript,
    copy_to,
    key_arn,
    plan_arn,
    rule,
    table_arn,
    vault_arn,
    volume_arn,
)

P, F, N, U = PASS, FAIL, NOT_APPLICABLE, UNKNOWN

ADMITS: Final = "copy-destination-admits-source"
MEMBER: Final = "copy-destination-in-organization"
ENABLED: Final = "copy-cross-account-enabled"
SHARED: Final = "copy-source-key-shared"
SUPPORTED: Final = "copy-supported"
Row = Mapping[str, Any]


def locked(minimum: int | None = None, maximum: int | None = None) -> Row:
    bounds = {"MinRetentionDays": minimum, "MaxRetentionDays": maximum}
    return {"Locked": True, **{key: value for key, value in bounds.items() if value}}


@dataclass(frozen=True, slots=True)
class Near:
    """A copy into another Region of the same account: its answer, and that of `copy-destination-exists`."""

    name: str
    status: str
    exists: str = P
    destination: str = "far"
    copied: int | None = 35
    kept: int | None = 35
    row: Row = field(default_factory=dict)
    kind: str = "volume"
    managed: bool | None = True  # DynamoDB's advanced features; None: the settings were refused
    region: str = FAR
    seen: bool = True


NEAR: Final = (
    Near("it arrives", P),
    Near("it stays in the Region", F, region=REGION),
    Near("no such vault", F, F, destination="gone"),
    Near("names are case sensitive", F, F, destination="FAR"),
    Near("the vaults there were refused", U, U, seen=False),
    Near("… and the type is never copied", F, U, seen=False, kind="cluster"),
    Near("a Region that nobody scanned", U, U, region="ap-southeast-2"),
    Near("within the lock", P, row=locked(30, 40)),
    Near("below its minimum", F, row=locked(36)),
    Near("above its maximum", F, row=locked(1, 34)),
    Near("bounds without a lock mean nothing", P, row={"MinRetentionDays": 36}),
    Near("whether there is a lock is not told", U, row={"MinRetentionDays": 36, "Locked": None}),
    Near("it follows its source", P, copied=None, kept=50, row=locked(40, 60)),
    Near("it follows its source for too long", F, copied=None, kept=100, row=locked(40, 60)),
    Near("for ever is longer than any maximum", F, copied=None, kept=None, row=locked(1, 36500)),
    Near("for ever above a minimum", P, copied=None, kept=None, row=locked(99)),
    Near("the source's expiry overrides for ever", P, copied=-1, kept=35, row=locked(1, 99)),
    Near("a Multi-AZ cluster is never copied", F, kind="cluster"),
    Near("a table with advanced features", P, kind="table"),
    Near("a table without", F, kind="table", managed=False),
    Near("a table, settings refused", U, kind="table", managed=None),
    Near(
        "an air-gapped vault",
        P,
        row={"VaultType": "LOGICALLY_AIR_GAPPED_BACKUP_VAULT", "MaxRetentionDays": 99},
    ),
)


def resource(script: ShardScript, kind: str, key: str | None) -> str:
    """Put one resource into a shard; give its ARN."""
    encrypted: dict[str, Any] = {"Encrypted": True, "KmsKeyId": key} if key else {}
    if kind == "volume":
        script.volume("v", **encrypted)
        return volume_arn("v", script.account)
    if kind == "table":
        script.table("t")
        return table_arn("t", script.account)
    name = {"cluster": f"arn:aws:rds:{REGION}:{script.account}:cluster:c"}.get(
        kind, f"arn:aws:elasticfilesystem:{REGION}:{script.account}:file-system/fs-1"
    )
    if kind == "cluster":
        told = {"DBClusterIdentifier": "c", "DBClusterArn": name, "Engine": "mysql", "Status": "available"}
        script.listed("rds:DescribeDBClusters", told)
    else:
        told = {"FileSystemId": "fs-1", "FileSystemArn": name, "LifeCycleState": "available", **encrypted}
        script.listed("efs:DescribeFileSystems", told)
    return name


def near(bundle: BundleBuilder) -> Truth:
    truth: Truth = {}
    bundle.shard(MANAGEMENT, REGION)
    bundle.shard(MANAGEMENT, FAR)
    for number, cell in enumerate(NEAR):
        account = f"{510000000000 + number}"
        script, far = bundle.shard(account), bundle.shard(account, FAR)
        arn = resource(script.vault("main"), cell.kind, None)
        if cell.managed is None:
            script.call("backup:DescribeRegionSettings", error="AccessDeniedException")
        else:
            script.settings(managed=cell.managed)
        if cell.seen:
            (script if cell.region == REGION else far).vault("far", **cell.row)
        else:
            far.call("backup:ListBackupVaults", error="AccessDeniedException")
        destination = vault_arn(cell.destination, account, cell.region)
        copies = [copy_to(destination, cell.copied)]
        script.plan("p", rules=[rule(days=cell.kept, CopyActions=copies)], selections=[{"Resources": [arn]}])
        action = f"{plan_arn('p', account)}#rule-daily->{destination}"
        truth |= {(CROSS_REGION, arn): cell.status, (CROSS_ACCOUNT, arn): F}
        truth |= {(EXISTS, action): cell.exists, (KEY, action): N}
        truth |= dict.fromkeys(((control, action) for control in (ADMITS, MEMBER, ENABLED, SHARED)), N)
        truth |= {(SUPPORTED, action): supported(cell)}
    return truth


# Regions that a volume of eu-west-1 is copied to, whether there is a vault, and the verdict at 500 km
DISTANCES: Final = (
    ((FAR,), True, P),  # Frankfurt, 1,088 km
    (("eu-west-2",), True, F),  # London, 464 km
    (("eu-west-2", FAR), True, P),
    ((FAR,), False, F),
    (("me-west-1",), True, U),  # AWS names no place there
    (("eu-west-2", "me-west-1"), True, U),
    (("me-west-1",), False, F),
    ((REGION,), True, F),
)


def distances(bundle: BundleBuilder) -> Truth:
    truth: Truth = {}
    for number, (regions, exists, status) in enumerate(DISTANCES):
        account = f"{530000000000 + number}"
        script, arn = bundle.shard(account).vault("main").volume("v"), volume_arn("v", account)
        for region in regions:
            bundle.shard(account, region).vault("far" if exists else "other")
        copies = [copy_to(vault_arn("far", account, region), 35) for region in regions]
        script.plan("p", rules=[rule(CopyActions=copies)], selections=[{"Resources": [arn]}])
        truth[CROSS_REGION, arn] = status
    return truth


@dataclass(frozen=True, slots=True)
class Far:
    """A copy into another account: its answer, and those of the key's and the destination's controls."""

    name: str
    status: str
    key: str = P
    exists: str = P
    admits: str = "root"
    source_key: str = "shared"
    vault_key: str = "customer"
    kind: str = "volume"
    vault: str = "vaultx"
    member: str | None = "ACTIVE"
    scanned: bool = True
    row: Row = field(default_factory=dict)


FAR_CELLS: Final = (
    Far("it arrives", P),
    Far("the whole organisation is admitted", P, admits="organisation"),
    Far("only one role is", U, admits="role"),
    Far("no policy", F, admits="nobody"),
    Far("another organisation is", F, admits="others"),
    Far("an explicit deny wins", F, admits="denied"),
    Far("another action is allowed", F, admits="action"),
    Far("the account is no member", F, member=None),
    Far("the account is suspended", F, U, U, member="SUSPENDED", scanned=False),
    Far("the account was not scanned", U, U, U, scanned=False),
    Far("a foreign account that was not scanned", F, U, U, member=None, scanned=False),
    Far("not encrypted", P, source_key="none"),
    Far("an AWS managed key", F, F, source_key="aws"),
    Far("an AWS managed key, by its alias only", F, F, source_key="aws-alias"),
    Far("a key of which nothing is known", U, U, source_key="mystery"),
    Far("an AWS managed key settles it unseen", F, F, U, source_key="aws", scanned=False),
    Far("a key that is not shared", F, source_key="own"),
    Far("a key whose policy was not read", U, source_key="unread"),
    Far("the vault's key is AWS managed", F, F, vault_key="aws"),
    Far("the vault's key is of unknown kind", U, U, vault_key="mystery"),
    Far(
        "the list tells the vault's key",
        P,
        vault_key="mystery",
        row={"EncryptionKeyType": "CUSTOMER_MANAGED_KMS_KEY"},
    ),
    Far("fully managed: any key", P, kind="efs", source_key="aws", vault_key="aws"),
    Far("fully managed, but the Default vault", F, F, kind="efs", vault_key="aws", vault="Default"),
    Far("outside the lock", F, row=locked(36)),
)


def supported(cell: Near) -> str:
    """The type and its Region settings alone, whatever becomes of the vault."""
    if cell.kind == "cluster":
        return F
    return {True: P, False: F, None: U}[cell.managed] if cell.kind == "table" else P


def admitted(cell: Far) -> str:
    """A vault that was not scanned may admit anybody."""
    if not cell.scanned:
        return U
    return {"root": P, "organisation": P, "role": U}.get(cell.admits, F)


def shared(cell: Far) -> str:
    """An AWS managed key is no customer managed one that must be shared."""
    if cell.kind == "efs":
        return P
    return {"own": F, "unread": U, "mystery": U}.get(cell.source_key, P)


def admission(kind: str, account: str) -> str | None:
    root = {"AWS": f"arn:aws:iam::{account}:root"}
    ours = {"StringEquals": {"aws:PrincipalOrgID": ORG_ID}}
    others = {"StringEquals": {"aws:PrincipalOrgID": "o-others"}}
    return {
        "root": policy(allow(root)),
        "organisation": policy(allow("*", Condition=ours)),
        "others": policy(allow("*", Condition=others)),
        "role": policy(allow({"AWS": f"arn:aws:iam::{account}:role/Backup"})),
        "denied": policy(allow(root), deny("backup:CopyIntoBackupVault", root)),
        "action": policy(allow(root, "backup:StartCopyJob")),
        "nobody": None,
    }[kind]


def source_key(script: ShardScript, kind: str, destination: str) -> str | None:
    """Record a resource's key, as far as it is known; give its ARN."""
    own = allow({"AWS": f"arn:aws:iam::{script.account}:root"}, "kms:*")
    shared = allow({"AWS": f"arn:aws:iam::{destination}:root"}, "kms:*")
    if kind == "none":
        return None
    if kind in ("shared", "own", "unread"):
        text = {"shared": policy(own, shared), "own": policy(own)}.get(kind)
        script.key("k", policy=text)
    elif kind == "aws":
        script.key("k", "AWS")
    elif kind == "aws-alias":
        script.alias("alias/aws/ebs", "k")
    return key_arn("k", script.account)


def far(status: str | None) -> Any:
    """Give the builder of copies across accounts. `status` stands for what arrives when all is well."""

    def build(bundle: BundleBuilder) -> Truth:
        truth: Truth = {}
        for number, cell in enumerate(FAR_CELLS):
            arn, destination = _across(bundle, cell, *accounts_of(number))
            action = f"{plan_arn('p', accounts_of(number)[0])}#rule-daily->{destination}"
            open_or_fine = {P: status or P, U: F if status == F else U, F: F}[cell.status]
            truth |= {(CROSS_ACCOUNT, arn): open_or_fine, (CROSS_REGION, arn): F}
            truth |= {(EXISTS, action): cell.exists, (KEY, action): cell.key}
            truth |= {(ADMITS, action): admitted(cell), (SHARED, action): shared(cell)}
            truth |= {(MEMBER, action): P if cell.member == "ACTIVE" else F}
            truth |= {(ENABLED, action): status or P, (SUPPORTED, action): P}
        return truth

    return build


def accounts_of(number: int) -> tuple[str, str]:
    return f"{610000000000 + number}", f"{710000000000 + number}"


def _across(bundle: BundleBuilder, cell: Far, account: str, other: str) -> tuple[str, str]:
    script = bundle.shard(account).vault("main")
    arn = resource(script, cell.kind, source_key(script, cell.source_key, other))
    destination = vault_arn(cell.vault, other)
    script.plan("p", rules=[rule(CopyActions=[copy_to(destination, 35)])], selections=[{"Resources": [arn]}])
    if cell.scanned:
        there = bundle.shard(other)
        if cell.vault_key != "mystery":
            there.key("d", {"customer": "CUSTOMER", "aws": "AWS"}[cell.vault_key])
        there.vault(cell.vault, key=key_arn("d", other), policy=admission(cell.admits, account), **cell.row)
    return arn, destination


def with_members(cross_account: str | None) -> Any:
    def spoil(lines: Lines) -> Lines:
        members = {MANAGEMENT: "ACTIVE"}
        for number, cell in enumerate(FAR_CELLS):
            account, other = accounts_of(number)
            members |= {account: "ACTIVE"} | ({other: cell.member} if cell.member else {})
        return with_organization(lines, members, cross_account)

    return spoil
