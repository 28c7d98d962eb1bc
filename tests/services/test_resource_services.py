"""What the collectors of resource types ask, and what they leave out."""

from collections.abc import Callable
from typing import Any

import pytest

from scanner.collect.calls import Caller
from scanner.collect.endpoints import is_left_out
from scanner.model.names import RegionName
from scanner.services import (
    backup_gateway,
    cloudformation,
    dsql,
    eks,
    fsx,
    redshift,
    redshift_serverless,
    ssm_sap,
    storagegateway,
    supported,
    timestream,
)
from tests.fakes.aws import FakeAws, error, xml

Making = Callable[..., tuple[Caller, Any]]
GATEWAYS = [f"arn:aws:storagegateway:eu-west-1:111111111111:gateway/sgw-{name}" for name in "AB"]


def asked(aws: FakeAws) -> list[str]:
    return [request.key for request in aws.requests]


def recorded(notes: Any) -> str:
    return "".join(repr(call.response) for call in notes.calls)


def test_volumes_of_ontap_are_asked_for_only_where_there_is_ontap(aws: FakeAws, caller_of: Making) -> None:
    caller, notes = caller_of()
    secret = {"FsxAdminPassword": "canary-1"}
    action = {"TargetFileSystemValues": {"OntapConfiguration": {"FsxAdminPassword": "canary-2"}}}
    system = {"FileSystemId": "fs-1", "FileSystemType": "LUSTRE", "KmsKeyId": "k-1"}
    aws.script["fsx:DescribeFileSystems"] = {"FileSystems": [system]}
    assert fsx.collect(caller) == {"k-1"}
    assert asked(aws) == ["fsx:DescribeFileSystems"]
    ontap = {
        **system,
        "FileSystemType": "ONTAP",
        "OntapConfiguration": secret,
        "AdministrativeActions": [action],
    }
    aws.script["fsx:DescribeFileSystems"] = {"FileSystems": [ontap]}
    volume = {"VolumeId": "fsvol-1", "AdministrativeActions": [action]}
    aws.script["fsx:DescribeVolumes"] = {"Volumes": [volume]}
    caller, notes = caller_of()
    fsx.collect(caller)
    assert asked(aws)[1:] == ["fsx:DescribeFileSystems", "fsx:DescribeVolumes"]
    assert "fsvol-1" in recorded(notes)
    assert "canary" not in recorded(notes)


def test_volumes_are_asked_for_where_file_systems_are_refused(aws: FakeAws, caller_of: Making) -> None:
    aws.script["fsx:DescribeFileSystems"] = error("AccessDeniedException")
    assert fsx.collect(caller_of()[0]) == set()
    assert asked(aws) == ["fsx:DescribeFileSystems", "fsx:DescribeVolumes"]


def test_the_volumes_of_each_gateway_are_described_together(aws: FakeAws, caller_of: Making) -> None:
    kinds = ("CACHED iSCSI", "STORED", "CACHED", "of tomorrow")
    rows = [
        {"VolumeARN": f"{gateway}/volume/vol-{number}", "VolumeType": kind}
        for gateway in GATEWAYS
        for number, kind in enumerate(kinds)
    ]
    aws.script["storagegateway:ListVolumes"] = {"VolumeInfos": rows}
    aws.script["storagegateway:DescribeCachediSCSIVolumes"] = lambda request: {
        "CachediSCSIVolumes": [
            {"VolumeARN": arn, "KMSKey": arn[-1]} for arn in request.parameters["VolumeARNs"]
        ]
    }
    caller_of_one, _ = caller_of()
    assert storagegateway.collect(caller_of_one) == {"0", "2"}
    described = [request for request in aws.requests if "Describe" in request.key]
    assert {
        len({arn.partition("/volume/")[0] for arn in one.parameters["VolumeARNs"]}) for one in described
    } == {1}
    assert sorted(len(one.parameters["VolumeARNs"]) for one in described) == [1, 1, 2, 2]


def test_clusters_of_dsql_and_eks_are_described(aws: FakeAws, caller_of: Making) -> None:
    aws.script["dsql:ListClusters"] = {"clusters": [{"identifier": "c-1", "arn": "a"}]}
    aws.script["dsql:GetCluster"] = {"encryptionDetails": {"kmsKeyArn": "k-1"}}
    aws.script["eks:ListClusters"] = [{"clusters": ["one"], "nextToken": "n"}, {"clusters": ["two"]}]
    cluster = {
        "name": "one",
        "certificateAuthority": {"data": "canary"},
        "connectorConfig": {"activationCode": "canary"},
        "encryptionConfig": [{"provider": {"keyArn": "k-2"}}],
    }
    aws.script["eks:DescribeCluster"] = lambda request: {
        "cluster": cluster | {"name": request.parameters["name"]}
    }
    caller, notes = caller_of()
    assert dsql.collect(caller) == {"k-1"}
    assert eks.collect(caller) == {"k-2"}
    described = [(one.key, *one.parameters.values()) for one in aws.requests if "List" not in one.key]
    assert sorted(described) == [
        ("dsql:GetCluster", "c-1"),
        ("eks:DescribeCluster", "one"),
        ("eks:DescribeCluster", "two"),
    ]
    assert "canary" not in recorded(notes)


def test_redshift(aws: FakeAws, caller_of: Making) -> None:
    pending = "<PendingModifiedValues><MasterUserPassword>canary</MasterUserPassword></PendingModifiedValues>"
    row = f"<Cluster><ClusterIdentifier>c</ClusterIdentifier><KmsKeyId>k-1</KmsKeyId>{pending}</Cluster>"
    aws.script["redshift:DescribeClusters"] = xml(f"<Clusters>{row}</Clusters>", "DescribeClusters")
    aws.script["redshift-serverless:ListNamespaces"] = {
        "namespaces": [{"kmsKeyId": "AWS_OWNED_KMS_KEY"}, {"kmsKeyId": "k-2"}]
    }
    caller, notes = caller_of()
    assert redshift.collect(caller) == {"k-1"}
    assert redshift_serverless.collect(caller) == {"k-2"}
    assert "canary" not in recorded(notes)


def test_stacks_keep_their_parameters_and_outputs_to_themselves(aws: FakeAws, caller_of: Making) -> None:
    row = (
        "<member><StackId>arn:s</StackId><StackName>s</StackName>"
        "<Parameters><member><ParameterKey>Password</ParameterKey><ParameterValue>canary</ParameterValue>"
        "</member></Parameters><Outputs><member><OutputKey>Url</OutputKey><OutputValue>canary</OutputValue>"
        "</member></Outputs><NotificationARNs><member>arn:topic</member></NotificationARNs></member>"
    )
    aws.script["cloudformation:DescribeStacks"] = [
        xml(f"<Stacks>{row}</Stacks><NextToken>n</NextToken>", "DescribeStacks"),
        xml("<Stacks></Stacks>", "DescribeStacks"),
    ]
    caller, notes = caller_of()
    assert cloudformation.collect(caller) == set()
    assert len(aws.requests) == 2
    assert "arn:topic" in recorded(notes)
    assert "canary" not in recorded(notes)


def test_hana_databases_keep_their_credentials_to_themselves(aws: FakeAws, caller_of: Making) -> None:
    aws.script["ssm-sap:ListDatabases"] = {"Databases": [{"Arn": "arn:hana"}]}
    aws.script["ssm-sap:GetDatabase"] = {
        "Database": {"Status": "RUNNING", "Credentials": [{"DatabaseName": "d", "SecretId": "canary"}]}
    }
    caller, notes = caller_of()
    assert ssm_sap.collect(caller) == set()
    assert "RUNNING" in recorded(notes)
    assert "canary" not in recorded(notes)


@pytest.mark.parametrize(
    ("machines", "more"), [([], []), ([{"Name": "m"}], ["backup-gateway:ListHypervisors"])]
)
def test_hypervisors_are_asked_for_where_there_are_machines(
    aws: FakeAws, caller_of: Making, machines: list[dict[str, str]], more: list[str]
) -> None:
    aws.script["backup-gateway:ListVirtualMachines"] = {"VirtualMachines": machines}
    assert backup_gateway.collect(caller_of()[0]) == set()
    assert asked(aws) == ["backup-gateway:ListVirtualMachines", *more]


ENDPOINTS = {
    "Endpoints": [{"Address": "ingest-cell2.timestream.eu-west-1.amazonaws.com", "CachePeriodInMinutes": 9}]
}


@pytest.mark.parametrize(
    ("endpoints", "tables", "more"),
    [
        (ENDPOINTS, [{"TableName": "t"}], ["ListTables", "ListTables", "ListDatabases"]),
        (ENDPOINTS, [], ["ListTables", "ListTables"]),
        ({"Endpoints": []}, [], []),
        (error("AccessDeniedException"), [], []),
    ],
)
def test_timestream_is_asked_where_it_says(
    aws: FakeAws, caller_of: Making, endpoints: Any, tables: list[dict[str, str]], more: list[str]
) -> None:
    aws.script |= {
        "timestream-write:DescribeEndpoints": endpoints,
        "timestream-write:ListTables": [{"Tables": tables, "NextToken": "n"}, {"Tables": []}],
        "timestream-write:ListDatabases": {"Databases": [{"KmsKeyId": "k"}]},
    }
    keys = timestream.collect(caller_of()[0])
    assert keys == ({"k"} if "ListDatabases" in more else set())
    assert asked(aws) == [f"timestream-write:{name}" for name in ("DescribeEndpoints", *more)]


# What AWS Backup does not support in a Region

EVERY = ["EBS", "EC2", "EKS", "FSx", "Redshift", "Redshift Serverless", "Storage Gateway", "CloudFormation"]


@pytest.mark.parametrize(
    ("service", "region", "types", "expected"),
    [
        ("timestream-write", "eu-west-3", EVERY, True),
        ("timestream-write", "eu-west-1", EVERY, False),  # botocore knows Timestream there
        ("timestream-write", "eu-west-3", [*EVERY, "Timestream"], False),
        ("timestream-write", "eu-west-3", [], False),
        ("backup-gateway", "cn-north-1", EVERY, True),
        ("ssm-sap", "us-gov-west-1", EVERY, True),
        ("dsql", "eu-west-3", EVERY, True),
        ("dsql", "eu-west-3", [one for one in EVERY if one != "EKS"], False),
        ("ec2", "xx-nowhere-1", EVERY, False),
        ("backup", "xx-nowhere-1", EVERY, False),
    ],
)
def test_a_service_is_left_out_where_both_say_so(
    service: str, region: str, types: list[str], *, expected: bool
) -> None:
    assert is_left_out(service, RegionName(region), types) is expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"ResourceTypes": ["EBS", "FSx"]}, ("EBS", "FSx")),
        ({}, ()),
        (error("AccessDeniedException"), ()),
    ],
)
def test_what_is_supported(aws: FakeAws, caller_of: Making, answer: Any, expected: tuple[str, ...]) -> None:
    aws.script["backup:GetSupportedResourceTypes"] = answer
    assert supported.supported_types(caller_of()[0]) == expected


def test_a_service_that_is_left_out_is_not_asked(aws: FakeAws, scan: Callable[..., Any]) -> None:
    aws.script["backup:GetSupportedResourceTypes"] = {"ResourceTypes": EVERY}
    done = scan()
    services = {line["service"] for line in done.lines("111111111111", "eu-west-1")}
    assert {"fsx", "eks", "timestream-write", "ssm-sap"} <= services  # the Region has them all
    assert "dsql" not in services
    assert done.status["111111111111", "eu-west-1"] == "complete"
