"""RDS instances, Aurora clusters with their members, DynamoDB tables."""

from typing import Any

from scanner.demo.estate.site import Resource, Site, Tags, tag_list


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


def cluster(site: Site, name: str, tags: Tags, key: str | None = None, members: int = 2) -> Resource:
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
