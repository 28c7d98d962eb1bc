"""Databases and clusters of further services, out of answers as their services give them."""

from typing import Any, Final

import pytest

from scanner.errors import BundleError
from scanner.model.inventory import Encryption
from scanner.model.known import GapKind
from tests.fakes.bundles import ShardScript, pairs, parsed
from tests.fakes.readings import (
    HOSTILE,
    KEY,
    LONG,
    MADE,
    encryption_of,
    here,
    missing,
    only,
    shard,
    tagged,
    tags_of,
)

# Aurora DSQL

DSQL_ARN: Final = here("dsql", "cluster/kiabtt5example")


def dsql(**fields: Any) -> ShardScript:
    script = shard().listed("dsql:ListClusters", {"identifier": "kiabtt5example", "arn": DSQL_ARN})
    answer = {
        "identifier": "kiabtt5example",
        "arn": DSQL_ARN,
        "status": "ACTIVE",
        "creationTime": MADE,
        "deletionProtectionEnabled": True,
        **fields,
    }
    return script.call("dsql:GetCluster", answer, identifier="kiabtt5example")


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ({"encryptionType": "AWS_OWNED_KMS_KEY", "encryptionStatus": "ENABLED"}, Encryption(encrypted=True)),
        (
            {"encryptionType": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyArn": KEY},
            Encryption(encrypted=True, keys=(KEY,)),
        ),
        ({"encryptionType": "CUSTOMER_MANAGED_KMS_KEY"}, Encryption(encrypted=None)),
        (None, Encryption(encrypted=None)),
    ],
)
def test_a_cluster_of_dsql(details: dict[str, str] | None, expected: Encryption) -> None:
    cluster = only(dsql(encryptionDetails=details, tags={"Name": HOSTILE, **LONG}))
    assert (cluster.type, cluster.capability, cluster.arn) == ("DSQL", "DSQL", DSQL_ARN)
    assert (cluster.name, cluster.state) == (HOSTILE, "ACTIVE")
    assert tags_of(cluster) == {"Name": HOSTILE, **LONG}
    assert encryption_of(cluster) == expected


def test_a_cluster_of_dsql_without_its_description() -> None:
    listed = shard().listed("dsql:ListClusters", {"identifier": "c"})
    listed.call("dsql:GetCluster", error="AccessDeniedException", identifier="c")
    found = parsed(listed)
    (cluster,) = found.resources
    assert (cluster.arn, cluster.name, cluster.state) == (here("dsql", "cluster/c"), "c", None)
    assert encryption_of(cluster) == "dsql:GetCluster"
    assert tags_of(cluster) == {}  # the tagging API, which was read to the end, knows of none
    assert missing(found) == [("dsql:GetCluster", "c", GapKind.REFUSED)]


# EKS


def eks(**fields: Any) -> ShardScript:
    script = shard().listed("eks:ListClusters", HOSTILE)
    answer = {"name": HOSTILE, "arn": here("eks", f"cluster/{HOSTILE}"), "status": "ACTIVE", **fields}
    return script.call("eks:DescribeCluster", {"cluster": answer}, name=HOSTILE)


@pytest.mark.parametrize(
    ("configuration", "keys"),
    [([{"resources": ["secrets"], "provider": {"keyArn": KEY}}], (KEY,)), ([{}], ()), (None, ())],
)
def test_a_cluster_of_eks(configuration: list[dict[str, Any]] | None, keys: tuple[str, ...]) -> None:
    cluster = only(eks(encryptionConfig=configuration, createdAt=MADE, tags=LONG))
    assert (cluster.type, cluster.capability, cluster.name) == ("EKS", "EKS", HOSTILE)
    assert (cluster.state, tags_of(cluster)) == ("ACTIVE", LONG)
    assert encryption_of(cluster) == Encryption(encrypted=True, keys=keys)


def test_a_cluster_of_eks_without_its_description() -> None:
    found = parsed(shard().listed("eks:ListClusters", "c"))
    (cluster,) = found.resources
    assert (cluster.arn, cluster.state) == (here("eks", "cluster/c"), None)
    assert missing(found) == [("eks:DescribeCluster", "c", GapKind.NEVER_ASKED)]


def test_an_answer_without_its_cluster_is_a_corrupt_bundle() -> None:
    with pytest.raises(BundleError, match=r"eks:DescribeCluster\.cluster"):
        parsed(shard().listed("eks:ListClusters", "c").call("eks:DescribeCluster", {}, name="c"))


# Redshift


def test_a_cluster_of_redshift() -> None:
    row = {
        "ClusterIdentifier": "dw",
        "ClusterStatus": "available",
        "ClusterCreateTime": MADE,
        "Encrypted": True,
        "KmsKeyId": KEY,
        "Tags": pairs(LONG),
        "ClusterNamespaceArn": here("redshift", "namespace:1f2e"),
    }
    cluster = only(shard().listed("redshift:DescribeClusters", row))
    assert (cluster.type, cluster.arn) == ("Redshift", here("redshift", "cluster:dw"))
    assert (cluster.name, cluster.state, tags_of(cluster)) == ("dw", "available", LONG)
    assert encryption_of(cluster) == Encryption(encrypted=True, keys=(KEY,))


def test_a_cluster_of_redshift_that_tells_nothing() -> None:
    cluster = only(shard().listed("redshift:DescribeClusters", {"ClusterIdentifier": "dw", "Tags": None}))
    assert (cluster.state, cluster.created_at, tags_of(cluster)) == (None, None, {})
    assert encryption_of(cluster) == Encryption(encrypted=None)


NAMESPACE: Final = here("redshift-serverless", "namespace/2f8e-11f0")


@pytest.mark.parametrize(("key", "keys"), [(KEY, (KEY,)), ("AWS_OWNED_KMS_KEY", ()), (None, ()), ("", ())])
def test_a_namespace_of_redshift_serverless(key: str | None, keys: tuple[str, ...]) -> None:
    row = {
        "namespaceArn": NAMESPACE,
        "namespaceId": "2f8e-11f0",
        "namespaceName": "analytics",
        "status": "AVAILABLE",
        "creationDate": MADE,
        "kmsKeyId": key,
    }
    namespace = only(tagged(shard().listed("redshift-serverless:ListNamespaces", row), NAMESPACE, LONG))
    assert (namespace.type, namespace.capability) == ("Redshift Serverless", "RedshiftServerless")
    assert (namespace.arn, namespace.name, namespace.state) == (NAMESPACE, "analytics", "AVAILABLE")
    assert tags_of(namespace) == LONG
    assert encryption_of(namespace) == Encryption(encrypted=True, keys=keys)


# Timestream

TABLE: Final = {"DatabaseName": "iot", "TableName": HOSTILE, "TableStatus": "ACTIVE", "CreationTime": MADE}
TABLE_ARN: Final = here("timestream", f"database/iot/table/{HOSTILE}")


def test_a_table_of_timestream() -> None:
    script = shard().listed("timestream-write:ListTables", {**TABLE, "Arn": TABLE_ARN})
    script.listed("timestream-write:ListDatabases", {"DatabaseName": "iot", "KmsKeyId": KEY})
    table = only(tagged(script, TABLE_ARN, LONG))
    assert (table.type, table.capability, table.arn) == ("Timestream", "Timestream", TABLE_ARN)
    assert (table.name, table.state, tags_of(table)) == (f"iot/{HOSTILE}", "ACTIVE", LONG)
    assert encryption_of(table) == Encryption(encrypted=True, keys=(KEY,))


def test_two_databases_may_have_tables_of_one_name() -> None:
    script = shard().listed("timestream-write:ListTables", TABLE, {**TABLE, "DatabaseName": "other"})
    assert [table.name.partition("/")[0] for table in parsed(script).resources] == ["iot", "other"]


@pytest.mark.parametrize(
    ("error", "kind", "about"),
    [("AccessDeniedException", GapKind.REFUSED, ""), ("", GapKind.NEVER_ASKED, "iot")],
)
def test_a_table_whose_database_was_not_read(error: str, kind: GapKind, about: str) -> None:
    script = shard().listed("timestream-write:ListTables", TABLE)
    if error:
        script.call("timestream-write:ListDatabases", error=error)
    found = parsed(script)
    assert encryption_of(found.resources[0]) == "timestream-write:ListDatabases"
    assert missing(found) == [("timestream-write:ListDatabases", about, kind)]


# SAP HANA

HANA: Final = here("ssm-sap", "HANA/my-app/DB/SYSTEMDB")
HANA_ROW: Final = {
    "ApplicationId": "my-app",
    "ComponentId": "HDB-HDB00",
    "DatabaseId": "SYSTEMDB-ID",
    "DatabaseType": "SYSTEM",
    "Arn": HANA,
    "Tags": LONG,
}


@pytest.mark.parametrize(
    "asked",
    [
        {"DatabaseArn": HANA},
        {"ApplicationId": "my-app", "ComponentId": "HDB-HDB00", "DatabaseId": "SYSTEMDB-ID"},
    ],
)
def test_a_hana_database(asked: dict[str, str]) -> None:
    script = shard().listed("ssm-sap:ListDatabases", HANA_ROW)
    script.call("ssm-sap:GetDatabase", {"Database": {"DatabaseName": HOSTILE, "Status": "RUNNING"}}, **asked)
    found = parsed(script)
    (database,) = found.resources
    assert (database.type, database.capability) == ("SAP HANA on Amazon EC2", "SAP_HANA")
    assert (database.arn, database.name, database.state) == (HANA, HOSTILE, "RUNNING")
    assert tags_of(database) == LONG
    assert encryption_of(database) == Encryption(encrypted=None)
    assert found.gaps == ()


@pytest.mark.parametrize(
    ("error", "kind"), [("UnauthorizedException", GapKind.REFUSED), ("", GapKind.NEVER_ASKED)]
)
def test_a_hana_database_without_its_description(error: str, kind: GapKind) -> None:
    script = shard().listed("ssm-sap:ListDatabases", {**HANA_ROW, "Tags": None})
    if error:
        script.call("ssm-sap:GetDatabase", error=error, DatabaseArn=HANA)
    found = parsed(script)
    assert (found.resources[0].name, found.resources[0].state) == ("SYSTEMDB-ID", None)
    assert tags_of(found.resources[0]) == {}
    assert missing(found) == [("ssm-sap:GetDatabase", HANA, kind)]


# Clusters of RDS


@pytest.mark.parametrize("engine", ["aurora-postgresql", "docdb", "neptune"])
def test_the_members_of_a_cluster(engine: str) -> None:
    row = {
        "DBClusterArn": here("rds", "cluster:c"),
        "Engine": engine,
        "DBClusterMembers": [
            {"DBInstanceIdentifier": "c-1", "IsClusterWriter": True},
            {"DBInstanceIdentifier": None},
        ],
    }
    member = {"DBInstanceArn": here("rds", "db:c-1"), "Engine": engine, "DBClusterIdentifier": "c"}
    script = shard().listed("rds:DescribeDBClusters", row).listed("rds:DescribeDBInstances", member)
    assert only(script).members == (here("rds", "db:c-1"),)
