"""RDS instances, DynamoDB tables, and clusters of RDS: Aurora, DocumentDB, Neptune, RDS Multi-AZ."""

from collections.abc import Mapping
from typing import Any, Literal

from moto.rds.models import rds_backends

from scanner.demo.estate.site import Resource, Site, Tags, tag_list
from scanner.demo.services.stock import Sketch

Engine = Literal["aurora-mysql", "docdb", "neptune", "mysql"]

_TYPES: Mapping[str, str] = {
    "aurora-mysql": "Aurora",
    "docdb": "DocumentDB",
    "neptune": "Neptune",
    "mysql": "RDS",
}

_MOTOS_OWN: Mapping[str, str] = {"docdb": "aurora-mysql"}
"""Engines that moto does not know, and one that it takes instead."""


def database(site: Site, name: str, tags: Tags, key: str | None = None, engine: str = "postgres") -> Resource:
    """An RDS instance; `key` None leaves its storage unencrypted."""
    answer = site.do(
        "rds",
        "CreateDBInstance",
        DBInstanceIdentifier=name,
        DBInstanceClass="db.m6g.large",
        Engine=engine,
        AllocatedStorage=100,
        MasterUsername="postgres",
        MasterUserPassword="only-simulated",
        BackupRetentionPeriod=1,
        Tags=tag_list(tags),
        **_encryption(key),
    )["DBInstance"]
    return Resource(answer["DBInstanceArn"], "RDS", name, site.account, site.region, key)


def aurora_cluster(site: Site, name: str, tags: Tags, key: str | None = None, members: int = 2) -> Resource:
    """An Aurora cluster with its member instances."""
    answer = site.do(
        "rds",
        "CreateDBCluster",
        DBClusterIdentifier=name,
        Engine="aurora-postgresql",
        MasterUsername="postgres",
        MasterUserPassword="only-simulated",
        Tags=tag_list(tags),
        **_encryption(key),
    )["DBCluster"]
    for number in range(1, members + 1):
        site.do(
            "rds",
            "CreateDBInstance",
            DBInstanceIdentifier=f"{name}-{number}",
            DBInstanceClass="db.r6g.large",
            Engine="aurora-postgresql",
            DBClusterIdentifier=name,
        )
    return Resource(answer["DBClusterArn"], "Aurora", name, site.account, site.region, key)


def table(site: Site, name: str, tags: Tags, key: str | None = None) -> Resource:
    """A DynamoDB table; `key` None leaves it under the key that AWS owns."""
    encryption = (
        {"SSESpecification": {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}} if key else {}
    )
    answer = site.do(
        "dynamodb",
        "CreateTable",
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=tag_list(tags),
        **encryption,
    )["TableDescription"]
    advanced = site.backup.management["DynamoDB"]
    return Resource(answer["TableArn"], "DynamoDB", name, site.account, site.region, key, advanced)


def _encryption(key: str | None) -> dict[str, Any]:
    return {"StorageEncrypted": True, "KmsKeyId": key} if key else {"StorageEncrypted": False}


def cluster(site: Site, sketch: Sketch, engine: Engine) -> Resource:
    """A cluster; one of engine `mysql` is an RDS Multi-AZ cluster. Without a key it is not encrypted."""
    answer = site.do(
        "rds",
        "CreateDBCluster",
        DBClusterIdentifier=sketch.name,
        Engine=_MOTOS_OWN.get(engine, engine),
        Tags=tag_list(sketch.tags),
        StorageEncrypted=sketch.key is not None,
        **_login(engine),
        **({"KmsKeyId": sketch.key} if sketch.key else {}),
        **_multi_az(engine),
    )["DBCluster"]
    kept = rds_backends[site.account][site.region].clusters[sketch.name]
    if engine in _MOTOS_OWN:
        kept.engine, kept.engine_version = engine, "5.0.0"
    kept.status = sketch.state or "available"
    return Resource(
        answer["DBClusterArn"], _TYPES[engine], sketch.name, site.account, site.region, sketch.key
    )


def await_password(site: Site, arn: str, password: str) -> None:
    """Let a database or cluster wait for its maintenance window with a new password: the API shows it."""
    site.stock.add("rds.pending", {"arn": arn, "password": password})


def _login(engine: str) -> dict[str, str]:
    if engine == "neptune":
        return {}
    return {"MasterUsername": "root_user", "MasterUserPassword": "only-simulated"}


def _multi_az(engine: str) -> dict[str, Any]:
    if engine != "mysql":
        return {}
    size = {"DBClusterInstanceClass": "db.m6gd.large", "AllocatedStorage": 100}
    return {**size, "StorageType": "io1", "Iops": 1000}
