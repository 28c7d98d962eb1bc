"""What is asked in one account: first its global services, then each Region, service after service."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from scanner.collect.calls import Caller, Read
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
    organizations,
    rds,
    redshift,
    redshift_serverless,
    ssm_sap,
    storagegateway,
    supported,
    tagging,
    timestream,
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


GLOBAL_STEPS: Final[Mapping[str, Read]] = {
    "iam": iam.collect,
    "organizations": organizations.effective_backup_policy,
}
"""What is read once in every account, beside its identity, its Regions and its buckets."""


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
    "timestream-write": timestream.collect,
    "backup-gateway": backup_gateway.collect,
    "cloudformation": cloudformation.collect,
    "ssm-sap": ssm_sap.collect,
    "eks": eks.collect,
}
"""What is read in every account and Region, service by service (boto3's name of it); each gives the keys
that it met. What AWS Backup does not support in a Region is left out there (`services.supported`)."""


def region_steps(caller: Caller) -> Iterator[tuple[str, Read]]:
    """Give the steps of one account in one Region, less its buckets and its keys. The longest comes first.

    AWS Backup's answer on what it supports there is waited for only where a step depends on it.
    """
    doubtful = {service for service in REGION_STEPS if supported.is_doubtful(service, caller.region)}
    for service, step in REGION_STEPS.items():
        if service not in doubtful:
            yield service, step
    yield "resourcegroupstaggingapi", tagging.collect
    types = supported.supported_types(caller)
    for service in sorted(doubtful):
        if not supported.is_left_out(service, caller.region, types):
            yield service, REGION_STEPS[service]


def guarded(caller: Caller, service: str, step: Callable[[], None]) -> None:
    """Do a service's step; one that breaks is on record as a failed read and does not sink the others."""
    try:
        step()
    except (Halted, VaultproofError, WriterClosedError):
        raise
    except Exception as problem:  # noqa: BLE001 -- a collector that breaks is a failed read too
        failure = Failure("CollectorFailed", f"{type(problem).__name__}: {problem}", 0, 0)
        caller.note(service, "Collect", {}, failure)
