"""The services that the demo simulates itself: shapes, errors, parameters, pages, tags, Regions."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.model import ListShape, MapShape, Shape, StructureShape

from scanner.demo.server.front import SERVICES, operation_of
from scanner.demo.services.stock import Stock, stock_of, tagged_resources
from scanner.demo.story.accounts import DEVELOPMENT, FRANKFURT, IRELAND, MANAGEMENT, MILAN, PRODUCTION, SHARDS
from scanner.demo.wire.call import Call

_NOWHERE = "arn:aws:service:eu-west-1:333333333333:nothing/here-but-a-name-that-is-long-enough"

# Kind of document: the operation that answers with it as it is, and where in the answer.
_DOCUMENTS: dict[str, tuple[str, str, str]] = {
    "fsx.file-system": ("fsx", "DescribeFileSystems", "FileSystems"),
    "fsx.volume": ("fsx", "DescribeVolumes", "Volumes"),
    "storagegateway.gateway": ("storagegateway", "ListGateways", "Gateways"),
    "storagegateway.volume": ("storagegateway", "ListVolumes", "VolumeInfos"),
    "storagegateway.cached": ("storagegateway", "DescribeCachediSCSIVolumes", "CachediSCSIVolumes"),
    "storagegateway.stored": ("storagegateway", "DescribeStorediSCSIVolumes", "StorediSCSIVolumes"),
    "dsql.cluster": ("dsql", "GetCluster", ""),
    "redshift.cluster": ("redshift", "DescribeClusters", "Clusters"),
    "redshift-serverless.namespace": ("redshift-serverless", "ListNamespaces", "namespaces"),
    "timestream.database": ("timestream-write", "ListDatabases", "Databases"),
    "timestream.table": ("timestream-write", "ListTables", "Tables"),
    "backup-gateway.hypervisor": ("backup-gateway", "ListHypervisors", "Hypervisors"),
    "backup-gateway.vm": ("backup-gateway", "ListVirtualMachines", "VirtualMachines"),
    "cloudformation.stack": ("cloudformation", "DescribeStacks", "Stacks"),
    "cloudformation.resource": ("cloudformation", "DescribeStackResources", "StackResources"),
    "ssm-sap.application": ("ssm-sap", "ListApplications", "Applications"),
    "ssm-sap.database": ("ssm-sap", "GetDatabase", "Database"),
    "eks.cluster": ("eks", "DescribeCluster", "cluster"),
}


def _shape(kind: str) -> Shape:
    service, operation, member = _DOCUMENTS[kind]
    shape: Any = operation_of(service, operation).output_shape
    shape = shape.members[member] if member else shape
    return shape.member if isinstance(shape, ListShape) else shape


def _unfit(shape: Shape, value: Any, path: str) -> Iterator[str]:
    """Where a value that is planted leaves the shape: what no shape has would be lost on the way."""
    if isinstance(shape, StructureShape):
        yield from (f"{path}.{name} is invented" for name in value if name not in shape.members)
        yield from (f"{path}.{name} is missing" for name in shape.required_members if name not in value)
        for name in value.keys() & shape.members.keys():
            yield from _unfit(shape.members[name], value[name], f"{path}.{name}")
    elif isinstance(shape, ListShape):
        for number, element in enumerate(value):
            yield from _unfit(shape.member, element, f"{path}[{number}]")
    elif isinstance(shape, MapShape):
        for key, element in value.items():
            yield from _unfit(shape.value, element, f"{path}.{key}")
    elif not _is_one_of(shape, value):
        yield f"{path} is {value!r}"


def _is_one_of(shape: Shape, value: Any) -> bool:
    allowed = shape.metadata.get("enum")
    kinds = {"timestamp": datetime, "boolean": bool, "string": str}
    return isinstance(value, kinds.get(shape.type_name, (int, float))) and (not allowed or value in allowed)


@pytest.mark.parametrize("kind", sorted(_DOCUMENTS))
def test_what_is_planted_has_the_shape_of_the_api(walk: Any, kind: str) -> None:
    assert walk.answers
    planted = [document for shard in SHARDS for document in stock_of(*shard).of(kind)]
    assert planted
    assert [problem for one in planted for problem in _unfit(_shape(kind), one, kind)] == []


def test_every_kind_that_is_planted_is_compared(walk: Any) -> None:
    assert walk.answers
    kinds = {kind for shard in SHARDS for kind in stock_of(*shard).documents}
    assert kinds - {"rds.pending"} == set(_DOCUMENTS)


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_botocore_reads_as_many_rows_as_were_planted(walk: Any, service: str) -> None:
    kinds = {kind: how for kind, how in _DOCUMENTS.items() if how[0] == service}
    for kind, (_, operation, items) in kinds.items():
        planted = sum(len(stock_of(*shard).of(kind)) for shard in SHARDS)
        read = [a for key, a in walk.answers.items() if key[2:4] == (service, operation)]
        rows = [row for a in read for row in (a[items] if isinstance(a.get(items), list) else [a])]
        if operation == "DescribeStacks":  # deleted ones are not listed
            planted -= 1
        if operation != "DescribeStackResources":  # asked as ListStackResources
            assert len(rows) == planted


_UNKNOWN: list[tuple[str, str, Mapping[str, Any], tuple[str, int]]] = [
    ("fsx", "DescribeFileSystems", {"FileSystemIds": ["fs-0123456789abcdef0"]}, ("FileSystemNotFound", 400)),
    ("fsx", "DescribeVolumes", {"VolumeIds": ["fsvol-0123456789abcdef0"]}, ("VolumeNotFound", 400)),
    ("storagegateway", "ListVolumes", {"GatewayARN": _NOWHERE}, ("InvalidGatewayRequestException", 400)),
    (
        "storagegateway",
        "DescribeCachediSCSIVolumes",
        {"VolumeARNs": [_NOWHERE]},
        ("InvalidGatewayRequestException", 400),
    ),
    ("dsql", "GetCluster", {"identifier": "a" * 26}, ("ResourceNotFoundException", 404)),
    ("redshift", "DescribeClusters", {"ClusterIdentifier": "none"}, ("ClusterNotFound", 404)),
    ("redshift-serverless", "GetNamespace", {"namespaceName": "none"}, ("ResourceNotFoundException", 400)),
    (
        "redshift-serverless",
        "ListTagsForResource",
        {"resourceArn": _NOWHERE},
        ("ResourceNotFoundException", 400),
    ),
    ("timestream-write", "ListTables", {"DatabaseName": "none"}, ("ResourceNotFoundException", 400)),
    (
        "timestream-write",
        "ListTagsForResource",
        {"ResourceARN": _NOWHERE},
        ("ResourceNotFoundException", 400),
    ),
    (
        "backup-gateway",
        "GetVirtualMachine",
        {"ResourceArn": "arn:aws:backup-gateway:eu-west-1:333333333333:vm/vm-00000000"},
        ("ResourceNotFoundException", 400),
    ),
    ("cloudformation", "DescribeStacks", {"StackName": "none"}, ("ValidationError", 400)),
    ("cloudformation", "ListStackResources", {"StackName": "first-shop"}, ("ValidationError", 400)),
    ("ssm-sap", "ListDatabases", {"ApplicationId": "NONE"}, ("ResourceNotFoundException", 404)),
    (
        "ssm-sap",
        "GetDatabase",
        {"DatabaseArn": "arn:aws:ssm-sap:eu-west-1:333333333333:HANA/NONE/DB/NONE"},
        ("ValidationException", 400),
    ),
    ("eks", "DescribeCluster", {"name": "none"}, ("ResourceNotFoundException", 404)),
]


def _error(client: Any, operation: str, parameters: Mapping[str, Any]) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        client._make_api_call(operation, dict(parameters))
    response = caught.value.response
    return str(response["Error"]["Code"]), int(response["ResponseMetadata"]["HTTPStatusCode"])


@pytest.mark.parametrize(("service", "operation", "parameters", "expected"), _UNKNOWN)
def test_what_does_not_exist_is_answered_in_the_services_own_words(
    walker: Any, service: str, operation: str, parameters: Mapping[str, Any], expected: tuple[str, int]
) -> None:
    assert _error(walker.client(PRODUCTION, service, IRELAND), operation, parameters) == expected


def _paged() -> list[tuple[str, str]]:
    return [
        (name, operation)
        for name, service in SERVICES.items()
        for operation, how in service.operations.items()
        if how.pages and operation not in ("ListStackResources", "ListTagsForResource")
    ]


@pytest.mark.parametrize(("service", "operation"), _paged())
def test_a_token_that_nobody_gave_out_is_refused(walker: Any, service: str, operation: str) -> None:
    pages: Any = SERVICES[service].operations[operation].pages
    client = walker.client(PRODUCTION, service, IRELAND)
    code, _ = _error(client, operation, {pages.token: "nobody-gave-this-out"})
    assert code == SERVICES[service].invalid == pages.invalid


@pytest.mark.parametrize(("service", "operation"), _paged())
def test_every_list_pages_somewhere(walk: Any, service: str, operation: str) -> None:
    asked = [key[:2] for key in walk.answers if key[2:4] == (service, operation)]
    assert len(asked) > len(set(asked))


@pytest.mark.parametrize(("service", "operation"), _paged())
def test_every_paged_operation_names_members_that_exist(service: str, operation: str) -> None:
    pages: Any = SERVICES[service].operations[operation].pages
    model: Any = operation_of(service, operation)
    assert {pages.items, pages.next_token} <= set(model.output_shape.members)
    assert {pages.token, *filter(None, [pages.limit])} <= set(model.input_shape.members)


_WRONG: list[tuple[str, str, Mapping[str, Any], str]] = [
    ("fsx", "DescribeVolumes", {"Filters": [{"Name": "colour", "Values": ["blue"]}]}, "BadRequest"),
    ("timestream-write", "ListTables", {"MaxResults": 21}, "ValidationException"),
    ("dsql", "ListClusters", {"maxResults": 101}, "ValidationException"),
    ("ssm-sap", "ListDatabases", {"MaxResults": 51}, "ValidationException"),
    ("eks", "ListClusters", {"maxResults": 101}, "InvalidParameterException"),
    ("dsql", "GetCluster", {"identifier": "Not An Id"}, "ValidationException"),
    ("cloudformation", "DescribeStackResources", {}, "ValidationError"),
]


@pytest.mark.parametrize(("service", "operation", "parameters", "code"), _WRONG)
def test_parameters_are_checked(
    walker: Any, service: str, operation: str, parameters: Mapping[str, Any], code: str
) -> None:
    assert _error(walker.client(PRODUCTION, service, IRELAND), operation, parameters)[0] == code


def test_a_required_parameter_that_is_missing_is_refused() -> None:
    call = Call(PRODUCTION, "arn", IRELAND, "eks", "DescribeCluster", {})
    with pytest.raises(Exception, match="name is required"):
        SERVICES["eks"].respond(call, operation_of("eks", "DescribeCluster"))


def test_an_operation_that_is_not_simulated_says_so(walker: Any) -> None:
    assert _error(walker.client(PRODUCTION, "eks", IRELAND), "ListAddons", {"clusterName": "storefront"}) == (
        "UnknownOperationException",
        400,
    )


def test_volumes_of_two_gateways_are_not_described_together(walker: Any) -> None:
    gateway = walker.client(PRODUCTION, "storagegateway", IRELAND)
    listing = "storagegateway", "ListVolumes", "Marker", "Marker", "VolumeInfos"
    infos = walker.every(PRODUCTION, IRELAND, *listing)
    cached = [one["VolumeARN"] for one in infos if one["VolumeType"] == "CACHED iSCSI"]
    assert len({arn.partition("/volume/")[0] for arn in cached}) == len(cached) == 2
    asked = {"VolumeARNs": cached}
    assert _error(gateway, "DescribeCachediSCSIVolumes", asked)[0] == "InvalidGatewayRequestException"


def test_filters_are_kept(walker: Any) -> None:
    fsx = walker.client(PRODUCTION, "fsx", IRELAND)
    volumes = walker.every(PRODUCTION, IRELAND, "fsx", "DescribeVolumes", "NextToken", "NextToken", "Volumes")
    (mirror,) = [one for one in volumes if one["Name"] == "cad-drawings-mirror"]
    system = [{"Name": "file-system-id", "Values": [mirror["FileSystemId"]]}]
    found = fsx.describe_volumes(Filters=system)["Volumes"]
    assert {one["Name"] for one in found} == {"cad-drawings", "cad-drawings-mirror"}
    machine = mirror["OntapConfiguration"]["StorageVirtualMachineId"]
    by_machine = [{"Name": "storage-virtual-machine-id", "Values": [machine]}]
    assert fsx.describe_volumes(Filters=by_machine)["Volumes"] == found


def _tagged(walk: Any, account: str, region: str) -> set[str]:
    return {
        mapping["ResourceARN"]
        for key, answer in walk.answers.items()
        if key[:2] == (account, region) and key[3] == "GetResources"
        for mapping in answer["ResourceTagMappingList"]
    }


@pytest.mark.parametrize(("account", "region"), SHARDS)
def test_the_tagging_api_lists_what_is_tagged_in_its_own_region(walk: Any, account: str, region: str) -> None:
    listed = _tagged(walk, account, region)
    assert {arn for arn, tags in stock_of(account, region).tags.items() if tags} <= listed
    for arn in listed:
        assert arn.split(":")[3] in ("", region)
        assert arn.split(":")[4] in ("", account)


def test_the_tagging_api_lists_clusters_of_rds_too(walk: Any) -> None:
    clusters = {arn for arn in _tagged(walk, PRODUCTION, IRELAND) if ":rds:" in arn and ":cluster:" in arn}
    assert {arn.rpartition(":")[2] for arn in clusters} >= {"ledger", "profiles", "relations", "bookings"}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, {"volume/fs-1/fsvol-1", "file-system/fs-2"}),
        ({"ResourceTypeFilters": ["fsx"]}, {"volume/fs-1/fsvol-1", "file-system/fs-2"}),
        ({"ResourceTypeFilters": ["fsx:file-system"]}, {"file-system/fs-2"}),
        ({"ResourceTypeFilters": ["eks:cluster"]}, set()),
        ({"TagFilters": [{"Key": "tier"}]}, {"volume/fs-1/fsvol-1"}),
        ({"TagFilters": [{"Key": "tier", "Values": ["silver"]}]}, set()),
        ({"ResourceARNList": ["arn:aws:fsx:eu-west-3:999999999999:file-system/fs-2"]}, {"file-system/fs-2"}),
    ],
)
def test_the_tagging_api_keeps_filters(asked: Mapping[str, Any], found: set[str]) -> None:
    stock = stock_of("999999999999", "eu-west-3")
    stock.tags |= {
        stock.arn("fsx", "volume/fs-1/fsvol-1"): {"tier": "gold"},
        stock.arn("fsx", "file-system/fs-2"): {"owner": "web"},
    }
    call = Call(stock.account, "arn", stock.region, "resourcegroupstaggingapi", "GetResources", asked)
    assert {one["ResourceARN"].split(":", 5)[5] for one in tagged_resources(call)} == found


def test_none_has_no_place_in_a_document() -> None:
    stock = Stock("999999999999", "eu-west-3")
    stock.add("kind", {"Name": "one", "KmsKeyId": None})
    assert stock.of("kind") == [{"Name": "one"}]


def test_types_that_a_region_lacks_are_not_supported_there(walk: Any) -> None:
    def supported(region: str) -> set[str]:
        key = (PRODUCTION, region, "backup", "GetSupportedResourceTypes", "[]")
        return set(walk.answers[key]["ResourceTypes"])

    assert supported(IRELAND) - supported(MILAN) == {"DSQL", "SAP HANA on Amazon EC2", "Timestream"}
    assert supported(IRELAND) == supported(FRANKFURT)


@pytest.mark.parametrize(
    ("service", "operation"), [("dsql", "ListClusters"), ("timestream-write", "ListTables")]
)
def test_a_service_without_an_endpoint_does_not_answer(walker: Any, service: str, operation: str) -> None:
    assert _error(walker.client(PRODUCTION, service, MILAN), operation, {}) == ("UnknownEndpoint", 404)


def test_milan_is_enabled_in_production_alone(walk: Any, walker: Any) -> None:
    def status(account: str) -> str:
        key = (account, IRELAND, "ec2", "DescribeRegions", "[('AllRegions', True)]")
        regions = walk.answers[key]["Regions"]
        return str(next(one["OptInStatus"] for one in regions if one["RegionName"] == MILAN))

    assert [status(account) for account in (PRODUCTION, DEVELOPMENT, MANAGEMENT)] == [
        "opted-in",
        "not-opted-in",
        "not-opted-in",
    ]
    refused = _error(walker.client(DEVELOPMENT, "eks", MILAN), "ListClusters", {})
    assert refused == ("UnrecognizedClientException", 403)


def test_names_and_tags_arrive_as_they_are(walk: Any) -> None:
    def rows(operation: str, items: str) -> list[Any]:
        return [
            row
            for key, answer in walk.answers.items()
            if key[3] == operation and not isinstance(answer, str)
            for row in answer.get(items, ())
        ]

    machines = {one["Name"] for one in rows("ListVirtualMachines", "VirtualMachines")}
    assert "\"><svg onload=alert('vaultproof')>" in machines
    assert any("\u200b\u202e" in name for name in machines)
    largest = max(len(one.get("Tags", ())) for one in rows("DescribeFileSystems", "FileSystems"))
    longest = {
        (len(tag["Key"]), len(tag["Value"]))
        for one in rows("DescribeFileSystems", "FileSystems")
        for tag in one.get("Tags", ())
    }
    assert (largest, max(longest)) == (50, (128, 256))
