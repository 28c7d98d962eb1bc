"""What derives from the operations that the services declare, and what a declaration must not leave open."""

from pathlib import Path
from typing import Final

from scanner.evidence.answers import pagination
from scanner.evidence.bundle import Bundle
from scanner.model.facts import reads
from scanner.model.resource_types import RESOURCE_LISTS, RESOURCE_TYPES
from scanner.services import catalogue
from scanner.services.base import CallScope, Operation
from scanner.services.catalogue import ACCOUNT_LISTS, OPERATIONS, SERVICES, required_lists
from tests.fakes.api_models import operation_model
from tests.fakes.reads import operations_read

SHARD_LISTS: Final = (
    "backup:DescribeRegionSettings",
    "backup:ListBackupPlans",
    "backup:ListBackupVaults",
    "backup:ListBackupJobs",
    "backup:ListCopyJobs",
    "backup:ListFrameworks",
    "backup:ListLegalHolds",
    "backup:ListProtectedResources",
    "backup:ListReportPlans",
    "backup:ListRestoreJobs",
    "backup:ListRestoreTestingPlans",
    "backup:ListTieringConfigurations",
    "backup-gateway:ListVirtualMachines",
    "cloudformation:DescribeStacks",
    "dsql:ListClusters",
    "dynamodb:ListTables",
    "ec2:DescribeInstances",
    "ec2:DescribeVolumes",
    "efs:DescribeFileSystems",
    "eks:ListClusters",
    "fsx:DescribeFileSystems",
    "fsx:DescribeVolumes",
    "rds:DescribeDBClusters",
    "rds:DescribeDBInstances",
    "redshift:DescribeClusters",
    "redshift-serverless:ListNamespaces",
    "ssm-sap:ListDatabases",
    "storagegateway:ListVolumes",
    "timestream-write:ListTables",
)

FIXED: Final = {
    "sts:AssumeRole": "once an account: its role",
    "organizations:DescribeEffectivePolicy": "the type of the policy",
    "organizations:ListPolicies": "the type of the policies",
    "organizations:ListAccountsWithInvalidEffectivePolicy": "the type of the policies",
}
"""Operations that are called once although AWS requires a parameter, which is always the same."""

CONDITIONAL: Final = {
    "backup-gateway:ListHypervisors": "its absence is a gap where there are virtual machines",
    "timestream-write:ListDatabases": "its absence is a gap where there are tables",
    "ssm-sap:GetDatabase": "the ARN of a database is one of several ways to name it",
}
"""Operations that are called for each of something, or only where there is something."""

NOT_PARSED: Final = {
    "ec2:DescribeRegions": "parsed where a shard has no evidence file, which the sample has not",
    "timestream-write:DescribeEndpoints": "parsed where ListTables was not called, unlike in the sample",
}
"""Operations that no parser looks up in the sample bundle."""


def test_required_lists() -> None:
    assert set(catalogue.SHARD_LISTS) == set(SHARD_LISTS)
    assert ACCOUNT_LISTS == ("s3:ListBuckets",)


def test_a_declared_list_is_required_without_being_named_anywhere_else() -> None:
    made_up = Operation("backup", "ListMadeUp", "backup:ListMadeUp", page=1000)
    assert required_lists([*OPERATIONS.values(), made_up], CallScope.REGION) == tuple(
        sorted((*SHARD_LISTS, made_up.key))
    )


def test_only_what_needs_a_parameter_is_called_for_each_of_something() -> None:
    """A list that is called once, but declared as called for each of something, would never be missed."""
    for key, operation in OPERATIONS.items():
        shape = operation_model(key).input_shape
        needs_parameter = bool(shape is not None and shape.required_members)
        if key in FIXED or key in CONDITIONAL:
            continue
        assert bool(operation.per) is needs_parameter, f"{key}: what is it called for (`per`)?"


def test_every_paged_operation_is_required_or_says_why_not() -> None:
    for key, operation in OPERATIONS.items():
        if operation.page or key in pagination():
            is_required = key in catalogue.SHARD_LISTS or key in ACCOUNT_LISTS
            reason = operation.per or operation.optional or operation.scope is CallScope.SCAN
            assert is_required != bool(reason), f"{key}: required, or a reason why not"


def test_a_parser_reads_every_operation() -> None:
    read = operations_read([Bundle(Path("sample_reports/bundle"))])
    assert OPERATIONS.keys() - read == NOT_PARSED.keys(), "no parser reads it"


def test_lists_of_resources_are_required() -> None:
    assert RESOURCE_LISTS.keys() <= {*catalogue.SHARD_LISTS, *ACCOUNT_LISTS}


def test_every_type_has_a_service_that_parses_it() -> None:
    parsed = {service.name for service in SERVICES if service.parse}
    assert {kind.client for kind in RESOURCE_TYPES} == parsed


def test_reads_that_describe_resources_are_declared() -> None:
    assert {*reads.RESOURCE_READS, *reads.ENCRYPTION_READS} <= OPERATIONS.keys()


def test_what_must_be_called_before_is_declared() -> None:
    for operation in OPERATIONS.values():
        assert set(operation.after) <= OPERATIONS.keys()
