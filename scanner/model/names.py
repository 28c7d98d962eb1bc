"""Identifiers: account ids, Regions, ARNs, and subjects of findings that have no ARN."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NewType

AccountId = NewType("AccountId", str)
RegionName = NewType("RegionName", str)
Arn = NewType("Arn", str)

AWS_GLOBAL: Final = RegionName("aws-global")
"""The shard of an account's global services: IAM, the list of S3 buckets, the STS identity."""

ORG: Final = RegionName("org")
"""The shard of organisation-wide calls."""

_ARN_FIELDS: Final = 6


@dataclass(frozen=True, slots=True, order=True)
class Shard:
    """One account in one Region. Only copies, keys and organisation settings reach beyond it."""

    account: AccountId
    region: RegionName


@dataclass(frozen=True, slots=True)
class ArnParts:
    """The parts of an ARN, `arn:partition:service:region:account:resource`."""

    partition: str
    service: str
    region: RegionName
    account: AccountId
    resource: str


def parse_arn(text: str) -> ArnParts | None:
    """Parse an ARN; None when the text is no ARN (fewer than six fields, or another prefix)."""
    fields = text.split(":", _ARN_FIELDS - 1)
    if len(fields) < _ARN_FIELDS or fields[0] != "arn":
        return None
    _, partition, service, region, account, resource = fields
    return ArnParts(partition, service, RegionName(region), AccountId(account), resource)


def partition_in(arn: str) -> str:
    """Return the partition of an ARN; empty: the text is no ARN, or has none."""
    fields = arn.split(":", _ARN_FIELDS - 1)
    return fields[1] if len(fields) == _ARN_FIELDS and fields[0] == "arn" else ""


@lru_cache(maxsize=1_024)
def partition_of(region: str) -> str:
    """Return the partition of a Region, from its name: `aws`, `aws-cn`, `aws-us-gov` ..."""
    for prefix, partition in _PARTITIONS.items():
        if region.startswith(prefix):
            return partition
    return "aws"


_PARTITIONS: Final = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "eusc-": "aws-eusc",
    "us-isob-": "aws-iso-b",
    "us-isof-": "aws-iso-f",
    "eu-isoe-": "aws-iso-e",
    "us-iso-": "aws-iso",
}


def vault_arn(partition: str, shard: Shard, name: str) -> Arn:
    """Return the ARN of the backup vault `name` in `shard`."""
    return Arn(f"arn:{partition}:backup:{shard.region}:{shard.account}:backup-vault:{name}")


def plan_arn(partition: str, shard: Shard, plan_id: str) -> Arn:
    """Return the ARN of the backup plan `plan_id` in `shard`; Organizations' plan ids begin with `orgs/`."""
    return Arn(f"arn:{partition}:backup:{shard.region}:{shard.account}:backup-plan:{plan_id}")


def account_subject(account: str) -> str:
    """Return the subject of findings about an account: `aws:account:ACCOUNT_ID`."""
    return f"aws:account:{account}"


def account_region_subject(shard: Shard) -> str:
    """Return the subject of findings about an account-Region: `aws:account-region:ACCOUNT_ID/REGION`."""
    return f"aws:account-region:{shard.account}/{shard.region}"


def rule_subject(plan_arn: str, rule_id: str) -> str:
    """Return the subject of findings about a rule: `PLAN_ARN#RULE_ID`."""
    return f"{plan_arn}#{rule_id}"


def rule_matches(named: str, rule: str) -> bool:
    """Check whether `rule` may be the rule that `named` refers to; either half of `named` may be empty."""
    named_plan, _, named_id = named.partition("#")
    plan, _, rule_id = rule.partition("#")
    return named_plan in ("", plan) and named_id in ("", rule_id)


def names_rule(named: str) -> bool:
    """Check whether a rule is named in full: by its plan's ARN and its own id."""
    plan, _, rule_id = named.partition("#")
    return bool(plan and rule_id)


def copy_action_subject(rule: str, destination: str) -> str:
    """Return the subject of findings about a copy action: `PLAN_ARN#RULE_ID->DESTINATION_VAULT_ARN`."""
    return f"{rule}->{destination}"
