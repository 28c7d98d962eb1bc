"""What a scan would call, how often at least, and how long that may take. Nothing is asked here.

A list is counted as one page, and what is described one by one cannot be counted before it is listed: the
numbers are a lower bound, and the time is one too.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from scanner.collect.operations import Operation
from scanner.collect.permissions import is_asked_of_members
from scanner.collect.rates import OPERATIONS as OPERATION_RATES
from scanner.collect.rates import SERVICES as SERVICE_RATES
from scanner.collect.rates import Rate
from scanner.model.manifest import Scope
from scanner.model.names import AccountId, RegionName

LATENCY: Final = 0.1
"""Seconds that a call is taken to last: an assumption, for AWS publishes none."""

_GLOBAL: Final = frozenset(
    {
        "sts:AssumeRole",
        "sts:GetCallerIdentity",
        "ec2:DescribeRegions",
        "s3:ListBuckets",
        "s3:GetBucketLocation",
        "organizations:DescribeEffectivePolicy",
    }
)
"""Asked once an account; so is all of IAM."""

_FIXED: Final = frozenset(
    {
        "sts:AssumeRole",
        "organizations:DescribeEffectivePolicy",
        "organizations:ListPolicies",
        "organizations:ListAccountsWithInvalidEffectivePolicy",
    }
)
"""Asked once although they take a parameter, which is always the same."""

_PER: Final = {
    "s3:GetBucketLocation": "bucket whose Region is not listed",
    "ssm-sap:GetDatabase": "SAP HANA database",
    "timestream-write:ListTables": "account that uses Timestream",
    "timestream-write:ListDatabases": "account that uses Timestream",
    "backup:GetPITRMalwareScanResults": "continuous recovery point that was scanned for malware",
    "backup:DescribeProtectedResource": "resource that was backed up, and not restored in 30 days",
    "storagegateway:DescribeCachediSCSIVolumes": "batch of cached volumes",
    "storagegateway:DescribeStorediSCSIVolumes": "batch of stored volumes",
    "fsx:DescribeVolumes": "account-Region that has ONTAP file systems",
    "backup-gateway:ListHypervisors": "account-Region that has virtual machines",
    "dsql:GetCluster": "cluster",
    "eks:DescribeCluster": "cluster",
}
"""What the name of the parameter does not tell."""

_NOUNS: Final = {"BackupVaultName": "vault", "BackupPlanId": "plan", "ParentId": "organisational unit"}


class Place(StrEnum):
    """Where an operation is asked."""

    ONCE = "scan"
    ACCOUNT = "account"
    REGION = "account-Region"


@dataclass(frozen=True, slots=True)
class Planned:
    """An operation that would be called. `per`: once for each of these; empty: once in its place."""

    operation: Operation
    place: Place
    per: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a scan would call. `calls` is a lower bound, `seconds` an estimate that rests on `latency`.

    `skipped` are Regions that the caller's account has not enabled; of other accounts it is not known.
    """

    scope: Scope
    caller: AccountId
    skipped: tuple[RegionName, ...]
    operations: tuple[Planned, ...]
    asked: int
    per_account: int
    per_region: int
    calls: int
    seconds: float
    latency: float
    concurrency: int


def plan(operations: Iterable[Operation], required: Mapping[str, tuple[str, ...]]) -> tuple[Planned, ...]:
    """Say where and how often operations are asked. `required`: their required parameters, by key."""
    return tuple(Planned(one, _place(one), _per(one, required.get(one.key, ()))) for one in operations)


def estimate(  # noqa: PLR0913 -- what the numbers rest on
    scope: Scope,
    caller: AccountId,
    skipped: tuple[RegionName, ...],
    operations: tuple[Planned, ...],
    *,
    asked: int,
    concurrency: int,
    latency: float = LATENCY,
) -> Estimate:
    """Count calls. `asked`: those made to learn the scope, which the scan makes again."""
    account = [one for one in operations if one.place is Place.ACCOUNT and not one.per]
    region = [one for one in operations if one.place is Place.REGION and not one.per]
    shards = len(scope.accounts) * len(scope.regions) - (len(skipped) if caller in scope.accounts else 0)
    calls = asked + len(scope.accounts) * len(account) + shards * len(region)
    slowest = slowest_seconds(one.operation for one in region)
    return Estimate(
        scope=scope,
        caller=caller,
        skipped=skipped,
        operations=operations,
        asked=asked,
        per_account=len(account),
        per_region=len(region),
        calls=calls,
        seconds=max(calls * latency / concurrency, slowest + latency),
        latency=latency,
        concurrency=concurrency,
    )


def slowest_seconds(operations: Iterable[Operation]) -> float:
    """Give how long AWS's rates make one account in one Region last: what goes beyond the burst waits."""
    asked = tuple(operations)
    waits = [0.0]
    for service, rate in SERVICE_RATES.items():
        waits.append(_wait(rate, sum(one.service == service for one in asked)))
    for key, rate in OPERATION_RATES.items():
        waits.append(_wait(rate, sum(one.key == key for one in asked)))
    return max(waits)


def _wait(rate: Rate, calls: int) -> float:
    return max(0.0, math.ceil(calls - rate.burst) / rate.per_second)


def _place(operation: Operation) -> Place:
    if operation.key in _GLOBAL or operation.service == "iam":
        return Place.ACCOUNT
    return Place.REGION if is_asked_of_members(operation) else Place.ONCE


def _per(operation: Operation, required: tuple[str, ...]) -> str:
    if operation.key in _PER:
        return _PER[operation.key]
    if operation.key in _FIXED or not required:
        return ""
    member = required[-1]
    words = re.sub(r"(Name|Id|Arn|ARNs|identifier)$", "", member)
    return _NOUNS.get(member) or re.sub(r"(?<=[a-z])(?=[A-Z])", " ", words).lower() or "resource"
