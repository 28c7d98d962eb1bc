"""Made-up shards: what an organisation of many accounts looks like once its evidence is parsed.

A shard is a function of its number, so that nothing has to be kept, and two runs see the same ones. Every
account has shards in ten Regions, and backs up under three plans of two selections each: by tag, by the
pattern of an ARN, by everything under conditions. Backups are copied to another Region and into a central
account. In some shards something was not read.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from bench.shard_plans import CENTRAL, plans
from bench.shard_resources import REGIONS, resources, ungranted, volumes
from scanner.model.inventory import (
    Account,
    Key,
    KeyKind,
    Organization,
    RecoveryPoint,
    RegionSettings,
    Resource,
    ShardInventory,
    ShardStatus,
    Vault,
    VaultLock,
)
from scanner.model.known import EvidenceRef, Known, Reading, Unread
from scanner.model.names import AccountId, Arn, Shard, vault_arn
from scanner.services.catalogue import ACCOUNT_LISTS, SHARD_LISTS

AS_OF: Final = datetime(2026, 11, 22, tzinfo=UTC)
_ADMITS: Final = (
    '{"Statement":[{"Effect":"Allow","Principal":"*","Action":"backup:CopyIntoBackupVault","Resource":"*",'
    '"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-bench"}}}]}'
)
_KEY_POLICY: Final = (
    '{"Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::%s:root"},"Action":"kms:*",'
    '"Resource":"*"},{"Effect":"Allow","Principal":{"AWS":"*"},"Action":["kms:CreateGrant","kms:Decrypt",'
    '"kms:DescribeKey","kms:Encrypt","kms:GenerateDataKey*","kms:ReEncrypt*"],"Resource":"*",'
    '"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-bench"}}}]}'
)
_UNLISTED: Final = 50  # of a hundred shards
_TYPES: Final = ("CloudFormation", "DynamoDB", "EBS", "EC2", "RDS", "S3")
_KINDS: Final = (KeyKind.CUSTOMER_MANAGED, KeyKind.AWS_MANAGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large a shard is. `selections`: of a plan; `points`: recovery points of a resource."""

    resources: int = 50
    plans: int = 3
    selections: int = 2
    points: int = 1
    volumes_only: bool = False


def organization(shards: int) -> Organization:
    """Make the organisation that the first `shards` shards belong to."""
    refs = (EvidenceRef("evidence/org.jsonl.gz", 2),)
    members = [*(_account(number) for number in range(0, shards, len(REGIONS))), CENTRAL]
    return Organization(
        id=Known("o-bench", refs),
        management_account=Known(_account(0), refs),
        members=Known(None, refs),
        accounts={
            account: Account(account, f"account {account}", "ACTIVE", "o-bench/r-1/ou-1/")
            for account in members
        },
        cross_account_backup=Known(value=True, refs=refs),
    )


def central_shards() -> Iterator[ShardInventory]:
    """Make the shards of the backup account: a vault in every Region, and nothing else."""
    for region in REGIONS:
        shard = Shard(CENTRAL, region)
        policy = Known(_ADMITS, _refs(shard, 7))
        yield replace(_empty(shard, 0), vaults=(_vault(shard, 0, "central", policy),))


def shard_of(number: int, size: Size) -> ShardInventory:
    """Make a shard. Those of one account follow each other."""
    shard = Shard(_account(number), REGIONS[number % len(REGIONS)])
    refs = _refs(shard, 30)
    resources_ = (
        volumes(shard, size.resources, refs)
        if size.volumes_only
        else resources(shard, number, size.resources, refs)
    )
    if number % 100 == _UNLISTED:
        resources_ = tuple(resource for resource in resources_ if resource.type != "EC2")
    return replace(
        _empty(shard, number),
        resources=resources_,
        plans=plans(shard, number, size.plans, size.selections, _refs(shard, 13)),
        vaults=(_vault(shard, number, "daily", _policy(shard, number)), _copies(shard, number)),
        recovery_points=tuple(_points(shard, resources_, size.points)),
    )


def _account(number: int) -> AccountId:
    return AccountId(f"{100_000_000_000 + number // len(REGIONS)}")


def _refs(shard: Shard, line: int) -> tuple[EvidenceRef, ...]:
    return (EvidenceRef(f"evidence/{shard.account}/{shard.region}.jsonl.gz", line),)


def _empty(shard: Shard, number: int) -> ShardInventory:
    """Make a shard of nothing but settings and keys. In one of a hundred the instances were not listed."""
    read: Reading[None] = Known(None, _refs(shard, 1))
    lists = dict.fromkeys((*SHARD_LISTS, *ACCOUNT_LISTS), read)
    if number % 100 == _UNLISTED:
        lists["ec2:DescribeInstances"] = Unread(ungranted(shard, "ec2:DescribeInstances"))
    settings = RegionSettings(dict.fromkeys(_TYPES, True), {"DynamoDB": True})
    return ShardInventory(
        shard=shard,
        status=ShardStatus.COMPLETE,
        lists=lists,
        settings=Known(settings, _refs(shard, 2)),
        keys={key.id: key for key in _keys(shard)},
    )


def _keys(shard: Shard) -> Iterator[Key]:
    refs = _refs(shard, 9)
    for place, kind in enumerate(_KINDS):
        arn = f"arn:aws:kms:{shard.region}:{shard.account}:key/{place}"
        policy = Known(_KEY_POLICY % shard.account, refs)
        yield Key(
            id=arn,
            account=shard.account,
            region=shard.region,
            kind=Known(kind, refs),
            arn=arn,
            state="Enabled",
            multi_region=False,
            policy=policy,
            refs=refs,
        )


def _policy(shard: Shard, number: int) -> Reading[str | None]:
    """Return the policy of the daily vault; one in forty was not read."""
    if number % 40 == 20:  # noqa: PLR2004 -- now and then
        return Unread(ungranted(shard, "backup:GetBackupVaultAccessPolicy", "daily"))
    return Known(None, _refs(shard, 7))


def _copies(shard: Shard, number: int) -> Vault:
    return _vault(shard, number, "copies", Known(None, _refs(shard, 8)))


def _vault(shard: Shard, number: int, name: str, policy: Reading[str | None]) -> Vault:
    """Make a vault under the account's own key; every second is locked."""
    return Vault(
        arn=vault_arn("aws", shard, name),
        name=name,
        account=shard.account,
        region=shard.region,
        type="BACKUP_VAULT",
        lock=VaultLock(number % 2 == 0, None, 7, 400),
        key=f"arn:aws:kms:{shard.region}:{shard.account}:key/0",
        key_type=None,
        policy=policy,
        recovery_points_read=Known(None, _refs(shard, 11)),
        notifications=Known(None, _refs(shard, 12)),
        refs=_refs(shard, 6),
    )


def _points(shard: Shard, backed_up: tuple[Resource, ...], days: int) -> Iterator[RecoveryPoint]:
    """Make `each` recovery points of a resource, one a day."""
    vault, rule = (
        vault_arn("aws", shard, "daily"),
        f"arn:aws:backup:{shard.region}:{shard.account}:backup-plan:",
    )
    for place, resource in enumerate(backed_up):
        for day in range(days):
            yield RecoveryPoint(
                arn=Arn(f"arn:aws:ec2:{shard.region}::snapshot/snap-{place:08x}{day:09x}"),
                vault=vault,
                account=shard.account,
                region=shard.region,
                resource=resource.arn,
                resource_type=resource.type,
                status="COMPLETED",
                created_at=AS_OF - timedelta(days=day, hours=5),
                encrypted=True,
                key=None,
                delete_after_days=35,
                delete_at=AS_OF + timedelta(days=35 - day),
                temporary=False,
                source_vault=None,
                created_by_rule=f"{rule}plan-0#rule-0",
                refs=_refs(shard, 40 + place),
            )
