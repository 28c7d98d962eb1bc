"""Answers as AWS writes them, a page at a time: what the parsing bench reads and the endpoint sends.

Rows differ as real ones do (identities, times, sizes), so that they compress no better than real ones.
"""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Final

ACCOUNT: Final = "@@ACCOUNT@@@"
REGION: Final = "@@REGION@@"
PAGE: Final = "@@PAGE@@"
"""What a body says in place of the account, the Region and the number of the page (8 hex digits)."""

KEY: Final = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/8c1a7e5a-0000-4000-8000-000000000001"
_START: Final = 1763827200.0
_EC2: Final = 'xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"'
_RDS: Final = 'xmlns="http://rds.amazonaws.com/doc/2014-10-31/"'
_MOST: Final = 1000


@dataclass(frozen=True, slots=True)
class Rows:
    """How the rows of a list are written. `write`: the body around the rows and the next page's token."""

    row: Callable[[Random, int], str]
    between: str
    write: Callable[[str, str], str]
    page: int = _MOST


def body(kind: str, count: int, page: int = 0, token: str = "") -> bytes:
    """Write a page of `count` rows; `token` names the next page. Account and Region are left open."""
    rows = LISTS[kind]
    return rows.write(_joined(kind, count).replace(PAGE, f"{page:08x}"), token).encode()


@cache
def _joined(kind: str, count: int) -> str:
    random = Random(kind)
    return LISTS[kind].between.join(LISTS[kind].row(random, number) for number in range(count))


def _identity(random: Random) -> str:
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


def _recovery_point(random: Random, number: int) -> str:
    begun = _START + number * 977.123
    name = PAGE + _identity(random)[8:]
    plan = f"arn:aws:backup:{REGION}:{ACCOUNT}:backup-plan:"
    return json.dumps(
        {
            "RecoveryPointArn": f"arn:aws:backup:{REGION}:{ACCOUNT}:recovery-point:{name}",
            "BackupVaultName": "production",
            "BackupVaultArn": f"arn:aws:backup:{REGION}:{ACCOUNT}:backup-vault:production",
            "ResourceArn": f"arn:aws:ec2:{REGION}:{ACCOUNT}:volume/vol-{random.getrandbits(68):017x}",
            "ResourceType": "EBS",
            "ResourceName": f"web-{random.randrange(400)}",
            "CreatedBy": {
                "BackupPlanId": "9f1c2b9e-1111-4222-8333-444455556666",
                "BackupPlanArn": f"{plan}9f1c2b9e-1111-4222-8333-444455556666",
                "BackupPlanVersion": "NTIxZjY3ZTktMDAwMC00MDAwLTgwMDAtMDAwMDAwMDAwMDAw",
                "BackupRuleId": "0a1b2c3d-1111-4222-8333-444455556666",
            },
            "IamRoleArn": f"arn:aws:iam::{ACCOUNT}:role/service-role/AWSBackupDefaultServiceRole",
            "Status": "COMPLETED",
            "CreationDate": round(begun, 3),
            "InitiationDate": round(begun + 61.5, 3),
            "CompletionDate": round(begun + random.random() * 9000, 3),
            "BackupSizeInBytes": random.getrandbits(38),
            "CalculatedLifecycle": {"DeleteAt": round(begun + 35 * 86_400, 3)},
            "Lifecycle": {"DeleteAfterDays": 35},
            "EncryptionKeyArn": KEY,
            "IsEncrypted": True,
            "IsParent": False,
            "VaultType": "BACKUP_VAULT",
            "IndexStatus": "INACTIVE",
            "EncryptionKeyType": "CUSTOMER_MANAGED_KMS_KEY",
        }
    )


def _job(random: Random, number: int) -> str:
    begun = _START + number * 977.123
    return json.dumps(
        {
            "AccountId": ACCOUNT,
            "BackupJobId": f"{PAGE}{_identity(random)[8:]}",
            "BackupVaultName": "production",
            "BackupVaultArn": f"arn:aws:backup:{REGION}:{ACCOUNT}:backup-vault:production",
            "RecoveryPointArn": f"arn:aws:backup:{REGION}:{ACCOUNT}:recovery-point:{_identity(random)}",
            "ResourceArn": f"arn:aws:ec2:{REGION}:{ACCOUNT}:volume/vol-{random.getrandbits(68):017x}",
            "ResourceType": "EBS",
            "CreationDate": round(begun, 3),
            "CompletionDate": round(begun + random.random() * 9000, 3),
            "StartBy": round(begun + 28_800, 3),
            "State": "COMPLETED",
            "PercentDone": "100.0",
            "BackupSizeInBytes": random.getrandbits(38),
            "BytesTransferred": random.getrandbits(34),
            "IamRoleArn": f"arn:aws:iam::{ACCOUNT}:role/service-role/AWSBackupDefaultServiceRole",
            "CreatedBy": {
                "BackupPlanId": "9f1c2b9e-1111-4222-8333-444455556666",
                "BackupRuleId": "0a1b2c3d-1111-4222-8333-444455556666",
            },
            "IsParent": False,
            "MessageCategory": "SUCCESS",
        }
    )


def _protected(random: Random, number: int) -> str:
    return json.dumps(
        {
            "ResourceArn": f"arn:aws:ec2:{REGION}:{ACCOUNT}:volume/vol-{PAGE}{random.getrandbits(36):09x}",
            "ResourceType": "EBS",
            "LastBackupTime": round(_START + number, 3),
        }
    )


def _volume(random: Random, number: int) -> str:
    identity = f"vol-{PAGE}{random.getrandbits(36):09x}"
    at = f"2026-{number % 12 + 1:02d}-{number % 28 + 1:02d}T{number % 24:02d}:00:00.123Z"
    return (
        f"<item><volumeId>{identity}</volumeId><size>{random.choice((8, 100, 500))}</size>"
        f"<snapshotId>snap-{random.getrandbits(68):017x}</snapshotId>"
        f"<availabilityZone>{REGION}a</availabilityZone><availabilityZoneId>euw1-az1</availabilityZoneId>"
        f"<status>in-use</status><createTime>{at}</createTime><attachmentSet><item>"
        f"<volumeId>{identity}</volumeId><instanceId>i-{random.getrandbits(68):017x}</instanceId>"
        f"<device>/dev/xvda</device><status>attached</status><attachTime>{at}</attachTime>"
        "<deleteOnTermination>true</deleteOnTermination></item></attachmentSet><volumeType>gp3</volumeType>"
        f"<iops>3000</iops><encrypted>true</encrypted><kmsKeyId>{KEY}</kmsKeyId>"
        "<multiAttachEnabled>false</multiAttachEnabled><throughput>125</throughput><tagSet>"
        f"<item><key>Name</key><value>web-{number}</value></item>"
        f"<item><key>cost-centre</key><value>{random.randrange(10_000)}</value></item>"
        "<item><key>environment</key><value>production</value></item></tagSet></item>"
    )


def _instance(random: Random, number: int) -> str:
    return (
        f"<item><reservationId>r-{random.getrandbits(68):017x}</reservationId><ownerId>{ACCOUNT}</ownerId>"
        f"<groupSet/><instancesSet><item><instanceId>i-{random.getrandbits(68):017x}</instanceId>"
        "<instanceState><code>16</code><name>running</name></instanceState>"
        "<launchTime>2026-03-04T05:06:07.000Z</launchTime><instanceType>m7i.large</instanceType>"
        f"<rootDeviceType>ebs</rootDeviceType><tagSet><item><key>Name</key><value>web-{number}</value></item>"
        "</tagSet></item></instancesSet></item>"
    )


def _database(random: Random, number: int) -> str:
    name = f"orders-{PAGE}-{number}"
    subnets = "".join(
        f"<Subnet><SubnetIdentifier>subnet-{random.getrandbits(68):017x}</SubnetIdentifier>"
        f"<SubnetStatus>Active</SubnetStatus><SubnetAvailabilityZone><Name>{REGION}{zone}</Name>"
        "</SubnetAvailabilityZone><SubnetOutpost/></Subnet>"
        for zone in "abc"
    )
    return (
        f"<DBInstance><DBInstanceIdentifier>{name}</DBInstanceIdentifier>"
        f"<DBInstanceArn>arn:aws:rds:{REGION}:{ACCOUNT}:db:{name}</DBInstanceArn>"
        f"<DbiResourceId>db-{random.getrandbits(100):026X}</DbiResourceId><Engine>postgres</Engine>"
        "<EngineVersion>16.4</EngineVersion><DBInstanceClass>db.r7g.large</DBInstanceClass>"
        "<DBInstanceStatus>available</DBInstanceStatus><MasterUsername>owner</MasterUsername>"
        f"<Endpoint><Address>{name}.c1.{REGION}.rds.amazonaws.com</Address><Port>5432</Port>"
        "<HostedZoneId>Z29XKXDKYMONMX</HostedZoneId></Endpoint><AllocatedStorage>100</AllocatedStorage>"
        "<InstanceCreateTime>2026-03-04T05:06:07.089Z</InstanceCreateTime>"
        "<PreferredBackupWindow>03:00-03:30</PreferredBackupWindow>"
        "<BackupRetentionPeriod>7</BackupRetentionPeriod><DBSecurityGroups/><VpcSecurityGroups>"
        f"<VpcSecurityGroupMembership><VpcSecurityGroupId>sg-{random.getrandbits(68):017x}</VpcSecurityGroupId>"
        "<Status>active</Status></VpcSecurityGroupMembership></VpcSecurityGroups><DBSubnetGroup>"
        f"<DBSubnetGroupName>default</DBSubnetGroupName><Subnets>{subnets}</Subnets></DBSubnetGroup>"
        "<PendingModifiedValues/><LatestRestorableTime>2026-11-22T17:55:00Z</LatestRestorableTime>"
        "<MultiAZ>true</MultiAZ><StorageType>gp3</StorageType><StorageEncrypted>true</StorageEncrypted>"
        f"<KmsKeyId>{KEY}</KmsKeyId><DeletionProtection>true</DeletionProtection><TagList>"
        f"<Tag><Key>Name</Key><Value>{name}</Value></Tag>"
        "<Tag><Key>environment</Key><Value>production</Value></Tag></TagList></DBInstance>"
    )


def _json_list(name: str) -> Callable[[str, str], str]:
    return lambda rows, token: f'{{"{name}": [{rows}]' + (f', "NextToken": "{token}"}}' if token else "}")


def _ec2_list(operation: str, tag: str) -> Callable[[str, str], str]:
    def write(rows: str, token: str) -> str:
        more = f"<nextToken>{token}</nextToken>" if token else ""
        return (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<{operation}Response {_EC2}>'
            f"<requestId>r</requestId><{tag}>{rows}</{tag}>{more}</{operation}Response>"
        )

    return write


def _databases(rows: str, token: str) -> str:
    more = f"<Marker>{token}</Marker>" if token else ""
    return (
        f"<DescribeDBInstancesResponse {_RDS}><DescribeDBInstancesResult>"
        f"<DBInstances>{rows}</DBInstances>{more}"
        "</DescribeDBInstancesResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>"
        "</DescribeDBInstancesResponse>"
    )


LISTS: Final[dict[str, Rows]] = {
    "backup:ListRecoveryPointsByBackupVault": Rows(_recovery_point, ", ", _json_list("RecoveryPoints")),
    "backup:ListBackupJobs": Rows(_job, ", ", _json_list("BackupJobs")),
    "backup:ListProtectedResources": Rows(_protected, ", ", _json_list("Results")),
    "ec2:DescribeVolumes": Rows(_volume, "", _ec2_list("DescribeVolumes", "volumeSet")),
    "ec2:DescribeInstances": Rows(_instance, "", _ec2_list("DescribeInstances", "reservationSet")),
    "rds:DescribeDBInstances": Rows(_database, "", _databases, page=100),
}
"""The lists that a page can be written of, by operation."""
