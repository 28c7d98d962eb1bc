"""What is asked in one account: first its global services, then each Region, service after service."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from scanner.collect.calls import Caller
from scanner.collect.retry import Halted
from scanner.collect.services import (
    backup,
    backup_gateway,
    cloudformation,
    dsql,
    dynamodb,
    ec2,
    efs,
    eks,
    fsx,
    iam,
    kms,
    organizations,
    rds,
    redshift,
    redshift_serverless,
    s3,
    ssm_sap,
    storagegateway,
    supported,
    tagging,
)
from scanner.errors import VaultproofError
from scanner.evidence.writer import Failure, WriterClosedError
from scanner.model.names import RegionName


@dataclass(frozen=True, slots=True)
class AccountView:
    """What an account's global services told. `regions`: which are enabled; None: AWS does not tell."""

    regions: Mapping[RegionName, bool] | None
    buckets: Mapping[RegionName, Iterable[str]]

    def has_enabled(self, region: RegionName) -> bool:
        """Whether to ask in a Region: not when the account says that it has not enabled it."""
        return self.regions is None or self.regions.get(region, True)


def collect_global(caller: Caller, regions: Mapping[RegionName, bool] | None) -> AccountView:
    """Record an account's global services, beside its identity and `regions`, which were asked before."""
    found: dict[RegionName, list[str]] = {}
    guarded(caller, "s3", lambda: found.update(s3.buckets(caller)))
    guarded(caller, "iam", lambda: iam.collect(caller))
    guarded(caller, "organizations", lambda: organizations.effective_backup_policy(caller))
    return AccountView(regions, found)


REGION_STEPS: Final[Mapping[str, Callable[[Caller], set[str]]]] = {
    "backup": backup.collect,
    "ec2": ec2.collect,
    "rds": rds.collect,
    "dynamodb": dynamodb.collect,
    "efs": efs.collect,
    "fsx": fsx.collect,
    "storagegateway": storagegateway.collect,
    "dsql": dsql.collect,
    "redshift": redshift.collect,
    "redshift-serverless": redshift_serverless.collect,
    "backup-gateway": backup_gateway.collect,
    "cloudformation": cloudformation.collect,
    "ssm-sap": ssm_sap.collect,
    "eks": eks.collect,
}
"""What is read in every account and Region, service by service (boto3's name of it); each gives the keys
that it met. What AWS Backup does not support in a Region is left out there (`services.supported`)."""


def collect_region(caller: Caller, buckets: Iterable[str], partition: str) -> None:
    """Record one account in one Region."""
    keys: set[str] = set()
    types = supported.supported_types(caller)
    for service, step in REGION_STEPS.items():
        if not supported.is_left_out(service, caller.region, types):
            guarded(caller, service, partial(_gather, partial(step, caller), keys))
    guarded(caller, "s3", partial(_gather, lambda: s3.collect(caller, buckets), keys))
    guarded(caller, "resourcegroupstaggingapi", lambda: tagging.collect(caller))
    guarded(caller, "kms", lambda: kms.collect(caller, keys, partition))


def _gather(step: Callable[[], set[str]], keys: set[str]) -> None:
    keys |= step()


def guarded(caller: Caller, service: str, step: Callable[[], None]) -> None:
    """Do a service's step; one that breaks is on record as a failed read and does not sink the others."""
    try:
        step()
    except (Halted, VaultproofError, WriterClosedError):
        raise
    except Exception as problem:  # noqa: BLE001 -- a collector that breaks is a failed read too
        failure = Failure("CollectorFailed", f"{type(problem).__name__}: {problem}", 0, 0)
        caller.note(service, "Collect", {}, failure)
